//! What a vehicle says of its battery (0206, 0207, 0208; platform-222.md 8). Currents are positive while charging.

use super::values::{centivolts, deciamperes, decivolts, minutes, vin};
use super::wire::{self, Body};
use crate::model::message::{BatteryEnd, BatteryHandshake, BatteryProgress};
use crate::model::quantity::Energy;
use crate::model::vehicle::{End, Handshake, Progress};

/// Battery type and ownership that were not heard.
const NONE: u8 = 255;

/// 0206: BRM, BCP, CML. Octets that were not heard are zeros.
pub(super) fn handshake(words: &BatteryHandshake) -> Body {
    let Handshake { made, .. } = words.handshake;
    let said = &words.handshake;
    wire::request(0x0206)
        .octets("txn", &words.txn.0)
        .number("connector", words.connector.number)
        .octets("bms_version", &said.bms_version.unwrap_or_default())
        .number("battery_type", said.battery_type.unwrap_or(NONE))
        .known("rated_capacity", said.rated_capacity_dah)
        .known("rated_voltage", decivolts(said.rated_voltage))
        .octets("battery_maker", &said.battery_maker.unwrap_or_default())
        .known("pack_serial", said.pack_serial)
        .known("made_year", made.map(|(year, _, _)| year))
        .known("made_month", made.map(|(_, month, _)| month))
        .known("made_day", made.map(|(_, _, day)| day))
        .known("charge_count", said.charge_count)
        .number("ownership", said.ownership.unwrap_or(NONE))
        .text("vin", vin(said.vin.as_ref()))
        .octets("bms_software", &said.bms_software.unwrap_or_default())
        .known("max_cell_voltage", centivolts(said.max_cell_voltage))
        .known("max_charge_current", deciamperes(said.max_current))
        .known("nominal_energy", tenths_of_kwh(said.nominal_energy))
        .known("max_total_voltage", decivolts(said.max_voltage))
        .known("max_temp", said.max_temperature_c)
        .known("soc_tenths", said.soc_permille)
        .known("battery_voltage", decivolts(said.battery_voltage))
        .known("charger_max_voltage", decivolts(said.charger_max_voltage))
        .known("charger_min_voltage", decivolts(said.charger_min_voltage))
        .known("charger_max_current", deciamperes(said.charger_max_current))
        .known("charger_min_current", deciamperes(said.charger_min_current))
}

/// 0207: BCL, BCS, CCS, BSM.
pub(super) fn progress(words: &BatteryProgress) -> Body {
    const NOT_KNOWN: u8 = 2;
    let said: &Progress = &words.progress;
    wire::request(0x0207)
        .octets("txn", &words.txn.0)
        .number("connector", words.connector.number)
        .known("demand_voltage", decivolts(said.demand_voltage))
        .known("demand_current", deciamperes(said.demand_current))
        .known("demand_mode", said.demand_mode)
        .known("battery_voltage", decivolts(said.battery_voltage))
        .known("battery_current", deciamperes(said.battery_current))
        .known("max_cell_voltage", centivolts(said.max_cell_voltage))
        .known("max_cell_group", said.max_cell_group)
        .known("soc", said.soc)
        .known("remaining", minutes(said.remaining))
        .known("output_voltage", decivolts(said.output_voltage))
        .known("output_current", deciamperes(said.output_current))
        .known("charge_time", minutes(said.charge_time))
        .number("permit", said.permit.map_or(NOT_KNOWN, u8::from))
        .known("max_cell_number", said.max_cell_number)
        .known("max_temp", said.max_temperature_c)
        .known("max_temp_point", said.max_temperature_point)
        .known("min_temp", said.min_temperature_c)
        .known("min_temp_point", said.min_temperature_point)
        .octets("status", &said.status.unwrap_or_default())
}

