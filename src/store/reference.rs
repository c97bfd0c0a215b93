//! A plain model of the store, and random batches for both: they must agree on what is refused and on what is found
//! after a restart, also when the machine dies in the middle of a write.

use super::fixture::*;
use super::ledger::{ACKNOWLEDGED, QUEUED, REFUSED};
use super::*;
use crate::model::access::{Card, Departure, Plate, Vehicle};
use crate::model::alarm::Alarm;
use crate::model::batch::{KeptList, KnownAlarm, KnownRecord, RecordRow, Row, SessionRow};
use crate::model::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber};
use crate::model::message::{Content, EntryId, Verdict};
use crate::model::quantity::Energy;
use crate::model::tariff::Tariff;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

/// What a store must know, in vectors and maps.
#[derive(Clone, Debug, Default)]
struct Reference {
    boots: u32,
    sessions: Vec<SessionRow>,
    records: Vec<(RecordRow, u8)>,
    start_results: Waiting,
    battery_ends: Waiting,
    alarm_events: Waiting,
    /// Open ones, and whether the platform has their raise.
    alarms: BTreeMap<u64, (Alarm, bool)>,
    last_alarm: u64,
    serials: BTreeMap<DeviceCode, (u16, Utc)>,
    met: Vec<TransactionNumber>,
    commands: Vec<(TransactionNumber, u8)>,
    tariffs: Vec<Tariff>,
    in_force: (u32, u32),
    cards: KeptList<Card>,
    vehicles: KeptList<Vehicle>,
    plates: KeptList<Plate>,
    departures: Vec<Departure>,
    last_stamp: Option<Utc>,
}

/// Messages of a lane of their own, and the newest identity.
#[derive(Clone, Debug, Default)]
struct Waiting {
    /// With their states, and how often they were refused.
    entries: BTreeMap<u64, (Entry, u8, u8)>,
    newest: u64,
}

impl Waiting {
    fn queue(&mut self, entry: &Entry) -> bool {
        if entry.id.id <= self.newest {
            return self.entries.get(&entry.id.id).is_some_and(|(known, _, _)| known == entry);
        }
        self.newest = entry.id.id;
        self.entries.insert(entry.id.id, (entry.clone(), QUEUED, 0));
        true
    }

    fn acknowledged(&mut self, id: u64, verdict: Verdict) -> bool {
        match verdict {
            Verdict::Taken => drop(self.entries.remove(&id)),
            Verdict::Refused(_) => {
                if let Some((_, state, refusals)) = self.entries.get_mut(&id) {
                    (*state, *refusals) = (REFUSED, *refusals + 1);
                }
            }
        }
        id <= self.newest
    }

    /// The program starts again: what was refused once is offered once more.
    fn boot(&mut self) {
        for (_, state, refusals) in self.entries.values_mut() {
            if *refusals == 1 {
                *state = QUEUED;
            }
        }
    }

    fn queued(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().filter(|(_, state, _)| *state == QUEUED).map(|(entry, _, _)| entry)
    }

    fn offered_again(&self) -> impl Iterator<Item = EntryId> {
        let again = self.entries.values().filter(|(_, state, refusals)| (*state, *refusals) == (QUEUED, 1));
        again.map(|(entry, _, _)| entry.id)
    }
}

impl Reference {
    /// All rows, or `false` and nothing.
    fn apply(&mut self, batch: &Batch) -> bool {
        let mut next = self.clone();
        let applied =
            batch.rows.iter().all(|row| next.row(row)) && batch.rows.iter().all(|r| next.is_closed(r));
        if applied {
            next.last_stamp = next.last_stamp.max(batch.rows.iter().filter_map(stamp).max());
            *self = next;
        }
        applied
    }

