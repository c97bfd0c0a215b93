//! What the station and the platform link say to each other, in no platform's bytes.

use super::alarm::{Alarm, AlarmEvent};
use super::command::{Answer, Command};
use super::ident::{ConnectorId, Credential, DeviceCode, TransactionNumber, Vin};
use super::money::Money;
use super::quantity::{Current, Energy, Power, Voltage};
use super::record::{StartMode, TransactionRecord};
use super::session::{ConnectorState, Grant};
use super::stop::StopReason;
use super::tariff::Tariff;
use super::time::Utc;
use super::vehicle::{End, Handshake, Progress};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An independent queue of durable messages: a stuck one never delays another (platform-222.md 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lane {
    /// Start results (0204).
    StartResult,
    /// Transaction records (020A); the identity of an entry is its record number.
    Record,
    /// Raises and clears of alarms (0401).
    Alarm,
    /// What vehicle and charger said at the end of a charge (0208).
    BatteryEnd,
}

/// One durable message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// Its queue.
    pub lane: Lane,
    /// Rises inside the lane.
    pub id: u64,
}

/// A durable message as the store keeps it and the link sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// The pile (or station) it speaks for.
    pub device: DeviceCode,
    /// The message was created while offline; fixed then (platform-222.md 14.2).
    pub stored: bool,
    /// The session it belongs to; none for messages without one.
    pub txn: TransactionNumber,
    /// What it says.
    pub content: Content,
}

/// What a durable message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", content = "content", rename_all = "kebab-case")]
pub enum Content {
    /// 0204.
    StartResult(StartResult),
    /// 020A.
    Record(Owed),
    /// 0401.
    Alarm(AlarmEvent),
    /// 0208.
    BatteryEnd(Box<BatteryEnd>),
}

/// A record of the ledger on its way to the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owed {
    /// Its body in the form of the protocol that it was made under: made once and never again (platform-222.md 16.4).
    pub body: Vec<u8>,
    /// What the body says, for a platform of another protocol; `None` when that part of the ledger cannot be read.
    pub record: Option<Box<TransactionRecord>>,
}

/// How the platform took a durable message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "reason", rename_all = "kebab-case")]
pub enum Verdict {
    /// It has it (now or already): the message leaves the queue.
    Taken,
    /// It refused it with this reason: set aside, never dropped, alarm 0009 (records) or 0016.
    Refused(u8),
}

/// Outcome of a start (0204).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartResult {
    /// The session, or the order that led to none.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// What came of it.
    pub result: StartOutcome,
    /// As read from the vehicle.
    pub vin: Option<Vin>,
    /// %.
    pub soc: Option<u8>,
    /// Only with `Charging`.
    pub start_time: Option<Utc>,
    /// Only with `Charging`.
    pub start_register: Option<Energy>,
    /// How it began.
    pub start_mode: StartMode,
}

/// Who the vehicle at a connector is (0206). Telemetry: latest wins, never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatteryHandshake {
    /// The session.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// What it said.
    pub handshake: Handshake,
}

/// How its battery charges (0207). Telemetry: latest wins, never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatteryProgress {
    /// The session.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// What it said.
    pub progress: Progress,
}

/// How its charge ended (0208).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatteryEnd {
    /// The session.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// What both sides said.
    pub end: End,
}

/// What came of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "kebab-case")]
pub enum StartOutcome {
    /// 0: output confirmed.
    Charging,
    /// 1: no session, no record follows.
    NotStarted(StopReason),
    /// 2: a record with zero energy follows.
    Failed(StopReason),
}

/// What set the power limit now enforced (platform-222.md 0201 `limit_cause`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitCause {
    /// 0.
    #[default]
    None,
    /// 1.
    Charger,
    /// 2.
    Bms,
    /// 3.
    Site,
    /// 4.
    Platform,
}

/// One connector as it is now (0201). Latest wins, never stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Realtime {
    /// Where.
    pub connector: ConnectorId,
    /// Of the session; none when there is none.
    pub txn: TransactionNumber,
    /// State as others see it.
    pub state: ConnectorState,
    /// `None` = not known.
    pub plugged: Option<bool>,
    /// Output.
    pub voltage: Option<Voltage>,
    /// Output.
    pub current: Option<Current>,
    /// Output.
    pub power: Option<Power>,
    /// %.
    pub soc: Option<u8>,
    /// Of the session so far, never falling inside a session.
    pub energy: Energy,
    /// 0 under platform billing.
    pub electricity_amount: Money,
    /// 0 under platform billing.
    pub service_amount: Money,
    /// Since charging began, monotonic.
    pub elapsed: Duration,
    /// Limit now enforced.
    pub limit: Option<Power>,
    /// Who set it.
    pub limit_cause: LimitCause,
    /// Bits of platform-222.md 13.3.
    pub faults: u32,
    /// Register of the connector's meter.
    pub register: Option<Energy>,
    /// Hottest point of the battery, degrees Celsius.
    pub battery_temperature_c: Option<i16>,
    /// Hottest contact of the plug, degrees Celsius.
    pub connector_temperature_c: Option<i16>,
    /// Until full, whole minutes, as the vehicle reckons.
    pub remaining: Option<Duration>,
}

