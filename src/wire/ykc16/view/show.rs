//! From octets to an object, by the rows of a table.

use crate::wire::hex;
use crate::wire::ykc16::field::{ascii, number};
use crate::wire::ykc16::layout::{Kind, Row, width};
use crate::wire::ykc16::reading::Reading;
use crate::wire::ykc16::time::Cp56;
use serde_json::{Map, Value, json};

/// What a table says about octets.
#[derive(Default)]
pub(super) struct Shown {
    /// Raw values.
    pub(super) fields: Map<String, Value>,
    /// Physical values.
    pub(super) scaled: Map<String, Value>,
    /// In words.
    pub(super) text: Map<String, Value>,
}

/// Octets that fit the rows exactly; what is missing is not shown.
pub(super) fn rows(rows: &[Row], mut octets: &[u8]) -> Shown {
    let mut shown = Shown::default();
    for row in rows {
        let Some((own, rest)) = octets.split_at_checked(row.kind.width()) else { break };
        octets = shown.row(row, own, rest);
    }
    shown
}

impl Shown {
    /// Shows one row; gives what is left behind it.
    fn row<'a>(&mut self, row: &Row, own: &[u8], rest: &'a [u8]) -> &'a [u8] {
        match row.kind {
            Kind::Unsigned(_) => self.number(row, number(own)),
            Kind::Octets(_) => self.put(row.name, json!(hex::upper(own))),
            Kind::Numbers(_) => self.put(row.name, json!(own)),
            Kind::Ascii(_) => {
                let text = ascii(own);
                self.told(row.name, text.map(str::to_owned), own, text.is_some());
            }
            Kind::Time => {
                let text = <[u8; 7]>::try_from(own).ok().and_then(|octets| Cp56(octets).text());
                let again = text.as_deref().and_then(Cp56::parse);
                self.told(row.name, text, own, again.is_some_and(|time| time.0 == own));
            }
            Kind::Counted(_, entry) => {
                self.put("count", json!(number(own)));
                self.list(row.name, entry, rest);
                return &[];
            }
            Kind::Rest(_, entry) => {
                self.list(row.name, entry, rest);
                return &[];
            }
            Kind::Text(_) => {
                self.put("len", json!(number(own)));
                let text = std::str::from_utf8(rest).ok().filter(|text| text.is_ascii());
                self.told(row.name, text.map(str::to_owned), rest, text.is_some());
                return &[];
            }
        }
        rest
    }

    fn number(&mut self, row: &Row, raw: u64) {
        self.put(row.name, json!(raw));
        if let Reading::Scaled(scale) = row.reading {
            self.scaled.insert(row.name.to_owned(), scale.show(raw));
        }
        if let Some(text) = row.reading.text(raw) {
            self.text.insert(row.name.to_owned(), text);
        }
    }

    /// A text or a time; with its octets when they say more.
    fn told(&mut self, name: &str, text: Option<String>, octets: &[u8], whole: bool) {
        self.put(name, json!(text));
        if !whole {
            self.put(&format!("{name}_hex"), json!(hex::upper(octets)));
        }
    }

    fn list(&mut self, name: &str, entry: &[Row], octets: &[u8]) {
        let entries =
            octets.chunks_exact(width(entry).max(1)).map(|one| Value::Object(rows(entry, one).fields));
        self.put(name, entries.collect());
    }

    fn put(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }
}
