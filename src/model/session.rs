//! What an order to charge carries, and the phases in which a session is seen from outside.

use super::ident::{Credential, TransactionNumber, Vin};
use super::money::{Balance, Money};
use super::quantity::{Energy, Power};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// When a session shall end by itself; the first one reached wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "kebab-case")]
pub enum Limit {
    /// Until full.
    #[default]
    None,
    /// Billed energy.
    Energy(Energy),
    /// Electricity and service together.
    Amount(Money),
    /// Since charging began, monotonic.
    Time(Duration),
    /// State of charge, %.
    Soc(u8),
}

/// What the platform or a list allows one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The session's number.
    pub txn: TransactionNumber,
    /// Printed card or account number.
    pub account: String,
    /// 0.01 yuan; `None` = not told.
    pub balance: Option<Balance>,
    /// When to end by itself.
    pub limit: Limit,
    /// No more than this for the session.
    pub max_power: Option<Power>,
    /// A credential that may also stop; `None` kind = none.
    pub also_stops: Credential,
    /// Cards of this group, not 0, may stop the session.
    pub group: u32,
    /// The only vehicle that may charge.
    pub expected_vin: Option<Vin>,
}

/// The state of a connector as others see it (platform-222.md 13.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectorState {
    /// 0: the charger is offline, or a session found open at start-up is not decided yet.
    #[default]
    Unknown,
    /// 1.
    Idle,
    /// 2.
    Plugged,
    /// 3.
    Authorising,
    /// 4.
    Starting,
    /// 5: the charger confirmed output.
    Charging,
    /// 6.
    Paused,
    /// 7.
    Stopping,
    /// 8: plugged, record made, the number still shown.
    Finished,
    /// 9.
    Faulted,
    /// 10.
    OutOfService,
}

impl ConnectorState {
    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}
