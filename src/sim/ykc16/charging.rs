//! States of connectors, questions for a start, the vehicle (0x13 to 0x25, 0x31 to 0x33; ykc16.md 3, 4).

use super::{Action, Platform, body_of};
use crate::model::access::CardStatus;
use crate::model::ident::{CardUid, ConnectorId, TransactionNumber};
use crate::model::time::{Instant, Now, Utc};
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::field::{Bcd, Raw};
use crate::wire::ykc16::message::charging::{Demand, Realtime};
use crate::wire::ykc16::message::start::{RemoteStartReply, StartDecision, StartRequest};
use std::time::Duration;

const IDLE: u8 = 2;
const CHARGING: u8 = 3;
/// A charging state is due this long after the start was granted: 90 s, and some air.
pub(super) const STARTED: Duration = Duration::from_secs(105);
/// Period of states while charging.
const PERIOD: Duration = Duration::from_secs(15);

/// Everything known of one transaction.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) connector: ConnectorId,
    /// The platform made the number.
    pub(super) issued: bool,
    /// How its remote start was answered: success, reason.
    pub(super) remote: Option<(u8, u8)>,
    /// Physical number of the card that started it.
    pub(super) card: Option<CardUid>,
    /// It was seen to charge.
    pub(super) charged: bool,
    /// Its record is here.
    pub(super) record: bool,
    /// Newest energy and amount.
    pub(super) progress: (u32, u32),
    /// A charging state is due.
    pub(super) due: Option<Instant>,
}

impl Session {
    pub(super) fn new(connector: ConnectorId, issued: bool) -> Session {
        Session {
            connector,
            issued,
            remote: None,
            card: None,
            charged: false,
            record: false,
            progress: (0, 0),
            due: None,
        }
    }

    /// It began and its record has not arrived.
    pub(super) fn is_open(&self) -> bool {
        !self.record && (self.charged || matches!(self.remote, Some((1, _))))
    }
}

/// The newest state of a connector.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) txn: TransactionNumber,
    state: u8,
    at: Instant,
}

/// A number that a pile may make: its code, the connector, a time, a counter, all digits.
pub(super) fn is_own_form(txn: &TransactionNumber, connector: ConnectorId) -> bool {
    let digits = txn.to_string();
    let part = |at: usize| digits[at..at + 2].parse::<i8>().unwrap_or(-1);
    let date = jiff::civil::DateTime::new(
        2000 + i16::from(part(16)),
        part(18),
        part(20),
        part(22),
        part(24),
        part(26),
        0,
    );
    digits.bytes().all(|b| b.is_ascii_digit())
        && digits[..16] == format!("{}{:02}", connector.pile, connector.number)
        && date.is_ok()
}

impl Platform {
    /// A number by the rule: pile, connector, time, counter.
    pub(super) fn new_serial(&mut self, now: Now, connector: ConnectorId) -> TransactionNumber {
        self.serial = (self.serial + 1) % 10_000;
        let time = now.wall.local();
        let text = format!(
            "{}{:02}{:02}{:02}{:02}{:02}{:02}{:02}{:04}",
            connector.pile,
            connector.number,
            time.year() % 100,
            time.month(),
            time.day(),
            time.hour(),
            time.minute(),
            time.second(),
            self.serial
        );
        text.parse().unwrap_or_default()
    }

