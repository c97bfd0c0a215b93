//! What the platform wants of the station, and the answers. Refusals are answers with a reason.

use super::access::{Card, Departure, ListEntries, ListKind, ListUpdate, Plate, Vehicle};
use super::ident::{Credential, TransactionNumber};
use super::session::Grant;
use super::tariff::Tariff;
use super::time::Utc;
use std::time::Duration;

/// A command of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// 0203.
    RemoteStart(RemoteStart),
    /// 0205: stop this transaction, or whatever runs there when the number is none.
    RemoteStop {
        /// Zeros = whatever runs there.
        txn: TransactionNumber,
        /// Number inside the pile.
        connector: u8,
    },
    /// 0104: `None` when the platform sent no time.
    SetTime(Option<Utc>),
    /// 0107.
    SetTariff(Tariff),
    /// 020E.
    CardList(ListUpdate<Card>),
    /// 0210.
    VehicleList(ListUpdate<Vehicle>),
    /// 0504.
    PlateList(ListUpdate<Plate>),
    /// 020F, 0211, 0505.
    ListDigest(ListKind),
    /// 0212: all or nothing. `None` when one of the VINs is none.
    DeparturePlan(Option<Vec<Departure>>),
    /// 020D.
    BalanceUpdate {
        /// Whose; none = whoever charges there.
        credential: Credential,
        /// Number inside the pile.
        connector: u8,
        /// 0.01 yuan.
        balance: super::money::Balance,
    },
    /// 0109: 1 telemetry, 2 alarms; others are answered "unknown subject" until they exist.
    Interrogate(u8),
    /// 0403: the identity of the alarm.
    ResetAlarm(u64),
    /// 020B.
    Recall(Recall),
}

/// Which records the platform wants again (020B).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recall {
    /// One transaction.
    Transaction(TransactionNumber),
    /// From ≤ end time < to.
    Time(Option<Utc>, Option<Utc>),
    /// Record numbers, both inclusive.
    Numbers(u64, u64),
}

/// Remote start 远程启动.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteStart {
    /// Number inside the pile.
    pub connector: u8,
    /// What is allowed; the credential that may also stop is in it.
    pub grant: Grant,
    /// A limit kind that the table does not hold was asked for: refused with 9.
    pub unknown_limit: bool,
    /// Auxiliary supply: 0 connector default, 12 or 24 V.
    pub aux_voltage: u8,
    /// From receipt to the start order.
    pub expires: Duration,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 0203r result.
    RemoteStart(u8),
    /// 0205r result.
    RemoteStop(u8),
    /// 0104r.
    Time {
        /// 0 set, 1 own source is better, 2 implausible.
        result: u8,
        /// Own clock before, `None` when not trusted.
        before: Option<Utc>,
        /// New minus old; `None` when not trusted before.
        offset_ms: Option<i64>,
    },
    /// 0107r result.
    Tariff(u8),
    /// 020Er, 0210r, 0504r: which list, result, and the version now in force.
    List(ListKind, u8, u32),
    /// 020Fr, 0211r, 0505r: version in force, 0 none, and the entries for the digest of platform-222.md 18.3.
    ListDigest(u32, ListEntries),
    /// 0212r result.
    DeparturePlan(u8),
    /// 020Dr result.
    Balance(u8),
    /// 0109r result.
    Interrogate(u8),
    /// 0403r result.
    ResetAlarm(u8),
    /// 020Br: result and the number of records that will follow.
    Recall(u8, u32),
    /// FD: device code unknown.
    UnknownDevice,
}
