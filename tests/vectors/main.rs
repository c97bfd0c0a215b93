//! Frames with known meaning, both ways.
//!
//! `tests/vectors/data` holds the constructed ones. The published ones are not ours to ship: they are read from
//! `../shared/vectors` when that folder stands beside the checkout, and the output says when they were left out.

mod card_readers;
mod dlt645;
mod gbt27930;
mod harness;
mod modbus;
mod osdp;
mod platform222;
mod points;
mod slcan;
mod tcu;
mod ykc16;
