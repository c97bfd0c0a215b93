//! What is durable, as plain lists; judges every batch it is given.

use super::station_code;
use crate::model::access::{Card, Departure, Plate, Vehicle};
use crate::model::alarm::{Alarm, AlarmEvent};
use crate::model::batch::{Batch, KeptList, KnownAlarm, KnownRecord, RecordRow, Recovered, Row, SessionRow};
use crate::model::ident::{Credential, DeviceCode, TransactionNumber, Vin};
use crate::model::message::{BatteryEnd, Content, EntryId, Lane, StartResult, Verdict};
use crate::model::quantity::Energy;
use crate::model::record::TransactionRecord;
use crate::model::tariff::Tariff;
use crate::model::time::Utc;
use crate::uplink::p222;
use std::collections::BTreeMap;

/// Whether a batch holds the opening state or the record of this transaction.
pub(super) fn begins_or_ends(batch: &Batch, txn: &TransactionNumber) -> bool {
    batch.rows.iter().any(|row| match row {
        Row::Record(row) => row.record.txn == *txn,
        Row::Session(row) => row.txn == *txn && row.phase == "opening",
        _ => false,
    })
}

#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) sessions: BTreeMap<TransactionNumber, SessionRow>,
    pub(super) records: Vec<RecordRow>,
    verdicts: BTreeMap<u64, Verdict>,
    pub(super) start_results: Vec<(u64, StartResult)>,
    queued_results: BTreeMap<u64, TransactionNumber>,
    pub(super) open_alarms: BTreeMap<u64, (Alarm, bool, u64)>,
    /// Every raise and clear that was queued, in order.
    pub(super) alarm_events: Vec<AlarmEvent>,
    queued_events: BTreeMap<u64, u64>,
    last_alarm: u64,
    offered_again: Vec<EntryId>,
    pub(super) battery_ends: Vec<(u64, BatteryEnd)>,
    serials: BTreeMap<DeviceCode, (u16, Utc)>,
    pub(super) commands: Vec<(TransactionNumber, u8)>,
    tariffs: BTreeMap<u32, Tariff>,
    pub(super) in_force: (u32, u32),
    pub(super) cards: KeptList<Card>,
    pub(super) vehicles: KeptList<Vehicle>,
    pub(super) plates: KeptList<Plate>,
    pub(super) departures: BTreeMap<Vin, Departure>,
    pub(super) audit: Vec<(String, String)>,
    boots: u32,
    newest_batch: u64,
}

impl Disk {
    pub(super) fn know(&mut self, vehicles: Vec<Vehicle>, at: Utc) {
        self.vehicles = KeptList { version: 1, confirmed: Some(at), entries: vehicles };
    }

    pub(super) fn supply(&mut self, cards: Vec<Card>, tariff: Tariff, at: Utc) {
        self.cards = KeptList { version: 1, confirmed: Some(at), entries: cards };
        self.in_force = (tariff.number, 0);
        self.tariffs.insert(tariff.number, tariff);
    }

    pub(super) fn records(&self) -> Vec<&TransactionRecord> {
        self.records.iter().map(|r| &r.record).collect()
    }

    pub(super) fn apply(&mut self, batch: &Batch) {
        assert!(batch.number > self.newest_batch, "batch numbers rise");
        assert!(!batch.rows.is_empty(), "an empty batch");
        self.newest_batch = batch.number;
        for row in &batch.rows {
            self.row(row);
        }
        let mut busy: Vec<_> = self.sessions.values().filter(|s| s.open).map(|s| s.connector).collect();
        let open = busy.len();
        busy.sort();
        busy.dedup();
        assert_eq!(busy.len(), open, "two open sessions at one connector");
    }

