//! Frames as JSON, both ways, with the names of the vector files.

use super::frame::{Block, Check, Frame, Header, LONGEST, Look, MARK, Security, look, noise};
use super::secure::{BaseKey, DEFAULT_KEY, Octets16, Refused, SessionKeys, same};
use super::{Command, Reply, Unreadable};
use crate::wire::codec::{Decoded, Options};
use crate::wire::hex;
use serde_json::{Map, Value, json};

/// Base keys that one stream can go through: the one given and the one that a KEYSET in it sets.
const KEYS: usize = 2;
/// Address of the frame where `address` is content (COMSET, COM).
const ADDRESSED: &str = "frame_address";
/// Octets of a header that make a broken frame worth a line of its own.
const HEADER: usize = 5;

/// A command or a reply.
enum Message {
    Command(Command),
    Reply(Reply),
}

impl Message {
    fn decode(reply: bool, code: u8, data: &[u8]) -> Result<Message, Unreadable> {
        if reply {
            Reply::decode(code, data).map(Message::Reply)
        } else {
            Command::decode(code, data).map(Message::Command)
        }
    }

    fn parse(reply: bool, code: u8, fields: &Map<String, Value>) -> Option<Message> {
        if reply {
            Reply::parse(code, fields).map(Message::Reply)
        } else {
            Command::parse(code, fields).map(Message::Command)
        }
    }

    fn data(&self) -> Vec<u8> {
        match self {
            Message::Command(command) => command.data(),
            Message::Reply(reply) => reply.data(),
        }
    }

    fn show(&self, to: &mut Map<String, Value>) {
        let addressed = to.get("address").cloned();
        match self {
            Message::Command(command) => command.show(to),
            Message::Reply(reply) => reply.show(to),
        }
        match self {
            Message::Reply(Reply::Nak(nak)) => {
                to.insert("error_name".to_owned(), nak.error_name().map_or(Value::Null, Value::from));
            }
            Message::Reply(Reply::Raw(raw)) => {
                if let Some(uid) = raw.serial_number() {
                    to.insert("uid".to_owned(), json!(hex::upper(uid)));
                }
            }
            Message::Command(Command::ComSet(_)) | Message::Reply(Reply::Com(_)) => {
                // the vectors give the address that is set this name; whom the frame is for keeps one too
                to.insert(ADDRESSED.to_owned(), addressed.unwrap_or_default());
            }
            Message::Command(_) | Message::Reply(_) => {}
        }
    }
}

fn name_of(reply: bool, code: u8) -> Option<&'static str> {
    if reply { Reply::name_of(code) } else { Command::name_of(code) }
}

/// Everything that a stream holds.
///
/// A frame that was refused is shown unless a good one begins inside the octets that it claims: then it was noise that
/// looked like a beginning.
pub(super) fn decode(octets: &[u8], options: &Options) -> Vec<Decoded> {
    let mut tap = Tap::new(options);
    let mut out = Vec::new();
    let mut broken: Option<Broken> = None;
    let mut first = None;
    let mut at = 0;
    while at < octets.len() {
        let rest = &octets[at..];
        let skip = noise(rest);
        if skip > 0 {
            at += skip;
            continue;
        }
        let error = match look(rest) {
            Look::Whole(size) => {
                out.extend(broken.take().filter(|b| b.end <= at).map(Broken::show));
                out.push(tap.frame(at, &rest[..size]));
                at += size;
                continue;
            }
            Look::Short(error) | Look::Bad(error) => error,
        };
        let mark = usize::from(rest[0] == MARK);
        first.get_or_insert(Broken { offset: at, end: octets.len(), error });
        if broken.as_ref().is_none_or(|b| b.end <= at)
            && let Some(end) = claimed(&rest[mark..], error)
        {
            out.extend(broken.replace(Broken { offset: at, end: at + mark + end, error }).map(Broken::show));
        }
        at += 1 + mark;
    }
    out.extend(broken.map(Broken::show));
    if out.is_empty() {
        let error = super::frame::Error::Start;
        out.push(first.unwrap_or(Broken { offset: 0, end: 0, error }).show());
    }
    out
}

/// A frame that was refused.
struct Broken {
    offset: usize,
    end: usize,
    error: super::frame::Error,
}

