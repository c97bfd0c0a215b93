//! What must be durable before it is acted upon: pieces of work, written as batches, one in flight.
//!
//! A piece holds rows that belong together and who waits for them. What comes while a batch is in flight goes into the
//! next one. Numbers (records, start results) are given when the batch is built and count only once it is durable, so
//! a failed batch burns none. When a batch fails everybody who waits is told; what is owed (closed sessions,
//! acknowledgements, outcomes of starts) stays and is tried again, one piece at a time and with growing waits, until
//! the store takes it.
//!
//! A batch that the store *refuses* says nothing about the disk: one row of it contradicts what is stored. Its pieces
//! are written again one by one, so that nobody else pays for it. The one that is refused alone is told to whoever
//! waits; if it is owed it is kept aside with an alarm, its content goes into the audit, and it is tried again at long
//! intervals. So one bad row neither blocks the others nor is lost.

use super::alarms::{Key, code};
use super::records::{Chain, Made};
use super::{Action, Note, Station};
use crate::model::access::{Departure, ListKind};
use crate::model::batch::{Batch, Row, SessionRow};
use crate::model::command::Answer;
use crate::model::ident::TransactionNumber;
use crate::model::message::{EntryId, StartResult, ToLink, Verdict};
use crate::model::record::TransactionRecord;
use crate::model::time::{Instant, Now};
use std::collections::VecDeque;
use std::time::Duration;

/// With more pieces waiting nothing new begins, and what nobody is owed is dropped.
const CROWDED: usize = 1024;
/// Pieces of one batch at most.
const GROUPED: usize = 256;
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// What the store refused is tried again after this: only another program can have helped.
const ASIDE: Duration = Duration::from_secs(600);
/// Longest text about a refused piece.
const LONGEST_TEXT: usize = 8_000;

/// Rows that are made when the batch is built.
#[derive(Debug)]
pub(super) enum Work {
    /// They are known already.
    Rows(Vec<Row>),
    /// A message 0204, after these rows.
    StartResult(Vec<Row>, Box<StartResult>),
    /// The present state of a session, after these rows and with this step and message.
    Save {
        gun: usize,
        epoch: u32,
        with: Vec<Row>,
        step: Option<String>,
        start_result: Option<Box<StartResult>>,
    },
    /// A closed session, its message and its record.
    Close { gun: usize, epoch: u32, record: Box<TransactionRecord>, start_result: Option<Box<StartResult>> },
    /// Raises and clears of alarms that are not durable yet, with their messages.
    Alarms,
    /// A session whose state cannot be read any more is closed with what is known of it.
    Salvage(SessionRow, Box<TransactionRecord>),
}

/// Who waits.
#[derive(Debug)]
pub(super) enum Then {
    /// Nobody.
    Nothing,
    /// A command: this answer, or that one when it could not be made durable.
    Answer { ticket: u64, done: Answer, failed: Answer },
    /// A remote start that waits for its plug.
    Held { ticket: u64, gun: usize, txn: TransactionNumber },
    /// The session behind a `Save`.
    Saved { gun: usize, epoch: u32 },
    /// The session behind a `Close`.
    Closed { gun: usize, epoch: u32 },
    /// The link, for the settlement of a message; with those that are no longer wanted.
    Settled { entry: EntryId, verdict: Verdict, withdrawn: Vec<EntryId> },
    /// A change of tariffs, answered if it was a command.
    Tariff(Option<u64>),
    /// The commit of a list.
    List(ListKind, u64),
    /// Departure plans, and the command.
    Departures(u64, Vec<Departure>),
    /// Records that go out again: the first of them, and the command.
    Recalled { ticket: u64, ranges: Vec<(u64, u64)>, count: u32 },
    /// The last state before the program ends.
    Farewell,
}

/// Work and who waits for it.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) work: Work,
    pub(super) then: Then,
    /// Owed: tried again until it is durable.
    pub(super) owed: bool,
    pub(super) made: Made,
    /// It was in a batch that the store refused: it may be the bad one, and goes alone.
    suspect: bool,
    /// The store refused it alone.
    refused: bool,
}

