//! Billing models: 0x05 to 0x0A, 0x57, 0x58.

use crate::wire::ykc16::code;
use crate::wire::ykc16::field::Bcd;
use crate::wire::ykc16::layout::messages;
use crate::wire::ykc16::reading::{Reading, decimal};

messages! {
    /// 0x05: After login, repeated until it succeeds.
    ModelCheck 0x05 Up "Billing-model check request" pile {
        /// Number of the model held; 0000 at first contact.
        model_no: Bcd<2>,
    }

    /// 0x06: Different: ask with 0x09. A platform is known that sends the body of 0x40 under this type.
    ModelCheckReply 0x06 Down "Billing-model check reply" pile {
        /// Billing-model number.
        model_no: Bcd<2>,
        /// 0 same model, 1 different -> pile sends 0x09.
        result: u8 => Reading::Codes(code::MODEL),
    }

    /// 0x09: When 0x06 said "different", until it succeeds; without a model charging is forbidden.
    ModelRequest 0x09 Up "Billing-model request" pile {}

    /// 0x0A: Answer to 0x09. Some platforms push a model with it instead of 0x58: take it unasked, answer
    /// nothing.
    ModelReply 0x0A Down "Billing-model reply" pile {
        /// Number of the model; fixed 0100 in the text.
        model_no: Bcd<2>,
        /// Energy price, tip 尖, 0.00001 yuan/kWh.
        tip_elec: u32 => decimal(5),
        /// Service price, tip 尖, 0.00001 yuan/kWh.
        tip_serv: u32 => decimal(5),
        /// Energy price, peak 峰, 0.00001 yuan/kWh.
        peak_elec: u32 => decimal(5),
        /// Service price, peak 峰, 0.00001 yuan/kWh.
        peak_serv: u32 => decimal(5),
        /// Energy price, flat 平, 0.00001 yuan/kWh.
        flat_elec: u32 => decimal(5),
        /// Service price, flat 平, 0.00001 yuan/kWh.
        flat_serv: u32 => decimal(5),
        /// Energy price, valley 谷, 0.00001 yuan/kWh.
        valley_elec: u32 => decimal(5),
        /// Service price, valley 谷, 0.00001 yuan/kWh.
        valley_serv: u32 => decimal(5),
        /// Metering-loss ratio, %; the platform always sends 0. One is known that sends 0x30: refuse as
        /// implausible.
        loss_ratio: u8,
        /// 48 half hours from 00:00: 0 tip, 1 peak, 2 flat, 3 valley.
        slots: [u8; 48],
    }

    /// 0x58: On demand.
    ModelSet 0x58 Down "Billing-model set" pile {
        /// Billing-model number.
        model_no: Bcd<2>,
        /// Energy price, tip 尖, 0.00001 yuan/kWh.
        tip_elec: u32 => decimal(5),
        /// Service price, tip 尖, 0.00001 yuan/kWh.
        tip_serv: u32 => decimal(5),
        /// Energy price, peak 峰, 0.00001 yuan/kWh.
        peak_elec: u32 => decimal(5),
        /// Service price, peak 峰, 0.00001 yuan/kWh.
        peak_serv: u32 => decimal(5),
        /// Energy price, flat 平, 0.00001 yuan/kWh.
        flat_elec: u32 => decimal(5),
        /// Service price, flat 平, 0.00001 yuan/kWh.
        flat_serv: u32 => decimal(5),
        /// Energy price, valley 谷, 0.00001 yuan/kWh.
        valley_elec: u32 => decimal(5),
        /// Service price, valley 谷, 0.00001 yuan/kWh.
        valley_serv: u32 => decimal(5),
        /// Metering-loss ratio, %; the platform always sends 0. One is known that sends 0x30: refuse as
        /// implausible.
        loss_ratio: u8,
        /// 48 half hours from 00:00: 0 tip, 1 peak, 2 flat, 3 valley.
        slots: [u8; 48],
    }

    /// 0x57: Answer to 0x58.
    ModelSetReply 0x57 Up "Billing-model set reply" pile {
        /// 0 fail, 1 ok.
        ok: u8 => Reading::Codes(code::DONE),
    }
}