impl Broken {
    fn show(self) -> Decoded {
        bad(self.offset, self.error)
    }
}

fn bad(offset: usize, error: impl ToString) -> Decoded {
    Decoded::Bad { offset, error: error.to_string() }
}

/// Octets that a refused frame claims from SOM on, when its header is good enough to believe it.
fn claimed(octets: &[u8], error: super::frame::Error) -> Option<usize> {
    use super::frame::Error;
    match error {
        Error::Checksum { .. } => Some(usize::from(octets[2]) | usize::from(octets[3]) << 8),
        Error::Length { stated, found } if stated > found && stated <= LONGEST => Some(stated),
        Error::Truncated { found } if found >= HEADER => Some(usize::from(octets[2])),
        Error::Truncated { .. } | Error::Length { .. } | Error::Start | Error::Control(_) | Error::Block => {
            None
        }
    }
}

/// What is known of the secure channel that a stream goes through.
#[derive(Default)]
struct Tap {
    base: Vec<BaseKey>,
    learning: Option<BaseKey>,
    rnd_a: Option<[u8; 8]>,
    rnd_b: Option<[u8; 8]>,
    server_cryptogram: Option<Octets16>,
    keys: Option<SessionKeys>,
    /// Last MACs of panel and reader.
    last: Option<[Octets16; 2]>,
    /// Given by the caller, and shown back beside the verdict.
    context: Option<Map<String, Value>>,
}

impl Tap {
    fn new(options: &Options) -> Tap {
        let mut tap = Tap { base: options.key.map(BaseKey::new).into_iter().collect(), ..Tap::default() };
        let Some(Value::Object(context)) = &options.context else { return tap };
        tap.rnd_a = octets(context, "rnd_a");
        tap.rnd_b = octets(context, "rnd_b");
        tap.server_cryptogram = octets(context, "server_cryptogram");
        let scbk = octets(context, "scbk").map(BaseKey::new);
        tap.keys = session_keys(context, scbk.as_ref(), tap.rnd_a);
        tap.last = octets(context, "iv").map(|iv| [iv, iv]);
        tap.base.extend(scbk);
        tap.context = Some(context.clone());
        tap
    }

    fn frame(&mut self, offset: usize, octets: &[u8]) -> Decoded {
        match self.shown(octets) {
            Ok(object) => Decoded::Good { offset, length: octets.len(), object },
            Err(error) => Decoded::Bad { offset, error },
        }
    }

