//! The dialogue of a charger and a vehicle over GB/T 27930, from a listener's seat: which phase it is in, which vehicle
//! it is, what it wants and gets, and why it stopped.
//!
//! One [`Listener`] per connector that has a tap. Frames go in with their time, [`Said`] comes out; it may begin to
//! listen in any phase, because `depotd` restarts while buses charge. It never speaks on the bus. What it says is
//! telemetry and identity; whether a session ends for it is decided elsewhere. A [`Tap`] is a listener as a device: it
//! reports in the words of the station.
//!
//! What is absent: the bus itself, money, and any message that is not in the tables of [`crate::wire::gbt27930`].

mod dialogue;
mod listener;
mod picture;
mod said;
mod stop;
mod tap;
#[cfg(test)]
mod tests;
mod watch;

pub use listener::{Config, Event, Listener, Status};
pub use said::{Ages, Notice, Phase, Said, Stop, Timeout};
pub use tap::Tap;
