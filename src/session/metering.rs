//! What a register may tell: jitter, rollback, jump, replacement (domain.md 2.13).

use crate::billing::Split;
use crate::model::quantity::{Energy, Power};
use crate::model::report::MeterReading;
use crate::model::time::Utc;
use serde::{Deserialize, Serialize};

/// A reading is not younger than this when it is heard.
const READING_AGE_MS: i64 = 5_000;
/// So many like readings turn a doubt into a fact.
const CONFIRMED: u8 = 3;

/// The register of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metering {
    split: Option<Split>,
    number: Option<String>,
    /// The meter told another number, and no register since.
    replaced: bool,
    /// When the last good register was heard. The split may stand later: nothing is billed before output was confirmed,
    /// but a confirmation may come late, and energy that flowed meanwhile is no jump.
    #[serde(default)]
    heard_ms: Option<i64>,
    #[serde(skip)]
    doubt: Option<Doubt>,
}

/// A register that cannot follow from the last good one, until it is confirmed or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Doubt {
    first: (i64, Energy),
    last: (i64, Energy),
    reads: u8,
}

/// What a reading was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// No usable register in it, or none was begun.
    Nothing,
    /// Follows from the last one (jitter of one digit is held at the maximum).
    Good,
    /// Cannot follow from the last one; nothing is billed until it is confirmed.
    Doubtful,
    /// Confirmed: the register went back; a new metering segment began.
    WentBack,
    /// Confirmed: the register jumped; a new metering segment began, the jump is not billed.
    Jumped,
    /// The meter has another number; a new metering segment began.
    Replaced,
}

impl Metering {
    /// Takes the register before any energy flowed. False when there is none in the reading.
    pub(super) fn begin(&mut self, origin: Option<Utc>, at_ms: i64, reading: &MeterReading) -> bool {
        let Some(register) = usable(reading) else { return false };
        self.number = reading.number.clone().or(self.number.take());
        self.split = Some(Split::begin(origin, at_ms, register));
        self.heard_ms = Some(at_ms);
        true
    }

    /// Judges a reading heard at `at_ms`; its energy counts until `bill_ms`.
    pub(super) fn judge(
        &mut self,
        at_ms: i64,
        bill_ms: i64,
        reading: &MeterReading,
        rated: Power,
    ) -> Verdict {
        self.note_number(reading);
        let (Some(split), Some(register)) = (self.split.as_mut(), usable(reading)) else {
            return Verdict::Nothing;
        };
        if std::mem::take(&mut self.replaced) {
            split.change(bill_ms, register);
            (self.doubt, self.heard_ms) = (None, Some(at_ms));
            return Verdict::Replaced;
        }
        let digit = digit(reading);
        let since_ms = self.heard_ms.map_or(split.at_ms(), |heard| heard.min(split.at_ms()));
        if follows((since_ms, split.last()), (at_ms, register), digit, rated) {
            split.reading(bill_ms, register);
            (self.doubt, self.heard_ms) = (None, Some(at_ms));
            return Verdict::Good;
        }
        let here = (at_ms, register);
        let doubt = match self.doubt {
            Some(doubt) if follows(doubt.last, here, digit, rated) => {
                Doubt { last: here, reads: doubt.reads.saturating_add(1), ..doubt }
            }
            Some(_) | None => Doubt { first: here, last: here, reads: 1 },
        };
        if doubt.reads < CONFIRMED {
            self.doubt = Some(doubt);
            return Verdict::Doubtful;
        }
        (self.doubt, self.heard_ms) = (None, Some(at_ms));
        let back = doubt.first.1 < split.last();
        split.change(doubt.first.0.min(bill_ms), doubt.first.1);
        split.reading(bill_ms, register);
        if back { Verdict::WentBack } else { Verdict::Jumped }
    }

    /// Whether the register after a restart can follow from the last stored one, when the charger was able to deliver
    /// at `power` until `at_ms`. Counted from the reading, not from the moment it was stored: the two are up to a poll
    /// apart, and neither reading is quite as young as the moment it was heard.
    pub(super) fn explains(&self, reading: &MeterReading, power: Power, at_ms: i64) -> bool {
        let same = self.number.is_none() || reading.number.is_none() || self.number == reading.number;
        let (Some(split), Some(register)) = (&self.split, usable(reading)) else { return false };
        let elapsed_ms = at_ms.saturating_sub(split.at_ms()).max(0).saturating_add(READING_AGE_MS);
        let gained = register - split.last();
        same && gained >= Energy::ZERO && gained <= Energy::from_power(power, elapsed_ms) + digit(reading)
    }

    /// Takes a register after a restart that was found to be explained.
    pub(super) fn take(&mut self, at_ms: i64, reading: &MeterReading) {
        self.note_number(reading);
        if let (Some(split), Some(register)) = (self.split.as_mut(), usable(reading)) {
            split.reading(at_ms, register);
            self.heard_ms = Some(at_ms);
        }
    }

    pub(super) fn split(&self) -> Option<&Split> {
        self.split.as_ref()
    }

    pub(super) fn split_mut(&mut self) -> Option<&mut Split> {
        self.split.as_mut()
    }

    /// Energy of the session so far.
    pub(super) fn total(&self) -> Energy {
        self.split.as_ref().map_or(Energy::ZERO, Split::total)
    }

    /// Number of the meter, as far as it told it.
    pub(super) fn number(&self) -> &str {
        self.number.as_deref().unwrap_or_default()
    }

