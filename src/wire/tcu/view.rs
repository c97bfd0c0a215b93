//! The JSON vocabulary. Every message shows `pf`, `name` and `interface`, a long one its `length` and whole `payload`;
//! octets behind the fields of a short one that are not FF are shown as `rest`. `encode` gives the eight octets of a
//! short message, or those of all frames of a long one, which `payload` determines.

use super::long::{self, Fault};
use super::reason::{self, Version};
use super::receiver::{Controllers, Heard, Receiver};
use super::{Kind, Message, layout, status};
use crate::wire::can::{self, Content};
use crate::wire::codec::{Bus, Decoded, Options, decode_text};
use crate::wire::field::Field;
use crate::wire::{decimal, hex};
use serde_json::{Map, Value, json};

/// The octets as the text of a bus log.
pub(super) fn decode(octets: &[u8], options: &Options) -> Vec<Decoded> {
    decode_text(octets, open_bus(options))
}

/// One bus, from the first line of its log.
pub(super) fn open_bus(_: &Options) -> Box<dyn Bus> {
    Box::new(Log { receiver: Receiver::new(Controllers::Any), lines: 0 })
}

struct Log {
    receiver: Receiver,
    lines: usize,
}

impl Bus for Log {
    fn line(&mut self, at: usize, line: &str) -> Vec<Decoded> {
        self.lines = at + 1;
        let line = match can::line(line) {
            Ok(line) => line,
            Err(error) => return vec![Decoded::of_line(at, Err(error))],
        };
        let heard = match &line.content {
            Content::Frame(frame) => self.receiver.hear(line.time_us.unwrap_or(0), frame),
            Content::Payload(id, octets) => self.receiver.payload(*id, octets),
        };
        let found = match heard {
            Heard::Message(ccu, message) => Ok(object(ccu, &message)),
            Heard::Length(kind, found) => Err(length(kind, found)),
            Heard::Dropped(kind, fault) => Err(dropped(kind, fault)),
            Heard::Nothing => return Vec::new(),
        };
        vec![Decoded::of_line(at, found)]
    }

    fn end(&mut self) -> Vec<Decoded> {
        let cut = |kind: Kind| Err(format!("truncated: frames of {} are missing", kind.name()));
        self.receiver.unfinished().map(|kind| Decoded::of_line(self.lines, cut(kind))).collect()
    }
}

fn length(kind: Kind, found: usize) -> String {
    let least = layout::shortest(kind);
    format!("length: {} needs {least} octets, not {found}", kind.name())
}

fn dropped(kind: Kind, fault: Fault) -> String {
    let name = kind.name();
    match fault {
        Fault::Length { length, frames } => {
            format!("length: {name} of {length} octets does not fit {frames} frames")
        }
        Fault::Sequence { wanted, found } => {
            format!("sequence: {name} frame {wanted} is missing, {found} came")
        }
        Fault::Sum { sent, computed } => format!("checksum: {name} sent {sent:04X}, computed {computed:04X}"),
    }
}

fn object(ccu: u8, message: &Message<'_>) -> Map<String, Value> {
    let kind = message.kind();
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(kind.word()));
    object.insert("can_id".to_owned(), json!(kind.id(ccu).to_string()));
    object.insert("fields".to_owned(), Value::Object(fields(message)));
    object
}

/// What a message says.
#[must_use]
pub fn fields(message: &Message<'_>) -> Map<String, Value> {
    let (kind, payload) = (message.kind(), message.payload());
    let tables = layout::of(kind, payload.len());
    let mut fields = Map::new();
    fields.insert("pf".to_owned(), json!(format!("{:02X}", kind.pf())));
    fields.insert("name".to_owned(), json!(kind.name()));
    if kind.is_long() {
        fields.insert("length".to_owned(), json!(payload.len()));
        fields.insert("payload".to_owned(), json!(hex::upper(payload)));
    }
    layout::INTERFACE.show(payload, &mut fields);
    for field in tables.common {
        field.show(payload, &mut fields);
    }
    if let Some(dialect) = tables.dialect {
        fields.insert("dialect".to_owned(), json!(dialect));
    }
    for field in tables.more {
        field.show(payload, &mut fields);
    }
    explain(message, &mut fields);
    if !kind.is_long() && kind != Kind::DcStatus2 {
        let rest = payload.get(end(tables.common)..).unwrap_or_default();
        if rest.iter().any(|o| *o != 0xFF) {
            fields.insert("rest".to_owned(), json!(hex::upper(rest)));
        }
    }
    fields
}

/// What the table alone does not say.
fn explain(message: &Message<'_>, fields: &mut Map<String, Value>) {
    let payload = message.payload();
    let mut text = |code: Option<u32>, text: fn(u8, Version) -> Option<reason::Text>| {
        let code = code.and_then(|c| u8::try_from(c).ok()).filter(|c| *c != 0);
        if let Some((english, chinese)) = code.and_then(|c| text(c, Version::default())) {
            fields.insert("reason_text".to_owned(), json!([english, chinese]));
        }
    };
    let kind = message.kind();
    if kind == Kind::StartAck {
        text(message.raw(&layout::start_ack::REASON), reason::start_refused);
    } else if kind == Kind::StartComplete {
        text(message.raw(&layout::start_complete::REASON), reason::start_complete);
    } else if kind == Kind::StopComplete {
        text(message.raw(&layout::stop_complete::STOP_REASON), reason::stopped);
    } else if matches!(kind, Kind::PowerLimit | Kind::PowerLimitAck) {
        power(message, fields);
    } else if kind == Kind::DcStatus1 {
        for name in ["vehicle_connected", "gun_seated"] {
            let yes = fields.get(name).and_then(Value::as_u64) == Some(0);
            fields.insert(name.to_owned(), json!(yes));
        }
        fields.insert("flags".to_owned(), status::set(&status::STATUS_1, &payload[1..6]).collect());
    } else if kind == Kind::DcStatus2 {
        fields.insert("flags".to_owned(), status::set(&status::STATUS_2, &payload[1..]).collect());
        fields.insert("raw".to_owned(), json!(hex::upper(&payload[1..])));
    } else if kind == Kind::Configuration {
        fields.insert("rest".to_owned(), json!(hex::upper(&payload[layout::configuration::MAKER.end()..])));
    }
}

