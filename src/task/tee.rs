//! What passes on a line or bus, for whoever looks on. Nobody looking costs one comparison.

use crate::model::time::Instant;
use crate::wire::can::Frame;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;

/// What may wait for somebody who looks on; what is more, is lost to them and counted.
const WAITING: usize = 4096;

/// One thing that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// When, by the monotonic clock.
    pub at: Instant,
    /// We said it.
    pub sent: bool,
    /// What.
    pub what: Content,
}

/// What passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Octets of a serial line, as they were read or written.
    Octets(Vec<u8>),
    /// A frame of a CAN bus.
    Frame(Frame),
}

/// The place on a line where one can look on. It holds nothing while nobody does.
#[derive(Clone, Debug, Default)]
pub struct Tee(Arc<Mutex<Option<broadcast::Sender<Passed>>>>);

impl Tee {
    /// Looks on from now.
    #[must_use]
    pub fn look_on(&self) -> broadcast::Receiver<Passed> {
        self.place().get_or_insert_with(|| broadcast::Sender::new(WAITING)).subscribe()
    }

    /// Something passed; it is only put together if somebody looks on.
    pub fn pass(&self, passed: impl FnOnce() -> Passed) {
        let mut place = self.place();
        // an error means that the last one has left
        if place.as_ref().is_some_and(|eyes| eyes.receiver_count() == 0 || eyes.send(passed()).is_err()) {
            *place = None;
        }
    }

    fn place(&self) -> MutexGuard<'_, Option<broadcast::Sender<Passed>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_put_together_while_nobody_looks_on() {
        let tee = Tee::default();
        tee.pass(|| panic!("nobody looks on"));
        let mut eye = tee.look_on();
        let passed = Passed { at: Instant(7), sent: true, what: Content::Octets(vec![1]) };
        tee.pass(|| passed.clone());
        assert_eq!(eye.try_recv(), Ok(passed));
    }

    #[test]
    fn whoever_looks_on_too_slowly_loses_the_oldest_and_learns_how_much() {
        let tee = Tee::default();
        let mut eye = tee.look_on();
        for at in 0..WAITING as u64 + 3 {
            tee.pass(|| Passed { at: Instant(at), sent: false, what: Content::Octets(Vec::new()) });
        }
        assert_eq!(eye.try_recv(), Err(broadcast::error::TryRecvError::Lagged(3)));
        assert_eq!(eye.try_recv().map(|p| p.at), Ok(Instant(3)));
    }
}
