//! What goes next: one lane of durable messages, oldest first, inside its window.
//!
//! A lane holds a few entries in memory and the rest stays in the store. It never drops an entry: an entry leaves when
//! its settlement is durable. Sent but unanswered entries are sent again with the same sequence and the same octets,
//! then the lane pauses (platform-222.md 14.2).

use crate::model::ident::TransactionNumber;
use crate::model::message::{Entry, EntryId, Lane};
use crate::model::time::Instant;
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Entries held in memory at most, beside those in flight.
pub const LOADED: usize = 64;

/// Wait after the store could not be read.
const LOAD_AGAIN: Duration = Duration::from_secs(1);

/// How a lane behaves (platform-222.md 14.2, 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Unanswered entries allowed.
    pub window: usize,
    /// Wait before an entry is sent again.
    pub resend_after: Duration,
    /// How often it is sent again in one connection.
    pub resends: u8,
    /// Rest of the lane after that.
    pub pause: Duration,
    /// Least time between two first sends; zero = none.
    pub spacing: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            window: 1,
            resend_after: Duration::from_secs(10),
            resends: 3,
            pause: Duration::from_secs(300),
            spacing: Duration::ZERO,
        }
    }
}

/// An entry on its way.
#[derive(Clone, Debug)]
struct Flight {
    entry: Entry,
    sequence: u32,
    octets: Vec<u8>,
    due: Instant,
    resends: u8,
    /// No longer wanted, but the platform may still answer it: it keeps its place in the window until it does, or
    /// until that is overdue.
    withdrawn: bool,
}

/// One lane.
#[derive(Debug)]
pub struct Queue {
    lane: Lane,
    config: Config,
    flights: Vec<Flight>,
    loaded: VecDeque<Entry>,
    /// Sent before and wanted again: they go after everything that was never sent (020B).
    recalled: VecDeque<Entry>,
    /// What of them is still to be read.
    recall: Option<Recall>,
    settling: BTreeSet<u64>,
    /// Refused as unknown: offered once more at the next login.
    set_aside: VecDeque<Entry>,
    /// Offered once more: a second refusal is the last word.
    offered_again: BTreeSet<u64>,
    newest: u64,
    read_to: u64,
    loading: Option<Reading>,
    load_again: Option<Instant>,
    paused_until: Option<Instant>,
    next_send: Instant,
}

/// Identities after the first and up to the second that came back into the store.
#[derive(Clone, Copy, Debug)]
struct Recall {
    after: u64,
    upto: u64,
}

impl Recall {
    fn with(self, other: Option<Recall>) -> Recall {
        let other = other.unwrap_or(self);
        Recall { after: self.after.min(other.after), upto: self.upto.max(other.upto) }
    }
}

/// What the store is being asked for.
#[derive(Clone, Copy, Debug)]
enum Reading {
    /// Everything new up to this identity.
    New(u64),
    /// What came back.
    Recalled(Recall),
}

/// What a deadline brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Write these octets again.
    Resend(Vec<u8>),
    /// The lane pauses.
    Paused,
}

impl Queue {
    /// An empty lane; `newest` is the highest identity that the store holds.
    #[must_use]
    pub fn new(lane: Lane, newest: u64, config: Config) -> Queue {
        Queue {
            lane,
            config,
            flights: Vec::new(),
            loaded: VecDeque::new(),
            settling: BTreeSet::new(),
            set_aside: VecDeque::new(),
            offered_again: BTreeSet::new(),
            newest,
            read_to: 0,
            recalled: VecDeque::new(),
            recall: None,
            loading: None,
            load_again: None,
            paused_until: None,
            next_send: Instant::default(),
        }
    }

    /// Entries of this lane that were refused as unknown in an earlier life of the program and are offered once more: a
    /// second refusal is the last word.
    pub fn offered_again(&mut self, entries: &[EntryId]) {
        self.offered_again.extend(entries.iter().filter(|e| e.lane == self.lane).map(|e| e.id));
    }