    fn row(&mut self, row: &Row) -> bool {
        match row {
            Row::Session(row) => self.session(row),
            Row::Step { .. } | Row::Audit { .. } => true,
            Row::Record(row) => self.record(row),
            Row::Queue(entry) => self.lane(entry.id.lane).queue(entry),
            Row::Acknowledged { entry, verdict, .. } => self.acknowledged(*entry, *verdict),
            Row::Withdrawn(entry) => {
                entry.lane == Lane::StartResult && self.start_results.acknowledged(entry.id, Verdict::Taken)
            }
            Row::Alarm { alarm, open, .. } => self.alarm(alarm, *open),
            Row::Requeue { first, last } => {
                for (row, state) in &mut self.records {
                    if (*first..=*last).contains(&row.record.number) {
                        *state = QUEUED;
                    }
                }
                true
            }
            Row::Serial { pile, counter, time } => {
                let good = self.serials.get(pile).is_none_or(|(_, newest)| time >= newest);
                self.serials.insert(*pile, (*counter, *time));
                good
            }
            Row::Tariff(tariff) => match self.tariffs.iter().find(|held| held.number == tariff.number) {
                Some(held) => held == tariff,
                None => {
                    self.tariffs.push(tariff.clone());
                    true
                }
            },
            Row::TariffInForce { number, pending } => {
                self.in_force = (*number, *pending);
                [*number, *pending].iter().all(|n| *n == 0 || self.tariffs.iter().any(|t| t.number == *n))
            }
            Row::Cards(row) => {
                self.cards.apply(row);
                true
            }
            Row::Vehicles(row) => {
                self.vehicles.apply(row);
                true
            }
            Row::Plates(row) => {
                self.plates.apply(row);
                true
            }
            Row::Departures(plans) => {
                for plan in plans {
                    self.departures.retain(|known| plan.vin != known.vin);
                    self.departures.extend(plan.depart.map(|_| *plan));
                }
                self.departures.sort_by_key(|plan| plan.vin);
                true
            }
            Row::CommandSeen(txn, result) => {
                self.commands.retain(|(known, _)| known != txn);
                self.commands.push((*txn, *result));
                true
            }
        }
    }

    fn session(&mut self, row: &SessionRow) -> bool {
        let busy = |s: &&SessionRow| s.open && s.connector == row.connector && s.txn != row.txn;
        if row.open && self.sessions.iter().any(|s| busy(&s)) {
            return false;
        }
        match self.sessions.iter_mut().find(|s| s.txn == row.txn) {
            Some(known) if known.connector != row.connector || (row.open && !known.open) => false,
            Some(known) => {
                known.clone_from(row);
                true
            }
            None if self.met.contains(&row.txn) => false,
            None => {
                self.met.push(row.txn);
                self.sessions.push(row.clone());
                true
            }
        }
    }

    fn newest(&self) -> Option<(u64, [u8; 32])> {
        self.records.last().map(|(row, _)| (row.record.number, row.digest))
    }

    fn record(&mut self, row: &RecordRow) -> bool {
        let next = self.records.len() as u64 + 1;
        if row.record.number < next {
            let index = row.record.number as usize - 1;
            return self.records[index].0.body == row.body && self.records[index].0.digest == row.digest;
        }
        let continues = self.newest().is_none_or(|(_, digest)| row.record.previous_digest == digest[..8]);
        let is_sealed = seal(row.record.clone()).digest == row.digest;
        let is_new = !self.records.iter().any(|(known, _)| known.record.txn == row.record.txn);
        if !self.met.contains(&row.record.txn) {
            self.met.push(row.record.txn);
        }
        self.records.push((row.clone(), QUEUED));
        row.record.number == next && continues && is_sealed && is_new
    }

    fn is_closed(&self, row: &Row) -> bool {
        match row {
            Row::Record(row) => !self.sessions.iter().any(|s| s.open && s.txn == row.record.txn),
            _ => true,
        }
    }

    fn lane(&mut self, lane: Lane) -> &mut Waiting {
        match lane {
            Lane::StartResult => &mut self.start_results,
            Lane::BatteryEnd => &mut self.battery_ends,
            Lane::Alarm => &mut self.alarm_events,
            Lane::Record => panic!("records wait in the ledger"),
        }
    }

