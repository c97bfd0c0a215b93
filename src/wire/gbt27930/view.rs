//! The JSON vocabulary: messages as people and tests see them, and payloads from it.
//!
//! Beside `fields` stand `can_id` and `transport` (`single` or `tp`) as heard, the `edition` the fields were read by,
//! the `length` in octets and the whole payload as `hex`. `encode` needs `type` and `fields`; `edition` and `length`
//! say which of several layouts is meant (2015 and its defined length when absent).

use super::layout;
use super::{Edition, Heard, Kind, Message, Receiver, Side};
use crate::wire::can::{self, Content, Id};
use crate::wire::codec::{Bus, Decoded, Options, decode_text};
use crate::wire::field::Field;
use crate::wire::{decimal, hex};
use serde_json::{Map, Value, json};

/// The octets as the text of a bus log.
pub(super) fn decode(octets: &[u8], options: &Options) -> Vec<Decoded> {
    decode_text(octets, open_bus(options))
}

/// One bus, from the first line of its log.
pub(super) fn open_bus(options: &Options) -> Box<dyn Bus> {
    Box::new(Log { receiver: Receiver::new(options.edition), forced: options.edition })
}

struct Log {
    receiver: Receiver,
    forced: Option<Edition>,
}

impl Bus for Log {
    fn line(&mut self, at: usize, line: &str) -> Vec<Decoded> {
        let decoded = match can::line(line) {
            Ok(line) => self.heard(&line),
            Err(error) => Some(Err(error)),
        };
        decoded.map(|d| Decoded::of_line(at, d)).into_iter().collect()
    }

    fn end(&mut self) -> Vec<Decoded> {
        Vec::new()
    }
}

type Seen = Option<Result<Map<String, Value>, String>>;

impl Log {
    fn heard(&mut self, line: &can::Line<'_>) -> Seen {
        let (id, heard) = match &line.content {
            Content::Frame(frame) => (frame.id(), self.receiver.hear(line.time_us.unwrap_or(0), frame)),
            Content::Payload(id, octets) => match Side::of(*id) {
                Some(side) => (*id, self.receiver.payload(side, id.pf(), octets)),
                None => return None,
            },
        };
        match heard {
            Heard::Message { message, edition, carried } => {
                Some(Ok(object(id, &message, self.forced.unwrap_or(edition), carried)))
            }
            Heard::Negotiation(side, octets) => Some(Ok(negotiation(id, side, octets))),
            Heard::Length(kind, found) => Some(Err(wrong_length(kind, found))),
            Heard::Nothing => None,
        }
    }
}

fn wrong_length(kind: Kind, found: usize) -> String {
    let (name, lengths) = (kind.name(), layout::lengths(kind));
    let (least, most) = (lengths.start(), lengths.end());
    if found < *least || least == most {
        format!("length: {name} needs {least} octets, not {found}")
    } else {
        format!("length: {name} has {least} to {most} octets, not {found}")
    }
}

fn object(id: Id, message: &Message<'_>, edition: Edition, carried: bool) -> Map<String, Value> {
    let kind = message.kind();
    // A message of the transport protocol has the identifier of its data; show the one it stands for.
    let shown = if Kind::of(id.pf(), kind.side()) == Some(kind) { id } else { kind.id() };
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(kind.name()));
    object.insert("can_id".to_owned(), json!(shown.to_string()));
    object.insert("edition".to_owned(), json!(edition.to_string()));
    object.insert("transport".to_owned(), json!(if carried { "tp" } else { "single" }));
    object.insert("length".to_owned(), json!(message.payload().len()));
    object.insert("hex".to_owned(), json!(hex::upper(message.payload())));
    object.insert("fields".to_owned(), Value::Object(fields(message, edition)));
    object
}

/// The physical values of a message.
#[must_use]
pub fn fields(message: &Message<'_>, edition: Edition) -> Map<String, Value> {
    let payload = message.payload();
    let mut fields = Map::new();
    match message.kind() {
        Kind::Cts => time(payload, &mut fields),
        Kind::Bmv => {
            let offset = if edition == Edition::V2011 { 1 } else { 0 };
            let cells = payload.chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]]));
            let cells = cells.map(|c| json!([(c >> 12) + offset, decimal::json((c & 0xFFF).into(), 2)]));
            fields.insert("cells".to_owned(), cells.collect());
        }
        Kind::Bmt => {
            fields.insert("temps".to_owned(), payload.iter().map(|t| i64::from(*t) - 50).collect());
        }
        Kind::Bsp => {
            fields.insert("raw".to_owned(), json!(hex::upper(payload)));
        }
        Kind::Chm
        | Kind::Bhm
        | Kind::Crm
        | Kind::Brm
        | Kind::Bcp
        | Kind::Cml
        | Kind::Bro
        | Kind::Cro
        | Kind::Bcl
        | Kind::Bcs
        | Kind::Ccs
        | Kind::Bsm
        | Kind::Bst
        | Kind::Cst
        | Kind::Bsd
        | Kind::Csd
        | Kind::Bem
        | Kind::Cem => {
            for field in message.layout(edition).fields {
                field.show(payload, &mut fields);
            }
            if let Some(at) = cut(message.layout(edition).fields, payload.len()) {
                fields.insert("rest".to_owned(), json!(hex::upper(&payload[at..])));
            }
        }
    }
    fields
}

