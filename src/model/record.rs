//! The transaction record 交易记录: what is owed for one session (platform-222.md 020A, 16).

use super::ident::{ConnectorId, Credential, TransactionNumber, Vin};
use super::money::{Money, Price};
use super::quantity::Energy;
use super::stop::StopReason;
use super::time::Utc;
use serde::{Deserialize, Serialize};

/// How a session began (platform-222.md 13.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartMode {
    /// 1.
    CardOnline,
    /// 2: app or platform.
    Remote,
    /// 3.
    VinOnline,
    /// 4.
    CardOffline,
    /// 5.
    VinOffline,
    /// 6.
    LocalOperator,
    /// 7.
    PlugAndCharge,
}

impl StartMode {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            StartMode::CardOnline => 1,
            StartMode::Remote => 2,
            StartMode::VinOnline => 3,
            StartMode::CardOffline => 4,
            StartMode::VinOffline => 5,
            StartMode::LocalOperator => 6,
            StartMode::PlugAndCharge => 7,
        }
    }
}

/// Who computes the money (platform-222.md 16.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BillingMode {
    /// 平台计费: energies per tier, no money.
    #[default]
    Platform,
    /// 充电桩计费: energies and money; a valid tariff is needed to start.
    Pile,
}

/// The platform protocol in whose form the body of a record was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Wire profile 222.
    #[default]
    #[serde(rename = "222")]
    Profile222,
    /// YKC V1.6.
    #[serde(rename = "ykc16")]
    Ykc16,
}

/// Energy and money of one tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Tier kind; 0 = no tariff held.
    pub code: u8,
    /// 0 under platform billing.
    pub electricity_price: Price,
    /// 0 under platform billing.
    pub service_price: Price,
    /// Of all slots of this tier together.
    pub energy: Energy,
    /// 0 under platform billing.
    pub electricity_amount: Money,
    /// 0 under platform billing.
    pub service_amount: Money,
}

/// Flags of a record.
pub mod flag {
    /// Started offline.
    pub const STARTED_OFFLINE: u16 = 1 << 0;
    /// Ended offline.
    pub const ENDED_OFFLINE: u16 = 1 << 1;
    /// A time is none or was reconstructed because the clock was not trusted.
    pub const CLOCK: u16 = 1 << 2;
    /// Energy was interpolated.
    pub const INTERPOLATED: u16 = 1 << 3;
    /// The metering segment changed (replacement or rollback).
    pub const METER_CHANGED: u16 = 1 << 4;
    /// Closed after a power loss.
    pub const POWER_LOSS: u16 = 1 << 5;
    /// A self-check failed.
    pub const INCONSISTENT: u16 = 1 << 6;
    /// The final register was not settled.
    pub const NOT_SETTLED: u16 = 1 << 7;
}

impl TransactionRecord {
    /// The credential whose offline caps this record counts against (platform-222.md 15.5).
    #[must_use]
    pub fn offline_credential(&self) -> Option<Credential> {
        let offline = self.flags & flag::STARTED_OFFLINE != 0 && self.credential != Credential::None;
        offline.then(|| self.credential.clone())
    }
}

/// A closed session as it is owed to the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionRecord {
    /// The session.
    pub txn: TransactionNumber,
    /// Where.
    pub connector: ConnectorId,
    /// How it began.
    pub start_mode: StartMode,
    /// What started it.
    pub credential: Credential,
    /// From the decision or the list, at most 20 ASCII characters.
    pub account: String,
    /// As read from the vehicle.
    pub vin: Option<Vin>,
    /// `None` when the clock was not trusted.
    pub start_time: Option<Utc>,
    /// `None` when the clock was not trusted.
    pub end_time: Option<Utc>,
    /// Register before the contactor closed; `None` when the session never got a reading.
    pub start_register: Option<Energy>,
    /// Register after the contactor opened.
    pub end_register: Option<Energy>,
    /// As the meter tells it.
    pub meter_number: String,
    /// 0..=100 %.
    pub start_soc: Option<u8>,
    /// 0..=100 %.
    pub end_soc: Option<u8>,
    /// The first cause.
    pub stop_reason: StopReason,
    /// Frozen at the start.
    pub billing_mode: BillingMode,
    /// Frozen at the start, 0 none.
    pub tariff_number: u32,
    /// Sum of the segments.
    pub energy_total: Energy,
    /// Sum of the segments.
    pub electricity_total: Money,
    /// Sum of the segments.
    pub service_total: Money,
    /// One per tier with energy, in tier order; at most 8.
    pub segments: Vec<Segment>,
    /// Bits of [`flag`].
    pub flags: u16,
    /// From 1, gapless per station.
    pub number: u64,
    /// First 8 octets of the digest of the record before (platform-222.md 16.4).
    pub previous_digest: [u8; 8],
    /// Whose form its body has.
    #[serde(default)]
    pub protocol: Protocol,
}
