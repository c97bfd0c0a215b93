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

use crate::model::ident::{ConnectorId, Credential};
use crate::model::message::StartOutcome;
use crate::model::record::{BillingMode, StartMode, TransactionRecord};
use crate::model::report::{ChargerStatus, LinkState, MeterReading, OrderFault};
use crate::model::request::{Feedback, Order};
use crate::model::session::Grant;
use crate::model::stop::StopReason;
use crate::model::tariff::Tariff;

/// Everything that is fixed when a session begins.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// The meter told values (polled or ordered).
    Meter(&'a MeterReading),
    /// The meter's link changed.
    MeterLink(LinkState),
    /// The outcome of an order that this session gave.
    Done(Target, Tag, Result<(), OrderFault>),
    /// Somebody or something wants it to end.
    Stop(StopReason),
    /// A plug was awaited and a remote start of the same number came (`wait_for_start`), or the wait is over.
    Balance(crate::model::money::Balance),
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
    /// An alarm of platform-222.md 13.6 about this connector, for people and the platform.
    Alarm {
        /// Code.
        code: u16,
        /// Raise or clear.
        raised: bool,
    },
}
