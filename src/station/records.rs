//! Numbers, the chain and the memory of records (platform-222.md 16.4, 020A, 020B).
//!
//! A record gets its number and the digest of the one before in the durable step that closes its session, and its body
//! is made once. It is settled when the platform took it (or has it already); one that was refused is set aside.

use super::alarms::{Key, code};
use super::connector::Unsent;
use super::journal::{Then, Work};
use super::{Action, Note, Station};
use crate::model::batch::{KnownRecord, RecordRow, Recovered, Row};
use crate::model::command::{Answer, Recall};
use crate::model::ident::{ConnectorId, DeviceCode, TransactionNumber};
use crate::model::message::{
    BatteryEnd, Content, Entry, EntryId, Lane, Realtime, StartResult, ToLink, Verdict,
};
use crate::model::quantity::Energy;
use crate::model::record::{TransactionRecord, flag};
use crate::model::stop::StopReason;
use crate::model::time::{Now, Utc};
use crate::session::Session;
use crate::uplink::record;
use std::collections::BTreeMap;
use std::time::Duration;

/// Records and transactions remembered (platform-222.md 14.3).
pub(super) const REMEMBERED: usize = 10_000;
/// A record that the platform did not answer by now was at least sent: the lane waits for the acknowledgement.
const SENT_BY: Duration = Duration::from_secs(10);

/// Reason of 020Ar: the platform has another record with this number.
const KNOWN_OTHERWISE: u8 = 5;

/// Results of 020B.
mod result {
    pub(super) const OK: u8 = 0;
    pub(super) const NONE: u8 = 1;
    pub(super) const STILL_CHARGING: u8 = 2;
}

/// Where numbering stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    last_record: u64,
    /// First 8 octets of the newest digest.
    previous: [u8; 8],
    last_start_result: u64,
    last_alarm_event: u64,
    last_battery_end: u64,
}

/// What a piece of work was given when its batch was built.
#[derive(Debug, Default)]
pub(super) struct Made {
    record: Option<Numbered>,
    start_result: Option<(u64, TransactionNumber)>,
    /// How many alarm events, and the first of their messages if the platform takes any.
    pub(super) alarms: Option<(usize, Option<u64>)>,
    battery_end: Option<u64>,
    /// Gun, epoch, and the session as its row has it.
    kept: Option<(usize, u32, Box<Realtime>)>,
}

/// A record with its number.
#[derive(Debug)]
struct Numbered {
    known: KnownRecord,
    energy: Energy,
    inconsistent: bool,
}

/// What the station remembers of what is owed.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) chain: Chain,
    known: BTreeMap<u64, KnownRecord>,
    unsent: u64,
    start_results: BTreeMap<u64, TransactionNumber>,
}

impl Records {
    pub(super) fn new(station: DeviceCode, recovered: &Recovered) -> Records {
        let previous = match recovered.last_digest {
            Some(digest) => first_eight(&digest),
            None => record::chain_start(station),
        };
        Records {
            chain: Chain {
                last_record: recovered.last_record,
                previous,
                last_start_result: recovered.last_start_result,
                last_alarm_event: recovered.last_alarm_event,
                last_battery_end: recovered.last_battery_end,
            },
            known: recovered.records.iter().map(|r| (r.number, r.clone())).collect(),
            unsent: recovered.unsent_records,
            start_results: recovered.start_results.iter().copied().collect(),
        }
    }

    /// Not yet acknowledged.
    pub(super) fn unsent(&self) -> u64 {
        self.unsent
    }

    fn refused(&self) -> bool {
        self.known.values().any(|r| matches!(r.verdict, Some(Verdict::Refused(_))))
    }

    pub(super) fn holds(&self, txn: &TransactionNumber) -> bool {
        self.known.values().any(|r| r.txn == *txn)
    }

    /// Why the newest charge of a connector ended.
    pub(super) fn newest_end(&self, connector: ConnectorId) -> Option<StopReason> {
        self.known.values().rev().find(|r| r.connector == connector).map(|r| r.stop_reason)
    }

    fn remember(&mut self, record: KnownRecord) {
        self.unsent = self.unsent.saturating_add(1);
        self.known.insert(record.number, record);
        while self.known.len() > REMEMBERED {
            self.known.pop_first();
        }
    }

