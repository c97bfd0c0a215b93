//! Every deadline of a listener.

use super::said::Ages;
use crate::model::stop::StopReason;
use crate::model::time::Instant;
use crate::wire::gbt27930::Kind;
use std::time::Duration;

/// Nothing at all for so long: the plug is out or the dialogue is over (can.md 1.5).
pub(super) const SILENCE: Duration = Duration::from_secs(5);
/// Statistics that have not come by then do not come: ten seconds (can.md 1.6), and one for the side that waits for
/// them to say that it misses them.
pub(super) const ENDING: Duration = Duration::from_secs(11);
/// A longer pause ends charging (can.md 1.6).
pub(super) const PAUSE: Duration = Duration::from_secs(600);

/// The messages of the charging phase, how long each may be missing (can.md 1.7), and its number.
const WATCHED: [(Kind, Duration, StopReason); 3] = [
    (Kind::Bcl, Duration::from_secs(1), StopReason::BCL_TIMEOUT),
    (Kind::Bcs, Duration::from_secs(5), StopReason::BMS_TIMEOUT),
    (Kind::Ccs, Duration::from_secs(1), StopReason::CCS_TIMEOUT),
];
const BCL: usize = 0;
const BCS: usize = 1;
const CCS: usize = 2;

/// When what was last heard, and what is waited for.
#[derive(Debug, Default)]
pub(super) struct Watch {
    any: Option<Instant>,
    heard: [Option<Instant>; 3],
    missed: [bool; 3],
    charging: Option<Instant>,
    ending: Option<Instant>,
    paused: Option<Instant>,
    pause_over: bool,
}

impl Watch {
    /// A frame of the dialogue.
    pub(super) fn sign_of_life(&mut self, now: Instant) {
        self.any = Some(now);
    }

    /// A message: its own watch begins anew. Gives the number under which it was missed.
    pub(super) fn heard(&mut self, kind: Kind, now: Instant) -> Option<StopReason> {
        let i = WATCHED.iter().position(|(watched, ..)| *watched == kind)?;
        self.heard[i] = Some(now);
        std::mem::take(&mut self.missed[i]).then_some(WATCHED[i].2)
    }

    /// The charging phase begins or ends.
    pub(super) fn charging(&mut self, since: Option<Instant>) {
        self.charging = since;
        self.missed = [false; 3];
    }

    /// The ending phase begins or ends.
    pub(super) fn ending(&mut self, since: Option<Instant>) {
        self.ending = since;
    }

    /// Charging is forbidden, or no more.
    pub(super) fn paused(&mut self, since: Option<Instant>) {
        self.paused = since;
        self.pause_over = false;
    }

    /// How long ago what was heard.
    pub(super) fn ages(&self, now: Instant) -> Ages {
        let age = |i: usize| self.heard[i].map(|at| now.since(at));
        Ages { bcl: age(BCL), bcs: age(BCS), ccs: age(CCS) }
    }

    /// The numbers of everything that has been missing too long, each once until it is heard again. Two sides that are
    /// both gone are one thing, not two.
    pub(super) fn missing(&mut self, now: Instant) -> Vec<StopReason> {
        let mut found = Vec::new();
        for (i, (_, limit, reason)) in WATCHED.iter().enumerate() {
            if !self.missed[i] && self.limit(i, *limit).is_some_and(|due| now >= due) {
                self.missed[i] = true;
                found.push(*reason);
            }
        }
        let gone = self.missed[BCL] && self.missed[CCS];
        if gone && (found.contains(&StopReason::BCL_TIMEOUT) || found.contains(&StopReason::CCS_TIMEOUT)) {
            found.retain(|r| *r == StopReason::BMS_TIMEOUT);
            found.insert(0, StopReason::BOTH_SILENT);
        }
        if !self.pause_over && self.paused.is_some_and(|since| now >= since + PAUSE) {
            self.pause_over = true;
            found.push(StopReason::PAUSE_TOO_LONG);
        }
        found
    }

    /// Whether nothing was heard for so long that the dialogue is over.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        self.any.is_some_and(|at| now >= at + SILENCE)
    }

    /// Whether statistics have been waited for long enough.
    pub(super) fn is_ended(&self, now: Instant) -> bool {
        self.ending.is_some_and(|since| now >= since + ENDING)
    }

    /// The next of all these moments.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let watched = WATCHED.iter().enumerate().filter(|(i, _)| !self.missed[*i]);
        let watched = watched.filter_map(|(i, (_, limit, _))| self.limit(i, *limit));
        let pause = self.paused.filter(|_| !self.pause_over).map(|since| since + PAUSE);
        let others = [self.any.map(|at| at + SILENCE), self.ending.map(|since| since + ENDING), pause];
        watched.chain(others.into_iter().flatten()).min()
    }

    fn limit(&self, i: usize, limit: Duration) -> Option<Instant> {
        let since = self.charging?;
        Some(self.heard[i].map_or(since, |at| at.max(since)) + limit)
    }
}
