//! What the listener says. Voltages, currents and energies in the units of [`crate::model::quantity`]; currents are
//! positive while charging, unlike on the wire.

use crate::model::ident::Vin;
use crate::model::quantity::{Current, Energy, Voltage};
use crate::model::stop::StopReason;
use crate::wire::gbt27930::message::Message;
use crate::wire::gbt27930::{Edition, Side, layout};
use serde::Serialize;
use std::time::Duration;

/// Phase of the dialogue (can.md 1.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing is said, or what is said belongs to a dialogue that is over.
    #[default]
    Idle,
    /// CHM, BHM; the insulation test runs.
    Handshake,
    /// Both sides name themselves.
    Identify,
    /// Limits are exchanged, both sides make ready.
    Config,
    /// Energy may flow.
    Charging,
    /// One side stopped; statistics follow.
    Ending,
    /// One side reported a time-out.
    Error,
}

/// One thing the listener says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A new phase.
    Phase(Phase),
    /// The vehicle named itself, or named itself otherwise than before.
    Vehicle(Vehicle),
    /// Another VIN than before without the plug having been silent: the session must end (0431).
    VinChanged {
        /// As first heard.
        before: Vin,
        /// As heard now.
        now: Vin,
    },
    /// The dialogue began again from CRM after it had failed; the count since the handshake.
    Retry(u8),
    /// Limits of the battery.
    Battery(Battery),
    /// Limits of the charger.
    Limits(Limits),
    /// The vehicle had been ready and is no more (070D).
    Withdrawn,
    /// What the battery wants, when it changed.
    Demand(Demand),
    /// What the battery measures, when it changed.
    Measured(Measured),
    /// What the charger puts out, when it changed.
    Output(Output),
    /// Temperatures of the battery, when they changed.
    State(State),
    /// The battery reports something abnormal (0420 to 0425).
    Alarm(StopReason),
    /// That is over.
    AlarmOver(StopReason),
    /// One side forbids charging for now.
    Paused(Side),
    /// No side does any more.
    Resumed,
    /// One side stopped, or gives further causes.
    Stop(Stop),
    /// End statistics of the vehicle.
    Statistics(Statistics),
    /// End statistics of the charger.
    ChargerStatistics(ChargerStatistics),
    /// One side missed a message of the other.
    Timeout(Timeout),
    /// What the listener itself noticed.
    Notice(Notice),
    /// Category B of the 2023 edition is being negotiated: not supported unless ordinary messages follow. The octets
    /// of the frame.
    CategoryB(Side, Vec<u8>),
}

/// Who is plugged in (BRM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vehicle {
    /// The VIN; `None` when it is absent or no identity.
    pub vin: Option<Vin>,
    /// Edition that the session speaks.
    pub edition: Edition,
    /// Battery type as can.md 1.3 codes it.
    pub battery_type: u8,
    /// Rated capacity in 0.1 Ah.
    pub capacity_dah: u16,
    /// Rated voltage.
    pub rated: Voltage,
}

impl Vehicle {
    pub(super) fn of(message: &Message<'_>, edition: Edition) -> Vehicle {
        use layout::brm;
        let vin = brm::VIN.slice(message.payload()).filter(|v| crate::wire::field::is_vin(v));
        Vehicle {
            vin: vin.and_then(|v| std::str::from_utf8(v).ok()?.parse().ok()),
            edition,
            battery_type: number(message.raw(&brm::BATTERY_TYPE)) as u8,
            capacity_dah: number(message.raw(&brm::RATED_CAPACITY)) as u16,
            rated: volts(message.raw(&brm::RATED_VOLTAGE)),
        }
    }
}

/// What the battery bears and holds (BCP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Battery {
    /// Highest cell voltage.
    pub max_cell: Voltage,
    /// Highest charging current.
    pub max_current: Current,
    /// Nominal energy.
    pub nominal: Energy,
    /// Highest total voltage.
    pub max_voltage: Voltage,
    /// Highest temperature in degrees Celsius.
    pub max_temperature_c: i16,
    /// State of charge in 0.1 %.
    pub soc_permille: u16,
    /// Voltage now.
    pub voltage: Voltage,
}

