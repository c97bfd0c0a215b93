//! A frame as an object.

use super::content::{self, one};
use super::{Fields, decimal};
use crate::wire::dlt645::control::{self, Content, Edition, TERMINALS};
use crate::wire::dlt645::frame::Frame;
use crate::wire::dlt645::item::{self, Di, Item};
use crate::wire::dlt645::{item1997, value};
use crate::wire::hex;
use serde_json::{Map, Value, json};

/// `type` and `fields`.
pub(super) fn object(frame: &Frame, preamble: usize) -> Fields {
    let mut fields = head(frame, preamble);
    if frame.control().is_refusal() {
        refusal(frame, &mut fields);
    } else if frame.control().is_reply() {
        reply(frame, &mut fields);
    } else {
        question(frame, &mut fields);
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(message_type(frame)));
    object.insert("fields".to_owned(), Value::Object(fields));
    object
}

fn message_type(frame: &Frame) -> String {
    let (control, function) = (frame.control(), frame.control().function());
    let part = match (control.is_reply(), control.is_refusal()) {
        (false, _) if function.content == Content::Time => return function.slug.to_owned(),
        (false, _) => "request",
        (true, false) => "response",
        (true, true) => "error",
    };
    format!("{}-{part}", function.slug)
}

fn head(frame: &Frame, preamble: usize) -> Fields {
    let control = frame.control();
    let function = control.function();
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("protocol", json!(function.edition.word()));
    put("preamble_fe", json!(preamble));
    put("address", json!(frame.address().to_string()));
    put("control", json!(format!("{:02X}", control.0)));
    put("direction", json!(if control.is_reply() { "slave" } else { "master" }));
    put("function", json!(function.name));
    put("error", json!(control.is_refusal()));
    put("more_follows", json!(control.is_reply() && control.has_more()));
    put("data", json!(hex::upper(frame.data())));
    fields
}

fn refusal(frame: &Frame, fields: &mut Fields) {
    let Some(octet) = frame.data().first() else { return };
    let names = control::error_bits(frame.control().function().edition);
    let bits: Vec<_> = (0..8).filter(|bit| octet & 1 << bit != 0).map(|bit: usize| names[bit]).collect();
    fields.insert("error_byte".to_owned(), json!(format!("{octet:02X}")));
    fields.insert("error_bits".to_owned(), json!(bits));
}

fn question(frame: &Frame, fields: &mut Fields) {
    let data = frame.data();
    let function = frame.control().function();
    match function.content {
        Content::Read => {
            if let Some((_, rest)) = identifier(function.edition, data, fields) {
                block(rest, fields);
            }
        }
        Content::FollowUp => {
            if let Some((_, [seq])) = identifier(function.edition, data, fields) {
                fields.insert("seq".to_owned(), json!(seq));
            }
        }
        Content::Write => write(function.edition, data, fields),
        Content::Time => one(fields, data.try_into().ok().and_then(content::date_time)),
        Content::WriteAddress => address(data, fields),
        Content::Freeze => freeze(data, fields),
        Content::Rate => rate(data, fields),
        Content::Password => password(data, fields),
        Content::Terminal => terminal(data, fields),
        Content::ReadAddress | Content::Raw => {}
    }
}

fn reply(frame: &Frame, fields: &mut Fields) {
    let data = frame.data();
    let function = frame.control().function();
    match function.content {
        Content::Read => {
            let Some((item, rest)) = identifier(function.edition, data, fields) else { return };
            match item {
                _ if frame.control().has_more() => {
                    fields.insert("part_hex".to_owned(), json!(hex::upper(rest)));
                }
                Some(item) => content::show(&item, rest, fields),
                None => {
                    fields.insert("value_hex".to_owned(), json!(hex::upper(rest)));
                }
            }
        }
        Content::FollowUp => {
            if let Some((_, [part @ .., seq])) = identifier(function.edition, data, fields) {
                fields.insert("seq".to_owned(), json!(seq));
                fields.insert("part_hex".to_owned(), json!(hex::upper(part)));
            }
        }
        Content::ReadAddress => address(data, fields),
        Content::Rate => rate(data, fields),
        Content::Password => {
            fields.insert("new".to_owned(), json!(hex::upper(data)));
        }
        Content::Terminal => terminal(data, fields),
        Content::Write | Content::WriteAddress | Content::Time | Content::Freeze | Content::Raw => {}
    }
}

/// The item of an identifier that was read, and its name.
pub(super) fn find(edition: Edition, di: &[u8]) -> Option<Item> {
    match (edition, di) {
        (Edition::Y2007, &[a, b, c, d]) => item::lookup(Di::from_wire([a, b, c, d])),
        (Edition::Y1997, &[a, b]) => item1997::lookup(u16::from_le_bytes([a, b])),
        _ => None,
    }
}

