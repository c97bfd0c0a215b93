//! What goes out: lanes inside their windows, newest realtime values.
//!
//! Of one session the start result goes before the first realtime value that says "charging", and both before the
//! record (platform-222.md 14.2). Values that show a connector free go behind the record, unless the lane of the
//! records waits for acknowledgements (13.2).

use super::settle::Step;
use super::{Action, Link, Note, State};
use crate::model::ident::TransactionNumber;
use crate::model::message::{Content, Entry, FromLink, Lane, Verdict};
use crate::model::session::ConnectorState;
use crate::model::time::Now;
use crate::outbox::Due;
use crate::uplink::{Encoded, Kind, Outgoing, Reply};

impl Link {
    /// Sends whatever may go now, and asks the store for more.
    pub(super) fn pump(&mut self, now: Now, out: &mut Vec<Action>) {
        for lane in [Lane::StartResult, Lane::Record, Lane::Alarm, Lane::BatteryEnd] {
            if let Some((after, limit)) = self.queue(lane).load(now.mono) {
                out.push(Action::Load(lane, after, limit));
            }
        }
        let (start_results, records, alarms, battery_ends) = match self.state {
            State::Settling { step: Step::Piles { .. }, .. } => (false, false, false, false),
            State::Settling { step: Step::Tariff { .. }, .. } => {
                let stored_first = self.manners.stored_first;
                (stored_first, stored_first, stored_first, stored_first)
            }
            State::Settling { step: Step::StartResults { .. }, .. } => (true, false, false, false),
            State::Settling { step: Step::Records { .. }, .. } => (true, true, false, false),
            State::Settling { step: Step::Alarms { .. }, .. } => (true, true, true, false),
            State::Settling { step: Step::BatteryEnds { .. }, .. } | State::Ready { .. } => {
                (true, true, true, true)
            }
            State::Waiting { .. }
            | State::Connecting { .. }
            | State::LoggingIn { .. }
            | State::Leaving { .. }
            | State::Ended => return,
        };
        self.pump_commands(now, out);
        self.pump_asks(now, start_results, out);
        if start_results {
            self.pump_lane(now, Lane::StartResult, out);
        }
        let live = matches!(self.state, State::Ready { .. });
        if live {
            self.pump_handshakes(out);
            self.pump_realtime(false, out);
            self.pump_progress(out);
        }
        if battery_ends {
            self.pump_lane(now, Lane::BatteryEnd, out);
        }
        if records {
            self.pump_lane(now, Lane::Record, out);
        }
        if alarms {
            self.pump_open_alarms(now, out);
            if !self.alarms.is_telling() {
                self.pump_lane(now, Lane::Alarm, out);
            }
        }
        if live && !self.records.may_send_more() {
            self.pump_realtime(true, out);
        }
    }

    fn pump_lane(&mut self, now: Now, lane: Lane, out: &mut Vec<Action>) {
        loop {
            match self.queue(lane).due(now.mono) {
                Some(Due::Resend(octets)) => out.push(Action::Write(octets)),
                Some(Due::Aside(id)) => out.push(Action::Note(Note::Aside(id))),
                Some(Due::Paused) => out.push(Action::Note(Note::LanePaused(lane))),
                None => break,
            }
        }
        while let Some(entry) = self.queue(lane).next(now.mono).cloned() {
            let behind = self.start_results.is_reading() || self.start_results.is_waiting_for(&entry.txn);
            if lane == Lane::Record && behind {
                return; // its start result goes first
            }
            if lane == Lane::Alarm && self.alarm_events.is_settling() {
                return; // after a kill no more than the newest event is told once more, and none before another
            }
            let Some((sequence, encoded)) = self.encode(&Outgoing::Entry(&entry)) else { return };
            match encoded {
                Encoded::Asked(octets) => {
                    self.queue(lane).sent(now.mono, sequence, octets.clone());
                    out.push(Action::Write(octets));
                }
                Encoded::Told(frames) => {
                    out.extend(frames.into_iter().map(Action::Write));
                    self.queue(lane).sent(now.mono, sequence, Vec::new());
                    self.taken(lane, sequence, Verdict::Taken, out);
                }
                Encoded::Unsayable => {
                    self.queue(lane).unsayable(now.mono);
                    out.push(Action::Note(Note::Unsayable(entry.id)));
                    continue;
                }
            }
            if lane == Lane::Record {
                self.start_results.overtaken(&entry.txn); // kept only until the record was sent (0204)
                self.handshakes.retain(|_, words| words.txn != entry.txn); // nobody asks who it was any more
                self.progress.retain(|_, words| words.txn != entry.txn);
            }
        }
    }

    fn taken(&mut self, lane: Lane, sequence: u32, verdict: Verdict, out: &mut Vec<Action>) {
        let queue = self.queue(lane);
        let over = queue.in_flight(sequence).and_then(cleared);
        if let Some(id) = queue.answered(sequence) {
            // A raise that the platform refused to know is not offered after its clear.
            let raise = |e: &Entry| over.is_some_and(|alarm| is_of(e, alarm));
            let overtaken = queue.take_aside(raise).into_iter().chain([id]);
            out.extend(overtaken.map(|id| Action::Tell(FromLink::Acknowledged(id, verdict))));
        }
    }

