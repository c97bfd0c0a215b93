//! States of connectors (0201; platform-222.md 8, 13.2, 14.2).

use super::Platform;
use crate::model::ident::TransactionNumber;
use crate::model::time::{Instant, Now};
use crate::wire::platform222::{Body, Header};
use std::time::Duration;

const CHARGING: u8 = 5;
const FAULT_BITS: i128 = 1 << 26;

/// The newest state of a connector.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) txn: TransactionNumber,
    pub(super) state: u8,
    at: Instant,
    pub(super) connection: u64,
}

impl Platform {
    /// 0201.
    pub(super) fn realtime(&mut self, now: Now, id: u64, header: &Header, body: &Body) {
        self.judge_order(now, id, "0201");
        let connector = self.connector(header, body.num("connector"));
        let txn = TransactionNumber(body.array("txn"));
        let state: u8 = body.int("state");
        let here = |s: &&super::start::Session| s.is_open() && s.connector == connector;
        let open: Vec<TransactionNumber> =
            self.sessions.iter().filter(|(_, s)| here(s)).map(|(txn, _)| *txn).collect();
        let lane_waits = self.connections.get(&id).is_none_or(|c| c.open_records() > 0 || c.disturbed);
        let before = self.seen.get(&connector).filter(|seen| seen.connection == id).cloned();
        let mut faults = Vec::new();
        let mut judge = |good: bool, fault: String| {
            if !good {
                faults.push(fault);
            }
        };
        judge(!header.is_stored(), "14.1: never stored".to_owned());
        judge(state <= 10, format!("13.2: state {state}"));
        judge(body.num("plugged") <= 2, format!("plugged {}", body.num("plugged")));
        judge(body.num("limit_cause") <= 4, format!("limit cause {}", body.num("limit_cause")));
        judge(body.num("faults") < FAULT_BITS, format!("13.3: faults {:08X}", body.num("faults")));
        judge(body.maybe::<u8>("soc").is_none_or(|soc| soc <= 100), format!("soc {}", body.num("soc")));
        judge(
            !(txn.is_none() && matches!(state, 4..=7)),
            format!("13.2: state {state} without a transaction"),
        );
        if !open.is_empty() && !lane_waits {
            let idle = matches!(state, 1 | 2 | 8 | 10);
            judge(!idle, format!("13.2: state {state} while {open:?} has sent no record"));
            judge(idle || open.contains(&txn), format!("13.2: transaction {txn} while {open:?} is open"));
        }
        let session = self.sessions.get(&txn);
        if state == CHARGING && !txn.is_none() {
            let started = session.is_some_and(|s| matches!(s.start, Some((_, _, 0))));
            judge(started, format!("14.2: state 5 of {txn} before its start result"));
            judge(
                session.is_none_or(|s| s.record.is_none()),
                format!("15.1: {txn} charges after its record"),
            );
        }
        if let Some(before) = before.filter(|b| b.state == CHARGING && state == CHARGING && b.txn == txn) {
            let period = Duration::from_secs(u64::from(self.config.telemetry_charging.clamp(5, 300)));
            let gap = now.mono.since(before.at);
            judge(
                lane_waits || gap <= period * 2,
                format!("14.4: {} ms without a state while charging", gap.as_millis()),
            );
        }
        for fault in faults {
            self.complain(format!("0201 of {connector}: {fault}"));
        }
        self.progress(txn, body);
        self.seen.insert(connector, Seen { txn, state, at: now.mono, connection: id });
    }

    /// Energy, money and time never fall inside a session.
    fn progress(&mut self, txn: TransactionNumber, body: &Body) {
        const NAMES: [&str; 4] = ["energy", "electricity_amount", "service_amount", "elapsed"];
        let Some(session) = self.sessions.get_mut(&txn) else { return };
        let told = NAMES.map(|name| body.num(name));
        let fell: Vec<String> = (0..NAMES.len())
            .filter(|i| told[*i] < session.progress[*i])
            .map(|i| format!("0201: {} of {txn} fell from {} to {}", NAMES[i], session.progress[i], told[i]))
            .collect();
        session.progress = told;
        fell.into_iter().for_each(|fault| self.complain(fault));
    }
}
