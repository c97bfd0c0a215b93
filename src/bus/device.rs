//! One device of the line with all that the bus keeps about it.

use super::health::Health;
use super::reply_time::ReplyTimes;
use super::status::{Counters, DeviceStatus, Histogram, ms_since};
use crate::driver::{Class, Driver, Question, Timing, Want};
use crate::model::ident::DeviceId;
use crate::model::time::Instant;
use std::time::Duration;

/// A busy device is asked again after this wait, doubled while it stays busy …
const BUSY: Duration = Duration::from_millis(100);
/// … up to this.
const BUSY_LONGEST: Duration = Duration::from_secs(1);

/// Names whoever is on a visit. No device of a configuration has this number.
pub(super) const GUEST: DeviceId = DeviceId(u16::MAX);

/// What is known of somebody on a visit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Visit {
    /// The device of the line that it speaks to: what one of them is owed, the other waits for, too.
    pub(super) host: Option<DeviceId>,
}

/// A question that is to be sent again as it was.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) question: Question,
    /// When it was due at first; keeps its place among its class.
    pub(super) due: Instant,
    /// Further sendings.
    pub(super) tries_left: u8,
}

/// What a turn of a device would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Its question, again.
    Retry,
    /// A new question.
    Ask,
    /// See whether it lives.
    Probe,
}

/// The next turn of a device.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) purpose: Purpose,
    pub(super) class: Class,
    /// Place among its class.
    pub(super) due: Instant,
    /// Not before.
    pub(super) ready: Instant,
}

/// One device of the line.
pub(super) struct Device {
    pub(super) id: DeviceId,
    pub(super) driver: Box<dyn Driver>,
    pub(super) timing: Timing,
    pub(super) want: Option<Want>,
    pub(super) health: Health,
    pub(super) reply_times: ReplyTimes,
    pub(super) retry: Option<Retry>,
    /// It rests until then: busy, or it had nothing to ask although it wanted to.
    pub(super) rests_until: Instant,
    /// A late answer may come until then; no other question before.
    pub(super) owes_until: Instant,
    /// One to a command may come until then.
    owes_command_until: Instant,
    /// End of its last turn.
    pub(super) served: Instant,
    /// Longest lateness behind a time-out, fading.
    pub(super) worst_late: Duration,
    pub(super) counters: Counters,
    pub(super) round_trip: Histogram,
    /// It is on a visit and leaves when it has nothing more to ask; it speaks to this device, if to one of the line's.
    pub(super) visit: Option<Visit>,
    busy_in_a_row: u32,
    shortest_period: Duration,
    longest_period: Duration,
}

impl Device {
    pub(super) fn new(id: DeviceId, driver: Box<dyn Driver>) -> Device {
        let load = driver.load();
        let periods = || load.iter().map(|question| question.period);
        Device {
            id,
            timing: driver.timing(),
            want: driver.wants(),
            shortest_period: periods().min().unwrap_or(Duration::MAX),
            longest_period: periods().max().unwrap_or(Duration::MAX),
            driver,
            health: Health::default(),
            reply_times: ReplyTimes::default(),
            retry: None,
            rests_until: Instant::default(),
            owes_until: Instant::default(),
            owes_command_until: Instant::default(),
            served: Instant::default(),
            worst_late: Duration::ZERO,
            counters: Counters::default(),
            round_trip: Histogram::default(),
            visit: None,
            busy_in_a_row: 0,
        }
    }

    /// One that comes with its questions and leaves. It has no health: what stays silent is its finding.
    pub(super) fn guest(driver: Box<dyn Driver>, host: Option<DeviceId>) -> Device {
        Device { visit: Some(Visit { host }), health: Health::of_guest(), ..Device::new(GUEST, driver) }
    }

    /// A guest without anything left to ask.
    pub(super) fn is_leaving(&self) -> bool {
        self.visit.is_some() && self.want.is_none() && self.retry.is_none()
    }

    /// After each call that may have changed the driver's mind.
    pub(super) fn refresh(&mut self) {
        self.want = self.driver.wants();
        self.timing = self.driver.timing();
    }

