//! Records and money: 0x3B, 0x3D of V1.7, 0x40 to 0x42.

use crate::wire::ykc16::code;
use crate::wire::ykc16::field::{Ascii, Bcd, Narrow, Raw};
use crate::wire::ykc16::layout::messages;
use crate::wire::ykc16::reading::{Reading, decimal};
use crate::wire::ykc16::time::Cp56;

messages! {
    /// 0x3B: At the end of every order that was started, even when the start failed; within 30 s. Unanswered:
    /// again after 30 s, 3 times in all, then kept and offered after the next login (the text contradicts
    /// itself, ykc16.md 7).
    Record 0x3B Up "Transaction record" session {
        /// Start of charging.
        start: Cp56,
        /// End of charging.
        end: Cp56,
        /// Price, tip 尖, energy and service, 0.00001 yuan/kWh.
        tip_price: u32 => decimal(5),
        /// Energy, tip 尖, 0.0001 kWh.
        tip_kwh: u32 => decimal(4),
        /// Loss-corrected energy, tip 尖, 0.0001 kWh.
        tip_kwh_loss: u32 => decimal(4),
        /// Amount, tip 尖, 0.0001 yuan.
        tip_amount: u32 => decimal(4),
        /// Price, peak 峰, energy and service, 0.00001 yuan/kWh.
        peak_price: u32 => decimal(5),
        /// Energy, peak 峰, 0.0001 kWh.
        peak_kwh: u32 => decimal(4),
        /// Loss-corrected energy, peak 峰, 0.0001 kWh.
        peak_kwh_loss: u32 => decimal(4),
        /// Amount, peak 峰, 0.0001 yuan.
        peak_amount: u32 => decimal(4),
        /// Price, flat 平, energy and service, 0.00001 yuan/kWh.
        flat_price: u32 => decimal(5),
        /// Energy, flat 平, 0.0001 kWh.
        flat_kwh: u32 => decimal(4),
        /// Loss-corrected energy, flat 平, 0.0001 kWh.
        flat_kwh_loss: u32 => decimal(4),
        /// Amount, flat 平, 0.0001 yuan.
        flat_amount: u32 => decimal(4),
        /// Price, valley 谷, energy and service, 0.00001 yuan/kWh.
        valley_price: u32 => decimal(5),
        /// Energy, valley 谷, 0.0001 kWh.
        valley_kwh: u32 => decimal(4),
        /// Loss-corrected energy, valley 谷, 0.0001 kWh.
        valley_kwh_loss: u32 => decimal(4),
        /// Amount, valley 谷, 0.0001 yuan.
        valley_amount: u32 => decimal(4),
        /// Register at the start, 0.0001 kWh.
        meter_start: Narrow<5> => decimal(4),
        /// Register at the end, 0.0001 kWh.
        meter_end: Narrow<5> => decimal(4),
        /// Energy, 0.0001 kWh.
        total_kwh: u32 => decimal(4),
        /// Loss-corrected energy, 0.0001 kWh.
        total_kwh_loss: u32 => decimal(4),
        /// Energy and service, 0.0001 yuan.
        total_amount: u32 => decimal(4),
        /// VIN, in normal order here.
        vin: Ascii<17>,
        /// 1 app, 2 card, 4 offline card, 5 VIN.
        flag: u8 => Reading::Codes(code::RECORD_FLAG),
        /// Time of the transaction.
        time: Cp56,
        /// Stop-reason code, [`super::super::stop`].
        stop: u8 => Reading::Stop,
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
    }

    /// 0x3D: Successor of 0x3B in V1.7; longer than V1.6 allows a frame to be.
    Record17 0x3D Up "Transaction record (V1.7 successor of 0x3B)" session {
        /// Start of charging.
        start: Cp56,
        /// End of charging.
        end: Cp56,
        /// Meter number.
        meter_no: Bcd<6>,
        /// Encrypted meter reading.
        meter_cipher: Raw<34>,
        /// Meter protocol version.
        meter_proto: Bcd<2>,
        /// Encryption method.
        enc: u8,
        /// Price, tip 尖, energy and service, 0.00001 yuan/kWh.
        tip_price: u32 => decimal(5),
        /// Energy, tip 尖, 0.0001 kWh.
        tip_kwh: u32 => decimal(4),
        /// Loss-corrected energy, tip 尖, 0.0001 kWh.
        tip_kwh_loss: u32 => decimal(4),
        /// Amount, tip 尖, 0.0001 yuan.
        tip_amount: u32 => decimal(4),
        /// Price, peak 峰, energy and service, 0.00001 yuan/kWh.
        peak_price: u32 => decimal(5),
        /// Energy, peak 峰, 0.0001 kWh.
        peak_kwh: u32 => decimal(4),
        /// Loss-corrected energy, peak 峰, 0.0001 kWh.
        peak_kwh_loss: u32 => decimal(4),
        /// Amount, peak 峰, 0.0001 yuan.
        peak_amount: u32 => decimal(4),
        /// Price, flat 平, energy and service, 0.00001 yuan/kWh.
        flat_price: u32 => decimal(5),
        /// Energy, flat 平, 0.0001 kWh.
        flat_kwh: u32 => decimal(4),
        /// Loss-corrected energy, flat 平, 0.0001 kWh.
        flat_kwh_loss: u32 => decimal(4),
        /// Amount, flat 平, 0.0001 yuan.
        flat_amount: u32 => decimal(4),
        /// Price, valley 谷, energy and service, 0.00001 yuan/kWh.
        valley_price: u32 => decimal(5),
        /// Energy, valley 谷, 0.0001 kWh.
        valley_kwh: u32 => decimal(4),
        /// Loss-corrected energy, valley 谷, 0.0001 kWh.
        valley_kwh_loss: u32 => decimal(4),
        /// Amount, valley 谷, 0.0001 yuan.
        valley_amount: u32 => decimal(4),
        /// Register at the start, 0.0001 kWh.
        meter_start: Narrow<5> => decimal(4),
        /// Register at the end, 0.0001 kWh.
        meter_end: Narrow<5> => decimal(4),
        /// Energy, 0.0001 kWh.
        total_kwh: u32 => decimal(4),
        /// Loss-corrected energy, 0.0001 kWh.
        total_kwh_loss: u32 => decimal(4),
        /// Energy and service, 0.0001 yuan.
        total_amount: u32 => decimal(4),
        /// VIN, in normal order here.
        vin: Ascii<17>,
        /// 1 app, 2 card, 4 offline card, 5 VIN.
        flag: u8 => Reading::Codes(code::RECORD_FLAG),
        /// Time of the transaction.
        time: Cp56,
        /// Stop-reason code, [`super::super::stop`].
        stop: u8 => Reading::Stop,
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
    }

    /// 0x40: Answer to 0x3B and 0x3D; only means "received".
    RecordAck 0x40 Down "Transaction record ack" own {
        /// Transaction serial number.
        serial: Bcd<16>,
        /// 0 stored, 1 illegal bill; anything else is no acknowledgement.
        result: u8 => Reading::Codes(code::RECORD_VERDICT),
    }

    /// 0x41: Answer to 0x42.
    BalanceReply 0x41 Up "Balance update reply" pile {
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
        /// 0 ok, 1 device id wrong, 2 card wrong.
        result: u8 => Reading::Codes(code::BALANCE),
    }

    /// 0x42: After a top-up while charging.
    BalanceUpdate 0x42 Down "Balance update" connector {
        /// 0: apply to the running session without checking the card; otherwise it must match.
        card_phys: Raw<8>,
        /// 0.01 yuan. Clamp it: a platform is known that sends it in the wrong byte order.
        balance: u32 => decimal(2),
    }
}
