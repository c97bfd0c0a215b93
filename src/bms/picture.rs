//! What is known of a vehicle and its charge, message by message, in the units of the station (can.md 1.3).
//!
//! All ones mean "not sent". Currents are turned: positive while charging.

use crate::model::ident::Vin;
use crate::model::quantity::{Current, Energy, Voltage};
use crate::model::stop::StopReason;
use crate::model::vehicle::{End, Handshake, Progress};
use crate::wire::field::{Field, is_vin};
use crate::wire::gbt27930::{Edition, Kind, Message, layout};
use std::time::Duration;

/// One dialogue so far.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// BRM was heard: what is missing in the handshake was not said.
    pub(super) is_named: bool,
    pub(super) handshake: Handshake,
    pub(super) progress: Progress,
    pub(super) end: End,
}

impl Picture {
    pub(super) fn take(&mut self, message: &Message<'_>, edition: Edition) {
        match message.kind() {
            Kind::Brm => self.brm(message),
            Kind::Bcp => self.bcp(message),
            Kind::Cml => self.cml(message, edition),
            Kind::Bcl => self.bcl(message),
            Kind::Bcs => self.bcs(message),
            Kind::Ccs => self.ccs(message, edition),
            Kind::Bsm => self.bsm(message),
            Kind::Bst => self.end.bst = message.payload().first_chunk().copied(),
            Kind::Cst => self.end.cst = message.payload().first_chunk().copied(),
            Kind::Bem => self.end.bem = message.payload().first_chunk().copied(),
            Kind::Cem => self.end.cem = message.payload().first_chunk().copied(),
            Kind::Bsd => self.bsd(message),
            Kind::Csd => self.csd(message, edition),
            Kind::Chm | Kind::Bhm | Kind::Crm | Kind::Cts | Kind::Bro | Kind::Cro => {}
            Kind::Bmv | Kind::Bmt | Kind::Bsp => {}
        }
    }

    /// The first cause that either side named.
    pub(super) fn cause(&mut self, reason: StopReason) {
        self.end.reason.get_or_insert(reason);
    }

    fn brm(&mut self, message: &Message<'_>) {
        use layout::brm as f;
        self.is_named = true;
        let made = (byte(message, &f::PROD_YEAR), byte(message, &f::PROD_MONTH), byte(message, &f::PROD_DAY));
        self.handshake = Handshake {
            vin: vin(message),
            bms_version: message.payload().first_chunk().copied(),
            battery_type: byte(message, &f::BATTERY_TYPE),
            rated_capacity_dah: short(message, &f::RATED_CAPACITY),
            rated_voltage: volts(message, &f::RATED_VOLTAGE),
            battery_maker: octets(message.payload().get(8..12)),
            pack_serial: sent(message, &f::PACK_SERIAL),
            made: made.0.zip(made.1).zip(made.2).map(|((year, month), day)| (year, month, day)),
            charge_count: sent(message, &f::CHARGE_COUNT),
            ownership: byte(message, &f::OWNERSHIP),
            bms_software: octets(message.payload().get(41..49)),
            ..std::mem::take(&mut self.handshake)
        };
    }

    fn bcp(&mut self, message: &Message<'_>) {
        use layout::bcp as f;
        let battery = &mut self.handshake;
        battery.max_cell_voltage = cell_volts(message, &f::MAX_CELL_VOLTAGE);
        battery.max_current = amperes(message, &f::MAX_CHARGE_CURRENT);
        battery.nominal_energy = energy(message, &f::NOMINAL_ENERGY);
        battery.max_voltage = volts(message, &f::MAX_TOTAL_VOLTAGE);
        battery.max_temperature_c = celsius(message, &f::MAX_TEMP);
        battery.soc_permille = short(message, &f::SOC).filter(|soc| *soc <= 1000);
        battery.battery_voltage = volts(message, &f::BATTERY_VOLTAGE);
    }

    fn cml(&mut self, message: &Message<'_>, edition: Edition) {
        use layout::cml as f;
        let charger = &mut self.handshake;
        charger.charger_max_voltage = volts(message, &f::MAX_VOLTAGE);
        charger.charger_min_voltage = volts(message, &f::MIN_VOLTAGE);
        charger.charger_max_current = amperes(message, &f::MAX_CURRENT);
        charger.charger_min_current = amperes(message, &f::MIN_CURRENT).filter(|_| edition != Edition::V2011);
    }

    fn bcl(&mut self, message: &Message<'_>) {
        use layout::bcl as f;
        self.progress.demand_voltage = volts(message, &f::VOLTAGE_DEMAND);
        self.progress.demand_current = amperes(message, &f::CURRENT_DEMAND);
        self.progress.demand_mode = byte(message, &f::MODE);
    }