/// 0208: BST, CST, BSD, CSD, BEM, CEM.
pub(super) fn end(words: &BatteryEnd) -> Body {
    let said = &words.end;
    wire::request(0x0208)
        .octets("txn", &words.txn.0)
        .number("connector", words.connector.number)
        .number("present", present(said))
        .octets("bst", &said.bst.unwrap_or_default())
        .octets("cst", &said.cst.unwrap_or_default())
        .known("end_soc", said.end_soc)
        .known("min_cell_voltage", centivolts(said.min_cell_voltage))
        .known("max_cell_voltage", centivolts(said.max_cell_voltage))
        .known("min_temp", said.min_temperature_c)
        .known("max_temp", said.max_temperature_c)
        .known("charge_minutes", said.charge_minutes)
        .known("charge_energy", tenths_of_kwh(said.charge_energy))
        .known("charger_number", said.charger_number)
        .octets("bem", &said.bem.unwrap_or_default())
        .octets("cem", &said.cem.unwrap_or_default())
}

/// Which of the six messages were heard, a bit each. Statistics of which every value was "not sent" count as not heard.
fn present(said: &End) -> u8 {
    let bsd = said.end_soc.is_some()
        || said.min_cell_voltage.is_some()
        || said.max_cell_voltage.is_some()
        || said.min_temperature_c.is_some()
        || said.max_temperature_c.is_some();
    let csd = said.charge_minutes.is_some() || said.charge_energy.is_some() || said.charger_number.is_some();
    let seen = [said.bst.is_some(), said.cst.is_some(), bsd, csd, said.bem.is_some(), said.cem.is_some()];
    seen.iter().rev().fold(0, |bits, seen| bits << 1 | u8::from(*seen))
}

