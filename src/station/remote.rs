//! Orders of the platform to one gun: remote start, remote stop, balance (0203, 0205, 020D; platform-222.md 15.2, 15.3).

use super::connector::{Await, Origin, Phase};
use super::journal::{Then, Work, audit_row};
use super::swipe::{GRANTED, NotReady};
use super::{Action, Station};
use crate::model::batch::{Row, SessionRow};
use crate::model::command::{Answer, RemoteStart};
use crate::model::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber};
use crate::model::message::ToLink;
use crate::model::money::Balance;
use crate::model::record::StartMode;
use crate::model::report::LinkState;
use crate::model::request::AuxVoltage;
use crate::model::stop::StopReason;
use crate::model::time::Now;
use crate::model::vehicle::Admission;
use crate::session::{self, Opening};

/// Phase of a stored start that waits for its plug (0203 result 5); it is no session yet.
pub(super) const AWAITING_PLUG: &str = "awaiting-plug";
/// The same when the wait is over.
pub(super) const LAPSED: &str = "lapsed";

/// Results of 0203.
pub(super) mod result {
    pub(crate) const ACCEPTED: u8 = 0;
    pub(crate) const MISMATCH: u8 = 1;
    pub(crate) const BUSY: u8 = 2;
    pub(crate) const FAULTED: u8 = 3;
    pub(crate) const CHARGER_OFFLINE: u8 = 4;
    pub(crate) const NOT_PLUGGED: u8 = 5;
    pub(crate) const LOCKED: u8 = 6;
    pub(crate) const EXPIRED: u8 = 7;
    pub(crate) const TARIFF_MISSING: u8 = 8;
    pub(crate) const UNSUPPORTED: u8 = 9;
    pub(crate) const FINISHED: u8 = 10;
}

/// Results of 0205.
mod stopped {
    pub(super) const STOPPING: u8 = 0;
    pub(super) const NOT_CHARGING: u8 = 1;
    pub(super) const DIFFERS: u8 = 2;
    pub(super) const CHARGER_OFFLINE: u8 = 3;
}

/// Results of 020D.
mod balance {
    pub(super) const OK: u8 = 0;
    pub(super) const NO_SESSION: u8 = 1;
    pub(super) const DIFFERS: u8 = 2;
}

/// What is to be done with a remote start.
#[derive(Debug, PartialEq)]
enum Judgement {
    Answer(u8),
    /// Begin; it was granted by 0202r before.
    BeginHeld(usize),
    Begin(usize),
    AwaitPlug(usize),
}

impl Station {
    pub(super) fn gun_at(&self, pile: DeviceCode, number: u8) -> Option<usize> {
        let id = ConnectorId { pile, number };
        self.guns.iter().position(|g| !g.ghost && g.config.id == id)
    }

    /// 0203.
    pub(super) fn remote_start(
        &mut self,
        now: Now,
        ticket: u64,
        pile: DeviceCode,
        start: &RemoteStart,
        out: &mut Vec<Action>,
    ) {
        match self.judge(now, pile, start) {
            Judgement::Answer(result) => self.answer(ticket, Answer::RemoteStart(result), out),
            Judgement::BeginHeld(gun) => {
                let Phase::Held { opening, .. } = std::mem::replace(&mut self.guns[gun].phase, Phase::Free)
                else {
                    return;
                };
                let with = self.accepted_rows(now, start, result::ACCEPTED);
                self.begin(now, gun, *opening, Origin::Remote(ticket), with, out);
            }
            Judgement::Begin(gun) => {
                let opening = self.remote_opening(gun, start);
                let with = self.accepted_rows(now, start, result::ACCEPTED);
                self.begin(now, gun, opening, Origin::Remote(ticket), with, out);
            }
            Judgement::AwaitPlug(gun) => self.hold_for_plug(now, ticket, gun, start),
        }
    }

    fn judge(&self, now: Now, pile: DeviceCode, start: &RemoteStart) -> Judgement {
        let txn = &start.grant.txn;
        let Some(gun) = self.gun_at(pile, start.connector).filter(|_| !self.unknown_piles.contains(&pile))
        else {
            return Judgement::Answer(result::MISMATCH);
        };
        if txn.is_none() || start.unknown_limit || ![0, 12, 24].contains(&start.aux_voltage) {
            return Judgement::Answer(result::UNSUPPORTED);
        }
        if let Phase::Held { what: Await::Start, opening, .. } = &self.guns[gun].phase
            && opening.grant.txn == *txn
        {
            return match self.not_ready(now, gun) {
                Some(not_ready) => Judgement::Answer(not_ready.remote()),
                None => Judgement::BeginHeld(gun),
            };
        }
        if let Some(result) = self.duplicate(txn) {
            return Judgement::Answer(result);
        }
        if self.is_impossible(gun, &self.remote_opening(gun, start)) {
            return Judgement::Answer(result::UNSUPPORTED);
        }
        match &self.guns[gun].phase {
            Phase::Busy(_) | Phase::Held { .. } | Phase::Asking { .. } => Judgement::Answer(result::BUSY),
            Phase::Free | Phase::Identifying { .. } => match self.not_ready(now, gun) {
                Some(not_ready) => Judgement::Answer(not_ready.remote()),
                None if start.expires.is_zero() => Judgement::Answer(result::EXPIRED),
                None if self.guns[gun].is_unplugged() => Judgement::AwaitPlug(gun),
                None => Judgement::Begin(gun),
            },
        }
    }

