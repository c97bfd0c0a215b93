#![allow(dead_code)]
//! Loads vector files, runs a codec over them and compares.

use depotd::wire::codec::{self, Codec, Decoded, Options};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// One vector of the file format, with the keys of the file it came from.
pub(crate) struct Vector {
    /// The whole object.
    pub(crate) object: Map<String, Value>,
}

impl Vector {
    pub(crate) fn text(&self, key: &str) -> &str {
        self.object.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        depotd::wire::hex::parse(self.text("hex")).expect("vector hex")
    }

    pub(crate) fn fields(&self) -> &Value {
        self.object.get("fields").unwrap_or(&Value::Null)
    }
}

/// All vectors of a group: the shipped (constructed) ones, or the whole published file where it is at hand.
pub(crate) fn load(group: &str) -> Vec<Vector> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/data/{group}.json"));
    let path = match published(group) {
        Some(path) => path,
        None => {
            println!("{group}: published vectors left out (no ../shared/vectors); constructed ones only");
            shipped
        }
    };
    let text = std::fs::read_to_string(&path).expect("vector file");
    let file: Value = serde_json::from_str(&text).expect("vector file is JSON");
    let list = if file.is_array() { file } else { file["vectors"].clone() };
    let Value::Array(list) = list else { panic!("{}: no vectors", path.display()) };
    list.into_iter()
        .map(|v| match v {
            Value::Object(object) => Vector { object },
            other => panic!("not an object: {other}"),
        })
        .collect()
}

fn published(group: &str) -> Option<PathBuf> {
    let near = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/vectors");
    let folder = std::env::var_os("DEPOTD_VECTORS").map(PathBuf::from).unwrap_or(near);
    let path = folder.join(format!("{group}.json"));
    path.exists().then_some(path)
}

/// The codec by its word.
pub(crate) fn codec(name: &str) -> &'static Codec {
    codec::by_name(name).unwrap_or_else(|| panic!("no codec {name}"))
}

/// Decodes a stream that must hold exactly one good frame.
pub(crate) fn one_good(
    codec: &Codec,
    octets: &[u8],
    options: &Options,
) -> Result<Map<String, Value>, String> {
    let mut all = (codec.decode)(octets, options);
    match (all.len(), all.pop()) {
        (1, Some(Decoded::Good { object, .. })) => Ok(object),
        (1, Some(Decoded::Bad { error, .. })) => Err(error),
        (n, last) => Err(format!("{n} frames, last {last:?}")),
    }
}

/// Compares as the vector format asks: numbers as exact decimals, hexadecimal text without regard to case; every key
/// of `wanted` must be there (more may be). Gives the first difference as a path.
pub(crate) fn difference(wanted: &Value, found: &Value) -> Option<String> {
    differ("", wanted, found)
}

fn differ(at: &str, wanted: &Value, found: &Value) -> Option<String> {
    match (wanted, found) {
        (Value::Object(w), Value::Object(f)) => w.iter().find_map(|(key, value)| match f.get(key) {
            Some(other) => differ(&format!("{at}.{key}"), value, other),
            None => Some(format!("{at}.{key} is absent, wanted {value}")),
        }),
        (Value::Array(w), Value::Array(f)) if w.len() == f.len() => {
            w.iter().zip(f).enumerate().find_map(|(i, (a, b))| differ(&format!("{at}[{i}]"), a, b))
        }
        (Value::Number(w), Value::Number(f)) if decimal(&w.to_string()) == decimal(&f.to_string()) => None,
        (Value::String(w), Value::String(f)) if w.eq_ignore_ascii_case(f) => None,
        (w, f) if w == f => None,
        (w, f) => Some(format!("{at}: wanted {w}, found {f}")),
    }
}

/// A decimal in one form, so that 1200, 1200.0 and 1.2e3 compare equal.
fn decimal(text: &str) -> (bool, String, i32) {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().expect("exponent")),
        None => (text, 0),
    };
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.trim_start_matches(['-', '+']);
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    let digits = digits.trim_start_matches('0');
    let trimmed = digits.trim_end_matches('0');
    let exponent = exponent - part.len() as i32 + (digits.len() - trimmed.len()) as i32;
    if trimmed.is_empty() { (false, String::new(), 0) } else { (negative, trimmed.to_owned(), exponent) }
}

/// Fails with the whole list when any vector disagreed.
pub(crate) fn verdict(group: &str, checked: usize, wrong: &[String]) {
    println!("{group}: {checked} checks, {} wrong", wrong.len());
    assert!(checked > 0, "{group}: nothing was checked");
    assert!(wrong.is_empty(), "{group}:\n{}", wrong.join("\n"));
}
