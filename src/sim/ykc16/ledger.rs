//! The ledger: every record once, adding up, in time (0x3B, 0x40; ykc16.md 3, 4).

use super::charging::{Session, is_own_form, moment, uid};
use super::{Action, Platform, body_of};
use crate::model::ident::{ConnectorId, TransactionNumber};
use crate::model::tariff::Tariff;
use crate::model::time::{DAY_MS, Now, Utc};
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::message::record::{Record, RecordAck};
use crate::wire::ykc16::stop::Reason;

/// A record is due 30 s after the end; that the end is settled takes some of it, and messages travel.
const IN_TIME_MS: i64 = 45_000;
/// Result of 0x40: illegal bill.
const ILLEGAL: u8 = 1;

/// One record as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filed {
    /// Its transaction.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// Body of 0x3B as sent.
    pub body: Vec<u8>,
    /// Flag: 1 app, 2 card, 4 offline card, 5 VIN.
    pub flag: u8,
    /// It ended before its pile was online.
    pub offline: bool,
    /// 1e-4 kWh.
    pub energy: u32,
    /// 1e-4 yuan.
    pub amount: u32,
    /// Result of 0x40: 0 when it was taken.
    pub refused: u8,
    /// How often it arrived.
    pub arrivals: u32,
    /// The connection on which it was answered, if nothing went wrong there.
    answered_on: Option<u64>,
}

impl Filed {
    /// The start mode of platform-222.md 13.1 that its flag stands for; 0 = none of them.
    pub(super) fn start_mode(&self) -> u8 {
        match self.flag {
            1 => 2,
            2 => 1,
            4 => 4,
            5 => 3,
            _ => 0,
        }
    }
}

/// One tier of a record: price, energy, loss-corrected energy, amount.
type Tier = [u32; 4];

impl Platform {
    /// 0x3B.
    pub(super) fn record(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let Some(m) = body_of::<Record>(opened) else { return };
        let Some(connector) = self.connector(opened.header.kind, m.pile.0, m.gun.0[0]) else { return };
        let txn = TransactionNumber(m.serial.0);
        let result = match self.records.iter().position(|filed| filed.txn == txn) {
            Some(at) => self.again(id, at, opened.body()),
            None => self.file(now, id, connector, &m, opened.body(), out),
        };
        self.reply(now, id, opened, &RecordAck { serial: m.serial, result }, out);
    }

    fn again(&mut self, id: u64, at: usize, body: &[u8]) -> u8 {
        let disturbed = self.is_disturbed(id);
        let filed = &mut self.records[at];
        filed.arrivals += 1;
        let (txn, result) = (filed.txn, filed.refused);
        let same = filed.body == body;
        let answered = filed.answered_on == Some(id) && !disturbed;
        if !same {
            self.complain(format!("0x3B: the record of {txn} came again with other content"));
            return ILLEGAL;
        }
        if answered {
            self.complain(format!("0x3B: the record of {txn} came again although it was answered"));
        }
        result
    }

    fn file(
        &mut self,
        now: Now,
        id: u64,
        connector: ConnectorId,
        m: &Record,
        body: &[u8],
        out: &mut Vec<Action>,
    ) -> u8 {
        let txn = TransactionNumber(m.serial.0);
        let offline = self.is_offline(connector, m);
        let mut faults = Vec::new();
        let illegal = self.judge_bill(m, &mut faults);
        self.judge_session(now, connector, m, offline, &mut faults);
        faults.into_iter().for_each(|fault| self.complain(format!("0x3B of {txn}: {fault}")));
        let refused = if illegal { ILLEGAL } else { 0 };
        let answered_on = Some(id).filter(|id| !self.is_disturbed(*id));
        self.records.push(Filed {
            txn,
            connector,
            body: body.to_vec(),
            flag: m.flag,
            offline,
            energy: m.total_kwh,
            amount: m.total_amount,
            refused,
            arrivals: 1,
            answered_on,
        });
        let session = self.sessions.entry(txn).or_insert_with(|| Session::new(connector, false));
        (session.record, session.due) = (true, None);
        let (energy, amount) = (m.total_kwh, m.total_amount);
        let (word, when) =
            (if illegal { "REFUSED" } else { "stored" }, if offline { ", made offline" } else { "" });
        out.push(Action::Say(format!(
            "{connector}  record {} {word}: {}.{:02} kWh, {}.{:04} yuan{when}",
            self.records.len(),
            energy / 10_000,
            energy % 10_000 / 100,
            amount / 10_000,
            amount % 10_000
        )));
        refused
    }

    /// It ended before its pile came online.
    fn is_offline(&self, connector: ConnectorId, m: &Record) -> bool {
        const OFFLINE_CARD: u8 = 4;
        let since = self.online_since.get(&connector.pile);
        m.flag == OFFLINE_CARD || moment(m.end).zip(since).is_some_and(|(end, since)| end < *since)
    }

