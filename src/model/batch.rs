//! What the station writes: facts and their messages in one transaction.

use super::access::{Card, Departure, Entries, Listed, Plate, Vehicle};
use super::alarm::Alarm;
use super::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber};
use super::message::{Entry, EntryId, Verdict};
use super::record::TransactionRecord;
use super::stop::StopReason;
use super::tariff::Tariff;
use super::time::Utc;
use std::collections::BTreeMap;

/// Rows that become durable together, or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Rises by one; given back with the outcome.
    pub number: u64,
    /// In the order they are applied.
    pub rows: Vec<Row>,
}

/// One durable change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// Insert or replace the state of a session.
    Session(SessionRow),
    /// A step of a session, for people: never read back by a machine.
    Step {
        /// The session.
        txn: TransactionNumber,
        /// When; `None` while the clock was not trusted.
        at: Option<Utc>,
        /// What happened.
        what: String,
    },
    /// Append to the ledger and queue it for the platform. The record number continues the chain.
    Record(Box<RecordRow>),
    /// Queue a durable message (records queue themselves).
    Queue(Entry),
    /// The platform took or refused a message.
    Acknowledged {
        /// Which.
        entry: EntryId,
        /// When; `None` while the clock was not trusted.
        at: Option<Utc>,
        /// How.
        verdict: Verdict,
    },
    /// A queued message is no longer wanted (a start result whose record has been sent).
    Withdrawn(EntryId),
    /// Send these records again: they go back into the queue with unchanged bodies.
    Requeue {
        /// Record numbers, both inclusive.
        first: u64,
        /// Last one.
        last: u64,
    },
    /// Counter and time part of the newest own transaction number of a pile; written before use.
    Serial {
        /// The pile.
        pile: DeviceCode,
        /// 0..=9999.
        counter: u16,
        /// Time part, local seconds.
        time: Utc,
    },
    /// Keep a tariff.
    Tariff(Tariff),
    /// The tariff in force from now on, 0 none, and the one pending, 0 none.
    TariffInForce {
        /// In force.
        number: u32,
        /// Pending until its `valid_from`.
        pending: u32,
    },
    /// Of the card list.
    Cards(ListRow<Card>),
    /// Of the VIN list.
    Vehicles(ListRow<Vehicle>),
    /// Of the plate list.
    Plates(ListRow<Plate>),
    /// Departure plans, the last of a vehicle counts; without a time the plan is removed.
    Departures(Vec<Departure>),
    /// A remote start that was decided: its number and the result that was answered (last 10 000 are kept).
    CommandSeen(TransactionNumber, u8),
    /// An alarm was raised or cleared; its message is queued by a row of its own.
    Alarm {
        /// The occurrence.
        alarm: Alarm,
        /// It is open from here on; else it is history.
        open: bool,
        /// When; `None` while the clock was not trusted.
        at: Option<Utc>,
    },
    /// Who did what, for `depotctl audit`.
    Audit {
        /// When.
        at: Option<Utc>,
        /// Who: `platform`, `operator …`, `station`.
        who: String,
        /// What.
        what: String,
    },
}

/// A durable change of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListRow<T: Listed> {
    /// Replace the whole list: its version and all of its entries.
    Replace(u32, Entries<T>),
    /// Change what is named.
    Change {
        /// Version after it.
        version: u32,
        /// Added or replaced.
        put: Vec<T>,
        /// Deleted; an unknown key is no fault.
        delete: Vec<T::Key>,
    },
    /// The platform confirmed the list at this moment (its age counts from here).
    Confirmed(Utc),
}

/// Durable state of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its name.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// Phase, for people.
    pub phase: String,
    /// Still open: loaded at the next start.
    pub open: bool,
    /// When this state was reached; `None` while the clock was not trusted.
    pub at: Option<Utc>,
    /// The state as the session machine wrote it, JSON.
    pub state: String,
}

/// A new record of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordRow {
    /// The record.
    pub record: TransactionRecord,
    /// Body of 020A, made once.
    pub body: Vec<u8>,
    /// SHA-256 of device code and body (platform-222.md 16.4).
    pub digest: [u8; 32],
    /// Created while offline.
    pub stored: bool,
    /// When its number was given; `None` while the clock was not trusted.
    pub at: Option<Utc>,
}

