//! The JSON vocabulary: what `depotctl decode` prints and `encode` takes.
//!
//! `type`, `seq` and `flags` are the header; `fields` holds raw values under the names of the tables, `scaled` the
//! physical values of what has a scale or an offset, `text` what codes and bits mean in words. What a frame departs in
//! from the text stands in `deviation` and `trailing`. A text or time whose octets say more than it shows (not ASCII,
//! no date, a weekday) has them beside it as `NAME_hex`, so that an object always determines its frame.

mod show;
mod take;

use super::body::{self, Form, Opened};
use super::fault::Fault;
use super::frame::{self, Frame, Header, Order};
use super::layout::{self, Kind, Layout};
use super::receiver::{Found, Receiver};
use crate::wire::codec::{Decoded, Options};
use crate::wire::hex;
use serde_json::{Map, Value as Json, json};

type Object = Map<String, Json>;

/// What people are told of a checksum with its high octet in front.
const SWAPPED: &str = "CRC high byte first";
/// What people are told of a number in four octets.
const WIDE: &str = "number sent as 4-byte LE instead of 1 byte";
/// The same, of the count of cards.
const WIDE_COUNT: &str = "card count sent as 4-byte LE instead of 1 byte";
/// The same, in front of the pile code.
const WIDE_FIRST: &str = "card count sent as 4-byte LE before the pile code";

/// Everything that a stream holds. Without any good frame, and unless there are several bad ones, the whole is judged as
/// one frame: so its length is found wrong before its checksum.
pub(super) fn decode(stream: &[u8], _: &Options) -> Vec<Decoded> {
    let found = whole(stream);
    let frames: Vec<usize> = found.iter().filter(|(_, one)| is_frame(one)).map(|(at, _)| *at).collect();
    let bad = found.iter().filter(|(_, one)| is_whole(one)).count();
    if stream.is_empty() {
        Vec::new()
    } else if frames.is_empty() && bad < 2 {
        let fault = frame::open(stream).err().unwrap_or(Fault::Truncated);
        vec![Decoded::Bad { offset: 0, error: fault.to_string() }]
    } else {
        found.into_iter().filter_map(|(at, one)| shown(at, one, &frames)).collect()
    }
}

fn is_frame(one: &Found) -> bool {
    matches!(one, Found::Frame { .. })
}

/// A bad frame that has all its octets.
fn is_whole(one: &Found) -> bool {
    matches!(one, Found::Bad { fault: Fault::Checksum { .. }, .. })
}

/// Everything that a stream holds, with positions: where a receiver would give up, a reader of captures goes on.
fn whole(stream: &[u8]) -> Vec<(usize, Found)> {
    let mut all = Vec::new();
    let mut start = 0;
    while start < stream.len() {
        let mut receiver = Receiver::new();
        let mut found = receiver.feed(&stream[start..]);
        while receiver.unfinished().is_some() {
            found.extend(receiver.expire());
        }
        let hopeless = found.last() == Some(&Found::Hopeless);
        all.extend(found.into_iter().map(|one| (start + position(&one), one)));
        start = match usize::try_from(receiver.position()) {
            Ok(read) if hopeless && read > 0 => start + read,
            _ => stream.len(),
        };
    }
    all
}

fn position(one: &Found) -> usize {
    match one {
        Found::Frame { at, .. } | Found::Bad { at, .. } => usize::try_from(*at).unwrap_or(0),
        Found::Hopeless => 0,
    }
}

/// What began like a frame and holds the beginning of a good one was noise.
fn shown(offset: usize, one: Found, frames: &[usize]) -> Option<Decoded> {
    match one {
        Found::Frame { frame, .. } => Some(match body::open(&frame) {
            Ok(opened) => Decoded::Good { offset, length: frame.length(), object: object(&opened) },
            Err(fault) => Decoded::Bad { offset, error: format!("{fault}{}", of(&frame)) },
        }),
        Found::Bad { claimed, fault, .. } => {
            let noise = frames.iter().any(|at| (offset..offset + claimed).contains(at));
            (!noise).then(|| Decoded::Bad { offset, error: fault.to_string() })
        }
        Found::Hopeless => None,
    }
}

fn of(frame: &Frame) -> String {
    let title = layout::layout(frame.header.kind).map(|layout| layout.title);
    title.map_or_else(String::new, |title| format!(" in 0x{:02X} {title}", frame.header.kind))
}

