//! The configuration file that fits a plan.

use super::{Place, Plan, PlannedCharger, PlannedMeter};
use crate::config::Connections;
use crate::model::record::Protocol;
use crate::sim::controller::Dialect;
use std::fmt::Write as _;
use std::path::Path;

impl Plan {
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
                (Protocol::Profile222, Connections::Station | Connections::Pile) => {
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
        for can in &self.cans {
            writeln!(out, "[[can]]\nname = {:?}\ndevice = {:?}", can.name, at(&can.name))?;
            writeln!(out, "listen_only = {}\n", can.tap)?;
        }
        for (index, place) in self.places.iter().enumerate() {
            self.write_beside(out, index + 1, place, &at)?;
        }
        for (index, place) in self.places.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| self.places[before].connector.pile);
            if before != Some(place.connector.pile) {
                self.write_charger(out, place)?;
            }
            self.write_connector(out, index + 1, place)?;
        }
        Ok(())
    }

    /// The meter and the reader of a place.
    fn write_beside(
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
        writeln!(out, "address = {address}\nkey = {{ file = {:?} }}\n", at(&format!("reader-{n}.key")))
    }

    fn write_charger(&self, out: &mut String, place: &Place) -> std::fmt::Result {
        writeln!(out, "[[charger]]\ncode = \"{}\"\nkind = \"dc\"", place.connector.pile)?;
        match place.charger {
            PlannedCharger::Modbus { line, address, .. } => {
                writeln!(out, "driver = \"modbus\"\nline = {:?}", self.lines[line].name)?;
                writeln!(out, "address = {address}\nprofile = \"cn-pile-v2\"")?;
            }
            PlannedCharger::Controller { can, address, dialect, partner } => {
                writeln!(out, "driver = \"tcu\"\ncan = {:?}\naddress = {address}", self.cans[can].name)?;
                writeln!(out, "dialect = \"{}\"", word(dialect))?;
                if partner.is_some() {
                    writeln!(out, "dual_gun = true")?;
                }
            }
        }
        writeln!(out, "rated_kw = {}.0\n", place.rated.0 / 1000)
    }

    fn write_connector(&self, out: &mut String, n: usize, place: &Place) -> std::fmt::Result {
        writeln!(out, "[[charger.connector]]\nnumber = {}", place.connector.number)?;
        writeln!(out, "meter = \"meter-{n}\"\nreader = \"reader-{n}\"")?;
        match place.charger {
            PlannedCharger::Modbus { tap: None, .. } => {}
            PlannedCharger::Modbus { tap: Some(can), .. } => {
                writeln!(out, "bms_tap = {:?}\nvin_start = {}", self.cans[can].name, place.vin_start)?;
            }
            PlannedCharger::Controller { .. } => {
                writeln!(out, "vin_start = {}\naux_voltage = 24", place.vin_start)?;
            }
        }
        writeln!(out)
    }
}

fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V121 => "auto",
        Dialect::V230 => "2.30",
    }
}
