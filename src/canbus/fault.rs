//! What an adapter or the kernel says of a bus, beside its frames (can.md 4.2, 4.3).

use serde::Serialize;

/// Error state of our controller on the bus (ISO 11898-1, by its error counters).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BusState {
    /// The adapter does not say.
    #[default]
    Unknown,
    /// In order: both counters below 96.
    Active,
    /// A counter is at 96 or above.
    Warning,
    /// A counter is at 128 or above: errors are no longer shown to others.
    Passive,
    /// Off the bus after 256 failed sendings; it is back when the controller is restarted.
    Off,
}

/// One thing that went wrong, or right again, on a bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The error state is this now.
    State(BusState),
    /// The controller was restarted after it was off the bus.
    Restarted,
    /// Nobody acknowledged a frame: no other node, a wrong bit rate, a broken wire.
    Unacknowledged,
    /// Another node's frame went first.
    ArbitrationLost,
    /// A frame broke a rule of the bus: wiring, termination, bit rate.
    Protocol,
    /// The transceiver sees a broken or shorted wire.
    Transceiver,
    /// The controller could not send in time.
    SendTimeout,
    /// The controller or adapter lost frames that it heard.
    ReceiveOverflow,
    /// The adapter had no room for a frame of ours.
    SendOverflow,
    /// A line of the adapter could not be read: octets of the serial line were lost.
    Unreadable,
}
