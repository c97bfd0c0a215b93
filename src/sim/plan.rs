//! What stands in a simulated depot, and the configuration file that fits it.

use crate::config::Connections;
use crate::model::ident::{CardUid, ConnectorId, DeviceCode};
use crate::model::quantity::{Energy, Power};
use crate::model::record::Protocol;
use std::fmt::Write as _;
use std::path::Path;

/// A simulated depot on paper.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Station code.
    pub station: DeviceCode,
    /// Name of the station.
    pub name: String,
    /// RS-485 lines.
    pub lines: Vec<PlannedLine>,
    /// Charging places, one connector each.
    pub places: Vec<Place>,
    /// Cards of its people.
    pub cards: Vec<PlannedCard>,
    /// What its platform speaks.
    pub protocol: Protocol,
    /// How its piles share connections to the platform.
    pub connections: Connections,
}

/// An RS-485 line.
#[derive(Clone, Debug)]
pub struct PlannedLine {
    /// Its name, and that of its link in the folder.
    pub name: String,
    /// Bits per second.
    pub baud: u32,
    /// Even parity: 11 bits a character instead of 10.
    pub even_parity: bool,
}

impl PlannedLine {
    /// Bits of a character with start, parity and stop bits.
    #[must_use]
    pub fn character_bits(&self) -> u32 {
        if self.even_parity { 11 } else { 10 }
    }
}

/// One charging place.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its connector.
    pub connector: ConnectorId,
    /// Rating.
    pub rated: Power,
    /// Line and address of the charger.
    pub charger: (usize, u8),
    /// Its meter.
    pub meter: PlannedMeter,
    /// Line, address and base key of its reader.
    pub reader: (usize, u8, [u8; 16]),
    /// Where the meter stands at first.
    pub register: Energy,
}

/// A meter and where it is.
#[derive(Clone, Copy, Debug)]
pub enum PlannedMeter {
    /// DL/T 645-2007, line and address as printed.
    Dlt645(usize, [u8; 6]),
    /// DC meter with a Modbus register map, line and address.
    Modbus(usize, u8),
}

/// A card of somebody in the depot.
#[derive(Clone, Debug)]
pub struct PlannedCard {
    /// Its UID.
    pub uid: CardUid,
    /// Printed number.
    pub account: String,
    /// On the list and allowed; otherwise blocked.
    pub allowed: bool,
}

/// Places per group of three lines.
const GROUP: usize = 4;

impl Plan {
    /// A depot of so many places: for each group of four a line with chargers and a DC meter at 9600, one with DL/T 645
    /// meters at 2400 and one with OSDP readers at 9600. The seed gives reader keys and registers.
    #[must_use]
    pub fn depot(places: usize, seed: u64) -> Plan {
        let mut random = fastrand::Rng::with_seed(seed ^ 0xDE70);
        let mut plan = Plan {
            station: code(44_030_012_340_001),
            protocol: Protocol::default(),
            connections: Connections::default(),
            name: "Simulated depot".to_owned(),
            lines: Vec::new(),
            places: Vec::new(),
            cards: Vec::new(),
        };
        for place in 0..places {
            if place.is_multiple_of(GROUP) {
                plan.add_lines();
            }
            let (base, inside) = (plan.lines.len() - 3, (place % GROUP) as u8 + 1);
            let meter = if inside == 1 {
                PlannedMeter::Modbus(base, 11)
            } else {
                PlannedMeter::Dlt645(base + 1, printed(place as u64 + 1))
            };
            plan.places.push(Place {
                connector: ConnectorId { pile: code(44_030_000_010_000 + place as u64 + 1), number: 1 },
                rated: Power(120_000),
                charger: (base, inside),
                meter,
                reader: (base + 2, inside, std::array::from_fn(|_| random.u8(..))),
                // registers of DL/T 645 end at 999 999.99 kWh
                register: Energy(random.i64(1_000..90_000) * 100_000),
            });
        }
        for number in 0..places.max(4) * 3 {
            // 4-octet UIDs that do not begin with 08 (random ones)
            let uid = [0xA4, random.u8(..), random.u8(..), number as u8];
            let Ok(uid) = CardUid::new(&uid) else { continue };
            plan.cards.push(PlannedCard {
                uid,
                account: format!("9001{:08}", number + 1),
                allowed: number % 12 != 11,
            });
        }
        plan
    }

    fn add_lines(&mut self) {
        for (baud, even_parity) in [(9600, false), (2400, true), (9600, false)] {
            let name = format!("rs485-{}", self.lines.len() + 1);
            self.lines.push(PlannedLine { name, baud, even_parity });
        }
    }

    /// The complete configuration for this depot, its files in `folder`. Secrets are named, not written:
    /// `platform.key` and `reader-N.key`.
    #[must_use]
    pub fn configuration(&self, folder: &Path, uplink: Option<&str>, web: Option<&str>) -> String {
        let mut text = String::new();
        self.write(&mut text, folder, uplink, web).expect("a String takes all text");
        text
    }

