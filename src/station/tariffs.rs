//! Tariffs: the one in force, the one pending, and every one held (platform-222.md 0105 to 0107, 16.1).
//!
//! A number never gets other content. A tariff in force is only ever followed by another one, never by none. Sessions
//! freeze a copy at their start and are not touched by anything here.

use crate::billing::{self, Fault};
use crate::model::batch::Row;
use crate::model::tariff::Tariff;
use crate::model::time::Utc;
use std::collections::BTreeMap;

/// Tariffs kept in memory to know a number again; the store keeps all of them.
const HELD: usize = 1024;

/// Results of 0107.
pub(super) mod result {
    pub(crate) const STORED: u8 = 0;
    pub(crate) const STORAGE: u8 = 3;
}

/// A change on its way to disk.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    tariff: Option<Tariff>,
    in_force: u32,
    pending: u32,
}

/// Every tariff held.
#[derive(Debug, Default)]
pub(super) struct Tariffs {
    held: BTreeMap<u32, Tariff>,
    in_force: u32,
    pending: u32,
    changing: Option<Change>,
}

impl Tariffs {
    pub(super) fn new(held: Vec<Tariff>, in_force: u32, pending: u32) -> Tariffs {
        let held: BTreeMap<u32, Tariff> = held.into_iter().map(|t| (t.number, t)).collect();
        let known = |number: u32| if held.contains_key(&number) { number } else { 0 };
        Tariffs { in_force: known(in_force), pending: known(pending), held, changing: None }
    }

    /// Number of the one in force, 0 none.
    pub(super) fn number(&self) -> u32 {
        self.in_force
    }

    pub(super) fn in_force(&self) -> Option<&Tariff> {
        self.held.get(&self.in_force)
    }

    /// A change is on its way to disk: the next one waits for its outcome.
    pub(super) fn is_changing(&self) -> bool {
        self.changing.is_some()
    }

    /// When the pending one comes into force.
    pub(super) fn pending_from(&self) -> Option<Utc> {
        self.held.get(&self.pending).and_then(|t| t.valid_from)
    }

    /// Judges a tariff. `Err` is the result of 0107r; `Ok` holds the rows to make durable, then
    /// [`Tariffs::committed`] or [`Tariffs::commit_failed`]. No rows: nothing changes.
    pub(super) fn offer(&mut self, tariff: Tariff, now: Option<Utc>) -> Result<Vec<Row>, u8> {
        let known = self.held.get(&tariff.number);
        billing::check_against(&tariff, now, known).map_err(Fault::number)?;
        let later = match (tariff.valid_from, now) {
            (Some(from), Some(now)) => from > now,
            (Some(_), None) => true, // nobody knows; it waits until the clock is trusted
            (None, _) => false,
        };
        let number = tariff.number;
        let (in_force, pending) = if later && number != self.in_force {
            (self.in_force, number)
        } else {
            (number, if self.pending == number { 0 } else { self.pending })
        };
        let fresh = known != Some(&tariff);
        if !fresh && (in_force, pending) == (self.in_force, self.pending) {
            return Ok(Vec::new());
        }
        let change = Change { tariff: fresh.then_some(tariff), in_force, pending };
        let rows = change.rows();
        self.changing = Some(change);
        Ok(rows)
    }

    /// The rows that put the pending one in force, once its time has come.
    pub(super) fn activate(&mut self, now: Utc) -> Option<Vec<Row>> {
        let due = self.pending_from().is_some_and(|from| from <= now);
        if !due || self.is_changing() {
            return None;
        }
        let change = Change { tariff: None, in_force: self.pending, pending: 0 };
        let rows = change.rows();
        self.changing = Some(change);
        Some(rows)
    }

    pub(super) fn committed(&mut self) {
        let Some(change) = self.changing.take() else { return };
        (self.in_force, self.pending) = (change.in_force, change.pending);
        if let Some(tariff) = change.tariff {
            self.held.insert(tariff.number, tariff);
        }
        let (in_force, pending) = (self.in_force, self.pending);
        while self.held.len() > HELD
            && let Some(oldest) = self.held.keys().copied().find(|n| *n != in_force && *n != pending)
        {
            self.held.remove(&oldest);
        }
    }

    pub(super) fn commit_failed(&mut self) {
        self.changing = None;
    }
}

