//! Modbus RTU devices, told apart by profiles (rs485.md 3).
//!
//! A [`profile`] is data: registers, scales, words, poll groups, writes. From it [`plan`] makes reads, and [`Meter`] and
//! [`Charger`] ask them. A read response names no register, so a late one could be taken for the answer to another
//! question (rs485.md 6.4); three things stand against it here: its length and function must be those asked for,
//! questions that follow one another have different lengths where the map allows, and a write is answered only by its
//! own echo. The fourth, silence after a time-out, is the line's.

pub mod plan;
pub mod profile;
pub mod value;

pub use profile::Profile;
