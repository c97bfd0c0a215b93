//! From alarms to messages: what is shown, in which order, and when the disk has it.

use super::catalogue::End;
use super::{Alarms, Change, Durable, EVENTS, Entry, LONGEST_TEXT, NEWS, OPEN, Place, Waiter, code, kind};
use crate::model::alarm::{Alarm, AlarmEvent};
use crate::model::time::Now;

/// Raises and clears that are written in one batch at most.
const WRITTEN: usize = 256;

impl Alarms {
    /// Brings what others see up to date: first what is over, then what is new.
    pub(super) fn show(&mut self, now: Now) -> Vec<Change> {
        let mut changes = Vec::new();
        let gone = self.entries.iter().filter(|(_, e)| e.open.is_some() && !e.is_shown());
        let gone: Vec<Place> = gone.map(|(place, _)| *place).collect();
        for place in gone {
            let over = self.entries.get_mut(&place).filter(|_| self.news.len() < NEWS);
            if let Some(alarm) = over.and_then(|entry| entry.open.take()) {
                self.cleared(now, alarm, &mut changes);
            }
        }
        let new = self.entries.iter().filter(|(_, e)| e.open.is_none() && e.is_shown());
        let new: Vec<Place> = new.map(|(place, _)| *place).collect();
        for place in new {
            if self.news.len() < NEWS {
                self.make_room(now, &mut changes);
                self.raise(now, place, &mut changes);
            }
        }
        changes
    }

    fn raise(&mut self, now: Now, place: Place, changes: &mut Vec<Change>) {
        let Some(entry) = self.entries.get_mut(&place) else { return };
        self.last += 1;
        let alarm = Alarm {
            id: self.last,
            code: place.code,
            level: entry.kind.level,
            latched: entry.kind.end == End::Reset,
            index: place.index,
            connector: place.connector,
            subject: entry.subject(),
            raised: now.stamp(),
            txn: entry.txn,
            value: entry.value,
        };
        entry.open = Some(alarm.clone());
        self.news.push_back(event(now, &alarm, true));
        changes.push(Change::Raised(alarm));
    }

    fn cleared(&mut self, now: Now, alarm: Alarm, changes: &mut Vec<Change>) {
        self.news.push_back(event(now, &alarm, false));
        changes.push(Change::Cleared(alarm));
    }

    /// For one more alarm: the oldest of level 3 goes first, then the oldest of the next level. 0014 tells of it, and
    /// takes a place, too.
    fn make_room(&mut self, now: Now, changes: &mut Vec<Change>) {
        if self.open().count() < OPEN {
            return;
        }
        let Some(kind) = kind(code::ALARM_OVERFLOW) else { return };
        let overflow = Place { code: code::ALARM_OVERFLOW, index: 1, connector: None };
        let entry = self.entries.entry(overflow).or_insert_with(|| Entry::new(kind, now.mono));
        let is_new = entry.open.is_none();
        entry.happened(now.mono, "alarms");
        for _ in 0..=usize::from(is_new) {
            let open = self.entries.iter().filter(|(place, _)| **place != overflow);
            let open = open.filter_map(|(place, e)| e.open.as_ref().map(|alarm| (*place, alarm)));
            let oldest = open.min_by_key(|(_, alarm)| (std::cmp::Reverse(alarm.level), alarm.id));
            let Some(place) = oldest.map(|(place, _)| place) else { return };
            if let Some(alarm) = self.entries.get_mut(&place).and_then(Entry::drop_out) {
                self.cleared(now, alarm, changes);
            }
        }
        if is_new {
            self.raise(now, overflow, changes);
        }
        if let Some(entry) = self.entries.get_mut(&overflow) {
            entry.keep_only(now.mono, |_| false); // it is over until it happens again
        }
    }

    /// There is news for the disk, and nothing is on its way. It is, from here on.
    pub(crate) fn begin_writing(&mut self) -> bool {
        let begins = !self.news.is_empty() && !self.writing;
        self.writing |= begins;
        begins
    }

    /// What the next batch takes, oldest first.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = &AlarmEvent> {
        self.news.iter().take(WRITTEN)
    }

    /// The oldest news are durable, with messages from this identity on if they have any. Gives who waited
    /// for them.
    pub(crate) fn written(&mut self, count: usize, first_entry: Option<u64>) -> Vec<Waiter> {
        self.writing = false;
        let mut waited = Vec::new();
        for (at, event) in (0..).zip(self.news.drain(..count.min(self.news.len()))) {
            let id = event.alarm.id;
            let entry = first_entry.map(|first| first + at);
            self.queued = (self.queued + u64::from(entry.is_some())).min(EVENTS);
            if event.raised {
                let durable = Durable { alarm: event.alarm, entry, acknowledged: false };
                self.durable.insert(id, durable);
            } else {
                self.durable.remove(&id);
                waited.extend(self.resets.extract_if(.., |(of, _)| *of == id).map(|(_, waiter)| waiter));
            }
        }
        waited
    }

    /// Every alarm that is open as far as the disk knows: all that the platform may be told.
    pub(crate) fn listed(&self) -> Vec<Alarm> {
        self.durable.values().map(|durable| durable.alarm.clone()).collect()
    }

    /// The platform has this event.
    pub(crate) fn acknowledged(&mut self, entry: u64) {
        self.queued = self.queued.saturating_sub(1);
        let durable = self.durable.values_mut().filter(|d| d.entry == Some(entry));
        durable.for_each(|d| d.acknowledged = true);
    }

    /// Whether the platform has the raise of this alarm.
    pub(crate) fn is_acknowledged(&self, id: u64) -> bool {
        self.durable.get(&id).is_some_and(|d| d.acknowledged)
    }

    #[cfg(test)]
    pub(crate) fn set_queued(&mut self, queued: u64) {
        self.queued = queued;
    }

    /// Events that wait for the platform.
    pub(crate) fn queued(&self) -> u64 {
        self.queued
    }
}

fn event(now: Now, alarm: &Alarm, raised: bool) -> AlarmEvent {
    let (_, what) = super::text(alarm.code);
    let named = (1..=4).contains(&alarm.class()); // by class, index and connector
    let text = if named { what.to_owned() } else { format!("{what} {}", alarm.subject) };
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= LONGEST_TEXT);
    let text = text[..ends.last().unwrap_or(0)].to_owned();
    AlarmEvent { alarm: alarm.clone(), raised, at: now.stamp(), text }
}