impl Battery {
    pub(super) fn of(message: &Message<'_>) -> Battery {
        use layout::bcp;
        Battery {
            max_cell: cell_volts(message.raw(&bcp::MAX_CELL_VOLTAGE)),
            max_current: amperes(message.raw(&bcp::MAX_CHARGE_CURRENT)),
            nominal: tenth_kwh(message.raw(&bcp::NOMINAL_ENERGY)),
            max_voltage: volts(message.raw(&bcp::MAX_TOTAL_VOLTAGE)),
            max_temperature_c: celsius(message.raw(&bcp::MAX_TEMP)),
            soc_permille: number(message.raw(&bcp::SOC)) as u16,
            voltage: volts(message.raw(&bcp::BATTERY_VOLTAGE)),
        }
    }
}

/// What the charger can put out (CML).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Highest voltage.
    pub max_voltage: Voltage,
    /// Lowest voltage.
    pub min_voltage: Voltage,
    /// Highest current.
    pub max_current: Current,
    /// Lowest current; only since 2015.
    pub min_current: Option<Current>,
}

impl Limits {
    pub(super) fn of(message: &Message<'_>, edition: Edition) -> Limits {
        use layout::cml;
        let least = message.raw(&cml::MIN_CURRENT).filter(|_| edition != Edition::V2011);
        Limits {
            max_voltage: volts(message.raw(&cml::MAX_VOLTAGE)),
            min_voltage: volts(message.raw(&cml::MIN_VOLTAGE)),
            max_current: amperes(message.raw(&cml::MAX_CURRENT)),
            min_current: least.map(|raw| amperes(Some(raw))),
        }
    }
}

/// What the battery wants (BCL).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Voltage.
    pub voltage: Voltage,
    /// Current; zero is no fault.
    pub current: Current,
    /// Constant voltage, not constant current.
    pub constant_voltage: bool,
}

impl Demand {
    pub(super) fn of(message: &Message<'_>) -> Demand {
        use layout::bcl;
        Demand {
            voltage: volts(message.raw(&bcl::VOLTAGE_DEMAND)),
            current: amperes(message.raw(&bcl::CURRENT_DEMAND)),
            constant_voltage: message.raw(&bcl::MODE) == Some(1),
        }
    }
}

/// What the battery measures (BCS). The group of the highest cell rotates and is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measured {
    /// Voltage.
    pub voltage: Voltage,
    /// Current; slightly negative before the charger ramps is no fault.
    pub current: Current,
    /// Highest cell voltage.
    pub max_cell: Voltage,
    /// State of charge in percent.
    pub soc_percent: u8,
    /// Remaining minutes; 600 is that or more.
    pub remaining_min: u16,
}

impl Measured {
    pub(super) fn of(message: &Message<'_>) -> Measured {
        use layout::bcs;
        Measured {
            voltage: volts(message.raw(&bcs::VOLTAGE)),
            current: amperes(message.raw(&bcs::CURRENT)),
            max_cell: cell_volts(message.raw(&bcs::MAX_CELL_VOLTAGE)),
            soc_percent: number(message.raw(&bcs::SOC)) as u8,
            remaining_min: number(message.raw(&bcs::REMAINING_TIME)) as u16,
        }
    }
}

/// What the charger puts out (CCS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output {
    /// Voltage.
    pub voltage: Voltage,
    /// Current.
    pub current: Current,
    /// Minutes so far.
    pub minutes: u16,
}

impl Output {
    pub(super) fn of(message: &Message<'_>) -> Output {
        use layout::ccs;
        Output {
            voltage: volts(message.raw(&ccs::VOLTAGE)),
            current: amperes(message.raw(&ccs::CURRENT)),
            minutes: number(message.raw(&ccs::CHARGE_TIME)) as u16,
        }
    }
}

/// Temperatures of the battery (BSM), in degrees Celsius.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Highest.
    pub max_temperature_c: i16,
    /// Lowest.
    pub min_temperature_c: i16,
}