    /// Takes a verdict; gives the transaction. A record that was refused stays unacknowledged.
    fn settle(&mut self, number: u64, verdict: Verdict) -> Option<TransactionNumber> {
        let known = self.known.get_mut(&number);
        let was_taken = known.as_ref().is_some_and(|r| r.verdict == Some(Verdict::Taken));
        if verdict == Verdict::Taken && !was_taken {
            self.unsent = self.unsent.saturating_sub(1);
        }
        known.map(|record| {
            record.verdict = Some(verdict);
            record.txn
        })
    }

    /// Records that the lane still has to bring through.
    fn waiting(&self) -> usize {
        self.known.values().filter(|r| r.verdict.is_none()).count()
    }

    /// Runs of numbers that the platform wants again, both ends inclusive.
    fn wanted(&self, recall: &Recall) -> Vec<(u64, u64)> {
        match recall {
            Recall::Numbers(first, last) => {
                let run = ((*first).max(1), (*last).min(self.chain.last_record));
                if run.0 <= run.1 { vec![run] } else { Vec::new() }
            }
            Recall::Transaction(txn) => self.runs(|r| r.txn == *txn),
            Recall::Time(from, to) => self.runs(|r| {
                let inside = |end: Utc| from.is_none_or(|f| f <= end) && to.is_none_or(|t| end < t);
                r.end_time.is_some_and(inside)
            }),
        }
    }

    fn runs(&self, wanted: impl Fn(&KnownRecord) -> bool) -> Vec<(u64, u64)> {
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for number in self.known.values().filter(|r| wanted(r)).map(|r| r.number) {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                Some(_) | None => runs.push((number, number)),
            }
        }
        runs
    }

    fn requeued(&mut self, first: u64, last: u64) {
        for record in self.known.range_mut(first..=last).map(|(_, r)| r) {
            if record.verdict.take() == Some(Verdict::Taken) {
                self.unsent = self.unsent.saturating_add(1);
            }
        }
    }
}

impl Station {
    /// The rows of a piece of work, numbered from `chain` on. `once`: they are not asked for again.
    pub(super) fn rows_of(
        &self,
        now: Now,
        work: &mut Work,
        once: bool,
        chain: &mut Chain,
        rows: &mut Vec<Row>,
    ) -> Made {
        let mut made = Made::default();
        match work {
            Work::Rows(own) if once => rows.append(own), // written once or never: no copy of a whole card list
            Work::Rows(own) => rows.extend(own.iter().cloned()),
            Work::StartResult(with, result) => {
                rows.extend(with.iter().cloned());
                made.start_result = Some(self.queue(result, chain, rows));
            }
            Work::Save { gun, epoch, with, step, start_result } => {
                let Some(running) = self.guns[*gun].running().filter(|r| r.epoch == *epoch) else {
                    return made;
                };
                rows.extend(with.iter().cloned());
                let row = running.session.row(now);
                rows.extend(step.clone().map(|what| Row::Step { txn: row.txn, at: now.stamp(), what }));
                rows.push(Row::Session(row));
                made.kept = Some((*gun, *epoch, Box::new(running.session.realtime(now))));
                made.start_result = start_result.as_ref().map(|result| self.queue(result, chain, rows));
            }
            Work::Close { gun, epoch, record, start_result } => {
                let Some(running) = self.guns[*gun].running().filter(|r| r.epoch == *epoch) else {
                    return made;
                };
                let row = crate::model::batch::SessionRow { open: false, ..running.session.row(now) };
                rows.push(Row::Step { txn: row.txn, at: now.stamp(), what: closing_step(record) });
                rows.push(Row::Session(row));
                made.start_result = start_result.as_ref().map(|result| self.queue(result, chain, rows));
                made.battery_end = self.queue_battery_end(&running.session, chain, rows);
                made.record = Some(self.number(now, record, chain, rows));
            }
            Work::Alarms => made.alarms = Some(self.alarm_rows(&mut chain.last_alarm_event, rows)),
            Work::Salvage(row, record) => {
                rows.push(Row::Session(row.clone()));
                made.record = Some(self.number(now, record, chain, rows));
            }
        }
        made
    }

    fn queue(
        &self,
        result: &StartResult,
        chain: &mut Chain,
        rows: &mut Vec<Row>,
    ) -> (u64, TransactionNumber) {
        chain.last_start_result += 1;
        let id = EntryId { lane: Lane::StartResult, id: chain.last_start_result };
        rows.push(Row::Queue(Entry {
            id,
            device: result.connector.pile,
            stored: !self.link.online,
            txn: result.txn,
            content: Content::StartResult(result.clone()),
        }));
        (id.id, result.txn)
    }