    fn alarm(&mut self, alarm: &Alarm, open: bool) -> bool {
        match (alarm.id > self.last_alarm, open) {
            (true, true) => {
                self.last_alarm = alarm.id;
                self.alarms.insert(alarm.id, (alarm.clone(), false));
                true
            }
            (false, false) => {
                self.alarms.remove(&alarm.id);
                true
            }
            (true, false) | (false, true) => false,
        }
    }

    /// The platform has a raise; or a clear, and what it refused to know of that alarm is of no use any more.
    fn alarm_event_taken(&mut self, id: u64) {
        let Some((Content::Alarm(event), raised)) = self.event(id) else { return };
        if raised {
            self.alarms.entry(event.alarm.id).and_modify(|(_, acknowledged)| *acknowledged = true);
        } else {
            self.alarm_events.entries.retain(|_, (entry, _, _)| !is_of(entry, event.alarm.id));
        }
    }

    fn event(&self, id: u64) -> Option<(Content, bool)> {
        let content = self.alarm_events.entries.get(&id).map(|(entry, _, _)| entry.content.clone())?;
        let raised = matches!(&content, Content::Alarm(event) if event.raised);
        Some((content, raised))
    }

    fn boot(&mut self) {
        self.boots += 1;
        for lane in [&mut self.start_results, &mut self.battery_ends, &mut self.alarm_events] {
            lane.boot();
        }
    }

    fn acknowledged(&mut self, entry: EntryId, verdict: Verdict) -> bool {
        if entry.lane == Lane::Alarm && verdict == Verdict::Taken {
            self.alarm_event_taken(entry.id);
        }
        if entry.lane != Lane::Record {
            return self.lane(entry.lane).acknowledged(entry.id, verdict);
        }
        let Some((_, state)) = self.records.get_mut(entry.id as usize - 1) else { return false };
        *state = match verdict {
            Verdict::Refused(_) if *state != ACKNOWLEDGED => REFUSED,
            Verdict::Refused(_) | Verdict::Taken => ACKNOWLEDGED,
        };
        true
    }

    /// What the next start finds.
    fn recovered(&self) -> Recovered {
        let mut next = self.clone();
        next.boot();
        next.found()
    }

    fn found(&self) -> Recovered {
        let unsent = || self.records.iter().filter(|(_, state)| *state != ACKNOWLEDGED);
        let mut offline: BTreeMap<Credential, (u32, Energy)> = BTreeMap::new();
        for (row, _) in unsent() {
            if let Some(credential) = row.record.offline_credential() {
                let used = offline.entry(credential).or_default();
                *used = (used.0 + 1, used.1 + row.record.energy_total);
            }
        }
        let raise_of = |alarm: u64| {
            let raises = |e: &&Entry| matches!(&e.content, Content::Alarm(event) if event.raised);
            self.alarm_events.queued().filter(raises).find(|e| is_of(e, alarm)).map(|e| e.id.id)
        };
        let open = self.alarms.iter().map(|(id, (alarm, acknowledged))| KnownAlarm {
            alarm: alarm.clone(),
            acknowledged: *acknowledged,
            entry: raise_of(*id),
        });
        let lanes = [&self.start_results, &self.alarm_events, &self.battery_ends];
        Recovered {
            boot_counter: self.boots,
            sessions: self.sessions.iter().filter(|s| s.open).cloned().collect(),
            last_record: self.records.len() as u64,
            last_digest: self.newest().map(|(_, digest)| digest),
            last_start_result: self.start_results.newest,
            last_battery_end: self.battery_ends.newest,
            start_results: self.start_results.queued().map(|entry| (entry.id.id, entry.txn)).collect(),
            alarms: open.collect(),
            last_alarm: self.last_alarm,
            last_alarm_event: self.alarm_events.newest,
            alarm_events: self.alarm_events.queued().count() as u64,
            offered_again: lanes.into_iter().flat_map(Waiting::offered_again).collect(),
            unsent_records: unsent().count() as u64,
            records: self.records.iter().map(|(row, state)| self.known(row, *state)).collect(),
            serials: self.serials.iter().map(|(pile, (counter, time))| (*pile, *counter, *time)).collect(),
            transactions: self.met.clone(),
            commands: self.commands.clone(),
            tariffs: self.tariffs.clone(),
            tariff_in_force: self.in_force.0,
            tariff_pending: self.in_force.1,
            cards: self.cards.clone(),
            vehicles: self.vehicles.clone(),
            plates: self.plates.clone(),
            departures: self.departures.clone(),
            offline_use: offline.into_iter().map(|(uid, (count, energy))| (uid, count, energy)).collect(),
            last_stamp: self.last_stamp,
        }
    }

