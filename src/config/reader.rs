//! Reads a TOML table key by key and collects every problem with its line, instead of stopping at the first.

use std::fmt;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// The key with its path, for example `line[2].baud`.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// What is allowed.
    pub allowed: String,
}

impl fmt::Display for Problem {
    /// `LINE: KEY: what is wrong; what is allowed`, without the file, which the caller knows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.line, self.key, self.what, self.allowed)
    }
}

/// Collects problems over one file.
#[derive(Debug)]
pub struct Problems<'t> {
    text: &'t str,
    /// In the order they were met.
    pub found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    /// For this file.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        Problems { text, found: Vec::new() }
    }

    /// Line of an offset, from 1.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|b| *b == b'\n').count() + 1
    }

    /// Notes a problem.
    pub fn add(&mut self, at: &Place, what: impl Into<String>, allowed: impl Into<String>) {
        let line = self.line(at.offset);
        self.found.push(Problem { line, key: at.key.clone(), what: what.into(), allowed: allowed.into() });
    }
}

/// Where something stands in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Offset in octets.
    pub offset: usize,
    /// The key with its path.
    pub key: String,
}

/// A value with the place it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

/// One table that is being read; what was not asked for is unknown at the end.
pub struct Section<'p, 't, 'd> {
    problems: &'p mut Problems<'t>,
    table: &'d DeTable<'d>,
    path: String,
    span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'p, 't, 'd> Section<'p, 't, 'd> {
    /// The table at `path` (empty for the whole file).
    pub fn new(
        problems: &'p mut Problems<'t>,
        table: &'d DeTable<'d>,
        path: &str,
        span: Range<usize>,
    ) -> Self {
        Section { problems, table, path: path.to_owned(), span, asked: Vec::new() }
    }

    /// The place of a key, or of the section when the key is absent.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        let offset = self
            .table
            .iter()
            .find(|(k, _)| k.get_ref() == key)
            .map_or(self.span.start, |(k, _)| k.span().start);
        Place { offset, key: self.named(key) }
    }

    /// Notes a problem at a key.
    pub fn wrong(&mut self, key: &str, what: impl Into<String>, allowed: impl Into<String>) {
        let place = self.place(key);
        self.problems.add(&place, what, allowed);
    }

    /// The value of a key, known from now on.
    fn value(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.asked.push(key);
        self.table.get(key)
    }

    /// A text.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        match self.value(key)?.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            other => self.mistyped(key, other, "a text in quotes"),
        }
    }

    /// A text that must be there.
    pub fn required(&mut self, key: &'static str, example: &str) -> String {
        if self.table.get(key).is_none() {
            self.asked.push(key);
            self.wrong(key, "missing", format!("for example {key} = {example}"));
            return String::new();
        }
        self.text(key).unwrap_or_default()
    }

    /// A whole number inside a range.
    pub fn integer(&mut self, key: &'static str, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let allowed = format!("a whole number from {} to {}", range.start(), range.end());
        match self.value(key)?.get_ref() {
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|n| range.contains(n))
                {
                    Some(number) => Some(number),
                    None => {
                        self.wrong(key, format!("{number} is out of range"), allowed);
                        None
                    }
                }
            }
            other => self.mistyped(key, other, &allowed),
        }
    }

    /// A number with at most `places` decimals, in units of its last place, inside a range of whole units.
    pub fn decimal(
        &mut self,
        key: &'static str,
        places: u32,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let allowed =
            format!("a number from {} to {} with at most {places} decimals", range.start(), range.end());
        let text = match self.value(key)?.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            other => return self.mistyped(key, other, &allowed),
        };
        let unit = 10_i64.pow(places);
        match scaled(&text, places).filter(|n| (range.start() * unit..=range.end() * unit).contains(n)) {
            Some(number) => Some(number),
            None => {
                self.wrong(key, format!("{text} does not fit"), allowed);
                None
            }
        }
    }

    /// Yes or no.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        match self.value(key)?.get_ref() {
            DeValue::Boolean(value) => Some(*value),
            other => self.mistyped(key, other, "true or false"),
        }
    }

    /// A duration like `"15s"`, inside a range.
    pub fn duration(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let allowed = format!(
            "a duration from {} to {}, like \"15s\" or \"5min\"",
            shown(*range.start()),
            shown(*range.end())
        );
        let text = match self.value(key)?.get_ref() {
            DeValue::String(text) => text.to_string(),
            other => return self.mistyped(key, other, &allowed),
        };
        match duration(&text).filter(|d| range.contains(d)) {
            Some(duration) => Some(duration),
            None => {
                self.wrong(key, format!("{text:?} does not fit"), allowed);
                None
            }
        }
    }

    /// One word of a fixed set.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let allowed = words.iter().map(|(w, _)| format!("{w:?}")).collect::<Vec<_>>().join(" or ");
        let text = match self.value(key)?.get_ref() {
            DeValue::String(text) => text.to_string(),
            other => return self.mistyped(key, other, &allowed),
        };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            self.wrong(key, format!("{text:?} is not known"), allowed);
        }
        found
    }

    /// A text or a list of texts.
    pub fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        match self.value(key)?.get_ref() {
            DeValue::String(text) => Some(vec![text.to_string()]),
            DeValue::Array(list) => {
                let texts: Vec<String> =
                    list.iter().filter_map(|v| v.get_ref().as_str()).map(str::to_owned).collect();
                if texts.len() == list.len() {
                    return Some(texts);
                }
                self.wrong(key, "not every entry is a text", "a text or a list of texts");
                None
            }
            other => self.mistyped(key, other, "a text or a list of texts"),
        }
    }

    /// Reads a table, if it is there.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'_, 't, 'd>) -> T,
    ) -> Option<T> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => {
                let path = self.named(key);
                let mut section = Section::new(self.problems, table, &path, value.span());
                let read = read(&mut section);
                section.close();
                Some(read)
            }
            other => self.mistyped(key, other, &format!("a table: [{}]", self.named(key))),
        }
    }

    /// Reads each table of a list of tables.
    pub fn tables<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'_, 't, 'd>) -> T,
    ) -> Vec<T> {
        let named = self.named(key);
        let list = match self.value(key).map(|v| v.get_ref()) {
            None => return Vec::new(),
            Some(DeValue::Array(list)) => list,
            Some(other) => {
                let _: Option<()> = self.mistyped(key, other, &format!("a list of tables: [[{named}]]"));
                return Vec::new();
            }
        };
        let mut all = Vec::new();
        for (i, value) in list.iter().enumerate() {
            let path = format!("{named}[{}]", i + 1);
            match value.get_ref() {
                DeValue::Table(table) => {
                    let mut section = Section::new(self.problems, table, &path, value.span());
                    all.push(read(&mut section));
                    section.close();
                }
                other => {
                    let place = Place { offset: value.span().start, key: path };
                    self.problems.add(
                        &place,
                        format!("is {}", other.type_str()),
                        format!("a table: [[{named}]]"),
                    );
                }
            }
        }
        all
    }

    /// The type of a key's value; `None` when it is absent.
    #[must_use]
    pub fn kind(&self, key: &str) -> Option<&'static str> {
        self.table.get(key).map(|v| v.get_ref().type_str())
    }

    /// Notes that a key is absent.
    pub fn missing(&mut self, key: &str, allowed: &str) {
        if self.kind(key).is_none() {
            self.wrong(key, "missing", allowed);
        }
    }

    /// Notes a key that this version knows but cannot serve.
    pub fn not_served(&mut self, key: &'static str, instead: &str) {
        if self.value(key).is_some() {
            self.wrong(key, "is not served by this version", instead);
        }
    }

    /// A value together with its place.
    pub fn at<T>(&self, key: &str, value: T) -> At<T> {
        At { value, place: self.place(key) }
    }

    /// These keys are known here, whatever they hold.
    pub fn knows(&mut self, keys: &[&'static str]) {
        self.asked.extend(keys);
    }

    /// Notes every key that was not asked for.
    pub fn close(mut self) {
        let unknown: Vec<String> = self
            .table
            .keys()
            .map(|k| k.get_ref().to_string())
            .filter(|k| !self.asked.contains(&k.as_str()))
            .collect();
        let mut known = self.asked.clone();
        known.sort_unstable();
        known.dedup();
        for key in unknown {
            self.wrong(&key, "unknown key", format!("known here: {}", known.join(", ")));
        }
    }

    fn named(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn mistyped<T>(&mut self, key: &str, found: &DeValue<'_>, allowed: &str) -> Option<T> {
        self.wrong(key, format!("is {}", found.type_str()), allowed);
        None
    }
}

/// Reads `"15s"`, `"250ms"`, `"5min"`, `"2h"`, `"7d"`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3_600).map(Duration::from_secs),
        "d" => number.checked_mul(86_400).map(Duration::from_secs),
        _ => None,
    }
}

/// Writes a duration as [`duration`] reads it.
#[must_use]
pub fn shown(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0 => "0s".to_owned(),
        _ if ms.is_multiple_of(86_400_000) => format!("{}d", ms / 86_400_000),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}min", ms / 60_000),
        _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
        _ => format!("{ms}ms"),
    }
}

/// `12.5` with 3 places is 12500; more places than asked for do not fit.
fn scaled(text: &str, places: u32) -> Option<i64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    if part.len() > places as usize || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{whole}{part}{}", "0".repeat(places as usize - part.len()));
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_they_are_shown() {
        for text in ["15s", "250ms", "5min", "7d", "2h"] {
            assert_eq!(duration(text).map(shown).as_deref(), Some(text));
        }
        for text in ["15", "s", "-1s", "1 year", "99999999999999999999s", ""] {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn decimals_are_exact() {
        assert_eq!(scaled("630.0", 3), Some(630_000));
        assert_eq!(scaled("0.125", 3), Some(125));
        assert_eq!(scaled("0.1255", 3), None);
        assert_eq!(scaled("nan", 3), None);
    }
}