    /// The answer to a number that is known: the first one again while it is in use, 10 once it is over.
    fn duplicate(&self, txn: &TransactionNumber) -> Option<u8> {
        let in_use = self.guns.iter().any(|g| g.txn() == Some(*txn));
        match (in_use, self.commands.get(txn)) {
            (true, Some(first)) => Some(*first),
            (true, None) => Some(result::BUSY), // begun by a card
            (false, Some(_)) => Some(result::FINISHED),
            (false, None) => self.is_known(txn).then_some(result::FINISHED),
        }
    }

    fn remote_opening(&self, gun: usize, start: &RemoteStart) -> Opening {
        let opening = self.opening(gun, start.grant.clone(), StartMode::Remote, Credential::None, false);
        let aux = match start.aux_voltage {
            24 => AuxVoltage::V24,
            12 => AuxVoltage::V12,
            _ => opening.aux, // 0 = the connector's own; others were refused
        };
        Opening { aux, ..opening }
    }

    fn accepted_rows(&mut self, now: Now, start: &RemoteStart, result: u8) -> Vec<Row> {
        let txn = start.grant.txn;
        self.seen_command(txn, result);
        let what = format!("remote start of transaction {txn}: result {result}");
        vec![Row::CommandSeen(txn, result), audit_row(now, "platform", what)]
    }

    fn hold_for_plug(&mut self, now: Now, ticket: u64, gun: usize, start: &RemoteStart) {
        let opening = self.remote_opening(gun, start);
        let until = now.mono + GRANTED.min(start.expires);
        let mut rows = self.accepted_rows(now, start, result::NOT_PLUGGED);
        rows.push(waiting_row(now, &opening, AWAITING_PLUG, true));
        let (what, origin) = (Await::Plug, Origin::Waited);
        self.guns[gun].phase =
            Phase::Held { what, opening: Box::new(opening), until, durable: false, origin, with: Vec::new() };
        let then = Then::Held { ticket, gun, txn: start.grant.txn };
        self.write(Work::Rows(rows), then);
    }

    /// The wait for a plug is durable, or cannot be.
    pub(super) fn held(
        &mut self,
        ticket: u64,
        gun: usize,
        txn: TransactionNumber,
        done: bool,
        out: &mut Vec<Action>,
    ) {
        let waits = self.guns[gun].txn() == Some(txn);
        if let Phase::Held { durable, .. } = &mut self.guns[gun].phase
            && waits
        {
            *durable = done;
            if !done {
                self.guns[gun].phase = Phase::Free;
                self.forget_transaction(&txn);
            }
        }
        let result = if done { result::NOT_PLUGGED } else { result::FAULTED };
        self.answer(ticket, Answer::RemoteStart(result), out);
    }

    /// The plug came while a remote start waited for it.
    pub(super) fn plugged_in_time(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        if let Some(not_ready) = self.not_ready(now, gun) {
            self.lapse(now, gun, not_ready.reason(), out);
            return;
        }
        if let Phase::Held { opening, .. } = std::mem::replace(&mut self.guns[gun].phase, Phase::Free) {
            self.begin(now, gun, *opening, Origin::Waited, Vec::new(), out);
        }
    }

    /// A granted start is not carried out.
    pub(super) fn lapse(&mut self, now: Now, gun: usize, reason: StopReason, out: &mut Vec<Action>) {
        let held = std::mem::replace(&mut self.guns[gun].phase, Phase::Free);
        let Phase::Held { what, opening, origin, .. } = held else { return };
        let rows = match what {
            Await::Plug => vec![waiting_row(now, &opening, LAPSED, false)],
            Await::Start | Await::Partner => Vec::new(),
        };
        if origin != Origin::Offline {
            self.not_started_with(now, &opening, reason, rows); // nobody else knows a number of ours yet
        }
        let text = reason.text().map_or("not started", |(en, _)| en);
        match opening.credential {
            Credential::Vin(_) => self.refuse_vehicle(now, gun, Admission::Refused, text, out),
            Credential::None
            | Credential::Card(_)
            | Credential::FleetNumber(_)
            | Credential::Account(_)
            | Credential::Plate(_) => self.refuse(now, gun, text, out),
        }
    }

