//! What the service manager is told. Without `NOTIFY_SOCKET` nothing is sent.

use std::time::Duration;
use systemd::daemon;

/// The program is ready: configuration good, store open and recovered.
pub fn ready(status: &str) {
    tell(&[("READY", "1"), ("STATUS", status)]);
}

/// A line for `systemctl status`.
pub fn status(status: &str) {
    tell(&[("STATUS", status)]);
}

/// The program ends in order.
pub fn stopping() {
    tell(&[("STOPPING", "1"), ("STATUS", "ending")]);
}

/// Every task made progress.
pub fn alive() {
    tell(&[("WATCHDOG", "1")]);
}

/// How often [`alive`] must be said, if the service manager watches.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    match daemon::watchdog_enabled() {
        Ok(0) | Err(_) => None,
        Ok(microseconds) => Some(Duration::from_micros(microseconds)),
    }
}

/// A service manager that does not listen is its own trouble, not ours: the outcome is dropped on purpose.
fn tell(state: &[(&str, &str)]) {
    drop(daemon::notify(state.iter()));
}