    fn known(&self, row: &RecordRow, state: u8) -> KnownRecord {
        KnownRecord {
            number: row.record.number,
            txn: row.record.txn,
            connector: row.record.connector,
            end_time: row.record.end_time,
            stop_reason: row.record.stop_reason,
            offline: row.record.offline_credential(),
            verdict: match state {
                ACKNOWLEDGED => Some(Verdict::Taken),
                REFUSED => Some(Verdict::Refused(2)),
                _ => None,
            },
        }
    }

    fn waiting(&self) -> Vec<(u64, Vec<u8>)> {
        let queued = self.records.iter().filter(|(_, state)| *state == QUEUED);
        queued.map(|(row, _)| (row.record.number, row.body.clone())).collect()
    }
}

fn is_of(entry: &Entry, alarm: u64) -> bool {
    matches!(&entry.content, Content::Alarm(event) if event.alarm.id == alarm)
}

/// A row to be, before it is known where the chain stands.
#[derive(Clone, Debug)]
enum Op {
    Session(u64, u8, bool),
    Closing(u64),
    Record(u64, u8),
    Queue(u64, u64),
    Alarm(u64, bool),
    Acknowledged(Lane, u64, bool),
    Withdrawn(u64),
    Requeue(u64, u64),
    Serial(u8, u16, i64),
    Tariff(u32, u32),
    InForce(u32, u32),
    Replace(u32, u32),
    Change(u32, u32),
    Confirmed(i64),
    Command(u64, u8),
    Step(i64),
}

fn lane() -> impl Strategy<Value = Lane> {
    prop_oneof![Just(Lane::Record), Just(Lane::StartResult), Just(Lane::BatteryEnd), Just(Lane::Alarm)]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => (1u64..40, 1u8..4, any::<bool>()).prop_map(|(n, c, open)| Op::Session(n, c, open)),
        4 => (1u64..40).prop_map(Op::Closing),
        4 => (1u64..40, 0u8..16).prop_map(|(n, fault)| Op::Record(n, fault)),
        3 => (0u64..3, 1u64..40).prop_map(|(ahead, n)| Op::Queue(ahead, n)),
        4 => (0u64..3, any::<bool>()).prop_map(|(ahead, raised)| Op::Alarm(ahead, raised)),
        5 => (lane(), 1u64..12, any::<bool>()).prop_map(|(lane, id, t)| Op::Acknowledged(lane, id, t)),
        1 => (1u64..8).prop_map(Op::Withdrawn),
        1 => (1u64..20, 1u64..20).prop_map(|(first, last)| Op::Requeue(first, last)),
        2 => (1u8..3, 0u16..10_000, 0i64..4).prop_map(|(p, c, t)| Op::Serial(p, c, t)),
        2 => (1u32..9, 0u32..2).prop_map(|(number, price)| Op::Tariff(number, price)),
        1 => (0u32..9, 0u32..9).prop_map(|(number, pending)| Op::InForce(number, pending)),
        1 => (1u32..9, 0u32..40).prop_map(|(version, cards)| Op::Replace(version, cards)),
        2 => (1u32..9, 0u32..40).prop_map(|(version, card)| Op::Change(version, card)),
        1 => (0i64..9000).prop_map(Op::Confirmed),
        2 => (1u64..40, 0u8..11).prop_map(|(n, result)| Op::Command(n, result)),
        2 => (0i64..9000).prop_map(Op::Step),
    ]
}

