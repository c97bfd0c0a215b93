//! From the configuration to drivers, and whether a line can carry what they will ask.

use super::{Can, Charger, ChargerDriver, Config, Connector, Line, Meter, MeterAddress, Parity};
use crate::bus;
use crate::driver::Driver;
use crate::driver::dlt645::{self, Profile as Dlt645Profile};
use crate::driver::modbus::value::Form;
use crate::driver::modbus::{self, profile::Profile};
use crate::driver::tcu;
use crate::wire::dlt645::Address;
use std::sync::Arc;
use std::time::Duration;

/// From one status question to the next.
const CHARGER_POLL: Duration = Duration::from_millis(500);
/// Bits a second of one controller and of what it is told: heartbeats, telemetry and its status words, as often as they
/// come while it charges (can.md 3.2), stuffing included.
const CONTROLLER_BITS: u64 = 15 * 160;
/// A line is planned for at most this share of its wire time.
pub(super) const FULL_PERMILLE: u64 = 900;

/// Where nonces of the OSDP handshake come from.
pub type Nonce = Box<dyn FnMut() -> [u8; 8] + Send>;

impl Meter {
    /// Its driver. Errors say what is wrong with its profile, one text each.
    pub fn driver(&self, line: &Line) -> Result<Box<dyn Driver>, Vec<String>> {
        match self.address {
            MeterAddress::Dlt645(edition, address) => {
                let profile = dlt645_profile(&self.profile)?;
                if profile.edition != edition {
                    let what = format!(
                        "the profile is of {}, the meter of {}",
                        profile.edition.word(),
                        edition.word()
                    );
                    return Err(vec![what]);
                }
                let (address, poll, ratio, octet) = (Address(address), self.poll, self.ratio, line.octet());
                Ok(Box::new(dlt645::Meter::new(dlt645::Config { address, poll, ratio, profile, octet })))
            }
            MeterAddress::Modbus(address) => {
                let profile = modbus_profile(&self.profile)?;
                let (poll, ratio) = (self.poll, self.ratio);
                let config = modbus::meter::Config { address, profile, poll, ratio };
                modbus::meter::Meter::new(config).map(boxed).map_err(|e| vec![e.to_string()])
            }
        }
    }

    /// Whether its register is a float: its smallest step grows with what it counts (rs485.md 2.2), so it is not fit
    /// for bills that are computed here.
    #[must_use]
    pub fn counts_in_floats(&self) -> bool {
        match self.address {
            MeterAddress::Dlt645(..) => dlt645_profile(&self.profile).is_ok_and(|p| p.register().is_float()),
            MeterAddress::Modbus(_) => modbus_profile(&self.profile)
                .is_ok_and(|p| p.point("energy.forward").is_some_and(|point| point.form == Form::F32)),
        }
    }

    /// How 0103 names its kind: 1 DL/T 645, 2 Modbus.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self.address {
            MeterAddress::Dlt645(..) => 1,
            MeterAddress::Modbus(_) => 2,
        }
    }
}

impl Charger {
    /// The driver of one of its connectors on an RS-485 line; `None` on CAN. Errors say what is wrong with its profile,
    /// one text each.
    #[must_use]
    pub fn modbus(&self, connector: &Connector) -> Option<Result<Box<dyn Driver>, Vec<String>>> {
        let ChargerDriver::Modbus { address, profile, .. } = &self.driver else { return None };
        Some(modbus_profile(profile).and_then(|profile| {
            let (address, connector, poll) = (*address, connector.number, CHARGER_POLL);
            let config = modbus::charger::Config { address, connector, profile, poll };
            modbus::charger::Charger::new(config).map(boxed).map_err(|e| vec![e.to_string()])
        }))
    }

    /// What the registers of its connectors mean; `None` on CAN.
    #[must_use]
    pub fn profile(&self) -> Option<Arc<Profile>> {
        let ChargerDriver::Modbus { profile, .. } = &self.driver else { return None };
        modbus_profile(profile).ok()
    }

