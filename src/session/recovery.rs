//! A session found open at the start of the program (platform-222.md 15.6; domain.md 2.8).
//!
//! Nothing is decided before charger and meter were heard, or the time for it is over. A session is adopted under its
//! own number or closed; it is never begun anew.

use super::cause::Cause;
use super::charging::Charging;
use super::closing::Closing;
use super::core::{Core, Facts, Heard, Stage};
use super::metering::{most_power, usable};
use super::phase::Phase;
use super::stopping::Stopping;
use super::timeline::Stamp;
use super::{BadRow, Config, Event, Target};
use crate::model::batch::SessionRow;
use crate::model::record::flag;
use crate::model::report::{ChargerState, ChargerStatus, MeterReading};
use crate::model::request::Order;
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::VehicleReport;
use std::time::Duration;

/// The gap that an adoption always accepts: charger and register agree that the session goes on, and the wall clocks
/// before and after the restart may disagree (the platform's time is an offset that ends with the program).
const ADOPTED_GAP_MS: i64 = 3_600_000;
/// How far the two wall clocks that the gap is reckoned from may differ: no more than a login allows (5.2).
const CLOCK_ERROR_MS: i64 = 600_000;

/// A register older than this is not the present one.
const READING_AGE: Duration = Duration::from_secs(5);

/// Charger and meter are asked what became of the session.
#[derive(Clone, Debug)]
pub(super) struct Recovering {
    /// How far it had come.
    found: Stage,
    last: Stamp,
    since: Instant,
    /// With the moment it was heard.
    reading: Option<(Instant, MeterReading)>,
    charger: Option<ChargerStatus>,
    /// Somebody wants it to end.
    stop: Option<Cause>,
    again: Instant,
}

/// What is kept of a session, read back.
pub(super) fn facts(row: &SessionRow) -> Result<Facts, BadRow> {
    let facts: Facts = serde_json::from_str(&row.state).map_err(|fault| BadRow(fault.to_string()))?;
    if facts.opening.grant.txn != row.txn || facts.opening.connector != row.connector {
        return Err(BadRow("it belongs to another session".into()));
    }
    Ok(facts)
}

impl Recovering {
    pub(super) fn begin(now: Now, config: &Config, mut facts: Facts) -> (Core, Phase) {
        let (found, last) = (facts.stage, facts.saved);
        facts.timeline.resume(now, last);
        let mut core = Core::new(now, config, facts);
        if let Some((origin, split)) = core.facts.timeline.origin().zip(core.facts.metering.split_mut()) {
            split.map(origin);
        }
        if core.facts.metering.split().is_none() {
            let phase = close(&mut core, last.at_ms, 0);
            return (core, phase);
        }
        core.ends_count();
        core.read_now(now);
        let phase = Recovering {
            found,
            last,
            since: now.mono,
            reading: None,
            charger: None,
            stop: None,
            again: now.mono,
        };
        (core, Phase::Recovering(Box::new(phase)))
    }

    /// The stage that stays on disk until it is decided.
    pub(super) fn found(&self) -> Stage {
        self.found
    }

    /// The last durable moment, which stays until it is decided.
    pub(super) fn last(&self) -> Stamp {
        self.last
    }

    pub(super) fn on(mut self: Box<Self>, core: &mut Core, heard: &Heard<'_>) -> Phase {
        let now = heard.now;
        match &heard.event {
            Event::Charger(status) if status.state != ChargerState::Unknown => {
                self.charger = Some((*status).clone());
            }
            Event::Meter(reading) if usable(reading).is_some() => {
                self.reading = Some((now.mono, (*reading).clone()));
            }
            Event::Stop(reason) => self.wants_end(core, now, *reason),
            Event::Charger(_)
            | Event::ChargerLink(_)
            | Event::Meter(_)
            | Event::MeterLink(_)
            | Event::Done(..)
            | Event::Balance(_)
            | Event::Committed
            | Event::CommitFailed
            | Event::Online(_)
            | Event::Woke => {}
            Event::Vehicle { report, .. } => {
                let unanswered = self.waits_for_nobody(core, report).then(|| core.config.restart.reason());
                if let Some(reason) = heard.cause.or(unanswered) {
                    self.wants_end(core, now, reason);
                }
            }
        }
        if let Some(phase) = self.decide(core, now) {
            return phase;
        }
        if now.mono.since(self.since) >= core.config.timers.recovery {
            return self.give_up(core, now);
        }
        self.insist(core, now);
        core.keep_reading(now);
        Phase::Recovering(self)
    }

    pub(super) fn wake_at(&self, core: &Core) -> Option<Instant> {
        let until = self.since + core.config.timers.recovery;
        let again = self.stop.map(|_| self.again);
        again.into_iter().chain([until, core.read_due()]).min()
    }

    /// The vehicle names itself and its contactor is open until somebody answers: nothing is begun anew here, so nobody does.
    fn waits_for_nobody(&self, core: &Core, report: &VehicleReport) -> bool {
        let asks =
            matches!(report, VehicleReport::Handshake(_)) && core.config.waits && core.facts.opening.verify;
        asks && self.charger.as_ref().is_some_and(|status| status.state == ChargerState::Preparing)
    }

