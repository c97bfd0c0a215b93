//! From the configuration to drivers, and whether a line can carry what they will ask.

use super::{Charger, Config, Connector, Line, Meter, MeterAddress, Parity, Reader};
use crate::bus;
use crate::driver::dlt645::{self, Profile as Dlt645Profile};
use crate::driver::modbus::{self, profile::Profile};
use crate::driver::{Driver, osdp};
use crate::wire::dlt645::Address;
use std::sync::Arc;
use std::time::Duration;

/// From one status question to the next.
const CHARGER_POLL: Duration = Duration::from_millis(500);
/// A line is planned for at most this share of its wire time.
pub(super) const FULL_PERMILLE: u64 = 900;

/// Where nonces of the OSDP handshake come from.
pub type Nonce = Box<dyn FnMut() -> [u8; 8] + Send>;

impl Meter {
    /// Its driver. Errors say what is wrong with its profile, one text each.
    pub fn driver(&self) -> Result<Box<dyn Driver>, Vec<String>> {
        match self.address {
            MeterAddress::Dlt645(address) => {
                let profile = Dlt645Profile::by_name(&self.profile).ok_or_else(|| {
                    let known = Dlt645Profile::BUILT_IN.map(|p| p.name()).join(", ");
                    vec![format!("there is no DL/T 645 profile {:?}; known: {known}", self.profile)]
                })?;
                let (address, poll, ratio) = (Address(address), self.poll, self.ratio);
                Ok(Box::new(dlt645::Meter::new(dlt645::Config { address, poll, ratio, profile })))
            }
            MeterAddress::Modbus(address) => {
                let profile = modbus_profile(&self.profile)?;
                let (poll, ratio) = (self.poll, self.ratio);
                let config = modbus::meter::Config { address, profile, poll, ratio };
                modbus::meter::Meter::new(config).map(boxed).map_err(|e| vec![e.to_string()])
            }
        }
    }

    /// How 0103 names its kind: 1 DL/T 645, 2 Modbus.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self.address {
            MeterAddress::Dlt645(_) => 1,
            MeterAddress::Modbus(_) => 2,
        }
    }
}

impl Charger {
    /// The driver of one of its connectors. Errors say what is wrong with its profile, one text each.
    pub fn driver(&self, connector: &Connector) -> Result<Box<dyn Driver>, Vec<String>> {
        let profile = modbus_profile(&self.profile)?;
        let config = modbus::charger::Config {
            address: self.address,
            connector: connector.number,
            profile,
            poll: CHARGER_POLL,
        };
        modbus::charger::Charger::new(config).map(boxed).map_err(|e| vec![e.to_string()])
    }

    /// What its profile calls itself.
    #[must_use]
    pub fn model(&self) -> String {
        Profile::load(&self.profile).map_or_else(|_| String::new(), |p| p.id)
    }
}

impl Reader {
    /// Its driver, with the key that its secret holds.
    #[must_use]
    pub fn driver(&self, key: Option<osdp::Key>, nonce: Nonce) -> Box<dyn Driver> {
        let config = osdp::Config { key, ..osdp::Config::new(self.address) };
        Box::new(osdp::Reader::new(config, nonce))
    }
}

impl Line {
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
        let meters = config.meters.iter().filter(|m| m.line == index).filter_map(|m| m.driver().ok());
        let readers = config.readers.iter().filter(|r| r.line == index);
        // plain or secure: the longer frames of the secure channel are planned for
        let readers = readers.map(|r| r.driver(None, Box::new(|| [0; 8])));
        let chargers = config.chargers.iter().filter(|c| c.line == index);
        let chargers = chargers.flat_map(|c| c.connectors.iter().filter_map(|n| c.driver(n).ok()));
        let all: Vec<Box<dyn Driver>> = meters.chain(readers).chain(chargers).collect();
        bus::plan::permille_of(&line.bus(), all.iter().map(AsRef::as_ref))
    };
    config.lines.iter().enumerate().map(plan).collect()
}

fn modbus_profile(name_or_text: &str) -> Result<Arc<Profile>, Vec<String>> {
    let loaded = Profile::load(name_or_text);
    loaded.map(Arc::new).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn boxed(driver: impl Driver + 'static) -> Box<dyn Driver> {
    Box::new(driver)
}