    fn shown(&mut self, octets: &[u8]) -> Result<Map<String, Value>, String> {
        let frame = Frame::parse(octets).map_err(|e| e.to_string())?;
        let (reply, code) = (frame.header.reply, frame.code);
        let name = name_of(reply, code).ok_or_else(|| Unreadable::UnknownCode(code).to_string())?;
        let mut fields = head(&frame, name);
        if let Some(clear) = self.clear(&frame, &mut fields)? {
            let message = Message::decode(reply, code, &clear).map_err(|e| e.to_string())?;
            fields.insert("data".to_owned(), json!(hex::upper(&clear)));
            message.show(&mut fields);
            self.learn(&frame, &message);
            if let Some(proven) = self.handshake(&frame, &message).map_err(|e| e.to_string())? {
                self.verdict(proven, &mut fields);
            }
        }
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(name.to_ascii_lowercase().replace('_', "-")));
        object.insert("fields".to_owned(), Value::Object(fields));
        Ok(object)
    }

    /// Clear data, as far as they can be had. Security fields are shown on the way.
    fn clear(
        &mut self,
        frame: &Frame<'_>,
        fields: &mut Map<String, Value>,
    ) -> Result<Option<Vec<u8>>, String> {
        let (Some(security), Some(mac)) = (frame.security, frame.mac) else {
            return Ok(Some(frame.body.to_vec()));
        };
        if security.block.is_hidden() {
            fields.insert("data_encrypted".to_owned(), json!(hex::upper(frame.body)));
        }
        fields.insert("mac".to_owned(), json!(hex::upper(&mac)));
        let (Some(keys), Some(last)) = (&self.keys, &mut self.last) else {
            return Ok((!security.block.is_hidden()).then(|| frame.body.to_vec()));
        };
        let (own, other) = if frame.header.reply { (1, 0) } else { (0, 1) };
        let (full, clear) = keys.open(frame, &last[other]).map_err(|e| e.to_string())?;
        let clear = clear.ok_or_else(|| Refused::Padding.to_string())?;
        last[own] = full;
        fields.insert("mac_full".to_owned(), json!(hex::upper(&full)));
        fields.insert("mac_ok".to_owned(), json!(true));
        Ok(Some(clear))
    }

    /// Remembers a new base key until the reader has taken it.
    fn learn(&mut self, frame: &Frame<'_>, message: &Message) {
        match message {
            Message::Command(Command::KeySet(set)) if frame.mac.is_some() => {
                self.learning = Some(BaseKey::new(*set.key.0));
            }
            Message::Reply(Reply::Ack) => {
                if let Some(key) = self.learning.take() {
                    self.base.insert(0, key);
                    self.base.truncate(KEYS);
                }
            }
            Message::Command(_) | Message::Reply(_) => {}
        }
    }

    /// Follows a handshake. `Some` when a proof was judged and is good.
    fn handshake(&mut self, frame: &Frame<'_>, message: &Message) -> Result<Option<bool>, Refused> {
        let Some(Security { block, data }) = frame.security else { return Ok(None) };
        match (block, message) {
            (Block::Challenge, Message::Command(Command::Challenge(challenge))) => {
                self.rnd_a = Some(challenge.rnd_a.0);
                (self.keys, self.last, self.rnd_b, self.server_cryptogram) = (None, None, None, None);
                Ok(Some(false))
            }
            (Block::ClientProof, Message::Reply(Reply::ClientProof(proof))) => {
                let Some(rnd_a) = self.rnd_a else { return Ok(None) };
                self.rnd_b = Some(proof.rnd_b.0);
                self.judge_client(data == Some(0), rnd_a, proof.rnd_b.0, &proof.client_cryptogram.0)
            }
            (Block::ServerProof, Message::Command(Command::ServerProof(proof))) => {
                self.server_cryptogram = Some(proof.server_cryptogram.0);
                let (Some(keys), Some(rnd_a), Some(rnd_b)) = (&self.keys, self.rnd_a, self.rnd_b) else {
                    return Ok(None);
                };
                same(&keys.server_cryptogram(rnd_a, rnd_b), &proof.server_cryptogram.0)?;
                Ok(Some(true))
            }
            (Block::InitialMac, Message::Reply(Reply::InitialMac(initial))) if data == Some(1) => {
                let (Some(keys), Some(server)) = (&self.keys, self.server_cryptogram) else {
                    return Ok(None);
                };
                let first = keys.initial_mac(server);
                same(&first, &initial.r_mac_i.0)?;
                self.last = Some([first, first]);
                Ok(Some(true))
            }
            (
                Block::Challenge
                | Block::ClientProof
                | Block::ServerProof
                | Block::InitialMac
                | Block::PanelMac
                | Block::ReaderMac
                | Block::PanelHidden
                | Block::ReaderHidden,
                _,
            ) => Ok(None),
        }
    }

    /// Finds the base key that the reader used, among those known.
    fn judge_client(
        &mut self,
        default: bool,
        rnd_a: [u8; 8],
        rnd_b: [u8; 8],
        proof: &Octets16,
    ) -> Result<Option<bool>, Refused> {
        let known = if default { vec![BaseKey::new(DEFAULT_KEY)] } else { self.base.clone() };
        let mut candidates: Vec<SessionKeys> =
            known.iter().map(|base| SessionKeys::derive(base, rnd_a)).collect();
        if self.base.is_empty() && !default {
            candidates.extend(self.keys.clone());
        }
        if candidates.is_empty() {
            return Ok(None);
        }
        let found = candidates.into_iter().find(|k| same(&k.client_cryptogram(rnd_a, rnd_b), proof).is_ok());
        self.keys = Some(found.ok_or(Refused::Cryptogram)?);
        Ok(Some(true))
    }

    /// What the caller gave for a handshake, and that it holds.
    fn verdict(&self, proven: bool, fields: &mut Map<String, Value>) {
        let mut shown = self.context.clone().unwrap_or_default();
        if proven {
            shown.insert("cryptogram_ok".to_owned(), json!(true));
        }
        if !shown.is_empty() {
            fields.insert("handshake".to_owned(), Value::Object(shown));
        }
    }
}