    fn bcs(&mut self, message: &Message<'_>) {
        use layout::bcs as f;
        let progress = &mut self.progress;
        progress.battery_voltage = volts(message, &f::VOLTAGE);
        progress.battery_current = amperes(message, &f::CURRENT);
        progress.max_cell_voltage = message.raw(&f::MAX_CELL_VOLTAGE).map(|raw| Voltage(i64::from(raw) * 10));
        progress.max_cell_group = message.raw(&f::MAX_CELL_GROUP).map(|raw| raw as u8);
        progress.soc = byte(message, &f::SOC).filter(|soc| *soc <= 100);
        progress.remaining = minutes(message, &f::REMAINING_TIME);
    }

    fn ccs(&mut self, message: &Message<'_>, edition: Edition) {
        use layout::ccs as f;
        let progress = &mut self.progress;
        progress.output_voltage = volts(message, &f::VOLTAGE);
        progress.output_current = amperes(message, &f::CURRENT);
        progress.charge_time = minutes(message, &f::CHARGE_TIME);
        let permit = message.raw(&f::CHARGE_PERMIT).filter(|raw| edition != Edition::V2011 && *raw <= 1);
        progress.permit = permit.map(|raw| raw == 1).or(progress.permit);
    }

    fn bsm(&mut self, message: &Message<'_>) {
        use layout::bsm as f;
        let progress = &mut self.progress;
        progress.max_cell_number = byte(message, &f::MAX_CELL_V_NO);
        progress.max_temperature_c = celsius(message, &f::MAX_TEMP);
        progress.max_temperature_point = byte(message, &f::MAX_TEMP_POINT);
        progress.min_temperature_c = celsius(message, &f::MIN_TEMP);
        progress.min_temperature_point = byte(message, &f::MIN_TEMP_POINT);
        let undefined = layout::of(Kind::Bsm, Edition::V2015).undefined;
        if let Some([first, second]) = message.payload().get(5..7) {
            progress.status = Some([first | undefined[5], second | undefined[6]]);
        }
    }

    fn bsd(&mut self, message: &Message<'_>) {
        use layout::bsd as f;
        self.end.end_soc = byte(message, &f::SOC_END).filter(|soc| *soc <= 100);
        self.end.min_cell_voltage = cell_volts(message, &f::MIN_CELL_VOLTAGE);
        self.end.max_cell_voltage = cell_volts(message, &f::MAX_CELL_VOLTAGE);
        self.end.min_temperature_c = celsius(message, &f::MIN_TEMP);
        self.end.max_temperature_c = celsius(message, &f::MAX_TEMP);
    }

    fn csd(&mut self, message: &Message<'_>, edition: Edition) {
        use layout::{csd as f, csd_2011 as old};
        self.end.charge_minutes = short(message, &f::CHARGE_TIME);
        self.end.charge_energy = energy(message, &f::ENERGY);
        self.end.charger_number = match edition {
            Edition::V2011 => message.raw(&old::CHARGER_NO),
            Edition::V2015 => message.raw(&f::CHARGER_NO),
        };
    }
}

/// A number that was sent.
fn sent(message: &Message<'_>, field: &Field) -> Option<u32> {
    let octets = field.slice(message.payload())?;
    message.raw(field).filter(|_| octets.iter().any(|o| *o != 0xFF))
}

fn octets<const N: usize>(octets: Option<&[u8]>) -> Option<[u8; N]> {
    octets?.first_chunk().copied().filter(|octets| *octets != [0xFF; N])
}

fn byte(message: &Message<'_>, field: &Field) -> Option<u8> {
    sent(message, field).map(|raw| raw as u8)
}

fn short(message: &Message<'_>, field: &Field) -> Option<u16> {
    sent(message, field).map(|raw| raw as u16)
}

fn vin(message: &Message<'_>) -> Option<Vin> {
    let octets = layout::brm::VIN.slice(message.payload()).filter(|octets| is_vin(octets))?;
    std::str::from_utf8(octets).ok()?.parse().ok()
}

fn volts(message: &Message<'_>, field: &Field) -> Option<Voltage> {
    sent(message, field).map(|raw| Voltage(i64::from(raw) * 100))
}

fn cell_volts(message: &Message<'_>, field: &Field) -> Option<Voltage> {
    sent(message, field).map(|raw| Voltage(i64::from(raw) * 10))
}

/// Steps of 0.1 A from -400 A, negative while charging.
fn amperes(message: &Message<'_>, field: &Field) -> Option<Current> {
    sent(message, field).map(|raw| Current((4000 - i64::from(raw)) * 100))
}

fn celsius(message: &Message<'_>, field: &Field) -> Option<i16> {
    sent(message, field).map(|raw| raw as i16 - 50)
}

fn energy(message: &Message<'_>, field: &Field) -> Option<Energy> {
    sent(message, field).map(|raw| Energy(i64::from(raw) * (Energy::KWH.0 / 10)))
}

fn minutes(message: &Message<'_>, field: &Field) -> Option<Duration> {
    sent(message, field).map(|raw| Duration::from_secs(u64::from(raw) * 60))
}
