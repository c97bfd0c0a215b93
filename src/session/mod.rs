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

mod cause;
mod charging;
mod closing;
mod config;
mod core;
mod limits;
mod metering;
mod opening;
mod phase;
mod record;
mod recovery;
mod starting;
mod stopping;
mod storing;
mod timeline;
mod vehicle;

pub use config::{Config, Restart, Timers};

use self::core::{Core, Facts, Stage};
use crate::billing::bill;
use crate::model::batch::SessionRow;
use crate::model::ident::{ConnectorId, Credential, Vin};
use crate::model::message::{LimitCause, Realtime, StartOutcome, StartResult};
use crate::model::money::Balance;
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, StartMode, TransactionRecord};
use crate::model::report::{ChargerStatus, LinkState, MeterReading, OrderFault};
use crate::model::request::{AuxVoltage, Feedback, Order};
use crate::model::session::{ConnectorState, Grant};
use crate::model::stop::StopReason;
use crate::model::tariff::Tariff;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::{End, VehicleReport};
use metering::Metering;
use opening::Saving;
use phase::Phase;
use recovery::Recovering;
use serde::{Deserialize, Serialize};
use timeline::Timeline;

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
    /// Supply of the vehicle's BMS.
    #[serde(default)]
    pub aux: AuxVoltage,
    /// The vehicle has to name itself before output, where the charger waits for that.
    #[serde(default)]
    pub verify: bool,
    /// It is one of two plugs in one vehicle.
    #[serde(default)]
    pub dual: bool,
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
    /// Something was heard of the vehicle.
    Vehicle {
        /// What.
        report: &'a VehicleReport,
        /// What the lists have against it, when it named itself.
        objection: Option<StopReason>,
    },
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

/// One session.
#[derive(Clone, Debug)]
pub struct Session {
    core: Core,
    phase: Phase,
}

impl Session {
    /// A start was accepted: the session begins. Its first action is the `Save` that makes it exist.
    #[must_use]
    pub fn open(now: Now, config: &Config, opening: Opening) -> (Session, Vec<Action>) {
        let timeline = Timeline::begin(now);
        let facts = Facts {
            opening,
            stage: Stage::Opening,
            saved: timeline.stamp(now),
            timeline,
            metering: Metering::default(),
            charging_ms: None,
            cause: None,
            end_ms: None,
            start_soc: None,
            soc: None,
            told: false,
            flags: 0,
            vehicle: vehicle::Known::default(),
        };
        let mut core = Core::new(now, config, facts);
        let phase = Saving::begin(&mut core);
        Session { core, phase }.begun(now)
    }

    /// A session that was open when the program ended. Its devices are asked before anything is decided (15.6).
    ///
    /// # Errors
    /// [`BadRow`] when the state is not what a session machine wrote.
    pub fn recover(now: Now, config: &Config, row: &SessionRow) -> Result<(Session, Vec<Action>), BadRow> {
        let (core, phase) = Recovering::begin(now, config, recovery::facts(row)?);
        Ok(Session { core, phase }.begun(now))
    }

    fn begun(mut self, now: Now) -> (Session, Vec<Action>) {
        let actions = self.actions(now);
        (self, actions)
    }