    /// Who the vehicles are, once the start results of their sessions went out.
    fn pump_handshakes(&mut self, out: &mut Vec<Action>) {
        for (connector, words) in std::mem::take(&mut self.handshakes) {
            if self.start_is_unsent(&words.txn) {
                self.handshakes.insert(connector, words);
            } else {
                self.tell(&Outgoing::BatteryHandshake(&words), out);
            }
        }
    }

    /// How the batteries charge, once the start results of their sessions went out.
    fn pump_progress(&mut self, out: &mut Vec<Action>) {
        for (connector, words) in std::mem::take(&mut self.progress) {
            if self.start_is_unsent(&words.txn) {
                self.progress.insert(connector, words);
            } else {
                self.tell(&Outgoing::BatteryProgress(&words), out);
            }
        }
    }

    /// Whether the start result of this session is still to be sent in this connection.
    fn start_is_unsent(&self, txn: &TransactionNumber) -> bool {
        self.start_results.has_unsent(txn) || self.start_results.has_unread()
    }

    /// Newest states, those that show a connector free or without its transaction, or those that do not.
    fn pump_realtime(&mut self, free: bool, out: &mut Vec<Action>) {
        let ready: Vec<_> = self
            .realtime
            .iter()
            .filter(|(_, r)| (shows_free(r.state) || r.txn.is_none()) == free)
            .filter(|(_, r)| r.state != ConnectorState::Charging || !self.start_is_unsent(&r.txn))
            .filter(|(_, r)| {
                !(free && self.manners.free_after_record && self.records.has_unsent_of(r.connector))
            })
            .map(|(connector, _)| *connector)
            .collect();
        for connector in ready {
            let Some(realtime) = self.realtime.remove(&connector) else { continue };
            self.tell(&Outgoing::Realtime(&realtime), out);
        }
    }

    /// A reply to a durable message.
    pub(super) fn settle_entry(&mut self, kind: Kind, sequence: u32, reply: Reply, out: &mut Vec<Action>) {
        let lane = match kind {
            Kind::Record => Lane::Record,
            Kind::Alarm => Lane::Alarm,
            Kind::BatteryEnd => Lane::BatteryEnd,
            Kind::StartResult
            | Kind::Login
            | Kind::Heartbeat
            | Kind::PileRegister
            | Kind::TariffCheck
            | Kind::TariffRequest
            | Kind::Goodbye
            | Kind::Authorise
            | Kind::OpenAlarms => Lane::StartResult,
        };
        let queue = self.queue(lane);
        let Some(entry) = queue.in_flight(sequence) else {
            out.push(Action::Note(Note::Unmatched(kind)));
            return;
        };
        let verdict = match reply {
            Reply::StartResult | Reply::BatteryEnd => Some(Verdict::Taken),
            Reply::Alarm { id } if is_of(entry, id) => Some(Verdict::Taken),
            Reply::Alarm { .. } => None, // of another alarm: no answer
            Reply::Record { txn, verdict } if txn == entry.txn => verdict,
            Reply::Record { .. } => None, // of another record: no acknowledgement
            // A record so refused is not acknowledged; any other message is set aside until the next login.
            Reply::Refused(code) if lane != Lane::Record => {
                if let Some(id) = queue.put_aside(sequence) {
                    out.push(Action::Tell(FromLink::Acknowledged(id, Verdict::Refused(code))));
                }
                return;
            }
            Reply::Refused(_)
            | Reply::Login(_)
            | Reply::Heartbeat(_)
            | Reply::PileRegister(_)
            | Reply::TariffCheck { .. }
            | Reply::Tariff(_)
            | Reply::Goodbye
            | Reply::OpenAlarms
            | Reply::Decision(_) => None,
        };
        match verdict {
            Some(verdict) => self.taken(lane, sequence, verdict, out),
            None => out.push(Action::Note(Note::Unmatched(kind))),
        }
    }
}

/// The alarm whose clear the message is.
fn cleared(entry: &Entry) -> Option<u64> {
    match &entry.content {
        Content::Alarm(event) if !event.raised => Some(event.alarm.id),
        Content::Alarm(_) | Content::StartResult(_) | Content::Record(_) | Content::BatteryEnd(_) => None,
    }
}

/// Whether the message is an event of this alarm.
fn is_of(entry: &Entry, alarm: u64) -> bool {
    match &entry.content {
        Content::Alarm(event) => event.alarm.id == alarm,
        Content::StartResult(_) | Content::Record(_) | Content::BatteryEnd(_) => false,
    }
}

/// States that are not sent before the record of the session (platform-222.md 13.2).
fn shows_free(state: ConnectorState) -> bool {
    match state {
        ConnectorState::Idle
        | ConnectorState::Plugged
        | ConnectorState::Finished
        | ConnectorState::OutOfService => true,
        ConnectorState::Unknown
        | ConnectorState::Authorising
        | ConnectorState::Starting
        | ConnectorState::Charging
        | ConnectorState::Paused
        | ConnectorState::Stopping
        | ConnectorState::Faulted => false,
    }
}
