//! The one engine that reads and writes every body by its table (platform-222.md 3, 4.2).

use super::body::{Body, Value, entries};
use super::cp56;
use super::dialect;
use super::layout::{Field, Type};
use super::verdict::Verdict;

/// Reads a body. Fields are checked in their order, octets left over last; `longer` = the frame is of a later minor
/// version, which may have appended fields.
pub fn read(layout: &'static [Field], octets: &[u8], longer: bool) -> Result<Body, Verdict> {
    let mut rest = octets;
    let body = body(layout, &mut rest)?;
    if rest.is_empty() || longer { Ok(body) } else { Err(Verdict::BodyLong) }
}

/// Whether a reply body is a generic refusal (platform-222.md 4.3).
#[must_use]
pub fn refusal(octets: &[u8]) -> Option<u8> {
    match octets {
        [code @ (dialect::UNKNOWN_DEVICE | dialect::MALFORMED | dialect::NOT_SUPPORTED)] => Some(*code),
        _ => None,
    }
}

/// Writes a body. Total: see [`super::body`].
#[must_use]
pub fn write(body: &Body) -> Vec<u8> {
    let mut out = Vec::new();
    append(body, &mut out);
    out
}

fn body(layout: &'static [Field], rest: &mut &[u8]) -> Result<Body, Verdict> {
    let mut body = Body::new(layout);
    for field in layout {
        if body.holds(field) {
            let value = value(field, rest)?;
            body.set(field.name, value);
        }
    }
    Ok(body)
}

fn value(field: &Field, rest: &mut &[u8]) -> Result<Value, Verdict> {
    Ok(match field.kind {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 | Type::I8 | Type::I16 | Type::I32 => {
            Value::Number(number(field.kind, rest)?)
        }
        Type::Flag => match number(field.kind, rest)? {
            flag @ 0..=1 => Value::Number(flag),
            _ => return Err(Verdict::BadValue),
        },
        Type::Choice(known) => {
            let choice = take(rest, 1)?[0];
            if !known.contains(&choice) {
                return Err(Verdict::BadValue);
            }
            Value::Number(choice.into())
        }
        Type::Ascii(n) => Value::Text(text(take(rest, n)?, |b| (0x20..=0x7E).contains(&b))?),
        Type::Utf8(n) => Value::Text(text(take(rest, n)?, |b| b >= 0x20 && b != 0x7F)?),
        Type::Bytes(n) => Value::Octets(take(rest, n)?.to_vec()),
        Type::Txn => Value::Octets(take(rest, 16)?.to_vec()),
        Type::Bcd(n) => Value::Text(digits(take(rest, n)?)?),
        Type::Time => {
            let mut octets = [0; 7];
            octets.copy_from_slice(take(rest, 7)?);
            Value::Time(cp56::read(octets)?)
        }
        Type::Cred => {
            let kind = take(rest, 1)?[0];
            Value::Cred(kind, counted(rest, 32)?)
        }
        Type::Uid => Value::Octets(counted(rest, 10)?),
        Type::Param => {
            const UNKNOWN: u8 = 255;
            if rest.first() == Some(&UNKNOWN) {
                take(rest, 1)?;
                Value::Param(None)
            } else {
                Value::Param(Some(counted(rest, 128)?))
            }
        }
        Type::Blob16(most) => {
            let length = count(Type::U16, rest, most)?;
            if length == 0 {
                return Err(Verdict::BadCount);
            }
            Value::Octets(take(rest, length)?.to_vec())
        }
        Type::List8(most, entry) => Value::List(list(count(Type::U8, rest, most)?, entry, rest)?),
        Type::List16(most, entry) => Value::List(list(count(Type::U16, rest, most)?, entry, rest)?),
    })
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Result<&'a [u8], Verdict> {
    let (taken, left) = rest.split_at_checked(count).ok_or(Verdict::BodyShort)?;
    *rest = left;
    Ok(taken)
}

fn number(kind: Type, rest: &mut &[u8]) -> Result<i128, Verdict> {
    let octets = take(rest, kind.width())?;
    let unsigned = octets.iter().rev().fold(0, |n: i128, octet| n << 8 | i128::from(*octet));
    let (low, high) = kind.range().unwrap_or_default();
    let wraps = low < 0 && unsigned > high;
    Ok(if wraps { unsigned - (1 << (8 * octets.len())) } else { unsigned })
}

fn count(kind: Type, rest: &mut &[u8], most: usize) -> Result<usize, Verdict> {
    let count = usize::try_from(number(kind, rest)?).unwrap_or(usize::MAX);
    if count > most { Err(Verdict::BadCount) } else { Ok(count) }
}

fn counted(rest: &mut &[u8], most: usize) -> Result<Vec<u8>, Verdict> {
    let length = count(Type::U8, rest, most)?;
    Ok(take(rest, length)?.to_vec())
}

fn list(count: usize, entry: &'static [Field], rest: &mut &[u8]) -> Result<Vec<Body>, Verdict> {
    (0..count).map(|_| body(entry, rest)).collect()
}

