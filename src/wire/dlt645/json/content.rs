//! The value of an item as fields, and back.

use super::{Fields, decimal};
use crate::wire::dlt645::item::{Format, Item};
use crate::wire::dlt645::value::{self, Fixed};
use crate::wire::hex;
use jiff::civil::{Date, DateTime, Time};
use serde_json::{Value, json};

/// A maximum demand: the number and its minute.
const DEMAND_TIME: usize = 5;

/// Puts into `fields` what the octets say. An unusable value is `null` with `quality`.
pub(super) fn show(item: &Item, octets: &[u8], fields: &mut Fields) {
    if !fits(item.format, octets.len()) {
        fields.insert("value".to_owned(), Value::Null);
        fields.insert("quality".to_owned(), json!("wrong length"));
        fields.insert("value_hex".to_owned(), json!(hex::upper(octets)));
    } else if item.format == Format::Opaque || says(item.format, octets, fields).is_none() {
        fields.insert("value_hex".to_owned(), json!(hex::upper(octets)));
    }
    if let Some(unit) = item.unit {
        fields.insert("unit".to_owned(), json!(unit));
    }
}

fn fits(format: Format, length: usize) -> bool {
    let whole = |part: usize| length > 0 && length.is_multiple_of(part);
    match format {
        Format::Number(number) => length == number.octets,
        Format::Numbers(number, Some(count)) => length == number.octets * count,
        Format::Numbers(number, None) => whole(number.octets),
        Format::Demand(number) => length == number.octets + DEMAND_TIME,
        Format::Demands(number) => whole(number.octets + DEMAND_TIME),
        Format::Digits(octets) | Format::Text(octets) => length == octets,
        Format::Words(count) => length == 2 * count,
        Format::Zones | Format::Slots => whole(3),
        Format::Bits => length == 1,
        Format::Word | Format::SettlementDay => length == 2,
        Format::Time => length == 3,
        Format::Binary | Format::DateWeekday | Format::MinuteOfYear => length == 4,
        Format::Minute => length == 5,
        Format::Address => length == 6,
        Format::DateTime => length == 7,
        Format::Opaque => true,
    }
}

/// `None` when the format says nothing of octets that it fits.
fn says(format: Format, octets: &[u8], fields: &mut Fields) -> Option<()> {
    match format {
        Format::Number(number) => one(fields, shown(number, octets)),
        Format::Numbers(number, _) => {
            many(fields, "values", octets.chunks_exact(number.octets).map(|part| shown(number, part)));
        }
        Format::Demand(number) => {
            let (demand, minute) = octets.split_at(number.octets);
            one(fields, shown(number, demand));
            fields.insert("time".to_owned(), json!(minute_text(minute)));
        }
        Format::Demands(number) => {
            let parts = || octets.chunks_exact(number.octets + DEMAND_TIME);
            many(fields, "values", parts().map(|part| shown(number, &part[..number.octets])));
            let times: Value = parts().map(|part| json!(minute_text(&part[number.octets..]))).collect();
            fields.insert("times".to_owned(), times);
        }
        Format::Binary => {
            let wh = <[u8; 4]>::try_from(octets).ok().map(u32::from_le_bytes);
            one(fields, wh.filter(|wh| *wh != u32::MAX).map(|wh| json!(wh)));
        }
        Format::Digits(_) => one(fields, value::digits(octets).map(Value::from)),
        Format::Address => one(fields, Some(json!(printed(octets)))),
        Format::Text(_) => one(fields, value::text(octets).map(Value::from)),
        Format::DateWeekday => {
            let [weekday, day, month, year] = octets.try_into().ok()?;
            one(fields, value::date([day, month, year]).map(|date| json!(date.to_string())));
            fields.insert("weekday".to_owned(), weekday_shown(weekday));
        }
        Format::Time => {
            one(fields, value::time(octets.try_into().ok()?).map(|time| json!(time.to_string())));
        }
        Format::DateTime => {
            let [ss, mm, hh, weekday, day, month, year] = octets.try_into().ok()?;
            one(fields, date_time([ss, mm, hh, day, month, year]));
            fields.insert("weekday".to_owned(), weekday_shown(weekday));
        }
        Format::Minute => one(fields, minute_text(octets).map(Value::from)),
        Format::MinuteOfYear => {
            let [mm, hh, day, month] = octets.try_into().ok()?;
            // a leap year, so that 29 February is a day
            let minute = value::minute([mm, hh, day, month, 0]);
            one(fields, minute.map(|m| json!(m.strftime("%m-%d %H:%M").to_string())));
        }
        Format::Word => {
            let word = u16::from_le_bytes(octets.try_into().ok()?);
            fields.insert("word".to_owned(), json!(format!("{word:04X}")));
            fields.insert("bits_set".to_owned(), bits(word));
        }
        Format::Words(_) => {
            let words: Value = octets.chunks_exact(2).map(|w| json!(printed(w))).collect();
            fields.insert("words".to_owned(), words);
        }
        Format::Bits => {
            fields.insert("value_hex".to_owned(), json!(hex::upper(octets)));
            fields.insert("bits_set".to_owned(), bits(u16::from(octets[0])));
        }
        Format::SettlementDay => {
            let (hour, day) = (value::pair(octets[0]), value::pair(octets[1]));
            let day = day.zip(hour).filter(|(day, hour)| (1..=31).contains(day) && *hour < 24);
            one(fields, day.map(|(day, hour)| json!(format!("day {day}, hour {hour}"))));
        }
        Format::Zones => many(fields, "zones", octets.chunks_exact(3).map(zone)),
        Format::Slots => many(fields, "slots", octets.chunks_exact(3).map(slot)),
        Format::Opaque => return None,
    }
    Some(())
}