impl Piece {
    fn new(work: Work, then: Then, owed: bool) -> Piece {
        Piece { work, then, owed, made: Made::default(), suspect: false, refused: false }
    }

    /// Goes into a batch of its own: under suspicion, or too big to be copied and so not to be built twice.
    fn goes_alone(&self) -> bool {
        self.suspect || matches!(self.then, Then::List(..))
    }
}

#[derive(Debug)]
struct Flight {
    number: u64,
    pieces: Vec<Piece>,
    chain: Chain,
}

/// The queue before the store.
#[derive(Debug, Default)]
pub(super) struct Journal {
    number: u64,
    waiting: VecDeque<Piece>,
    flight: Option<Flight>,
    failures: u32,
    retry_at: Option<Instant>,
    /// Owed, but refused; with the moment of the next try.
    aside: VecDeque<(Instant, Piece)>,
}

impl Journal {
    pub(super) fn is_crowded(&self) -> bool {
        self.waiting.len() + self.aside.len() >= CROWDED
    }

    /// The store did not take the newest batch.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.flight.is_none()
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let retry = self.retry_at.filter(|_| self.flight.is_none());
        retry.into_iter().chain(self.aside.front().map(|(at, _)| *at)).min()
    }

    /// Something that is owed contradicts what is stored.
    fn has_refused(&self) -> bool {
        let flight = self.flight.iter().flat_map(|f| &f.pieces);
        !self.aside.is_empty() || self.waiting.iter().chain(flight).any(|p| p.refused)
    }

    /// Takes back what was kept aside long enough.
    fn take_back(&mut self, now: Now) {
        while self.aside.front().is_some_and(|(at, _)| *at <= now.mono) {
            self.waiting.extend(self.aside.pop_front().map(|(_, piece)| piece));
        }
    }

    fn may_build(&self, now: Now) -> bool {
        self.flight.is_none() && self.retry_at.is_none_or(|at| at <= now.mono)
    }

    /// Pieces for the next batch: one alone while the store fails, so that a bad one does not hold up the others.
    fn next_pieces(&mut self) -> Vec<Piece> {
        let most = if self.failures > 0 { 1 } else { GROUPED };
        let together = self.waiting.iter().take(most).take_while(|piece| !piece.goes_alone()).count();
        self.waiting.drain(..together.max(1).min(self.waiting.len())).collect()
    }

    /// A batch contradicts what is stored: the piece that does, once it is alone.
    fn refused(&mut self, mut flight: Vec<Piece>) -> Option<Piece> {
        if flight.len() == 1 {
            return flight.pop();
        }
        for piece in flight.into_iter().rev() {
            self.waiting.push_front(Piece { suspect: true, ..piece });
        }
        None
    }

    /// Everybody who waits and is not owed anything; the others stay.
    fn give_up(&mut self, flight: Vec<Piece>) -> Vec<Piece> {
        let alone = flight.len() == 1;
        let (owed, mut told): (Vec<_>, Vec<_>) = flight.into_iter().partition(|p| p.owed);
        let mut waiting = VecDeque::new();
        for piece in std::mem::take(&mut self.waiting) {
            if piece.owed { waiting.push_back(piece) } else { told.push(piece) }
        }
        match alone {
            true => waiting.extend(owed), // it may be the bad one: the others first
            false => owed.into_iter().rev().for_each(|piece| waiting.push_front(piece)),
        }
        self.waiting = waiting;
        told
    }

    fn failed(&mut self, now: Now) {
        let wait = (RETRY_FIRST * (1 << self.failures.min(5))).min(RETRY_MAX);
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now.mono + wait);
    }
}

impl Station {
    /// Work that somebody waits for and that is given up when the store fails.
    pub(super) fn write(&mut self, work: Work, then: Then) {
        self.journal.waiting.push_back(Piece::new(work, then, false));
    }

