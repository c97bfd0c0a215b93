//! What vehicles say of their batteries (0206, 0207, 0208; platform-222.md 8, 14.1).

use super::Platform;
use crate::model::ident::TransactionNumber;
use crate::model::time::{Instant, Now};
use crate::wire::platform222::{Body, Header};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Progress comes every 15 s while charging. One that had to wait for the start result of its session may be followed
/// sooner, but never as soon as this.
const CLOSEST: Duration = Duration::from_secs(5);
/// Sessions remembered.
const REMEMBERED: usize = 1000;

/// What arrived of one session.
#[derive(Clone, Debug, Default)]
struct Told {
    /// The connection of the newest handshake.
    handshake: Option<u64>,
    /// The newest progress: connection and time.
    progress: Option<(u64, Instant)>,
    end: Option<Vec<u8>>,
}

/// What arrived, of the newest sessions.
#[derive(Debug, Default)]
pub(super) struct Batteries {
    told: BTreeMap<TransactionNumber, Told>,
    order: VecDeque<TransactionNumber>,
}

impl Batteries {
    fn of(&mut self, txn: TransactionNumber) -> &mut Told {
        if !self.told.contains_key(&txn) {
            self.order.push_back(txn);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.told.remove(&oldest);
            }
        }
        self.told.entry(txn).or_default()
    }
}

impl Platform {
    /// 0206: once per session, once more after a login during it.
    pub(super) fn battery_handshake(&mut self, id: u64, header: &Header, body: &Body) {
        let txn = self.battery_session("0206", header, body);
        if self.batteries.of(txn).handshake.replace(id) == Some(id) {
            self.complain(format!("0206 of {txn}: twice on one connection"));
        }
        self.judge_ranges("0206", body, &["rated_voltage", "max_total_voltage"], &["max_charge_current"]);
        let soc: Option<u16> = body.maybe("soc_tenths");
        if soc.is_some_and(|soc| soc > 1000) {
            self.complain(format!("0206 of {txn}: soc_tenths {soc:?}"));
        }
    }

    /// 0207: every 15 s while charging.
    pub(super) fn battery_progress(&mut self, now: Now, id: u64, header: &Header, body: &Body) {
        let txn = self.battery_session("0207", header, body);
        let before = self.batteries.of(txn).progress.replace((id, now.mono));
        let gap = before.filter(|(on, _)| *on == id).map(|(_, at)| now.mono.since(at));
        let disturbed = self.connections.get(&id).is_none_or(|c| c.disturbed);
        if let Some(gap) = gap.filter(|gap| *gap < CLOSEST && !disturbed) {
            self.complain(format!("0207 of {txn}: {} ms after the one before", gap.as_millis()));
        }
        self.judge_ranges(
            "0207",
            body,
            &["demand_voltage", "battery_voltage", "output_voltage"],
            &["demand_current", "battery_current", "output_current"],
        );
        if body.num("permit") > 2 || body.num("demand_mode") > 2 {
            self.complain(format!(
                "0207 of {txn}: permit {}, demand mode {}",
                body.num("permit"),
                body.num("demand_mode")
            ));
        }
    }

    /// 0208: the same content however often it comes.
    pub(super) fn battery_end(&mut self, header: &Header, body: &Body, octets: &[u8]) -> Body {
        let txn = TransactionNumber(body.array("txn"));
        let connector = self.connector(header, body.num("connector"));
        if txn.is_none() {
            self.complain(format!("0208 of {connector}: no transaction"));
        }
        if body.num("present") == 0 || body.num("present") > 0x3F {
            self.complain(format!("0208 of {txn}: present {:02X}", body.num("present")));
        }
        let told = self.batteries.of(txn);
        let differs = told.end.as_ref().is_some_and(|end| end != octets);
        told.end = Some(octets.to_vec());
        if differs {
            self.complain(format!("14.2: 0208 of {txn} came with another content"));
        }
        crate::wire::platform222::reply(0x0208)
    }

    /// How many battery messages of a session arrived: a handshake, progress, an end.
    #[must_use]
    pub fn battery(&self, txn: &TransactionNumber) -> (bool, bool, bool) {
        self.batteries.told.get(txn).map_or((false, false, false), |told| {
            (told.handshake.is_some(), told.progress.is_some(), told.end.is_some())
        })
    }

    /// The session that a message of class flow is of: it must have begun to charge, and its record must be to come.
    fn battery_session(&mut self, what: &str, header: &Header, body: &Body) -> TransactionNumber {
        let txn = TransactionNumber(body.array("txn"));
        let session = self.sessions.get(&txn);
        let started = session.is_some_and(|s| matches!(s.start, Some((_, _, 0))));
        let over = session.is_some_and(|s| s.record.is_some());
        if header.is_stored() {
            self.complain(format!("{what} of {txn}: 14.1: never stored"));
        }
        if !started {
            self.complain(format!("{what} of {txn}: before its start result"));
        }
        if over {
            self.complain(format!("{what} of {txn}: after its record"));
        }
        txn
    }

    /// Volts of a bus, and currents in the sign of the profile.
    fn judge_ranges(&mut self, what: &str, body: &Body, voltages: &[&str], currents: &[&str]) {
        const HIGHEST_DECIVOLTS: u16 = 15_000;
        for name in voltages {
            if let Some(told) = body.maybe::<u16>(name).filter(|v| *v > HIGHEST_DECIVOLTS) {
                self.complain(format!("{what}: {name} {told}"));
            }
        }
        for name in currents {
            if let Some(told) = body.maybe::<i16>(name).filter(|i| *i < 0) {
                self.complain(format!("{what}: {name} {told}: charging is positive"));
            }
        }
    }
}