    /// A start that waited for its plug when the program ended.
    pub(super) fn lapse_recovered(&mut self, now: Now, row: &SessionRow) {
        let grant = crate::model::session::Grant { txn: row.txn, ..Default::default() };
        let opening = Opening {
            connector: row.connector,
            grant,
            start_mode: StartMode::Remote,
            credential: Credential::None,
            billing_mode: Default::default(),
            tariff: None,
            offline: false,
            aux: Default::default(),
            verify: false,
            dual: false,
        };
        let closed = SessionRow { phase: LAPSED.to_owned(), open: false, at: now.stamp(), ..row.clone() };
        self.not_started_with(now, &opening, StopReason::NOT_PLUGGED, vec![Row::Session(closed)]);
    }

    /// 0205. A stop is always obeyed; its answer waits until the order is on disk, and is the same when it cannot be.
    pub(super) fn remote_stop(
        &mut self,
        now: Now,
        ticket: u64,
        pile: DeviceCode,
        number: u8,
        txn: TransactionNumber,
        out: &mut Vec<Action>,
    ) {
        let Some(gun) = self.gun_at(pile, number) else {
            self.answer(ticket, Answer::RemoteStop(stopped::NOT_CHARGING), out);
            return;
        };
        let result = match self.guns[gun].txn() {
            None => stopped::NOT_CHARGING,
            Some(open) if !txn.is_none() && open != txn => stopped::DIFFERS,
            Some(open) => {
                let silent = self.guns[gun].charger_link == LinkState::Silent;
                let is_session = self.guns[gun].running().is_some();
                match is_session {
                    true => self.stop(now, gun, StopReason::REMOTE_STOP, out),
                    false => self.lapse(now, gun, StopReason::REMOTE_STOP, out),
                }
                let result = if silent && is_session { stopped::CHARGER_OFFLINE } else { stopped::STOPPING };
                let row = audit_row(now, "platform", format!("remote stop of transaction {open}"));
                let answer = Answer::RemoteStop(result);
                let then = Then::Answer { ticket, done: answer.clone(), failed: answer };
                self.write(Work::Rows(vec![row]), then);
                return;
            }
        };
        self.answer(ticket, Answer::RemoteStop(result), out);
    }

    /// 020D.
    pub(super) fn balance_update(
        &mut self,
        now: Now,
        ticket: u64,
        gun: Option<usize>,
        credential: &Credential,
        balance: Balance,
        out: &mut Vec<Action>,
    ) {
        let running = gun.and_then(|g| self.guns[g].running().map(|r| (g, r.session.opening())));
        let result = match running {
            None => balance::NO_SESSION,
            Some((gun, opening)) if !is_of(opening, credential) && !self.names_vehicle(credential, gun) => {
                balance::DIFFERS
            }
            Some((gun, _)) => {
                self.session_event(now, gun, session::Event::Balance(balance), out);
                balance::OK
            }
        };
        self.answer(ticket, Answer::Balance(result), out);
    }

    pub(super) fn answer(&self, ticket: u64, answer: Answer, out: &mut Vec<Action>) {
        out.push(Action::Link(ToLink::Answer(ticket, answer)));
    }
}

fn is_of(opening: &Opening, credential: &Credential) -> bool {
    match credential {
        Credential::None => true,
        Credential::Account(account) if *account == opening.grant.account => true,
        Credential::Card(_)
        | Credential::Vin(_)
        | Credential::FleetNumber(_)
        | Credential::Account(_)
        | Credential::Plate(_) => {
            opening.credential == *credential || opening.grant.also_stops == *credential
        }
    }
}

/// A granted start in the table of sessions, so that its outcome is told even after a restart.
pub(super) fn waiting_row(now: Now, opening: &Opening, phase: &str, open: bool) -> Row {
    Row::Session(SessionRow {
        txn: opening.grant.txn,
        connector: opening.connector,
        phase: phase.to_owned(),
        open,
        at: now.stamp(),
        state: String::from("{}"),
    })
}

impl NotReady {
    /// As a result of 0203.
    fn remote(self) -> u8 {
        match self {
            NotReady::Ending => result::LOCKED,
            NotReady::Storage | NotReady::Faulted => result::FAULTED,
            NotReady::ChargerSilent => result::CHARGER_OFFLINE,
            NotReady::NotPlugged => result::NOT_PLUGGED,
            NotReady::NoTariff | NotReady::NoClock => result::TARIFF_MISSING,
        }
    }
}
