//! Questions for a start, and what came of it (0202, 0204; platform-222.md 15.1, 15.2).

use super::Platform;
use crate::model::access::{CardStatus, VehicleStatus};
use crate::model::ident::{CardUid, ConnectorId, DeviceCode, TransactionNumber};
use crate::model::time::{Instant, Now};
use crate::wire::platform222::{Body, Header, octets, reply};
use std::time::Duration;

/// A start result is due this long after 0202 was accepted (output after accept, and some air).
const DECIDED: Duration = Duration::from_secs(150);

/// Everything known of one transaction number.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) connector: ConnectorId,
    /// The platform made the number, on this connection.
    pub(super) issued: Option<u64>,
    /// Answer to the remote start with this number.
    pub(super) remote: Option<u8>,
    /// What started it.
    pub(super) cred: (u8, Vec<u8>),
    pub(super) account: String,
    /// Body, stored flag and result of 0204.
    pub(super) start: Option<(Vec<u8>, bool, u8)>,
    pub(super) start_time: crate::wire::platform222::cp56::LocalTime,
    pub(super) start_register: Option<u64>,
    /// Number of its record.
    pub(super) record: Option<u64>,
    /// Newest values of 0201: energy, electricity, service, elapsed.
    pub(super) progress: [i128; 4],
    /// A start result is due.
    pub(super) due: Option<Instant>,
}

impl Session {
    pub(super) fn new(connector: ConnectorId) -> Session {
        Session {
            connector,
            issued: None,
            remote: None,
            cred: (0, Vec::new()),
            account: String::new(),
            start: None,
            start_time: None,
            start_register: None,
            record: None,
            progress: [0; 4],
            due: None,
        }
    }

    /// It exists and its record has not arrived.
    pub(super) fn is_open(&self) -> bool {
        let begun = matches!(self.start, Some((_, _, 0 | 2))) || self.remote == Some(0);
        let never = matches!(self.start, Some((_, _, 1)));
        begun && !never && self.record.is_none()
    }
}

/// A number that the station made: pile, connector, date and time, counter in decimal digits.
pub(super) fn is_own_form(txn: &TransactionNumber, connector: ConnectorId) -> bool {
    let digits = txn.to_string();
    let (place, stamp) = digits.split_at(16);
    let wanted = format!("{}{:02}", connector.pile, connector.number);
    let decimal = digits.bytes().all(|b| b.is_ascii_digit());
    let date = decimal.then(|| {
        let part = |at: usize| stamp[at..at + 2].parse::<i8>().unwrap_or(-1);
        let year = 2000 + i16::from(part(0));
        jiff::civil::DateTime::new(year, part(2), part(4), part(6), part(8), part(10), 0).is_ok()
    });
    decimal && place == wanted && date == Some(true)
}

impl Platform {
    /// A transaction number of the platform: opaque octets that are no decimal digits.
    pub(super) fn new_txn(&mut self) -> TransactionNumber {
        let mut octets = [0; 16];
        octets.iter_mut().for_each(|octet| *octet = self.random.u8(..));
        octets[0] |= 0xA0;
        TransactionNumber(octets)
    }

    /// Whether a connector exists; complains when it does not.
    pub(super) fn connector(&mut self, header: &Header, number: i128) -> ConnectorId {
        let pile = DeviceCode(header.device);
        let number = u8::try_from(number).unwrap_or(0);
        let known = self.piles.get(&pile).copied();
        if known.is_none_or(|connectors| number == 0 || number > connectors) {
            self.complain(format!("{:04X}: connector {pile}/{number} is not registered", header.number));
        }
        ConnectorId { pile, number }
    }

    /// 0202.
    pub(super) fn authorise(&mut self, now: Now, id: u64, header: &Header, body: &Body) -> Body {
        let connector = self.connector(header, body.num("connector"));
        self.judge_order(now, id, "0202");
        let mode = body.num("start_mode");
        if !matches!(mode, 1 | 3 | 7) {
            self.complain(format!("13.1: 0202 at {connector} with start mode {mode}"));
        }
        if header.is_stored() {
            self.complain("14.1: 0202 marked as stored");
        }
        if self.seen.get(&connector).is_some_and(|seen| seen.state == 5 && seen.connection == id) {
            self.complain(format!("0202: {connector} charges already"));
        }
        let (kind, octets) = body.credential("cred");
        let cred = (kind, octets.to_vec());
        match self.decide(&cred) {
            Err(reason) => reply(0x0202).number("decision", 1).number("reason", reason).number("balance", 0),
            Ok(account) => {
                let txn = self.new_txn();
                let session = Session {
                    issued: Some(id),
                    cred,
                    account: account.clone(),
                    due: Some(now.mono + DECIDED),
                    ..Session::new(connector)
                };
                self.sessions.insert(txn, session);
                reply(0x0202).octets("txn", &txn.0).text("account", &account).number("balance", 100_000)
            }
        }
    }

