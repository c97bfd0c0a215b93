//! The loops: wait, hand over, obey. One per RS-485 line, one per CAN bus, one for the platform link, one for the store, one for the
//! station. Loops decide nothing; they log, count and move values between a machine and its ports.
//!
//! Channels are bounded. The station never waits for another loop: what does not fit is answered as a fault (lines) or
//! ends the program (link and store, whose loops never rest while the program is sound), and the service manager
//! starts it again; everything owed is on disk by then.

pub mod can;
pub mod exchange;
pub mod line;
pub mod link;
pub mod station;
pub mod store;
pub mod surroundings;
pub mod tee;
pub mod watchdog;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Octets, reports and orders that may wait in a channel.
pub const INBOX: usize = 1024;

/// Shows the watchdog that a loop turns.
#[derive(Clone, Debug)]
pub struct Pulse {
    /// Which loop.
    pub name: Arc<str>,
    turns: Arc<AtomicU64>,
}

impl Pulse {
    /// For a loop of this name.
    #[must_use]
    pub fn new(name: &str) -> Pulse {
        Pulse { name: name.into(), turns: Arc::default() }
    }

    /// The loop turned.
    pub fn beat(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it turned.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}

/// A loop ended although nobody asked it to: the program must end, too.
#[derive(Debug)]
pub struct Fatal(pub String);

/// Loops wake at least this often, so that the watchdog sees them turn.
pub const IDLE_TURN: std::time::Duration = std::time::Duration::from_secs(2);
