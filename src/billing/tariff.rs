//! Whether a tariff can be billed with, and which tier a moment belongs to.

use crate::model::money::Price;
use crate::model::tariff::{Tariff, Tier};
use crate::model::time::{DAY_MS, Utc};

/// Half-hour slots of a day.
const SLOTS: usize = 48;
/// Most tiers of a tariff (field table of 0107).
const TIERS: usize = 8;
/// No price is above 10 yuan/kWh (0107r result 2).
const HIGHEST_PRICE: Price = Price(1_000_000);
/// A tariff is not announced earlier than this (0107r result 2).
const FURTHEST_AHEAD_MS: i64 = 60 * DAY_MS;

/// Why a tariff is refused: the result of 0107r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 1: number 0, no tier or more than 8, not 48 slots, a slot that names no tier.
    Malformed,
    /// 2: a price above 10 yuan, valid more than 60 days ahead, a held number with other content.
    Implausible,
}

impl Fault {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Fault::Malformed => 1,
            Fault::Implausible => 2,
        }
    }
}

/// Judges a tariff by itself: form and prices.
///
/// # Errors
/// [`Fault`], the first that applies.
pub fn check(tariff: &Tariff) -> Result<(), Fault> {
    let tiers = tariff.tiers.len();
    let formed = tariff.number != 0
        && (1..=TIERS).contains(&tiers)
        && tariff.slots.len() == SLOTS
        && tariff.slots.iter().all(|tier| usize::from(*tier) < tiers);
    if !formed {
        return Err(Fault::Malformed);
    }
    let dear = |tier: &Tier| tier.electricity > HIGHEST_PRICE || tier.service > HIGHEST_PRICE;
    if tariff.tiers.iter().any(dear) { Err(Fault::Implausible) } else { Ok(()) }
}

/// Judges a tariff that arrives: as [`check`], and against the clock (when it is trusted) and the tariffs held.
///
/// # Errors
/// [`Fault`], the first that applies.
pub fn check_against<'a>(
    tariff: &Tariff,
    now: Option<Utc>,
    held: impl IntoIterator<Item = &'a Tariff>,
) -> Result<(), Fault> {
    check(tariff)?;
    let far = now.zip(tariff.valid_from).is_some_and(|(now, from)| from > now.plus_ms(FURTHEST_AHEAD_MS));
    let reused = held.into_iter().any(|other| other.number == tariff.number && !same_content(other, tariff));
    if far || reused { Err(Fault::Implausible) } else { Ok(()) }
}

/// The tier of a slot of the local day; `None` for a slot or a tier that the tariff does not hold.
#[must_use]
pub fn tier(tariff: &Tariff, slot: usize) -> Option<(usize, &Tier)> {
    let index = usize::from(*tariff.slots.get(slot)?);
    tariff.tiers.get(index).map(|tier| (index, tier))
}

fn same_content(one: &Tariff, other: &Tariff) -> bool {
    one.tiers == other.tiers && one.slots == other.slots && one.valid_from == other.valid_from
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two tiers: valley from midnight to 8:00, peak for the rest of the day.
    pub(in crate::billing) fn two_tiers() -> Tariff {
        let tier = |code, electricity, service| Tier {
            code,
            electricity: Price(electricity),
            service: Price(service),
        };
        Tariff {
            number: 7,
            valid_from: None,
            tiers: vec![tier(4, 30_000, 20_000), tier(2, 78_901, 40_000)],
            slots: (0..48).map(|slot| u8::from(slot >= 16)).collect(),
        }
    }

    #[test]
    fn a_tariff_is_refused_for_its_form_before_its_content() {
        type Spoil = fn(&mut Tariff);
        let cases: [(Spoil, Fault); 8] = [
            (|t| t.number = 0, Fault::Malformed),
            (|t| t.tiers.clear(), Fault::Malformed),
            (|t| t.tiers = vec![t.tiers[0]; 9], Fault::Malformed),
            (|t| t.slots[47] = 2, Fault::Malformed),
            (|t| t.slots.truncate(47), Fault::Malformed),
            (|t| t.tiers[0].electricity = Price(1_000_001), Fault::Implausible),
            (|t| t.tiers[1].service = Price(u32::MAX), Fault::Implausible),
            (
                |t| {
                    t.number = 0;
                    t.tiers[0].service = Price(u32::MAX);
                },
                Fault::Malformed,
            ),
        ];
        for (spoil, fault) in cases {
            let mut tariff = two_tiers();
            spoil(&mut tariff);
            assert_eq!(check(&tariff), Err(fault), "{tariff:?}");
        }
        assert_eq!(check(&two_tiers()), Ok(()));
        assert_eq!((Fault::Malformed.number(), Fault::Implausible.number()), (1, 2));
    }

    #[test]
    fn a_number_once_held_keeps_its_content_and_no_tariff_comes_too_early() {
        let now = Utc(1_800_000_000_000);
        let mut dearer = two_tiers();
        dearer.tiers[0].service = Price(20_001);
        assert_eq!(check_against(&two_tiers(), Some(now), [&two_tiers()]), Ok(()));
        assert_eq!(check_against(&dearer, Some(now), [&two_tiers()]), Err(Fault::Implausible));
        let from = |ms| Tariff { valid_from: Some(now.plus_ms(ms)), ..two_tiers() };
        assert_eq!(check_against(&from(60 * DAY_MS), Some(now), []), Ok(()));
        assert_eq!(check_against(&from(60 * DAY_MS + 1), Some(now), []), Err(Fault::Implausible));
        assert_eq!(check_against(&from(900 * DAY_MS), None, []), Ok(()));
    }
}