    fn row(&mut self, row: &Row) {
        match row {
            Row::Session(row) => {
                let was = self.sessions.insert(row.txn, row.clone());
                assert!(was.is_none_or(|w| w.open || !row.open), "{} opens again", row.txn);
            }
            Row::Record(row) => self.record(row),
            Row::Queue(entry) => match &entry.content {
                Content::StartResult(result) => {
                    assert!(self.start_results.last().is_none_or(|(id, _)| *id < entry.id.id));
                    self.start_results.push((entry.id.id, result.clone()));
                    self.queued_results.insert(entry.id.id, result.txn);
                }
                Content::Alarm(event) => self.alarm_event(entry.id.id, event),
                Content::BatteryEnd(end) => {
                    assert!(self.battery_ends.last().is_none_or(|(id, _)| *id < entry.id.id));
                    self.battery_ends.push((entry.id.id, (**end).clone()));
                }
                Content::Record(_) => panic!("records queue themselves"),
            },
            Row::Alarm { alarm, open, .. } => self.alarm(alarm, *open),
            Row::Acknowledged { entry, verdict: Verdict::Refused(_), .. } if entry.lane != Lane::Record => {
                self.offered_again.push(*entry);
            }
            Row::Acknowledged { entry, verdict, .. } => match entry.lane {
                Lane::Record => drop(self.verdicts.insert(entry.id, *verdict)),
                Lane::StartResult => drop(self.queued_results.remove(&entry.id)),
                Lane::Alarm => {
                    let alarm = self.queued_events.remove(&entry.id);
                    let open = alarm.and_then(|id| self.open_alarms.get_mut(&id));
                    open.filter(|(_, _, raise)| *raise == entry.id).into_iter().for_each(|a| a.1 = true);
                }
                Lane::BatteryEnd => {}
            },
            Row::Withdrawn(EntryId { id, .. }) => drop(self.queued_results.remove(id)),
            Row::Requeue { first, last } => {
                assert!(1 <= *first && first <= last && *last <= self.records.len() as u64);
                self.verdicts.retain(|number, _| number < first || number > last);
            }
            Row::Serial { pile, counter, time } => drop(self.serials.insert(*pile, (*counter, *time))),
            Row::Tariff(tariff) => {
                let was = self.tariffs.insert(tariff.number, tariff.clone());
                assert!(was.is_none_or(|w| w.tiers == tariff.tiers), "a number with other content");
            }
            Row::TariffInForce { number, pending } => {
                assert!(self.tariffs.contains_key(number), "a tariff in force that is not held");
                self.in_force = (*number, *pending);
            }
            Row::Cards(row) => self.cards.apply(row),
            Row::Vehicles(row) => self.vehicles.apply(row),
            Row::Plates(row) => self.plates.apply(row),
            Row::Departures(plans) => {
                for plan in plans {
                    match plan.depart {
                        Some(_) => drop(self.departures.insert(plan.vin, *plan)),
                        None => drop(self.departures.remove(&plan.vin)),
                    }
                }
            }
            Row::CommandSeen(txn, result) => {
                self.commands.retain(|(t, _)| t != txn);
                self.commands.push((*txn, *result));
            }
            Row::Audit { who, what, .. } => self.audit.push((who.clone(), what.clone())),
            Row::Step { .. } => {}
        }
    }

    /// An identity is given once, and what is over never opens again.
    fn alarm(&mut self, alarm: &Alarm, open: bool) {
        if open {
            assert!(alarm.id > self.last_alarm, "alarm {} again", alarm.id);
            self.last_alarm = alarm.id;
            self.open_alarms.insert(alarm.id, (alarm.clone(), false, 0));
        } else {
            assert!(self.open_alarms.remove(&alarm.id).is_some(), "alarm {} was not open", alarm.id);
        }
    }

    fn alarm_event(&mut self, entry: u64, event: &AlarmEvent) {
        assert_eq!(entry, self.alarm_events.len() as u64 + 1, "messages are numbered in order");
        self.alarm_events.push(event.clone());
        self.queued_events.insert(entry, event.alarm.id);
        if event.raised {
            self.open_alarms.get_mut(&event.alarm.id).expect("in the same batch").2 = entry;
        }
    }