    /// How the controller of one of its connectors is spoken to; `None` on an RS-485 line. Interface 0 is that of a pile
    /// with one connector (can.md 3.1).
    #[must_use]
    pub fn tcu(&self, connector: &Connector) -> Option<tcu::Config> {
        let ChargerDriver::Tcu { address, dialect, .. } = self.driver else { return None };
        Some(tcu::Config {
            controller: address.saturating_add(connector.number.saturating_sub(1)),
            interface: if self.connectors.len() == 1 { 0 } else { connector.number },
            pile: self.code,
            dialect,
        })
    }

    /// Whether it stops by itself when nobody speaks to it (can.md 3.2: 3 s).
    #[must_use]
    pub fn needs_heartbeats(&self) -> bool {
        match self.driver {
            ChargerDriver::Modbus { .. } => false,
            ChargerDriver::Tcu { .. } => true,
        }
    }

    /// What its profile calls itself, or its protocol.
    #[must_use]
    pub fn model(&self) -> String {
        match &self.driver {
            ChargerDriver::Modbus { profile, .. } => {
                Profile::load(profile).map_or_else(|_| String::new(), |p| p.id)
            }
            ChargerDriver::Tcu { .. } => "tcu".to_owned(),
        }
    }
}

impl Line {
    /// What one octet takes.
    fn octet(&self) -> Duration {
        Duration::from_secs(u64::from(self.bus().bits)) / self.baud.max(1)
    }

    /// Settings of its master.
    #[must_use]
    pub fn bus(&self) -> bus::Config {
        let parity = match self.parity {
            Parity::None => 0,
            Parity::Even | Parity::Odd => 1,
        };
        bus::Config {
            baud: self.baud,
            bits: 9 + parity + u32::from(self.stop_bits),
            ..bus::Config::default()
        }
    }
}

/// Share of its wire time that each line's plan needs, in 1/1000; every device must have a good driver.
pub(super) fn plans(config: &Config) -> Vec<u64> {
    let plan = |(index, line): (usize, &Line)| {
        let meters = config.meters.iter().filter(|m| m.line == index).filter_map(|m| m.driver(line).ok());
        let readers = config.readers.iter().filter(|r| r.line == index);
        // plain or secure: the longer frames of the secure channel are planned for
        let readers = readers.filter_map(|r| r.driver(None, Box::new(|| [0; 8])).ok());
        let here = |c: &&Charger| matches!(c.driver, ChargerDriver::Modbus { line, .. } if line == index);
        let chargers = config.chargers.iter().filter(here);
        let chargers = chargers.flat_map(|c| c.connectors.iter().filter_map(|n| c.modbus(n)?.ok()));
        let all: Vec<Box<dyn Driver>> = meters.chain(readers).chain(chargers).collect();
        bus::plan::permille_of(&line.bus(), all.iter().map(AsRef::as_ref))
    };
    config.lines.iter().enumerate().map(plan).collect()
}

/// Share of the bit rate that the controllers on each CAN bus need, in 1/1000.
pub(super) fn bus_plans(config: &Config) -> Vec<u64> {
    let plan = |(index, can): (usize, &Can)| {
        let here = |c: &&Charger| matches!(c.driver, ChargerDriver::Tcu { can, .. } if can == index);
        let controllers: usize = config.chargers.iter().filter(here).map(|c| c.connectors.len()).sum();
        controllers as u64 * CONTROLLER_BITS * 1_000 / u64::from(can.bitrate.max(1))
    };
    config.cans.iter().enumerate().map(plan).collect()
}

fn dlt645_profile(name_or_text: &str) -> Result<Dlt645Profile, Vec<String>> {
    Dlt645Profile::load(name_or_text).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn modbus_profile(name_or_text: &str) -> Result<Arc<Profile>, Vec<String>> {
    let loaded = Profile::load(name_or_text);
    loaded.map(Arc::new).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

pub(super) fn boxed(driver: impl Driver + 'static) -> Box<dyn Driver> {
    Box::new(driver)
}
