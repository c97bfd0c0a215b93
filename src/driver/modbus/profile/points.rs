//! Points as written, checked one by one.

use super::read::{Entry, Reader};
use super::{Block, Dimension, Point, Unit, state, written};
use crate::driver::modbus::value::{Decimal, Form, Raw};
use crate::model::quantity::Energy;
use std::collections::BTreeMap;
use toml::de::DeTable;

impl Reader<'_> {
    pub(super) fn points(&mut self, root: &DeTable<'_>, max_regs: u16, blocks: &[Block]) -> Vec<Point> {
        let mut points: Vec<Point> = Vec::new();
        for (entry, written) in self.tables::<written::Point>(root, "point") {
            let Some(point) = self.point(&entry, written) else { continue };
            if points.iter().any(|p| p.name == point.name) {
                self.wrong(&entry, "name", format!("a second point {:?}", point.name));
            }
            let (first, last) = point.span();
            let mut needed = u32::from(last - first) + 1;
            let of_table = || blocks.iter().filter(|b| b.table == point.table);
            if point.group.is_some() && of_table().next().is_some() {
                match of_table().find(|b| b.first <= first && last <= b.last) {
                    Some(block) if block.whole => needed = u32::from(last - block.first) + 1,
                    Some(_) => {}
                    None => self.wrong(&entry, "addr", "lies in no block, and is asked for"),
                }
            }
            if needed > u32::from(max_regs) {
                self.wrong(
                    &entry,
                    "addr",
                    format!("one read of {needed} registers is needed; max_regs is {max_regs}"),
                );
            }
            points.push(point);
        }
        points
    }

    fn point(&mut self, entry: &Entry<'_>, written: written::Point) -> Option<Point> {
        if written.name.is_empty() || written.name.len() > 48 {
            self.wrong(entry, "name", "is no name; 1 to 48 characters");
        }
        if written.addr.checked_add(written.form.registers() - 1).is_none() {
            self.wrong(entry, "addr", "reaches behind register 65535");
        }
        let exponent = match (written.exp_addr, written.exp_bias) {
            (Some(at), bias) => {
                let bias = bias.unwrap_or(0);
                if !(-12..=12).contains(&bias) {
                    self.wrong(entry, "exp_bias", format!("{bias} is out of range; -12 to 12"));
                }
                Some((at, bias))
            }
            (None, Some(_)) => {
                self.wrong(entry, "exp_bias", "stands without exp_addr");
                None
            }
            (None, None) => None,
        };
        let scale = written.scale.unwrap_or(Decimal::ONE);
        let (dimension, tens) = written.unit.dimension();
        if scale.mantissa == 0 || (scale.mantissa < 0 && dimension == Dimension::Energy) {
            self.wrong(entry, "scale", "must not be nought, and not negative for energy");
        }
        self.known_point(entry, &written, dimension);
        Some(Point {
            resolution: self.resolution(entry, &written, dimension),
            values: self.values(entry, &written),
            table: self.register_table(entry, written.fc)?,
            bits: self.bits(entry, &written),
            unit: self.scalable(entry, written.unit, scale, tens),
            name: written.name,
            address: written.addr,
            form: written.form,
            order: written.order,
            scale,
            exponent,
            group: written.group,
            label: written.label,
        })
    }

    fn bits(&mut self, entry: &Entry<'_>, written: &written::Point) -> Option<(u32, u16)> {
        if written.shift.is_none() && written.mask.is_none() {
            return None;
        }
        let (shift, mask) = (written.shift.unwrap_or(0), written.mask.unwrap_or(u16::MAX));
        if written.form != Form::U16 || shift > 15 || mask == 0 {
            self.wrong(entry, "mask", "shift (0 to 15) and mask (not 0) are for u16");
            return None;
        }
        Some((shift, mask))
    }

    /// A unit whose scale leaves no number representable would give no value for ever.
    fn scalable(&mut self, entry: &Entry<'_>, unit: Unit, scale: Decimal, tens: i32) -> Unit {
        if Raw::Integer(1).scaled(scale, tens).is_none() {
            self.wrong(entry, "scale", "is too large for its unit");
        }
        unit
    }

    /// Points that drivers know must be measured in what they are.
    fn known_point(&mut self, entry: &Entry<'_>, written: &written::Point, dimension: Dimension) {
        let wanted = match written.name.as_str() {
            "energy.forward" | "session-energy" => (Dimension::Energy, "Wh, kWh or MWh"),
            "voltage" => (Dimension::Voltage, "mV or V"),
            "current" => (Dimension::Current, "mA or A"),
            "power" => (Dimension::Power, "W or kW"),
            "number" | "state" | "fault" | "plugged" | "soc" => (Dimension::Other, "no unit, or %"),
            _ => return,
        };
        if dimension != wanted.0 {
            self.wrong(entry, "unit", format!("{} is measured in {}", written.name, wanted.1));
        }
    }

    fn resolution(
        &mut self,
        entry: &Entry<'_>,
        written: &written::Point,
        dimension: Dimension,
    ) -> Option<Energy> {
        let asked = written.group.is_some() && dimension == Dimension::Energy;
        let Some(stated) = written.resolution_wh else {
            if asked && written.form == Form::F32 {
                // rs485.md 2.2: the step of a float grows with its value; the profile says what it begins with
                self.wrong(entry, "type", "an energy in f32 needs resolution_wh");
            }
            return None;
        };
        if dimension != Dimension::Energy {
            self.wrong(entry, "resolution_wh", "is for energy");
        }
        let resolution = Raw::Integer(1).scaled(stated, 1).filter(|r| *r > 0);
        if resolution.is_none() {
            self.wrong(entry, "resolution_wh", "is out of range; at least 0.1");
        }
        resolution.map(Energy)
    }

    fn values(&mut self, entry: &Entry<'_>, written: &written::Point) -> BTreeMap<u16, String> {
        let mut values = BTreeMap::new();
        for (number, word) in &written.values {
            let Ok(number) = number.parse::<u16>() else {
                self.wrong(entry, "values", format!("{number:?} is no number 0..=65535"));
                continue;
            };
            let allowed = match written.name.as_str() {
                "state" if state(word).is_none() => {
                    "idle, preparing, charging, finished, start-failed or faulted"
                }
                "plugged" if word != "yes" && word != "no" => "yes or no",
                _ => {
                    values.insert(number, word.clone());
                    continue;
                }
            };
            self.wrong(entry, "values", format!("{word:?} is not known; {allowed}"));
        }
        values
    }
}