    /// Something happened; what the session wants done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
        let heard = self.core.hear(now, event);
        let phase = std::mem::replace(&mut self.phase, Phase::Closed);
        self.phase = phase.on(&mut self.core, &heard);
        self.actions(now)
    }

    fn actions(&mut self, now: Now) -> Vec<Action> {
        self.core.flush(now);
        std::mem::take(&mut self.core.out)
    }

    /// When to hand back [`Event::Woke`]; early or late is harmless.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.phase.wake_at(&self.core).into_iter().chain(self.core.storing.wake_at()).min()
    }

    /// The durable state as it is now. Once the `Close` is on its way the row is no longer open.
    #[must_use]
    pub fn row(&self, now: Now) -> SessionRow {
        let mut facts = self.core.facts.clone();
        facts.told |= self.core.storing.tells_start();
        (facts.stage, facts.saved) = match &self.phase {
            Phase::Recovering(phase) => (phase.found(), phase.last()),
            other => (other.stage(), facts.timeline.stamp(now)),
        };
        let state = serde_json::to_string(&facts).expect("facts are structs, lists and maps with plain keys");
        SessionRow {
            txn: facts.opening.grant.txn,
            connector: facts.opening.connector,
            phase: self.phase.stage().text().into(),
            open: !self.is_closed() && !self.core.storing.closes(),
            at: now.stamp(),
            state,
        }
    }

    /// The connector as others see it; the station fills faults, register and plug.
    #[must_use]
    pub fn realtime(&self, now: Now) -> Realtime {
        let facts = &self.core.facts;
        let opening = &facts.opening;
        let bill = facts.metering.split().map(|s| bill(s, opening.tariff.as_ref(), opening.billing_mode));
        let bill = bill.unwrap_or_default();
        let status = self.core.charger.as_ref();
        Realtime {
            connector: opening.connector,
            txn: opening.grant.txn,
            state: self.state(),
            voltage: status.and_then(|status| status.voltage),
            current: status.and_then(|status| status.current),
            power: self.core.power(),
            soc: facts.soc,
            energy: self.energy(),
            electricity_amount: bill.electricity,
            service_amount: bill.service,
            elapsed: self.elapsed(now),
            limit: opening.grant.max_power,
            limit_cause: opening.grant.max_power.map_or(LimitCause::None, |_| LimitCause::Platform),
            ..Realtime::default()
        }
    }

    /// Until it is decided how a session that was found open went on, it stands where the disk has it: a session that
    /// turns out to have ended then never shows less than before.
    fn elapsed(&self, now: Now) -> std::time::Duration {
        if let Phase::Recovering(phase) = &self.phase {
            charging::elapsed_at(&self.core, phase.last().at_ms)
        } else {
            charging::elapsed(&self.core, now)
        }
    }

    /// Its 0204 is durable: from then on others may see that it charges (platform-222.md 14.2).
    #[must_use]
    pub fn start_is_told(&self) -> bool {
        self.core.facts.told
    }

    /// The message 0204 for this outcome, with start time and register where they belong.
    #[must_use]
    pub fn start_result(&self, outcome: StartOutcome) -> StartResult {
        let facts = &self.core.facts;
        let charging = outcome == StartOutcome::Charging;
        let began = charging.then(|| facts.charging_ms.unwrap_or(0));
        StartResult {
            txn: facts.opening.grant.txn,
            connector: facts.opening.connector,
            result: outcome,
            vin: record::vin(facts),
            soc: facts.start_soc.or(facts.soc),
            start_time: began.and_then(|at_ms| facts.timeline.wall(at_ms)),
            start_register: facts.metering.split().filter(|_| charging).map(|split| split.first()),
            start_mode: facts.opening.start_mode,
        }
    }

    /// What was fixed when it began; the balance is the newest one told.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.core.facts.opening
    }

    /// The vehicle, as it named itself or as its VIN started the session.
    #[must_use]
    pub fn vin(&self) -> Option<Vin> {
        record::vin(&self.core.facts)
    }

    /// Output was confirmed.
    #[must_use]
    pub fn has_charged(&self) -> bool {
        self.core.facts.charging_ms.is_some()
    }

    /// What vehicle and charger said at the end, once one of them said something.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.core.facts.vehicle.end()
    }

    /// Why it ends, once it does.
    #[must_use]
    pub fn cause(&self) -> Option<StopReason> {
        self.core.facts.cause.map(|cause| cause.reason)
    }

    /// State as others see it.
    #[must_use]
    pub fn state(&self) -> ConnectorState {
        self.phase.state()
    }

    /// Its `Close` is durable, or it was abandoned: nothing follows.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Energy so far; never falls.
    #[must_use]
    pub fn energy(&self) -> Energy {
        self.core.facts.metering.total()
    }
}

#[cfg(test)]
mod tests;
