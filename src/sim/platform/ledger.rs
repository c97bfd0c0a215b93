//! The ledger: every record once, gapless, chained, adding up (020A; platform-222.md 16).

use super::Platform;
use super::start::{Session, is_own_form};
use crate::model::ident::{ConnectorId, DeviceCode, TransactionNumber};
use crate::model::tariff::Tariff;
use crate::model::time::{Now, Utc};
use crate::wire::platform222::{Body, Header, reply};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Clocks may differ and messages travel; nearer than this, "online" and "offline" are not told apart.
const NEAR_MS: i64 = 30_000;

/// Bits of `record_flags` (16).
mod bit {
    pub(super) const STARTED_OFFLINE: i128 = 1 << 0;
    pub(super) const CLOCK: i128 = 1 << 2;
    pub(super) const METER_CHANGED: i128 = 1 << 4;
    pub(super) const POWER_LOSS: i128 = 1 << 5;
    pub(super) const INCONSISTENT: i128 = 1 << 6;
    pub(super) const NOT_SETTLED: i128 = 1 << 7;
    pub(super) const KNOWN: i128 = 0xFF;
}

/// Reasons of verdict 2.
mod reason {
    pub(super) const NONE: u8 = 0;
    pub(super) const PILE_UNKNOWN: u8 = 1;
    pub(super) const SUMS: u8 = 2;
    pub(super) const TARIFF_UNKNOWN: u8 = 3;
    pub(super) const TRANSACTION_KNOWN: u8 = 4;
    pub(super) const NUMBER_KNOWN: u8 = 5;
}

/// One record as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// The pile of the frame.
    pub pile: DeviceCode,
    /// Its transaction.
    pub txn: TransactionNumber,
    /// Body of 020A as sent.
    pub body: Vec<u8>,
    /// The flag of its frame.
    pub stored: bool,
    /// 1e-4 kWh.
    pub energy: u32,
    /// 1e-4 yuan, electricity and service together.
    pub amount: u64,
    /// How the session was started (13.1).
    pub start_mode: u8,
    /// Reason of the refusal, 0 when it was taken.
    pub refused: u8,
    /// How often it arrived.
    pub arrivals: u32,
    /// It may arrive again: it was recalled.
    pub recalled: bool,
}

/// Records by number and by transaction.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) records: BTreeMap<u64, Filed>,
    by_txn: BTreeMap<TransactionNumber, u64>,
}

impl Platform {
    /// 020A.
    pub(super) fn record(&mut self, now: Now, id: u64, header: &Header, body: &Body, raw: &[u8]) -> Body {
        self.judge_order(now, id, "020A");
        let txn = TransactionNumber(body.array("txn"));
        let number: u64 = body.int("record_number");
        let (verdict, reason) = self.file(now, id, header, body, raw, txn, number);
        reply(0x020A).octets("txn", &txn.0).number("verdict", verdict).number("reason", reason)
    }

