//! Connecting, logging in, losing the connection, waiting (platform-222.md 5).

use super::{Action, Connection, Link, Note, settle::Step};
use crate::model::message::FromLink;
use crate::model::time::{Instant, Now};
use crate::uplink::{Encoded, LoginReply, Outgoing};
use std::time::Duration;

/// A frame that began must be whole after this long.
pub(super) const FRAME_COMPLETION: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(12);
const LOGIN_REPLY: Duration = Duration::from_secs(15);
const STABLE: Duration = Duration::from_secs(60);
const GOODBYE: Duration = Duration::from_secs(2);
const REFUSED_FIRST: Duration = Duration::from_secs(30);
const REFUSED_MAX: Duration = Duration::from_secs(600);
const VERSION_NOT_SUPPORTED: u8 = 3;
const ALREADY_CONNECTED: u8 = 4;

/// Where the link stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Until the next try.
    Waiting {
        /// When it is made.
        until: Instant,
    },
    /// The shell was asked for a connection.
    Connecting {
        /// The shell's own limit is shorter.
        deadline: Instant,
    },
    /// 0101 is sent.
    LoggingIn {
        /// Its sequence.
        sequence: u32,
        /// For the reply.
        deadline: Instant,
    },
    /// A login is in force; the order after login runs.
    Settling {
        /// Since the login.
        since: Instant,
        /// Where the order stands.
        step: Step,
    },
    /// Live operation.
    Ready {
        /// Since the login.
        since: Instant,
    },
    /// Goodbye is said.
    Leaving {
        /// Not longer.
        deadline: Instant,
    },
    /// Nothing more follows.
    Ended,
}

impl State {
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            State::Waiting { until } => Some(*until),
            State::Connecting { deadline }
            | State::LoggingIn { deadline, .. }
            | State::Leaving { deadline } => Some(*deadline),
            State::Settling { step, .. } => step.deadline(),
            State::Ready { .. } | State::Ended => None,
        }
    }

    /// Octets of the connection count.
    pub(super) fn is_connected(&self) -> bool {
        match self {
            State::LoggingIn { .. }
            | State::Settling { .. }
            | State::Ready { .. }
            | State::Leaving { .. } => true,
            State::Waiting { .. } | State::Connecting { .. } | State::Ended => false,
        }
    }

    /// A login is in force.
    #[must_use]
    pub fn is_online(&self) -> bool {
        match self {
            State::Settling { .. } | State::Ready { .. } | State::Leaving { .. } => true,
            State::Waiting { .. } | State::Connecting { .. } | State::LoggingIn { .. } | State::Ended => {
                false
            }
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            State::Waiting { .. } => "waiting",
            State::Connecting { .. } => "connecting",
            State::LoggingIn { .. } => "logging-in",
            State::Settling { .. } => "settling",
            State::Ready { .. } => "online",
            State::Leaving { .. } => "leaving",
            State::Ended => "ended",
        }
    }

    fn since(&self) -> Option<Instant> {
        match self {
            State::Settling { since, .. } | State::Ready { since } => Some(*since),
            State::Waiting { .. }
            | State::Connecting { .. }
            | State::LoggingIn { .. }
            | State::Leaving { .. }
            | State::Ended => None,
        }
    }
}

/// Waits between tries: growing, with full jitter, so that a city of depots does not return in one wave.
#[derive(Debug)]
pub(super) struct Backoff {
    tries: u32,
    next_address: usize,
    refusals: u32,
    random: fastrand::Rng,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Backoff {
        Backoff { tries: 0, next_address: 0, refusals: 0, random: fastrand::Rng::with_seed(seed) }
    }

    pub(super) fn tries(&self) -> u32 {
        self.tries
    }

