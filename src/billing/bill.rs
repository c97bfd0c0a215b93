//! What a session costs: energy and money per tier (platform-222.md 16.1, 16.3).

use super::split::Split;
use super::tariff::tier;
use crate::model::money::{Money, Price};
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, Segment};
use crate::model::tariff::{Tariff, Tier};

/// What is owed for a session so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bill {
    /// One per tier with energy, in tier order; without a tariff a single one of code 0.
    pub segments: Vec<Segment>,
    /// Sum of the segments.
    pub energy: Energy,
    /// Sum of the segments.
    pub electricity: Money,
    /// Sum of the segments.
    pub service: Money,
    /// A value did not fit its 32-bit field and stands at the largest one: flag bit 6 and alarm 0008.
    pub overflow: bool,
}

impl Bill {
    /// Electricity and service together.
    #[must_use]
    pub fn amount(&self) -> Money {
        self.electricity + self.service
    }
}

/// Bills a split. Energies of slots with the same tier are added before any multiplication; money is rounded half up,
/// once per tier and kind. Under platform billing prices and amounts are 0.
#[must_use]
pub fn bill(split: &Split, tariff: Option<&Tariff>, mode: BillingMode) -> Bill {
    let mut bill = Bill::default();
    for (tier, energy) in energies(split, tariff) {
        let segment = segment(&tier, energy, mode, &mut bill.overflow);
        bill.segments.push(segment);
    }
    let mut sum = |part: fn(&Segment) -> i64| {
        fit(bill.segments.iter().map(|segment| i128::from(part(segment))).sum(), &mut bill.overflow)
    };
    bill.energy = Energy(sum(|segment| segment.energy.0));
    bill.electricity = Money(sum(|segment| segment.electricity_amount.0));
    bill.service = Money(sum(|segment| segment.service_amount.0));
    bill
}

/// Money for energy at a price: `(energy × price + 50000) div 100000`, half up.
#[must_use]
pub fn amount(energy: Energy, price: Price) -> Money {
    let exact = (i128::from(energy.0) * i128::from(price.0) + 50_000).div_euclid(100_000);
    Money(i64::try_from(exact).unwrap_or(i64::MAX))
}

/// Tiers with energy in tier order. Energy that no tier takes, or that waits for a wall time, stands under code 0.
fn energies(split: &Split, tariff: Option<&Tariff>) -> Vec<(Tier, Energy)> {
    let mut by_tier = [Energy::ZERO; u8::MAX as usize + 1];
    let mut homeless = split.unmapped();
    for (slot, energy) in split.slots() {
        match tariff.and_then(|tariff| tier(tariff, slot)) {
            Some((index, _)) => by_tier[index.min(usize::from(u8::MAX))] += energy,
            None => homeless += energy,
        }
    }
    let none = Tier { code: 0, electricity: Price(0), service: Price(0) };
    let tiers = tariff.map_or(&[][..], |tariff| &tariff.tiers).iter().copied().zip(by_tier);
    tiers.chain([(none, homeless)]).filter(|(_, energy)| *energy != Energy::ZERO).collect()
}

fn segment(tier: &Tier, energy: Energy, mode: BillingMode, overflow: &mut bool) -> Segment {
    let (electricity, service) = match mode {
        BillingMode::Platform => (Price(0), Price(0)),
        BillingMode::Pile => (tier.electricity, tier.service),
    };
    Segment {
        code: tier.code,
        electricity_price: electricity,
        service_price: service,
        energy: Energy(fit(energy.0.into(), overflow)),
        electricity_amount: Money(fit(amount(energy, electricity).0.into(), overflow)),
        service_amount: Money(fit(amount(energy, service).0.into(), overflow)),
    }
}