/// What the station remembers of a record of the ledger: enough to recall it, to count offline use, and to know how the
/// newest charge of a connector ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRecord {
    /// Its number.
    pub number: u64,
    /// Its session.
    pub txn: TransactionNumber,
    /// As in the record.
    pub connector: ConnectorId,
    /// As in the record.
    pub end_time: Option<Utc>,
    /// As in the record.
    pub stop_reason: StopReason,
    /// What started it, if the session began offline and counts against the caps of that credential.
    pub offline: Option<Credential>,
    /// How the platform took it; `None` = not yet.
    pub verdict: Option<Verdict>,
}

/// An alarm that was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAlarm {
    /// The occurrence.
    pub alarm: Alarm,
    /// The platform acknowledged its raise.
    pub acknowledged: bool,
    /// The message of its raise, while that waits.
    pub entry: Option<u64>,
}

/// What the store knows when the program starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Already raised by one for this start, and durable.
    pub boot_counter: u32,
    /// Sessions that were open.
    pub sessions: Vec<SessionRow>,
    /// Number of the newest record, 0 none.
    pub last_record: u64,
    /// Digest of the newest record; `None` when there is none.
    pub last_digest: Option<[u8; 32]>,
    /// Highest id ever given in the lane of start results.
    pub last_start_result: u64,
    /// Start results still queued: id and transaction.
    pub start_results: Vec<(u64, TransactionNumber)>,
    /// Alarms that were open, in the order of their identities.
    pub alarms: Vec<KnownAlarm>,
    /// Highest identity ever given to an alarm.
    pub last_alarm: u64,
    /// Highest id ever given in the lane of alarm events.
    pub last_alarm_event: u64,
    /// Alarm events still queued.
    pub alarm_events: u64,
    /// Messages that the platform refused to know once: they are queued again and offered once more, at the next
    /// login (platform-222.md 4.3).
    pub offered_again: Vec<EntryId>,
    /// Highest id ever given in the lane of battery ends.
    pub last_battery_end: u64,
    /// Records not yet acknowledged.
    pub unsent_records: u64,
    /// The newest 10 000 records, oldest first.
    pub records: Vec<KnownRecord>,
    /// Newest serial of each pile.
    pub serials: Vec<(DeviceCode, u16, Utc)>,
    /// Every transaction number known (open, closed; the newest 10 000), for duplicate detection, with whether it is open.
    pub transactions: Vec<TransactionNumber>,
    /// Remote starts decided: number and result.
    pub commands: Vec<(TransactionNumber, u8)>,
    /// Every tariff held.
    pub tariffs: Vec<Tariff>,
    /// In force, 0 none.
    pub tariff_in_force: u32,
    /// Pending, 0 none.
    pub tariff_pending: u32,
    /// The card list.
    pub cards: KeptList<Card>,
    /// The VIN list.
    pub vehicles: KeptList<Vehicle>,
    /// The plate list.
    pub plates: KeptList<Plate>,
    /// Departure plans, one per vehicle.
    pub departures: Vec<Departure>,
    /// Offline use that still counts: per credential, sessions and energy of records not yet acknowledged.
    pub offline_use: Vec<(Credential, u32, super::quantity::Energy)>,
    /// The newest time that anything was stamped with: the wall clock was here once.
    pub last_stamp: Option<Utc>,
}

/// A list as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptList<T> {
    /// In force, 0 none.
    pub version: u32,
    /// When it was committed or last confirmed.
    pub confirmed: Option<Utc>,
    /// Sorted by key.
    pub entries: Vec<T>,
}

impl<T> Default for KeptList<T> {
    fn default() -> Self {
        KeptList { version: 0, confirmed: None, entries: Vec::new() }
    }
}

impl<T: Listed> KeptList<T> {
    /// What a change makes of the list.
    pub fn apply(&mut self, row: &ListRow<T>) {
        match row {
            ListRow::Replace(version, entries) => {
                (self.version, self.entries) = (*version, entries.to_vec());
            }
            ListRow::Change { version, put, delete } => {
                self.version = *version;
                let put = put.iter().map(|entry| (entry.key(), *entry));
                let mut entries: BTreeMap<T::Key, T> = self.entries.iter().map(|e| (e.key(), *e)).collect();
                entries.extend(put);
                entries.retain(|key, _| !delete.contains(key));
                self.entries = entries.into_values().collect();
            }
            ListRow::Confirmed(at) => self.confirmed = Some(*at),
        }
    }
}