/// Octets of an identifier.
pub(super) fn di_octets(edition: Edition) -> usize {
    match edition {
        Edition::Y2007 => 4,
        Edition::Y1997 => 2,
    }
}

/// Takes the identifier off the front; `None` when the data is shorter than one.
fn identifier<'a>(edition: Edition, data: &'a [u8], fields: &mut Fields) -> Option<(Option<Item>, &'a [u8])> {
    let (di, rest) = data.split_at_checked(di_octets(edition))?;
    let item = find(edition, di);
    let name = item.as_ref().map_or("not in the table", |item| &item.name);
    fields.insert("di".to_owned(), json!(content::printed(di)));
    fields.insert("di_name".to_owned(), json!(name));
    Some((item, rest))
}

/// Load profile: how many blocks, from when.
fn block(rest: &[u8], fields: &mut Fields) {
    if let [count, start @ ..] = rest {
        fields.insert("block_count".to_owned(), json!(count));
        if start.len() == 5 {
            fields.insert("block_start".to_owned(), json!(content::minute_text(start)));
        }
    }
}

fn write(edition: Edition, data: &[u8], fields: &mut Fields) {
    let Some((item, rest)) = identifier(edition, data, fields) else { return };
    let Some((access, mut rest)) = rest.split_at_checked(4) else { return };
    fields.insert("password_level".to_owned(), json!(content::printed(&access[..1])));
    fields.insert("password".to_owned(), json!(content::printed(&access[1..])));
    if edition == Edition::Y2007 {
        let Some((operator, value)) = rest.split_at_checked(4) else { return };
        fields.insert("operator".to_owned(), json!(content::printed(operator)));
        rest = value;
    }
    match item {
        Some(item) => content::show(&item, rest, fields),
        None => {
            fields.insert("value_hex".to_owned(), json!(hex::upper(rest)));
        }
    }
}

fn address(data: &[u8], fields: &mut Fields) {
    if data.len() == 6 {
        fields.insert("value".to_owned(), json!(content::printed(data)));
    } else {
        fields.insert("value".to_owned(), Value::Null);
        fields.insert("quality".to_owned(), json!("wrong length"));
    }
}

fn freeze(data: &[u8], fields: &mut Fields) {
    let when = <[u8; 4]>::try_from(data).ok().and_then(freeze_text);
    if when.is_none() {
        fields.insert("quality".to_owned(), json!("invalid"));
    }
    fields.insert("freeze".to_owned(), json!(when));
}

/// mm hh DD MM, 99 for every.
fn freeze_text([mm, hh, day, month]: [u8; 4]) -> Option<String> {
    let every = 0x99;
    let clock = || value::time([0, mm, hh]).map(|time| time.strftime("%H:%M").to_string());
    match (month, day, hh, mm) {
        (0x99, 0x99, 0x99, 0x99) => Some("at once".to_owned()),
        (0x99, 0x99, 0x99, mm) => value::pair(mm).filter(|m| *m < 60).map(|m| format!("hourly, minute {m}")),
        (0x99, 0x99, ..) => clock().map(|clock| format!("daily, {clock}")),
        (0x99, day, ..) => {
            let day = value::pair(day).filter(|day| (1..=31).contains(day))?;
            clock().map(|clock| format!("monthly, day {day}, {clock}"))
        }
        _ if [mm, hh, day].contains(&every) => None,
        _ => {
            let at = value::minute([mm, hh, day, month, 0])?;
            Some(at.strftime("%m-%d %H:%M").to_string())
        }
    }
}

fn rate(data: &[u8], fields: &mut Fields) {
    let rate = match data {
        &[octet] => control::rate(octet),
        _ => None,
    };
    if rate.is_none() {
        fields.insert("quality".to_owned(), json!("invalid"));
    }
    fields.insert("rate".to_owned(), rate.map_or(Value::Null, |rate| decimal::show(i64::from(rate), 0)));
}

fn password(data: &[u8], fields: &mut Fields) {
    let Some((di, rest)) = data.split_at_checked(4) else { return };
    fields.insert("di".to_owned(), json!(content::printed(di)));
    if let Some((old, new)) = rest.split_at_checked(4) {
        fields.insert("old".to_owned(), json!(hex::upper(old)));
        fields.insert("new".to_owned(), json!(hex::upper(new)));
    }
}

fn terminal(data: &[u8], fields: &mut Fields) {
    let name = match data {
        &[octet] => TERMINALS.get(usize::from(octet)).copied(),
        _ => None,
    };
    fields.insert("terminal".to_owned(), json!(name.unwrap_or("unknown")));
}
