//! Commands of the platform: exactly one answer each, after its effect is durable (platform-222.md 14.3, I14).

use super::alarms::{Key, code};
use super::clock::{self, Verdict};
use super::journal::{Then, Work, audit_row};
use super::lists;
use super::records::REMEMBERED;
use super::tariffs::result as tariff;
use super::{Action, Note, Station};
use crate::model::access::{Card, ListUpdate, Plate, Vehicle};
use crate::model::command::{Answer, Command};
use crate::model::ident::{DeviceCode, TransactionNumber};
use crate::model::message::ToLink;
use crate::model::tariff::Tariff;
use crate::model::time::{Now, Utc};
use std::collections::{BTreeMap, VecDeque};

/// Changes that may wait for the one before them: the link lets 64 commands wait, and gives tariffs of its own.
const DEFERRED: usize = 72;

/// A change that waits until the one before it is on disk.
#[derive(Debug)]
pub(super) enum Deferred {
    Tariff(Option<u64>, Tariff),
    CardList(u64, ListUpdate<Card>),
    VehicleList(u64, ListUpdate<Vehicle>),
    PlateList(u64, ListUpdate<Plate>),
}

/// Numbers remembered in the order they came, the newest 10 000.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    values: BTreeMap<TransactionNumber, T>,
    order: VecDeque<TransactionNumber>,
}

impl<T> Remembered<T> {
    pub(super) fn new(known: impl IntoIterator<Item = (TransactionNumber, T)>) -> Remembered<T> {
        let mut remembered = Remembered { values: BTreeMap::new(), order: VecDeque::new() };
        for (txn, value) in known {
            remembered.insert(txn, value);
        }
        remembered
    }

    pub(super) fn insert(&mut self, txn: TransactionNumber, value: T) {
        if self.values.insert(txn, value).is_none() {
            self.order.push_back(txn);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.values.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, txn: &TransactionNumber) -> Option<&T> {
        self.values.get(txn)
    }

    pub(super) fn remove(&mut self, txn: &TransactionNumber) {
        if self.values.remove(txn).is_some() {
            self.order.retain(|t| t != txn);
        }
    }
}

impl Station {
    pub(super) fn remember_transaction(&mut self, txn: TransactionNumber) {
        self.transactions.insert(txn, ());
    }

    /// A remote start that came to nothing may be tried again under the same number.
    pub(super) fn forget_transaction(&mut self, txn: &TransactionNumber) {
        self.transactions.remove(txn);
        self.commands.remove(txn);
    }

    pub(super) fn seen_command(&mut self, txn: TransactionNumber, result: u8) {
        self.commands.insert(txn, result);
    }

    /// Open, granted, closed or lapsed: the number never opens again.
    pub(super) fn is_known(&self, txn: &TransactionNumber) -> bool {
        self.transactions.get(txn).is_some()
            || self.commands.get(txn).is_some()
            || self.guns.iter().any(|g| g.txn() == Some(*txn))
            || self.records.holds(txn)
    }