/// The fields of every frame.
fn head(frame: &Frame<'_>, name: &str) -> Map<String, Value> {
    let header = &frame.header;
    let mut fields = Map::new();
    fields.insert("mark".to_owned(), json!(header.mark));
    fields.insert("address".to_owned(), json!(header.address));
    fields.insert("reply".to_owned(), json!(header.reply));
    fields.insert("sqn".to_owned(), json!(header.sequence));
    fields.insert("crc".to_owned(), json!(header.check == Check::Crc));
    fields.insert("code".to_owned(), json!(format!("{:02X}", frame.code)));
    fields.insert("name".to_owned(), json!(name));
    if let Some(security) = frame.security {
        fields.insert("scb_type".to_owned(), json!(format!("{:02X}", security.block.code())));
        if let Some(data) = security.data {
            fields.insert("scb_data".to_owned(), json!(format!("{data:02X}")));
        }
    }
    fields
}

fn octets<const N: usize>(object: &Map<String, Value>, key: &str) -> Option<[u8; N]> {
    hex::parse(object.get(key)?.as_str()?)?.try_into().ok()
}

fn session_keys(
    context: &Map<String, Value>,
    base: Option<&BaseKey>,
    rnd_a: Option<[u8; 8]>,
) -> Option<SessionKeys> {
    match (octets(context, "s_mac1"), octets(context, "s_mac2")) {
        // RMAC_I needs no more than these two
        (Some(mac1), Some(mac2)) => {
            Some(SessionKeys::new(octets(context, "s_enc").unwrap_or_default(), mac1, mac2))
        }
        _ => Some(SessionKeys::derive(base?, rnd_a?)),
    }
}

/// The frame that fields determine. Frames of an open channel need the session in [`Options::context`], or else what
/// was hidden (`data_encrypted`) and the `mac`.
pub(super) fn encode(object: &Map<String, Value>, options: &Options) -> Result<Vec<u8>, String> {
    let fields = object.get("fields").and_then(Value::as_object).ok_or("body: no fields")?;
    let header = header(fields)?;
    let code = code(fields, header.reply)?;
    let data = data(fields, header.reply, code);
    let frame = match security(fields, header.reply)? {
        Some(security) if security.block.has_mac() => sealed(fields, &header, security, code, data, options)?,
        security => header.frame(security, code, &data?),
    };
    if frame.len() - usize::from(header.mark) > LONGEST {
        return Err(format!("length: {} octets are more than {LONGEST}", frame.len()));
    }
    Ok(frame)
}

fn header(fields: &Map<String, Value>) -> Result<Header, String> {
    let flag = |key: &str, default: bool| match fields.get(key) {
        None => Ok(default),
        Some(value) => value.as_bool().ok_or_else(|| format!("body: {key} is not true or false")),
    };
    let address = if fields.contains_key(ADDRESSED) { ADDRESSED } else { "address" };
    let number = |key: &str, most: u64| {
        let value = fields.get(key).and_then(Value::as_u64).filter(|v| *v <= most);
        value.and_then(|v| u8::try_from(v).ok()).ok_or_else(|| format!("body: {key} is not 0 to {most}"))
    };
    Ok(Header {
        mark: flag("mark", true)?,
        address: number(address, 0x7F)?,
        reply: flag("reply", false)?,
        sequence: number("sqn", 3)?,
        check: if flag("crc", true)? { Check::Crc } else { Check::Sum },
    })
}

fn code(fields: &Map<String, Value>, reply: bool) -> Result<u8, String> {
    let known = octets::<1>(fields, "code").map(|[code]| code).or_else(|| {
        let name = fields.get("name")?.as_str()?;
        if reply { Reply::code_of(name) } else { Command::code_of(name) }
    });
    known.ok_or_else(|| "unknown_command: neither code nor name is known".to_owned())
}

/// Clear data: as given, or by the content. Both together must agree.
fn data(fields: &Map<String, Value>, reply: bool, code: u8) -> Result<Vec<u8>, String> {
    let content = Message::parse(reply, code, fields).map(|message| message.data());
    let Some(shown) = fields.get("data") else {
        return content.ok_or_else(|| "body: neither data nor the whole content".to_owned());
    };
    let data = shown.as_str().and_then(hex::parse).ok_or("not_hex: data")?;
    Message::decode(reply, code, &data).map_err(|e| e.to_string())?;
    match content {
        Some(other) if other != data && !is_only_default(reply, code) => {
            Err("body: data and content say different things".to_owned())
        }
        Some(_) | None => Ok(data),
    }
}

