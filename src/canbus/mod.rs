//! One CAN bus.
mod fault;
pub use fault::{BusState, Fault};

/// Frames with 29 bits that somebody wants to hear: those whose identifier is `id` where `mask` has ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Identifier, 29 bits.
    pub id: u32,
    /// Bits of it that count.
    pub mask: u32,
}
