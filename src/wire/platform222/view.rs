//! The JSON vocabulary: what `depotctl decode` prints and `encode` takes (platform-222.md 3, 21).

use super::body::{Body, Value, entries};
use super::checksum::{Checksum, Order, Variant};
use super::cp56;
use super::dialect;
use super::frame::{self, Header};
use super::layout::{self, Field, Type};
use super::octets;
use super::receiver::{Found, Receiver};
use super::verdict::Verdict;
use crate::wire::codec::{Decoded, Options};
use crate::wire::hex;
use serde_json::{Map, Value as Json, json};

/// Everything that a stream holds.
pub(super) fn decode(stream: &[u8], options: &Options) -> Vec<Decoded> {
    let checksum = match checksum(options) {
        Ok(checksum) => checksum,
        Err(error) => return vec![Decoded::Bad { offset: 0, error }],
    };
    let found = whole(stream, checksum);
    if found.iter().any(|(_, one)| matches!(one, Found::Frame { .. })) {
        found.into_iter().filter_map(|(start, one)| show(start, one)).collect()
    } else if stream.is_empty() {
        Vec::new()
    } else {
        vec![first_fault(stream, checksum)]
    }
}

/// Everything that a stream holds, with the position that positions count from: where a receiver would give up, a
/// reader of captures goes on.
fn whole(stream: &[u8], checksum: Checksum) -> Vec<(usize, Found)> {
    let mut all = Vec::new();
    let mut start = 0;
    while start < stream.len() {
        let mut receiver = Receiver::new(checksum);
        let mut found = receiver.feed(&stream[start..]);
        while receiver.unfinished().is_some() {
            found.extend(receiver.expire());
        }
        let hopeless = found.last() == Some(&Found::Hopeless);
        all.extend(found.into_iter().map(|one| (start, one)));
        start = match usize::try_from(receiver.position()) {
            Ok(read) if hopeless && read > 0 => start + read,
            _ => stream.len(),
        };
    }
    all
}

/// Octets without any good frame give one refusal.
fn first_fault(stream: &[u8], checksum: Checksum) -> Decoded {
    let verdict = match frame::open(checksum, stream) {
        Err(verdict) => verdict,
        Ok(_) => Verdict::Truncated,
    };
    let error = match verdict {
        Verdict::BadStart => format!("{verdict}: no frame begins with 53 5A here"),
        Verdict::BadLength => format!("{verdict}: not within 15..4096"),
        Verdict::Truncated => format!("{verdict}: {} octets are not the whole frame", stream.len()),
        Verdict::BadCrc => wrong_sum(stream, checksum),
        _ => verdict.to_string(),
    };
    Decoded::Bad { offset: 0, error }
}

fn wrong_sum(stream: &[u8], checksum: Checksum) -> String {
    let whole = frame::length(stream).ok().flatten().unwrap_or(0);
    let sent = hex::upper(stream.get(whole.saturating_sub(2)..whole).unwrap_or(&[]));
    let covered = stream.get(4..whole.saturating_sub(2)).unwrap_or(&[]);
    format!("{}: sent {sent}, computed {}", Verdict::BadCrc, hex::upper(&checksum.octets(covered)))
}

fn show(start: usize, one: Found) -> Option<Decoded> {
    let position = |at: u64| start + usize::try_from(at).unwrap_or(0);
    match one {
        Found::Frame { at, header, body } => {
            let (offset, length) = (position(at), frame::length_around(body.len()));
            Some(match object(&header, &body) {
                Ok(object) => Decoded::Good { offset, length, object },
                Err(verdict) => Decoded::Bad { offset, error: explain(verdict, &header) },
            })
        }
        Found::Bad { at, verdict } => {
            Some(Decoded::Bad { offset: position(at), error: format!("{verdict}: begins like a frame") })
        }
        Found::Hopeless => None,
    }
}

