//! Parameters, parking lock, restart, firmware, QR code: 0x51, 0x52, 0x61 to 0x63, 0x91 to 0x94, 0xF0, 0xF1.

use crate::wire::ykc16::code;
use crate::wire::ykc16::field::{Ascii, Raw, Text};
use crate::wire::ykc16::layout::messages;
use crate::wire::ykc16::reading::Reading;

messages! {
    /// 0x52: On demand.
    WorkingSet 0x52 Down "Working-parameter set" pile {
        /// 0 in service, 1 out of service (locked).
        lock: u8 => Reading::Codes(code::LOCKED),
        /// Max output power, %, 30..100.
        power_pct: u8,
    }

    /// 0x51: Answer to 0x52.
    WorkingReply 0x51 Up "Working-parameter reply" pile {
        /// 0 fail, 1 ok.
        ok: u8 => Reading::Codes(code::DONE),
    }

    /// 0x61: On change and every 5 min.
    LockState 0x61 Up "Parking-lock state" connector {
        /// 0 in between, 0x55 up, 0xFF down.
        lock: u8 => Reading::Codes(code::ARM),
        /// 0 empty, 0xFF occupied.
        car: u8 => Reading::Codes(code::CAR),
        /// %.
        battery: u8,
        /// 0 none, 0xFF arm forced while idle, 0x55 arm did not reach position.
        alarm: u8 => Reading::Codes(code::ARM_ALARM),
        /// 0.
        res: Raw<4>,
    }

    /// 0x62: On demand.
    LockCommand 0x62 Down "Parking-lock command" connector {
        /// 0x55 raise, 0xFF lower.
        cmd: Raw<1>,
        /// 0.
        res: Raw<4>,
    }

    /// 0x63: Answer to 0x62.
    LockReply 0x63 Up "Parking-lock command reply" connector {
        /// 1 ok, 0 fail.
        ok: u8 => Reading::Codes(code::DONE),
        /// 0.
        res: Raw<4>,
    }

    /// 0x92: On demand. Platforms are known that send the mode in 4 octets.
    Reboot 0x92 Down "Reboot" pile {
        /// 1 at once, 2 when idle.
        mode: u8 => Reading::Codes(code::WHEN),
    }

    /// 0x91: Answer to 0x92.
    RebootReply 0x91 Up "Reboot reply" pile {
        /// 0 fail, 1 ok.
        ok: u8 => Reading::Codes(code::DONE),
    }

    /// 0x94: On demand: fetch an image by FTP.
    Firmware 0x94 Down "Firmware update" pile {
        /// 1 DC, 2 AC.
        model: u8 => Reading::Codes(code::FIRMWARE_MODEL),
        /// kW.
        power: u16,
        /// Address of the FTP server.
        server: Ascii<16>,
        /// TCP port.
        port: u16,
        /// User name.
        user: Ascii<16>,
        /// Password.
        pwd: Ascii<16>,
        /// Path of the image.
        path: Ascii<32>,
        /// 1 at once, 2 when idle.
        mode: u8 => Reading::Codes(code::WHEN),
        /// Minutes.
        timeout: u8,
    }

    /// 0x93: After acting on 0x94.
    FirmwareReply 0x93 Up "Firmware update reply" pile {
        /// 0 ok, 1 id wrong, 2 program/model mismatch, 3 download timeout.
        status: u8 => Reading::Codes(code::FIRMWARE),
    }

    /// 0xF0: Common extension, not in the V1.6 text.
    QrPrefix 0xF0 Down "QR prefix set (not in V1.6 text; common extension)" pile {
        /// 0 prefix and pile code, 1 prefix, organisation and pile code.
        format: u8 => Reading::Codes(code::QR_FORMAT),
        /// At most 200 characters.
        prefix: Text<200>,
    }

    /// 0xF1: Answer to 0xF0; common extension, not in the V1.6 text.
    QrPrefixReply 0xF1 Up "QR prefix set reply" pile {
        /// 0 fail, 1 ok; variants differ.
        ok: u8 => Reading::Codes(code::DONE),
    }
}