    /// The printed number, or the reason of 0202r.
    fn decide(&self, cred: &(u8, Vec<u8>)) -> Result<String, u8> {
        const UNKNOWN: u8 = 1;
        const FROZEN: u8 = 2;
        const OPEN_RECORD: u8 = 4;
        const VIN_UNKNOWN: u8 = 9;
        const BINDING: u8 = 10;
        const MODE: u8 = 12;
        match cred.0 {
            1 => {
                let uid = CardUid::new(&cred.1).map_err(|_| UNKNOWN)?;
                let card = self.cards.own.get(&uid).ok_or(UNKNOWN)?;
                if card.status != CardStatus::Allowed {
                    return Err(FROZEN);
                }
                let open = self.sessions.values().filter(|s| s.is_open() && s.cred == *cred).count();
                if open >= usize::from(card.max_concurrent.max(1)) {
                    return Err(OPEN_RECORD);
                }
                Ok(card.account.to_string())
            }
            2 => {
                let text = String::from_utf8_lossy(&cred.1);
                let vehicle = text.parse().ok().and_then(|vin| self.vehicles.own.get(&vin));
                let vehicle = vehicle.ok_or(VIN_UNKNOWN)?;
                match vehicle.status {
                    VehicleStatus::Refused => Err(FROZEN),
                    VehicleStatus::Allowed | VehicleStatus::Grey if vehicle.bound_card.is_some() => {
                        Err(BINDING)
                    }
                    VehicleStatus::Allowed | VehicleStatus::Grey => Ok(text.into_owned()),
                }
            }
            _ => Err(MODE),
        }
    }

    /// 0204.
    pub(super) fn start_result(
        &mut self,
        now: Now,
        id: u64,
        header: &Header,
        body: &Body,
        raw: &[u8],
    ) -> Body {
        let connector = self.connector(header, body.num("connector"));
        self.judge_order(now, id, "0204");
        let txn = TransactionNumber(body.array("txn"));
        if !self.sessions.contains_key(&txn) {
            if !is_own_form(&txn, connector) {
                self.complain(format!("15.1: 0204 with {txn}, a number that nobody made"));
            }
            self.sessions.insert(txn, Session::new(connector));
        }
        let mut faults = Vec::new();
        if let Some(session) = self.sessions.get_mut(&txn) {
            judge_start(session, id, header, body, raw, connector, &mut faults);
            session.due = None;
            let result: u8 = body.int("result");
            session.start.get_or_insert((raw.to_vec(), header.is_stored(), result));
            if session.start_register.is_none() {
                session.start_time = body.when("start_time");
                session.start_register = body.maybe("start_register");
            }
        }
        faults.into_iter().for_each(|fault| self.complain(format!("0204 of {txn}: {fault}")));
        reply(0x0204)
    }

    /// Start results that did not come.
    pub(super) fn starts_overdue(&mut self, now: Now) {
        let disturbed = self.current.is_none_or(|id| self.is_disturbed(id));
        let mut late = Vec::new();
        for (txn, session) in &mut self.sessions {
            if session.due.is_some_and(|due| due <= now.mono) {
                session.due = None;
                late.push(*txn);
            }
        }
        for txn in late.into_iter().filter(|_| !disturbed) {
            self.complain(format!("15.2: no start result of {txn} in time"));
        }
    }
}

fn judge_start(
    session: &Session,
    id: u64,
    header: &Header,
    body: &Body,
    raw: &[u8],
    connector: ConnectorId,
    faults: &mut Vec<String>,
) {
    let mut judge = |good: bool, fault: &str| {
        if !good {
            faults.push(fault.to_owned());
        }
    };
    let result = body.num("result");
    let mode = body.num("start_mode");
    judge(session.connector == connector, "15.1: another connector than before");
    judge(matches!(result, 0..=2), "an unknown result");
    judge((result == 0) == (body.num("reason") == 0), "reason 0 goes with result 0 only");
    let told = body.maybe::<u64>("start_register").is_some();
    judge(told == (result == 0), "a start register goes with result 0 only");
    judge(result == 0 || body.when("start_time").is_none(), "a start time goes with result 0 only");
    judge(!(session.remote == Some(0) && result == 1), "15.2: result 1 after 0203 was answered 0");
    if session.issued.is_some() {
        judge(!matches!(mode, 4 | 5), "13.1: an offline start mode with a number of the platform");
    } else {
        judge(matches!(mode, 4..=6), "13.1: an online start mode with a number of the station");
    }
    judge(!(session.issued == Some(id) && header.is_stored()), "4.1: stored, but created on this connection");
    match &session.start {
        Some((before, stored, _)) => {
            judge(before == raw && *stored == header.is_stored(), "14.2: differs from the one before");
        }
        None => judge(session.record.is_none(), "14.2: after its record"),
    }
    judge(octets::write(body) == raw, "3: written differently than it was sent");
}