    /// Changes the window (the platform gives it at login).
    pub fn set_window(&mut self, window: usize) {
        self.config.window = window.max(1);
    }

    /// The store holds this entry now. One behind what was already read came back: it is read again, with all between.
    pub fn queued(&mut self, id: u64) {
        let read = match self.loading {
            Some(Reading::New(to)) => to.max(self.read_to),
            Some(Reading::Recalled(_)) | None => self.read_to,
        };
        self.newest = self.newest.max(id);
        // This one may still be under way, those behind it that came back are not.
        let after = if self.holds(id) { id } else { id.saturating_sub(1) };
        if after < read {
            self.recall = Some(Recall { after, upto: read }.with(self.recall));
        }
    }

    /// What to read from the store: entries after this identity, at most so many.
    pub fn load(&mut self, now: Instant) -> Option<(u64, usize)> {
        if self.loading.is_some() || self.load_again.is_some_and(|at| at > now) {
            return None;
        }
        let room = |entries: &VecDeque<Entry>| entries.len() <= LOADED / 2;
        let (after, reading) = if self.read_to < self.newest {
            room(&self.loaded).then_some((self.read_to, Reading::New(self.newest)))?
        } else {
            let recall = self.recall.take_if(|_| room(&self.recalled))?;
            (recall.after, Reading::Recalled(recall))
        };
        self.loading = Some(reading);
        self.load_again = None;
        Some((after, LOADED))
    }

    /// What the store had. Fewer than asked for means that there are no more.
    pub fn loaded(&mut self, entries: Vec<Entry>) {
        let last = entries.last().map(|e| e.id.id).filter(|_| entries.len() >= LOADED);
        match self.loading.take() {
            Some(Reading::New(asked)) => {
                self.read_to = last.unwrap_or(asked);
                for entry in entries {
                    self.keep(entry);
                }
            }
            Some(Reading::Recalled(recall)) => {
                if let Some(after) = last.filter(|last| *last < recall.upto) {
                    self.recall = Some(Recall { after, ..recall }.with(self.recall));
                }
                for entry in entries {
                    if entry.id.id <= recall.upto && !self.holds(entry.id.id) {
                        self.recalled.push_back(entry);
                    }
                }
            }
            None => {}
        }
    }

    fn keep(&mut self, entry: Entry) {
        let id = entry.id.id;
        // Newer than what was known when the store was asked: it will be read in its turn.
        if id <= self.read_to && !self.holds(id) && !self.set_aside.iter().any(|e| e.id.id == id) {
            let at = self.loaded.partition_point(|e| e.id.id < id);
            self.loaded.insert(at, entry);
        }
    }

    /// The store could not be read; it is asked again after a second.
    pub fn load_failed(&mut self, now: Instant) {
        if let Some(Reading::Recalled(recall)) = self.loading.take() {
            self.recall = Some(recall.with(self.recall));
        }
        self.load_again = Some(now + LOAD_AGAIN);
    }

    /// When the store is asked again.
    #[must_use]
    pub fn load_at(&self) -> Option<Instant> {
        self.load_again
    }

    /// The next entry to send for the first time in this connection, if one may go now.
    #[must_use]
    pub fn next(&self, now: Instant) -> Option<&Entry> {
        let may =
            self.flights.len() < self.config.window && self.paused_until.is_none() && now >= self.next_send;
        self.loaded.front().or(self.recalled.front()).filter(|_| may)
    }

    /// The entry that `next` gave was written.
    pub fn sent(&mut self, now: Instant, sequence: u32, octets: Vec<u8>) {
        let Some(entry) = self.loaded.pop_front().or_else(|| self.recalled.pop_front()) else { return };
        self.next_send = now + self.config.spacing;
        self.flights.push(Flight {
            entry,
            sequence,
            octets,
            due: now + self.config.resend_after,
            resends: 0,
            withdrawn: false,
        });
    }