    /// Its next turn, if it has any.
    pub(super) fn turn(&self, now: Instant) -> Option<Turn> {
        if let Some(retry) = &self.retry {
            let (class, due) = (retry.question.class, retry.due);
            return Some(Turn { purpose: Purpose::Retry, class, due, ready: self.rests_until });
        }
        let free = self.rests_until.max(self.owes_until);
        let ask = self.want.map(|want| Turn {
            purpose: Purpose::Ask,
            class: want.class,
            due: want.due.max(self.served),
            ready: want.due.max(self.rests_until).max(self.confused_until(want.class)),
        });
        if !self.health.is_silent() {
            return ask;
        }
        let at = self.health.probe_at();
        let probe = Turn { purpose: Purpose::Probe, class: Class::Live, due: at, ready: at.max(free) };
        Some(
            ask.filter(|ask| ask.class == Class::Command && ask.ready <= probe.ready.max(now))
                .unwrap_or(probe),
        )
    }

    /// Until then a late answer may come that could be taken for the answer to a question of this class.
    pub(super) fn confused_until(&self, class: Class) -> Instant {
        if self.driver.answers_name_questions() {
            return Instant::default();
        }
        match class {
            Class::Command if self.driver.answers_name_commands() => self.owes_command_until,
            Class::Command | Class::Billing | Class::Live | Class::Slow => self.owes_until,
        }
    }

    /// An answer to a question of this class is owed until then.
    pub(super) fn owe_until(&mut self, class: Class, until: Instant) {
        self.owes_until = self.owes_until.max(until);
        if class == Class::Command {
            self.owes_command_until = self.owes_command_until.max(until);
        }
    }

    /// A guest spoke to it, and the answer may still come: only what names itself goes out before.
    pub(super) fn owe_for_guest(&mut self, until: Instant) {
        self.owe_until(Class::Slow, until);
    }

    /// Whether a question of this class is not repeated, because a command waits that can go out at once.
    pub(super) fn gives_way(&self, class: Class, now: Instant) -> bool {
        let waits = self.want.is_some_and(|want| want.class == Class::Command && want.due <= now);
        class > Class::Command && waits && self.driver.answers_name_commands()
    }

    /// Whether a register that will be billed is wanted now.
    pub(super) fn wants_billing(&self, now: Instant) -> bool {
        self.want.is_some_and(|want| want.class == Class::Billing && want.due <= now)
    }

    /// When a question is due that somebody waits for, on a line that is not there.
    pub(super) fn pressing(&self) -> Option<Instant> {
        let want = self.want.filter(|want| want.class <= Class::Billing)?;
        Some(want.due.max(self.rests_until))
    }

    /// A periodic question is asked so late after it was due.
    pub(super) fn asked_late(&mut self, class: Class, late: Duration) {
        let period = match class {
            Class::Command | Class::Billing => return,
            Class::Live => self.shortest_period,
            Class::Slow => self.longest_period,
        };
        self.counters.overruns += u64::from(late > period);
    }

    /// How often a question is sent: one that is already failing is not repeated unless somebody waits for it.
    pub(super) fn tries(&self, question: &Question) -> u8 {
        match question.class {
            Class::Command | Class::Billing => question.tries.max(1),
            Class::Live | Class::Slow if self.health.is_failing() => 1,
            Class::Live | Class::Slow => question.tries.max(1),
        }
    }

    pub(super) fn is_busy(&mut self, now: Instant) {
        self.counters.busy += 1;
        self.rests_until = now + (BUSY * (1 << self.busy_in_a_row.min(4))).min(BUSY_LONGEST);
        self.busy_in_a_row = self.busy_in_a_row.saturating_add(1);
    }

    pub(super) fn is_not_busy(&mut self) {
        self.busy_in_a_row = 0;
    }

    pub(super) fn status(&self, now: Instant) -> DeviceStatus {
        DeviceStatus {
            device: self.id,
            link: self.health.state(),
            link_for_ms: ms_since(now, self.health.since()),
            timeout_ms: u64::try_from(self.reply_times.longest_timeout(&self.timing).as_millis())
                .unwrap_or(u64::MAX),
            counters: self.counters,
            round_trip: self.round_trip.round_trip(),
        }
    }
}