impl Change {
    fn rows(&self) -> Vec<Row> {
        let kept = self.tariff.clone().map(Row::Tariff);
        kept.into_iter()
            .chain([Row::TariffInForce { number: self.in_force, pending: self.pending }])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::money::Price;
    use crate::model::tariff::Tier;
    use crate::model::time::DAY_MS;

    const NOW: Utc = Utc(1_800_000_000_000);

    fn tariff(number: u32, from: Option<Utc>) -> Tariff {
        let tier = Tier { code: 3, electricity: Price(70_000 + number), service: Price(40_000) };
        Tariff { number, valid_from: from, tiers: vec![tier], slots: vec![0; 48] }
    }

    fn give(tariffs: &mut Tariffs, tariff: Tariff) -> Result<usize, u8> {
        let rows = tariffs.offer(tariff, Some(NOW))?.len();
        tariffs.committed();
        Ok(rows)
    }

    #[test]
    fn a_tariff_without_a_date_is_in_force_once_it_is_durable() {
        let mut tariffs = Tariffs::default();
        let rows = tariffs.offer(tariff(7, None), Some(NOW)).unwrap();
        assert_eq!(rows, [Row::Tariff(tariff(7, None)), Row::TariffInForce { number: 7, pending: 0 }]);
        assert_eq!(tariffs.number(), 0);
        tariffs.committed();
        assert_eq!(tariffs.in_force(), Some(&tariff(7, None)));
        assert_eq!(give(&mut tariffs, tariff(7, None)), Ok(0)); // the same again changes nothing
    }

    #[test]
    fn a_later_tariff_waits_and_replaces_an_earlier_pending_one() {
        let mut tariffs = Tariffs::new(vec![tariff(1, None)], 1, 0);
        give(&mut tariffs, tariff(2, Some(NOW.plus_ms(1000)))).unwrap();
        give(&mut tariffs, tariff(3, Some(NOW.plus_ms(2000)))).unwrap();
        assert_eq!((tariffs.number(), tariffs.pending_from()), (1, Some(NOW.plus_ms(2000))));
        assert_eq!(tariffs.activate(NOW.plus_ms(1999)), None);
        assert_eq!(
            tariffs.activate(NOW.plus_ms(2000)),
            Some(vec![Row::TariffInForce { number: 3, pending: 0 }])
        );
        assert_eq!(tariffs.activate(NOW.plus_ms(2000)), None); // on its way
        tariffs.committed();
        assert_eq!((tariffs.number(), tariffs.pending_from()), (3, None));
    }

    #[test]
    fn a_held_number_never_gets_other_content() {
        let mut tariffs = Tariffs::new(vec![tariff(1, None)], 1, 0);
        let mut other = tariff(1, None);
        other.tiers[0].service = Price(1);
        assert_eq!(tariffs.offer(other, Some(NOW)), Err(2));
        assert_eq!(tariffs.number(), 1);
    }

    #[test]
    fn valid_in_more_than_sixty_days_is_implausible() {
        let mut tariffs = Tariffs::default();
        let far = NOW.plus_ms(60 * DAY_MS);
        assert_eq!(tariffs.offer(tariff(1, Some(far.plus_ms(1))), Some(NOW)), Err(2));
        assert!(tariffs.offer(tariff(1, Some(far)), Some(NOW)).is_ok());
    }

    #[test]
    fn a_date_waits_while_the_clock_is_not_trusted() {
        let mut tariffs = Tariffs::new(vec![tariff(1, None)], 1, 0);
        assert!(tariffs.offer(tariff(2, Some(NOW.plus_ms(-1))), None).is_ok());
        tariffs.committed();
        assert_eq!(tariffs.number(), 1);
        assert!(tariffs.activate(NOW).is_some());
    }

    #[test]
    fn an_immediate_tariff_leaves_the_pending_one_pending() {
        let mut tariffs = Tariffs::new(vec![tariff(1, None)], 1, 0);
        give(&mut tariffs, tariff(2, Some(NOW.plus_ms(1000)))).unwrap();
        give(&mut tariffs, tariff(3, None)).unwrap();
        assert_eq!((tariffs.number(), tariffs.pending_from()), (3, Some(NOW.plus_ms(1000))));
    }

    #[test]
    fn a_failed_commit_keeps_the_tariff_in_force() {
        let mut tariffs = Tariffs::new(vec![tariff(1, None)], 1, 0);
        tariffs.offer(tariff(2, None), Some(NOW)).unwrap();
        tariffs.commit_failed();
        assert_eq!((tariffs.number(), tariffs.is_changing()), (1, false));
        assert!(tariffs.offer(tariff(2, None), Some(NOW)).is_ok());
    }
}
