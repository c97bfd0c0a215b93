//! Energy of one session over the half-hour slots of the local day (platform-222.md 16.2).

use crate::model::quantity::Energy;
use crate::model::record::flag;
use crate::model::time::{DAY_MS, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Neighbours further apart than this make an interpolated boundary worth a flag.
const CLOSE_MS: i64 = 60_000;
/// Readings kept while no wall clock can be believed; beyond that every second one is forgotten.
const WAITING: usize = 128;
/// No two readings of one session lie further apart; more than this is a broken clock.
const LONGEST_GAP_MS: i64 = 400 * DAY_MS;
/// Moments that can be split: 1970 to 2199. A clock outside of it is held at its edge.
const MOMENTS: std::ops::RangeInclusive<i64> = 0..=7_258_118_400_000;

/// Readings of a session's register, split over slots.
///
/// Readings carry the session's own time: milliseconds of a monotonic clock since the session began. Once the wall
/// time of its zero is known ([`Split::map`]) it is never changed, so a step of the wall clock moves nothing. Readings
/// before that wait and are split when it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    origin: Option<Utc>,
    slots: BTreeMap<u8, Energy>,
    first: Energy,
    last: Energy,
    at_ms: i64,
    total: Energy,
    waiting: Vec<Point>,
    flags: u16,
}

/// Total energy at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    at_ms: i64,
    total: Energy,
}

impl Split {
    /// Begins with the register before any energy flowed. `origin` is the wall time of the session's zero.
    #[must_use]
    pub fn begin(origin: Option<Utc>, at_ms: i64, register: Energy) -> Split {
        let mut split = Split {
            origin: None,
            slots: BTreeMap::new(),
            first: register,
            last: register,
            at_ms,
            total: Energy::ZERO,
            waiting: vec![Point { at_ms, total: Energy::ZERO }],
            flags: 0,
        };
        if let Some(origin) = origin {
            split.map(origin);
        }
        split
    }

    /// The wall time of the session's zero is known. What waited is split; a second call changes nothing.
    pub fn map(&mut self, origin: Utc) {
        if self.origin.is_some() {
            return;
        }
        self.origin = Some(origin);
        let waiting = std::mem::take(&mut self.waiting);
        for pair in waiting.windows(2) {
            self.spread(origin, pair[0].at_ms, pair[1].at_ms, pair[1].total - pair[0].total);
        }
    }

    /// A reading of the register in the present metering segment. One below the last is held at the last; one earlier
    /// than the last counts as taken together with it.
    pub fn reading(&mut self, at_ms: i64, register: Energy) {
        let gained = (register - self.last).max(Energy::ZERO);
        let from_ms = self.at_ms;
        self.at_ms = at_ms.clamp(from_ms, from_ms.saturating_add(LONGEST_GAP_MS));
        self.last = self.last.max(register);
        self.total += gained;
        match self.origin {
            Some(origin) => self.spread(origin, from_ms, self.at_ms, gained),
            None => self.wait(),
        }
    }

    /// The metering segment ends at the last reading; a new one begins at this register (domain.md 2.13). Nothing is
    /// billed for the step between the two.
    pub fn change(&mut self, at_ms: i64, register: Energy) {
        self.reading(at_ms, self.last);
        self.last = register;
        self.flags |= flag::METER_CHANGED;
    }

    /// Energy of a gap was attributed by time (15.6).
    pub fn mark_interpolated(&mut self) {
        self.flags |= flag::INTERPOLATED;
    }

    /// Sum of the metering segments.
    #[must_use]
    pub fn total(&self) -> Energy {
        self.total
    }

    /// Register at the beginning.
    #[must_use]
    pub fn first(&self) -> Energy {
        self.first
    }

    /// Newest register of the present segment.
    #[must_use]
    pub fn last(&self) -> Energy {
        self.last
    }

    /// Session time of the newest reading, ms.
    #[must_use]
    pub fn at_ms(&self) -> i64 {
        self.at_ms
    }

