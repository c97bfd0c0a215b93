//! Exact decimals: JSON numbers to scaled integers and back, without a float between.

use serde_json::{Number, Value};

/// Longest number text that is looked at.
const LONGEST: usize = 40;

/// `units` in units of the last of `decimals` digits, without needless zeros.
pub(super) fn show(units: i64, decimals: u8) -> Value {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = usize::from(decimals) + 1);
    let (whole, part) = digits.split_at(digits.len() - usize::from(decimals));
    let part = part.trim_end_matches('0');
    let sign = if units < 0 { "-" } else { "" };
    let text = if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") };
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// The number in units of the last of `decimals` digits; `None` when it has more digits than that or does not fit.
pub(super) fn take(number: &Number, decimals: u8) -> Option<i64> {
    let (negative, digits, exponent) = parts(&number.to_string())?;
    let shift = exponent + i32::from(decimals);
    let units = match digits.parse::<i64>() {
        Ok(digits) if shift >= 0 => digits.checked_mul(10_i64.checked_pow(u32::try_from(shift).ok()?)?)?,
        Ok(_) => return None,
        Err(_) if digits.is_empty() => 0,
        Err(_) => return None,
    };
    Some(if negative { -units } else { units })
}

/// Whether two numbers are the same decimal.
pub(super) fn same(a: &Number, b: &Number) -> bool {
    a == b || parts(&a.to_string()).is_some_and(|a| parts(&b.to_string()) == Some(a))
}

/// Sign, digits without zeros at either end, power of ten.
fn parts(text: &str) -> Option<(bool, String, i32)> {
    if text.len() > LONGEST {
        return None;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{part}");
    let significant = all.trim_end_matches('0');
    let dropped = i32::try_from(all.len() - significant.len()).ok()?;
    let digits = significant.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Some((false, digits, 0));
    }
    Some((negative, digits, i32::from(exponent) - i32::try_from(part.len()).ok()? + dropped))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn decimals_keep_every_digit_and_no_more() {
        assert_eq!(show(26_462_715, 2).to_string(), "264627.15");
        assert_eq!(show(-1234, 4).to_string(), "-0.1234");
        assert_eq!(show(120_000, 2).to_string(), "1200");
        assert_eq!(show(5, 2).to_string(), "0.05");
        assert_eq!(take(&number("264627.150"), 2), Some(26_462_715));
        assert_eq!(take(&number("1.2e3"), 2), Some(120_000));
        assert_eq!(take(&number("-0"), 2), Some(0));
        assert_eq!(take(&number("0.005"), 2), None);
        assert_eq!(take(&number("1e300"), 2), None);
        assert!(same(&number("1200"), &number("1.2e3")));
        assert!(!same(&number("0.1"), &number("0.10000000000000001")));
    }
}