    /// What both sides said at the end goes with the record, where it was heard.
    fn queue_battery_end(&self, session: &Session, chain: &mut Chain, rows: &mut Vec<Row>) -> Option<u64> {
        let opening = session.opening();
        let (txn, connector) = (opening.grant.txn, opening.connector);
        let end = session.end()?.clone();
        chain.last_battery_end += 1;
        let id = EntryId { lane: Lane::BatteryEnd, id: chain.last_battery_end };
        let content = Content::BatteryEnd(Box::new(BatteryEnd { txn, connector, end }));
        rows.push(Row::Queue(Entry { id, device: connector.pile, stored: !self.link.online, txn, content }));
        Some(id.id)
    }

    fn number(
        &self,
        now: Now,
        record: &TransactionRecord,
        chain: &mut Chain,
        rows: &mut Vec<Row>,
    ) -> Numbered {
        let number = chain.last_record + 1;
        let owed = TransactionRecord {
            number,
            previous_digest: chain.previous,
            protocol: self.config.protocol,
            ..record.clone()
        };
        let misfit = if record::fits(&owed) { 0 } else { flag::INCONSISTENT };
        let record = TransactionRecord { flags: owed.flags | misfit, ..owed };
        let body = record::body(&record);
        let digest = record::digest(record.connector.pile, &body);
        chain.last_record = number;
        chain.previous = first_eight(&digest);
        let offline = record.offline_credential();
        let known = KnownRecord {
            number,
            txn: record.txn,
            connector: record.connector,
            end_time: record.end_time,
            stop_reason: record.stop_reason,
            offline,
            verdict: None,
        };
        let numbered = Numbered { known, energy: record.energy_total, inconsistent: misfit != 0 };
        rows.push(Row::Record(Box::new(RecordRow {
            record,
            body,
            digest,
            stored: !self.link.online,
            at: now.stamp(),
        })));
        numbered
    }

    /// What was numbered is durable.
    pub(super) fn made(&mut self, now: Now, made: &Made, out: &mut Vec<Action>) {
        if let Some((gun, epoch, kept)) = &made.kept
            && let Some(running) = self.guns[*gun].running_mut().filter(|r| r.epoch == *epoch)
        {
            running.kept = (**kept).clone();
        }
        self.alarms_made(made, out);
        if let Some((id, txn)) = made.start_result {
            self.records.start_results.insert(id, txn);
            out.push(Action::Link(ToLink::Queued(EntryId { lane: Lane::StartResult, id })));
        }
        if let Some(id) = made.battery_end {
            out.push(Action::Link(ToLink::Queued(EntryId { lane: Lane::BatteryEnd, id })));
        }
        if let Some(Numbered { known, energy, inconsistent }) = &made.record {
            if let Some(credential) = known.offline.clone() {
                self.offline_use.closed(credential, known.number, *energy);
            }
            if *inconsistent {
                let key = Key::connector(code::RECORD_INCONSISTENT, known.connector, "session");
                self.alarms.set_for(now, key, true, Some(known.txn));
            }
            self.records.remember(known.clone());
            out.push(Action::Link(ToLink::Queued(EntryId { lane: Lane::Record, id: known.number })));
        }
    }

    /// Until when a gun whose record was just made is not seen as free: until the record has been sent. While the lane
    /// waits for other acknowledgements it need only be durable.
    pub(super) fn unsent_of(&self, now: Now, made: &Made) -> Option<Unsent> {
        let known = &made.record.as_ref()?.known;
        let lane_is_free = self.link.online && self.records.waiting() <= 1;
        lane_is_free.then(|| Unsent { record: known.number, txn: known.txn, until: now.mono + SENT_BY })
    }

    /// The platform took or refused a message: that becomes durable, then the link forgets it. A start result is not
    /// wanted any more once the record of its session was taken.
    pub(super) fn acknowledged(&mut self, now: Now, entry: EntryId, verdict: Verdict) {
        let of_record = match entry.lane {
            Lane::Record => self.records.known.get(&entry.id).map(|r| r.txn),
            Lane::StartResult | Lane::Alarm | Lane::BatteryEnd => None,
        };
        let withdrawn: Vec<EntryId> = match (of_record, verdict) {
            (Some(txn), Verdict::Taken) => self
                .records
                .start_results
                .iter()
                .filter(|(_, of)| **of == txn)
                .map(|(id, _)| EntryId { lane: Lane::StartResult, id: *id })
                .collect(),
            (Some(_), Verdict::Refused(_)) | (None, _) => Vec::new(),
        };
        let mut rows = vec![Row::Acknowledged { entry, at: now.stamp(), verdict }];
        rows.extend(withdrawn.iter().copied().map(Row::Withdrawn));
        self.owe(Work::Rows(rows), Then::Settled { entry, verdict, withdrawn });
    }