    /// Energy of each slot of the local day that has any; empty while no wall time is known.
    pub fn slots(&self) -> impl Iterator<Item = (usize, Energy)> + '_ {
        self.slots.iter().map(|(slot, energy)| (usize::from(*slot), *energy))
    }

    /// Energy that waits for a wall time.
    #[must_use]
    pub fn unmapped(&self) -> Energy {
        self.waiting.last().map_or(Energy::ZERO, |point| point.total)
    }

    /// Record flags of 020A that the readings gave: bit 3 and bit 4.
    #[must_use]
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// Shares energy between two moments over the slots: at each boundary the reading is interpolated and rounded
    /// down, and the last part takes the remainder.
    fn spread(&mut self, origin: Utc, from_ms: i64, to_ms: i64, energy: Energy) {
        let moment = |at_ms: i64| Utc(origin.plus_ms(at_ms).0.clamp(*MOMENTS.start(), *MOMENTS.end()));
        let (from, to) = (moment(from_ms), moment(to_ms));
        let (mut at, mut given) = (from, Energy::ZERO);
        while at.next_slot() < to {
            at = at.next_slot();
            let reached = share(energy, at.0 - from.0, to.0 - from.0);
            self.give(at.plus_ms(-1).slot(), reached - given);
            given = reached;
        }
        if at > from && energy > Energy::ZERO && to.0 - from.0 > CLOSE_MS {
            self.flags |= flag::INTERPOLATED;
        }
        self.give(at.slot(), energy - given);
    }

    fn give(&mut self, slot: usize, energy: Energy) {
        if energy != Energy::ZERO {
            *self.slots.entry(u8::try_from(slot).unwrap_or(0)).or_default() += energy;
        }
    }

    fn wait(&mut self) {
        if self.waiting.len() >= WAITING {
            let mut kept = 0_usize;
            self.waiting.retain(|_| {
                kept += 1;
                kept % 2 == 1
            });
        }
        self.waiting.push(Point { at_ms: self.at_ms, total: self.total });
    }
}