/// Where a payload ends inside a field: the octets from there on are shown raw as `rest`.
fn cut(table: &[Field], length: usize) -> Option<usize> {
    table.iter().find(|f| f.end() > length).map(|f| usize::from(f.at / 8)).filter(|at| *at < length)
}

const TIME: [&str; 6] = ["sec", "min", "hour", "day", "month", "year"];

/// BCD, and a moment of the calendar, or no value at all (can.md 1.9, 4).
fn time(payload: &[u8], fields: &mut Map<String, Value>) {
    let values = calendar(payload);
    for (i, name) in TIME.iter().enumerate() {
        fields.insert((*name).to_owned(), values.map_or(Value::Null, |v| json!(v[i])));
    }
    if values.is_none() {
        fields.insert("raw".to_owned(), json!(hex::upper(payload)));
    }
}

fn calendar(payload: &[u8]) -> Option<[u16; 6]> {
    let bcd = |o: u8| (o & 15 <= 9 && o >> 4 <= 9).then(|| u16::from(o >> 4) * 10 + u16::from(o & 15));
    let [sec, min, hour, day, month, low, high] = *payload.get(..7)? else { return None };
    let year = bcd(high)? * 100 + bcd(low)?;
    let values = [bcd(sec)?, bcd(min)?, bcd(hour)?, bcd(day)?, bcd(month)?, year];
    let small = |v: u16| i8::try_from(v).ok();
    let date = jiff::civil::Date::new(i16::try_from(year).ok()?, small(values[4])?, small(values[3])?);
    (date.is_ok() && year > 0 && values[0] < 60 && values[1] < 60 && values[2] < 24).then_some(values)
}

/// Version negotiation of category B [1]: `00 | result | 3 version octets | FF FF | sum of the first 7`.
fn negotiation(id: Id, side: Side, octets: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    if let [_, result, version @ .., _, _, sum] = octets
        && version.len() == 3
    {
        let computed = octets[..7].iter().fold(0u8, |s, o| s.wrapping_add(*o));
        fields.insert("result".to_owned(), json!(result));
        fields.insert("version".to_owned(), json!(hex::upper(version)));
        fields.insert("sum_ok".to_owned(), json!(*sum == computed));
    }
    fields.insert("raw".to_owned(), json!(hex::upper(octets)));
    let name = match side {
        Side::Charger => "NEG-3C",
        Side::Bms => "NEG-3D",
    };
    let object = json!({ "type": name, "can_id": id.to_string(), "edition": "2023", "fields": fields });
    object.as_object().cloned().unwrap_or_default()
}

/// The payload that an object determines; undefined bits are 1.
pub(super) fn encode(object: &Map<String, Value>, options: &Options) -> Result<Vec<u8>, String> {
    let name = object.get("type").and_then(Value::as_str).ok_or("type: absent")?;
    let fields = object.get("fields").and_then(Value::as_object).ok_or("fields: absent")?;
    if name.starts_with("NEG-3") {
        return encode_negotiation(fields);
    }
    let kind = Kind::by_name(name).ok_or_else(|| format!("type: no message {name:?}"))?;
    let edition = match object.get("edition").and_then(Value::as_str) {
        Some(text) => text.parse().map_err(|e| format!("edition: {e}"))?,
        None => options.edition.unwrap_or_default(),
    };
    let octets = match kind {
        Kind::Cts => encode_time(fields)?,
        Kind::Bmv => encode_cells(fields, edition)?,
        Kind::Bmt => encode_list(fields, "temps", |v| u8::try_from(v.as_i64()? + 50).ok())?,
        Kind::Bsp => raw(fields).ok_or("raw: hexadecimal octets")?,
        Kind::Chm
        | Kind::Bhm
        | Kind::Crm
        | Kind::Brm
        | Kind::Bcp
        | Kind::Cml
        | Kind::Bro
        | Kind::Cro
        | Kind::Bcl
        | Kind::Bcs
        | Kind::Ccs
        | Kind::Bsm
        | Kind::Bst
        | Kind::Cst
        | Kind::Bsd
        | Kind::Csd
        | Kind::Bem
        | Kind::Cem => encode_fields(kind, edition, object, fields)?,
    };
    match Message::new(kind, &octets) {
        Some(_) => Ok(octets),
        None => Err(wrong_length(kind, octets.len())),
    }
}

fn encode_fields(
    kind: Kind,
    edition: Edition,
    object: &Map<String, Value>,
    fields: &Map<String, Value>,
) -> Result<Vec<u8>, String> {
    let table = layout::of(kind, edition);
    let defined = if kind == Kind::Brm && edition == Edition::V2011 { 41 } else { table.length };
    let length = match object.get("length") {
        None => defined,
        Some(length) => {
            length.as_u64().and_then(|l| usize::try_from(l).ok()).ok_or("length: not a number")?
        }
    };
    if !layout::lengths(kind).contains(&length) {
        return Err(wrong_length(kind, length));
    }
    let mut octets = vec![0xFF; length];
    for field in table.fields.iter().filter(|f| f.end() <= length) {
        field.fill(fields, &mut octets)?;
    }
    if let (Some(at), Some(rest)) = (cut(table.fields, length), fields.get("rest")) {
        let rest = rest.as_str().and_then(hex::parse).filter(|r| r.len() == length - at);
        octets[at..].copy_from_slice(&rest.ok_or("rest: not the octets behind the last whole field")?);
    }
    Ok(octets)
}