    /// The entry in flight under this sequence.
    #[must_use]
    pub fn in_flight(&self, sequence: u32) -> Option<&Entry> {
        self.flights.iter().find(|f| f.sequence == sequence).map(|f| &f.entry)
    }

    /// The platform settled the entry of this sequence: nothing more is sent; it is forgotten once that is durable.
    pub fn answered(&mut self, sequence: u32) -> Option<EntryId> {
        let at = self.flights.iter().position(|f| f.sequence == sequence)?;
        let flight = self.flights.remove(at);
        if flight.withdrawn {
            return None;
        }
        self.settling.insert(flight.entry.id.id);
        self.offered_again.remove(&flight.entry.id.id);
        Some(flight.entry.id)
    }

    /// The platform refuses to know such a message: it is set aside and offered once again after the next login.
    pub fn put_aside(&mut self, sequence: u32) -> Option<EntryId> {
        let at = self.flights.iter().position(|f| f.sequence == sequence)?;
        let Flight { entry, withdrawn, .. } = self.flights.remove(at);
        if withdrawn {
            return None;
        }
        let id = entry.id;
        if !self.offered_again.remove(&id.id) {
            if self.set_aside.len() >= LOADED {
                self.set_aside.pop_front();
            }
            self.set_aside.push_back(entry);
        }
        Some(id)
    }

    /// The settlement is durable, or the entry was withdrawn.
    pub fn settled(&mut self, id: u64) {
        self.settling.remove(&id);
        self.loaded.retain(|e| e.id.id != id);
        self.recalled.retain(|e| e.id.id != id);
        self.flights.iter_mut().filter(|f| f.entry.id.id == id).for_each(|f| f.withdrawn = true);
    }