/// `energy × part ÷ whole`, rounded down.
fn share(energy: Energy, part_ms: i64, whole_ms: i64) -> Energy {
    let exact = i128::from(energy.0) * i128::from(part_ms) / i128::from(whole_ms.max(1));
    Energy(i64::try_from(exact).unwrap_or(energy.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::SLOT_MS;
    use jiff::civil::date;
    use proptest::prelude::*;

    /// Wall time of local midnight, 2028-02-29.
    fn leap_day() -> Utc {
        Utc::from_local(date(2028, 2, 29).at(0, 0, 0, 0))
    }

    fn slots(split: &Split) -> Vec<(usize, i64)> {
        split.slots().map(|(slot, energy)| (slot, energy.0)).collect()
    }

    #[test]
    fn a_reading_exactly_on_the_boundary_opens_the_new_slot() {
        let mut split = Split::begin(Some(leap_day()), SLOT_MS - 60_000, Energy(1_000));
        split.reading(SLOT_MS, Energy(1_600));
        assert_eq!(slots(&split), [(0, 600)]);
        split.reading(SLOT_MS + 1, Energy(1_601));
        assert_eq!(slots(&split), [(0, 600), (1, 1)]);
        assert_eq!(split.flags(), 0);
    }

    #[test]
    fn a_missed_boundary_is_interpolated_rounded_down_and_flagged_when_its_neighbours_are_far() {
        let gap = |each_side_ms: i64| {
            let mut split = Split::begin(Some(leap_day()), SLOT_MS - each_side_ms, Energy(0));
            split.reading(SLOT_MS + each_side_ms, Energy(7));
            (slots(&split), split.flags())
        };
        assert_eq!(gap(30_000), (vec![(0, 3), (1, 4)], 0));
        assert_eq!(gap(30_001), (vec![(0, 3), (1, 4)], flag::INTERPOLATED));
        let mut read_there = Split::begin(Some(leap_day()), SLOT_MS - 90_000, Energy(0));
        read_there.reading(SLOT_MS, Energy(7));
        assert_eq!((slots(&read_there), read_there.flags()), (vec![(0, 7)], 0));
    }

    #[test]
    fn sessions_over_any_number_of_boundaries_lose_nothing() {
        for boundaries in [0, 1, 2, 47, 48, 49, 97] {
            let begin = 20 * SLOT_MS + 1;
            let mut split = Split::begin(Some(leap_day()), begin, Energy(5));
            split.reading(begin + boundaries * SLOT_MS, Energy(5 + 1_000_003));
            let sum: i64 = slots(&split).iter().map(|(_, energy)| energy).sum();
            assert_eq!(sum, 1_000_003, "{boundaries} boundaries");
            let touched = usize::try_from(boundaries + 1).expect("small").min(48);
            assert_eq!(slots(&split).len(), touched, "{boundaries} boundaries");
        }
    }

    #[test]
    fn midnight_and_the_end_of_february_are_boundaries_like_any_other() {
        let mut split = Split::begin(Some(leap_day()), 48 * SLOT_MS - 1_000, Energy(0));
        split.reading(48 * SLOT_MS + 1_000, Energy(10));
        assert_eq!(slots(&split), [(0, 5), (47, 5)]);
        let at = leap_day().plus_ms(48 * SLOT_MS).local();
        assert_eq!((at.month(), at.day()), (3, 1));
    }

    #[test]
    fn a_step_of_register_between_segments_is_not_billed() {
        let mut split = Split::begin(Some(leap_day()), 0, Energy(8_388_000));
        split.reading(1_000, Energy(8_388_600));
        split.change(2_000, Energy(12));
        split.reading(3_000, Energy(112));
        split.change(4_000, Energy(9_000_000));
        split.reading(5_000, Energy(9_000_001));
        assert_eq!(split.total(), Energy(600 + 100 + 1));
        assert_eq!(split.flags(), flag::METER_CHANGED);
        assert_eq!((split.first(), split.last()), (Energy(8_388_000), Energy(9_000_001)));
    }

    #[test]
    fn readings_wait_for_a_clock_in_bounded_memory_and_are_split_when_it_comes() {
        let mut split = Split::begin(None, 0, Energy(0));
        for second in 1..=3_600 {
            split.reading(second * 1_000, Energy(second * 10));
        }
        assert!(split.waiting.len() <= WAITING);
        assert_eq!((split.unmapped(), slots(&split)), (Energy(36_000), vec![]));
        split.map(leap_day());
        assert_eq!(slots(&split), [(0, 18_000), (1, 18_000)]);
        assert_eq!(split.unmapped(), Energy::ZERO);
        split.map(Utc(0));
        split.reading(3_601_000, Energy(36_010));
        assert_eq!(split.slots().map(|(_, energy)| energy.0).sum::<i64>(), 36_010);
    }

    #[test]
    fn a_clock_of_another_age_costs_bounded_work_and_no_energy() {
        for origin in [i64::MIN, -1, 0, i64::MAX] {
            let mut split = Split::begin(Some(Utc(origin)), i64::MAX - 5, Energy(0));
            split.reading(i64::MAX, Energy(1_000));
            split.reading(i64::MIN, Energy(1_500));
            assert_eq!(split.slots().map(|(_, energy)| energy.0).sum::<i64>(), 1_500, "origin {origin}");
        }
        let mut split = Split::begin(Some(leap_day()), 0, Energy(0));
        split.reading(i64::MAX, Energy(1_000_000));
        assert_eq!(split.slots().map(|(_, energy)| energy.0).sum::<i64>(), 1_000_000);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn a_split_equals_one_made_with_fractions(
            begin in 0_i64..86_400_000,
            steps in proptest::collection::vec((1_i64..9_000_000, 0_i64..200_000), 1..30),
        ) {
            let mut split = Split::begin(Some(leap_day()), begin, Energy(77));
            let (mut at, mut register) = (begin, 77);
            let mut expected = [0_i128; 48];
            for (wait, energy) in steps {
                // Cumulative value at a moment: energy × part ÷ whole, as a fraction floored only when it is asked for.
                let reached = |moment: i64| i128::from(energy) * i128::from(moment - at) / i128::from(wait);
                for slot in at / SLOT_MS..=(at + wait) / SLOT_MS {
                    let (from, to) = ((slot * SLOT_MS).max(at), ((slot + 1) * SLOT_MS).min(at + wait));
                    expected[usize::try_from(slot % 48).expect("small")] += reached(to) - reached(from);
                }
                at += wait;
                register += energy;
                split.reading(at, Energy(register));
            }
            let mut found = [0_i128; 48];
            split.slots().for_each(|(slot, energy)| found[slot] = i128::from(energy.0));
            prop_assert_eq!(found, expected);
            prop_assert_eq!(found.iter().sum::<i128>(), i128::from(register - 77));
            prop_assert_eq!(split.total(), Energy(register - 77));
            let kept = serde_json::to_string(&split).expect("json");
            prop_assert_eq!(serde_json::from_str::<Split>(&kept).expect("split"), split);
        }
    }
}
