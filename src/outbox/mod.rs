//! What goes next: one lane of durable messages, oldest first, inside its window.
//!
//! A lane holds a few entries in memory and the rest stays in the store. It never drops an entry: an entry leaves when
//! its settlement is durable. Sent but unanswered entries are sent again with the same sequence and the same octets,
//! then the lane pauses (platform-222.md 14.2).

#[cfg(test)]
mod tests;

use crate::model::ident::{ConnectorId, TransactionNumber};
use crate::model::message::{Content, Entry, EntryId, Lane};
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
    /// After its last repetition an entry is set aside until the next login, and the lane goes on.
    pub silent_aside: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            window: 1,
            resend_after: Duration::from_secs(10),
            resends: 3,
            pause: Duration::from_secs(300),
            spacing: Duration::ZERO,
            silent_aside: false,
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
    /// Never answered, and what this protocol cannot say: they wait for the next login, at most [`LOADED`].
    silent: Vec<Flight>,
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
    /// This entry waits for the next login; the lane goes on.
    Aside(EntryId),
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
            silent: Vec::new(),
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
        let Some(flight) = self.take_off(now, sequence, octets) else { return };
        self.next_send = now + self.config.spacing;
        self.flights.push(flight);
    }

    fn take_off(&mut self, now: Instant, sequence: u32, octets: Vec<u8>) -> Option<Flight> {
        let entry = self.loaded.pop_front().or_else(|| self.recalled.pop_front())?;
        let due = now + self.config.resend_after;
        Some(Flight { entry, sequence, octets, due, resends: 0, withdrawn: false })
    }

    /// The entry that `next` gave cannot be said in the protocol of this platform: it waits for another one. When too
    /// many do, the lane rests.
    pub fn unsayable(&mut self, now: Instant) {
        const NO_SEQUENCE: u32 = 0;
        if self.silent.len() >= LOADED {
            self.paused_until = Some(now + self.config.pause);
        } else if let Some(flight) = self.take_off(now, NO_SEQUENCE, Vec::new()) {
            self.silent.push(flight);
        }
    }

    /// The entry that was sent under this sequence and is not settled.
    #[must_use]
    pub fn in_flight(&self, sequence: u32) -> Option<&Entry> {
        let sent = self.flights.iter().chain(&self.silent);
        sent.into_iter().find(|f| f.sequence == sequence).map(|f| &f.entry)
    }

    /// The platform settled the entry of this sequence: nothing more is sent; it is forgotten once that is durable.
    pub fn answered(&mut self, sequence: u32) -> Option<EntryId> {
        let sent = |f: &Flight| f.sequence == sequence;
        let flight = match self.flights.iter().position(sent) {
            Some(at) => self.flights.remove(at),
            None => self.silent.remove(self.silent.iter().position(sent)?),
        };
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
        self.silent.retain(|f| f.entry.id.id != id);
        self.flights.iter_mut().filter(|f| f.entry.id.id == id).for_each(|f| f.withdrawn = true);
    }

    /// One entry whose answer is overdue, or the end of the pause.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.paused_until.is_some_and(|until| until <= now) {
            self.paused_until = None;
        }
        self.flights.retain(|f| !f.withdrawn || f.due > now);
        let at = self.flights.iter().position(|f| f.due <= now)?;
        if self.flights[at].resends >= self.config.resends && self.may_set_aside() {
            let flight = self.flights.remove(at);
            let id = flight.entry.id;
            self.silent.push(flight);
            return Some(Due::Aside(id));
        }
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

    fn may_set_aside(&self) -> bool {
        self.config.silent_aside && self.silent.len() < LOADED
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
        self.loaded.extend(self.silent.drain(..).map(|flight| flight.entry));
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

    /// Whether a record of this connector was not sent yet in this connection, as far as the lane has been read.
    #[must_use]
    pub fn has_unsent_of(&self, connector: ConnectorId) -> bool {
        let of = |entry: &Entry| match &entry.content {
            Content::Record(owed) => owed.record.as_ref().is_some_and(|r| r.connector == connector),
            Content::StartResult(_) | Content::BatteryEnd(_) | Content::Alarm(_) => false,
        };
        self.is_reading() || self.loaded.iter().any(of)
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
            || self.flights.iter().chain(&self.silent).any(|f| f.entry.id.id == id)
    }

    fn back_to_waiting(&mut self) {
        let mut flights: Vec<Flight> = self.flights.drain(..).filter(|f| !f.withdrawn).collect();
        flights.sort_by_key(|f| f.entry.id.id);
        for flight in flights.into_iter().rev() {
            self.loaded.push_front(flight.entry);
        }
    }
}
