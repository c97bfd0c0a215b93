//! What alarms of level 1 do: stop the session concerned, forbid a start, stop the whole site in waves.

use super::{Alarms, Place};
use crate::model::alarm;
use crate::model::ident::ConnectorId;
use crate::model::quantity::Power;
use crate::model::stop::StopReason;
use crate::model::time::Instant;
use crate::station::inventory::class;
use std::collections::VecDeque;
use std::time::Duration;

/// The share of the running power that ends in one wave.
const WAVE_PERCENT: i64 = 25;
/// From one wave to the next: a feeder may not see everything at once.
const WAVE: Duration = Duration::from_secs(1);

/// Whom an alarm of level 1 stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::station) enum Stops {
    /// What runs at this connector, and why.
    Connector(ConnectorId, StopReason),
    /// Everything.
    Site,
}

impl Alarms {
    /// Sessions to stop for what was raised since the last time this was asked.
    pub(in crate::station) fn stops(&mut self) -> Vec<Stops> {
        let raised = std::mem::take(&mut self.raised);
        raised.into_iter().filter_map(|place| self.stopped_by(place)).collect()
    }

    fn stopped_by(&self, place: Place) -> Option<Stops> {
        let entry = self.entries.get(&place).filter(|entry| entry.raised && entry.kind.level == 1)?;
        match (alarm::class(entry.kind.code), place.connector) {
            (class::CHARGER..=class::VEHICLE, Some(connector)) => {
                Some(Stops::Connector(connector, stop_reason(place.code)))
            }
            (class::SITE, _) => Some(Stops::Site),
            _ => None,
        }
    }

    /// Whether an alarm of level 1 forbids a start here.
    pub(in crate::station) fn forbids(&self, connector: ConnectorId) -> bool {
        let active = self.entries.iter().filter(|(_, e)| e.kind.level == 1 && (e.raised || e.open.is_some()));
        active.map(|(place, _)| place).any(|place| match alarm::class(place.code) {
            class::CHARGER..=class::VEHICLE => place.connector == Some(connector),
            class::SITE => true,
            _ => false,
        })
    }
}

/// The stop reason (13.4) that goes with an alarm of level 1.
fn stop_reason(code: u16) -> StopReason {
    StopReason(match code {
        0x0101 => 0x0507,
        0x0102 => 0x0519,
        0x0103 | 0x0119 | 0x0120 => 0x051A,
        0x0104 => 0x0511,
        0x0106 => 0x0504,
        0x010E => 0x051C,
        0x0110 => 0x051D,
        0x0111 => 0x051B,
        0x0112 => 0x0512,
        0x0113 => 0x0514,
        0x0118 => 0x0518,
        0x0403 => 0x0420,
        0x0404 => 0x0423,
        0x0405 => 0x0422,
        0x0406 => 0x0424,
        0x0407 => 0x0419,
        0x040B => 0x0431,
        _ => 0x0508, // another charger fault
    })
}

/// An end of everything, wave by wave.
#[derive(Debug, Default)]
pub(in crate::station) struct SiteStop {
    waiting: VecDeque<(usize, Power)>,
    /// What ran when it began.
    running: Power,
    next: Instant,
}

impl SiteStop {
    /// Ends these guns, from now on. One that is under way goes on with all of them.
    pub(in crate::station) fn begin(&mut self, now: Instant, guns: Vec<(usize, Power)>) {
        if self.waiting.is_empty() {
            self.next = now;
        }
        self.running = Power(guns.iter().map(|(_, power)| power.0.max(0)).sum());
        self.waiting = guns.into();
    }

    /// The guns to stop now: together at most a quarter of what ran, but always one.
    pub(in crate::station) fn wave(&mut self, now: Instant) -> Vec<usize> {
        if self.waiting.is_empty() || self.next > now {
            return Vec::new();
        }
        self.next = now + WAVE;
        let mut left = self.running.0.saturating_mul(WAVE_PERCENT) / 100;
        let mut wave = Vec::new();
        while let Some((gun, power)) = self.waiting.front().copied() {
            if !wave.is_empty() && power.0 > left {
                break;
            }
            left -= power.0.max(0);
            wave.push(gun);
            self.waiting.pop_front();
        }
        wave
    }

    pub(in crate::station) fn wake_at(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.next)
    }
}