    fn note_number(&mut self, reading: &MeterReading) {
        let Some(number) = &reading.number else { return };
        self.replaced |= self.number.as_ref().is_some_and(|known| known != number);
        self.number = Some(number.clone());
    }
}

/// A register that a meter can show.
pub(super) fn usable(reading: &MeterReading) -> Option<Energy> {
    reading.register.filter(|register| *register >= Energy::ZERO)
}

/// What can have flowed in so long: rated power and a fifth more.
pub(super) fn most(rated: Power, elapsed_ms: i64) -> Energy {
    Energy::from_power(most_power(rated), elapsed_ms.max(0))
}

/// What a charger of this rating can give: a fifth more.
pub(super) fn most_power(rated: Power) -> Power {
    Power(rated.0.saturating_add(rated.0 / 5))
}

fn digit(reading: &MeterReading) -> Energy {
    reading.resolution.max(Energy(1))
}

fn follows(last: (i64, Energy), here: (i64, Energy), digit: Energy, rated: Power) -> bool {
    let elapsed_ms = here.0.saturating_sub(last.0).max(0).saturating_add(READING_AGE_MS);
    let gained = here.1 - last.1;
    gained >= Energy(digit.0.saturating_neg()) && gained <= most(rated, elapsed_ms) + digit
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::flag;
    use Verdict::{Doubtful, Good, Jumped, Nothing, Replaced, WentBack};

    const RATED: Power = Power(120_000);

    fn read(register: i64) -> MeterReading {
        MeterReading { register: Some(Energy(register)), resolution: Energy(100), ..MeterReading::default() }
    }

    fn begun(register: i64) -> Metering {
        let mut metering = Metering::default();
        assert!(metering.begin(Some(Utc(0)), 0, &read(register)));
        metering
    }

    /// One reading each second.
    fn verdicts(metering: &mut Metering, registers: &[i64]) -> Vec<Verdict> {
        let judge = |(second, register): (i64, &i64)| {
            let at_ms = second * 1_000;
            metering.judge(at_ms, at_ms, &read(*register), RATED)
        };
        (1_i64..).zip(registers).map(judge).collect()
    }

    #[test]
    fn one_digit_back_is_jitter_and_is_held() {
        let mut metering = begun(50_000);
        assert_eq!(verdicts(&mut metering, &[50_300, 50_200, 50_300, 50_600]), [Good; 4]);
        assert_eq!((metering.total(), metering.split().map(Split::flags)), (Energy(600), Some(0)));
    }

    #[test]
    fn one_broken_reading_costs_nothing() {
        let mut metering = begun(50_000);
        let found = verdicts(&mut metering, &[50_300, 7, 50_600, 9_000_000, 50_900]);
        assert_eq!(found, [Good, Doubtful, Good, Doubtful, Good]);
        assert_eq!((metering.total(), metering.split().map(Split::flags)), (Energy(900), Some(0)));
    }

    #[test]
    fn a_register_that_went_back_opens_a_segment_and_never_a_negative() {
        // 838 860.7 Wh and on from 0: the wrap of a 23-bit counter of 0.1 Wh.
        let mut metering = begun(8_388_400);
        let found = verdicts(&mut metering, &[8_388_600, 50, 350, 650, 950]);
        assert_eq!(found, [Good, Doubtful, Doubtful, WentBack, Good]);
        assert_eq!(metering.total(), Energy(200 + 900));
        assert_eq!(metering.split().map(Split::flags), Some(flag::METER_CHANGED));
    }

    #[test]
    fn a_jump_is_not_billed() {
        let mut metering = begun(0);
        let found = verdicts(&mut metering, &[300, 9_391_000, 9_391_300, 9_391_600, 9_391_900]);
        assert_eq!(found, [Good, Doubtful, Doubtful, Jumped, Good]);
        assert_eq!(metering.total(), Energy(300 + 900));
    }

    #[test]
    fn another_number_means_another_meter_even_when_its_register_fits() {
        let named = |register, number: &str| MeterReading { number: Some(number.into()), ..read(register) };
        let mut metering = Metering::default();
        assert!(metering.begin(None, 0, &named(1_000, "A1")));
        let silent = MeterReading { register: None, ..named(0, "B2") };
        assert_eq!(metering.judge(1_000, 1_000, &silent, RATED), Nothing);
        assert_eq!(metering.judge(2_000, 2_000, &read(1_100), RATED), Replaced);
        assert_eq!(metering.judge(3_000, 3_000, &read(1_300), RATED), Good);
        assert_eq!((metering.total(), metering.number()), (Energy(200), "B2"));
    }

    #[test]
    fn a_reading_without_a_register_lowers_nothing_and_a_negative_one_is_none() {
        let mut metering = begun(1_000);
        assert_eq!(metering.judge(1, 1, &MeterReading::default(), RATED), Nothing);
        assert_eq!(metering.judge(2, 2, &read(-1), RATED), Nothing);
        assert!(!Metering::default().begin(None, 0, &read(-1)));
        assert_eq!(metering.total(), Energy::ZERO);
    }

    #[test]
    fn wild_registers_end_in_no_panic_and_no_negative_total() {
        let mut metering = begun(0);
        let wild = [i64::MAX, i64::MAX, i64::MAX, 0, i64::MAX - 1, 1, 1, 1, i64::MIN, 2];
        verdicts(&mut metering, &wild);
        assert!(metering.total() >= Energy::ZERO);
        assert_eq!(metering.judge(i64::MAX, i64::MIN, &read(3), Power(i64::MAX)), Good);
    }
}
