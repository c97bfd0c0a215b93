//! Commands of the platform: one unanswered per type and pile, never repeated by itself (ykc16.md 2, 4).

use super::charging::{STARTED, Session, logic};
use super::{Action, Platform, arrival, body_of, is_answer};
use crate::model::access::{Card, CardStatus};
use crate::model::ident::{CardUid, ConnectorId, Credential, DeviceCode, TransactionNumber};
use crate::model::time::{Instant, Now};
use crate::sim::platform::{Answered, Order};
use crate::wire::ykc16::body::Opened;
use crate::wire::ykc16::field::{Bcd, Counted, Raw};
use crate::wire::ykc16::frame::{Header, Order as Crc, seal};
use crate::wire::ykc16::layout::Message;
use crate::wire::ykc16::message::card::{CardClear, CardNumber, CardQuery, CardSync, OfflineCard};
use crate::wire::ykc16::message::charging::RealtimeRequest;
use crate::wire::ykc16::message::login::TimeSet;
use crate::wire::ykc16::message::maintenance::{LockCommand, QrPrefix};
use crate::wire::ykc16::message::record::BalanceUpdate;
use crate::wire::ykc16::message::start::{RemoteStart, RemoteStartReply, RemoteStop};
use crate::wire::ykc16::time::Cp56;
use std::collections::VecDeque;
use std::time::Duration;

/// A reply is due within this long.
const REPLY: Duration = Duration::from_secs(10);
/// Answers kept.
const KEPT: usize = 1000;
/// Cards of one 0x44, 0x46, 0x48.
const SYNC: usize = 15;
const CLEAR: usize = 24;
const QUERY: usize = 26;

#[derive(Clone, Debug)]
struct Asked {
    number: u8,
    pile: DeviceCode,
    body: Vec<u8>,
    txn: Option<TransactionNumber>,
    wire: [u8; 2],
    due: Instant,
}

/// Commands that wait, that are unanswered, and that were answered.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: VecDeque<Asked>,
    open: Vec<(u64, Asked)>,
    answered: VecDeque<Answered>,
}

impl Desk {
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.open.iter().map(|(_, asked)| asked.due).min()
    }

    /// What was unanswered on a connection that ended is not asked again: a start or stop would come late.
    pub(super) fn lost(&mut self, id: u64) {
        self.open.retain(|(connection, _)| *connection != id);
    }

    fn is_busy(&self, asked: &Asked) -> bool {
        self.open.iter().any(|(_, open)| open.number == asked.number && open.pile == asked.pile)
    }
}

impl Platform {
    /// Answered commands, the newest 1000: number of the command, pile, body of the answer.
    pub fn answers(&self) -> impl Iterator<Item = &Answered> {
        self.desk.answered.iter()
    }

    pub(super) fn command<M: Message>(
        &mut self,
        pile: DeviceCode,
        message: &M,
        txn: Option<TransactionNumber>,
    ) {
        self.queue(M::NUMBER, pile, message.body(), txn);
    }

    fn queue(&mut self, number: u8, pile: DeviceCode, body: Vec<u8>, txn: Option<TransactionNumber>) {
        let asked = Asked { number, pile, body, txn, wire: [0; 2], due: Instant::default() };
        self.desk.waiting.push_back(asked);
    }