/// Somebody or something at a connector asks for a start (0202).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthoriseRequest {
    /// Where.
    pub connector: ConnectorId,
    /// How.
    pub start_mode: StartMode,
    /// Who.
    pub credential: Credential,
    /// Whether a vehicle is plugged in.
    pub plugged: Option<bool>,
    /// %.
    pub soc: Option<u8>,
}

/// The answer to an [`AuthoriseRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes, under this grant. With `wait_for_start` only a remote start of the same number begins it.
    Accepted {
        /// What is allowed.
        grant: Grant,
        /// Authorised, but wait for 0203.
        wait_for_start: bool,
    },
    /// No; the reason of 0202r.
    Refused(u8),
    /// No decision in time (the limit is the station's, the link only stops asking).
    TimedOut,
    /// The link went away while waiting.
    LinkLost,
}

/// What a pile is (0103).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PileRegister {
    /// The pile.
    pub pile: DeviceCode,
    /// 1 DC, 2 AC.
    pub kind: u8,
    /// Number of connectors.
    pub connectors: u8,
    /// Rating of the pile.
    pub rated_power: Power,
    /// Of one connector; `None` not known.
    pub max_voltage: Option<Voltage>,
    /// Of one connector; `None` not known.
    pub max_current: Option<Current>,
    /// Who computes the money.
    pub billing_mode: super::record::BillingMode,
    /// 0 none, 1 DL/T 645, 2 Modbus, 3 inside the charger.
    pub meter_kind: u8,
    /// At most 16 ASCII characters.
    pub model: String,
}

/// What login and heartbeat say of the station (0101, 0102).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StationFacts {
    /// Rises by one per start of the program.
    pub boot_counter: u32,
    /// Records not yet acknowledged.
    pub unsent_records: u32,
    /// In force, 0 none.
    pub tariff_number: u32,
    /// In force, 0 none.
    pub card_list_version: u32,
    /// In force, 0 none.
    pub vin_list_version: u32,
    /// In force, 0 none.
    pub plate_list_version: u32,
    /// Sessions not yet closed.
    pub open_sessions: u16,
    /// Most severe open alarm 1, 2, 3; 0 none.
    pub alarm_level: u8,
}

/// From the station to the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToLink {
    /// Ask the platform; the answer comes as [`FromLink::Decision`] with the same ticket.
    Authorise(u64, AuthoriseRequest),
    /// Nobody waits for this decision any more; a late one is still reported.
    Forget(u64),
    /// Newest state of a connector.
    Realtime(Realtime),
    /// Who the vehicle at a connector is.
    BatteryHandshake(Box<BatteryHandshake>),
    /// How its battery charges.
    BatteryProgress(Box<BatteryProgress>),
    /// The answer to a command, after its effect is durable.
    Answer(u64, Answer),
    /// This lane got entries in the store, the newest being this one.
    Queued(EntryId),
    /// The settlement of this entry is durable: forget it.
    Settled(EntryId),
    /// New values for login and heartbeat.
    Facts(StationFacts),
    /// Every open alarm, in the order of their identities. Told before the events that led here are queued, so that
    /// 0402 is never older than an event that was sent.
    OpenAlarms(Vec<Alarm>),
    /// The platform asks for 0402.
    TellAlarms,
}

/// From the link to the station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromLink {
    /// A login was accepted.
    Online {
        /// Platform clock, if it told one.
        platform_time: Option<Utc>,
        /// Period of 0201 while charging, clamped.
        telemetry_charging: Duration,
        /// Period of 0201 otherwise, clamped.
        telemetry_idle: Duration,
    },
    /// Steps 1 to 7 after login are done: live operation.
    Ready,
    /// The login in force ended.
    Offline,
    /// The platform refused the login (result of 0101r).
    LoginRefused(u8),
    /// The platform told its clock (heartbeat).
    PlatformTime(Utc),
    /// The platform's tariff differs from the one in force, and here it is.
    Tariff(Tariff),
    /// The platform confirmed or left unchanged the tariff in force.
    TariffConfirmed,
    /// Result of the pile register: 0 ok, 1 unknown pile, 2 connectors differ.
    PileRegistered(DeviceCode, u8),
    /// An answer to [`ToLink::Authorise`].
    Decision(u64, Decision),
    /// A command that wants exactly one [`ToLink::Answer`] with this ticket.
    Command {
        /// Names the command.
        ticket: u64,
        /// The station or the pile it is for.
        device: DeviceCode,
        /// What is wanted.
        command: Command,
    },
    /// The platform took or refused a durable message; the station makes that durable.
    Acknowledged(EntryId, Verdict),
    /// The platform took 0402 (true), or refuses to know it.
    AlarmsTold(bool),
}
