//! What the questions of a line need of its time, before any of them is asked (rs485.md 7.1).
//!
//! `T = (asked + answered) x bits / baud + delay + gap`, and the plan is the sum of `T / period` over all questions. A plan
//! above 900 permille is to be refused; one above 800 permille leaves no room for repeats and orders.

use super::Config;
use super::rate::Rate;
use crate::driver::{Driver, PlannedQuestion, Timing};
use std::time::Duration;

/// A plan that needs more than this does not work.
pub const LARGEST_PERMILLE: u64 = 900;

/// Share of the time of a line, in permille, that the questions of one device need.
#[must_use]
pub fn permille(config: &Config, timing: &Timing, questions: &[PlannedQuestion]) -> u64 {
    let rate = Rate::new(config.baud, config.bits);
    let gap = rate.silent_gap().max(timing.turnaround).max(timing.after_switch);
    let millionths = questions.iter().map(|question| {
        let needs = rate.wire(question.asked) + rate.wire(question.answered) + question.delay + gap;
        per_million(needs, question.period)
    });
    millionths.fold(0, u64::saturating_add).div_ceil(1_000)
}

/// The same over the devices of a line.
#[must_use]
pub fn permille_of<'a>(config: &Config, drivers: impl IntoIterator<Item = &'a dyn Driver>) -> u64 {
    let shares = drivers.into_iter().map(|driver| permille(config, &driver.timing(), &driver.load()));
    shares.fold(0, u64::saturating_add)
}

fn per_million(needs: Duration, period: Duration) -> u64 {
    let share = needs.as_micros().saturating_mul(1_000_000) / period.as_micros().max(1);
    u64::try_from(share).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(turnaround_ms: u64) -> Timing {
        Timing {
            reply: Duration::from_millis(800),
            floor: Duration::from_millis(100),
            ceiling: Duration::from_millis(1_500),
            inter_octet: Duration::from_millis(200),
            turnaround: Duration::from_millis(turnaround_ms),
            after_switch: Duration::ZERO,
            probe_max: Duration::from_secs(60),
            silent_after: 10,
        }
    }

    fn question(period_ms: u64, asked: usize, answered: usize, delay_ms: u64) -> PlannedQuestion {
        PlannedQuestion {
            period: Duration::from_millis(period_ms),
            asked,
            answered,
            delay: Duration::from_millis(delay_ms),
        }
    }

    #[test]
    fn twenty_meters_at_2400_baud_do_not_fit_five_seconds_and_fit_ten() {
        let config = Config { baud: 2400, bits: 11, ..Config::default() };
        // rs485.md 7.2: three live blocks each 5 s need four times the line; power each 10 s and a block each 60 s fit.
        let live = [question(5_000, 20, 26, 100), question(5_000, 20, 26, 100), question(5_000, 20, 26, 100)];
        assert!(20 * permille(&config, &timing(30), &live) > 4_000);
        let modest = [question(10_000, 20, 23, 100), question(60_000, 20, 40, 100)];
        let share = 20 * permille(&config, &timing(30), &modest);
        assert!((750..=900).contains(&share), "{share}");
    }

    #[test]
    fn a_period_of_nothing_is_more_than_any_line_has() {
        let share = permille(&Config::default(), &timing(5), &[question(0, 8, 9, 5)]);
        assert!(share > LARGEST_PERMILLE);
    }
}
