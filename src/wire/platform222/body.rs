//! A body as values, with typed access by the names of the tables.
//!
//! Writing is total: a value that does not fit is told as the nearest that does (platform-222.md 16.3), a text is
//! shortened at a character boundary, an absent field is "none". Whoever must know whether everything fits asks
//! [`Body::misfit`] first.

use super::cp56::LocalTime;
use super::layout::{Field, Type};

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Any integer type.
    Number(i128),
    /// Text and decimal digits.
    Text(String),
    /// Raw octets, transaction numbers, UIDs, pictures.
    Octets(Vec<u8>),
    /// A local time or none.
    Time(LocalTime),
    /// Credential kind and octets.
    Cred(u8, Vec<u8>),
    /// Parameter value; `None` = unknown id.
    Param(Option<Vec<u8>>),
    /// Entries.
    List(Vec<Body>),
}

/// Values of one layout. A field without a value is "none" or, under a condition, absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    layout: &'static [Field],
    values: Vec<Option<Value>>,
}

/// A field whose value cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Its name.
    pub field: &'static str,
    /// Why.
    pub why: String,
}

impl Body {
    /// Every field is "none".
    #[must_use]
    pub fn new(layout: &'static [Field]) -> Body {
        Body { layout, values: vec![None; layout.len()] }
    }

    /// The table it follows.
    #[must_use]
    pub fn layout(&self) -> &'static [Field] {
        self.layout
    }

    /// Puts a value into a field. A name that the table does not hold is a mistake of the caller and has no effect.
    pub fn set(&mut self, name: &str, value: Value) {
        let at = self.index(name);
        debug_assert!(at.is_some(), "no field {name}");
        if let Some(at) = at {
            self.values[at] = Some(value);
        }
    }

    /// With an integer.
    #[must_use]
    pub fn number(mut self, name: &str, value: impl Into<i128>) -> Body {
        self.set(name, Value::Number(value.into()));
        self
    }

    /// With an integer, or "none".
    #[must_use]
    pub fn known(self, name: &str, value: Option<impl Into<i128>>) -> Body {
        match value {
            Some(value) => self.number(name, value),
            None => self,
        }
    }

    /// With a text.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Body {
        self.set(name, Value::Text(value.to_owned()));
        self
    }

    /// With octets.
    #[must_use]
    pub fn octets(mut self, name: &str, value: &[u8]) -> Body {
        self.set(name, Value::Octets(value.to_vec()));
        self
    }

    /// With a time.
    #[must_use]
    pub fn time(mut self, name: &str, value: LocalTime) -> Body {
        self.set(name, Value::Time(value));
        self
    }

    /// With a credential.
    #[must_use]
    pub fn cred(mut self, name: &str, kind: u8, value: &[u8]) -> Body {
        self.set(name, Value::Cred(kind, value.to_vec()));
        self
    }

    /// With entries; each is made from an empty one.
    #[must_use]
    pub fn list<T>(mut self, name: &str, items: &[T], entry: impl Fn(Body, &T) -> Body) -> Body {
        let layout = self.index(name).and_then(|at| entries(&self.layout[at])).unwrap_or(&[]);
        let list = items.iter().map(|item| entry(Body::new(layout), item)).collect();
        self.set(name, Value::List(list));
        self
    }

    /// What a field holds; `None` when it is absent or was not set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.index(name);
        debug_assert!(at.is_some(), "no field {name}");
        self.values.get(at?)?.as_ref()
    }

    /// An integer; its "none" (else 0) when absent.
    #[must_use]
    pub fn num(&self, name: &str) -> i128 {
        match self.get(name) {
            Some(Value::Number(number)) => *number,
            _ => self.index(name).and_then(|at| self.layout[at].none()).unwrap_or(0),
        }
    }

    /// An integer of the width asked for; 0 when it does not fit.
    #[must_use]
    pub fn int<T: TryFrom<i128> + Default>(&self, name: &str) -> T {
        T::try_from(self.num(name)).unwrap_or_default()
    }

    /// An integer, `None` when it is the "none" of its field.
    #[must_use]
    pub fn maybe<T: TryFrom<i128>>(&self, name: &str) -> Option<T> {
        let none = self.index(name).and_then(|at| self.layout[at].none());
        let number = self.num(name);
        if Some(number) == none { None } else { T::try_from(number).ok() }
    }

    /// A text; empty when absent.
    #[must_use]
    pub fn str(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// Octets; empty when absent.
    #[must_use]
    pub fn raw(&self, name: &str) -> &[u8] {
        match self.get(name) {
            Some(Value::Octets(octets)) => octets,
            _ => &[],
        }
    }

    /// Octets of a fixed length; zeros when absent.
    #[must_use]
    pub fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.raw(name).try_into().unwrap_or([0; N])
    }

    /// A time; `None` when none or absent.
    #[must_use]
    pub fn when(&self, name: &str) -> LocalTime {
        match self.get(name) {
            Some(Value::Time(time)) => *time,
            _ => None,
        }
    }

    /// Credential kind and octets; kind 0 when absent.
    #[must_use]
    pub fn credential(&self, name: &str) -> (u8, &[u8]) {
        match self.get(name) {
            Some(Value::Cred(kind, octets)) => (*kind, octets),
            _ => (0, &[]),
        }
    }

    /// Entries; none when absent.
    #[must_use]
    pub fn entries(&self, name: &str) -> &[Body] {
        match self.get(name) {
            Some(Value::List(list)) => list,
            _ => &[],
        }
    }

    /// The first field whose value the wire cannot tell as it is.
    #[must_use]
    pub fn misfit(&self) -> Option<Misfit> {
        self.fields().filter(|(field, _)| self.holds(field)).find_map(|(field, value)| {
            let why = value.and_then(|value| misfit(field, value))?;
            Some(Misfit { field: field.name, why })
        })
    }

    /// Fields with their values, in order.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'static Field, Option<&Value>)> {
        self.layout.iter().zip(self.values.iter().map(Option::as_ref))
    }

    /// Whether the condition of a field holds.
    pub(super) fn holds(&self, field: &Field) -> bool {
        field.when.is_none_or(|(selector, number)| self.num(selector) == number)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.layout.iter().position(|field| field.name == name)
    }
}