/// Short batches: in a long one, some row is always refused.
fn batches(most: usize) -> impl Strategy<Value = Vec<Vec<Op>>> {
    prop::collection::vec(prop::collection::vec(op(), 1..6), 1..most)
}

/// The batch that these rows make on top of what the reference knows.
fn build(reference: &Reference, ops: &[Op]) -> Batch {
    let mut draft = reference.clone();
    let mut rows = Vec::new();
    for op in ops {
        let more = rows_of(&draft, op);
        for row in &more {
            draft.row(row);
        }
        rows.extend(more);
    }
    batch(rows)
}

fn rows_of(draft: &Reference, op: &Op) -> Vec<Row> {
    let moment = |ms: i64| MORNING.plus_ms(ms);
    let start = |id| EntryId { lane: Lane::StartResult, id };
    match *op {
        Op::Session(n, connector, open) => vec![session(n, connector, open)],
        Op::Closing(n) => {
            let place = draft.sessions.iter().find(|s| s.txn == txn(n)).map(|s| s.connector);
            let ConnectorId { number, .. } = place.unwrap_or(ConnectorId { pile: pile(1), number: 1 });
            vec![session(n, number, false), Row::Record(Box::new(record(n, draft.newest())))]
        }
        Op::Record(n, fault) => {
            let mut row = record(n, draft.newest());
            match fault {
                0 => row.record.number += 1,
                // What record 1 says is the station's affair: the store does not know its code.
                1 if row.record.number > 1 => row.record.previous_digest[3] ^= 1,
                _ => {}
            }
            let mut row = seal(row.record);
            if fault == 2 {
                row.digest[31] ^= 1;
            }
            vec![Row::Record(Box::new(row))]
        }
        Op::Queue(ahead, n) => {
            let result = start_result(draft.start_results.newest + ahead, n);
            vec![Row::Queue(result), Row::Queue(battery_end(draft.battery_ends.newest + ahead + n % 2, n))]
        }
        Op::Alarm(ahead, true) => {
            alarm_rows(draft.last_alarm + ahead, draft.alarm_events.newest + 1, true).to_vec()
        }
        Op::Alarm(back, false) => {
            let alarm = draft.last_alarm.saturating_sub(back);
            alarm_rows(alarm, draft.alarm_events.newest + 1, false).to_vec()
        }
        Op::Acknowledged(lane, id, taken) => {
            vec![acknowledged(lane, id, if taken { Verdict::Taken } else { Verdict::Refused(2) })]
        }
        Op::Withdrawn(id) => vec![Row::Withdrawn(start(id))],
        Op::Requeue(first, last) => vec![Row::Requeue { first, last }],
        Op::Serial(p, counter, time) => vec![Row::Serial { pile: pile(p), counter, time: moment(time) }],
        Op::Tariff(number, price) => vec![Row::Tariff(tariff(number, price))],
        Op::InForce(number, pending) => vec![Row::TariffInForce { number, pending }],
        Op::Replace(version, count) => vec![
            Row::Cards(ListRow::Replace(version, Arc::new((0..count).map(card).collect()))),
            Row::Vehicles(ListRow::Replace(version, Arc::new((0..count / 2).map(vehicle).collect()))),
        ],
        Op::Change(version, n) => vec![
            Row::Cards(ListRow::Change { version, put: vec![card(n)], delete: vec![uid(n / 2)] }),
            Row::Vehicles(ListRow::Change { version, put: vec![vehicle(n)], delete: vec![vin(n / 2)] }),
            Row::Plates(ListRow::Change { version, put: vec![plate(n)], delete: vec![plate(n / 2).plate] }),
            Row::Departures(vec![departure(n, Some(MORNING)), departure(n / 2, None)]),
        ],
        Op::Confirmed(ms) => vec![
            Row::Cards(ListRow::Confirmed(moment(ms))),
            Row::Vehicles(ListRow::Confirmed(moment(ms))),
            Row::Plates(ListRow::Confirmed(moment(ms))),
        ],
        Op::Command(n, result) => vec![Row::CommandSeen(txn(n), result)],
        Op::Step(ms) => vec![Row::Step { txn: txn(1), at: Some(moment(ms)), what: "a step".into() }],
    }
}

