//! Writes as written, checked one by one.

use super::read::{Entry, Reader};
use super::{Content, Dimension, Ordered, Write, deny, written};
use crate::driver::modbus::value::{Decimal, Form};
use std::time::Duration;
use toml::de::DeTable;

impl Reader<'_> {
    pub(super) fn writes(&mut self, root: &DeTable<'_>) -> Vec<Write> {
        let written = self.tables::<written::Write>(root, "write");
        written.into_iter().filter_map(|(entry, written)| self.write(&entry, written)).collect()
    }

    fn write(&mut self, entry: &Entry<'_>, written: written::Write) -> Option<Write> {
        let count = written.form.registers();
        if let Some(why) = deny::reason(written.addr, count) {
            self.wrong(entry, "addr", format!("{:#06x} is never written: it {why}", written.addr));
        }
        if written.addr.checked_add(count - 1).is_none() {
            self.wrong(entry, "addr", "reaches behind register 65535");
        }
        if !matches!((written.fc, count), (6, 1) | (16, _)) {
            self.wrong(
                entry,
                "fc",
                format!("{} does not write {count} registers; 6 for one, 16", written.fc),
            );
        }
        let content = match (written.value, written.order) {
            (Some(value), Ordered::Start | Ordered::Stop | Ordered::Limit | Ordered::Watchdog) => {
                if written.form.write(written.octets, value).is_none() {
                    self.wrong(entry, "value", format!("{value} does not fit the type"));
                }
                Content::Fixed(value)
            }
            (None, Ordered::Limit) => self.power(entry, &written)?,
            (None, Ordered::Start | Ordered::Stop | Ordered::Watchdog) => {
                self.wrong(entry, "value", "missing");
                return None;
            }
        };
        let every = self.every(entry, &written);
        Some(Write {
            every,
            order: written.order,
            multiple: written.fc == 16,
            address: written.addr,
            form: written.form,
            octets: written.octets,
            content,
        })
    }

    fn power(&mut self, entry: &Entry<'_>, written: &written::Write) -> Option<Content> {
        let (dimension, tens) = written.unit.dimension();
        let scale = written.scale.unwrap_or(Decimal::ONE);
        let (tens, watts) = match (dimension, written.watts_per_ampere) {
            (Dimension::Power, None) => (tens, 1),
            // from the milliamperes of the model to amperes
            (Dimension::Current, Some(watts @ 1..=100_000)) => (tens - 3, watts),
            _ => {
                let what = "the ordered power needs W or kW, or A with watts_per_ampere (1 to 100000)";
                self.wrong(entry, "unit", what);
                return None;
            }
        };
        if scale.mantissa <= 0 {
            self.wrong(entry, "scale", "must be above nought");
            return None;
        }
        if written.form == Form::F32 {
            self.wrong(entry, "type", "floats are never written");
        }
        Some(Content::Power(scale, tens, watts))
    }

    fn every(&mut self, entry: &Entry<'_>, written: &written::Write) -> Duration {
        match (written.order, written.every_s) {
            (Ordered::Watchdog, Some(seconds @ 1..=3_600)) => Duration::from_secs(seconds),
            (Ordered::Watchdog, _) => {
                self.wrong(entry, "every_s", "a watchdog is written every 1 to 3600 seconds");
                Duration::from_secs(1)
            }
            (Ordered::Start | Ordered::Stop | Ordered::Limit, None) => Duration::ZERO,
            (Ordered::Start | Ordered::Stop | Ordered::Limit, Some(_)) => {
                self.wrong(entry, "every_s", "is for the order watchdog");
                Duration::ZERO
            }
        }
    }
}
