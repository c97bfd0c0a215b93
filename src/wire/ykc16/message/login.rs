//! Link and clock: 0x01 to 0x04, 0x55, 0x56.

use crate::wire::ykc16::code;
use crate::wire::ykc16::field::{Ascii, Bcd};
use crate::wire::ykc16::layout::messages;
use crate::wire::ykc16::reading::Reading;
use crate::wire::ykc16::time::Cp56;

messages! {
    /// 0x01: At power-up and after every loss of the link, until accepted.
    Login 0x01 Up "Login" pile {
        /// 0 DC, 1 AC.
        pile_type: u8 => Reading::Codes(code::PILE_TYPE),
        /// Number of connectors.
        guns: u8,
        /// Protocol version x 10 as an integer: V1.6 is 16.
        proto_ver: u8,
        /// Software version, zero filled.
        sw_ver: Ascii<8>,
        /// 0 SIM, 1 LAN, 2 WAN, 3 other.
        net: u8 => Reading::Codes(code::NETWORK),
        /// SIM ICCID, zeros if unknown.
        sim: Bcd<10>,
        /// 0 CMCC, 2 CTCC, 3 CUCC, 4 other.
        operator: u8 => Reading::Codes(code::OPERATOR),
    }

    /// 0x02: On failure the platform also closes the link.
    LoginReply 0x02 Down "Login reply" pile {
        /// 0 accepted, 1 refused.
        result: u8 => Reading::Codes(code::LOGIN),
    }

    /// 0x03: Every 10 s per connector; 3 unanswered: the link is lost, log in again.
    Heartbeat 0x03 Up "Heartbeat" connector {
        /// 0 normal, 1 fault.
        state: u8 => Reading::Codes(code::HEARTBEAT),
    }

    /// 0x04: Answer to 0x03.
    HeartbeatReply 0x04 Down "Heartbeat reply" connector {
        /// 0.
        ack: u8,
    }

    /// 0x56: Daily by the text, after login in practice.
    TimeSet 0x56 Down "Time set" pile {
        /// Time to set.
        time: Cp56,
    }

    /// 0x55: Answer to 0x56.
    TimeReply 0x55 Up "Time set reply" pile {
        /// Own clock after setting.
        time: Cp56,
    }
}
