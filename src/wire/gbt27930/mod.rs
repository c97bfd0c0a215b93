//! GB/T 27930: what a DC charger and the battery management system of a vehicle say to each other on the pair of wires
//! in the plug. Editions 2011 and 2015 in full; of category B of 2023 only its negotiation is recognised.
//!
//! Everything here is written for a listener: nothing acknowledges and nothing is asked for. Raw integers inside,
//! physical values only in the JSON of [`view`]. Sources (can.md section 1): 2011 from the standard's own pages, 2015
//! from a page-by-page extraction, both checked against real traffic; CEM, BMV, BMT and BSP were never seen there.
//!
//! ```text
//! message     the 22 messages by PDU format and sender; one payload of known length
//! layout      the tables of their fields, per edition
//! edition     which edition a session speaks
//! transport   long messages put together from J1939-21 RTS, CTS and DT
//! receiver    frames in, messages out; what was odd is counted
//! view        the JSON vocabulary
//! ```
//!
//! What is absent: phases, time limits of the dialogue, what a message means for a session (that is `bms`).

pub mod edition;
pub mod layout;
pub mod message;
pub mod receiver;
pub mod transport;
pub mod view;

pub use edition::{Edition, Evidence};
pub use message::{Kind, Message, Side};
pub use receiver::{Counters, Heard, Receiver};

use super::codec::Codec;

/// What `depotctl` and the vector tests see.
pub const CODEC: Codec =
    Codec { name: "gbt27930", decode: view::decode, encode: view::encode, bus: Some(view::open_bus) };
