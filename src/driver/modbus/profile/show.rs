//! Points as people see them.

use super::{Dimension, Found, Profile};
use crate::driver::modbus::value::Form;
use crate::wire::modbus::Table;
use serde_json::{Map, Number, Value};

impl Profile {
    /// Every point that lies wholly in the registers of a response, by its label; points of one label are a list. Where
    /// `start` is not known, a response is taken for the first block that has as many registers, else for register 0.
    #[must_use]
    pub fn shown(&self, table: Table, start: Option<u16>, registers: &[u16]) -> Map<String, Value> {
        let start = start.unwrap_or_else(|| self.likely_start(table, registers.len()));
        let mut shown: Map<String, Value> = Map::new();
        for found in self.values(table, start, registers) {
            let Some(value) = found.value() else { continue };
            let label = found.point.label();
            let one_of_many =
                self.points.iter().filter(|p| p.table == table && p.label() == label).count() > 1;
            match shown.get_mut(label) {
                Some(Value::Array(list)) => list.push(value),
                Some(_) | None if one_of_many => {
                    drop(shown.insert(label.to_owned(), Value::Array(vec![value])))
                }
                Some(_) | None => drop(shown.insert(label.to_owned(), value)),
            }
        }
        shown
    }

    fn likely_start(&self, table: Table, count: usize) -> u16 {
        let of_size = |b: &&super::Block| b.table == table && usize::from(b.last - b.first) + 1 == count;
        self.blocks.iter().find(of_size).map_or(0, |b| b.first)
    }
}

impl super::Point {
    fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }
}

impl Found<'_> {
    /// Yes and no as they are, words as words, numbers as exact decimals.
    fn value(&self) -> Option<Value> {
        match (self.name(), self.point.name.as_str()) {
            (Some("yes"), "plugged") => Some(Value::Bool(true)),
            (Some("no"), "plugged") => Some(Value::Bool(false)),
            (Some(word), _) => Some(Value::String(word.to_owned())),
            (None, _) => self.digits()?.parse::<Number>().ok().map(Value::Number),
        }
    }

    /// A measured float means no more than seven digits (230.2, not 230.20001); a register of energy is told in full.
    fn digits(&self) -> Option<String> {
        let text = self.shown()?;
        let is_measured = self.point.form == Form::F32 && self.point.unit.dimension().0 != Dimension::Energy;
        if !is_measured {
            return Some(text);
        }
        let whole = text.trim_start_matches('-').find('.').unwrap_or(text.len());
        let places = 7_usize.saturating_sub(whole);
        let cut = text.find('.').map_or(text.len(), |point| (point + 1 + places).min(text.len()));
        let cut = &text[..cut];
        let cut = if cut.contains('.') { cut.trim_end_matches('0').trim_end_matches('.') } else { cut };
        Some(cut.to_owned())
    }
}