fn fit(value: i128, overflow: &mut bool) -> i64 {
    let kept = value.clamp(0, u32::MAX.into());
    *overflow |= kept != value;
    i64::try_from(kept).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::tariff::tests::two_tiers;
    use super::*;
    use crate::model::time::{SLOT_MS, Utc};
    use jiff::civil::date;
    use proptest::prelude::*;

    fn midnight() -> Utc {
        Utc::from_local(date(2026, 11, 25).at(0, 0, 0, 0))
    }

    fn charged(from_ms: i64, to_ms: i64, energy: i64) -> Split {
        let mut split = Split::begin(Some(midnight()), from_ms, Energy(0));
        split.reading(to_ms, Energy(energy));
        split
    }

    #[test]
    fn the_example_of_the_profile_costs_14_6790_yuan() {
        let bill =
            bill(&charged(20 * SLOT_MS, 20 * SLOT_MS + 1, 123_456), Some(&two_tiers()), BillingMode::Pile);
        assert_eq!((bill.electricity, bill.service), (Money(97_408), Money(49_382)));
        assert_eq!(bill.amount().to_string(), "14.6790 yuan");
        assert_eq!(bill.segments.len(), 1);
        assert_eq!(bill.segments[0].code, 2);
    }

    #[test]
    fn half_a_unit_is_rounded_up_and_less_is_not() {
        assert_eq!(amount(Energy(1), Price(50_000)), Money(1));
        assert_eq!(amount(Energy(1), Price(49_999)), Money(0));
        assert_eq!(amount(Energy(3), Price(50_000)), Money(2));
    }

    #[test]
    fn a_day_of_48_slots_is_rounded_once_per_tier() {
        // 1 unit in each slot: 48 times half a unit of money would be 48 if rounded slot by slot.
        let mut tariff = two_tiers();
        tariff.tiers[0].electricity = Price(50_000);
        tariff.tiers[1].electricity = Price(50_000);
        let bill = bill(&charged(0, 48 * SLOT_MS, 48), Some(&tariff), BillingMode::Pile);
        let energies: Vec<i64> = bill.segments.iter().map(|segment| segment.energy.0).collect();
        assert_eq!((energies, bill.electricity), (vec![16, 32], Money(8 + 16)));
    }

    #[test]
    fn the_frozen_tariff_serves_again_on_the_next_day() {
        let split = charged(0, 2 * 48 * SLOT_MS, 9_600);
        let bill = bill(&split, Some(&two_tiers()), BillingMode::Pile);
        let energies: Vec<i64> = bill.segments.iter().map(|segment| segment.energy.0).collect();
        assert_eq!(energies, [2 * 16 * 100, 2 * 32 * 100]);
    }

    #[test]
    fn under_platform_billing_energies_stand_per_tier_and_money_is_nothing() {
        let split = charged(15 * SLOT_MS, 17 * SLOT_MS, 200);
        let bill = bill(&split, Some(&two_tiers()), BillingMode::Platform);
        let parts: Vec<(u8, i64, u32)> =
            bill.segments.iter().map(|s| (s.code, s.energy.0, s.electricity_price.0)).collect();
        assert_eq!(parts, [(4, 100, 0), (2, 100, 0)]);
        assert_eq!((bill.energy, bill.amount()), (Energy(200), Money(0)));
    }

    #[test]
    fn without_a_tariff_there_is_one_segment_of_code_0_and_for_no_energy_none() {
        let without = |energy| bill(&charged(0, 40 * SLOT_MS, energy), None, BillingMode::Platform).segments;
        assert_eq!(without(77).iter().map(|s| (s.code, s.energy.0)).collect::<Vec<_>>(), [(0, 77)]);
        assert_eq!(without(0), []);
    }

    #[test]
    fn what_does_not_fit_stands_at_the_largest_value_and_says_so() {
        let found = bill(&charged(0, 1, i64::from(u32::MAX) + 1), None, BillingMode::Platform);
        assert_eq!((found.energy, found.overflow), (Energy(u32::MAX.into()), true));
        assert!(!bill(&charged(0, 1, u32::MAX.into()), None, BillingMode::Platform).overflow);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// |total - exact| is at most half a unit for each tier and kind; exact is kept as a fraction over 100 000.
        #[test]
        fn money_equals_the_exact_fraction_rounded_once_per_tier(
            begin in 0_i64..86_400_000,
            steps in proptest::collection::vec((1_i64..40_000_000, 0_i64..2_000_000), 1..20),
            prices in proptest::collection::vec((0_u32..=1_000_000, 0_u32..=1_000_000), 1..=8),
            order in proptest::collection::vec(any::<u8>(), 48),
        ) {
            let count = u8::try_from(prices.len()).expect("at most 8");
            let tariff = Tariff {
                tiers: prices.iter().map(|(e, s)| Tier { code: 3, electricity: Price(*e), service: Price(*s) }).collect(),
                slots: order.iter().map(|o| o % count).collect(),
                ..two_tiers()
            };
            prop_assert_eq!(super::super::check(&tariff), Ok(()));
            let mut split = Split::begin(Some(midnight()), begin, Energy(0));
            let (mut at, mut register) = (begin, 0);
            for (wait, energy) in steps {
                at += wait;
                register += energy;
                split.reading(at, Energy(register));
            }
            let mut per_tier = vec![0_i128; prices.len()];
            split.slots().for_each(|(slot, e)| per_tier[usize::from(tariff.slots[slot])] += i128::from(e.0));
            let bill = bill(&split, Some(&tariff), BillingMode::Pile);
            let (mut electricity, mut service, mut exact) = (0, 0, 0);
            for (energy, (e, s)) in per_tier.iter().zip(&prices) {
                let (e, s) = (energy * i128::from(*e), energy * i128::from(*s));
                // Half up by doubling: floor((2x + d) / 2d).
                electricity += (2 * e + 100_000) / 200_000;
                service += (2 * s + 100_000) / 200_000;
                exact += e + s;
            }
            prop_assert_eq!(i128::from(bill.electricity.0), electricity);
            prop_assert_eq!(i128::from(bill.service.0), service);
            let error = (i128::from(bill.amount().0) * 100_000 - exact).abs();
            prop_assert!(error <= 50_000 * 2 * i128::try_from(prices.len()).expect("small"));
            prop_assert_eq!(bill.energy, Energy(register));
            prop_assert_eq!(bill.segments.len(), per_tier.iter().filter(|e| **e > 0).count());
            prop_assert!(!bill.overflow);
        }
    }
}
