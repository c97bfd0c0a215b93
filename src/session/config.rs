//! How a session behaves: rating, time limits, caps.

use crate::model::quantity::{Energy, Power};
use crate::model::stop::StopReason;
use std::time::Duration;

/// What a session must know beside its opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Rating of the connector: bounds what a register can have counted (domain.md 2.13).
    pub rated: Power,
    /// Time limits.
    pub timers: Timers,
    /// Parameter 0030: stop at this state of charge, %; 100 = no cap.
    pub stop_soc: u8,
    /// Parameter 0032: tail current as a share of the rating, %; 0 = off.
    pub tail_percent: u8,
    /// Parameter 0026: most energy of a session begun offline; zero = no cap.
    pub offline_energy: Energy,
    /// Parameter 0027: stop at this state of charge while offline, %; 100 = no cap.
    pub offline_soc: u8,
    /// State goes to disk when this much was charged since the last time (14.4).
    pub save_energy: Energy,
    /// The charger lets a vehicle name itself before output and waits for [`crate::model::request::Order::Admit`]; it
    /// shows what was delivered.
    pub waits: bool,
    /// Why the program was started, for sessions that were found open.
    pub restart: Restart,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            rated: Power(120_000),
            timers: Timers::default(),
            stop_soc: 100,
            tail_percent: 5,
            offline_energy: Energy::ZERO,
            offline_soc: 100,
            save_energy: Energy::KWH,
            waits: false,
            restart: Restart::PowerLoss,
        }
    }
}

/// Why the program was started anew: the stop reason of sessions that it could not adopt (15.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The machine was without power: 0801.
    PowerLoss,
    /// Somebody ordered it: 0802.
    Ordered,
    /// The program ended without power loss: 0803.
    Unexpected,
}

impl Restart {
    /// The stop reason of 13.4.
    #[must_use]
    pub fn reason(self) -> StopReason {
        match self {
            Restart::PowerLoss => StopReason::POWER_LOSS,
            Restart::Ordered => StopReason::ORDERED_RESTART,
            Restart::Unexpected => StopReason::UNEXPECTED_RESTART,
        }
    }
}

/// Time limits (platform-222.md 13.7, 14.4; domain.md 2.2, 2.6, 2.8, 2.13). Those without a source are assumptions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timers {
    /// The first register must be there after this, counted from the opening; else 0730 (assumption).
    pub first_reading: Duration,
    /// The start order is repeated once after this (domain.md 2.2).
    pub start_repeat: Duration,
    /// Parameter 0035: output must be there after this, counted from the opening.
    pub output: Duration,
    /// The stop order is repeated at this pace (14.4).
    pub stop_repeat: Duration,
    /// A charger that obeys has ended by now (14.4).
    pub stop_normal: Duration,
    /// A charger that does not is left alone now; the record is flagged (14.4).
    pub stop_forced: Duration,
    /// As `stop_forced`, for a charger that does not answer at all: its stop is kept this long (assumption).
    pub stop_kept: Duration,
    /// The final register must be stable by now (14.4).
    pub settle: Duration,
    /// Between two ordered readings of one purpose (assumption).
    pub read_gap: Duration,
    /// An ordered reading that did not come by now is ordered again (assumption).
    pub read_patience: Duration,
    /// State goes to disk at least this often while charging (14.4).
    pub save: Duration,
    /// Parameter 0031: hold at 100 % before "full".
    pub full_hold: Duration,
    /// Tail current must last this long (domain.md 2.6).
    pub tail: Duration,
    /// No current for so long is a pause (assumption).
    pub pause_after: Duration,
    /// Parameter 0036: longest pause of the vehicle.
    pub pause: Duration,
    /// Charging goes on without a usable register for so long (domain.md 2.13).
    pub meter_lost: Duration,
    /// Charging goes on without the charger's answers for so long (assumption).
    pub charger_lost: Duration,
    /// A register that stands still under current for so long raises 0204 (domain.md 2.13).
    pub frozen_alarm: Duration,
    /// The same, and ends the session (domain.md 2.13).
    pub frozen_stop: Duration,
    /// A session found open is decided after this at the latest (15.6).
    pub recovery: Duration,
    /// Parameter 0037: prepaid margin at present power.
    pub prepaid_margin: Duration,
    /// What a battery reports as abnormal ends the session when it lasts this long (13.6).
    pub battery_fault: Duration,
    /// First wait before a failed save is tried again; doubles up to `save_retry_max` (assumption).
    pub save_retry: Duration,
    /// Longest wait (assumption).
    pub save_retry_max: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        const fn s(seconds: u64) -> Duration {
            Duration::from_secs(seconds)
        }
        Timers {
            first_reading: s(30),
            start_repeat: s(30),
            output: s(90),
            stop_repeat: s(2),
            stop_normal: s(15),
            stop_forced: s(30),
            stop_kept: s(300),
            settle: s(15),
            read_gap: s(1),
            read_patience: s(3),
            save: s(60),
            full_hold: s(30),
            tail: s(600),
            pause_after: s(10),
            pause: s(600),
            meter_lost: s(600),
            charger_lost: s(300),
            frozen_alarm: s(60),
            frozen_stop: s(300),
            recovery: s(300),
            prepaid_margin: s(30),
            battery_fault: s(2),
            save_retry: s(1),
            save_retry_max: s(60),
        }
    }
}
