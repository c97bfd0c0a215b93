//! One alarm of one device: its causes, debounce, latch, flap and hold, without regard to any other.

use super::catalogue::{End, Kind};
use super::code;
use crate::model::alarm::Alarm;
use crate::model::ident::TransactionNumber;
use crate::model::time::Instant;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// What an alarm is named for at most; further names are counted as one of these.
const CAUSES: usize = 64;
/// More raise-clear cycles than this inside [`QUIET`] are an unstable alarm.
const CYCLES: usize = 5;
/// An unstable alarm is stable again after this long without a change.
const QUIET: Duration = Duration::from_secs(600);
/// An alarm that was open when the program ended is taken for over when nobody has confirmed its cause by now.
pub(super) const UNCONFIRMED: Duration = Duration::from_secs(60);

/// See the file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: &'static Kind,
    /// What is the case now, by the names of those concerned.
    causes: BTreeSet<String>,
    /// Since when there is a cause, or none.
    since: Instant,
    /// There is an alarm here: after debounce and latch.
    pub(super) raised: bool,
    /// What others see of it.
    pub(super) open: Option<Alarm>,
    /// Its parent is lost: nothing is known, and nothing changes.
    held: bool,
    /// It was open when the program ended; its cause is to be confirmed by then.
    confirm_by: Option<Instant>,
    /// When it was cleared lately.
    cycles: VecDeque<Instant>,
    unstable_until: Option<Instant>,
    /// It made room for another one, and stays away until it was over.
    dropped: bool,
    pub(super) txn: Option<TransactionNumber>,
    pub(super) value: i32,
}

impl Entry {
    pub(super) fn new(kind: &'static Kind, now: Instant) -> Entry {
        Entry {
            kind,
            causes: BTreeSet::new(),
            since: now,
            raised: false,
            open: None,
            held: false,
            confirm_by: None,
            cycles: VecDeque::new(),
            unstable_until: None,
            dropped: false,
            txn: None,
            value: 0,
        }
    }

    /// As it was when the program ended.
    pub(super) fn restored(kind: &'static Kind, alarm: Alarm, now: Instant) -> Entry {
        Entry {
            causes: [alarm.subject.clone()].into(),
            raised: true,
            confirm_by: (kind.end != End::Person).then_some(now + UNCONFIRMED),
            txn: alarm.txn,
            value: alarm.value,
            open: Some(alarm),
            ..Entry::new(kind, now)
        }
    }

    /// This is the case now, or no longer.
    pub(super) fn set(&mut self, now: Instant, subject: &str, active: bool) {
        let before = self.is_caused();
        if active {
            if self.confirm_by.take().is_some() {
                self.causes.clear(); // all that it was named for before the start: who is concerned says so again
            }
            if self.causes.len() < CAUSES && !self.causes.contains(subject) {
                self.causes.insert(subject.to_owned());
            }
        } else if self.causes.remove(subject) {
            self.confirm_by = None;
        }
        if self.is_caused() != before {
            self.since = now;
        }
    }

    /// Of the causes only these are the case still.
    pub(super) fn keep_only(&mut self, now: Instant, still: impl Fn(&str) -> bool) {
        let before = self.is_caused();
        self.causes.retain(|name| still(name));
        if self.is_caused() != before {
            self.since = now;
        }
    }

    /// It happened, and is over from here on.
    pub(super) fn happened(&mut self, now: Instant, subject: &str) {
        self.causes = [subject.to_owned()].into();
        (self.raised, self.since) = (true, now);
    }

    pub(super) fn is_caused(&self) -> bool {
        !self.causes.is_empty()
    }

    /// Whom it concerns, for people.
    pub(super) fn subject(&self) -> String {
        self.causes.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
    }

    /// Lets what the time has decided become true. Gives what changed: raised or over.
    pub(super) fn judge(&mut self, now: Instant, held: bool) -> Option<bool> {
        if self.unstable_until.is_some_and(|until| until <= now) {
            self.unstable_until = None;
            self.cycles.clear();
        }
        if self.hold(now, held) {
            return None;
        }
        if self.confirm_by.is_some_and(|by| by <= now) {
            self.confirm_by = None;
            self.causes.clear();
            self.since = now;
        }
        if self.changes_at()? > now {
            return None;
        }
        self.raised = !self.raised;
        match self.raised {
            true if self.unstable_until.is_some() => self.unstable_until = Some(now + QUIET),
            true => {}
            false => self.cycle(now),
        }
        self.dropped &= self.raised;
        Some(self.raised)
    }

    /// While its parent is lost; what had begun before begins anew afterwards.
    fn hold(&mut self, now: Instant, held: bool) -> bool {
        if std::mem::replace(&mut self.held, held) && !held {
            self.since = now;
            self.confirm_by = self.confirm_by.map(|_| now + UNCONFIRMED);
        }
        held
    }

    /// When the alarm is raised, or over, if nothing happens before.
    fn changes_at(&self) -> Option<Instant> {
        let seconds = |s: u16| Duration::from_secs(s.into());
        match (self.raised, self.is_caused()) {
            (false, true) => Some(self.since + seconds(self.kind.raise_s)),
            (true, false) if self.kind.end == End::Reset => None,
            // its quiet time is counted where the changes are seen
            (true, false) if self.kind.code == code::UNSTABLE => Some(self.since),
            (true, false) => Some(self.since + seconds(self.kind.clear_s)),
            (true, true) | (false, false) => None,
        }
    }

    fn cycle(&mut self, now: Instant) {
        self.cycles.retain(|at| *at + QUIET > now);
        self.cycles.push_back(now);
        if self.cycles.len() > CYCLES || self.is_unstable() {
            self.cycles.pop_front();
            self.unstable_until = Some(now + QUIET);
        }
    }

    pub(super) fn is_unstable(&self) -> bool {
        self.unstable_until.is_some()
    }

    /// Whether others are to see it. An unstable alarm stays as it is seen.
    pub(super) fn is_shown(&self) -> bool {
        (self.raised || self.is_unstable() && self.open.is_some()) && !self.dropped
    }

    /// It makes room: gives what is no longer seen.
    pub(super) fn drop_out(&mut self) -> Option<Alarm> {
        self.dropped = true;
        self.open.take()
    }

    /// Somebody says that it is over.
    pub(super) fn reset(&mut self) {
        self.causes.clear();
        (self.raised, self.unstable_until, self.dropped) = (false, None, false);
    }

    /// When to look again, without regard to what holds it.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let judged = [self.changes_at(), self.confirm_by].into_iter().flatten().filter(|_| !self.held);
        judged.chain(self.unstable_until).min()
    }

    /// Nothing is to be remembered of it.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let idle = !self.raised && !self.is_caused() && self.open.is_none() && !self.is_unstable();
        idle && self.cycles.back().is_none_or(|at| *at + QUIET <= now)
    }
}
