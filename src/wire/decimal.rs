//! Exact decimals in JSON: a physical value is an integer and a number of places, never a binary float.

use serde_json::{Number, Value};

/// `value / 10^places` as JSON, without trailing zeros: `(5987, 1)` is `598.7`, `(5760, 1)` is `576`.
#[must_use]
pub fn json(value: i64, places: u8) -> Value {
    let text = text(value, places);
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}

fn text(value: i64, places: u8) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = usize::from(places) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(places));
    let part = part.trim_end_matches('0');
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

/// The integer that `json` made the number from. `None` when it is no number, has an exponent or more places than
/// the field can carry.
#[must_use]
pub fn read(value: &Value, places: u8) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    let text = number.to_string();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.as_str()),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    if part.len() > usize::from(places) {
        return None;
    }
    let digits = format!("{whole}{part:0<width$}", width = usize::from(places));
    let value: i64 = digits.parse().ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_it_was_written() {
        for (value, places, wanted) in [
            (5987, 1, "598.7"),
            (5760, 1, "576"),
            (-1804, 1, "-180.4"),
            (-5, 1, "-0.5"),
            (365, 2, "3.65"),
            (0, 2, "0"),
        ] {
            let json = json(value, places);
            assert_eq!(json.to_string(), wanted);
            assert_eq!(read(&json, places), Some(value));
        }
    }

    #[test]
    fn what_does_not_fit_is_not_rounded() {
        let read = |text: &str| super::read(&serde_json::from_str(text).expect("JSON"), 1);
        assert_eq!(read("1.25"), None);
        assert_eq!(read("1e300"), None);
        assert_eq!(read("99999999999999999999"), None);
        assert_eq!(read("\"1\""), None);
        assert_eq!(read("1.50"), Some(15));
    }
}
