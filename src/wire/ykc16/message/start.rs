//! Start and stop: 0x31 to 0x36, and 0xA1 to 0xA4 for two guns on one bus.

use crate::wire::ykc16::code;
use crate::wire::ykc16::field::{Ascii, Bcd, Raw};
use crate::wire::ykc16::layout::messages;
use crate::wire::ykc16::reading::{Reading, decimal};

messages! {
    /// 0x31: A user acts at the pile: card, account or VIN.
    StartRequest 0x31 Up "Pile asks to start (card/account/VIN)" connector {
        /// 1 card, 2 account (reserved), 3 VIN.
        mode: u8 => Reading::Codes(code::START_MODE),
        /// 0 no, 1 yes.
        need_pwd: u8 => Reading::Codes(code::NO_YES),
        /// Account or physical card number, left-filled with 0.
        card_phys: Raw<8>,
        /// MD5 of the password, 16 characters, lower case.
        pwd: Raw<16>,
        /// For mode 3, otherwise zeros; characters in reversed order ([`Ascii::reversed`]).
        vin: Ascii<17>,
    }

    /// 0x32: Answer to 0x31. Without its last two octets it is too short, and too short is no decision.
    StartDecision 0x32 Down "Platform start decision" session {
        /// Logical (printed) card number, left-filled with 0.
        card_logic: Bcd<8>,
        /// 0.01 yuan. Clamp it: a platform is known that sends it in the wrong byte order.
        balance: u32 => decimal(2),
        /// 0 refused, 1 accepted.
        ok: u8 => Reading::Codes(code::DECISION),
        /// 1 no such account, 2 frozen, 3 balance too low, 4 unsettled record on card, 5 pile disabled, 6
        /// account not allowed on this pile, 7 wrong password, 8 station capacity short, 9 VIN unknown to
        /// system, 0x0A pile has unsettled record, 0x0B pile does not support cards.
        reason: u8 => Reading::Codes(code::REFUSAL),
    }

    /// 0x33: Answer to 0x34, success within 90 s. After reason 5 a second, successful reply follows when the
    /// gun is plugged within 60 s; after that, or on any other error, no start and no further reply.
    RemoteStartReply 0x33 Up "Remote start reply" session {
        /// 0 fail, 1 ok.
        ok: u8 => Reading::Codes(code::DONE),
        /// 0 none, 1 device id mismatch, 2 connector already charging, 3 device fault, 4 device offline, 5
        /// gun not plugged.
        reason: u8 => Reading::Codes(code::START_FAILURE),
    }

    /// 0x34: On demand.
    RemoteStart 0x34 Down "Remote start" session {
        /// Logical (printed) card number, left-filled with 0.
        card_logic: Bcd<8>,
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
        /// 0.01 yuan. Clamp it: a platform is known that sends it in the wrong byte order.
        balance: u32 => decimal(2),
    }

    /// 0x35: Answer to 0x36.
    RemoteStopReply 0x35 Up "Remote stop reply" connector {
        /// 0 fail, 1 ok.
        ok: u8 => Reading::Codes(code::DONE),
        /// 0 none, 1 device id mismatch, 2 connector not charging, 3 other.
        reason: u8 => Reading::Codes(code::STOP_FAILURE),
    }

    /// 0x36: On demand. The platform closes the order as soon as it has sent this: obey always.
    RemoteStop 0x36 Down "Remote stop" connector {}

    /// 0xA1: One frame per gun.
    ParallelStartRequest 0xA1 Up "Parallel-charging start request" connector {
        /// 1 card, 2 account (reserved), 3 VIN.
        mode: u8 => Reading::Codes(code::START_MODE),
        /// 0 no, 1 yes.
        need_pwd: u8 => Reading::Codes(code::NO_YES),
        /// Account or physical card number, left-filled with 0.
        card_phys: Raw<8>,
        /// MD5 of the password, 16 characters, lower case.
        pwd: Raw<16>,
        /// For mode 3, otherwise zeros; characters in reversed order ([`Ascii::reversed`]).
        vin: Ascii<17>,
        /// 0 main gun, 1 auxiliary gun.
        aux: u8 => Reading::Codes(code::GUN_ROLE),
        /// Parallel number YYMMDDhhmmss, the same for all guns of the group.
        par_no: Bcd<6>,
    }

    /// 0xA2: The pile waits for all guns; one refusal cancels all.
    ParallelStartDecision 0xA2 Down "Parallel-charging start decision" session {
        /// Logical (printed) card number, left-filled with 0.
        card_logic: Bcd<8>,
        /// 0.01 yuan. Clamp it: a platform is known that sends it in the wrong byte order.
        balance: u32 => decimal(2),
        /// 0 refused, 1 accepted.
        ok: u8 => Reading::Codes(code::DECISION),
        /// As in 0x32.
        reason: u8 => Reading::Codes(code::REFUSAL),
        /// Parallel number YYMMDDhhmmss, the same for all guns of the group.
        par_no: Bcd<6>,
    }

    /// 0xA3: Answer to 0xA4.
    ParallelRemoteStartReply 0xA3 Up "Parallel-charging remote start reply" session {
        /// 0 fail, 1 ok.
        ok: u8 => Reading::Codes(code::DONE),
        /// As in 0x33.
        reason: u8 => Reading::Codes(code::START_FAILURE),
        /// 0 main gun, 1 auxiliary gun.
        aux: u8 => Reading::Codes(code::GUN_ROLE),
        /// Parallel number YYMMDDhhmmss, the same for all guns of the group.
        par_no: Bcd<6>,
    }

    /// 0xA4: On demand.
    ParallelRemoteStart 0xA4 Down "Parallel-charging remote start" session {
        /// Logical (printed) card number, left-filled with 0.
        card_logic: Bcd<8>,
        /// Physical card number (reader UID), left-filled with 0; as printed, not turned round.
        card_phys: Raw<8>,
        /// 0.01 yuan. Clamp it: a platform is known that sends it in the wrong byte order.
        balance: u32 => decimal(2),
        /// Parallel number YYMMDDhhmmss, made by the platform.
        par_no: Bcd<6>,
    }
}