/// 1e-4 kWh to 0.1 kWh.
fn tenths_of_kwh(energy: Option<Energy>) -> Option<i64> {
    energy.map(|e| e.0.saturating_add(500).div_euclid(1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ident::ConnectorId;
    use crate::model::quantity::{Current, Voltage};
    use crate::wire::hex;
    use crate::wire::platform222::octets;
    use std::time::Duration;

    const TXN: [u8; 16] = [0x44, 3, 0, 0, 1, 0, 1, 1, 0x26, 0x11, 0x22, 8, 0x30, 0, 0, 1];

    fn connector() -> ConnectorId {
        "44030000010001/1".parse().unwrap()
    }

    fn volts(decivolts: i64) -> Option<Voltage> {
        Some(Voltage(decivolts * 100))
    }

    fn amps(deciamperes: i64) -> Option<Current> {
        Some(Current(deciamperes * 100))
    }

    /// The body of a frame of the profile's vectors.
    fn body(frame: &str) -> &str {
        &frame[38..frame.len() - 4]
    }

    #[test]
    fn the_handshake_is_the_frame_of_the_profile() {
        const FRAME: &str = "535a660010002b000000060244030000010001440300000100010126112208300000010101010003f81184164341544c81af340126060e2c030000014c4330365332345230483132333435363701160ce607ffffff6d01b80b5b0aaa19373801b4164c1dd007c4090a00a617";
        let handshake = Handshake {
            vin: "LC06S24R0H1234567".parse().ok(),
            bms_version: Some([1, 1, 0]),
            battery_type: Some(3),
            rated_capacity_dah: Some(4600),
            rated_voltage: volts(5764),
            battery_maker: Some(*b"CATL"),
            pack_serial: Some(20_230_017),
            made: Some((38, 6, 14)),
            charge_count: Some(812),
            ownership: Some(1),
            bms_software: Some([0x01, 0x16, 0x0C, 0xE6, 0x07, 0xFF, 0xFF, 0xFF]),
            max_cell_voltage: Some(Voltage(3650)),
            max_current: amps(3000),
            nominal_energy: Some(Energy(2_651_000)),
            max_voltage: volts(6570),
            max_temperature_c: Some(55),
            soc_permille: Some(312),
            battery_voltage: volts(5812),
            charger_max_voltage: volts(7500),
            charger_min_voltage: volts(2000),
            charger_max_current: amps(2500),
            charger_min_current: amps(10),
        };
        let words = BatteryHandshake {
            txn: crate::model::ident::TransactionNumber(TXN),
            connector: connector(),
            handshake,
        };
        assert_eq!(hex::lower(&octets::write(&super::handshake(&words))), body(FRAME));
    }

    #[test]
    fn progress_is_the_frame_of_the_profile() {
        const FRAME: &str = "535a3d0010002c0000000702440300000100014403000001000101261122083000000101aa19080702b118da055f0104402600b518de0507000158210cfc0300d0519a";
        let progress = Progress {
            demand_voltage: volts(6570),
            demand_current: amps(1800),
            demand_mode: Some(2),
            battery_voltage: volts(6321),
            battery_current: amps(1498),
            max_cell_voltage: Some(Voltage(3510)),
            max_cell_group: Some(4),
            soc: Some(64),
            remaining: Some(Duration::from_secs(38 * 60)),
            output_voltage: volts(6325),
            output_current: amps(1502),
            charge_time: Some(Duration::from_secs(7 * 60)),
            permit: Some(true),
            max_cell_number: Some(88),
            max_temperature_c: Some(33),
            max_temperature_point: Some(12),
            min_temperature_c: Some(-4),
            min_temperature_point: Some(3),
            status: Some([0x00, 0xD0]),
        };
        let words = BatteryProgress {
            txn: crate::model::ident::TransactionNumber(TXN),
            connector: connector(),
            progress,
        };
        assert_eq!(hex::lower(&octets::write(&super::progress(&words))), body(FRAME));
    }

    #[test]
    fn the_end_is_the_frame_of_the_profile() {
        const FRAME: &str = "535a400010002d00000008024403000001000144030000010001012611220830000001010f0000000004000000615c0163011e24470063041127000000000000000000009bd8";
        let end = End {
            bst: Some([0; 4]),
            cst: Some([4, 0, 0, 0]),
            end_soc: Some(97),
            min_cell_voltage: Some(Voltage(3480)),
            max_cell_voltage: Some(Voltage(3550)),
            min_temperature_c: Some(30),
            max_temperature_c: Some(36),
            charge_minutes: Some(71),
            charge_energy: Some(Energy(1_123_000)),
            charger_number: Some(10001),
            ..End::default()
        };
        let words =
            BatteryEnd { txn: crate::model::ident::TransactionNumber(TXN), connector: connector(), end };
        assert_eq!(hex::lower(&octets::write(&super::end(&words))), body(FRAME));
    }

    #[test]
    fn what_was_not_heard_is_none_in_its_field() {
        let txn = crate::model::ident::TransactionNumber(TXN);
        let nothing = BatteryHandshake { txn, connector: connector(), handshake: Handshake::default() };
        let told = super::handshake(&nothing);
        let numbers = ["battery_type", "rated_voltage", "ownership", "max_charge_current", "max_temp"];
        assert_eq!(numbers.map(|name| told.num(name)), [255, 0xFFFF, 255, -32768, -128]);
        assert_eq!((told.str("vin"), told.raw("bms_version")), ("", &[0; 3][..]));
        let nothing = BatteryProgress { txn, connector: connector(), progress: Progress::default() };
        let told = super::progress(&nothing);
        let numbers = ["demand_current", "max_cell_voltage", "soc", "remaining", "permit"];
        assert_eq!(numbers.map(|name| told.num(name)), [-32768, 0xFFFF, 255, 0xFFFF, 2]);
        let timeout = End { bem: Some([1, 0, 0, 0]), cem: Some([0, 4, 0, 0]), ..End::default() };
        let told = super::end(&BatteryEnd { txn, connector: connector(), end: timeout });
        assert_eq!(
            (told.num("present"), told.num("end_soc"), told.num("charge_energy")),
            (0x30, 255, 0xFFFF)
        );
    }

    #[test]
    fn more_minutes_than_the_field_holds_are_not_taken_for_none() {
        assert_eq!(minutes(Some(Duration::from_secs(u64::MAX))), Some(0xFFFE));
    }
}
