//! OSDP v2.2 (IEC 60839-11-5): card readers (rs485.md 4).
//!
//! [`frame`] cuts and checks octets, [`Command`] and [`Reply`] are what they say, [`secure`] is the secure channel, for
//! both ends. What is absent: sequence numbers in time, repetition, policy about keys; those are the panel's
//! ([`crate::wire`] knows no devices).
//!
//! Layouts and formulas are those of rs485.md 4, which were exercised against another implementation \[V\]; replies 57,
//! 58, 80 to 84 and B1 and the commands of smart cards and biometrics are known by name only and kept as octets.

pub mod command;
pub mod frame;
mod json;
mod layout;
pub mod reply;
pub mod secure;

pub use command::Command;
pub use frame::{Block, Check, Frame, Header, Security, cut};
pub use layout::{Detail, Digits, KeyOctets, Octets, Reserved, Rest, Text, Untabled, Version};
pub use reply::Reply;

use crate::wire::codec::Codec;
use std::fmt;

/// How people look at it.
pub const CODEC: Codec = Codec { name: "osdp", decode: json::decode, encode: json::encode, bus: None };

/// Why a whole frame says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// A code without a name in this direction.
    UnknownCode(u8),
    /// The data of this code do not have its layout; how many octets there are.
    Body(u8, usize),
}

impl fmt::Display for Unreadable {
    /// Begins with the error code of the vector format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::UnknownCode(code) => write!(f, "unknown_command: {code:02X}"),
            Unreadable::Body(code, size) => write!(f, "body: {size} octets do not fit {code:02X}"),
        }
    }
}

impl std::error::Error for Unreadable {}