/// What waits in the lane of records, with its octets.
fn waiting(store: &Store) -> Vec<(u64, Vec<u8>)> {
    let entries = store.entries(Lane::Record, 0, usize::MAX).expect("entries");
    let body = |entry: Entry| match entry.content {
        crate::model::message::Content::Record(owed) => (entry.id.id, owed.body),
        other => panic!("{other:?} among records"),
    };
    entries.into_iter().map(body).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_store_and_a_plain_model_agree_on_every_batch_and_after_every_restart(batches in batches(40)) {
        let (mut store, _) = Store::in_memory().expect("store");
        let mut reference = Reference { boots: 1, ..Reference::default() };
        for ops in &batches {
            let batch = build(&reference, ops);
            let taken = store.apply(&batch);
            prop_assert_eq!(taken.is_ok(), reference.apply(&batch), "{:?} {:?}", batch, taken);
            let (reopened, found) = store.reopen().expect("reopened");
            store = reopened;
            reference.boot();
            prop_assert_eq!(found, reference.found());
            prop_assert_eq!(waiting(&store), reference.waiting());
        }
        let verified = store.verify(station()).expect("verified");
        prop_assert!(verified.holds, "{:?}", verified);
    }
}

/// The octets of the file and of its log.
fn octets(path: &Path) -> (Vec<u8>, Vec<u8>) {
    (fs::read(path).expect("file"), fs::read(path.with_extension("db-wal")).unwrap_or_default())
}

/// A log of which only a part of the last write reached the disk: new up to a point, old or noise from there on.
fn torn(before: &[u8], after: &[u8], part: u16, noise: bool) -> Vec<u8> {
    let first = before.iter().zip(after).position(|(a, b)| a != b).unwrap_or(before.len());
    let cut = first + (after.len() - first) * usize::from(part) / usize::from(u16::MAX);
    let mut log = after[..cut].to_vec();
    log.extend(before.iter().skip(cut));
    if noise {
        log.resize(after.len(), 0xA5);
    }
    log
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn a_machine_that_dies_in_the_middle_of_a_write_has_all_of_a_batch_or_nothing(
        batches in batches(60), deaths in prop::collection::vec((any::<u16>(), 0u8..6), 60)
    ) {
        let folder = tempfile::tempdir().expect("folder");
        let (path, grave) = (folder.path().join("depotd.db"), folder.path().join("grave.db"));
        let (mut store, _) = Store::open(&path).expect("store");
        let mut reference = Reference { boots: 1, ..Reference::default() };
        for (ops, (part, kind)) in batches.iter().zip(deaths) {
            let (before, old) = (octets(&path), reference.clone());
            let batch = build(&reference, ops);
            prop_assert_eq!(store.apply(&batch).is_ok(), reference.apply(&batch));
            let after = octets(&path);
            // A log goes into the file only when it is whole, so a torn one never meets a changed file.
            let is_torn = kind < 2 && before.0 == after.0;
            if kind > 3 {
                continue;
            }
            fs::write(&grave, &after.0).expect("file");
            let log = if is_torn { torn(&before.1, &after.1, part, kind == 1) } else { after.1 };
            fs::write(grave.with_extension("db-wal"), log).expect("log");
            fs::remove_file(grave.with_extension("db-shm")).ok();
            let (dead, found) = Store::open(&grave).expect("a dead machine's file opens");
            let mut states = [&reference, &old].into_iter().take(1 + usize::from(is_torn));
            let state = states.find(|state| {
                found == state.recovered()
                    && waiting(&dead) == state.waiting()
            });
            prop_assert!(state.is_some(), "{:?} is neither before nor after {:?}", found, batch);
            prop_assert!(dead.verify(station()).expect("verified").holds);
        }
    }
}
