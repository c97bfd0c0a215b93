//! Commands of the platform and their answers (ykc16.md 4).
//!
//! Parts that this version does not have are refused with the answer of the message: the parking lock, a restart, a new
//! program, the QR code, working parameters, the remote start of two guns on one bus. An unknown pile or connector is
//! refused as such where the answer has a word for it.

use super::tariff;
use super::values::{self, number};
use super::wire::body::Opened;
use super::wire::field::{Raw, Rest};
use super::wire::layout::Message;
use super::wire::message::card::{
    CardClear, CardClearReply, CardCleared, CardNumber, CardPresent, CardQuery, CardQueryReply, CardSync,
    CardSyncReply,
};
use super::wire::message::charging::RealtimeRequest;
use super::wire::message::login::{TimeReply, TimeSet};
use super::wire::message::maintenance::{
    Firmware, FirmwareReply, LockCommand, LockReply, QrPrefix, QrPrefixReply, Reboot, RebootReply,
    WorkingReply, WorkingSet,
};
use super::wire::message::record::{BalanceReply, BalanceUpdate};
use super::wire::message::start::{
    ParallelRemoteStart, ParallelRemoteStartReply, RemoteStart, RemoteStartReply, RemoteStop, RemoteStopReply,
};
use super::wire::message::tariff::{ModelReply, ModelSet, ModelSetReply};
use super::wire::write;
use super::{Config, Ykc16};
use crate::model::access::{Card, CardStatus, ListEntries, ListKind, ListStep, ListUpdate};
use crate::model::command::{self, Answer, Command};
use crate::model::ident::{CardUid, DeviceCode};
use crate::model::session::Grant;
use std::collections::BTreeSet;
use std::time::Duration;

/// From the remote start to the charge: after that the platform closes the order.
const EXPIRES: Duration = Duration::from_secs(90);
/// Result of most answers: no.
const FAILED: u8 = 0;
/// Result of most answers: yes.
const DONE: u8 = 1;
/// Reason of 0x33 and 0x35, result of 0x41: the pile or connector is not one of ours.
const MISMATCH: u8 = 1;

/// What becomes of a good frame that wants something.
pub(super) enum Wanted {
    /// The station decides; the device that it is for.
    Command(DeviceCode, Command),
    /// Answered at once with this frame.
    Answered(Vec<u8>),
    /// No message that a platform sends.
    Nothing(&'static str),
}

/// A command that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Sequence number as sent, to be repeated.
    pub(super) wire: [u8; 2],
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
}

impl Waiting {
    /// The message; `None` when it is another one.
    fn read<M: Message>(&self) -> Option<M> {
        M::take_rows(&mut &self.body[..]).filter(|_| self.kind == M::NUMBER)
    }
}

/// Reads one message; the table was checked when it was opened.
macro_rules! read {
    ($opened:expr, $message:ty) => {
        match $opened.read::<$message>() {
            Some(message) => message,
            None => return Wanted::Nothing("body"),
        }
    };
}

/// A good frame of the platform that answers nothing.
pub(super) fn wanted(config: &Config, opened: &Opened<'_>) -> Wanted {
    let wire = opened.header.sequence;
    match opened.header.kind {
        RemoteStart::NUMBER => {
            let m = read!(opened, RemoteStart);
            Wanted::Command(DeviceCode(m.pile.0), Command::RemoteStart(remote_start(&m)))
        }
        RemoteStop::NUMBER => {
            let m = read!(opened, RemoteStop);
            match config.connector(m.pile.0, m.gun) {
                Some(connector) => {
                    let command =
                        Command::RemoteStop { txn: Default::default(), connector: connector.number };
                    Wanted::Command(connector.pile, command)
                }
                None => Wanted::Answered(write(&stop_reply(&m, MISMATCH), wire)),
            }
        }
        BalanceUpdate::NUMBER => balance_update(config, &read!(opened, BalanceUpdate), wire),
        RealtimeRequest::NUMBER => {
            const TELEMETRY: u8 = 1;
            let m = read!(opened, RealtimeRequest);
            match config.connector(m.pile.0, m.gun) {
                Some(connector) => Wanted::Command(connector.pile, Command::Interrogate(TELEMETRY)),
                None => Wanted::Nothing("of an unknown connector"),
            }
        }
        TimeSet::NUMBER => {
            let m = read!(opened, TimeSet);
            station(config, m.pile.0, Command::SetTime(values::utc(m.time)))
        }
        ModelSet::NUMBER => {
            let m = read!(opened, ModelSet);
            match config.knows(m.pile.0) {
                true => Wanted::Command(config.station, Command::SetTariff(tariff::tariff(&m))),
                false => Wanted::Answered(write(&ModelSetReply { pile: m.pile, ok: FAILED }, wire)),
            }
        }
        // Some push a model under the type of the answer to a question.
        ModelReply::NUMBER => {
            let m = read!(opened, ModelReply);
            station(config, m.pile.0, Command::SetTariff(tariff::of_reply(m)))
        }
        CardSync::NUMBER => card_sync(config, &read!(opened, CardSync), wire),
        CardClear::NUMBER => {
            let m = read!(opened, CardClear);
            let cards = m.items.entries().iter().filter_map(|card| values::uid(card.card_phys)).collect();
            station(config, m.pile.0, Command::CardList(change(Vec::new(), cards)))
        }
        CardQuery::NUMBER => {
            station(config, read!(opened, CardQuery).pile.0, Command::ListDigest(ListKind::Cards))
        }
        _ => not_here(opened),
    }
}

