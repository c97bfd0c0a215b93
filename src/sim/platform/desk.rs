//! Commands of the platform: one unanswered per type and device, repeated after 10 s (platform-222.md 14.3).

use super::start::Session;
use super::{Action, Fault, Platform, arrival};
use crate::model::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber, Vin};
use crate::model::tariff::Tariff;
use crate::model::time::{Instant, Now, Utc};
use crate::wire::platform222::{Body, Header, Value, frame, octets, request};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// A command is sent again after this long.
const REPEAT: Duration = Duration::from_secs(10);
/// The reply is due within this long.
const REPLY: Duration = Duration::from_secs(5);
/// Sends before a command is given up on a connection that stays silent about it.
const SENDS: u32 = 4;
/// A start result is due after a remote start was answered 0 (15.2), and some air.
const STARTED: Duration = Duration::from_secs(105);
/// After 5: the plug has 60 s, then the same.
const PLUGGED: Duration = Duration::from_secs(165);
/// Answers kept.
const KEPT: usize = 1000;

/// What the people at the platform want.
#[derive(Clone, Debug)]
pub enum Order {
    /// 0203 with a new transaction number, or with this one.
    Start {
        /// Where.
        connector: ConnectorId,
        /// `None` = a new number.
        txn: Option<TransactionNumber>,
        /// May also stop it.
        credential: Credential,
        /// The only vehicle that this start is for.
        expected_vin: Option<Vin>,
        /// Kind and value as in 0202r.
        limit: (u8, u32),
        /// Seconds, 0 = 90.
        expires: u16,
    },
    /// 0205: this transaction, or whatever runs there.
    Stop {
        /// Where.
        connector: ConnectorId,
        /// `None` = zeros.
        txn: Option<TransactionNumber>,
    },
    /// 0107, and the platform's own tariff from now on.
    Tariff(Tariff),
    /// 020E to 0211: the platform's lists to the station, whole or the difference.
    SyncCards {
        /// The whole list.
        full: bool,
    },
    /// 020F.
    CardDigest,
    /// 020D.
    Balance {
        /// Where.
        connector: ConnectorId,
        /// 0.01 yuan.
        balance: u32,
    },
    /// 020B by record numbers, both inclusive.
    Recall(u64, u64),
    /// 020B by transaction.
    RecallTransaction(TransactionNumber),
    /// 0104: this time, or ours.
    Time(Option<Utc>),
    /// 0109.
    Interrogate(u8),
    /// 0403: the identity of the alarm.
    ResetAlarm(u64),
    /// Any other command: number, device, body.
    Raw(u16, DeviceCode, Vec<u8>),
    /// The next so many replies go wrong in this way.
    Fault(Fault, u32),
    /// Replies go wrong by chance from now on, in permille.
    Faults(BTreeMap<Fault, u16>),
    /// Something outside goes wrong with the connection: rules about time are not judged on it any more.
    Disturbed,
    /// Messages with these numbers are not supported from now on: answered with FF.
    NotSupported(BTreeSet<u16>),
    /// End the connection.
    Cut,
    /// Let the connection go half-open.
    Freeze,
}

/// An answered command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Message number.
    pub number: u16,
    /// Device of the command.
    pub device: DeviceCode,
    /// The transaction of a remote start or stop.
    pub txn: Option<TransactionNumber>,
    /// Body of the reply as sent.
    pub reply: Vec<u8>,
}

impl Answered {
    /// The first octet: the result of most commands, or a generic refusal.
    #[must_use]
    pub fn result(&self) -> Option<u8> {
        self.reply.first().copied()
    }
}

/// What a command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Single,
    List,
}

#[derive(Clone, Debug)]
struct Asked {
    number: u16,
    device: DeviceCode,
    body: Vec<u8>,
    txn: Option<TransactionNumber>,
    step: Step,
    sequence: u32,
    sends: u32,
    first: Instant,
    due: Instant,
    late: bool,
}

