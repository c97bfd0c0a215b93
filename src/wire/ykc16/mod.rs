//! YKC V1.6 (云快充, 2020-10-29): the frames between a charging pile and a commercial platform.
//!
//! Pure and complete: every message of ykc16.md section 4, both directions, with 0x3D of V1.7 and the QR extension. One
//! struct per message is at once its table; typed reading and writing ([`body`]) and the JSON view come from it.
//!
//! ```text
//! frame, fault        start, length, header, checksum; why octets are refused
//! receiver            frames in a stream, resynchronisation, bounded memory
//! layout, field, time the language of the tables and its types
//! message             the tables: login, tariff, charging, start, record, card, maintenance
//! body                a body against its table: what it departs in, what it says
//! reading, code,      what numbers mean: exact decimals, enumerations, bits, stop codes
//! bits, stop
//! view                the JSON vocabulary
//! ```
//!
//! # How much of this is known
//!
//! The tables come from the vendor's text and are complete; the lengths of the fixed bodies agree with the published
//! length octets, and frames of real piles decode to sensible values (ykc16.md 11). Not so sure are:
//!
//! - the byte order of the sequence number: not stated, samples show both; it is opaque here;
//! - the end of a session's record: 0x3B and 0x40 contradict each other on repetition (ykc16.md 7);
//! - the reason of 0x45: the text contradicts itself;
//! - 0x3D: from V1.7, seen in one public adapter; 0xF0 and 0xF1: a common extension, not in the text, with variants;
//! - bits 14 and 15 of the hardware faults, and what stands in reserved stop codes: 易联桩 (YiLian) only;
//! - the greatest length: the text says 200, its own tables of offline cards need 252.
//!
//! The checksums, lengths and some serial numbers of the vendor's sample boxes are mostly wrong (ykc16.md 7) and no
//! measure of anything.
//!
//! # What is taken that the text does not say
//!
//! Met in the field (ykc16.md 8) and counted ([`Opened::is_tolerated`]): the checksum with its high octet first, the
//! count or mode of 0x44, 0x46, 0x48 and 0x92 in four octets, up to four octets behind a body of fixed size. A value
//! outside its enumeration, such as an ASCII digit, is unknown and never success.
//!
//! What is absent: sessions, order, repetition, time-outs; the 3DES encryption of bodies, for which there is no key:
//! such a frame is refused; the messages of 易联桩 (0x71 to 0x73, 0x95, 0x96) and of YKC 2.0.

pub mod bits;
pub mod body;
pub mod code;
pub mod fault;
pub mod field;
pub mod frame;
pub mod layout;
pub mod message;
pub mod reading;
pub mod receiver;
pub mod stop;
pub mod time;

mod view;

pub use body::{Opened, open, write};
pub use fault::Fault;
pub use frame::{Frame, Header};
pub use layout::{Message, Way};
pub use receiver::{Found, Receiver};

use crate::wire::codec::Codec;

/// What `depotctl` and the vector tests see.
pub const CODEC: Codec = Codec { name: "ykc16", decode: view::decode, encode: view::encode, bus: None };