    /// One command of the platform.
    pub(super) fn command(
        &mut self,
        now: Now,
        ticket: u64,
        device: DeviceCode,
        command: Command,
        out: &mut Vec<Action>,
    ) {
        let is_station = device == self.config.code;
        let is_pile = self.guns.iter().any(|g| !g.ghost && g.config.id.pile == device);
        let known = match &command {
            Command::RemoteStart(_) => true, // an unknown pile is its result 1
            Command::RemoteStop { .. } | Command::BalanceUpdate { .. } => is_pile,
            Command::Interrogate(_) => is_pile || is_station,
            Command::SetTime(_)
            | Command::SetTariff(_)
            | Command::CardList(_)
            | Command::VehicleList(_)
            | Command::PlateList(_)
            | Command::ListDigest(_)
            | Command::DeparturePlan(_)
            | Command::ResetAlarm(_)
            | Command::Recall(_) => is_station,
        };
        if !known {
            self.answer(ticket, Answer::UnknownDevice, out);
            return;
        }
        match command {
            Command::RemoteStart(start) => self.remote_start(now, ticket, device, &start, out),
            Command::RemoteStop { txn, connector } => {
                self.remote_stop(now, ticket, device, connector, txn, out);
            }
            Command::BalanceUpdate { credential, connector, balance } => {
                let gun = self.gun_at(device, connector);
                self.balance_update(now, ticket, gun, &credential, balance, out);
            }
            Command::Interrogate(what) => self.interrogate(now, ticket, device, what, out),
            Command::ResetAlarm(id) => self.reset_by_platform(now, ticket, id, out),
            Command::SetTime(time) => self.set_time(now, ticket, time, out),
            Command::SetTariff(tariff) => self.offer_tariff(now, Some(ticket), tariff, out),
            Command::CardList(update) => self.list_update(now, ticket, update, out),
            Command::VehicleList(update) => self.list_update(now, ticket, update, out),
            Command::PlateList(update) => self.list_update(now, ticket, update, out),
            Command::ListDigest(kind) => self.list_digest(ticket, kind, out),
            Command::DeparturePlan(plans) => self.departure_plan(now, ticket, plans, out),
            Command::Recall(recall) => self.recall(now, ticket, &recall, out),
        }
    }

    fn interrogate(&mut self, now: Now, ticket: u64, device: DeviceCode, what: u8, out: &mut Vec<Action>) {
        const TELEMETRY: u8 = 1;
        const ALARMS: u8 = 2;
        let known = what == TELEMETRY || what == ALARMS;
        self.answer(ticket, Answer::Interrogate(u8::from(!known)), out);
        if what == ALARMS {
            out.push(Action::Link(ToLink::TellAlarms));
        }
        for gun in 0..self.guns.len() {
            let pile = self.guns[gun].config.id.pile;
            if what == TELEMETRY && (device == self.config.code || device == pile) {
                self.send_realtime(now, gun, out);
            }
        }
    }

    /// 0104.
    fn set_time(&mut self, now: Now, ticket: u64, time: Option<Utc>, out: &mut Vec<Action>) {
        const SET: u8 = 0;
        const OWN_IS_BETTER: u8 = 1;
        const IMPLAUSIBLE: u8 = 2;
        let verdict = time.map(|told| self.platform_time(now, told, out));
        let result = match verdict {
            Some(Verdict::Set | Verdict::Confirm) => SET,
            Some(Verdict::OwnIsBetter { .. }) => OWN_IS_BETTER,
            Some(Verdict::Implausible) | None => IMPLAUSIBLE,
        };
        let before = now.stamp();
        let offset_ms = match (time, before) {
            (Some(told), Some(before)) => Some(told.0.saturating_sub(before.0)),
            (Some(_) | None, _) => None,
        };
        self.answer(ticket, Answer::Time { result, before, offset_ms }, out);
    }

    /// The platform told its clock (login, heartbeat, 0104).
    pub(super) fn platform_time(&mut self, now: Now, told: Utc, out: &mut Vec<Action>) -> Verdict {
        let verdict = clock::judge(&now, self.config.built, told);
        match verdict {
            Verdict::Set => {
                let from = now.stamp().map_or("an untrusted time".to_owned(), |at| at.local().to_string());
                let what = format!("clock set from {from} to {}", told.local());
                out.push(Action::Note(Note::Info(what.clone())));
                out.push(Action::SetClock(told));
                out.push(Action::ConfirmClock);
                self.audit(now, "platform", what);
            }
            Verdict::Confirm => out.push(Action::ConfirmClock),
            Verdict::OwnIsBetter { .. } | Verdict::Implausible => {}
        }
        let disputed = verdict == Verdict::OwnIsBetter { disputed: true };
        self.alarms.set(now, Key::station(code::PLATFORM_CLOCK_DIFFERS, "clock"), disputed);
        self.alarms.set(now, Key::station(code::IMPLAUSIBLE_VALUE, "clock"), verdict == Verdict::Implausible);
        verdict
    }

