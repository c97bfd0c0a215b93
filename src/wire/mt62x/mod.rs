//! MINGTE MT625 and MT626 card readers, and the SL-RF800 family beside them (rs485.md 5.1).
//!
//! ```text
//! 02 | length, 2 octets | command, 2 octets | data | 03 | BCC
//! ```
//!
//! The length counts command and data; the BCC is the exclusive or of everything before it. Frames of finding, serial
//! number, login and reading were measured on a reader \[V\]; the CPU-card commands are known by name, their data are
//! the maker's \[S2\]; what stands behind command 30 (buzzer, version, reset) is in the maker's manual only.
//!
//! Nothing in a frame tells a question from an answer but its data; [`Command::is_answer`] says how they are told apart.
//! A reader may print lines of text before a frame, so a receiver trusts nothing but length, end and BCC together.

mod command;
pub mod frame;
mod json;

pub use command::{Command, Status};
pub use frame::{Frame, cut};

use crate::wire::codec::Codec;

/// How people look at it.
pub const CODEC: Codec = Codec { name: "mt62x", decode: json::decode, encode: json::encode, bus: None };