    /// A stop is always obeyed, also before it is known what it stops.
    fn wants_end(&mut self, core: &mut Core, now: Now, reason: StopReason) {
        let cause = Cause { reason, at_ms: core.at(now) };
        if self.stop.is_none() {
            self.again = now.mono;
        }
        self.stop = Some(self.stop.map_or(cause, |first| first.or(cause)));
    }

    fn insist(&mut self, core: &mut Core, now: Now) {
        if self.stop.is_some() && now.mono >= self.again {
            self.again = now.mono + core.config.timers.stop_repeat;
            core.tell(Target::Charger, Order::Stop);
        }
    }

    /// What both devices say together. A register that was read long before the charger answered tells nothing of the
    /// energy since: it is read again.
    fn decide(&mut self, core: &mut Core, now: Now) -> Option<Phase> {
        let fresh = self.reading.as_ref().filter(|(heard, _)| now.mono.since(*heard) <= READING_AGE);
        let (charger, (_, reading)) = self.charger.as_ref().zip(fresh)?;
        if Core::is_off(charger) {
            return Some(self.close_off(core, now, &reading.clone()));
        }
        match charger.state {
            ChargerState::Preparing => None,
            ChargerState::Charging
            | ChargerState::Unknown
            | ChargerState::Idle
            | ChargerState::Finished
            | ChargerState::StartFailed
            | ChargerState::Faulted => Some(self.still_charging(core, now, &reading.clone())),
        }
    }

    /// Adopts it under its own number when the register can follow from the last one; otherwise stops it.
    fn still_charging(&self, core: &mut Core, now: Now, reading: &MeterReading) -> Phase {
        let gap_ms = self.gap_ms(core, now).max(ADOPTED_GAP_MS);
        let until_ms = self.last.at_ms.saturating_add(gap_ms);
        if !core.facts.metering.explains(reading, most_power(core.config.rated), until_ms) {
            core.facts.flags |= flag::POWER_LOSS;
            core.judge(now, reading);
            return self.stop_it(core, now, core.config.restart.reason());
        }
        self.confirm(core);
        let bill_ms = core.facts.end_ms.unwrap_or_else(|| core.at(now));
        core.facts.metering.take(bill_ms, reading);
        if let Some(split) = core.facts.metering.split_mut() {
            split.mark_interpolated();
        }
        match self.stop {
            Some(cause) => self.stop_it(core, now, cause.reason),
            None if core.is_stopped() => self.stop_it(core, now, core.reason()),
            None => Charging::begin(core, now, "adopted after a restart: the charger still charges"),
        }
    }

    /// The charger does not charge: the present register counts if it can be explained, else the last stored one.
    fn close_off(&self, core: &mut Core, now: Now, reading: &MeterReading) -> Phase {
        let error_ms = if core.facts.timeline.gap_is_known() { CLOCK_ERROR_MS } else { 0 };
        let until_ms = core.at(now).saturating_add(error_ms);
        if core.facts.metering.explains(reading, core.config.rated, until_ms) {
            let end_ms = core.facts.end_ms.unwrap_or(self.last.at_ms);
            core.facts.metering.take(end_ms, reading);
        }
        close(core, self.last.at_ms, 0)
    }

    /// The time for an answer is over.
    fn give_up(&self, core: &mut Core, now: Now) -> Phase {
        let Some(charger) = &self.charger else {
            return close(core, self.last.at_ms, flag::NOT_SETTLED);
        };
        if Core::is_off(charger) {
            return close(core, self.last.at_ms, flag::NOT_SETTLED);
        }
        core.facts.flags |= flag::POWER_LOSS;
        let reason =
            if self.reading.is_none() { StopReason::METER_LINK_LOST } else { core.config.restart.reason() };
        self.stop_it(core, now, reason)
    }

    fn stop_it(&self, core: &mut Core, now: Now, reason: StopReason) -> Phase {
        if !core.is_stopped() {
            core.stop(now, self.stop.map_or(reason, |cause| cause.reason));
        }
        self.confirm(core);
        Stopping::begin(core, now, false, false)
    }

    /// A charger that charges has confirmed output, if it had not before: at the last durable moment, not later.
    fn confirm(&self, core: &mut Core) {
        let charges = self.charger.as_ref().is_some_and(|status| status.state == ChargerState::Charging);
        if charges {
            core.output_confirmed(self.last.at_ms);
        }
    }

    /// Time since the last durable moment, at least since this start of the program.
    fn gap_ms(&self, core: &Core, now: Now) -> i64 {
        core.at(now).saturating_sub(self.last.at_ms)
    }
}

/// Closes it as it was at the last durable moment.
fn close(core: &mut Core, at_ms: i64, flags: u16) -> Phase {
    core.facts.flags |= flags | flag::POWER_LOSS;
    if core.facts.cause.is_none() {
        core.facts.cause = Some(Cause { reason: core.config.restart.reason(), at_ms });
    }
    core.end(at_ms);
    Closing::begin(core)
}