    fn write(
        &self,
        out: &mut String,
        folder: &Path,
        uplink: Option<&str>,
        web: Option<&str>,
    ) -> std::fmt::Result {
        let at = |file: &str| folder.join(file).display().to_string();
        writeln!(out, "# A simulated depot; written by depotsim.\n")?;
        writeln!(out, "[station]\ncode = \"{}\"\nname = \"{}\"\n", self.station, self.name)?;
        if let Some(address) = uplink {
            writeln!(out, "[uplink]\naddress = \"{address}\"\nreconnect_max = \"1s\"")?;
            match (self.protocol, self.connections) {
                (Protocol::Profile222, _) => {
                    writeln!(out, "protocol = \"222\"\nsecret = {{ file = {:?} }}\n", at("platform.key"))?;
                }
                (Protocol::Ykc16, Connections::Station) => writeln!(out, "protocol = \"ykc16\"\n")?,
                (Protocol::Ykc16, Connections::Pile) => {
                    writeln!(out, "protocol = \"ykc16\"\nconnections = \"pile\"\n")?;
                }
            }
        }
        writeln!(out, "[store]\npath = {:?}\n", at("depotd.db"))?;
        writeln!(out, "[billing]\nmode = \"pile\"\n")?;
        writeln!(out, "[offline]\nenable = true\nsessions_per_card = 20\n")?;
        writeln!(out, "[control]\nsocket = {:?}\n", at("control.sock"))?;
        if let Some(listen) = web {
            writeln!(out, "[web]\nlisten = \"{listen}\"\n")?;
        }
        for line in &self.lines {
            let parity = if line.even_parity { "even" } else { "none" };
            writeln!(out, "[[line]]\nname = {:?}\ndevice = {:?}", line.name, at(&line.name))?;
            writeln!(out, "baud = {}\nparity = \"{parity}\"\n", line.baud)?;
        }
        for (index, place) in self.places.iter().enumerate() {
            self.write_place(out, index + 1, place, &at)?;
        }
        Ok(())
    }

    fn write_place(
        &self,
        out: &mut String,
        n: usize,
        place: &Place,
        at: &dyn Fn(&str) -> String,
    ) -> std::fmt::Result {
        writeln!(out, "[[meter]]\nname = \"meter-{n}\"")?;
        match place.meter {
            PlannedMeter::Dlt645(line, address) => {
                let printed: String = address.iter().map(|o| format!("{o:02x}")).collect();
                writeln!(
                    out,
                    "line = {:?}\nprotocol = \"dlt645-2007\"\naddress = \"{printed}\"",
                    self.lines[line].name
                )?;
                writeln!(out, "profile = \"dlt645-dc\"\npoll = \"5s\"\n")?;
            }
            PlannedMeter::Modbus(line, address) => {
                writeln!(
                    out,
                    "line = {:?}\nprotocol = \"modbus\"\naddress = {address}",
                    self.lines[line].name
                )?;
                writeln!(out, "profile = \"acrel-djsf1352-rn\"\npoll = \"1s\"\n")?;
            }
        }
        let (line, address, _) = place.reader;
        writeln!(
            out,
            "[[reader]]\nname = \"reader-{n}\"\nline = {:?}\ndriver = \"osdp\"",
            self.lines[line].name
        )?;
        writeln!(out, "address = {address}\nkey = {{ file = {:?} }}\n", at(&format!("reader-{n}.key")))?;
        let (line, address) = place.charger;
        writeln!(
            out,
            "[[charger]]\ncode = \"{}\"\nkind = \"dc\"\ndriver = \"modbus\"",
            place.connector.pile
        )?;
        writeln!(out, "line = {:?}\naddress = {address}\nprofile = \"cn-pile-v2\"", self.lines[line].name)?;
        writeln!(out, "rated_kw = {}.0\n", place.rated.0 / 1000)?;
        writeln!(out, "[[charger.connector]]\nnumber = {}", place.connector.number)?;
        writeln!(out, "meter = \"meter-{n}\"\nreader = \"reader-{n}\"\n")
    }
}

/// 14 decimal digits.
fn code(number: u64) -> DeviceCode {
    DeviceCode(bcd(number))
}

/// 12 decimal digits as printed on a meter.
fn printed(number: u64) -> [u8; 6] {
    bcd(number)
}

fn bcd<const N: usize>(mut number: u64) -> [u8; N] {
    let mut octets = [0; N];
    for octet in octets.iter_mut().rev() {
        *octet = (number / 10 % 10) as u8 * 16 + (number % 10) as u8;
        number /= 100;
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_configuration_is_accepted_as_it_is() {
        for places in [1, 4, 40] {
            let plan = Plan::depot(places, 7);
            let text =
                plan.configuration(Path::new("/tmp/x"), Some("127.0.0.1:7220"), Some("127.0.0.1:8722"));
            let config = crate::config::load(&text, &|_| Err(std::io::ErrorKind::NotFound.into()));
            let config = config.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
            assert_eq!(config.chargers.len(), places);
        }
    }
}