fn explain(verdict: Verdict, header: &Header) -> String {
    let side = if header.is_reply() { "reply" } else { "request" };
    format!(
        "{verdict}: {side} {:04X}, version {:02X}, flags {:02X}",
        header.number, header.version, header.flags
    )
}

/// Header keys and fields of a frame, in either direction.
fn object(header: &Header, octets: &[u8]) -> Result<Map<String, Json>, Verdict> {
    header.check(octets)?;
    let message = layout::message(header.number).ok_or(Verdict::UnknownType)?;
    let refused = octets::refusal(octets).filter(|_| header.is_reply());
    let fields = match refused {
        Some(code) => Map::from_iter([("refused".to_owned(), json!(code))]),
        None => {
            let table = if header.is_reply() { message.reply } else { message.request };
            fields(&octets::read(table, octets, header.may_be_longer())?)
        }
    };
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(format!("{:04X}", header.number)));
    object.insert("reply".to_owned(), json!(header.is_reply()));
    object.insert("device".to_owned(), json!(hex::lower(&header.device)));
    object.insert("seq".to_owned(), json!(header.sequence));
    object.insert("flags".to_owned(), json!(header.flags));
    object.insert("version".to_owned(), json!(header.version));
    object.insert("fields".to_owned(), Json::Object(fields));
    Ok(object)
}

/// A body as an object.
#[must_use]
pub fn fields(body: &Body) -> Map<String, Json> {
    let told = body.fields().filter_map(|(field, value)| Some((field.name.to_owned(), told(value?))));
    told.collect()
}

fn told(value: &Value) -> Json {
    match value {
        Value::Number(number) => match u64::try_from(*number) {
            Ok(number) => json!(number),
            Err(_) => json!(i64::try_from(*number).unwrap_or(i64::MIN)),
        },
        Value::Text(text) => json!(text),
        Value::Octets(octets) => json!(hex::lower(octets)),
        Value::Time(time) => json!(time.map(cp56::text)),
        Value::Cred(kind, octets) => json!({ "kind": kind, "value": hex::lower(octets) }),
        Value::Param(octets) => json!(octets.as_deref().map(hex::lower)),
        Value::List(list) => list.iter().map(|entry| Json::Object(fields(entry))).collect(),
    }
}

/// The frame that an object determines.
pub(super) fn encode(object: &Map<String, Json>, options: &Options) -> Result<Vec<u8>, String> {
    let checksum = checksum(options)?;
    let header = header(object)?;
    let message = layout::message(header.number)
        .ok_or_else(|| format!("{}: {:04X}", Verdict::UnknownType, header.number))?;
    let Some(Json::Object(fields)) = object.get("fields") else { return Err("fields: no object".to_owned()) };
    let table = if header.is_reply() { message.reply } else { message.request };
    let octets = match fields.get("refused") {
        Some(code) if header.is_reply() => vec![refused(code)?],
        _ => octets::write(&body(table, fields)?),
    };
    header.check(&octets).map_err(|verdict| explain(verdict, &header))?;
    Ok(frame::seal(checksum, &header, &octets))
}

fn refused(code: &Json) -> Result<u8, String> {
    let code = code.as_u64().and_then(|code| u8::try_from(code).ok());
    code.filter(|code| octets::refusal(&[*code]).is_some())
        .ok_or_else(|| "refused: 253, 254 or 255".to_owned())
}

fn header(object: &Map<String, Json>) -> Result<Header, String> {
    let text = |key: &str| object.get(key).and_then(Json::as_str).ok_or_else(|| format!("{key}: no text"));
    let number = |key: &str, absent: Option<u64>, most: u64| {
        let found = match object.get(key) {
            None => absent,
            Some(value) => value.as_u64(),
        };
        found.filter(|n| *n <= most).ok_or_else(|| format!("{key}: no number of 0..={most}"))
    };
    let kind = text("type")?;
    let kind = u16::from_str_radix(kind, 16).ok().filter(|_| kind.len() == 4);
    let reply = object.get("reply").and_then(Json::as_bool).unwrap_or(false);
    let mut flags = number("flags", Some(u64::from(reply)), 255)? as u8;
    if reply {
        flags |= dialect::FLAG_REPLY;
    }
    Ok(Header {
        version: number("version", Some(dialect::VERSION.into()), 255)? as u8,
        flags,
        sequence: number("seq", None, u32::MAX.into())? as u32,
        number: kind.ok_or("type: no four hex digits")?,
        device: device(text("device")?).ok_or("device: no 14 digits")?,
    })
}

