//! How long a device takes to answer, learned per kind of question.
//!
//! Time-out = clamp(max(4 x mean, 1.5 x longest), floor, ceiling) (rs485.md 6.4); before anything was learned it is the
//! profile's. Only questions answered at their first sending teach: with a repeated one nobody knows which sending was
//! answered. So a time-out doubles it up to the ceiling until the next answer teaches again.

use crate::driver::Timing;
use std::time::Duration;

/// Kinds learned apart; all further ones share the last entry.
const KINDS: usize = 16;

#[derive(Clone, Copy, Debug)]
struct ReplyTime {
    kind: u16,
    /// Moving average over about eight answers.
    mean: Duration,
    /// Longest seen; it comes down slowly to the mean. `None` = nothing learned yet.
    longest: Option<Duration>,
    /// Time-outs since the last lesson, each of which doubles.
    doubled: u8,
}

impl ReplyTime {
    fn timeout(&self, timing: &Timing) -> Duration {
        match self.longest {
            Some(longest) => (self.mean * 4)
                .max(longest + longest / 2)
                .min(timing.ceiling.max(timing.floor))
                .max(timing.floor),
            None => timing.reply,
        }
    }

    fn learn(&mut self, delay: Duration) {
        let Some(longest) = self.longest else {
            (self.mean, self.longest) = (delay, Some(delay));
            return;
        };
        self.mean = (self.mean * 7 + delay) / 8;
        let faded = longest - longest.saturating_sub(self.mean) / 64;
        self.longest = Some(faded.max(delay));
    }
}

/// What was learned of one device.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplyTimes(Vec<ReplyTime>);

impl ReplyTimes {
    /// How long to wait for the first octet of an answer to this kind of question.
    pub(super) fn timeout(&self, kind: u16, timing: &Timing) -> Duration {
        let Some(known) = self.find(kind) else { return timing.reply };
        let once = known.timeout(timing);
        (once * (1 << known.doubled)).min(timing.ceiling.max(once))
    }

    /// The same for a probe of a silent device: one that is gone must not become dearer by being gone.
    pub(super) fn probe_timeout(&self, kind: u16, timing: &Timing) -> Duration {
        self.find(kind).map_or(timing.reply, |known| known.timeout(timing))
    }

    /// The longest time-out in use now, for people.
    pub(super) fn longest_timeout(&self, timing: &Timing) -> Duration {
        self.0.iter().map(|known| self.timeout(known.kind, timing)).max().unwrap_or(timing.reply)
    }

    /// Answered at the first sending, after this delay.
    pub(super) fn answered(&mut self, kind: u16, delay: Duration) {
        let known = self.entry(kind);
        known.learn(delay);
        known.doubled = 0;
    }

    /// The answer came after the time-out.
    pub(super) fn late(&mut self, kind: u16, delay: Duration) {
        self.entry(kind).learn(delay);
    }

    /// No answer in time.
    pub(super) fn lapsed(&mut self, kind: u16) {
        let known = self.entry(kind);
        known.doubled = (known.doubled + 1).min(8);
    }

    /// Whoever answers after a silence may be another one: begin at the profile again.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    fn find(&self, kind: u16) -> Option<&ReplyTime> {
        let shared = if self.0.len() < KINDS { None } else { self.0.last() };
        self.0.iter().find(|known| known.kind == kind).or(shared)
    }

    fn entry(&mut self, kind: u16) -> &mut ReplyTime {
        let at = self.0.iter().position(|known| known.kind == kind);
        let at = at.unwrap_or(self.0.len()).min(KINDS - 1);
        if at == self.0.len() {
            self.0.push(ReplyTime { kind, mean: Duration::ZERO, longest: None, doubled: 0 });
        }
        &mut self.0[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        reply: Duration::from_millis(400),
        floor: Duration::from_millis(60),
        ceiling: Duration::from_millis(1_000),
        inter_octet: Duration::from_millis(50),
        turnaround: Duration::from_millis(5),
        after_switch: Duration::ZERO,
        probe_max: Duration::from_secs(60),
        silent_after: 10,
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_time_out_is_the_profile_s_until_something_was_learned_and_four_means_then() {
        let mut times = ReplyTimes::default();
        assert_eq!(times.timeout(1, &TIMING), ms(400));
        times.answered(1, ms(20));
        assert_eq!(times.timeout(1, &TIMING), ms(80));
        assert_eq!(times.timeout(2, &TIMING), ms(400), "another kind is learned apart");
        times.answered(1, ms(200));
        assert_eq!(times.timeout(1, &TIMING), ms(300), "one and a half times the longest");
    }

    #[test]
    fn floor_and_ceiling_hold() {
        let mut times = ReplyTimes::default();
        times.answered(1, ms(1));
        assert_eq!(times.timeout(1, &TIMING), ms(60));
        times.answered(1, ms(5_000));
        assert_eq!(times.timeout(1, &TIMING), ms(1_000));
    }

    #[test]
    fn an_outlier_fades() {
        let mut times = ReplyTimes::default();
        times.answered(1, ms(600));
        for _ in 0..400 {
            times.answered(1, ms(20));
        }
        assert!(times.timeout(1, &TIMING) < ms(100), "{:?}", times.timeout(1, &TIMING));
    }

    #[test]
    fn time_outs_double_until_the_next_lesson() {
        let mut times = ReplyTimes::default();
        times.answered(1, ms(20));
        times.lapsed(1);
        assert_eq!(times.timeout(1, &TIMING), ms(160));
        assert_eq!(times.probe_timeout(1, &TIMING), ms(80));
        (0..300).for_each(|_| times.lapsed(1));
        assert_eq!(times.timeout(1, &TIMING), ms(1_000));
        times.answered(1, ms(20));
        assert_eq!(times.timeout(1, &TIMING), ms(80));
    }

    #[test]
    fn the_number_of_kinds_is_bounded() {
        let mut times = ReplyTimes::default();
        (0..1_000).for_each(|kind| times.answered(kind, ms(20)));
        assert_eq!(times.0.len(), KINDS);
        assert_eq!(times.timeout(999, &TIMING), ms(80), "the last entry is shared");
    }
}