    /// A tariff of the platform: 0107 with a ticket, 0106r without.
    pub(super) fn offer_tariff(
        &mut self,
        now: Now,
        ticket: Option<u64>,
        tariff: Tariff,
        out: &mut Vec<Action>,
    ) {
        if self.tariffs.is_changing() {
            self.defer(Deferred::Tariff(ticket, tariff), out);
            return;
        }
        let number = tariff.number;
        match self.tariffs.offer(tariff, now.stamp()) {
            Ok(rows) if rows.is_empty() => self.tariff_answered(now, ticket, number, tariff::STORED, out),
            Ok(mut rows) => {
                rows.push(audit_row(now, "platform", format!("tariff {number} stored")));
                self.write(Work::Rows(rows), Then::Tariff(ticket));
            }
            Err(result) => self.tariff_answered(now, ticket, number, result, out),
        }
    }

    /// The one in force stays in force when a new one cannot be taken.
    fn tariff_answered(
        &mut self,
        now: Now,
        ticket: Option<u64>,
        number: u32,
        result: u8,
        out: &mut Vec<Action>,
    ) {
        let bad = result != tariff::STORED;
        if bad {
            let what = format!("tariff {number} of the platform is not taken: result {result} of 0107");
            out.push(Action::Note(Note::Error(what)));
        }
        match ticket {
            Some(ticket) => self.answer(ticket, Answer::Tariff(result), out),
            None => self.alarms.set(now, Key::station(code::IMPLAUSIBLE_VALUE, "tariff"), bad),
        }
    }

    pub(super) fn tariff_settled(&mut self, ticket: Option<u64>, done: bool, out: &mut Vec<Action>) {
        match done {
            true => self.tariffs.committed(),
            false => self.tariffs.commit_failed(),
        }
        if let Some(ticket) = ticket {
            let result = if done { tariff::STORED } else { tariff::STORAGE };
            self.answer(ticket, Answer::Tariff(result), out);
        }
    }

    /// Puts the pending tariff in force when its time has come.
    pub(super) fn watch_tariffs(&mut self, now: Now) {
        if !self.journal.is_failing()
            && let Some(at) = now.stamp()
            && let Some(mut rows) = self.tariffs.activate(at)
        {
            rows.push(audit_row(now, "station", "the pending tariff comes into force".to_owned()));
            self.write(Work::Rows(rows), Then::Tariff(None));
        }
    }

    pub(super) fn defer(&mut self, change: Deferred, out: &mut Vec<Action>) {
        if self.deferred.len() < DEFERRED {
            self.deferred.push_back(change);
            return;
        }
        match change {
            Deferred::Tariff(Some(ticket), _) => self.answer(ticket, Answer::Tariff(tariff::STORAGE), out),
            Deferred::Tariff(None, _) => {} // the link asks again
            Deferred::CardList(ticket, _) => {
                self.list_answer::<Card>(ticket, lists::result::FULL, out);
            }
            Deferred::VehicleList(ticket, _) => {
                self.list_answer::<Vehicle>(ticket, lists::result::FULL, out);
            }
            Deferred::PlateList(ticket, _) => {
                self.list_answer::<Plate>(ticket, lists::result::FULL, out);
            }
        }
    }

    /// Changes whose turn has come.
    pub(super) fn resume_deferred(&mut self, now: Now, out: &mut Vec<Action>) {
        for _ in 0..self.deferred.len() {
            let Some(change) = self.deferred.pop_front() else { return };
            match change {
                Deferred::Tariff(ticket, tariff) => self.offer_tariff(now, ticket, tariff, out),
                Deferred::CardList(ticket, update) => self.list_update(now, ticket, update, out),
                Deferred::VehicleList(ticket, update) => self.list_update(now, ticket, update, out),
                Deferred::PlateList(ticket, update) => self.list_update(now, ticket, update, out),
            }
        }
    }
}