    pub(super) fn settled(
        &mut self,
        now: Now,
        entry: EntryId,
        verdict: Verdict,
        withdrawn: &[EntryId],
        out: &mut Vec<Action>,
    ) {
        for gone in withdrawn.iter().chain([&entry]) {
            if gone.lane == Lane::StartResult {
                self.records.start_results.remove(&gone.id);
            }
            out.push(Action::Link(ToLink::Settled(*gone)));
        }
        let refused = matches!(verdict, Verdict::Refused(_));
        match entry.lane {
            Lane::StartResult | Lane::BatteryEnd => self.message_refused(now, entry, refused),
            Lane::Alarm => {
                if !refused {
                    self.alarms.acknowledged(entry.id);
                }
                self.message_refused(now, entry, refused);
            }
            Lane::Record => self.record_settled(now, entry.id, verdict, out),
        }
    }

    fn record_settled(&mut self, now: Now, number: u64, verdict: Verdict, out: &mut Vec<Action>) {
        let txn = self.records.settle(number, verdict);
        for gun in &mut self.guns {
            gun.unsent = gun.unsent.filter(|u| u.record != number);
        }
        match verdict {
            Verdict::Taken => {
                self.offline_use.acknowledged(number);
                if self.records.unsent == 0 {
                    self.offline_use.all_acknowledged();
                }
            }
            Verdict::Refused(reason) => {
                if reason == KNOWN_OTHERWISE {
                    self.alarms.set(now, Key::station(code::CHAIN_RESTARTED, "records"), true);
                }
                let of = txn.map_or_else(String::new, |txn| format!(" of transaction {txn}"));
                out.push(Action::Note(Note::Error(format!(
                    "the platform refused record {number}{of} with reason {reason}; it is set aside"
                ))));
            }
        }
        let refused = self.records.refused();
        self.alarms.set(now, Key::station(code::RECORD_REFUSED, "records"), refused);
    }

    /// 020B: the records go back into the queue with unchanged bodies.
    pub(super) fn recall(&mut self, now: Now, ticket: u64, recall: &Recall, out: &mut Vec<Action>) {
        let open = |txn: &TransactionNumber| self.guns.iter().any(|g| g.txn() == Some(*txn));
        let none = match recall {
            Recall::Transaction(txn) if open(txn) => Some(result::STILL_CHARGING),
            Recall::Transaction(_) | Recall::Time(..) | Recall::Numbers(..) => None,
        };
        let ranges = self.records.wanted(recall);
        if none.is_some() || ranges.is_empty() {
            let answer = Answer::Recall(none.unwrap_or(result::NONE), 0);
            out.push(Action::Link(ToLink::Answer(ticket, answer)));
            return;
        }
        let count = ranges.iter().fold(0_u64, |sum, (first, last)| sum + (last - first + 1));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let requeue = |(first, last): &(u64, u64)| Row::Requeue { first: *first, last: *last };
        let mut rows: Vec<Row> = ranges.iter().map(requeue).collect();
        rows.push(super::journal::audit_row(now, "platform", format!("{count} records recalled")));
        self.write(Work::Rows(rows), Then::Recalled { ticket, ranges, count });
    }

    pub(super) fn recalled(
        &mut self,
        ticket: u64,
        ranges: &[(u64, u64)],
        count: u32,
        done: bool,
        out: &mut Vec<Action>,
    ) {
        let answer = if done { Answer::Recall(result::OK, count) } else { Answer::Recall(result::NONE, 0) };
        out.push(Action::Link(ToLink::Answer(ticket, answer)));
        if !done {
            return;
        }
        for (first, last) in ranges {
            self.records.requeued(*first, *last);
        }
        // The lane reads on from the first one; one message, however scattered they lie.
        let first = ranges.first().map(|(first, _)| EntryId { lane: Lane::Record, id: *first });
        out.extend(first.map(|id| Action::Link(ToLink::Queued(id))));
    }
}

fn closing_step(record: &TransactionRecord) -> String {
    format!("closed: {}, reason {:04X}", record.energy_total, record.stop_reason.0)
}

fn first_eight(digest: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}
