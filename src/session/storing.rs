//! One unanswered `Save` or `Close` at a time; what is wanted meanwhile is put together; what failed is tried again.

use super::config::Timers;
use crate::model::message::StartOutcome;
use crate::model::time::Instant;
use std::time::Duration;

/// Longest text of steps put together while the store is busy.
const LONGEST_STEP: usize = 400;

/// What became durable, or did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// The state.
    Saved,
    /// Not the state.
    SaveFailed,
    /// The end.
    Closed,
    /// Not the end; it is tried again.
    CloseFailed,
}

/// What is to become durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) step: Option<String>,
    pub(super) start_result: Option<StartOutcome>,
    pub(super) close: bool,
}

impl Wanted {
    /// This, and what was wanted later.
    fn and(self, later: Wanted) -> Wanted {
        let step = match (self.step, later.step) {
            (Some(first), Some(second)) if first.len() + second.len() < LONGEST_STEP => {
                Some(format!("{first}; {second}"))
            }
            (Some(first), Some(_) | None) => Some(first),
            (None, second) => second,
        };
        Wanted {
            step,
            start_result: self.start_result.or(later.start_result),
            close: self.close || later.close,
        }
    }
}

/// The way to the store.
#[derive(Clone, Debug, Default)]
pub(super) struct Storing {
    in_flight: Option<Wanted>,
    wanted: Option<Wanted>,
    retry_at: Option<Instant>,
    failures: u32,
}

impl Storing {
    /// Wants something durable.
    pub(super) fn want(&mut self, wanted: Wanted) {
        self.wanted = Some(match self.wanted.take() {
            Some(earlier) => earlier.and(wanted),
            None => wanted,
        });
    }

    /// What to hand to the store now; it is in flight then.
    pub(super) fn next(&mut self, now: Instant) -> Option<&Wanted> {
        let held = self.retry_at.is_some_and(|at| now < at);
        if self.in_flight.is_some() || self.wanted.is_none() || held {
            return None;
        }
        self.retry_at = None;
        self.in_flight = self.wanted.take();
        self.in_flight.as_ref()
    }

    /// The store answered; nothing when nothing was asked.
    pub(super) fn answer(&mut self, now: Instant, durable: bool, timers: &Timers) -> Option<Stored> {
        let asked = self.in_flight.take()?;
        let close = asked.close;
        if durable {
            self.failures = 0;
            return Some(if close { Stored::Closed } else { Stored::Saved });
        }
        let later = self.wanted.take();
        self.wanted = Some(match later {
            Some(later) => asked.and(later),
            None => asked,
        });
        let doubled = timers.save_retry.saturating_mul(1 << self.failures.min(16));
        self.retry_at = Some(now + doubled.min(timers.save_retry_max).max(Duration::from_millis(1)));
        self.failures = self.failures.saturating_add(1);
        Some(if close { Stored::CloseFailed } else { Stored::SaveFailed })
    }

    /// Nothing of this is wanted any more.
    pub(super) fn forget(&mut self) {
        *self = Storing::default();
    }

    /// Whether 0204 is in the transaction on its way.
    pub(super) fn tells_start(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|wanted| wanted.start_result.is_some())
    }

    /// Whether the end is on its way.
    pub(super) fn closes(&self) -> bool {
        self.in_flight.as_ref().is_some_and(|wanted| wanted.close)
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.in_flight.is_none() && self.wanted.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stop::StopReason;

    fn step(text: &str) -> Wanted {
        Wanted { step: Some(text.into()), ..Wanted::default() }
    }

    #[test]
    fn what_is_wanted_while_the_store_is_busy_goes_together_in_the_next_one() {
        let mut storing = Storing::default();
        let timers = Timers::default();
        storing.want(step("one"));
        assert_eq!(storing.next(Instant(0)), Some(&step("one")));
        storing.want(step("two"));
        storing.want(Wanted { start_result: Some(StartOutcome::Charging), ..step("three") });
        assert_eq!(storing.next(Instant(0)), None);
        assert_eq!(storing.answer(Instant(1), true, &timers), Some(Stored::Saved));
        let next = storing.next(Instant(1)).cloned().expect("more");
        assert_eq!(
            (next.step.as_deref(), next.start_result),
            (Some("two; three"), Some(StartOutcome::Charging))
        );
        assert_eq!(storing.answer(Instant(1), true, &timers), Some(Stored::Saved));
        assert_eq!(storing.answer(Instant(1), true, &timers), None);
    }

    #[test]
    fn what_failed_is_tried_again_with_growing_waits_and_nothing_of_it_is_lost() {
        let mut storing = Storing::default();
        let timers = Timers::default();
        storing.want(step("one"));
        let mut now = Instant(0);
        for wait in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(storing.next(now).is_some());
            storing.want(Wanted {
                start_result: Some(StartOutcome::Failed(StopReason::FULL)),
                ..Wanted::default()
            });
            assert_eq!(storing.answer(now, false, &timers), Some(Stored::SaveFailed));
            let due = now + Duration::from_secs(wait);
            assert_eq!((storing.wake_at(), storing.next(Instant(due.0 - 1))), (Some(due), None));
            now = due;
        }
        let kept = storing.next(now).cloned().expect("kept");
        assert_eq!(kept.step.as_deref(), Some("one"));
        assert!(kept.start_result.is_some() && storing.tells_start());
    }

    #[test]
    fn steps_put_together_stay_short() {
        let mut storing = Storing::default();
        (0..1_000).for_each(|_| storing.want(step("a step of a session")));
        assert!(
            storing.next(Instant(0)).and_then(|w| w.step.as_ref()).is_some_and(|s| s.len() <= LONGEST_STEP)
        );
    }
}