    /// A repetition on the same connection.
    pub(super) fn came_again(&mut self, number: u16, body: &Body) {
        const RECORD: u16 = 0x020A;
        if number == RECORD
            && let Some(filed) = self.ledger.records.get_mut(&body.int("record_number"))
        {
            filed.arrivals += 1;
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one message, taken apart once")]
    fn file(
        &mut self,
        now: Now,
        id: u64,
        header: &Header,
        body: &Body,
        raw: &[u8],
        txn: TransactionNumber,
        number: u64,
    ) -> (u8, u8) {
        const STORED: u8 = 0;
        const ALREADY: u8 = 1;
        const REFUSED: u8 = 2;
        if let Some(known) = self.ledger.records.get_mut(&number) {
            let same =
                known.body == raw && known.pile.0 == header.device && known.stored == header.is_stored();
            known.arrivals += 1;
            let recalled = std::mem::take(&mut known.recalled);
            if !same {
                self.complain(format!("16.4: record {number} came again with other content"));
                return (REFUSED, reason::NUMBER_KNOWN);
            }
            let settled =
                self.connections.get(&id).is_some_and(|c| !c.disturbed && c.has_answered_record(raw));
            if settled && !recalled {
                self.complain(format!("14.1: record {number} came again although it was acknowledged"));
            }
            return (ALREADY, reason::NONE);
        }
        if let Some(other) = self.ledger.by_txn.get(&txn).copied() {
            self.complain(format!("15.1: record {number} has {txn}, as record {other} had"));
            return (REFUSED, reason::TRANSACTION_KNOWN);
        }
        let mut faults = Vec::new();
        self.judge_number(number, body, &mut faults);
        let refused = self.judge_content(header, body, &mut faults);
        self.judge_session(now, id, header, body, txn, &mut faults);
        faults.into_iter().for_each(|fault| self.complain(format!("record {number}: {fault}")));
        let amount = body.num("electricity_total") + body.num("service_total");
        let filed = Filed {
            pile: DeviceCode(header.device),
            txn,
            body: raw.to_vec(),
            stored: header.is_stored(),
            energy: body.int("energy_total"),
            amount: u64::try_from(amount).unwrap_or(0),
            start_mode: body.int("start_mode"),
            refused,
            arrivals: 1,
            recalled: false,
        };
        self.ledger.records.insert(number, filed);
        self.ledger.by_txn.insert(txn, number);
        let connector = ConnectorId { pile: DeviceCode(header.device), number: body.int("connector") };
        let session = self.sessions.entry(txn).or_insert_with(|| Session::new(connector));
        session.record = Some(number);
        session.due = None;
        if refused == reason::NONE { (STORED, reason::NONE) } else { (REFUSED, refused) }
    }

    /// Gapless numbers and the chain.
    fn judge_number(&self, number: u64, body: &Body, faults: &mut Vec<String>) {
        let last = self.ledger.records.keys().next_back().copied();
        let wanted = match last {
            Some(last) => Some(last + 1),
            None => self.config.from_first_record.then_some(1),
        };
        if wanted.is_some_and(|wanted| wanted != number) {
            faults.push(format!("16.4: its number, {} was due", wanted.unwrap_or(0)));
        }
        let before = match number {
            1 => Some(Sha256::digest(self.config.station.0)),
            _ => self
                .ledger
                .records
                .get(&(number.wrapping_sub(1)))
                .map(|filed| digest(filed.pile, &filed.body)),
        };
        if before.is_some_and(|digest| digest[..8] != *body.raw("previous_digest")) {
            faults.push("16.4: its previous_digest breaks the chain".to_owned());
        }
    }

    /// What a record says by itself; the reason of a refusal.
    fn judge_content(&self, header: &Header, body: &Body, faults: &mut Vec<String>) -> u8 {
        let pile = DeviceCode(header.device);
        let flags = body.num("record_flags");
        let flagged = flags & bit::INCONSISTENT != 0;
        let mut refused = reason::NONE;
        let mut judge = |good: bool, fault: &str, because: u8| {
            if !good && !flagged {
                faults.push(fault.to_owned());
                refused = if refused == reason::NONE { because } else { refused };
            }
        };
        let connectors = self.piles.get(&pile).copied();
        judge(connectors.is_some(), "of an unknown pile", reason::PILE_UNKNOWN);
        let number = body.num("connector");
        judge((1..=connectors.unwrap_or(u8::MAX).into()).contains(&number), "of an unknown connector", 0);
        judge(body.array("txn") != [0; 16], "16.3: without a transaction", reason::SUMS);
        judge((1..=7).contains(&body.num("start_mode")), "13.1: an unknown start mode", 0);
        judge(flags & !bit::KNOWN == 0, "unknown flags", 0);
        let (from, to) = (body.when("start_time"), body.when("end_time"));
        judge(from.is_none() || to.is_none() || from <= to, "16.3: it ends before it begins", 0);
        let clock = flags & bit::CLOCK != 0;
        judge(clock || (from.is_some() && to.is_some()), "16: a time is none without flag bit 2", 0);
        let registers = (body.maybe::<u64>("start_register"), body.maybe::<u64>("end_register"));
        if flags & (bit::METER_CHANGED | bit::NOT_SETTLED) == 0 {
            match registers {
                (Some(start), Some(end)) => {
                    let energy = i128::from(end) - i128::from(start);
                    judge(energy >= 0, "16.3: its register went back", reason::SUMS);
                    judge(
                        energy == body.num("energy_total"),
                        "16.3: energy is not the difference of the registers",
                        reason::SUMS,
                    );
                }
                (None, None) if body.num("energy_total") == 0 => {}
                _ => judge(false, "16.3: a register is none without flag bit 4 or 7", 0),
            }
        }
        for (total, part) in [
            ("energy_total", "energy"),
            ("electricity_total", "electricity_amount"),
            ("service_total", "service_amount"),
        ] {
            let sum: i128 = body.entries("segments").iter().map(|s| s.num(part)).sum();
            judge(
                sum == body.num(total),
                &format!("16.3: {total} is not the sum of its segments"),
                reason::SUMS,
            );
        }
        let mut segments = Vec::new();
        let because = self.judge_segments(body, &mut segments);
        segments.iter().for_each(|fault| judge(false, fault, because));
        refused
    }

    /// Prices, amounts and tiers; the reason of a refusal.
    fn judge_segments(&self, body: &Body, faults: &mut Vec<String>) -> u8 {
        const PILE_BILLING: i128 = 2;
        let segments = body.entries("segments");
        let number: u32 = body.int("tariff_number");
        let tariff = self.tariffs.get(&number);
        if segments.iter().any(|s| s.num("energy") == 0) {
            faults.push("020A: a segment without energy".to_owned());
        }
        if body.num("billing_mode") != PILE_BILLING {
            let money = |s: &Body| {
                ["electricity_price", "service_price", "electricity_amount", "service_amount"]
                    .iter()
                    .any(|name| s.num(name) != 0)
            };
            if segments.iter().any(money) {
                faults.push("16.1: money under platform billing".to_owned());
            }
        } else {
            for segment in segments {
                let energy = segment.num("energy");
                for (price, amount) in
                    [("electricity_price", "electricity_amount"), ("service_price", "service_amount")]
                {
                    let wanted = (energy * segment.num(price) + 50_000) / 100_000;
                    if wanted != segment.num(amount) {
                        faults.push(format!("16.3: {amount} {} instead of {wanted}", segment.num(amount)));
                    }
                }
            }
            if tariff.is_none() {
                faults.push(format!("16.1: tariff {number} is not known"));
                return reason::TARIFF_UNKNOWN;
            }
        }
        if let Some(tariff) = tariff {
            judge_tiers(tariff, body, faults);
        }
        reason::SUMS
    }

    /// What was known of the session before.
    fn judge_session(
        &self,
        now: Now,
        id: u64,
        header: &Header,
        body: &Body,
        txn: TransactionNumber,
        faults: &mut Vec<String>,
    ) {
        let mut judge = |good: bool, fault: String| {
            if !good {
                faults.push(fault);
            }
        };
        let connector = ConnectorId { pile: DeviceCode(header.device), number: body.int("connector") };
        let flags = body.num("record_flags");
        let mode = body.num("start_mode");
        let session = self.sessions.get(&txn);
        let issued = session.is_some_and(|s| s.issued.is_some() || s.remote.is_some());
        judge(issued || is_own_form(&txn, connector), format!("15.1: {txn} is a number that nobody made"));
        let offline = flags & bit::STARTED_OFFLINE != 0;
        judge(offline || !matches!(mode, 4 | 5), "16: an offline start without flag bit 0".to_owned());
        judge(
            !(issued && matches!(mode, 4 | 5)),
            "13.1: an offline start with a number of the platform".to_owned(),
        );
        judge(
            issued || matches!(mode, 4..=6),
            "13.1: an online start with a number of the station".to_owned(),
        );
        self.judge_stored(now, id, header, body, &mut judge);
        // The start result is kept only until the record was sent, which may have been on an earlier connection.
        let login = self.connections.get(&id).and_then(|c| c.login);
        let settled = login.is_some_and(|(at, _)| now.mono.since(at).as_millis() > NEAR_MS as u128);
        let excused = header.is_stored() || !settled || self.is_disturbed(id);
        let Some(session) = session else {
            judge(excused, "14.2: no start result came before it".to_owned());
            return;
        };
        judge(session.connector == connector, "15.1: another connector than at the start".to_owned());
        judge(!matches!(session.start, Some((_, _, 1))), "0204: a record after result 1".to_owned());
        judge(excused || session.start.is_some(), "14.2: no start result came before it".to_owned());
        let zero = matches!(session.start, Some((_, _, 2)));
        judge(!zero || body.num("energy_total") == 0, "0204: energy after result 2".to_owned());
        if issued && session.remote.is_none() {
            let (kind, octets) = body.credential("cred");
            judge(
                (kind, octets) == (session.cred.0, &session.cred.1[..]),
                "020A: another credential than in 0202".to_owned(),
            );
            judge(body.str("account") == session.account, "020A: another account than in 0202r".to_owned());
        }
        if session.start_register.is_some() {
            judge(
                session.start_register == body.maybe("start_register"),
                "0204: another start register".to_owned(),
            );
            let same = session.start_time.is_none() || session.start_time == body.when("start_time");
            judge(same, "0204: another start time".to_owned());
        }
        if flags & (bit::METER_CHANGED | bit::POWER_LOSS | bit::INCONSISTENT | bit::NOT_SETTLED) == 0 {
            let told = session.progress[0];
            judge(body.num("energy_total") >= told, format!("0201: {told} was told, the record has less"));
        }
    }

    /// The stored flag says whether the record was made while offline.
    fn judge_stored(
        &self,
        now: Now,
        id: u64,
        header: &Header,
        body: &Body,
        judge: &mut impl FnMut(bool, String),
    ) {
        let Some(end) = body.when("end_time").map(Utc::from_local) else { return };
        if body.num("record_flags") & (bit::CLOCK | bit::POWER_LOSS) != 0 || self.is_disturbed(id) {
            return;
        }
        let murky = |(from, to): &(Utc, Option<Utc>)| end >= *from && to.is_none_or(|to| end <= to);
        if self.murky.iter().any(murky) {
            return;
        }
        let inside = |(from, to): &(Utc, Option<Utc>)| {
            end.0 > from.0 + NEAR_MS && end.0 + NEAR_MS < to.unwrap_or(now.wall.plus_ms(2 * NEAR_MS)).0
        };
        let near = |(from, to): &(Utc, Option<Utc>)| {
            end.0 + NEAR_MS > from.0 && to.is_none_or(|to| end.0 < to.0 + NEAR_MS)
        };
        judge(
            !(header.is_stored() && self.online.iter().any(inside)),
            "4.1: stored, but it ended while online".to_owned(),
        );
        judge(
            header.is_stored() || self.online.iter().any(near),
            "4.1: not stored, but it ended while offline".to_owned(),
        );
    }
}

/// SHA-256 of the image of a record.
fn digest(pile: DeviceCode, body: &[u8]) -> sha2::digest::Output<Sha256> {
    Sha256::new().chain_update(pile.0).chain_update(body).finalize()
}

/// Segments name tiers of the frozen tariff, in tier order, that the time of the session touches.
fn judge_tiers(tariff: &Tariff, body: &Body, faults: &mut Vec<String>) {
    let pile_billing = body.num("billing_mode") == 2;
    let touched = touched(tariff, body);
    let mut next = 0;
    for segment in body.entries("segments") {
        let fits = |index: usize| {
            let tier = &tariff.tiers[index];
            let priced = i128::from(tier.electricity.0) == segment.num("electricity_price")
                && i128::from(tier.service.0) == segment.num("service_price");
            i128::from(tier.code) == segment.num("code") && (priced || !pile_billing)
        };
        let known = (next..tariff.tiers.len()).find(|i| fits(*i) && touched.contains(i));
        match known {
            Some(index) => next = index + 1,
            None => faults.push(format!(
                "16.2: segment of code {} is no tier of tariff {} at that time, or not in tier order",
                segment.num("code"),
                tariff.number
            )),
        }
    }
}

/// Indices of the tiers whose slots lie between start and end; all of them when a time is not known.
fn touched(tariff: &Tariff, body: &Body) -> Vec<usize> {
    let all = (0..tariff.tiers.len()).collect();
    let times = (body.when("start_time").map(Utc::from_local), body.when("end_time").map(Utc::from_local));
    let (Some(from), Some(to)) = times else { return all };
    if to.0 - from.0 >= crate::model::time::DAY_MS || body.num("record_flags") & bit::CLOCK != 0 {
        return all;
    }
    // The last register is read a little after the contactor opened.
    let (mut at, to) = (from.plus_ms(-5_000), to.plus_ms(20_000));
    let mut touched = Vec::new();
    loop {
        touched.extend(tariff.slots.get(at.slot()).map(|index| usize::from(*index)));
        at = at.next_slot();
        if at > to {
            return touched;
        }
    }
}