    /// What a record says by itself; whether it is an illegal bill.
    fn judge_bill(&self, m: &Record, faults: &mut Vec<String>) -> bool {
        let tiers = tiers(m);
        let sum = |part: usize| tiers.iter().map(|tier| u64::from(tier[part])).sum::<u64>();
        let before = faults.len();
        let mut judge = |good: bool, fault: String| {
            if !good {
                faults.push(fault);
            }
        };
        judge(sum(1) == u64::from(m.total_kwh), "energy is not the sum of its tiers".to_owned());
        judge(sum(3) == u64::from(m.total_amount), "amount is not the sum of its tiers".to_owned());
        judge(
            tiers.iter().all(|t| t[1] == t[2]) && m.total_kwh == m.total_kwh_loss,
            "loss-corrected energy differs without a loss".to_owned(),
        );
        let flowed = m.meter_end.get().checked_sub(m.meter_start.get());
        judge(flowed == Some(m.total_kwh.into()), "energy is not the difference of the registers".to_owned());
        for [price, kwh, _, amount] in tiers {
            // energy and service are rounded each for itself
            let wanted = (u64::from(kwh) * u64::from(price) + 50_000) / 100_000;
            judge(wanted.abs_diff(amount.into()) <= 1, format!("amount {amount} for {kwh} at {price}"));
        }
        let (start, end) = (moment(m.start), moment(m.end));
        judge(start.zip(end).is_none_or(|(start, end)| start <= end), "it ends before it begins".to_owned());
        let model = self.tariffs.iter().any(|tariff| fits_model(tariff, &tiers, start, end));
        judge(m.total_kwh == 0 || model, "3.8: its tiers are of no billing model at that time".to_owned());
        judge(matches!(m.flag, 1 | 2 | 4 | 5), format!("flag {}", m.flag));
        judge(Reason::of(m.stop.into()).is_some(), format!("6: stop reason {:02X} is not assigned", m.stop));
        faults.len() > before
    }

    /// What was known of the session before.
    fn judge_session(
        &self,
        now: Now,
        connector: ConnectorId,
        m: &Record,
        offline: bool,
        faults: &mut Vec<String>,
    ) {
        const OFFLINE_CARD: u8 = 4;
        let txn = TransactionNumber(m.serial.0);
        let mut judge = |good: bool, fault: &str| {
            if !good {
                faults.push(fault.to_owned());
            }
        };
        let session = self.sessions.get(&txn);
        let issued = session.is_some_and(|s| s.issued);
        judge(issued || is_own_form(&txn, connector), "3.6: a number that nobody made");
        judge(!issued || m.flag != OFFLINE_CARD, "an offline card with a number of the platform");
        if let Some(session) = session {
            judge(session.connector == connector, "another connector than before");
            judge(m.total_kwh >= session.progress.0, "less energy than was told in 0x13");
            let card = session.card.is_none() || session.card == uid(m.card_phys);
            judge(card, "another card than in 0x31");
        }
        let late = moment(m.end).is_some_and(|end| now.wall.0 - end.0 > IN_TIME_MS);
        let excused = offline || self.is_murky(connector.pile) || self.came_lately(now, connector);
        judge(!late || excused, "3.7: later than 30 s after the end");
    }

    fn came_lately(&self, now: Now, connector: ConnectorId) -> bool {
        const WAITED_MS: i64 = 300_000;
        let since = self.online_since.get(&connector.pile);
        since.is_some_and(|since| now.wall.0 - since.0 < WAITED_MS)
    }
}

fn tiers(m: &Record) -> [Tier; 4] {
    [
        [m.tip_price, m.tip_kwh, m.tip_kwh_loss, m.tip_amount],
        [m.peak_price, m.peak_kwh, m.peak_kwh_loss, m.peak_amount],
        [m.flat_price, m.flat_kwh, m.flat_kwh_loss, m.flat_amount],
        [m.valley_price, m.valley_kwh, m.valley_kwh_loss, m.valley_amount],
    ]
}

/// Each tier with energy has the price of the model, and its slots lie between start and end.
fn fits_model(tariff: &Tariff, tiers: &[Tier; 4], start: Option<Utc>, end: Option<Utc>) -> bool {
    let touched = touched(tariff, start, end);
    tiers.iter().enumerate().filter(|(_, tier)| tier[1] != 0).all(|(index, [price, ..])| {
        let model = tariff.tiers.get(index).map(|t| t.electricity.0 + t.service.0);
        model == Some(*price) && touched.contains(&index)
    })
}

fn touched(tariff: &Tariff, start: Option<Utc>, end: Option<Utc>) -> Vec<usize> {
    let all = || (0..tariff.tiers.len()).collect();
    let (Some(start), Some(end)) = (start, end) else { return all() };
    if end.0 - start.0 >= DAY_MS {
        return all();
    }
    // The last register is read a little after the contactor opened.
    let (mut at, end) = (start.plus_ms(-5_000), end.plus_ms(20_000));
    let mut touched = Vec::new();
    loop {
        touched.extend(tariff.slots.get(at.slot()).map(|index| usize::from(*index)));
        at = at.next_slot();
        if at > end {
            return touched;
        }
    }
}