    /// Work that is owed.
    pub(super) fn owe(&mut self, work: Work, then: Then) {
        self.journal.waiting.push_back(Piece::new(work, then, true));
    }

    /// A line for `depotctl audit`; nobody waits for it.
    pub(super) fn audit(&mut self, now: Now, who: &str, what: String) {
        if !self.journal.is_crowded() {
            self.write(Work::Rows(vec![audit_row(now, who, what)]), Then::Nothing);
        }
    }

    /// Hands the next batch to the store, if one is due.
    pub(super) fn build(&mut self, now: Now, out: &mut Vec<Action>) {
        self.journal.take_back(now);
        while self.journal.may_build(now) && !self.journal.waiting.is_empty() {
            let mut pieces = self.journal.next_pieces();
            let mut chain = self.records.chain;
            let mut rows = Vec::new();
            for piece in &mut pieces {
                let once = piece.goes_alone() && !piece.owed;
                piece.made = self.rows_of(now, &mut piece.work, once, &mut chain, &mut rows);
            }
            if rows.is_empty() {
                for piece in pieces {
                    self.settle(now, piece, true, out); // of sessions that are gone: nothing to write
                }
                continue;
            }
            self.journal.number += 1;
            let number = self.journal.number;
            self.journal.flight = Some(Flight { number, pieces, chain });
            out.push(Action::Commit(Batch { number, rows }));
        }
    }

    pub(super) fn committed(&mut self, now: Now, number: u64, out: &mut Vec<Action>) {
        let Some(flight) = self.journal.flight.take_if(|f| f.number == number) else { return };
        self.records.chain = flight.chain;
        (self.journal.failures, self.journal.retry_at) = (0, None);
        for piece in flight.pieces {
            self.settle(now, piece, true, out);
        }
    }

    pub(super) fn commit_failed(&mut self, now: Now, number: u64, out: &mut Vec<Action>) {
        let Some(flight) = self.journal.flight.take_if(|f| f.number == number) else { return };
        self.journal.failed(now);
        if self.journal.failures == 1 {
            out.push(Action::Note(Note::Error(
                "the store does not take what is to be kept; it is tried again".into(),
            )));
        }
        for piece in self.journal.give_up(flight.pieces) {
            self.settle(now, piece, false, out);
        }
        self.resets_fail(out);
    }

    /// The store works, but a row contradicts what it holds.
    pub(super) fn refused(&mut self, now: Now, number: u64, why: &str, out: &mut Vec<Action>) {
        let Some(flight) = self.journal.flight.take_if(|f| f.number == number) else { return };
        let Some(piece) = self.journal.refused(flight.pieces) else { return };
        if !piece.owed {
            out.push(Action::Note(Note::Error(format!(
                "not kept, because it contradicts what is stored: {why}"
            ))));
            self.settle(now, piece, false, out);
            return;
        }
        if !piece.refused {
            let what = format!("owed, but it contradicts what is stored and is kept aside: {why}");
            out.push(Action::Note(Note::Error(what.clone())));
            let text: String = format!("{what}: {:?}", piece.work).chars().take(LONGEST_TEXT).collect();
            self.audit(now, "station", text);
        }
        let piece = Piece { suspect: true, refused: true, ..piece };
        self.journal.aside.push_back((now.mono + ASIDE, piece));
    }

    /// The program ends without the store: whoever waits is told.
    pub(super) fn tell_waiting(&mut self, now: Now, out: &mut Vec<Action>) {
        let flight = self.journal.flight.take().map_or_else(Vec::new, |f| f.pieces);
        for piece in self.journal.give_up(flight) {
            self.settle(now, piece, false, out);
        }
    }

    /// Storage failure is known to everybody: alarm 0004. With nothing to write a line for people shows whether the
    /// store takes anything again.
    pub(super) fn watch_storage(&mut self, now: Now) {
        let failing = self.journal.is_failing();
        if failing && self.journal.is_empty() && self.journal.may_build(now) {
            self.audit(now, "station", "the store is tried again".to_owned());
        }
        self.alarms.set(now, Key::station(code::STORAGE_FAILURE, "store"), failing);
        let refused = self.journal.has_refused();
        self.alarms.set(now, Key::station(code::RECORD_INCONSISTENT, "store"), refused);
    }

