//! An object as a frame.

use super::{Fields, content, show};
use crate::wire::dlt645::control::{self, Content, Control, Edition, TERMINALS};
use crate::wire::dlt645::frame::{Address, DATA_MAX, Frame};
use crate::wire::dlt645::value;
use crate::wire::hex;
use serde_json::Value;

/// Most wake-up octets that are made.
const PREAMBLE_MAX: u64 = 64;

/// The frame, and how many wake-up octets go before it.
pub(super) fn frame(fields: &Fields) -> Result<(Frame, usize), String> {
    let address: Address =
        text(fields, "address")?.parse().map_err(|what| format!("address is not {what}"))?;
    let control = match hex::parse(text(fields, "control")?).as_deref() {
        Some(&[control]) => Control(control),
        _ => return Err("control is not one octet".to_owned()),
    };
    let data = match fields.get("data") {
        Some(data) => data.as_str().and_then(hex::parse).ok_or("data is not hexadecimal")?,
        None => data(control, fields)?,
    };
    let frame = Frame::new(address, control, data).ok_or(format!("more than {DATA_MAX} octets of data"))?;
    Ok((frame, preamble(fields)?))
}

fn preamble(fields: &Fields) -> Result<usize, String> {
    let Some(given) = fields.get("preamble_fe") else { return Ok(0) };
    let count = given.as_u64().filter(|n| *n <= PREAMBLE_MAX);
    let count = count.and_then(|n| usize::try_from(n).ok());
    count.ok_or(format!("preamble_fe is not a number up to {PREAMBLE_MAX}"))
}

fn text<'a>(fields: &'a Fields, key: &str) -> Result<&'a str, String> {
    fields.get(key).and_then(Value::as_str).ok_or(format!("{key} is missing"))
}

fn octets(
    fields: &Fields,
    key: &str,
    count: usize,
    read: fn(&str) -> Option<Vec<u8>>,
) -> Result<Vec<u8>, String> {
    let octets = read(text(fields, key)?).filter(|octets| octets.len() == count);
    octets.ok_or(format!("{key} is not {count} octets in hexadecimal"))
}

fn octet(fields: &Fields, key: &str) -> Result<u8, String> {
    let number = fields.get(key).and_then(Value::as_u64);
    number.and_then(|n| u8::try_from(n).ok()).ok_or(format!("{key} is not a number up to 255"))
}

fn wire(fields: &Fields, key: &str) -> Result<Vec<u8>, String> {
    hex::parse(text(fields, key)?).ok_or(format!("{key} is not hexadecimal"))
}

/// The data that the fields say, without `data` itself.
fn data(control: Control, fields: &Fields) -> Result<Vec<u8>, String> {
    let function = control.function();
    if control.is_refusal() {
        return octets(fields, "error_byte", 1, hex::parse);
    }
    let mut data = Vec::new();
    match (function.content, control.is_reply()) {
        (Content::Read, false) => {
            data.extend(di(function.edition, fields)?);
            data.extend(block(fields)?);
        }
        (Content::Read, true) => {
            data.extend(di(function.edition, fields)?);
            data.extend(if control.has_more() {
                wire(fields, "part_hex")?
            } else {
                item(function.edition, fields)?
            });
        }
        (Content::FollowUp, is_reply) => {
            data.extend(di(function.edition, fields)?);
            if is_reply {
                data.extend(wire(fields, "part_hex")?);
            }
            data.push(octet(fields, "seq")?);
        }
        (Content::Write, false) => {
            data.extend(di(function.edition, fields)?);
            data.extend(octets(fields, "password_level", 1, hex::parse)?);
            data.extend(octets(fields, "password", 3, content::from_printed)?);
            if function.edition == Edition::Y2007 {
                data.extend(octets(fields, "operator", 4, content::from_printed)?);
            }
            data.extend(item(function.edition, fields)?);
        }
        (Content::Time, false) => {
            let (date, time) =
                content::read_date_time(text(fields, "value")?).ok_or("value is no date and time")?;
            data.extend(value::write_time(time));
            data.extend(value::write_date(date).ok_or("value is not in 2000..2099")?);
        }
        (Content::ReadAddress, true) | (Content::WriteAddress, false) => {
            data.extend(octets(fields, "value", 6, content::from_printed)?);
        }
        (Content::Freeze, false) => match text(fields, "freeze")? {
            "at once" => data.extend([0x99; 4]),
            _ => return Err("freeze needs data, unless it is \"at once\"".to_owned()),
        },
        (Content::Rate, _) => {
            let rate = fields.get("rate").and_then(Value::as_u64).and_then(|rate| u32::try_from(rate).ok());
            data.push(rate.and_then(control::rate_octet).ok_or("rate is none of the standard")?);
        }
        (Content::Password, is_reply) => {
            if !is_reply {
                data.extend(di(function.edition, fields)?);
                data.extend(octets(fields, "old", 4, hex::parse)?);
            }
            data.extend(octets(fields, "new", 4, hex::parse)?);
        }
        (Content::Terminal, _) => {
            let name = text(fields, "terminal")?;
            let octet = (0..).zip(TERMINALS).find(|(_, known)| *known == name);
            data.push(octet.ok_or("terminal is none of the standard")?.0);
        }
        (Content::ReadAddress, false)
        | (Content::Write | Content::WriteAddress | Content::Time | Content::Freeze, true) => {}
        (Content::Raw, true) => {}
        (Content::Raw, false) => return Err("data is missing".to_owned()),
    }
    Ok(data)
}

fn di(edition: Edition, fields: &Fields) -> Result<Vec<u8>, String> {
    octets(fields, "di", show::di_octets(edition), content::from_printed)
}

fn block(fields: &Fields) -> Result<Vec<u8>, String> {
    if !fields.contains_key("block_count") {
        return Ok(Vec::new());
    }
    let mut block = vec![octet(fields, "block_count")?];
    if fields.contains_key("block_start") {
        let start = content::write_minute(text(fields, "block_start")?);
        block.extend(start.ok_or("block_start is no date, hour and minute")?);
    }
    Ok(block)
}

/// The value of the item that `di` names.
fn item(edition: Edition, fields: &Fields) -> Result<Vec<u8>, String> {
    let item = show::find(edition, &di(edition, fields)?);
    let octets = item.and_then(|item| content::take(item.format, fields));
    octets.map_or_else(|| wire(fields, "value_hex"), Ok).map_err(|_| "the fields give no value".to_owned())
}