fn device(text: &str) -> Option<[u8; 7]> {
    hex::parse(text).filter(|_| text.len() == 14)?.try_into().ok()
}

/// A body from an object: every field must be there, nothing else may be.
fn body(table: &'static [Field], object: &Map<String, Json>) -> Result<Body, String> {
    let mut body = Body::new(table);
    let mut used = 0;
    for field in table.iter() {
        if !body.holds(field) {
            continue;
        }
        let found = object.get(field.name).ok_or_else(|| format!("{} is absent", field.name))?;
        let value = value(field, found).map_err(|why| format!("{}: {why}", field.name))?;
        body.set(field.name, value);
        used += 1;
    }
    if used < object.len() {
        let known = |key: &&String| table.iter().any(|f| f.name == **key && body.holds(f));
        let stranger = object.keys().find(|key| !known(key)).map_or("", String::as_str);
        return Err(format!("{stranger}: no field of this message"));
    }
    match body.misfit() {
        Some(misfit) => Err(format!("{}: {}", misfit.field, misfit.why)),
        None => Ok(body),
    }
}

fn value(field: &Field, json: &Json) -> Result<Value, String> {
    let text = || json.as_str().ok_or_else(|| "not a text".to_owned());
    let octets = |text: &str| hex::parse(text).ok_or_else(|| "not hex".to_owned());
    Ok(match field.kind {
        Type::Ascii(_) | Type::Utf8(_) | Type::Bcd(_) => Value::Text(text()?.to_owned()),
        Type::Bytes(_) | Type::Txn | Type::Uid | Type::Blob16(_) => Value::Octets(octets(text()?)?),
        Type::Time if json.is_null() => Value::Time(None),
        Type::Time => Value::Time(Some(cp56::parse(text()?).ok_or("not YYYY-MM-DDThh:mm:ss.mmm")?)),
        Type::Cred => {
            let kind = json.get("kind").and_then(Json::as_u64).and_then(|k| u8::try_from(k).ok());
            let value = json.get("value").and_then(Json::as_str).ok_or("no value")?;
            Value::Cred(kind.ok_or("no kind of 0..=255")?, octets(value)?)
        }
        Type::Param if json.is_null() => Value::Param(None),
        Type::Param => Value::Param(Some(octets(text()?)?)),
        Type::List8(..) | Type::List16(..) => {
            let table = entries(field).unwrap_or(&[]);
            let list = json.as_array().ok_or("not a list")?;
            Value::List(list.iter().map(|e| entry(table, e)).collect::<Result<_, _>>()?)
        }
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::Flag
        | Type::Choice(_) => Value::Number(integer(json).ok_or("not an integer")?),
    })
}

fn entry(table: &'static [Field], json: &Json) -> Result<Body, String> {
    body(table, json.as_object().ok_or("an entry is no object")?)
}

fn integer(json: &Json) -> Option<i128> {
    json.as_u64().map(i128::from).or_else(|| json.as_i64().map(i128::from))
}

fn checksum(options: &Options) -> Result<Checksum, String> {
    let variant = match options.crc.as_deref() {
        None => dialect::CHECKSUM.variant,
        Some(name) => Variant::by_name(name).ok_or_else(|| {
            let known: Vec<&str> = Variant::NAMES.iter().map(|(name, _)| *name).collect();
            format!("crc: no variant {name:?}; known: {}", known.join(", "))
        })?,
    };
    let order = if options.crc_little_endian { Order::LowFirst } else { Order::HighFirst };
    Ok(Checksum { variant, order })
}
