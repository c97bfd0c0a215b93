//! I10: of each key raises and clears alternate, beginning with a raise; an identity is one occurrence, for ever.

use super::Reference;
use depotd::model::alarm::Alarm;
use depotd::model::ident::ConnectorId;
use std::collections::{BTreeMap, BTreeSet};

type Key = (u16, u16, Option<ConnectorId>);

/// Alarms as the disk has them.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    open: BTreeMap<Key, u64>,
    newest: u64,
    /// Raises that left the program, by identity.
    raised: BTreeSet<u64>,
}

impl Reference {
    pub(crate) fn alarm(&mut self, alarm: &Alarm, open: bool) {
        let key = (alarm.code, alarm.index, alarm.connector);
        self.log(format!("alarm {:04X} {}", alarm.code, if open { "raised" } else { "over" }));
        let was = match open {
            true => self.alarms.open.insert(key, alarm.id),
            false => self.alarms.open.remove(&key),
        };
        let fits = match open {
            true => was.is_none() && alarm.id > self.alarms.newest,
            false => was == Some(alarm.id),
        };
        if !fits {
            self.blame("I10", format!("open {open} of {alarm:?} after {was:?}"));
        }
        self.alarms.newest = self.alarms.newest.max(alarm.id);
    }

    /// 0401 leaves the program: only what the disk has, and a clear never before its raise.
    pub(crate) fn alarm_sent(&mut self, id: u64, raised: bool) {
        if id == 0 || id > self.alarms.newest {
            self.blame("I10", format!("alarm {id} is told and the disk does not have it"));
        }
        if raised {
            self.alarms.raised.insert(id);
        } else if !self.alarms.raised.contains(&id) {
            self.blame("I10", format!("alarm {id} is cleared before it was raised"));
        }
    }
}