    pub(super) fn order(&mut self, now: Now, order: Order, out: &mut Vec<Action>) {
        match order {
            Order::Start { connector, txn, credential, limit: _, expires: _, expected_vin: _ } => {
                self.start(now, connector, txn, &credential);
            }
            Order::Stop { connector, txn: _ } => {
                let stop = RemoteStop { pile: Bcd(connector.pile.0), gun: gun(connector) };
                self.command(connector.pile, &stop, None);
            }
            Order::Tariff(tariff) => {
                for pile in self.logged_in() {
                    self.command(pile, &arrival::model(Bcd(pile.0), &tariff), None);
                }
                self.tariffs.push(tariff.clone());
                self.tariff = Some(tariff);
            }
            Order::SyncCards { full: _ } => self.sync(),
            Order::CardDigest => self.query(),
            Order::Balance { connector, balance } => {
                let (pile, gun) = (Bcd(connector.pile.0), gun(connector));
                let update = BalanceUpdate { pile, gun, card_phys: Raw([0; 8]), balance };
                self.command(connector.pile, &update, None);
            }
            Order::Time(time) => {
                let time = Cp56::new(time.unwrap_or(now.wall).local());
                for pile in self.logged_in() {
                    self.command(pile, &TimeSet { pile: Bcd(pile.0), time }, None);
                }
            }
            Order::Interrogate(_) => {
                for connector in self.seen.keys().copied().collect::<Vec<_>>() {
                    let read = RealtimeRequest { pile: Bcd(connector.pile.0), gun: gun(connector) };
                    self.command(connector.pile, &read, None);
                }
            }
            Order::Recall(..) | Order::RecallTransaction(_) => {
                out.push(Action::Say("there is no recall of records in this protocol".to_owned()));
            }
            Order::ResetAlarm(_) => {
                out.push(Action::Say("there are no alarms in this protocol".to_owned()));
            }
            Order::NotSupported(_) => {
                out.push(Action::Say("no message is refused as unknown in this protocol".to_owned()));
            }
            Order::Raw(number, pile, body) => {
                self.queue(u8::try_from(number).unwrap_or_default(), pile, body, None);
            }
            Order::Fault(fault, count) => self.faults.arm(fault, count),
            Order::Faults(permille) => self.faults.set_permille(permille),
            Order::Disturbed => self.connections.values_mut().for_each(|c| c.disturbed = true),
            Order::Cut => {
                for id in self.connections.keys().copied().collect::<Vec<_>>() {
                    self.end(id, out);
                }
            }
            Order::Freeze => {
                for id in self.connections.keys().copied().collect::<Vec<_>>() {
                    self.freeze(id);
                }
            }
        }
    }

    fn logged_in(&self) -> Vec<DeviceCode> {
        self.piles.keys().copied().collect()
    }

    fn start(
        &mut self,
        now: Now,
        connector: ConnectorId,
        txn: Option<TransactionNumber>,
        credential: &Credential,
    ) {
        let txn = txn.unwrap_or_else(|| self.new_serial(now, connector));
        let card = if let Credential::Card(uid) = credential { Some(*uid) } else { None };
        let account = card.and_then(|uid| self.cards.get(&uid)).map(|card| card.account.to_string());
        let start = RemoteStart {
            serial: Bcd(txn.0),
            pile: Bcd(connector.pile.0),
            gun: gun(connector),
            card_logic: logic(&account.unwrap_or_default()),
            card_phys: card.map_or(Raw([0; 8]), phys),
            balance: 100_000,
        };
        self.sessions.entry(txn).or_insert_with(|| Session::new(connector, true));
        self.command(connector.pile, &start, Some(txn));
    }

    /// Every allowed card, and the others cleared. One pile hears it for the depot.
    pub(super) fn sync(&mut self) {
        let Some(pile) = self.piles.keys().next().copied() else { return };
        let (allowed, barred): (Vec<Card>, Vec<Card>) =
            self.cards.values().cloned().partition(|card| card.status == CardStatus::Allowed);
        for piece in allowed.chunks(SYNC) {
            let card = |c: &Card| OfflineCard { card_logic: logic(&c.account), card_phys: phys(c.uid) };
            if let Some(items) = Counted::new(piece.iter().map(card).collect()) {
                self.command(pile, &CardSync { pile: Bcd(pile.0), items }, None);
            }
        }
        for piece in barred.chunks(CLEAR) {
            if let Some(items) = Counted::new(piece.iter().map(number).collect()) {
                self.command(pile, &CardClear { pile: Bcd(pile.0), items }, None);
            }
        }
    }

    fn query(&mut self) {
        let Some(pile) = self.piles.keys().next().copied() else { return };
        let cards: Vec<CardNumber> = self.cards.values().take(QUERY).map(number).collect();
        if let Some(items) = Counted::new(cards) {
            self.command(pile, &CardQuery { pile: Bcd(pile.0), items }, None);
        }
    }

