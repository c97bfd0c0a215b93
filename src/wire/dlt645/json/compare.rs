//! Whether an object says the same as a frame.

use super::{Fields, decimal};
use serde_json::Value;

/// Keys that explain and determine nothing. (Function 08 is the same in both editions, so `protocol` is among them.)
const WORDS: [&str; 8] =
    ["protocol", "di_name", "unit", "quality", "function", "direction", "error", "error_bits"];

/// The first key of `said` that the frame contradicts.
pub(super) fn contradiction<'a>(said: &'a Fields, shown: &Fields) -> Option<&'a str> {
    let weighs = |key: &str| !WORDS.contains(&key) && shown.contains_key(key);
    said.iter()
        .find(|(key, value)| weighs(key) && !same(value, &shown[key.as_str()]))
        .map(|(key, _)| key.as_str())
}

fn same(said: &Value, shown: &Value) -> bool {
    match (said, shown) {
        (Value::Number(a), Value::Number(b)) => decimal::same(a, b),
        (Value::String(a), Value::String(b)) => a.eq_ignore_ascii_case(b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (a, b) => a == b,
    }
}