pub(super) fn one(fields: &mut Fields, value: Option<Value>) {
    if value.is_none() {
        fields.insert("quality".to_owned(), json!("invalid"));
    }
    fields.insert("value".to_owned(), value.unwrap_or_default());
}

/// A block. Missing parts are `null`, and the block then is not wholly usable.
fn many(fields: &mut Fields, key: &str, parts: impl Iterator<Item = Option<Value>>) {
    let parts: Vec<Value> = parts.map(Option::unwrap_or_default).collect();
    if parts.contains(&Value::Null) {
        fields.insert("quality".to_owned(), json!("invalid"));
    }
    fields.insert(key.to_owned(), Value::Array(parts));
}

fn shown(number: Fixed, octets: &[u8]) -> Option<Value> {
    number.read(octets).map(|units| decimal::show(units, number.decimals))
}

/// High octet first, as printed.
pub(super) fn printed(octets: &[u8]) -> String {
    octets.iter().rev().map(|o| format!("{o:02X}")).collect()
}

pub(super) fn date_time(octets: [u8; 6]) -> Option<Value> {
    value::date_time(octets).map(|at| json!(format!("{} {}", at.date(), at.time())))
}

pub(super) fn minute_text(octets: &[u8]) -> Option<String> {
    let minute = value::minute(octets.try_into().ok()?)?;
    Some(minute.strftime("%Y-%m-%d %H:%M").to_string())
}

fn weekday_shown(octet: u8) -> Value {
    value::pair(octet).filter(|weekday| *weekday < 7).map_or(Value::Null, Value::from)
}

fn bits(word: u16) -> Value {
    (0..16).filter(|bit| word & 1 << bit != 0).map(Value::from).collect()
}

fn zone(octets: &[u8]) -> Option<Value> {
    let [table, day, month] = [value::pair(octets[0])?, value::pair(octets[1])?, value::pair(octets[2])?];
    let good = (1..=12).contains(&month) && (1..=31).contains(&day);
    good.then(|| json!(format!("{month:02}-{day:02} table {table}")))
}

fn slot(octets: &[u8]) -> Option<Value> {
    let [tariff, mm, hh] = [value::pair(octets[0])?, value::pair(octets[1])?, value::pair(octets[2])?];
    (hh < 24 && mm < 60).then(|| json!(format!("{hh:02}:{mm:02} tariff {tariff}")))
}

