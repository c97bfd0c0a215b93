//! Transaction numbers of our own: `pile 14, connector 2, YYMMDDhhmmss, counter 4`, BCD (platform-222.md 2, 15.1).
//!
//! The time part is the later of now and the last one used + 1 s, and the counter runs 0000..=9999 per pile, so that a
//! clock that was set back repeats nothing. The newest pair is durable before the number is seen by anybody: its row
//! goes into the same transaction as the opening of its session.

use crate::model::batch::Row;
use crate::model::ident::{ConnectorId, DeviceCode, TransactionNumber};
use crate::model::time::Utc;
use std::collections::BTreeMap;

const COUNTERS: u16 = 10_000;

/// The newest counter and time part of every pile.
#[derive(Debug, Default)]
pub(super) struct Serials {
    newest: BTreeMap<DeviceCode, (u16, Utc)>,
}

impl Serials {
    pub(super) fn new(recovered: &[(DeviceCode, u16, Utc)]) -> Serials {
        Serials { newest: recovered.iter().map(|(pile, counter, time)| (*pile, (*counter, *time))).collect() }
    }

    /// A number that was never given before, and the row that must be durable with it.
    pub(super) fn next(&mut self, connector: ConnectorId, now: Utc) -> (TransactionNumber, Row) {
        let whole_second = Utc(now.0.div_euclid(1000) * 1000);
        let (counter, time) = match self.newest.get(&connector.pile) {
            Some((counter, last)) => ((counter + 1) % COUNTERS, whole_second.max(last.plus_ms(1000))),
            None => (0, whole_second),
        };
        self.newest.insert(connector.pile, (counter, time));
        (number(connector, time, counter), Row::Serial { pile: connector.pile, counter, time })
    }
}

fn number(connector: ConnectorId, time: Utc, counter: u16) -> TransactionNumber {
    let local = time.local();
    let two_digits = |value: i64| bcd(u8::try_from(value.rem_euclid(100)).unwrap_or(0));
    let mut octets = [0; 16];
    octets[..7].copy_from_slice(&connector.pile.0);
    let rest = [
        i64::from(connector.number),
        i64::from(local.year()),
        i64::from(local.month()),
        i64::from(local.day()),
        i64::from(local.hour()),
        i64::from(local.minute()),
        i64::from(local.second()),
        i64::from(counter / 100),
        i64::from(counter % 100),
    ];
    for (octet, value) in octets[7..].iter_mut().zip(rest) {
        *octet = two_digits(value);
    }
    TransactionNumber(octets)
}

fn bcd(value: u8) -> u8 {
    ((value / 10) << 4) | (value % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn gun() -> ConnectorId {
        "44030000010001/1".parse().unwrap()
    }

    fn at(text: &str) -> Utc {
        Utc::from_local(text.parse().unwrap())
    }

    #[test]
    fn a_number_reads_as_pile_connector_local_time_and_counter() {
        let mut serials = Serials::default();
        let (txn, row) = serials.next(gun(), at("2026-11-22T08:30:07.250"));
        assert_eq!(txn.to_string(), "44030000010001012611220830070000");
        assert_eq!(row, Row::Serial { pile: gun().pile, counter: 0, time: at("2026-11-22T08:30:07") });
        assert_eq!(
            serials.next(gun(), at("2026-11-22T08:30:07")).0.to_string(),
            "44030000010001012611220830080001"
        );
    }

    #[test]
    fn a_clock_set_back_three_hours_repeats_no_number_even_over_a_restart() {
        let noon = at("2026-11-22T12:00:00");
        let mut serials = Serials::new(&[(gun().pile, 9998, noon)]);
        let mut seen = BTreeSet::new();
        for second in 0..20_003 {
            let (txn, row) = serials.next(gun(), noon.plus_ms(-3 * 3_600_000 + second * 100));
            assert!(seen.insert(txn), "{txn} was given twice");
            let Row::Serial { pile, counter, time } = row else { panic!("no serial") };
            assert!(time > noon);
            serials = Serials::new(&[(pile, counter, time)]);
        }
    }
}