/// A command that was answered on this connection, for the rules of repetition.
#[derive(Clone, Debug)]
struct Done {
    reply: Vec<u8>,
    sends: u32,
    replies: u32,
}

/// Commands that wait, that are unanswered, and that were answered.
#[derive(Debug, Default)]
pub(super) struct Desk {
    waiting: VecDeque<Asked>,
    open: Vec<Asked>,
    done: BTreeMap<(u16, u32), Done>,
    answered: VecDeque<Answered>,
}

impl Desk {
    pub(super) fn queue(
        &mut self,
        number: u16,
        device: DeviceCode,
        body: Vec<u8>,
        txn: Option<TransactionNumber>,
        step: Step,
    ) {
        let now = Instant::default();
        let asked = Asked {
            number,
            device,
            body,
            txn,
            step,
            sequence: 0,
            sends: 0,
            first: now,
            due: now,
            late: false,
        };
        self.waiting.push_back(asked);
    }

    /// An update that cannot go on is forgotten.
    pub(super) fn drop_list(&mut self) {
        self.waiting.retain(|asked| asked.step != Step::List);
        self.open.retain(|asked| asked.step != Step::List);
    }

    fn is_busy(&self, asked: &Asked) -> bool {
        self.open.iter().any(|open| {
            open.step == Step::List && asked.step == Step::List
                || open.number == asked.number && open.device == asked.device
        })
    }
}

impl Platform {
    /// Answered commands, the newest 1000.
    pub fn answers(&self) -> impl Iterator<Item = &Answered> {
        self.desk.answered.iter()
    }