impl State {
    pub(super) fn of(message: &Message<'_>) -> State {
        use layout::bsm;
        State {
            max_temperature_c: celsius(message.raw(&bsm::MAX_TEMP)),
            min_temperature_c: celsius(message.raw(&bsm::MIN_TEMP)),
        }
    }
}

/// Why one side stopped (BST, CST).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Who.
    pub by: Side,
    /// As sent.
    pub octets: [u8; 4],
    /// The cause; `None` when it stopped because the other side had.
    pub reason: Option<StopReason>,
    /// No cause was named before in this dialogue: the first one wins.
    pub first: bool,
}

/// End statistics of the vehicle (BSD).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// State of charge in percent.
    pub soc_percent: u8,
    /// Lowest cell voltage.
    pub min_cell: Voltage,
    /// Highest cell voltage.
    pub max_cell: Voltage,
    /// Lowest temperature in degrees Celsius.
    pub min_temperature_c: i16,
    /// Highest temperature in degrees Celsius.
    pub max_temperature_c: i16,
}

impl Statistics {
    pub(super) fn of(message: &Message<'_>) -> Statistics {
        use layout::bsd;
        Statistics {
            soc_percent: number(message.raw(&bsd::SOC_END)) as u8,
            min_cell: cell_volts(message.raw(&bsd::MIN_CELL_VOLTAGE)),
            max_cell: cell_volts(message.raw(&bsd::MAX_CELL_VOLTAGE)),
            min_temperature_c: celsius(message.raw(&bsd::MIN_TEMP)),
            max_temperature_c: celsius(message.raw(&bsd::MAX_TEMP)),
        }
    }
}

/// End statistics of the charger (CSD). Not what is billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargerStatistics {
    /// Minutes.
    pub minutes: u16,
    /// Energy in steps of 0.1 kWh.
    pub energy: Energy,
}

impl ChargerStatistics {
    pub(super) fn of(message: &Message<'_>) -> ChargerStatistics {
        use layout::csd;
        ChargerStatistics {
            minutes: number(message.raw(&csd::CHARGE_TIME)) as u16,
            energy: tenth_kwh(message.raw(&csd::ENERGY)),
        }
    }
}

/// One side missed a message (BEM, CEM).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    /// Who misses it.
    pub at: Side,
    /// Which, by the field of the table: `ccs_timeout`.
    pub field: &'static str,
    /// The number for it.
    pub reason: StopReason,
    /// When it happened.
    pub phase: Phase,
    /// What the listener last heard, which tells whose fault it is.
    pub ages: Ages,
}

/// What the listener itself noticed: a message of the charging phase is missing, both sides are, the tap is, or a pause
/// lasts over ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The number for it.
    pub reason: StopReason,
    /// When it happened.
    pub phase: Phase,
    /// What was last heard.
    pub ages: Ages,
}

/// How long ago the messages of the charging phase were heard; `None`: not yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ages {
    /// BCL.
    pub bcl: Option<Duration>,
    /// BCS.
    pub bcs: Option<Duration>,
    /// CCS.
    pub ccs: Option<Duration>,
}

/// Message lengths are checked before a field is asked for, so a number is always there; zero stands for "cannot be".
fn number(raw: Option<u32>) -> u32 {
    raw.unwrap_or_default()
}

fn volts(raw: Option<u32>) -> Voltage {
    Voltage(i64::from(number(raw)) * 100)
}

fn cell_volts(raw: Option<u32>) -> Voltage {
    Voltage(i64::from(number(raw)) * 10)
}

/// Steps of 0.1 A from -400 A, negative while charging.
fn amperes(raw: Option<u32>) -> Current {
    Current((4000 - i64::from(number(raw))) * 100)
}

fn celsius(raw: Option<u32>) -> i16 {
    number(raw) as i16 - 50
}

fn tenth_kwh(raw: Option<u32>) -> Energy {
    Energy(i64::from(number(raw)) * (Energy::KWH.0 / 10))
}
