//! Wire profile 222 (DB4403/T 222-2021): the frames between a depot and the city's platform.
//!
//! Pure and complete: every message of sections 7 to 12 of the profile, both directions, is a table ([`layout`]), and
//! one engine ([`octets`]) reads and writes any body by its table. What may change when the official text is compared
//! stands in [`dialect`] and nowhere else.
//!
//! ```text
//! dialect, checksum   the assumptions; the CRC16-CCITT variants
//! frame, verdict      start, length, header, checksum; why a frame is refused
//! receiver            frames in a stream, resynchronisation, bounded memory
//! layout              the tables: basic, charging, maintenance, alarm, gate, video
//! octets, body, cp56  the engine, its values, the time format
//! view                the JSON vocabulary
//! ```
//!
//! What is absent: sessions, order, repetition, and every time-out.

pub mod body;
pub mod checksum;
pub mod cp56;
pub mod dialect;
pub mod frame;
pub mod layout;
pub mod octets;
pub mod receiver;
pub mod verdict;
pub mod view;

mod alarm;
mod basic;
mod charging;
mod gate;
mod maintenance;
mod video;

pub use body::{Body, Value};
pub use checksum::{Checksum, Order, Variant};
pub use frame::Header;
pub use layout::Direction;
pub use receiver::{Found, Receiver};
pub use verdict::Verdict;

use crate::wire::codec::Codec;

/// What `depotctl` and the vector tests see.
pub const CODEC: Codec = Codec { name: "platform222", decode: view::decode, encode: view::encode, bus: None };

/// What a good frame says to the side that received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// The other side wants something.
    Request(Body),
    /// An answer by its table.
    Reply(Body),
    /// A generic refusal: FD, FE or FF.
    Refused(u8),
}

/// Judges a frame whose checksum is good. `from` is the side that sent it.
pub fn judge(from: Direction, header: &Header, octets: &[u8]) -> Result<Said, Verdict> {
    header.check(octets)?;
    let message = layout::message(header.number).ok_or(Verdict::UnknownType)?;
    let longer = header.may_be_longer();
    if !header.is_reply() {
        if message.made_by != from {
            return Err(Verdict::UnknownType);
        }
        return octets::read(message.request, octets, longer).map(Said::Request);
    }
    match octets::refusal(octets) {
        Some(code) => Ok(Said::Refused(code)),
        None => octets::read(message.reply, octets, longer).map(Said::Reply),
    }
}

/// The generic refusal that is due for a frame with this verdict; a reply gets none.
#[must_use]
pub fn refusal(checksum: Checksum, header: &Header, verdict: Verdict) -> Option<Vec<u8>> {
    let code = verdict.refusal().filter(|_| !header.is_reply())?;
    Some(frame::seal(checksum, &header.reply(), &[code]))
}

/// An empty body of the request of this message.
#[must_use]
pub fn request(number: u16) -> Body {
    Body::new(layout::message(number).map_or(&[], |m| m.request))
}

/// An empty body of the reply of this message.
#[must_use]
pub fn reply(number: u16) -> Body {
    Body::new(layout::message(number).map_or(&[], |m| m.reply))
}