fn object(opened: &Opened<'_>) -> Object {
    let mut object = Map::new();
    let mut put = |key: &str, value: Json| drop(object.insert(key.to_owned(), value));
    let layout = opened.layout;
    put("type", json!(hex::upper(&[opened.header.kind])));
    put("seq", json!(hex::upper(&opened.header.sequence)));
    put("flags", json!(opened.header.encryption));
    put("title", json!(layout.title));
    put("direction", json!(layout.way.text()));
    let shown = show::rows(layout.rows, opened.body());
    put("fields", Json::Object(shown.fields));
    for (key, part) in [("scaled", shown.scaled), ("text", shown.text)] {
        if !part.is_empty() {
            put(key, Json::Object(part));
        }
    }
    if !opened.trailing.is_empty() {
        put("trailing", json!(hex::upper(opened.trailing)));
    }
    if opened.is_tolerated() {
        put("deviation", json!(deviation(opened)));
    }
    object
}

fn deviation(opened: &Opened<'_>) -> String {
    let swapped = (opened.order == Order::HighFirst).then(|| SWAPPED.to_owned());
    let wide = wide(opened.layout, opened.form).map(str::to_owned);
    let trailing = match opened.trailing.len() {
        0 => None,
        1 => Some("one trailing body byte".to_owned()),
        count => Some(format!("{count} trailing body bytes")),
    };
    [swapped, wide, trailing].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn wide(layout: &Layout, form: Form) -> Option<&'static str> {
    let counts = layout.rows.iter().any(|row| matches!(row.kind, Kind::Counted(..)));
    match form {
        Form::Table => None,
        Form::Wide if counts => Some(WIDE_COUNT),
        Form::Wide => Some(WIDE),
        Form::WideFirst => Some(WIDE_FIRST),
    }
}

/// The frame that an object determines. What it says beside its fields must be what the frame says.
pub(super) fn encode(object: &Object, _: &Options) -> Result<Vec<u8>, String> {
    let header = header(object)?;
    let layout = layout::layout(header.kind).ok_or_else(|| Fault::UnknownType(header.kind).to_string())?;
    if header.encryption != 0 {
        return Err(Fault::Encrypted(header.encryption).to_string());
    }
    let empty = Map::new();
    let part = |key: &str| match object.get(key) {
        None => Ok(&empty),
        Some(Json::Object(part)) => Ok(part),
        Some(_) => Err(format!("{key}: no object")),
    };
    let table = take::rows(layout.rows, part("fields")?, part("scaled")?)?;
    let (order, form) = departures(layout, object.get("deviation"))?;
    let mut body = body::reform(layout, &table, form).ok_or("deviation: not of this message")?;
    body.extend(trailing(object.get("trailing"))?);
    let octets = frame::seal(header, &body, order);
    match frame::open(&octets)
        .and_then(|frame| body::open(&frame).map(|o| o.body() == table && o.form == form))
    {
        Ok(true) => Ok(octets),
        Ok(false) => Err("the octets would read otherwise".to_owned()),
        Err(fault) => Err(fault.to_string()),
    }
}

fn header(object: &Object) -> Result<Header, String> {
    let octets = |key: &str| object.get(key).and_then(Json::as_str).and_then(hex::parse);
    let Some(&[kind]) = octets("type").as_deref() else { return Err("type: no two hex digits".to_owned()) };
    let sequence = match object.get("seq") {
        None => [0, 0],
        Some(_) => octets("seq")
            .and_then(|sequence| sequence.try_into().ok())
            .ok_or_else(|| "seq: no four hex digits".to_owned())?,
    };
    let flags = object.get("flags").map_or(Some(0), Json::as_u64);
    let encryption = flags.and_then(|flags| u8::try_from(flags).ok());
    Ok(Header { sequence, encryption: encryption.ok_or("flags: no number of 0..=255")?, kind })
}

/// Order of the checksum and form of the number, from `deviation`; trailing octets are told by themselves.
fn departures(layout: &Layout, told: Option<&Json>) -> Result<(Order, Form), String> {
    let (mut order, mut form) = (Order::LowFirst, Form::Table);
    let told = match told {
        None => "",
        Some(told) => told.as_str().ok_or("deviation: no text")?,
    };
    for part in told.split("; ").filter(|part| !part.is_empty()) {
        if part == SWAPPED {
            order = Order::HighFirst;
        } else if let Some(one) =
            [Form::Wide, Form::WideFirst].into_iter().find(|f| wide(layout, *f) == Some(part))
        {
            form = one;
        } else if !part.contains("trailing body byte") {
            return Err(format!("deviation: {part:?} is not known"));
        }
    }
    Ok((order, form))
}

fn trailing(told: Option<&Json>) -> Result<Vec<u8>, String> {
    told.map_or(Some(Vec::new()), |told| told.as_str().and_then(hex::parse))
        .ok_or_else(|| "trailing: no hex".to_owned())
}

#[cfg(test)]
mod tests;
