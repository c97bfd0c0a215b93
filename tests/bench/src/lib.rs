//! What the benchmarks share: paired runs, medians, and a table.
//!
//! A claim of speed is a ratio of two programs that did the same work in the same run, one after the other, several
//! times. Medians are shown; absolute numbers belong to the machine they were measured on.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

pub mod constructed;
pub mod dbc;
pub mod foreign;
pub mod slaves;

use std::time::{Duration, Instant};

/// How long one run took.
pub fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let began = Instant::now();
    let done = work();
    (began.elapsed(), done)
}

/// Items per second of a loop that is repeated until it has taken at least this long.
pub fn rate(at_least: Duration, mut turn: impl FnMut() -> u64) -> f64 {
    let began = Instant::now();
    let mut items = 0;
    loop {
        items += turn();
        let elapsed = began.elapsed();
        if elapsed >= at_least {
            return items as f64 / elapsed.as_secs_f64();
        }
    }
}

/// The middle one; of an even number the lower of the two in the middle.
#[must_use]
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// Lowest, middle and highest.
#[must_use]
pub fn spread(numbers: &[f64]) -> (f64, f64, f64) {
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (least, median(numbers.to_vec()), most)
}

/// A number for people: three digits and a word.
#[must_use]
pub fn shown(number: f64) -> String {
    match number {
        n if n >= 1e7 => format!("{:.1} million", n / 1e6),
        n if n >= 1e6 => format!("{:.2} million", n / 1e6),
        n if n >= 1e4 => format!("{:.0} 000", n / 1e3),
        n if n >= 100.0 => format!("{n:.0}"),
        n => format!("{n:.2}"),
    }
}

/// A Markdown table with aligned columns.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |c: usize| rows.iter().filter_map(|r| r.get(c)).map(|t| t.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = widths.iter().enumerate().map(|(c, width)| {
            let text = row.get(c).map_or("", String::as_str);
            format!(" {text}{} ", " ".repeat(width - text.chars().count()))
        });
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule = widths.iter().map(|w| "-".repeat(w + 2)).collect::<Vec<_>>().join("|");
    let mut out = rows.first().map(line).unwrap_or_default();
    out.push_str(&format!("|{rule}|\n"));
    out.extend(rows.iter().skip(1).map(line));
    out
}

/// A row of a table.
#[must_use]
pub fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|c| (*c).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_one() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), (1.0, 2.0, 3.0));
    }

    #[test]
    fn numbers_are_shown_for_people() {
        assert_eq!(shown(12_345_678.0), "12.3 million");
        assert_eq!(shown(43_210.0), "43 000");
    }
}
