//! Card readers of any make whose answer is one frame with a UID in it, described by a [`Profile`] (rs485.md 5.4).
//!
//! ```toml
//! [reader]
//! name = "mt625-uid"                      # for people
//! kind = "uid-frame"
//! mode = "poll"                           # or "push": it speaks when it likes
//! poll_hex = "02 00 02 34 31 03 06"       # poll: what is asked,
//! poll_ms = 300                           #   and how often
//! frame.start = "02"                      # may be absent
//! frame.len = { offset = 1, size = 2, endian = "be", adds = 5 }    # total = value + adds
//! # or: frame.fixed = 16 (octets in all), frame.until = "0D" (ends with the first of these), frame.idle_ms = 20
//! # (ends when nothing came for so long)
//! frame.end = "03"                        # before the checksum, may be absent
//! frame.check = { algo = "xor", from = 0, to = "end", width = 1 }  # none sum xor lrc crc16-modbus crc16-ccitt
//! #   crc16-xmodem; to: "end" = all before the checksum, "data" = up to frame.end, or an offset; order = "be" | "le";
//! #   ascii_hex = it is written as hex digits; digits = what it goes over are hex digits
//! frame.tail = "0D 0A"                    # behind the checksum, may be absent
//! match = { offset = 3, hex = "34 31 59" }                 # a card; absent = every frame that is not `absent`
//! absent = { offset = 3, hex = "34 31 4E" }                # no card
//! uid = { offset = 6, len = 4, order = "msb" }             # no len = up to frame.end; "lsb" = last octet on air first;
//! #   ascii_hex = hex digits; ascii_dec = decimal digits of a number of `octets` octets
//! fields.command = { offset = 3, len = 2 }                 # what people see; text = true for characters
//! dedupe_ms = 2000                        # the same card within this time is the same showing
//! ```
//!
//! The built-in profiles are `packaging/readers/*.toml`; what in them is an assumption says so there. crc16-ccitt begins
//! with FFFF, crc16-xmodem with 0000, neither is reflected \[C\].

mod check;
mod frame;
mod json;
mod profile;
mod read;
mod written;

pub use check::{Algorithm, Check, Reach};
pub use frame::Refusal;
pub use profile::{Endian, Layout, Length, Meaning, Mode, Part, Pattern, Problem, Profile, Uid, Writing};

use crate::wire::codec::Codec;

/// How people look at it.
pub const CODEC: Codec = Codec { name: "uid-frame", decode: json::decode, encode: json::encode, bus: None };

/// The built-in profiles: name and text.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("mt625-uid", include_str!("../../../packaging/readers/mt625-uid.toml")),
    ("hid-acg", include_str!("../../../packaging/readers/hid-acg.toml")),
    ("cr08", include_str!("../../../packaging/readers/cr08.toml")),
    ("serial-text", include_str!("../../../packaging/readers/serial-text.toml")),
    ("par-100as", include_str!("../../../packaging/readers/par-100as.toml")),
];