/// A text that ends at the first NUL; behind it there is nothing but NUL.
fn text(octets: &[u8], good: impl Fn(u8) -> bool) -> Result<String, Verdict> {
    let end = octets.iter().position(|o| *o == 0).unwrap_or(octets.len());
    let (text, padding) = octets.split_at(end);
    if padding.iter().any(|o| *o != 0) || !text.iter().all(|o| good(*o)) {
        return Err(Verdict::BadValue);
    }
    String::from_utf8(text.to_vec()).map_err(|_| Verdict::BadValue)
}

fn digits(octets: &[u8]) -> Result<String, Verdict> {
    let nibbles = octets.iter().flat_map(|o| [o >> 4, o & 15]);
    nibbles.map(|n| if n <= 9 { Ok(char::from(b'0' + n)) } else { Err(Verdict::BadValue) }).collect()
}

fn append(body: &Body, out: &mut Vec<u8>) {
    for (field, value) in body.fields() {
        if body.holds(field) {
            append_value(field, value, out);
        }
    }
}

fn append_value(field: &Field, value: Option<&Value>, out: &mut Vec<u8>) {
    let octets = match value {
        Some(Value::Octets(octets)) => &octets[..],
        _ => &[],
    };
    let text = match value {
        Some(Value::Text(text)) => text,
        _ => "",
    };
    match field.kind {
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::Flag
        | Type::Choice(_) => append_number(field, value, out),
        Type::Ascii(n) => fixed(n, &ascii(text), out),
        Type::Utf8(n) => fixed(n, utf8(text, n).as_bytes(), out),
        Type::Bytes(n) => fixed(n, octets, out),
        Type::Txn => fixed(16, octets, out),
        Type::Bcd(n) => fixed(n, &packed(text), out),
        Type::Time => {
            let time = if let Some(Value::Time(time)) = value { *time } else { None };
            out.extend(cp56::write(time));
        }
        Type::Cred => {
            let (kind, octets) =
                if let Some(Value::Cred(k, o)) = value { (*k, &o[..]) } else { (0, &[][..]) };
            out.push(kind);
            length8(octets, 32, out);
        }
        Type::Uid => length8(octets, 10, out),
        Type::Param => match value {
            Some(Value::Param(Some(octets))) => length8(octets, 128, out),
            _ => out.push(255),
        },
        Type::Blob16(most) => {
            // An empty one cannot be told: one zero octet stands for it.
            let octets = if octets.is_empty() { &[0][..] } else { &octets[..octets.len().min(most)] };
            out.extend((octets.len() as u16).to_le_bytes());
            out.extend(octets);
        }
        Type::List8(..) | Type::List16(..) => append_list(field, value, out),
    }
}

fn append_number(field: &Field, value: Option<&Value>, out: &mut Vec<u8>) {
    let absent = match field.kind {
        Type::Choice(known) => known.first().copied().map_or(0, i128::from),
        _ => field.none().unwrap_or(0),
    };
    let number = match value {
        Some(Value::Number(number)) => nearest(field, *number),
        _ => absent,
    };
    out.extend(&number.to_le_bytes()[..field.kind.width()]);
}

/// The number itself where its type holds it, else the nearest one that is not "none".
fn nearest(field: &Field, number: i128) -> i128 {
    match (field.kind.range(), field.limits()) {
        (Some((low, high)), Some((least, most))) if number < low || number > high => {
            number.clamp(least, most)
        }
        _ => number,
    }
}

fn append_list(field: &Field, value: Option<&Value>, out: &mut Vec<u8>) {
    let most = match field.kind {
        Type::List8(most, _) | Type::List16(most, _) => most,
        _ => 0,
    };
    let list = if let Some(Value::List(list)) = value { &list[..list.len().min(most)] } else { &[] };
    let width = if matches!(field.kind, Type::List16(..)) { 2 } else { 1 };
    out.extend(&list.len().to_le_bytes()[..width]);
    for entry in list {
        debug_assert_eq!(Some(entry.layout()), entries(field));
        append(entry, out);
    }
}

fn fixed(width: usize, octets: &[u8], out: &mut Vec<u8>) {
    let told = &octets[..octets.len().min(width)];
    out.extend(told);
    out.extend(std::iter::repeat_n(0, width - told.len()));
}

fn length8(octets: &[u8], most: usize, out: &mut Vec<u8>) {
    let octets = &octets[..octets.len().min(most)];
    out.push(octets.len() as u8);
    out.extend(octets);
}

/// Printable ASCII; anything else becomes a question mark.
fn ascii(text: &str) -> Vec<u8> {
    text.chars().map(|c| if (' '..='~').contains(&c) { c as u8 } else { b'?' }).collect()
}

/// Without control characters, shortened at a character boundary.
fn utf8(text: &str, most: usize) -> String {
    let mut told = String::new();
    for c in text.chars().filter(|c| *c >= ' ' && *c != '\u{7F}') {
        if told.len() + c.len_utf8() > most {
            break;
        }
        told.push(c);
    }
    told
}

/// Two digits per octet; what is no digit counts as 0.
fn packed(text: &str) -> Vec<u8> {
    let digit = |b: u8| if b.is_ascii_digit() { b - b'0' } else { 0 };
    text.as_bytes().chunks(2).map(|p| digit(p[0]) << 4 | p.get(1).map_or(0, |b| digit(*b))).collect()
}

#[cfg(test)]
mod tests;
