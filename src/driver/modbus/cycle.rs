//! A round of reads that is asked again by a period.

use super::exchange::Exchange;
use super::plan::{Read, Refused, Window};
use super::profile::Profile;
use crate::driver::PlannedQuestion;
use crate::model::time::Instant;
use crate::wire::modbus::Exception;
use std::time::Duration;

/// Typical delay of a slave, for the plan check of a line.
const TYPICAL_DELAY: Duration = Duration::from_millis(30);

/// Reads that are asked in order, all of them once a period.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    reads: Vec<Read>,
    at: usize,
    due: Instant,
    period: Duration,
}

/// A read that went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Its place in the round.
    pub(super) index: usize,
    /// What was asked for.
    pub(super) window: Window,
}

impl Cycle {
    /// Due at once. `period` below a millisecond is one.
    pub(super) fn new(reads: Vec<Read>, period: Duration) -> Cycle {
        Cycle { reads, at: 0, due: Instant::default(), period: period.max(Duration::from_millis(1)) }
    }

    /// When the next read is due; `None` without reads.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.reads.is_empty()).then_some(self.due)
    }

    /// The first read of the next round is due now; a round that has begun goes on.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.due = self.due.min(now);
    }

    /// Whether the next read begins a round.
    pub(super) fn begins(&self) -> bool {
        self.at == 0
    }

    /// Whether this read was the last of its round.
    pub(super) fn ended(&self, asked: Asked) -> bool {
        self.at == 0 && asked.index + 1 == self.reads.len()
    }

    pub(super) fn read(&self, index: usize) -> Option<&Read> {
        self.reads.get(index)
    }

    /// Sends the next read. A round that was missed by more than its period is skipped, not made up for.
    pub(super) fn ask(&mut self, now: Instant, exchange: &mut Exchange) -> Option<(Asked, Vec<u8>)> {
        let read = self.reads.get(self.at)?;
        let asked = Asked { index: self.at, window: read.choose(exchange.recent())? };
        let octets = exchange.read(read.table, asked.window);
        self.at += 1;
        if self.at >= self.reads.len() {
            self.at = 0;
            let next = self.due + self.period;
            self.due = if next + self.period < now { now + self.period } else { next };
        }
        Some((asked, octets))
    }

    /// The device refused a read. True: something else will be asked for the same points, at once.
    pub(super) fn refused(&mut self, now: Instant, profile: &Profile, asked: Asked, why: Exception) -> bool {
        // 2: a register that is not there, or an edge between blocks; 3: a count that is not liked
        if why != Exception::ADDRESS && why != Exception::VALUE {
            return false;
        }
        let Some(read) = self.reads.get_mut(asked.index) else { return false };
        match read.refused(profile, asked.window) {
            Refused::Spent => return false,
            Refused::Narrowed => {}
            Refused::Split(halves) => {
                self.reads.splice(asked.index..=asked.index, halves);
            }
        }
        self.at = asked.index;
        self.due = self.due.min(now);
        true
    }

    /// For the plan check.
    pub(super) fn load(&self) -> impl Iterator<Item = PlannedQuestion> {
        self.reads.iter().map(|read| PlannedQuestion {
            period: self.period,
            asked: 8,
            answered: read.longest_answer(),
            delay: TYPICAL_DELAY,
        })
    }
}