/// The table of the entries of a list.
pub(super) fn entries(field: &Field) -> Option<&'static [Field]> {
    match field.kind {
        Type::List8(_, entry) | Type::List16(_, entry) => Some(entry),
        _ => None,
    }
}

/// Why a value does not fit its field; `None` when it does.
fn misfit(field: &Field, value: &Value) -> Option<String> {
    let most =
        |length: usize, most: usize| (length > most).then(|| format!("{length} octets, at most {most}"));
    match (field.kind, value) {
        (Type::Choice(known), Value::Number(n)) => {
            let good = u8::try_from(*n).is_ok_and(|n| known.contains(&n));
            (!good).then(|| format!("{n} is none of {known:?}"))
        }
        (kind, Value::Number(n)) => {
            let (low, high) = kind.range()?;
            (*n < low || *n > high).then(|| format!("{n} lies outside {low}..={high}"))
        }
        (Type::Ascii(n), Value::Text(text)) => {
            let bad = text.bytes().any(|b| !(0x20..=0x7E).contains(&b));
            if bad { Some("not printable ASCII".to_owned()) } else { most(text.len(), n) }
        }
        (Type::Utf8(n), Value::Text(text)) => {
            let bad = text.bytes().any(|b| b < 0x20 || b == 0x7F);
            if bad { Some("control characters".to_owned()) } else { most(text.len(), n) }
        }
        (Type::Bcd(n), Value::Text(text)) => {
            let good = text.len() == 2 * n && text.bytes().all(|b| b.is_ascii_digit());
            (!good).then(|| format!("not {} digits", 2 * n))
        }
        (Type::Bytes(n), Value::Octets(octets)) => exactly(octets.len(), n),
        (Type::Txn, Value::Octets(octets)) => exactly(octets.len(), 16),
        (Type::Uid, Value::Octets(octets)) => most(octets.len(), 10),
        (Type::Blob16(_), Value::Octets(octets)) if octets.is_empty() => Some("empty".to_owned()),
        (Type::Blob16(n), Value::Octets(octets)) => most(octets.len(), n),
        (Type::Cred, Value::Cred(_, octets)) => most(octets.len(), 32),
        (Type::Param, Value::Param(Some(octets))) => most(octets.len(), 128),
        (Type::List8(n, _) | Type::List16(n, _), Value::List(list)) if list.len() > n => {
            Some(format!("{} entries, at most {n}", list.len()))
        }
        (Type::List8(..) | Type::List16(..), Value::List(list)) => {
            list.iter().find_map(Body::misfit).map(|m| format!("{}: {}", m.field, m.why))
        }
        (Type::Time, Value::Time(_)) | (Type::Param, Value::Param(None)) => None,
        (_, _) => Some("of another type".to_owned()),
    }
}

fn exactly(length: usize, wanted: usize) -> Option<String> {
    (length != wanted).then(|| format!("{length} octets, exactly {wanted}"))
}