    /// Gapless, chained, one per session.
    fn record(&mut self, row: &RecordRow) {
        let record = &row.record;
        assert_eq!(record.number, self.records.len() as u64 + 1, "record numbers are gapless");
        let previous = self
            .records
            .last()
            .map_or(p222::chain_start(station_code()), |r| r.digest[..8].try_into().expect("eight octets"));
        assert_eq!(record.previous_digest, previous, "the chain holds");
        assert_eq!(row.body, p222::record_body(record));
        assert_eq!(row.digest, p222::record_digest(record.connector.pile, &row.body));
        assert!(self.records.iter().all(|r| r.record.txn != record.txn), "two records of {}", record.txn);
        assert!(self.sessions.get(&record.txn).is_some_and(|s| !s.open), "the session is not closed");
        self.records.push(row.clone());
    }

    pub(super) fn recovered(&mut self) -> Recovered {
        self.boots += 1;
        self.newest_batch = 0;
        let known = |r: &RecordRow| KnownRecord {
            number: r.record.number,
            txn: r.record.txn,
            connector: r.record.connector,
            end_time: r.record.end_time,
            stop_reason: r.record.stop_reason,
            offline: r.record.offline_credential(),
            verdict: self.verdicts.get(&r.record.number).copied(),
        };
        let records: Vec<KnownRecord> = self.records.iter().map(known).collect();
        let unsent = |r: &&KnownRecord| r.verdict != Some(Verdict::Taken);
        let mut offline_use: BTreeMap<Credential, (u32, Energy)> = BTreeMap::new();
        for record in records.iter().filter(unsent) {
            if let Some(credential) = record.offline.clone() {
                let used = offline_use.entry(credential).or_default();
                used.0 += 1;
                used.1 += self.records[record.number as usize - 1].record.energy_total;
            }
        }
        Recovered {
            boot_counter: self.boots,
            sessions: self.sessions.values().filter(|s| s.open).cloned().collect(),
            last_record: self.records.len() as u64,
            last_digest: self.records.last().map(|r| r.digest),
            last_start_result: self.start_results.last().map_or(0, |(id, _)| *id),
            last_battery_end: self.battery_ends.last().map_or(0, |(id, _)| *id),
            start_results: self.queued_results.iter().map(|(id, txn)| (*id, *txn)).collect(),
            alarms: self
                .open_alarms
                .values()
                .map(|(alarm, acknowledged, entry)| KnownAlarm {
                    alarm: alarm.clone(),
                    acknowledged: *acknowledged,
                    entry: self.queued_events.contains_key(entry).then_some(*entry),
                })
                .collect(),
            last_alarm: self.last_alarm,
            last_alarm_event: self.alarm_events.len() as u64,
            alarm_events: self.queued_events.len() as u64,
            offered_again: self.offered_again.clone(),
            unsent_records: records.iter().filter(unsent).count() as u64,
            records,
            serials: self.serials.iter().map(|(pile, (counter, time))| (*pile, *counter, *time)).collect(),
            transactions: self.sessions.keys().copied().collect(),
            commands: self.commands.clone(),
            tariffs: self.tariffs.values().cloned().collect(),
            tariff_in_force: self.in_force.0,
            tariff_pending: self.in_force.1,
            cards: self.cards.clone(),
            vehicles: self.vehicles.clone(),
            plates: self.plates.clone(),
            departures: self.departures.values().copied().collect(),
            offline_use: offline_use.into_iter().map(|(uid, (n, energy))| (uid, n, energy)).collect(),
            last_stamp: None,
        }
    }

    /// Outcomes told of this transaction, in order.
    pub(super) fn outcomes(&self, txn: TransactionNumber) -> Vec<crate::model::message::StartOutcome> {
        self.start_results.iter().filter(|(_, r)| r.txn == txn).map(|(_, r)| r.result).collect()
    }
}