/// ID and CAP have an octet that is not shown.
fn is_only_default(reply: bool, code: u8) -> bool {
    !reply && matches!(code, 0x61 | 0x62)
}

fn security(fields: &Map<String, Value>, reply: bool) -> Result<Option<Security>, String> {
    if !fields.contains_key("scb_type") {
        return Ok(None);
    }
    let block = octets::<1>(fields, "scb_type").and_then(|[code]| Block::from_code(code));
    let block = block.filter(|b| b.is_reply() == reply).ok_or("body: no scb_type of this direction")?;
    let data = octets::<1>(fields, "scb_data").map(|[data]| data);
    if data.is_some() == block.has_mac() {
        return Err("body: scb_data belongs to blocks 11 to 14".to_owned());
    }
    Ok(Some(Security { block, data }))
}

fn sealed(
    fields: &Map<String, Value>,
    header: &Header,
    security: Security,
    code: u8,
    data: Result<Vec<u8>, String>,
    options: &Options,
) -> Result<Vec<u8>, String> {
    if let Some(Value::Object(context)) = &options.context {
        let base = octets(context, "scbk").map(BaseKey::new);
        let keys = session_keys(context, base.as_ref(), octets(context, "rnd_a"));
        let (Some(keys), Some(last)) = (keys, octets(context, "iv")) else {
            return Err("body: the context has no session keys or no iv".to_owned());
        };
        let data = data?;
        if data.is_empty() == security.block.is_hidden() {
            return Err("body: blocks 17 and 18 hide data, 15 and 16 have none".to_owned());
        }
        return Ok(keys.seal(header, code, &data, &last).0);
    }
    let mac: [u8; 4] = octets(fields, "mac").ok_or("mac: neither a context nor a mac")?;
    let body = if security.block.is_hidden() {
        let shown = fields.get("data_encrypted").and_then(Value::as_str).and_then(hex::parse);
        shown.ok_or("body: neither a context nor data_encrypted")?
    } else {
        data?
    };
    let mut message = header.message(Some(security), code, &body);
    message.extend(mac);
    Ok(header.close(message))
}

#[cfg(test)]
mod tests {
    use super::super::secure::{Challenge, Response};
    use super::*;

    fn shown(octets: &[u8]) -> Vec<String> {
        decode(octets, &Options::default())
            .into_iter()
            .map(|decoded| match decoded {
                Decoded::Good { offset, object, .. } => {
                    format!("{offset} {}", object["type"].as_str().unwrap_or_default())
                }
                Decoded::Bad { offset, error } => {
                    format!("{offset} {}", error.split(':').next().unwrap_or_default())
                }
            })
            .collect()
    }

    fn of(text: &str) -> Vec<String> {
        shown(&hex::parse(text).unwrap())
    }

    const POLL: &str = "FF530108000660D866";
    const BROKEN: &str = "FF530108000660D867";

    #[test]
    fn a_refused_frame_is_told_and_noise_is_not() {
        assert_eq!(of(&format!("{POLL}{BROKEN}{POLL}")), ["0 poll", "9 checksum", "18 poll"]);
        assert_eq!(of(&format!("{BROKEN}{BROKEN}")), ["0 checksum", "9 checksum"]);
        // a false beginning that claims the octets of the good frame
        assert_eq!(of(&format!("5300200005{POLL}")), ["5 poll"]);
        assert_eq!(of(&format!("AABB53{POLL}FF")), ["3 poll"]);
        assert_eq!(of(&format!("{POLL}FF5301080006")), ["0 poll", "9 truncated"]);
    }

    #[test]
    fn octets_without_any_frame_are_one_refusal() {
        assert_eq!(of(""), ["0 start"]);
        assert_eq!(of("AABB"), ["0 start"]);
        assert_eq!(of("FF53"), ["0 truncated"]);
        assert_eq!(of("AA530103000660D866"), ["1 length"]);
        assert_eq!(of("FF5301080086600000"), ["0 control"]);
    }