/// The octets of the value that the fields give; `None` when they give none that this format can write.
pub(super) fn take(format: Format, fields: &Fields) -> Option<Vec<u8>> {
    let text = || fields.get("value").and_then(Value::as_str);
    let wire = |key: &str| fields.get(key).and_then(Value::as_str).and_then(hex::parse);
    match format {
        Format::Number(number) => units(number, fields.get("value")?),
        Format::Numbers(number, _) => {
            let parts = fields.get("values")?.as_array()?;
            parts.iter().map(|part| units(number, part)).collect::<Option<Vec<_>>>().map(|p| p.concat())
        }
        Format::Demand(number) => {
            let mut octets = units(number, fields.get("value")?)?;
            octets.extend(write_minute(fields.get("time")?.as_str()?)?);
            Some(octets)
        }
        Format::Demands(number) => {
            let (values, times) = (fields.get("values")?.as_array()?, fields.get("times")?.as_array()?);
            let mut octets = Vec::new();
            for (demand, minute) in values.iter().zip(times) {
                octets.extend(units(number, demand)?);
                octets.extend(write_minute(minute.as_str()?)?);
            }
            Some(octets)
        }
        Format::Binary => {
            let wh = decimal::take(fields.get("value")?.as_number()?, 0)?;
            Some(u32::try_from(wh).ok()?.to_le_bytes().to_vec())
        }
        Format::Digits(_) | Format::Address => text().and_then(from_printed),
        Format::Text(octets) => value::write_text(text()?, octets),
        Format::DateWeekday => {
            let mut octets = vec![weekday(fields)?];
            octets.extend(value::write_date(text()?.parse().ok()?)?);
            Some(octets)
        }
        Format::Time => Some(value::write_time(text()?.parse().ok()?).to_vec()),
        Format::DateTime => {
            let (date, time) = text().and_then(read_date_time)?;
            let mut octets = value::write_time(time).to_vec();
            octets.push(weekday(fields)?);
            octets.extend(value::write_date(date)?);
            Some(octets)
        }
        Format::Minute => write_minute(text()?),
        Format::Word => fields.get("word").and_then(Value::as_str).and_then(from_printed),
        Format::Words(_) => {
            let words = fields.get("words")?.as_array()?;
            let octets: Option<Vec<_>> = words.iter().map(|w| w.as_str().and_then(from_printed)).collect();
            Some(octets?.concat())
        }
        Format::Bits | Format::Opaque => wire("value_hex"),
        Format::SettlementDay => {
            let (day, hour) = text()?.strip_prefix("day ")?.split_once(", hour ")?;
            Some(vec![small(hour)?, small(day)?])
        }
        Format::Zones => entries(fields.get("zones")?, " table ", '-', |month, day| [day, month]),
        Format::Slots => entries(fields.get("slots")?, " tariff ", ':', |hour, minute| [minute, hour]),
        Format::MinuteOfYear => {
            let (day, time) = text()?.split_once(' ')?;
            let ((month, day), (hh, mm)) = (day.split_once('-')?, time.split_once(':')?);
            Some(vec![small(mm)?, small(hh)?, small(day)?, small(month)?])
        }
    }
}

fn units(number: Fixed, value: &Value) -> Option<Vec<u8>> {
    number.write(decimal::take(value.as_number()?, number.decimals)?)
}

/// Hexadecimal text as printed to the order of the wire.
pub(super) fn from_printed(text: &str) -> Option<Vec<u8>> {
    let mut octets = hex::parse(text)?;
    octets.reverse();
    Some(octets)
}

fn weekday(fields: &Fields) -> Option<u8> {
    let weekday = fields.get("weekday")?.as_u64()?;
    u8::try_from(weekday).ok().filter(|weekday| *weekday < 7)
}

/// `YYYY-MM-DD hh:mm:ss`.
pub(super) fn read_date_time(text: &str) -> Option<(Date, Time)> {
    let (date, time) = text.split_once(' ')?;
    Some((date.parse().ok()?, time.parse().ok()?))
}

/// `YYYY-MM-DD hh:mm`.
pub(super) fn write_minute(text: &str) -> Option<Vec<u8>> {
    let (date, time) = text.split_once(' ')?;
    let at = DateTime::from_parts(date.parse().ok()?, format!("{time}:00").parse().ok()?);
    let mut octets = value::write_time(at.time())[1..].to_vec();
    octets.extend(value::write_date(at.date())?);
    Some(octets)
}

fn small(text: &str) -> Option<u8> {
    text.parse().ok().filter(|n| *n < 100).map(value::to_pair)
}

fn entries(list: &Value, word: &str, between: char, order: fn(u8, u8) -> [u8; 2]) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for entry in list.as_array()? {
        let (when, number) = entry.as_str()?.split_once(word)?;
        let (first, second) = when.split_once(between)?;
        octets.push(small(number)?);
        octets.extend(order(small(first)?, small(second)?));
    }
    Some(octets)
}
