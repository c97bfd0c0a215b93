//! The only machine that sees the whole: connectors, authorisation, lists, commands, journal.
//!
//! Devices report, the platform answers and commands, people swipe; the station decides. It owns one
//! [`crate::session::Session`] per busy connector, numbers and chains the records, keeps the card list and the tariffs,
//! and writes everything as batches: one batch in flight, what comes meanwhile goes into the next one. What must not
//! happen before a fact is durable waits for its batch (commit before act).
//!
//! What is absent: bytes, disks, sockets, clocks. Randomness is seeded.

mod alarms;
mod cards;
mod clock;
mod offline;
mod serial;
mod tariffs;

use crate::model::batch::Batch;
use crate::model::ident::{ConnectorId, DeviceCode, DeviceId};
use crate::model::message::{FromLink, ToLink};
use crate::model::quantity::{Energy, Power};
use crate::model::record::BillingMode;
use crate::model::report::Report;
use crate::model::request::Request;
use crate::model::time::Utc;
use std::time::Duration;

/// What the station must know of the depot.
#[derive(Clone, Debug)]
pub struct Config {
    /// Station code.
    pub code: DeviceCode,
    /// Every gun, in pile-code order.
    pub connectors: Vec<ConnectorConfig>,
    /// Charging while the platform is away.
    pub offline: Offline,
    /// No moment before this one is ever sent (platform-222.md 17).
    pub built: Utc,
    /// For spreading and jitter.
    pub seed: u64,
}

/// One gun and its devices.
#[derive(Clone, Debug)]
pub struct ConnectorConfig {
    /// Its name.
    pub id: ConnectorId,
    /// The charger's connector on its line.
    pub charger: DeviceId,
    /// The meter behind it.
    pub meter: DeviceId,
    /// The reader beside it.
    pub reader: Option<DeviceId>,
    /// Rating of the pile.
    pub rated: Power,
    /// Who computes the money.
    pub billing: BillingMode,
}

/// Rules of charging without the platform (platform-222.md 15.5).
#[derive(Clone, Debug)]
pub struct Offline {
    /// Parameter 0020; off is the safe default.
    pub enable: bool,
    /// Parameter 0025.
    pub list_max_age: Duration,
    /// Parameter 0022.
    pub sessions_per_card: u32,
    /// Parameter 0023; zero = no cap.
    pub energy_per_card: Energy,
    /// Parameter 0024.
    pub sessions: u32,
}

/// What happens to the station.
#[derive(Clone, Debug)]
pub enum Event {
    /// A device told something.
    Device(DeviceId, Report),
    /// The platform link says.
    Link(FromLink),
    /// This batch is durable.
    Committed(u64),
    /// This batch is not, nothing of it.
    CommitFailed(u64),
    /// An order of somebody in the depot; answered by [`Action::Done`] with the same ticket.
    Operator(u64, OperatorOrder),
    /// End: leave sessions charging (adopted at the next start), or close them in order.
    Shutdown {
        /// Close them in order first.
        end_sessions: bool,
    },
    /// A deadline passed.
    Woke,
}

/// Local operator actions (audited).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorOrder {
    /// Start this connector; `by` names the person or tool.
    Start {
        /// Where.
        connector: ConnectorId,
        /// Who.
        by: String,
    },
    /// Stop what runs there.
    Stop {
        /// Where.
        connector: ConnectorId,
        /// Who.
        by: String,
    },
}

/// What the station wants done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make this durable; then `Committed` or `CommitFailed` with its number. One at a time.
    Commit(Batch),
    /// Order a device.
    Tell(DeviceId, Request),
    /// Tell the platform link.
    Link(ToLink),
    /// The wall clock shall say this now.
    SetClock(Utc),
    /// The platform confirmed the wall clock.
    ConfirmClock,
    /// The outcome of an operator's order: a refusal says why and what to do.
    Done(u64, Result<(), String>),
    /// For the log and the counters.
    Note(Note),
    /// The shutdown is over; nothing follows.
    Ended,
}

/// What an operator would want to notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// In order.
    Info(String),
    /// May need a person.
    Warn(String),
    /// Stops work.
    Error(String),
}