    /// Sends what may go, and gives up what stays unanswered.
    pub(super) fn pump_desk(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut at = 0;
        while at < self.desk.waiting.len() {
            let asked = &self.desk.waiting[at];
            let ready = self.piles.get(&asked.pile).copied().filter(|_| !self.desk.is_busy(asked));
            let Some((id, mut asked)) = ready.zip(self.desk.waiting.remove(at).filter(|_| ready.is_some()))
            else {
                at += 1;
                continue;
            };
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            asked.wire = connection.next_own();
            asked.due = now.mono + REPLY;
            let header = Header { sequence: asked.wire, encryption: 0, kind: asked.number };
            self.write(id, seal(header, &asked.body, Crc::LowFirst), out);
            if asked.number != RealtimeRequest::NUMBER {
                self.desk.open.push((id, asked));
            }
        }
        let (late, open) =
            std::mem::take(&mut self.desk.open).into_iter().partition(|(_, asked)| asked.due <= now.mono);
        self.desk.open = open;
        let late: Vec<(u64, Asked)> = late;
        for (id, asked) in late {
            if !self.is_disturbed(id) {
                self.complain(format!("0x{:02X} to {} is not answered in 10 s", asked.number, asked.pile));
            }
        }
    }

    /// Whether a frame answers a command.
    pub(super) fn answered(&mut self, now: Now, id: u64, opened: &Opened<'_>, out: &mut Vec<Action>) -> bool {
        let number = opened.header.kind;
        let pile = self.pile_of(opened);
        let fits = |(_, asked): &(u64, Asked)| answer_of(asked.number) == number && Some(asked.pile) == pile;
        let Some(at) = self.desk.open.iter().position(fits).filter(|_| is_answer(number)) else {
            return false;
        };
        let (_, asked) = self.desk.open.remove(at);
        if asked.wire != opened.header.sequence && !self.is_disturbed(id) {
            self.complain(format!("1: 0x{number:02X} does not repeat the number of its command"));
        }
        if let Some(m) = body_of::<RemoteStartReply>(opened) {
            self.start_answered(now, &asked, &m);
        }
        out.push(Action::Say(format!("command {:02X} answered", asked.number)));
        if self.desk.answered.len() == KEPT {
            self.desk.answered.pop_front();
        }
        self.desk.answered.push_back(Answered {
            number: asked.number.into(),
            device: asked.pile,
            txn: asked.txn,
            reply: opened.body().to_vec(),
        });
        true
    }

    fn start_answered(&mut self, now: Now, asked: &Asked, m: &RemoteStartReply) {
        const NOT_PLUGGED: u8 = 5;
        let txn = TransactionNumber(m.serial.0);
        if asked.txn.is_some_and(|wanted| wanted != txn) {
            self.complain(format!("0x33 of {txn}, another transaction than was started"));
        }
        if m.ok > 1 || (m.ok == 1) != (m.reason == 0) || m.reason > NOT_PLUGGED {
            self.complain(format!("0x33 of {txn}: success {} with reason {}", m.ok, m.reason));
        }
        let Some(session) = self.sessions.get_mut(&txn).filter(|s| s.remote.is_none()) else { return };
        session.remote = Some((m.ok, m.reason));
        session.due = (m.ok == 1 && !session.charged && !session.record).then(|| now.mono + STARTED);
    }
}

/// The type of the answer to a command.
fn answer_of(number: u8) -> u8 {
    match number {
        LockCommand::NUMBER | QrPrefix::NUMBER => number + 1,
        _ => number.saturating_sub(1),
    }
}

fn gun(connector: ConnectorId) -> Bcd<1> {
    Bcd([((connector.number / 10) << 4) | (connector.number % 10)])
}

fn phys(uid: CardUid) -> Raw<8> {
    let mut octets = [0; 8];
    for (place, octet) in octets.iter_mut().rev().zip(uid.as_bytes().iter().rev()) {
        *place = *octet;
    }
    Raw(octets)
}

fn number(card: &Card) -> CardNumber {
    CardNumber { card_phys: phys(card.uid) }
}