/// What the whole station is meant by, whichever of its piles is named.
fn station(config: &Config, pile: [u8; 7], command: Command) -> Wanted {
    match config.knows(pile) {
        true => Wanted::Command(config.station, command),
        false => Wanted::Nothing("of an unknown pile"),
    }
}

fn not_here(opened: &Opened<'_>) -> Wanted {
    const FAULT: u8 = 3;
    const OTHER_PROGRAM: u8 = 2;
    let wire = opened.header.sequence;
    Wanted::Answered(match opened.header.kind {
        WorkingSet::NUMBER => write(&WorkingReply { pile: read!(opened, WorkingSet).pile, ok: FAILED }, wire),
        LockCommand::NUMBER => {
            let m = read!(opened, LockCommand);
            write(&LockReply { pile: m.pile, gun: m.gun, ok: FAILED, res: Raw([0; 4]) }, wire)
        }
        Reboot::NUMBER => write(&RebootReply { pile: read!(opened, Reboot).pile, ok: FAILED }, wire),
        Firmware::NUMBER => {
            write(&FirmwareReply { pile: read!(opened, Firmware).pile, status: OTHER_PROGRAM }, wire)
        }
        QrPrefix::NUMBER => write(&QrPrefixReply { pile: read!(opened, QrPrefix).pile, ok: FAILED }, wire),
        ParallelRemoteStart::NUMBER => {
            let m = read!(opened, ParallelRemoteStart);
            let refused = ParallelRemoteStartReply {
                serial: m.serial,
                pile: m.pile,
                gun: m.gun,
                ok: FAILED,
                reason: FAULT,
                aux: 0,
                par_no: m.par_no,
            };
            write(&refused, wire)
        }
        _ => return Wanted::Nothing("answers no question"),
    })
}

fn remote_start(m: &RemoteStart) -> command::RemoteStart {
    command::RemoteStart {
        connector: number(m.gun).unwrap_or(0),
        grant: Grant {
            txn: values::txn(m.serial),
            account: values::account(m.card_logic),
            balance: values::balance(m.balance),
            also_stops: values::credential(m.card_phys),
            ..Grant::default()
        },
        unknown_limit: false,
        aux_voltage: 0,
        expires: EXPIRES,
    }
}

/// A balance that is none changes nothing.
fn balance_update(config: &Config, m: &BalanceUpdate, wire: [u8; 2]) -> Wanted {
    match (config.connector(m.pile.0, m.gun), values::balance(m.balance)) {
        (Some(connector), Some(balance)) => {
            let credential = values::credential(m.card_phys);
            let command = Command::BalanceUpdate { credential, connector: connector.number, balance };
            Wanted::Command(connector.pile, command)
        }
        (None, _) | (_, None) => Wanted::Answered(write(&balance_reply(m, MISMATCH), wire)),
    }
}

/// One card without a number spoils them all: nothing is stored.
fn card_sync(config: &Config, m: &CardSync, wire: [u8; 2]) -> Wanted {
    const FORMAT: u8 = 1;
    let cards: Option<Vec<Card>> = m
        .items
        .entries()
        .iter()
        .map(|card| {
            Some(Card {
                uid: values::uid(card.card_phys)?,
                account: values::account(card.card_logic).into(),
                status: CardStatus::Allowed,
                group: 0,
                max_concurrent: 0,
                valid_until: None,
            })
        })
        .collect();
    match cards.filter(|_| config.knows(m.pile.0)) {
        Some(cards) => Wanted::Command(config.station, Command::CardList(change(cards, Vec::new()))),
        None => Wanted::Answered(write(&CardSyncReply { pile: m.pile, ok: FAILED, reason: FORMAT }, wire)),
    }
}

fn change(put: Vec<Card>, delete: Vec<CardUid>) -> ListUpdate<Card> {
    ListUpdate { from_version: 0, to_version: 0, step: ListStep::Change(put, delete) }
}