    /// Commands that have no answer yet.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.desk.waiting.len() + self.desk.open.len()
    }

    pub(super) fn order(&mut self, now: Now, order: Order, out: &mut Vec<Action>) {
        let station = self.config.station;
        let (number, device, body, txn) = match order {
            Order::Start { connector, txn, credential, expected_vin, limit, expires } => {
                let txn = txn.unwrap_or_else(|| self.new_txn());
                let body = remote_start(txn, connector, &credential, limit, expires);
                let body = match expected_vin {
                    Some(vin) => body.text("expected_vin", vin.as_str()),
                    None => body,
                };
                let session = self.sessions.entry(txn).or_insert_with(|| Session::new(connector));
                session.issued = self.current.or(Some(0));
                (0x0203, connector.pile, body, Some(txn))
            }
            Order::Stop { connector, txn } => {
                let body = request(0x0205).octets("txn", &txn.unwrap_or_default().0);
                (0x0205, connector.pile, body.number("connector", connector.number), txn)
            }
            Order::Tariff(tariff) => {
                let body = arrival::tariff_block(request(0x0107), &tariff);
                self.tariff = Some(tariff.number);
                self.tariffs.insert(tariff.number, tariff);
                (0x0107, station, body, None)
            }
            Order::SyncCards { full } => {
                self.sync(full);
                return;
            }
            Order::CardDigest => (0x020F, station, request(0x020F), None),
            Order::Balance { connector, balance } => {
                let body = request(0x020D).number("connector", connector.number).number("balance", balance);
                (0x020D, connector.pile, body, None)
            }
            Order::Recall(first, last) => {
                self.expect_again(first, last);
                let body = request(0x020B).number("kind", 3).number("first_number", first);
                (0x020B, station, body.number("last_number", last), None)
            }
            Order::RecallTransaction(txn) => {
                let filed = self.ledger.records.values_mut().filter(|filed| filed.txn == txn);
                filed.for_each(|filed| filed.recalled = true);
                (0x020B, station, request(0x020B).number("kind", 1).octets("txn", &txn.0), Some(txn))
            }
            Order::Time(None) if self.current.is_none() => return, // a time that comes late is none
            Order::Time(time) => {
                let time = time.unwrap_or(now.wall);
                (0x0104, station, request(0x0104).time("time", Some(time.local())), None)
            }
            Order::ResetAlarm(id) => (0x0403, station, request(0x0403).number("id", id), None),
            Order::Interrogate(what) => (0x0109, station, request(0x0109).number("what", what), None),
            Order::Raw(number, device, body) => {
                self.desk.queue(number, device, body, None, Step::Single);
                return;
            }
            Order::Fault(fault, count) => {
                self.faults.arm(fault, count);
                return;
            }
            Order::Faults(permille) => {
                self.faults.set_permille(permille);
                return;
            }
            Order::Disturbed => {
                self.disturb(now);
                return;
            }
            Order::NotSupported(numbers) => {
                self.not_supported = numbers;
                return;
            }
            Order::Cut => {
                if let Some(id) = self.current {
                    self.end(now, id, out);
                }
                return;
            }
            Order::Freeze => {
                self.current.into_iter().for_each(|id| self.freeze(now, id));
                return;
            }
        };
        self.desk.queue(number, device, octets::write(&body), txn, Step::Single);
    }

    fn expect_again(&mut self, first: u64, last: u64) {
        let range = self.ledger.records.range_mut(first..=last.max(first));
        range.for_each(|(_, filed)| filed.recalled = true);
    }

    /// Sends what may go, and repeats what is overdue.
    pub(super) fn pump_desk(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(id) = self.current else { return };
        let mut at = 0;
        while at < self.desk.waiting.len() {
            if self.desk.is_busy(&self.desk.waiting[at]) {
                // What belongs together keeps its order.
                at += 1;
                continue;
            }
            let Some(mut asked) = self.desk.waiting.remove(at) else { break };
            let Some(connection) = self.connections.get_mut(&id) else { return };
            asked.sequence = connection.next_sequence();
            asked.first = now.mono;
            self.send(now, id, &mut asked, out);
            self.desk.open.push(asked);
        }
        for mut asked in std::mem::take(&mut self.desk.open) {
            if !asked.late && asked.sends == 1 && asked.first + REPLY <= now.mono {
                asked.late = true;
                if !self.is_disturbed(id) {
                    self.complain(format!(
                        "14.3: {:04X} sequence {} not answered in 5 s",
                        asked.number, asked.sequence
                    ));
                }
            }
            if asked.due <= now.mono && asked.sends >= SENDS && !self.is_disturbed(id) {
                self.complain(format!(
                    "14.3: {:04X} sequence {} never answered",
                    asked.number, asked.sequence
                ));
                continue;
            }
            if asked.due <= now.mono {
                self.send(now, id, &mut asked, out);
            }
            self.desk.open.push(asked);
        }
    }

    fn send(&mut self, now: Now, id: u64, asked: &mut Asked, out: &mut Vec<Action>) {
        asked.sends += 1;
        asked.due = now.mono + REPEAT;
        let header = Header::request(asked.number, asked.sequence, asked.device.0, false);
        let octets = frame::seal(self.config.checksum, &header, &asked.body);
        self.write(id, octets, None, out);
    }

    pub(super) fn desk_wake_at(&self) -> Option<Instant> {
        self.current?;
        let open = self.desk.open.iter();
        open.flat_map(|a| [Some(a.due), (!a.late && a.sends == 1).then_some(a.first + REPLY)]).flatten().min()
    }

    /// The connection is gone: what was unanswered is asked again on the next one (a list from its beginning).
    pub(super) fn desk_lost(&mut self) {
        self.desk.done.clear();
        const SET_TIME: u16 = 0x0104;
        for mut asked in std::mem::take(&mut self.desk.open).into_iter().rev() {
            if asked.number == SET_TIME {
                continue; // it would come late
            }
            asked.sends = 0;
            asked.late = false;
            self.desk.waiting.push_front(asked);
        }
    }

    /// A reply to a command; `body` is `None` for a generic refusal.
    pub(super) fn answered(
        &mut self,
        now: Now,
        header: &Header,
        raw: &[u8],
        body: Option<&Body>,
        out: &mut Vec<Action>,
    ) {
        let key = (header.number, header.sequence);
        let Some(at) = self.desk.open.iter().position(|a| (a.number, a.sequence) == key) else {
            self.judge_again(key, raw);
            return;
        };
        let asked = self.desk.open.remove(at);
        if asked.device.0 != header.device {
            self.complain(format!("4.1: the reply to {:04X} has another device", header.number));
        }
        self.desk.done.insert(key, Done { reply: raw.to_vec(), sends: asked.sends, replies: 1 });
        if self.desk.done.len() > KEPT {
            self.desk.done.pop_first();
        }
        if self.desk.answered.len() == KEPT {
            self.desk.answered.pop_front();
        }
        let (number, device, txn) = (asked.number, asked.device, asked.txn);
        self.desk.answered.push_back(Answered { number, device, txn, reply: raw.to_vec() });
        if !matches!(number, 0x020E..=0x0211) {
            let result = raw.first().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            out.push(Action::Say(format!("command {number:04X} answered with {result}")));
        }
        if let Some(body) = body {
            self.command_answered(now, &asked, body, out);
        }
    }

    /// A repeated command gets the same octets, and not more often than it was sent.
    fn judge_again(&mut self, key: (u16, u32), raw: &[u8]) {
        let name = format!("{:04X} sequence {}", key.0, key.1);
        let Some(done) = self.desk.done.get_mut(&key) else {
            self.complain(format!("14.2: a reply to nothing, {name}"));
            return;
        };
        done.replies += 1;
        let (other, often) = (done.reply != raw, done.replies > done.sends);
        if other {
            self.complain(format!("14.3: another reply to the repeated {name}"));
        }
        if often {
            self.complain(format!("14.3: more replies than commands, {name}"));
        }
    }

    fn command_answered(&mut self, now: Now, asked: &Asked, body: &Body, out: &mut Vec<Action>) {
        match asked.number {
            0x0203 => {
                let result: u8 = body.int("result");
                if let Some(session) = asked.txn.and_then(|txn| self.sessions.get_mut(&txn))
                    && session.start.is_none()
                {
                    session.remote = Some(result);
                    session.due = match result {
                        0 => Some(now.mono + STARTED),
                        5 => Some(now.mono + PLUGGED),
                        _ => None,
                    };
                }
            }
            0x020B => {
                // What arrived since the command was queued may come again, too.
                let recalled = octets::read(request(0x020B).layout(), &asked.body, true);
                if let Some((first, last)) = recalled
                    .ok()
                    .filter(|b| b.num("kind") == 3)
                    .map(|b| (b.int::<u64>("first_number"), b.int::<u64>("last_number")))
                {
                    self.expect_again(first, last);
                }
            }
            0x020E | 0x0210 => self.list_answered(asked.number, &asked.body, body, out),
            0x020F | 0x0211 => self.digest_answered(asked.number, body, out),
            _ => {}
        }
    }
}

fn remote_start(
    txn: TransactionNumber,
    connector: ConnectorId,
    credential: &Credential,
    limit: (u8, u32),
    expires: u16,
) -> Body {
    let (kind, octets) = match credential {
        Credential::None => (0, &[][..]),
        Credential::Card(uid) => (1, uid.as_bytes()),
        Credential::Vin(vin) => (2, vin.as_str().as_bytes()),
        Credential::FleetNumber(text) => (3, text.as_bytes()),
        Credential::Account(text) => (4, text.as_bytes()),
        Credential::Plate(text) => (5, text.as_bytes()),
    };
    let mut body = request(0x0203)
        .octets("txn", &txn.0)
        .number("connector", connector.number)
        .number("limit_kind", limit.0)
        .number("limit_value", limit.1)
        .number("max_power", 0)
        .number("expires", expires);
    body.set("cred", Value::Cred(kind, octets.to_vec()));
    body
}