    pub(super) fn address<'a>(&self, addresses: &'a [String]) -> &'a str {
        addresses.get(self.next_address % addresses.len().max(1)).map_or("", String::as_str)
    }

    /// Wait before try n: uniform in 1 s .. min(max, 2^n) s.
    fn wait(&mut self, max: Duration) -> Duration {
        self.tries = self.tries.saturating_add(1);
        self.next_address = self.next_address.wrapping_add(1);
        let longest = Duration::from_secs(1 << self.tries.min(10)).min(max).max(Duration::from_secs(1));
        let span = u64::try_from((longest - Duration::from_secs(1)).as_millis()).unwrap_or(0);
        Duration::from_secs(1) + Duration::from_millis(self.random.u64(0..=span))
    }

    /// Wait after a refused login: 30 s doubling to 600 s.
    fn refused(&mut self) -> Duration {
        self.refusals = self.refusals.saturating_add(1);
        (REFUSED_FIRST * (1 << (self.refusals - 1).min(5))).min(REFUSED_MAX)
    }
}

impl Link {
    pub(super) fn connected(&mut self, now: Now, epoch: u64, nonce: [u8; 16], out: &mut Vec<Action>) {
        if epoch != self.epoch || !matches!(self.state, State::Connecting { .. }) {
            return;
        }
        self.uplink.reset();
        self.replies.clear();
        self.connection = Some(Connection {
            epoch,
            sequence: 0,
            heard: now.mono,
            partial: None,
            heartbeat: self.config.heartbeat,
            heartbeat_due: now.mono,
            heartbeats: 0,
        });
        let facts = self.facts.clone();
        let login = Outgoing::Login { facts: &facts, nonce, time: now.stamp() };
        if let Some((sequence, Encoded::Asked(octets))) = self.encode(&login) {
            out.push(Action::Write(octets));
            self.state = State::LoggingIn { sequence, deadline: now.mono + LOGIN_REPLY };
        }
    }

    pub(super) fn closed(&mut self, now: Now, epoch: u64, why: &str, out: &mut Vec<Action>) {
        if epoch == self.epoch && !matches!(self.state, State::Waiting { .. } | State::Ended) {
            self.lose(now, why, out);
        }
    }

    pub(super) fn logged_in(&mut self, now: Now, sequence: u32, login: &LoginReply, out: &mut Vec<Action>) {
        let State::LoggingIn { sequence: asked, .. } = self.state else { return };
        if asked != sequence {
            return;
        }
        if login.result != 0 {
            self.refused(now, login, out);
            return;
        }
        let default = self.config.heartbeat.as_secs();
        let clamped = |seconds: u16, absent: u64, low: u64, high: u64| {
            Duration::from_secs(if seconds == 0 { absent } else { u64::from(seconds).clamp(low, high) })
        };
        let heartbeat = clamped(login.heartbeat, default, 5, 600);
        if let Some(connection) = &mut self.connection {
            connection.heartbeat = heartbeat;
            connection.heartbeat_due = now.mono + heartbeat;
        }
        self.records.set_window(usize::from(login.record_window.clamp(1, 32)));
        self.backoff.refusals = 0;
        self.state = State::Settling { since: now.mono, step: Step::Piles { next: 0 } };
        out.push(Action::Note(Note::LoggedIn(self.backoff.address(&self.config.addresses).to_owned())));
        out.push(Action::Tell(FromLink::Online {
            platform_time: login.time,
            telemetry_charging: clamped(login.telemetry_charging, 15, 5, 300),
            telemetry_idle: clamped(login.telemetry_idle, 300, 30, 3600),
        }));
    }

    fn refused(&mut self, now: Now, login: &LoginReply, out: &mut Vec<Action>) {
        out.push(Action::Close);
        out.push(Action::Note(Note::Refused(login.result)));
        out.push(Action::Tell(FromLink::LoginRefused(login.result)));
        let own = self.backoff.refused();
        let mut wait = match login.retry_after {
            0 => own,
            seconds => Duration::from_secs(u64::from(seconds).clamp(5, 3600)),
        };
        if login.result == ALREADY_CONNECTED {
            wait = wait.max(self.config.heartbeat * 4);
        }
        if login.result == VERSION_NOT_SUPPORTED {
            wait = REFUSED_MAX; // there is no other version to try (5.3)
        }
        self.connection = None;
        self.backoff.next_address = self.backoff.next_address.wrapping_add(1);
        self.state = State::Waiting { until: now.mono + wait };
    }

    /// We end the connection.
    pub(super) fn drop_connection(&mut self, now: Now, why: &str, out: &mut Vec<Action>) {
        out.push(Action::Close);
        self.lose(now, why, out);
    }