    /// 0x31.
    pub(super) fn authorise(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let Some(m) = body_of::<StartRequest>(opened) else { return };
        let Some(connector) = self.connector(opened.header.kind, m.pile.0, m.gun.0[0]) else { return };
        let card = uid(m.card_phys);
        let open =
            self.sessions.iter().find(|(_, s)| s.connector == connector && s.is_open()).map(|(txn, _)| *txn);
        if let Some(open) = open.filter(|_| !self.is_disturbed(id)) {
            self.complain(format!("0x31 at {connector} while {open} has sent no record"));
        }
        let decision = match m.mode {
            1 => self.card_decision(card),
            3 => {
                let vin = m.vin.reversed().text().and_then(|text| text.parse().ok());
                if vin.is_some_and(|vin| self.config.vins.contains(&vin)) {
                    Ok(String::new())
                } else {
                    Err(9)
                }
            }
            other => {
                self.complain(format!("0x31 at {connector} with mode {other}"));
                Err(0x0B)
            }
        };
        let mut reply = StartDecision {
            serial: Bcd([0; 16]),
            pile: m.pile,
            gun: m.gun,
            card_logic: Bcd([0; 8]),
            balance: 0,
            ok: 0,
            reason: 0,
        };
        match decision {
            Err(reason) => reply.reason = reason,
            Ok(account) => {
                let txn = self.new_serial(now, connector);
                let session =
                    Session { card, due: Some(now.mono + STARTED), ..Session::new(connector, true) };
                self.sessions.insert(txn, session);
                reply = StartDecision {
                    serial: Bcd(txn.0),
                    card_logic: logic(&account),
                    balance: 100_000,
                    ok: 1,
                    ..reply
                };
            }
        }
        let word = if reply.ok == 1 { "accepted" } else { "refused" };
        out.push(Action::Say(format!("{connector}  start asked for: {word}")));
        self.reply(now, id, opened, &reply, out);
    }

    /// The printed number, or the reason of 0x32.
    fn card_decision(&self, card: Option<CardUid>) -> Result<String, u8> {
        const UNKNOWN: u8 = 1;
        const FROZEN: u8 = 2;
        const UNSETTLED: u8 = 4;
        let card = card.and_then(|uid| self.cards.get(&uid)).ok_or(UNKNOWN)?;
        if card.status != CardStatus::Allowed {
            return Err(FROZEN);
        }
        let open = self.sessions.values().any(|s| s.is_open() && s.card == Some(card.uid));
        if open { Err(UNSETTLED) } else { Ok(card.account.to_string()) }
    }

    /// A 0x33 that answers no command: the plug came in time.
    pub(super) fn plugged_in_time(&mut self, opened: &Opened<'_>) {
        const NOT_PLUGGED: u8 = 5;
        let Some(m) = body_of::<RemoteStartReply>(opened) else { return };
        let txn = TransactionNumber(m.serial.0);
        let waited = self.sessions.get_mut(&txn).filter(|s| s.remote == Some((0, NOT_PLUGGED)) && m.ok == 1);
        match waited {
            Some(session) => session.remote = Some((1, 0)),
            None => self.complain(format!("0x33 of {txn} answers no command")),
        }
    }

    /// 0x13.
    pub(super) fn realtime(&mut self, now: Now, opened: &Opened<'_>, out: &mut Vec<Action>) {
        let Some(m) = body_of::<Realtime>(opened) else { return };
        let Some(connector) = self.connector(opened.header.kind, m.pile.0, m.gun.0[0]) else { return };
        let txn = TransactionNumber(m.serial.0);
        let murky = self.is_murky(connector.pile);
        let before = self.seen.get(&connector).cloned();
        let open = self.sessions.iter().find(|(_, s)| s.connector == connector && s.charged && !s.record);
        let open = open.map(|(txn, _)| *txn);
        let mut faults = Vec::new();
        let mut judge = |good: bool, fault: String| {
            if !good {
                faults.push(fault);
            }
        };
        judge(m.state <= CHARGING, format!("state {}", m.state));
        judge(m.homed <= 2 && m.plugged <= 1, format!("homed {}, plugged {}", m.homed, m.plugged));
        judge(m.soc <= 100, format!("soc {}", m.soc));
        judge(m.kwh == m.kwh_loss, "4: loss-corrected energy differs without a loss".to_owned());
        judge(m.state != IDLE || txn.is_none(), format!("idle with transaction {txn}"));
        judge(m.state != CHARGING || !txn.is_none(), "charging without a transaction".to_owned());
        if let Some(open) = open.filter(|_| !murky) {
            judge(m.state != IDLE, format!("3.4: idle while {open} has sent no record"));
            judge(txn.is_none() || txn == open, format!("3.6: {txn} while {open} is open"));
        }
        if let Some(before) = before.filter(|b| b.state == CHARGING && m.state == CHARGING && b.txn == txn) {
            let gap = now.mono.since(before.at);
            judge(
                murky || gap <= PERIOD * 2,
                format!("{} ms without a state while charging", gap.as_millis()),
            );
        }
        faults.into_iter().for_each(|fault| self.complain(format!("0x13 of {connector}: {fault}")));
        if m.state == CHARGING {
            self.charges(connector, txn, &m, out);
        }
        self.seen.insert(connector, Seen { txn, state: m.state, at: now.mono });
    }