/// Absolute: 0.1 kW from -1000 kW, positive while charging. Otherwise percent.
fn power(message: &Message<'_>, fields: &mut Map<String, Value>) {
    let raw = message.raw(&layout::power_limit::RAW).map(i64::from).unwrap_or_default();
    match message.raw(&layout::power_limit::TYPE) {
        Some(1) => fields.insert("kw".to_owned(), decimal::json(raw - 10_000, 1)),
        Some(2) => fields.insert("percent".to_owned(), json!(raw)),
        _ => None,
    };
}

fn end(fields: &[Field]) -> usize {
    fields.iter().map(Field::end).max().unwrap_or(1)
}

/// The octets that an object determines.
pub(super) fn encode(object: &Map<String, Value>, _: &Options) -> Result<Vec<u8>, String> {
    let word = object.get("type").and_then(Value::as_str).ok_or("type: absent")?;
    let kind = Kind::by_word(word).ok_or_else(|| format!("type: no message {word:?}"))?;
    let fields = object.get("fields").and_then(Value::as_object).ok_or("fields: absent")?;
    if kind.is_long() {
        let payload = raw(fields, "payload").ok_or("payload: it alone determines a long message")?;
        let suits = Message::new(kind, &payload).ok_or_else(|| length(kind, payload.len()))?;
        return long::frames(suits.payload())
            .map(|f| f.concat())
            .ok_or_else(|| "length: too long".to_owned());
    }
    short(kind, fields)
}

fn raw(fields: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    fields.get(name).and_then(Value::as_str).and_then(hex::parse)
}

fn short(kind: Kind, fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
    let tables = layout::of(kind, 8);
    let mut octets = vec![0xFF; 8];
    layout::INTERFACE.fill(fields, &mut octets)?;
    if kind == Kind::DcStatus2 {
        let raw = raw(fields, "raw").filter(|r| r.len() == 7).ok_or("raw: 7 octets determine a status")?;
        octets[1..].copy_from_slice(&raw);
    } else if kind == Kind::DcStatus1 {
        status_1(fields, &mut octets)?;
    } else {
        for field in tables.common {
            fill(field, fields, &mut octets)?;
        }
    }
    let end = if kind == Kind::DcStatus2 { 8 } else { end(tables.common) };
    if let Some(rest) = raw(fields, "rest") {
        let room = octets.get_mut(end..).filter(|r| r.len() == rest.len());
        room.ok_or_else(|| format!("rest: {} octets", 8 - end))?.copy_from_slice(&rest);
    }
    Ok(octets)
}

/// A field; the raw power may be given as `kw` or `percent`.
fn fill(field: &Field, fields: &Map<String, Value>, octets: &mut [u8]) -> Result<(), String> {
    if *field != layout::power_limit::RAW || fields.contains_key("raw") {
        return field.fill(fields, octets);
    }
    let tenths = fields.get("kw").and_then(|v| decimal::read(v, 1)).and_then(|v| v.checked_add(10_000));
    let percent = fields.get("percent").and_then(|v| decimal::read(v, 0));
    let raw = tenths.or(percent).and_then(|v| u16::try_from(v).ok());
    field.put(octets, raw.ok_or("raw, kw or percent: absent or out of range")?.into());
    Ok(())
}

fn status_1(fields: &Map<String, Value>, octets: &mut [u8]) -> Result<(), String> {
    octets[1..].fill(0);
    let mut shown = fields.clone();
    for name in ["vehicle_connected", "gun_seated"] {
        let yes =
            fields.get(name).and_then(Value::as_bool).ok_or_else(|| format!("{name}: true or false"))?;
        shown.insert(name.to_owned(), json!(u8::from(!yes)));
    }
    for field in layout::of(Kind::DcStatus1, 8).common {
        field.fill(&shown, octets)?;
    }
    for name in fields.get("flags").and_then(Value::as_array).ok_or("flags: absent")? {
        let bit = name.as_str().and_then(|n| status::bit(&status::STATUS_1, n));
        let (octet, mask) = bit.ok_or_else(|| format!("flags: no flag {name}"))?;
        octets[1 + octet] |= mask;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn what_is_shown_gives_the_same_octets(
            kind in proptest::sample::select(Kind::ALL),
            payload in proptest::collection::vec(any::<u8>(), 0..100),
            short in any::<[u8; 8]>(),
        ) {
            let payload = if kind.is_long() { payload } else { short.to_vec() };
            if let Some(message) = Message::new(kind, &payload) {
                let wanted = if kind.is_long() { long::frames(&payload).expect("short").concat() } else { payload.clone() };
                prop_assert_eq!(encode(&object(0xF6, &message), &Options::default()), Ok(wanted));
            }
        }

        #[test]
        fn no_log_panics(text in "(1[08][0-9A-F]{2}8AF6|1[08][0-9A-F]{2}F68A)#0[0-9A-F]([0-9A-F]{2}){0,40}") {
            let _ = decode(text.as_bytes(), &Options::default());
        }
    }
}
