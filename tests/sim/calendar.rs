//! What arrives later, in the order of its moments; what was put in first comes first.

use depotd::model::message::Lane;
use depotd::model::time::Instant;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Something that arrives. What is for the program names its run: it is lost when that has ended.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A connection stands, at the platform and then at the program.
    Accepted(u64),
    Connected(u64),
    /// A connection could not be made.
    NotConnected(u32, u64),
    /// Octets for the platform.
    Up(u64, Vec<u8>),
    /// Octets for the program.
    Down(u64, Vec<u8>),
    /// The other side ended the connection.
    ClosedAbove(u64),
    ClosedBelow(u64),
    /// The disk is ready with a batch.
    Disk(u32),
    /// The disk reads a lane, entries after this one, at most so many.
    Load(u32, Lane, u64, usize),
    /// A line was opened, or was not.
    Opened(u32, usize, bool),
    /// The program is started again.
    Start,
    /// It looks at its clock and its disk.
    Upkeep(u32),
    /// The tariff slot of the true time changes.
    Slot,
    /// Trouble begins or ends.
    Trouble,
    Relief(crate::trouble::Relief),
}

struct Entered {
    at: Instant,
    order: u64,
    what: Arrival,
}

impl PartialEq for Entered {
    fn eq(&self, other: &Entered) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entered {}

impl PartialOrd for Entered {
    fn partial_cmp(&self, other: &Entered) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entered {
    fn cmp(&self, other: &Entered) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

#[derive(Default)]
pub(crate) struct Calendar {
    entries: BinaryHeap<Reverse<Entered>>,
    order: u64,
}

impl Calendar {
    pub(crate) fn put(&mut self, at: Instant, what: Arrival) {
        self.order += 1;
        self.entries.push(Reverse(Entered { at, order: self.order, what }));
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.entries.peek().map(|Reverse(entry)| entry.at)
    }

    pub(crate) fn take(&mut self, now: Instant) -> Option<Arrival> {
        if self.next_at()? > now {
            return None;
        }
        self.entries.pop().map(|Reverse(entry)| entry.what)
    }
}