    fn charges(
        &mut self,
        connector: ConnectorId,
        txn: TransactionNumber,
        m: &Realtime,
        out: &mut Vec<Action>,
    ) {
        let mut faults = Vec::new();
        let session = self.sessions.entry(txn).or_insert_with(|| {
            if !is_own_form(&txn, connector) {
                faults.push(format!("a number that nobody made: {txn}"));
            }
            Session::new(connector, false)
        });
        if !session.charged {
            out.push(Action::Say(format!("{connector}  charging")));
        }
        if session.record {
            faults.push(format!("{txn} charges after its record"));
        }
        if session.remote.is_some_and(|(ok, _)| ok == 0) {
            faults.push(format!("3.2: {txn} charges although its start was not answered with success"));
        }
        let (kwh, amount) = session.progress;
        if session.charged && (m.kwh < kwh || m.amount < amount) {
            faults.push(format!("energy or amount of {txn} fell"));
        }
        (session.charged, session.due, session.progress) = (true, None, (m.kwh, m.amount));
        faults.into_iter().for_each(|fault| self.complain(format!("0x13 of {connector}: {fault}")));
    }

    /// 0x15 to 0x25: about a transaction that is known.
    pub(super) fn vehicle(&mut self, opened: &Opened<'_>) {
        const BATTERY_FULL: u8 = 100;
        let serial = opened.body().get(..16).and_then(|octets| octets.try_into().ok()).unwrap_or_default();
        let txn = TransactionNumber(serial);
        let place = opened.body().get(16..24).and_then(|octets| <[u8; 8]>::try_from(octets).ok());
        let [pile @ .., gun] = place.unwrap_or_default();
        let Some(connector) = self.connector(opened.header.kind, pile, gun) else { return };
        if !self.sessions.contains_key(&txn) && !is_own_form(&txn, connector) {
            self.complain(format!("0x{:02X} of {txn}, which is not known", opened.header.kind));
        }
        if body_of::<Demand>(opened).is_some_and(|m| m.soc > BATTERY_FULL) {
            self.complain(format!("0x23 of {txn}: more than 100 %"));
        }
    }

    /// Starts that came to nothing, and say nothing.
    pub(super) fn starts_overdue(&mut self, now: Now) {
        let late = |s: &Session| s.due.is_some_and(|due| due <= now.mono);
        let overdue: Vec<TransactionNumber> =
            self.sessions.iter().filter(|(_, s)| late(s)).map(|(txn, _)| *txn).collect();
        for txn in overdue {
            let Some(session) = self.sessions.get_mut(&txn) else { continue };
            session.due = None;
            let (pile, remote) = (session.connector.pile, session.remote.is_some());
            // who was let in by card may think better of it; a remote start that was accepted may not
            if remote && !self.is_murky(pile) {
                self.complain(format!("3.1: {txn} was started and neither charges nor has a record in 90 s"));
            }
        }
    }
}

/// The UID behind the filling of zeros.
pub(super) fn uid(phys: Raw<8>) -> Option<CardUid> {
    let first = phys.0.iter().position(|octet| *octet != 0)?;
    CardUid::new(&phys.0[first.min(4)..]).ok()
}

/// A printed number, filled with zeros to 16 digits.
pub(super) fn logic(account: &str) -> Bcd<8> {
    let digits: Vec<u8> = account.bytes().filter(u8::is_ascii_digit).map(|b| b - b'0').collect();
    let mut octets = [0; 8];
    for (place, digit) in digits.iter().rev().take(16).enumerate() {
        octets[7 - place / 2] |= digit << (4 * (place % 2));
    }
    Bcd(octets)
}

/// A moment as a record tells it.
pub(super) fn moment(time: crate::wire::ykc16::time::Cp56) -> Option<Utc> {
    time.local().map(Utc::from_local)
}