    #[test]
    fn a_code_without_a_name_and_a_body_without_its_layout_are_refused() {
        let header = Header { mark: false, address: 1, reply: false, sequence: 1, check: Check::Crc };
        assert_eq!(shown(&header.frame(None, 0x99, &[])), ["0 unknown_command"]);
        assert_eq!(shown(&header.frame(None, 0x60, &[1])), ["0 body"]);
        assert_eq!(shown(&header.frame(None, 0x69, &[0; 13])), ["0 body"]);
        assert_eq!(shown(&header.frame(None, 0x69, &[0; 28])), ["0 led"]);
    }

    /// A handshake and one exchange with a key, as seen on the line.
    fn session(base: &BaseKey, seed: u8, code: u8, data: &[u8]) -> Vec<u8> {
        let header = |reply, sequence| Header { mark: true, address: 1, reply, sequence, check: Check::Crc };
        let block = |block| Some(Security { block, data: Some(1) });
        let (rnd_a, rnd_b) = ([seed; 8], [seed + 1; 8]);
        let challenge = Challenge::new(base, rnd_a);
        let response = Response::new(base, rnd_a, rnd_b);
        let mut stream = header(false, 1).frame(block(Block::Challenge), 0x76, &rnd_a);
        let client = response.client_cryptogram();
        let answer = [&[1; 8][..], &rnd_b, &client].concat();
        stream.extend(header(true, 1).frame(block(Block::ClientProof), 0x76, &answer));
        let proof = challenge.verify(rnd_b, &client).unwrap();
        let server = proof.server_cryptogram();
        stream.extend(header(false, 2).frame(block(Block::ServerProof), 0x77, &server));
        let (mut reader, first) = response.accept(&server).unwrap();
        stream.extend(header(true, 2).frame(block(Block::InitialMac), 0x78, &first));
        let mut panel = proof.confirm(&first).unwrap();
        let asked = panel.seal(&header(false, 3), code, data);
        reader.open(&Frame::parse(&asked).unwrap()).unwrap();
        stream.extend(asked.repeat(2)); // the answer was lost the first time
        stream.extend(reader.seal(&header(true, 3), 0x40, &[]));
        stream
    }

    fn opened(decoded: &[Decoded]) -> usize {
        let is_open = |d: &&Decoded| matches!(d, Decoded::Good { object, .. } if object["fields"].get("mac_ok").is_some());
        decoded.iter().filter(is_open).count()
    }

    #[test]
    fn a_stream_is_opened_with_the_base_key_and_with_the_key_that_is_set_in_it() {
        let (old, new) = ([1; 16], [2; 16]);
        let set = [&[1, 16][..], &new].concat();
        let mut stream = session(&BaseKey::new(old), 10, 0x75, &set);
        stream.extend(session(&BaseKey::new(new), 20, 0x60, &[]));
        let options = Options { key: Some(old), ..Options::default() };
        let decoded = decode(&stream, &options);
        assert_eq!((decoded.len(), opened(&decoded)), (14, 6));
        // without a key the frames are shown closed, with another one the reader's proof is refused
        assert_eq!(opened(&decode(&stream, &Options::default())), 0);
        let other = decode(&stream, &Options { key: Some([3; 16]), ..Options::default() });
        assert!(matches!(&other[1], Decoded::Bad { error, .. } if error.starts_with("cryptogram")));
    }

    #[test]
    fn data_and_content_that_disagree_determine_no_frame() {
        let mut object =
            match decode(&hex::parse("FF53010D00066A00020201030D88").unwrap(), &Options::default()).remove(0)
            {
                Decoded::Good { object, .. } => object,
                Decoded::Bad { error, .. } => panic!("{error}"),
            };
        assert!(encode(&object, &Options::default()).is_ok());
        object["fields"]["count"] = json!(4);
        assert!(encode(&object, &Options::default()).is_err());
        object["fields"].as_object_mut().unwrap().remove("data");
        let changed = encode(&object, &Options::default()).unwrap();
        assert_eq!(Frame::parse(&changed).unwrap().body, [0, 2, 2, 1, 4]);
        object["fields"]["count"] = json!(256);
        assert!(encode(&object, &Options::default()).is_err());
    }
}