fn raw(fields: &Map<String, Value>) -> Option<Vec<u8>> {
    fields.get("raw").and_then(Value::as_str).and_then(hex::parse)
}

fn encode_time(fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
    if let Some(octets) = raw(fields) {
        return Ok(octets);
    }
    let mut octets = vec![0xFF; 7];
    for (i, name) in TIME.iter().enumerate() {
        let most = if i == 5 { 9999 } else { 99 };
        let value = match fields.get(*name).ok_or_else(|| format!("{name}: absent"))? {
            Value::Null => continue,
            value => value.as_u64().filter(|v| *v <= most).ok_or_else(|| format!("{name}: up to {most}"))?,
        };
        let bcd = |v: u64| (v / 10 * 16 + v % 10) as u8;
        octets[i] = bcd(value % 100);
        if i == 5 {
            octets[6] = bcd(value / 100);
        }
    }
    Ok(octets)
}

fn encode_cells(fields: &Map<String, Value>, edition: Edition) -> Result<Vec<u8>, String> {
    let offset = u16::from(edition == Edition::V2011);
    let cell = |v: &Value| {
        let [group, volts] = v.as_array()?.as_slice() else { return None };
        let group = u16::try_from(group.as_u64()?).ok()?.checked_sub(offset).filter(|g| *g < 16)?;
        let volts = u16::try_from(decimal::read(volts, 2)?).ok().filter(|v| *v < 4096)?;
        Some((group << 12 | volts).to_le_bytes())
    };
    Ok(encode_list(fields, "cells", cell)?.concat())
}

fn encode_list<T>(
    fields: &Map<String, Value>,
    name: &str,
    one: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, String> {
    let list = fields.get(name).and_then(Value::as_array).ok_or_else(|| format!("{name}: absent"))?;
    let all: Option<Vec<T>> = list.iter().map(one).collect();
    all.ok_or_else(|| format!("{name}: an element does not fit"))
}

fn encode_negotiation(fields: &Map<String, Value>) -> Result<Vec<u8>, String> {
    if let Some(octets) = raw(fields) {
        return Ok(octets);
    }
    let result = fields.get("result").and_then(Value::as_u64).and_then(|r| u8::try_from(r).ok());
    let version = fields.get("version").and_then(Value::as_str).and_then(hex::parse);
    let (Some(result), Some([a, b, c])) = (result, version.and_then(|v| <[u8; 3]>::try_from(v).ok())) else {
        return Err("result and version determine a negotiation".to_owned());
    };
    let mut octets = vec![0, result, a, b, c, 0xFF, 0xFF];
    octets.push(octets.iter().fold(0, |s: u8, o| s.wrapping_add(*o)));
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The payload with all undefined bits at 1.
    fn filled(message: &Message<'_>, edition: Edition) -> Vec<u8> {
        let table = message.layout(edition);
        let mut octets = message.payload().to_vec();
        for (i, octet) in octets.iter_mut().enumerate() {
            let undefined =
                if i >= table.length { 0xFF } else { table.undefined.get(i).copied().unwrap_or(0) };
            *octet |= undefined;
        }
        octets
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_shown_gives_the_same_octets_with_undefined_bits_set(
            kind in proptest::sample::select(Kind::ALL),
            old in any::<bool>(),
            payload in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let edition = if old { Edition::V2011 } else { Edition::V2015 };
            if let Some(message) = Message::new(kind, &payload) {
                let object = object(kind.id(), &message, edition, false);
                let wanted = if matches!(kind, Kind::Cts | Kind::Bmv | Kind::Bmt | Kind::Bsp) {
                    None
                } else {
                    Some(filled(&message, edition))
                };
                let encoded = encode(&object, &Options::default());
                prop_assert_eq!(encoded, Ok(wanted.unwrap_or_else(|| payload.clone())));
            }
        }

        #[test]
        fn no_log_panics(text in "([0-9A-F]{8}|1C(EC|EB|02|06)56F4|18(01|07)F456)#([0-9A-F]{2}){0,60}") {
            let _ = decode(text.as_bytes(), &Options::default());
        }
    }

    #[test]
    fn a_time_that_is_no_time_gives_no_value() {
        for bad in ["FFFFFFFFFFFFFF", "36240830022620", "00000032012620", "3624081605151A"] {
            assert_eq!(calendar(&hex::parse(bad).expect("hex")), None, "{bad}");
        }
        assert_eq!(calendar(&[0x09, 0x05, 0x13, 0x22, 0x11, 0x26, 0x20]), Some([9, 5, 13, 22, 11, 2026]));
    }
}