    fn lose(&mut self, now: Now, why: &str, out: &mut Vec<Action>) {
        out.push(Action::Note(Note::Lost(why.to_owned())));
        if matches!(self.state, State::Leaving { .. }) {
            self.state = State::Ended;
            out.push(Action::Ended);
            return;
        }
        let stable = self.state.since().is_some_and(|since| now.mono.since(since) >= STABLE);
        if stable {
            self.backoff.tries = 0;
        }
        let was_online = self.state.is_online();
        self.connection = None;
        self.state = State::Waiting { until: now.mono + self.backoff.wait(self.config.reconnect_max) };
        self.tariff_retry = None;
        self.start_results.disconnected();
        self.records.disconnected();
        self.alarm_events.disconnected();
        self.alarms.lost();
        self.battery_ends.disconnected();
        self.replies.clear();
        self.realtime.clear(); // what it says may be over by the next login
        self.handshakes.clear();
        self.progress.clear();
        self.asks.lost(out);
        if was_online {
            out.push(Action::Tell(FromLink::Offline));
        }
    }

    pub(super) fn goodbye(&mut self, now: Now, reason: u8, out: &mut Vec<Action>) {
        if self.state.is_online()
            && let Some((_, Encoded::Asked(octets))) = self.encode(&Outgoing::Goodbye(reason))
        {
            out.push(Action::Write(octets));
            self.state = State::Leaving { deadline: now.mono + GOODBYE };
            return;
        }
        if self.state != State::Ended {
            self.state = State::Ended;
            out.push(Action::Close);
            out.push(Action::Ended);
        }
    }

    pub(super) fn farewell(&mut self, now: Now, out: &mut Vec<Action>) {
        if matches!(self.state, State::Leaving { .. }) {
            self.drop_connection(now, "goodbye", out);
        }
    }

    /// Deadlines of the connection itself.
    pub(super) fn timers(&mut self, now: Now, out: &mut Vec<Action>) {
        match self.state {
            State::Waiting { until } if until <= now.mono => {
                self.epoch += 1;
                self.state = State::Connecting { deadline: now.mono + CONNECT };
                out.push(Action::Connect(
                    self.epoch,
                    self.backoff.address(&self.config.addresses).to_owned(),
                ));
            }
            State::Connecting { deadline } if deadline <= now.mono => {
                self.drop_connection(now, "no connection in 12 s", out);
            }
            State::LoggingIn { deadline, .. } if deadline <= now.mono => {
                self.drop_connection(now, "no answer to the login in 15 s", out);
            }
            State::Leaving { deadline } if deadline <= now.mono => self.drop_connection(now, "goodbye", out),
            State::Waiting { .. }
            | State::Connecting { .. }
            | State::LoggingIn { .. }
            | State::Leaving { .. }
            | State::Settling { .. }
            | State::Ready { .. }
            | State::Ended => {}
        }
        self.partial_frame(now, out);
        self.life(now, out);
    }

    fn partial_frame(&mut self, now: Now, out: &mut Vec<Action>) {
        let overdue =
            |c: &Connection| c.partial.is_some_and(|(_, since)| since + FRAME_COMPLETION <= now.mono);
        if self.state.is_connected() && self.connection.as_ref().is_some_and(overdue) {
            let incoming = self.uplink.expire();
            self.incoming(now, incoming, out);
            self.watch_partial(now);
        }
    }

    fn life(&mut self, now: Now, out: &mut Vec<Action>) {
        if !self.state.is_online() {
            return;
        }
        let Some(connection) = &mut self.connection else { return };
        if connection.heard + connection.heartbeat * 3 <= now.mono {
            self.drop_connection(now, "nothing heard for three heartbeats", out);
            return;
        }
        if connection.heartbeat_due <= now.mono {
            connection.heartbeat_due = now.mono + connection.heartbeat / self.manners.heartbeats.max(1);
            let turn = connection.heartbeats;
            connection.heartbeats = turn.wrapping_add(1);
            let facts = self.facts.clone();
            let uptime = now.mono.since(self.started);
            self.tell(&Outgoing::Heartbeat { turn, uptime, facts: &facts }, out);
        }
    }
}