    fn settle(&mut self, now: Now, piece: Piece, done: bool, out: &mut Vec<Action>) {
        if done {
            self.made(now, &piece.made, out);
        }
        match piece.then {
            Then::Nothing => {}
            Then::Answer { ticket, done: answer, failed } => {
                out.push(Action::Link(ToLink::Answer(ticket, if done { answer } else { failed })));
            }
            Then::Held { ticket, gun, txn } => self.held(ticket, gun, txn, done, out),
            Then::Saved { gun, epoch } => self.saved(now, gun, epoch, done, out),
            Then::Closed { gun, epoch } => self.closed(now, gun, epoch, &piece.made, out),
            Then::Settled { entry, verdict, withdrawn } => self.settled(now, entry, verdict, &withdrawn, out),
            Then::Tariff(ticket) => self.tariff_settled(ticket, done, out),
            Then::List(kind, ticket) => self.list_settled(kind, ticket, done, out),
            Then::Departures(ticket, plans) => self.departures_settled(ticket, plans, done, out),
            Then::Recalled { ticket, ranges, count } => self.recalled(ticket, &ranges, count, done, out),
            Then::Farewell => self.farewell_said(done),
        }
    }
}

/// Who did what.
pub(super) fn audit_row(now: Now, who: &str, what: String) -> Row {
    Row::Audit { at: now.stamp(), who: who.to_owned(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(owed: bool, name: &str) -> Piece {
        let row = Row::Audit { at: None, who: String::new(), what: name.to_owned() };
        Piece::new(Work::Rows(vec![row]), Then::Nothing, owed)
    }

    fn names<'a>(pieces: impl IntoIterator<Item = &'a Piece>) -> Vec<&'a str> {
        let name = |p: &'a Piece| match &p.work {
            Work::Rows(rows) => match &rows[0] {
                Row::Audit { what, .. } => what.as_str(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        pieces.into_iter().map(name).collect()
    }

    #[test]
    fn a_failed_batch_gives_back_what_is_owed_in_order_and_tells_the_others() {
        let mut journal = Journal::default();
        journal.waiting.extend([piece(false, "c"), piece(true, "d")]);
        let told = journal.give_up(vec![piece(true, "a"), piece(false, "b"), piece(true, "B")]);
        assert_eq!(names(&told), ["b", "c"]);
        assert_eq!(names(&journal.waiting), ["a", "B", "d"]);
    }

    #[test]
    fn a_piece_that_fails_alone_lets_the_others_go_first() {
        let mut journal = Journal { failures: 1, ..Journal::default() };
        journal.waiting.extend([piece(true, "a"), piece(true, "b")]);
        let flight = journal.next_pieces();
        assert_eq!(names(&flight), ["a"]);
        assert!(journal.give_up(flight).is_empty());
        assert_eq!(names(&journal.waiting), ["b", "a"]);
    }

    #[test]
    fn a_refused_batch_is_written_again_piece_by_piece_in_order() {
        let mut journal = Journal::default();
        journal.waiting.extend([piece(false, "c"), piece(true, "d")]);
        assert!(journal.refused(vec![piece(true, "a"), piece(false, "b")]).is_none(), "nobody is told yet");
        for alone in ["a", "b"] {
            let flight = journal.next_pieces();
            assert_eq!(names(&flight), [alone]);
            assert_eq!(journal.refused(flight).map(|p| names([&p]).concat()), Some(alone.to_owned()));
        }
        assert_eq!(names(&journal.next_pieces()), ["c", "d"], "the others go together as before");
    }

    #[test]
    fn waits_grow_to_half_a_minute() {
        let mut journal = Journal::default();
        let waits: Vec<u64> = (0..7)
            .map(|_| {
                journal.failed(Now::default());
                journal.retry_at.map_or(0, |at| at.0 / 1_000_000)
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    }
}
