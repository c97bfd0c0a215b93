//! One charging session, from its acceptance to its record.
//!
//! The machine begins when a start was accepted (by the platform, by a list, by an operator) and ends when its record
//! is durable. It knows one charger connector and one meter. It decides when to close and open the contactor, reads
//! the register before and after, splits energy over tariff slots, watches limits and faults, and closes exactly once.
//!
//! What is absent: cards, authorisation, record numbers and the hash chain (all of the station), devices' bytes.
//!
//! Invariants: nothing is ordered to close the contactor before the opening state is durable and the first register
//! was read (I5, domain.md 2.13); one `Close` per session (I1); the stop order goes out within 1 s of the first cause
//! (I6); the first cause wins and the end time is frozen once.

mod config;

pub use config::{Config, Restart, Timers};

use crate::model::batch::SessionRow;
use crate::model::ident::{ConnectorId, Credential};
use crate::model::message::{Realtime, StartOutcome, StartResult};
use crate::model::money::Balance;
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, StartMode, TransactionRecord};
use crate::model::report::{ChargerStatus, LinkState, MeterReading, OrderFault};
use crate::model::request::{Feedback, Order};
use crate::model::session::{ConnectorState, Grant};
use crate::model::stop::StopReason;
use crate::model::tariff::Tariff;
use crate::model::time::{Instant, Now};
use serde::{Deserialize, Serialize};

/// Everything that is fixed when a session begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Where.
    pub connector: ConnectorId,
    /// What is allowed; its number names the session.
    pub grant: Grant,
    /// How it began.
    pub start_mode: StartMode,
    /// What started it.
    pub credential: Credential,
    /// Frozen for the session.
    pub billing_mode: BillingMode,
    /// Frozen for the session.
    pub tariff: Option<Tariff>,
    /// Begun while offline.
    pub offline: bool,
}

/// What happens to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The charger told its state.
    Charger(&'a ChargerStatus),
    /// The charger's link changed.
    ChargerLink(LinkState),
    /// The meter told values. A reading with `order` set answers an order of this session and was taken after it; one
    /// that answers somebody else's order is handed over with `order: None`.
    Meter(&'a MeterReading),
    /// The meter's link changed.
    MeterLink(LinkState),
    /// The outcome of an order that this session gave.
    Done(Target, Tag, Result<(), OrderFault>),
    /// Somebody or something wants it to end.
    Stop(StopReason),
    /// The platform told a new balance (020D).
    Balance(Balance),
    /// The newest `Save` or `Close` is durable.
    Committed,
    /// The newest `Save` or `Close` could not be made durable.
    CommitFailed,
    /// The platform link came (true) or went (false).
    Online(bool),
    /// A deadline passed.
    Woke,
}

/// The two devices a session gives orders to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The charger's connector.
    Charger,
    /// The connector's meter.
    Meter,
}

/// Names an order inside the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag(pub u32);

/// What a session wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the present state durable (`Session::row`), with this step for people and this message in the same
    /// transaction; then `Committed`.
    Save {
        /// For `depotctl session`.
        step: Option<String>,
        /// 0204, queued in the same transaction.
        start_result: Option<StartOutcome>,
    },
    /// Give an order.
    Tell(Target, Tag, Order),
    /// Show a person.
    Feedback(Feedback),
    /// The session is over: number the record, chain it, make it durable together with the closed session; then
    /// `Committed`. `number` and `previous_digest` are zero, everything else is final. With a 0204 that was never sent
    /// (a start that failed) the message is queued in the same transaction, before the record.
    Close {
        /// What is owed.
        record: Box<TransactionRecord>,
        /// 0204, when none was queued before.
        start_result: Option<StartOutcome>,
    },
    /// The very first `Save` failed: the session never existed. Nothing was ordered and no record follows; whoever
    /// asked is told so (0203 is refused; 0204 result 1 where the platform knows the number). `is_closed` is true.
    Abandon(StopReason),
    /// An alarm of platform-222.md 13.6 about this connector, for people and the platform. The session clears what it
    /// raised at the latest when it is closed, but for 0008 (record inconsistent), which stays for a person.
    Alarm {
        /// Code.
        code: u16,
        /// Raise or clear.
        raised: bool,
    },
}

/// Why a stored session cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow(pub String);

impl std::fmt::Display for BadRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the stored state of this session cannot be read: {}", self.0)
    }
}

impl std::error::Error for BadRow {}

/// One session. Signatures first, the machine follows.
#[derive(Clone, Debug)]
pub struct Session {
    opening: Opening,
}

impl Session {
    /// A start was accepted: the session begins.
    #[must_use]
    pub fn open(_now: Now, _config: &Config, opening: Opening) -> (Session, Vec<Action>) {
        (Session { opening }, vec![Action::Save { step: Some("opened".into()), start_result: None }])
    }

    /// A session that was open when the program ended. Its devices are asked before anything is decided (15.6).
    pub fn recover(_now: Now, _config: &Config, row: &SessionRow) -> Result<(Session, Vec<Action>), BadRow> {
        let opening = serde_json::from_str(&row.state).map_err(|e| BadRow(e.to_string()))?;
        Ok((Session { opening }, Vec::new()))
    }

    /// Something happened; what the session wants done, in order.
    #[must_use]
    pub fn handle(&mut self, _now: Now, _event: Event<'_>) -> Vec<Action> {
        Vec::new()
    }

    /// When to hand back [`Event::Woke`]; early or late is harmless.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        None
    }

    /// The durable state as it is now.
    #[must_use]
    pub fn row(&self, now: Now) -> SessionRow {
        SessionRow {
            txn: self.opening.grant.txn,
            connector: self.opening.connector,
            phase: String::new(),
            open: true,
            at: now.stamp(),
            state: serde_json::to_string(&self.opening).unwrap_or_default(),
        }
    }

    /// The connector as others see it; the station fills faults, register and plug.
    #[must_use]
    pub fn realtime(&self, _now: Now) -> Realtime {
        Realtime { connector: self.opening.connector, txn: self.opening.grant.txn, ..Realtime::default() }
    }

    /// The message 0204 for this outcome, with start time and register where they belong.
    #[must_use]
    pub fn start_result(&self, outcome: StartOutcome) -> StartResult {
        StartResult {
            txn: self.opening.grant.txn,
            connector: self.opening.connector,
            result: outcome,
            vin: None,
            soc: None,
            start_time: None,
            start_register: None,
            start_mode: self.opening.start_mode,
        }
    }

    /// What was fixed when it began.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// State as others see it.
    #[must_use]
    pub fn state(&self) -> ConnectorState {
        ConnectorState::Starting
    }

    /// Its `Close` is durable, or it was abandoned: nothing follows.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        false
    }

    /// Energy so far; never falls.
    #[must_use]
    pub fn energy(&self) -> Energy {
        Energy::ZERO
    }
}