    /// One entry whose answer is overdue, or the end of the pause.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        self.flights.retain(|f| !f.withdrawn || f.due > now);
        let at = self.flights.iter().position(|f| f.due <= now)?;
        if self.flights[at].resends >= self.config.resends {
            self.back_to_waiting();
            self.paused_until = Some(now + self.config.pause);
            return Some(Due::Paused);
        }
        let flight = &mut self.flights[at];
        flight.resends += 1;
        flight.due = now + self.config.resend_after;
        Some(Due::Resend(flight.octets.clone()))
    }

    /// When to look again.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let flights = self.flights.iter().map(|f| f.due).min();
        let spaced = (self.flights.len() < self.config.window
            && !(self.loaded.is_empty() && self.recalled.is_empty()))
        .then_some(self.next_send);
        match self.paused_until {
            Some(until) => Some(until),
            None => flights.into_iter().chain(spaced).min(),
        }
    }

    /// The connection is gone: what was in flight waits again, the pause is over, what was set aside is offered again.
    pub fn disconnected(&mut self) {
        self.back_to_waiting();
        self.paused_until = None;
        self.next_send = Instant::default();
        self.offered_again.extend(self.set_aside.iter().map(|e| e.id.id));
        self.loaded.extend(self.set_aside.drain(..));
        self.loaded.make_contiguous().sort_by_key(|e| e.id.id);
    }

    /// Nothing waits and nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let memory =
            self.flights.iter().all(|f| f.withdrawn) && self.loaded.is_empty() && self.recalled.is_empty();
        memory && !self.has_unread() && self.recall.is_none()
    }

    /// Whether an entry of this session was not sent yet in this connection, even while the lane pauses.
    #[must_use]
    pub fn has_unsent(&self, txn: &TransactionNumber) -> bool {
        self.loaded.iter().any(|e| e.txn == *txn)
    }

    /// Entries of this session that were not sent yet are no longer wanted: what they would say was overtaken.
    pub fn overtaken(&mut self, txn: &TransactionNumber) {
        self.loaded.retain(|e| e.txn != *txn);
        self.set_aside.retain(|e| e.txn != *txn);
    }

    /// Whether an answer is on its way to the disk.
    #[must_use]
    pub fn is_settling(&self) -> bool {
        !self.settling.is_empty()
    }

    /// Takes entries like this out of those that are set aside: what they would say is of no use any more.
    pub fn take_aside(&mut self, wanted: impl Fn(&Entry) -> bool) -> Vec<EntryId> {
        let (gone, rest) = std::mem::take(&mut self.set_aside).into_iter().partition(|entry| wanted(entry));
        self.set_aside = rest;
        let gone: VecDeque<Entry> = gone;
        gone.into_iter().map(|entry| entry.id).collect()
    }

    /// Whether an entry of this session waits for its first send in this connection. A lane that pauses delays no other.
    #[must_use]
    pub fn is_waiting_for(&self, txn: &TransactionNumber) -> bool {
        self.paused_until.is_none() && self.loaded.iter().any(|e| e.txn == *txn)
    }

    /// Whether the store may hold entries that were not read yet.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.loading.is_some() || self.read_to < self.newest
    }

    /// Whether entries are being read, or will be at once.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        let will = self.read_to < self.newest && self.load_again.is_none() && self.loaded.len() <= LOADED / 2;
        self.loading.is_some() || will
    }

    /// Whether entries wait that the platform could be sent now or in a moment: not while the lane waits for
    /// acknowledgements, pauses, or cannot be read.
    #[must_use]
    pub fn may_send_more(&self) -> bool {
        let blocked = self.flights.len() >= self.config.window
            || self.paused_until.is_some()
            || self.load_again.is_some();
        !blocked && (!self.loaded.is_empty() || self.has_unread())
    }

    /// Which lane this is.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.lane
    }

    fn holds(&self, id: u64) -> bool {
        self.settling.contains(&id)
            || self.loaded.iter().chain(&self.recalled).any(|e| e.id.id == id)
            || self.flights.iter().any(|f| f.entry.id.id == id)
    }

    fn back_to_waiting(&mut self) {
        let mut flights: Vec<Flight> = self.flights.drain(..).filter(|f| !f.withdrawn).collect();
        flights.sort_by_key(|f| f.entry.id.id);
        for flight in flights.into_iter().rev() {
            self.loaded.push_front(flight.entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ident::DeviceCode;
    use crate::model::message::Content;

    fn entry(id: u64) -> Entry {
        Entry {
            id: EntryId { lane: Lane::Record, id },
            device: DeviceCode::default(),
            stored: false,
            txn: TransactionNumber([id as u8; 16]),
            content: Content::Record(vec![id as u8]),
        }
    }

    fn filled(window: usize, count: u64) -> Queue {
        let mut queue = Queue::new(Lane::Record, count, Config { window, ..Config::default() });
        assert_eq!(queue.load(at(0)), Some((0, LOADED)));
        assert_eq!(queue.load(at(0)), None, "one load at a time");
        queue.loaded((1..=count).map(entry).collect());
        queue
    }

    fn at(seconds: u64) -> Instant {
        Instant(seconds * 1_000_000)
    }

    #[test]
    fn the_oldest_goes_first_and_the_window_is_kept() {
        let mut queue = filled(2, 3);
        for (sequence, id) in [(10, 1), (11, 2)] {
            assert_eq!(queue.next(at(0)).map(|e| e.id.id), Some(id));
            queue.sent(at(0), sequence, vec![]);
        }
        assert_eq!(queue.next(at(0)), None);
        assert_eq!(queue.answered(11).map(|e| e.id), Some(2), "answers come in any order");
        assert_eq!(queue.next(at(0)).map(|e| e.id.id), Some(3));
        assert_eq!(queue.answered(11), None, "a second answer settles nothing");
    }

    #[test]
    fn an_unanswered_entry_is_repeated_with_the_same_octets_then_the_lane_rests() {
        let mut queue = filled(1, 1);
        queue.sent(at(0), 7, vec![1, 2, 3]);
        for round in 1..=3 {
            assert_eq!(queue.wake_at(), Some(at(10 * round)));
            assert_eq!(queue.due(at(10 * round)), Some(Due::Resend(vec![1, 2, 3])));
        }
        assert_eq!(queue.due(at(40)), Some(Due::Paused));
        assert_eq!(queue.next(at(41)), None);
        assert_eq!(queue.wake_at(), Some(at(340)));
        assert_eq!(queue.due(at(340)), None);
        assert_eq!(queue.next(at(340)).map(|e| e.id.id), Some(1));
    }

    #[test]
    fn an_entry_withdrawn_in_flight_keeps_its_place_until_its_answer_or_its_time() {
        for answered in [true, false] {
            let mut queue = filled(1, 2);
            queue.sent(at(0), 7, vec![]);
            queue.settled(1);
            assert_eq!(queue.next(at(1)), None, "one request is outstanding");
            if answered {
                assert_eq!(queue.answered(7), None, "nobody waits for it");
            } else {
                assert_eq!(queue.due(at(10)), None, "nor is it sent again");
            }
            assert_eq!(queue.next(at(10)).map(|e| e.id.id), Some(2));
        }
    }

    #[test]
    fn ranges_that_overlap_come_back_whole() {
        let mut queue = filled(1, 8);
        for id in 1..=8 {
            queue.sent(at(0), id as u32, vec![]);
            queue.answered(id as u32);
            queue.settled(id);
        }
        queue.queued(3);
        assert_eq!(queue.load(at(1)), Some((2, LOADED)));
        queue.loaded((3..=6).map(entry).collect());
        queue.queued(5);
        assert_eq!(queue.load(at(1)), Some((5, LOADED)), "7 and 8 came back, too");
        queue.loaded((6..=8).map(entry).collect());
        let back: Vec<u64> = queue.recalled.iter().map(|e| e.id.id).collect();
        assert_eq!(back, [3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_lost_connection_puts_everything_back_in_order() {
        let mut queue = filled(2, 3);
        queue.sent(at(0), 1, vec![]);
        queue.sent(at(0), 2, vec![]);
        queue.disconnected();
        assert_eq!(queue.next(at(1)).map(|e| e.id.id), Some(1));
    }

    #[test]
    fn what_is_settled_or_settling_is_not_read_back_and_a_recall_is() {
        let mut queue = filled(1, 2);
        queue.sent(at(0), 1, vec![]);
        queue.answered(1);
        queue.queued(1);
        assert_eq!(queue.load(at(0)), Some((1, LOADED)), "settling: not asked for again, what follows it is");
        queue.loaded(vec![entry(2)]);
        queue.settled(1);
        queue.queued(1);
        assert_eq!(queue.load(at(0)), Some((0, LOADED)));
        queue.loaded(vec![entry(1), entry(2)]);
        for (sequence, id) in [(2, 2), (3, 1)] {
            assert_eq!(
                queue.next(at(1)).map(|e| e.id.id),
                Some(id),
                "a recall goes after what was never sent"
            );
            queue.sent(at(1), sequence, vec![]);
            queue.answered(sequence);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn a_long_recall_is_read_in_pieces_and_new_records_pass_it() {
        let total = 150;
        let mut queue = Queue::new(Lane::Record, 0, Config { window: 1, ..Config::default() });
        let send = |queue: &mut Queue, sequence: u32| {
            let id = queue.next(at(1)).map(|e| e.id.id);
            queue.sent(at(1), sequence, vec![]);
            queue.answered(sequence);
            queue.settled(id.unwrap_or(0));
            id
        };
        for id in 1..=total {
            queue.queued(id);
            queue.load(at(0));
            queue.loaded(vec![entry(id)]);
            assert_eq!(send(&mut queue, id as u32), Some(id));
        }
        queue.queued(1); // all of them came back
        let mut sent = Vec::new();
        for sequence in 1000..1200 {
            if let Some((after, limit)) = queue.load(at(1)) {
                queue.loaded(
                    (after + 1..=queue.newest)
                        .filter(|id| !sent.contains(id))
                        .take(limit)
                        .map(entry)
                        .collect(),
                );
            }
            if sequence == 1010 {
                queue.queued(total + 1);
                assert_eq!(queue.load(at(1)), Some((total, LOADED)));
                queue.loaded(vec![entry(total + 1)]);
                assert_eq!(send(&mut queue, sequence), Some(total + 1));
                continue;
            }
            sent.extend(send(&mut queue, sequence));
        }
        assert_eq!(sent, (1..=total).collect::<Vec<_>>());
        assert!(queue.is_empty());
    }

    #[test]
    fn a_recall_reaches_what_lies_behind_a_record_that_is_still_under_way() {
        let mut queue = filled(2, 3);
        queue.sent(at(0), 1, vec![]); // not answered for long
        for (sequence, id) in [(2, 2), (3, 3)] {
            queue.sent(at(0), sequence, vec![]);
            queue.answered(sequence);
            queue.settled(id);
        }
        queue.queued(1); // all three came back
        assert_eq!(queue.load(at(1)), Some((1, LOADED)));
        queue.loaded(vec![entry(2), entry(3)]);
        for (sequence, id) in [(4, 2), (5, 3)] {
            assert_eq!(queue.next(at(1)).map(|e| e.id.id), Some(id));
            queue.sent(at(1), sequence, vec![]);
            queue.answered(sequence);
            queue.settled(id);
        }
        queue.answered(1);
        queue.settled(1);
        assert!(queue.is_empty());
    }

    #[test]
    fn what_comes_while_the_store_is_read_is_read_next() {
        let mut queue = Queue::new(Lane::Record, 1, Config::default());
        assert_eq!(queue.load(at(0)), Some((0, LOADED)));
        queue.queued(2);
        queue.loaded(vec![entry(1)]);
        assert_eq!(queue.load(at(0)), Some((1, LOADED)));
        queue.queued(1); // held in memory: only what lies behind it is looked for again
        queue.loaded(vec![entry(2)]);
        assert_eq!(queue.load(at(0)), Some((1, LOADED)));
        queue.loaded(vec![entry(2)]);
        assert_eq!(queue.loaded.len() + queue.recalled.len(), 2, "nothing twice");
        assert_eq!(queue.load(at(0)), None);
    }

    #[test]
    fn a_store_that_cannot_be_read_is_asked_again_after_a_second() {
        let mut queue = Queue::new(Lane::Record, 1, Config::default());
        assert_eq!(queue.load(at(5)), Some((0, LOADED)));
        queue.load_failed(at(5));
        assert_eq!(queue.load(at(5)), None);
        assert_eq!(queue.load_at(), Some(at(6)));
        assert_eq!(queue.load(at(6)), Some((0, LOADED)));
    }

    #[test]
    fn a_refused_message_is_offered_once_more_at_the_next_login() {
        let mut queue = filled(1, 1);
        queue.sent(at(0), 1, vec![]);
        assert_eq!(queue.put_aside(1).map(|e| e.id), Some(1));
        queue.settled(1);
        assert_eq!(queue.next(at(1)), None);
        queue.disconnected();
        assert_eq!(queue.next(at(1)).map(|e| e.id.id), Some(1));
        queue.sent(at(1), 1, vec![]);
        assert_eq!(queue.put_aside(1).map(|e| e.id), Some(1));
        queue.disconnected();
        assert_eq!(queue.next(at(2)), None, "the second refusal is the last word");
    }

    #[test]
    fn more_than_fits_in_memory_stays_in_the_store() {
        let mut queue = filled(1, LOADED as u64);
        queue.queued(200);
        for sequence in 0..LOADED as u32 / 2 - 1 {
            assert_eq!(queue.load(at(0)), None, "more than half is still in memory");
            queue.sent(at(0), sequence, vec![]);
            queue.answered(sequence);
        }
        queue.sent(at(0), 99, vec![]);
        assert_eq!(queue.load(at(0)), Some((LOADED as u64, LOADED)));
    }
}
