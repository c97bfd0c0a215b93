//! From the file as written to a checked profile, with every problem and its line.

use super::written::{Encoding, Head, Item, Kind, Protocol};
use super::{Code, Profile, Quantity, Source};
use crate::driver::dlt645::identifier::Identifier;
use crate::driver::modbus::profile::{Dimension, Problem, Unit};
use crate::driver::modbus::value::{Decimal, Raw};
use crate::wire::dlt645::control::Edition;
use crate::wire::dlt645::value::Fixed;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A profile of more items than this says something twice.
const MOST_ITEMS: usize = 16;

pub(super) fn profile(text: &str) -> Result<Profile, Vec<Problem>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, problems: Vec::new() };
    for error in errors {
        reader.add(error.span().unwrap_or(0..0), "file", error.message());
    }
    if !reader.problems.is_empty() {
        return Err(reader.problems);
    }
    let read = reader.profile(root.get_ref());
    reader.problems.sort();
    match read {
        Some(profile) if reader.problems.is_empty() => Ok(profile),
        Some(_) | None => Err(reader.problems),
    }
}

struct Reader<'t> {
    text: &'t str,
    problems: Vec<Problem>,
}

/// One table of the file.
struct Entry<'d> {
    path: String,
    value: &'d Spanned<DeValue<'d>>,
}

impl Reader<'_> {
    fn add(&mut self, at: Range<usize>, key: impl Into<String>, what: impl Into<String>) {
        let line = self.text.bytes().take(at.start).filter(|b| *b == b'\n').count() + 1;
        self.problems.push(Problem { line, key: key.into(), what: what.into() });
    }

    fn wrong(&mut self, entry: &Entry<'_>, key: &str, what: impl Into<String>) {
        let table = entry.value.get_ref().as_table();
        let key_at = table.and_then(|t| t.keys().find(|k| k.get_ref() == key)).map(Spanned::span);
        let at = key_at.unwrap_or_else(|| entry.value.span());
        self.add(at, format!("{}.{key}", entry.path), what);
    }

    fn profile(&mut self, root: &DeTable<'_>) -> Option<Profile> {
        for key in root.keys().filter(|k| !["profile", "item"].contains(&k.get_ref().as_ref())) {
            self.add(key.span(), key.get_ref().to_string(), "unknown key; known here: profile, item");
        }
        let head = self.head(root);
        let edition = match head.as_ref().map(|head| &head.protocol) {
            Some(Protocol::Y1997) => Edition::Y1997,
            Some(Protocol::Y2007) | None => Edition::Y2007,
        };
        let sources = self.items(root, edition);
        let register = sources.iter().find(|s| s.quantity == Quantity::Register).copied();
        if register.is_none() && self.problems.is_empty() {
            self.add(0..0, "item", "a meter needs the item energy.forward");
        }
        let head = head?;
        let Kind::Meter = head.kind;
        let (verified, source) = (head.verified, head.source);
        Some(Profile { id: head.id, edition, verified, source, sources, register: register? })
    }

    fn head(&mut self, root: &DeTable<'_>) -> Option<Head> {
        let Some(value) = root.get("profile") else {
            self.add(0..0, "profile", "missing; id, kind, verified and protocol");
            return None;
        };
        let entry = Entry { path: "profile".to_owned(), value };
        let head: Head = self.read(&entry)?;
        let named =
            head.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        if head.id.is_empty() || head.id.len() > 32 || !named {
            self.wrong(&entry, "id", format!("{:?} is no name; 1 to 32 of a-z, 0-9, dash and dot", head.id));
        }
        Some(head)
    }

    fn items(&mut self, root: &DeTable<'_>, edition: Edition) -> Vec<Source> {
        let Some(value) = root.get("item") else { return Vec::new() };
        let list = value.get_ref().as_array().filter(|list| list.len() <= MOST_ITEMS);
        let Some(list) = list else {
            self.add(value.span(), "item", format!("is no list of at most {MOST_ITEMS} tables: [[item]]"));
            return Vec::new();
        };
        let mut sources: Vec<Source> = Vec::new();
        for (number, value) in list.iter().enumerate() {
            let entry = Entry { path: format!("item[{}]", number + 1), value };
            let Some(source) = self.read(&entry).and_then(|item| self.item(&entry, &item, edition)) else {
                continue;
            };
            if sources.iter().any(|s| s.quantity == source.quantity) {
                self.wrong(&entry, "name", format!("a second item {:?}", source.quantity.name()));
            }
            sources.push(source);
        }
        sources
    }

    fn item(&mut self, entry: &Entry<'_>, item: &Item, edition: Edition) -> Option<Source> {
        let di = Identifier::parse(edition, &item.di);
        if di.is_none() {
            let digits = match edition {
                Edition::Y2007 => "8 hex digits, high octet first",
                Edition::Y1997 => "4 hex digits, high octet first",
            };
            self.wrong(entry, "di", format!("{:?} is no identifier of this edition; {digits}", item.di));
        }
        let code = self.code(entry, item);
        let scale = item.scale.unwrap_or(Decimal::ONE);
        let tens = self.unit(entry, item.name, item.unit);
        let good_scale = scale.mantissa > 0 && Raw::Integer(1).scaled(scale, tens.unwrap_or(0)).is_some();
        if !good_scale {
            self.wrong(entry, "scale", "must be above nought, and no larger than its unit allows");
        }
        Some(Source { quantity: item.name, di: di?, code: code?, scale, unit: item.unit, tens: tens? })
    }

    fn code(&mut self, entry: &Entry<'_>, item: &Item) -> Option<Code> {
        let bcd = |signed| Code::Bcd(Fixed { octets: item.count, decimals: 0, signed });
        let (code, range) = match item.encoding {
            Encoding::Bcd => (bcd(false), 1..=8),
            Encoding::BcdSigned => (bcd(true), 1..=8),
            Encoding::U32Le => (Code::Binary, 4..=4),
            Encoding::F32Le => (Code::Float, 4..=4),
        };
        if range.contains(&item.count) {
            return Some(code);
        }
        let (first, last) = (range.start(), range.end());
        let allowed = if first == last { first.to_string() } else { format!("{first} to {last}") };
        self.wrong(entry, "count", format!("{} octets; {allowed}", item.count));
        None
    }

    /// Power of ten from the unit to that of the model.
    fn unit(&mut self, entry: &Entry<'_>, quantity: Quantity, unit: Unit) -> Option<i32> {
        let (wanted, allowed) = match quantity {
            Quantity::Register => (Dimension::Energy, "Wh, kWh or MWh"),
            Quantity::Voltage => (Dimension::Voltage, "mV or V"),
            Quantity::Current => (Dimension::Current, "mA or A"),
            Quantity::Power => (Dimension::Power, "W or kW"),
        };
        let (dimension, tens) = unit.dimension();
        if dimension == wanted {
            return Some(tens);
        }
        self.wrong(entry, "unit", format!("{} is measured in {allowed}", quantity.name()));
        None
    }

    fn read<'d, T: Deserialize<'d>>(&mut self, entry: &Entry<'d>) -> Option<T> {
        match T::deserialize(entry.value.clone().into_deserializer()) {
            Ok(read) => Some(read),
            Err(error) => {
                let at = error.span().unwrap_or_else(|| entry.value.span());
                self.add(at, entry.path.as_str(), error.message());
                None
            }
        }
    }
}