impl Ykc16 {
    /// The answer to a command; `None` where the text has none.
    pub(super) fn reply(&mut self, waiting: &Waiting, answer: &Answer) -> Option<Vec<u8>> {
        let wire = waiting.wire;
        Some(match waiting.kind {
            RemoteStart::NUMBER => write(&self.start_reply(&waiting.read()?, answer), wire),
            RemoteStop::NUMBER => write(&stop_reply(&waiting.read()?, stop_reason(answer)), wire),
            BalanceUpdate::NUMBER => write(&balance_reply(&waiting.read()?, balance_result(answer)), wire),
            TimeSet::NUMBER => write(&time_reply(&waiting.read()?, answer), wire),
            ModelSet::NUMBER => {
                let ok = if *answer == Answer::Tariff(0) { DONE } else { FAILED };
                write(&ModelSetReply { pile: waiting.read::<ModelSet>()?.pile, ok }, wire)
            }
            CardSync::NUMBER => {
                let (ok, reason) = if is_listed(answer) { (DONE, 0) } else { (FAILED, 2) };
                write(&CardSyncReply { pile: waiting.read::<CardSync>()?.pile, ok, reason }, wire)
            }
            CardClear::NUMBER => write(&clear_reply(&waiting.read()?, is_listed(answer)), wire),
            CardQuery::NUMBER => write(&query_reply(&waiting.read()?, answer), wire),
            _ => return None, // a state or a tariff that nobody confirms
        })
    }

    /// 0x33. After "not plugged" a second one follows if the plug comes in time.
    fn start_reply(&mut self, m: &RemoteStart, answer: &Answer) -> RemoteStartReply {
        const NOT_PLUGGED: u8 = 5;
        let reason = start_reason(answer);
        if reason == NOT_PLUGGED {
            self.wait_for_plug(values::txn(m.serial));
        }
        let ok = if reason == 0 { DONE } else { FAILED };
        RemoteStartReply { serial: m.serial, pile: m.pile, gun: m.gun, ok, reason }
    }
}

/// Result of 0203r as reason of 0x33.
fn start_reason(answer: &Answer) -> u8 {
    const BUSY: u8 = 2;
    const FAULT: u8 = 3;
    let Answer::RemoteStart(result) = answer else { return no_answer(answer, FAULT) };
    match result {
        0..=5 => *result,
        10 => BUSY, // the number is over
        _ => FAULT,
    }
}

/// An unknown device, or an answer to something else.
fn no_answer(answer: &Answer, other: u8) -> u8 {
    if *answer == Answer::UnknownDevice { MISMATCH } else { other }
}

/// Result of 0205r as reason of 0x35.
fn stop_reason(answer: &Answer) -> u8 {
    const NOT_CHARGING: u8 = 2;
    const OTHER: u8 = 3;
    let Answer::RemoteStop(result) = answer else { return no_answer(answer, OTHER) };
    match result {
        0 => 0,
        1 => NOT_CHARGING,
        _ => OTHER,
    }
}

fn stop_reply(m: &RemoteStop, reason: u8) -> RemoteStopReply {
    RemoteStopReply { pile: m.pile, gun: m.gun, ok: if reason == 0 { DONE } else { FAILED }, reason }
}

/// Result of 020Dr as result of 0x41.
fn balance_result(answer: &Answer) -> u8 {
    const CARD_WRONG: u8 = 2;
    let Answer::Balance(result) = answer else { return MISMATCH };
    match result {
        0 => 0,
        2 => CARD_WRONG,
        _ => MISMATCH,
    }
}

fn balance_reply(m: &BalanceUpdate, result: u8) -> BalanceReply {
    BalanceReply { pile: m.pile, card_phys: m.card_phys, result }
}

/// Own clock after setting; no time when there is none to trust.
fn time_reply(m: &TimeSet, answer: &Answer) -> TimeReply {
    const SET: u8 = 0;
    let now = if let Answer::Time { result, before, .. } = answer {
        if *result == SET { values::utc(m.time) } else { *before }
    } else {
        None
    };
    TimeReply { pile: m.pile, time: values::time(now) }
}

fn is_listed(answer: &Answer) -> bool {
    matches!(answer, Answer::List(ListKind::Cards, 0, _))
}

/// Clearing a card that is not there is done; only a card without a number fails.
fn clear_reply(m: &CardClear, done: bool) -> CardClearReply {
    const FORMAT: u8 = 1;
    let cleared = |card: &CardNumber| {
        let card_phys = card.card_phys;
        let named = values::uid(card_phys).is_some();
        let (ok, reason) = if named && done { (DONE, 0) } else { (FAILED, if named { 0 } else { FORMAT }) };
        CardCleared { card_phys, ok, reason }
    };
    let items = m.items.entries().iter().map(cleared).collect();
    CardClearReply {
        pile: m.pile,
        items: Rest::new(items).expect("as many as were asked, and both lists hold 24"),
    }
}

fn query_reply(m: &CardQuery, answer: &Answer) -> CardQueryReply {
    let cards = if let Answer::ListDigest(_, ListEntries::Cards(cards)) = answer { &cards[..] } else { &[] };
    let held: BTreeSet<CardUid> = cards.iter().map(|card| card.uid).collect();
    let present = |card: &CardNumber| {
        let exists = values::uid(card.card_phys).is_some_and(|uid| held.contains(&uid)).into();
        CardPresent { card_phys: card.card_phys, exists }
    };
    let items = m.items.entries().iter().map(present).collect();
    CardQueryReply {
        pile: m.pile,
        items: Rest::new(items).expect("as many as were asked, and both lists hold 26"),
    }
}
