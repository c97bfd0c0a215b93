//! The fields of every message (can.md 3.3). Octet 0 is always the charge interface. Currents count from -400 A in
//! steps of 0.1 A and are turned here, so that charging is positive. What no field uses is ignored and sent as FF.

use super::Kind;
use crate::wire::field::{Field, Form};

/// The charge interface number.
pub const INTERFACE: Field = Field::number("interface", 0, 1);

const fn byte(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 1)
}

const fn tenths(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 2).scaled(1, 0)
}

const fn amperes(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 2).negated(1, -4000)
}

const fn cell_volts(name: &'static str, octet: u16) -> Field {
    Field::number(name, octet, 2).scaled(2, 0)
}

const fn celsius(name: &'static str, octet: u16) -> Field {
    byte(name, octet).scaled(0, -50)
}

const fn from_one(name: &'static str, octet: u16) -> Field {
    byte(name, octet).scaled(0, 1)
}

const fn hex(name: &'static str, octet: u16, octets: u16) -> Field {
    Field::octets(name, octet, octets, Form::Hex)
}

macro_rules! tables {
    ($($module:ident { $($name:ident = $field:expr;)* })*) => {$(
        #[doc = concat!("Fields of `", stringify!($module), "`.")]
        pub mod $module {
            use super::*;
            $(#[doc = concat!("`", stringify!($name), "` as can.md 3.3 names it.")] pub const $name: Field = $field;)*
            pub(super) static FIELDS: &[Field] = &[$($name),*];
        }
    )*};
}

tables! {
    start {
        LOAD_CONTROL = byte("load_control", 1);
        START_KIND = byte("start_kind", 2);
        AUX_VOLTAGE = byte("aux_voltage", 3);
        PARALLEL = byte("parallel", 4);
    }
    start_ack {
        LOAD_CONTROL = byte("load_control", 1);
        RESULT = byte("result", 2);
        REASON = byte("reason", 3);
        START_KIND = byte("start_kind", 4);
        AUX_VOLTAGE = byte("aux_voltage", 5);
    }
    stop {
        REASON = byte("reason", 1);
        FAULT_CODE = byte("fault_code", 2);
    }
    result {
        RESULT = byte("result", 1);
    }
    time {
        TIME = hex("time_hex", 1, 7);
    }
    version {
        VERSION = Field::octets("version", 1, 2, Form::Version);
    }
    parameters {
        PILE_NUMBER = hex("pile_number", 1, 7);
    }
    parameters_ack {
        RESULT = byte("result", 1);
        REASON = byte("reason", 2);
    }
    service {
        SERVICE = byte("service", 1);
    }
    service_ack {
        SERVICE = byte("service", 1);
        RESULT = byte("result", 2);
    }
    lock {
        LOCK = byte("lock", 1);
        ACTION = byte("action", 2);
    }
    lock_ack {
        LOCK = byte("lock", 1);
        ACTION = byte("action", 2);
        RESULT = byte("result", 3);
    }
    power_limit {
        TYPE = byte("type", 1);
        RAW = Field::number("raw", 2, 2);
    }
    power_limit_ack {
        TYPE = byte("type", 1);
        RAW = Field::number("raw", 2, 2);
        RESULT = byte("result", 4);
        REASON = byte("reason", 5);
    }
    start_complete_ack {
        LOAD_CONTROL = byte("load_control", 1);
        RESULT = byte("result", 2);
    }
    stop_complete_ack {
        STOP_REASON = byte("stop_reason", 1);
        RESULT = byte("result", 2);
    }
    vin_result {
        SUCCESS = byte("success", 1);
        REASON = byte("reason", 2);
    }
    energy_time {
        ENERGY = tenths("energy_kwh", 1);
        MINUTES = Field::number("minutes", 3, 2);
    }
    heartbeat {
        COUNTER = byte("counter", 1);
        PEER_TIMEOUT = byte("peer_timeout", 2);
    }
    set_point {
        VOLTAGE = tenths("voltage", 1);
        CURRENT = tenths("current", 3);
    }
    status_1 {
        WORK_STATE = Field::bits("work_state", 1, 0, 2);
        NOT_CONNECTED = Field::bits("vehicle_connected", 5, 4, 1);
        NOT_SEATED = Field::bits("gun_seated", 5, 5, 1);
        LOCK_STATE = Field::bits("lock_state", 5, 6, 1);
        DC_CONTACTOR = Field::bits("dc_contactor", 5, 7, 1);
        OTHER_FAULT = hex("other_fault", 6, 2);
    }
    data {
        DATA = hex("data", 1, 7);
    }
    vehicle_id {
        VIN = Field::octets("vin", 1, 17, Form::Vin);
        CHARGE_COUNT = Field::number("charge_count", 18, 3);
        SOC = tenths("soc", 21);
        BATTERY_V = tenths("battery_v", 23);
    }
    authorisation {
        VIN = Field::octets("vin", 1, 17, Form::Vin);
        SUCCESS = byte("success", 18);
        REASON = byte("reason", 19);
    }
    configuration {
        MAKER = hex("maker", 1, 4);
    }
    telemetry {
        OUT_V = tenths("out_v", 1);
        OUT_I = amperes("out_i", 3);
        SOC = byte("soc", 5);
        BATTERY_MIN_TEMP = celsius("battery_min_temp", 6);
        BATTERY_MAX_TEMP = celsius("battery_max_temp", 7);
        CELL_MAX_V = cell_volts("cell_max_v", 8);
        CELL_MIN_V = cell_volts("cell_min_v", 10);
        AMBIENT_TEMP = celsius("ambient_temp", 12);
        CC_V = cell_volts("cc_v", 13);
        DEMAND_V = tenths("demand_v", 15);
        DEMAND_I = amperes("demand_i", 17);
        MODE = byte("mode", 19);
        BMS_V = tenths("bms_v", 20);
        BMS_I = amperes("bms_i", 22);
        REMAINING_MIN = Field::number("remaining_min", 24, 2);
        PLUG_TEMPS = Field::octets("plug_temps", 26, 4, Form::Octets(-50));
    }
    telemetry_v121 {
        MAX_CELL_NO = from_one("max_cell_no", 30);
        MAX_TEMP_POINT = from_one("max_temp_point", 31);
        MIN_TEMP_POINT = from_one("min_temp_point", 32);
        INLET_TEMP = celsius("inlet_temp", 33);
        OUTLET_TEMP = celsius("outlet_temp", 34);
        HUMIDITY = byte("humidity", 35);
    }
    telemetry_v230 {
        METER_RAW = Field::number("meter_raw", 30, 4);
    }
    start_complete {
        LOAD_CONTROL = byte("load_control", 1);
        RESULT = byte("result", 2);
        REASON = byte("reason", 3);
        CHARGER_VERSION = hex("charger_version", 4, 3);
        BMS_VERSION = hex("bms_version", 7, 3);
        HANDSHAKE = byte("handshake", 10);
        BATTERY_TYPE = byte("battery_type", 11);
        MAX_TEMP = celsius("max_temp", 12);
        BMS_MAX_V = tenths("bms_max_v", 13);
        CELL_MAX_V = cell_volts("cell_max_v", 15);
        MAX_I = amperes("max_i", 17);
        RATED_V = tenths("rated_v", 19);
        PRESENT_V = tenths("present_v", 21);
        CAPACITY_AH = tenths("capacity_ah", 23);
        ENERGY_KWH = tenths("energy_kwh", 25);
        SOC = tenths("soc", 27);
        CHARGER_MAX_V = tenths("charger_max_v", 29);
        CHARGER_MIN_V = tenths("charger_min_v", 31);
        CHARGER_MAX_I = amperes("charger_max_i", 33);
        CHARGER_MIN_I = amperes("charger_min_i", 35);
        VIN = Field::octets("vin", 37, 17, Form::Vin);
    }
    start_complete_v121 {
        MAKER = Field::octets("maker", 54, 4, Form::Text);
        SERIAL = hex("serial", 58, 4);
        MADE = Field::octets("made", 62, 3, Form::Octets(0));
        CHARGE_COUNT = Field::number("charge_count", 65, 3);
        OWNERSHIP = byte("ownership", 68);
        BMS_SOFTWARE = hex("bms_software", 76, 8);
    }
    stop_complete {
        STOP_REASON = byte("stop_reason", 1);
        RESULT = byte("result", 2);
        BST = hex("bst", 3, 4);
        END_SOC = byte("end_soc", 7);
        CELL_MIN_V = cell_volts("cell_min_v", 8);
        CELL_MAX_V = cell_volts("cell_max_v", 10);
        MIN_TEMP = celsius("min_temp", 12);
        MAX_TEMP = celsius("max_temp", 13);
        BEM = hex("bem", 14, 4);
        CEM = hex("cem", 18, 4);
    }
    stop_complete_spare {
        STOP_REASON = byte("stop_reason", 1);
        RESULT = byte("result", 2);
        BST = hex("bst", 4, 4);
        END_SOC = byte("end_soc", 8);
        CELL_MIN_V = cell_volts("cell_min_v", 9);
        CELL_MAX_V = cell_volts("cell_max_v", 11);
        MIN_TEMP = celsius("min_temp", 13);
        MAX_TEMP = celsius("max_temp", 14);
        BEM = hex("bem", 15, 4);
        CEM = hex("cem", 19, 4);
    }
}

/// What a table of one version is called; the length tells which it is.
#[derive(Clone, Copy, Debug)]
pub struct Tables {
    /// Fields of every version.
    pub common: &'static [Field],
    /// Fields that only this version has.
    pub more: &'static [Field],
    /// `V1.21` or `V2.30`, where the length tells.
    pub dialect: Option<&'static str>,
}

/// The tables of a message of so many octets.
#[must_use]
pub fn of(kind: Kind, length: usize) -> Tables {
    let only = |common| Tables { common, more: &[], dialect: None };
    match kind {
        Kind::Start => only(start::FIELDS),
        Kind::StartAck => only(start_ack::FIELDS),
        Kind::Stop => only(stop::FIELDS),
        Kind::StopAck | Kind::TimeAck => only(result::FIELDS),
        Kind::Time => only(time::FIELDS),
        Kind::Version | Kind::VersionAck => only(version::FIELDS),
        Kind::Parameters => only(parameters::FIELDS),
        Kind::ParametersAck => only(parameters_ack::FIELDS),
        Kind::Service => only(service::FIELDS),
        Kind::ServiceAck => only(service_ack::FIELDS),
        Kind::Lock => only(lock::FIELDS),
        Kind::LockAck => only(lock_ack::FIELDS),
        Kind::PowerLimit => only(power_limit::FIELDS),
        Kind::PowerLimitAck => only(power_limit_ack::FIELDS),
        Kind::StartCompleteAck => only(start_complete_ack::FIELDS),
        Kind::StopCompleteAck => only(stop_complete_ack::FIELDS),
        Kind::VehicleIdConfirm | Kind::VinResult => only(vin_result::FIELDS),
        Kind::EnergyTime => only(energy_time::FIELDS),
        Kind::TcuHeartbeat | Kind::CcuHeartbeat => only(heartbeat::FIELDS),
        Kind::SetPoint => only(set_point::FIELDS),
        Kind::DcStatus1 => only(status_1::FIELDS),
        Kind::DcStatus2 => only(&[]),
        Kind::DcState | Kind::AcState | Kind::AuthorisationAck | Kind::AcTelemetry => only(data::FIELDS),
        Kind::AcTelemetry2 | Kind::AcStatus | Kind::AcStatus2 | Kind::TcuError => only(data::FIELDS),
        Kind::CcuError | Kind::ConfigurationQuery => only(data::FIELDS),
        Kind::VehicleId | Kind::VinData => only(vehicle_id::FIELDS),
        Kind::Authorisation => only(authorisation::FIELDS),
        Kind::Configuration => only(configuration::FIELDS),
        Kind::StartComplete => {
            let whole = length >= 84;
            let more = if whole { start_complete_v121::FIELDS } else { &[] };
            Tables { common: start_complete::FIELDS, more, dialect: whole.then_some("V1.21") }
        }
        Kind::StopComplete if length >= 23 => only(stop_complete_spare::FIELDS),
        Kind::StopComplete => only(stop_complete::FIELDS),
        Kind::DcTelemetry => match length {
            36.. => {
                Tables { common: telemetry::FIELDS, more: telemetry_v121::FIELDS, dialect: Some("V1.21") }
            }
            34 => Tables { common: telemetry::FIELDS, more: telemetry_v230::FIELDS, dialect: Some("V2.30") },
            _ => only(telemetry::FIELDS),
        },
    }
}

/// Octets that every version of a message has.
#[must_use]
pub const fn shortest(kind: Kind) -> usize {
    match kind {
        Kind::StartComplete => 54,
        Kind::StopComplete => 22,
        Kind::VehicleId | Kind::VinData => 25,
        Kind::Authorisation => 20,
        Kind::DcTelemetry => 30,
        Kind::Configuration => 5,
        Kind::Start | Kind::StartAck | Kind::Stop | Kind::StopAck | Kind::Time | Kind::TimeAck => 8,
        Kind::Version | Kind::VersionAck | Kind::Parameters | Kind::ParametersAck | Kind::Service => 8,
        Kind::ServiceAck | Kind::Lock | Kind::LockAck | Kind::PowerLimit | Kind::PowerLimitAck => 8,
        Kind::StartCompleteAck | Kind::StopCompleteAck | Kind::DcState | Kind::AcState => 8,
        Kind::VehicleIdConfirm | Kind::AuthorisationAck | Kind::EnergyTime | Kind::DcStatus1 => 8,
        Kind::DcStatus2 | Kind::VinResult | Kind::AcTelemetry | Kind::AcTelemetry2 | Kind::AcStatus => 8,
        Kind::AcStatus2 | Kind::TcuHeartbeat | Kind::CcuHeartbeat | Kind::SetPoint | Kind::TcuError => 8,
        Kind::CcuError | Kind::ConfigurationQuery => 8,
    }
}
