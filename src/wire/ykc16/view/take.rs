//! From an object to octets, by the rows of a table.

use crate::wire::hex;
use crate::wire::ykc16::field::ascii;
use crate::wire::ykc16::layout::{Kind, Row};
use crate::wire::ykc16::reading::Reading;
use crate::wire::ykc16::time::Cp56;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// The body that an object determines. Every row must be there, raw or scaled, and nothing else.
pub(super) fn rows(rows: &[Row], fields: &Object, scaled: &Object) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    for row in rows {
        let taken = one(row, fields, scaled).map_err(|why| format!("{}: {why}", row.name))?;
        octets.extend(taken);
    }
    match stranger(rows, fields, scaled) {
        Some(key) => Err(format!("{key}: no field of this message")),
        None => Ok(octets),
    }
}

fn one(row: &Row, fields: &Object, scaled: &Object) -> Result<Vec<u8>, String> {
    let value = || fields.get(row.name).ok_or_else(|| "absent".to_owned());
    match row.kind {
        Kind::Unsigned(width) => unsigned(row, width, fields.get(row.name), scaled.get(row.name)),
        Kind::Octets(width) => octets(value()?, width),
        Kind::Numbers(width) => numbers(value()?, width),
        Kind::Ascii(width) => with_hex(row.name, fields, width, &|octets| ascii(octets).map(str::to_owned)),
        Kind::Time => {
            with_hex(row.name, fields, 7, &|octets| octets.try_into().ok().and_then(|o| Cp56(o).text()))
        }
        Kind::Counted(most, entry) => {
            let list = value()?.as_array().ok_or("no list")?;
            let count = count(list.len(), most, fields.get("count"))?;
            Ok([vec![count], entries(list, entry)?].concat())
        }
        Kind::Rest(most, entry) => {
            let list = value()?.as_array().ok_or("no list")?;
            count(list.len(), most, None)?;
            entries(list, entry)
        }
        Kind::Text(most) => text(row.name, most, fields),
    }
}

/// Raw, scaled, or both alike.
fn unsigned(row: &Row, width: usize, raw: Option<&Value>, scaled: Option<&Value>) -> Result<Vec<u8>, String> {
    let physical = match (scaled, row.reading) {
        (None, _) => None,
        (Some(Value::Number(value)), Reading::Scaled(scale)) => {
            Some(scale.raw(value).ok_or("its scaled value does not travel")?)
        }
        (Some(_), _) => return Err("has no scaled value".to_owned()),
    };
    let raw = match raw {
        None => physical.ok_or("absent")?,
        Some(raw) => raw.as_u64().ok_or("not an unsigned integer")?,
    };
    if physical.is_some_and(|physical| physical != raw) {
        return Err("its raw and its scaled value contradict each other".to_owned());
    }
    let octets = raw.to_le_bytes();
    let (low, high) = octets.split_at_checked(width).unwrap_or((&octets, &[]));
    let fits = high.iter().all(|octet| *octet == 0);
    if fits { Ok(low.to_vec()) } else { Err(format!("more than {width} octets hold")) }
}

fn octets(value: &Value, width: usize) -> Result<Vec<u8>, String> {
    let octets = value.as_str().and_then(hex::parse).filter(|octets| octets.len() == width);
    octets.ok_or_else(|| format!("no hex of {width} octets"))
}

fn numbers(value: &Value, width: usize) -> Result<Vec<u8>, String> {
    let number = |value: &Value| value.as_u64().and_then(|n| u8::try_from(n).ok());
    let numbers = value.as_array().filter(|list| list.len() == width);
    numbers
        .and_then(|list| list.iter().map(number).collect())
        .ok_or_else(|| format!("no list of {width} numbers of 0..=255"))
}

/// A text or time of `width` octets: from its octets when they are given, which must read as it does, else from itself.
fn with_hex(
    name: &str,
    fields: &Object,
    width: usize,
    read: &dyn Fn(&[u8]) -> Option<String>,
) -> Result<Vec<u8>, String> {
    let told = told(name, fields)?;
    let octets = match fields.get(&format!("{name}_hex")) {
        Some(hex) => octets(hex, width)?,
        None if width == 7 => {
            told.as_str().and_then(Cp56::parse).ok_or("not YYYY-MM-DDThh:mm:ss.mmm")?.0.to_vec()
        }
        None => filled(told.as_str().ok_or("no text")?, width)?,
    };
    let same = read(&octets).as_deref() == told.as_str();
    if same { Ok(octets) } else { Err("its octets read otherwise".to_owned()) }
}

/// A text, or null beside its octets.
fn told<'a>(name: &str, fields: &'a Object) -> Result<&'a Value, &'static str> {
    let told = fields.get(name).ok_or("absent")?;
    if told.is_string() || told.is_null() { Ok(told) } else { Err("neither text nor null") }
}

fn filled(text: &str, width: usize) -> Result<Vec<u8>, String> {
    let mut octets = text.as_bytes().to_vec();
    if octets.len() > width {
        return Err(format!("longer than {width} octets"));
    }
    octets.resize(width, 0);
    Ok(octets)
}

fn text(name: &str, most: usize, fields: &Object) -> Result<Vec<u8>, String> {
    let told = told(name, fields)?;
    let octets = match fields.get(&format!("{name}_hex")) {
        Some(hex) => hex.as_str().and_then(hex::parse).ok_or("no hex")?,
        None => told.as_str().ok_or("no text")?.as_bytes().to_vec(),
    };
    let read = std::str::from_utf8(&octets).ok().filter(|text| text.is_ascii());
    if read != told.as_str() {
        return Err("its octets read otherwise".to_owned());
    }
    let length = count(octets.len(), most, fields.get("len"))?;
    Ok([vec![length], octets].concat())
}

/// The count octet; what the object says about it must agree.
fn count(found: usize, most: usize, told: Option<&Value>) -> Result<u8, String> {
    let count = u8::try_from(found).ok().filter(|_| found <= most);
    let count = count.ok_or_else(|| format!("{found}, at most {most}"))?;
    match told {
        Some(told) if told.as_u64() != Some(count.into()) => Err(format!("{found}, but {told} are told")),
        Some(_) | None => Ok(count),
    }
}

fn entries(list: &[Value], entry: &[Row]) -> Result<Vec<u8>, String> {
    let empty = Map::new();
    let octets = list.iter().map(|one| rows(entry, one.as_object().ok_or("an entry is no object")?, &empty));
    octets.collect::<Result<Vec<_>, _>>().map(|entries| entries.concat())
}

/// A key that no row explains.
fn stranger<'a>(rows: &[Row], fields: &'a Object, scaled: &'a Object) -> Option<&'a str> {
    let explained = |row: &Row, key: &str| {
        let beside = match row.kind {
            Kind::Counted(..) => key == "count",
            Kind::Text(_) => key == "len" || key.strip_suffix("_hex") == Some(row.name),
            Kind::Ascii(_) | Kind::Time => key.strip_suffix("_hex") == Some(row.name),
            Kind::Unsigned(_) | Kind::Octets(_) | Kind::Numbers(_) | Kind::Rest(..) => false,
        };
        beside || key == row.name
    };
    let unknown = |key: &&String| !rows.iter().any(|row| explained(row, key));
    let unscaled = |key: &&String| {
        !rows.iter().any(|row| row.name == **key && matches!(row.reading, Reading::Scaled(_)))
    };
    fields.keys().find(unknown).or_else(|| scaled.keys().find(unscaled)).map(String::as_str)
}
