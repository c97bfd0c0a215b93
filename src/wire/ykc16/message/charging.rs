//! A session while it runs: 0x12 to 0x25.

use crate::wire::ykc16::field::{Ascii, Narrow, Raw};
use crate::wire::ykc16::layout::messages;
use crate::wire::ykc16::reading::{Reading, decimal, offset};
use crate::wire::ykc16::{bits, code};

messages! {
    /// 0x12: On demand.
    RealtimeRequest 0x12 Down "Read realtime data" connector {}

    /// 0x13: Idle every 5 min, charging every 15 s, at once on change of state or plug, and as answer to 0x12.
    /// While charging never report idle: two idle reports make the order abnormal.
    Realtime 0x13 Up "Realtime data" session {
        /// 0 offline, 1 fault, 2 idle, 3 charging; sent on change.
        state: u8 => Reading::Codes(code::STATE),
        /// Gun in holster: 0 no, 1 yes, 2 unknown.
        homed: u8 => Reading::Codes(code::HOMED),
        /// 0 no, 1 yes; sent on change.
        plugged: u8 => Reading::Codes(code::NO_YES),
        /// 0.1 V.
        volt: u16 => decimal(1),
        /// 0.1 A.
        curr: u16 => decimal(1),
        /// Degrees C from -50.
        cable_temp: u8 => offset(0, -50),
        /// Cable, zeros if none.
        cable_code: Raw<8>,
        /// %; 0 for AC.
        soc: u8,
        /// Degrees C from -50; 0 raw for AC and while idle.
        batt_max_temp: u8 => offset(0, -50),
        /// Minutes charged.
        charge_min: u16,
        /// Minutes left.
        remain_min: u16,
        /// 0.0001 kWh.
        kwh: u32 => decimal(4),
        /// Loss-corrected, 0.0001 kWh; equal to `kwh` while the ratio is 0.
        kwh_loss: u32 => decimal(4),
        /// 0.0001 yuan: price of energy and service times the loss-corrected energy.
        amount: u32 => decimal(4),
        /// [`super::super::bits::HARDWARE`].
        hw_fault: u16 => Reading::Bits(bits::HARDWARE),
    }

    /// 0x15: BRM, once per session after the handshake.
    Handshake 0x15 Up "BMS handshake (BRM)" session {
        /// Protocol version of the BMS (GB/T 27930).
        bms_ver: Raw<3>,
        /// 1 lead-acid, 2 NiMH (text says 氢), 3 LFP, 4 LMO, 5 LCO, 6 NMC, 7 Li-polymer, 8 LTO, 0xFF other.
        batt_type: u8 => Reading::Codes(code::BATTERY),
        /// Rated capacity, 0.1 Ah.
        rated_ah: u16 => decimal(1),
        /// Rated voltage, 0.1 V.
        rated_v: u16 => decimal(1),
        /// Battery maker.
        maker: Ascii<4>,
        /// Pack serial number.
        pack_no: Raw<4>,
        /// Year of production, from 1985.
        year: u8 => offset(0, 1985),
        /// Month of production.
        month: u8,
        /// Day of production.
        day: u8,
        /// Charges so far.
        cycles: Narrow<3>,
        /// 0 leased, 1 owned.
        owner: u8 => Reading::Codes(code::OWNER),
        /// Reserved.
        res: Raw<1>,
        /// VIN.
        vin: Ascii<17>,
        /// BMS software version.
        bms_sw: Raw<8>,
    }

    /// 0x17: BCP and CML, once per session.
    Parameters 0x17 Up "Parameter configuration (BCP+CML)" session {
        /// Highest cell voltage allowed, 0.01 V.
        cell_v_max: u16 => decimal(2),
        /// Highest charging current allowed, 0.1 A from -400.
        i_max: u16 => offset(1, -400),
        /// Nominal energy of the pack, 0.1 kWh.
        energy: u16 => decimal(1),
        /// Highest voltage allowed, 0.1 V.
        v_max: u16 => decimal(1),
        /// Highest temperature allowed, degrees C from -50.
        t_max: u8 => offset(0, -50),
        /// 0.1 %.
        soc: u16 => decimal(1),
        /// Present voltage of the pack, 0.1 V.
        batt_v: u16 => decimal(1),
        /// Highest output voltage, 0.1 V.
        pile_v_max: u16 => decimal(1),
        /// Lowest output voltage, 0.1 V.
        pile_v_min: u16 => decimal(1),
        /// Highest output current, 0.1 A from -400.
        pile_i_max: u16 => offset(1, -400),
        /// Lowest output current, 0.1 A from -400.
        pile_i_min: u16 => offset(1, -400),
    }

    /// 0x19: BSD and CSD, at the end of a session. Chargers are known that send one octet more.
    ChargeEnd 0x19 Up "Charge end (BSD+CSD)" session {
        /// %.
        soc: u8,
        /// Lowest cell voltage, 0.01 V.
        cell_v_min: u16 => decimal(2),
        /// Highest cell voltage, 0.01 V.
        cell_v_max: u16 => decimal(2),
        /// Lowest temperature, degrees C from -50.
        t_min: u8 => offset(0, -50),
        /// Highest temperature, degrees C from -50.
        t_max: u8 => offset(0, -50),
        /// Minutes in all.
        minutes: u16,
        /// 0.1 kWh.
        energy: u16 => decimal(1),
        /// Charger number.
        charger_no: u32,
    }

    /// 0x1B: BEM and CEM, when raised.
    Errors 0x1B Up "Error message (BEM/CEM)" session {
        /// [`super::super::bits::TIMEOUTS`].
        timeouts: u64 => Reading::Bits(bits::TIMEOUTS),
    }

    /// 0x1D: BST, when raised.
    BmsStop 0x1D Up "BMS stop (BST)" session {
        /// [`super::super::bits::BMS_REASON`].
        reason: u8 => Reading::Bits(bits::BMS_REASON),
        /// [`super::super::bits::BMS_FAULT`].
        fault: u16 => Reading::Bits(bits::BMS_FAULT),
        /// [`super::super::bits::BMS_ERROR`].
        error: u8 => Reading::Bits(bits::BMS_ERROR),
    }

    /// 0x21: CST, when raised.
    ChargerStop 0x21 Up "Charger stop (CST)" session {
        /// [`super::super::bits::CHARGER_REASON`].
        reason: u8 => Reading::Bits(bits::CHARGER_REASON),
        /// [`super::super::bits::CHARGER_FAULT`].
        fault: u16 => Reading::Bits(bits::CHARGER_FAULT),
        /// [`super::super::bits::CHARGER_ERROR`].
        error: u8 => Reading::Bits(bits::CHARGER_ERROR),
    }

    /// 0x23: BCL, BCS and CCS, every 15 s while charging.
    Demand 0x23 Up "BMS demand and charger output (BCL+BCS+CCS)" session {
        /// Voltage asked for, 0.1 V.
        v_req: u16 => decimal(1),
        /// Current asked for, 0.1 A from -400.
        i_req: u16 => offset(1, -400),
        /// 1 constant voltage, 2 constant current.
        mode: u8 => Reading::Codes(code::CHARGING),
        /// Voltage measured by the BMS, 0.1 V.
        v_meas: u16 => decimal(1),
        /// Current measured by the BMS, 0.1 A from -400.
        i_meas: u16 => offset(1, -400),
        /// Bits 0-11 highest cell voltage in 0.01 V, bits 12-15 its group.
        cell_max: u16 => Reading::Cell,
        /// %.
        soc: u8,
        /// Minutes left.
        remain_min: u16,
        /// Output voltage, 0.1 V.
        pile_v: u16 => decimal(1),
        /// Output current, 0.1 A from -400.
        pile_i: u16 => offset(1, -400),
        /// Minutes charged.
        minutes: u16,
    }

    /// 0x25: BSM, every 15 s while charging. Chargers are known that send the flags as one octet each: that
    /// body is refused.
    Battery 0x25 Up "BMS information (BSM)" session {
        /// Cell of the highest voltage, from 1.
        cell_no: u8 => offset(0, 1),
        /// Highest temperature, degrees C from -50.
        t_max: u8 => offset(0, -50),
        /// Its sensor, from 1.
        t_max_no: u8 => offset(0, 1),
        /// Lowest temperature, degrees C from -50.
        t_min: u8 => offset(0, -50),
        /// Its sensor, from 1.
        t_min_no: u8 => offset(0, 1),
        /// [`super::super::bits::BATTERY`].
        flags: u16 => Reading::Bits(bits::BATTERY),
    }
}
