//! One connection to the platform: login, heartbeat, order after login, questions, lanes, commands.
//!
//! `waiting -> connecting -> logging in -> settling (steps 1..8) -> ready`, and from each of them back to waiting
//! (platform-222.md 5). Every connection has an epoch; events of an older one have no effect (I12). What the platform
//! gives as intervals is clamped. Any good frame counts as life; three silent heartbeat periods end the connection.
//!
//! What is absent: bytes (in [`crate::uplink`]), what is owed (in the store; a lane asks for it), decisions (in the
//! station).

mod alarms;
mod ask;
mod commands;
mod connect;
mod exchange;
mod flow;
mod settle;

use crate::model::batch::Recovered;
use crate::model::ident::ConnectorId;
use crate::model::message::{
    BatteryHandshake, BatteryProgress, Entry, EntryId, FromLink, Lane, PileRegister, Realtime, StationFacts,
    ToLink,
};
use crate::model::time::{Instant, Now};
use crate::outbox::Queue;
use crate::uplink::{Encoded, Incoming, Kind, Manners, Outgoing, Reply, Uplink};
use alarms::OpenAlarms;
use ask::Asks;
use commands::Replies;
use connect::Backoff;
use std::collections::BTreeMap;
use std::time::Duration;

pub use connect::State;
pub use exchange::Exchange;

/// How the link behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// `host:port`, tried in order, one per try; not empty.
    pub addresses: Vec<String>,
    /// Longest wait between tries.
    pub reconnect_max: Duration,
    /// Heartbeat period when the login gives 0.
    pub heartbeat: Duration,
    /// Wait before a message is sent again.
    pub resend_after: Duration,
    /// The same for a record.
    pub record_resend_after: Duration,
    /// How often it is sent again in one connection.
    pub resends: u8,
    /// Rest of a lane after that.
    pub lane_pause: Duration,
    /// Stored messages per second, records excepted.
    pub stored_per_second: u32,
    /// In pile-code order.
    pub piles: Vec<PileRegister>,
    /// For jitter.
    pub seed: u64,
}

/// What the store holds of the lanes.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Highest identity per lane; a lane that is not named is empty.
    pub newest: BTreeMap<Lane, u64>,
    /// Refused as unknown in an earlier life of the program, and queued once more.
    pub offered_again: Vec<EntryId>,
}

impl Held {
    /// As the store knew it when the program started.
    #[must_use]
    pub fn of(recovered: &Recovered) -> Held {
        let newest = [
            (Lane::StartResult, recovered.last_start_result),
            (Lane::Record, recovered.last_record),
            (Lane::Alarm, recovered.last_alarm_event),
            (Lane::BatteryEnd, recovered.last_battery_end),
        ];
        Held { newest: newest.into(), offered_again: recovered.offered_again.clone() }
    }
}

/// What happens to the link.
#[derive(Debug)]
pub enum Event<'a> {
    /// The connection of this epoch stands; 16 octets from the operating system's generator for the login.
    Connected(u64, [u8; 16]),
    /// The connection of this epoch could not be made or ended, and why.
    Closed(u64, &'a str),
    /// Octets of the connection of this epoch.
    Octets(u64, &'a [u8]),
    /// What the store had of a lane; `None` when it could not be read.
    Loaded(Lane, Option<Vec<Entry>>),
    /// The station says.
    Station(ToLink),
    /// End in order: say goodbye (1 shutdown, 2 restart, 3 update), then stay down.
    Goodbye(u8),
    /// A deadline passed.
    Woke,
}

/// What the link wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect to this address; events of the connection carry the epoch.
    Connect(u64, String),
    /// One frame in one write.
    Write(Vec<u8>),
    /// End the connection; nothing of it counts any more.
    Close,
    /// Read entries of a lane after this identity, at most so many, oldest first.
    Load(Lane, u64, usize),
    /// Tell the station.
    Tell(FromLink),
    /// For the log and the counters.
    Note(Note),
    /// The goodbye is over; nothing follows.
    Ended,
}

/// What people may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The login was accepted after so many tries.
    LoggedIn(String),
    /// The connection ended, and why.
    Lost(String),
    /// The platform refused the login with this result.
    Refused(u8),
    /// Octets were refused.
    BadFrame(&'static str),
    /// A reply matched nothing.
    Unmatched(Kind),
    /// A lane pauses because nothing is answered.
    LanePaused(Lane),
    /// This durable message is not answered; it waits for the next login, others go on.
    Aside(EntryId),
    /// This durable message cannot be said in the platform's protocol; it is kept.
    Unsayable(EntryId),
    /// A good frame departs from the text of its protocol.
    Departs(&'static str),
}

/// The connection that stands or is being made.
#[derive(Debug)]
struct Connection {
    epoch: u64,
    sequence: u32,
    heard: Instant,
    /// The unfinished frame: where in the stream it begins, and since when it has been waited for.
    partial: Option<(u64, Instant)>,
    heartbeat: Duration,
    heartbeat_due: Instant,
    heartbeats: u32,
}

impl Connection {
    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.sequence
    }
}

/// The link machine.
pub struct Link {
    config: Config,
    uplink: Box<dyn Uplink>,
    manners: Manners,
    state: State,
    connection: Option<Connection>,
    epoch: u64,
    backoff: Backoff,
    facts: StationFacts,
    asks: Asks,
    replies: Replies,
    realtime: BTreeMap<ConnectorId, Realtime>,
    handshakes: BTreeMap<ConnectorId, Box<BatteryHandshake>>,
    progress: BTreeMap<ConnectorId, Box<BatteryProgress>>,
    start_results: Queue,
    records: Queue,
    alarm_events: Queue,
    alarms: OpenAlarms,
    battery_ends: Queue,
    tariff_retry: Option<Instant>,
    started: Instant,
    /// When the newest event was handled.
    handled: Option<Instant>,
}

/// How the link stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkStatus {
    /// In one word.
    pub state: &'static str,
    /// The address in use or tried next.
    pub address: String,
    /// Failed tries in a row.
    pub tries: u32,
    /// Good frames were last heard.
    pub heard: Option<Instant>,
}

impl Link {
    /// A link that will connect at once; `held` is what the store holds.
    #[must_use]
    pub fn new(config: Config, uplink: Box<dyn Uplink>, facts: StationFacts, held: &Held, now: Now) -> Link {
        let lane = crate::outbox::Config {
            resend_after: config.resend_after,
            resends: config.resends,
            pause: config.lane_pause,
            ..crate::outbox::Config::default()
        };
        let manners = uplink.manners();
        let record_lane = crate::outbox::Config {
            resend_after: config.record_resend_after,
            silent_aside: manners.silent_aside,
            ..lane
        };
        let spacing = Duration::from_secs(1) / config.stored_per_second.max(1);
        let stored = crate::outbox::Config { spacing, ..lane };
        let queue = |of: Lane, lane: crate::outbox::Config| {
            let mut queue = Queue::new(of, held.newest.get(&of).copied().unwrap_or(0), lane);
            queue.offered_again(&held.offered_again);
            queue
        };
        Link {
            start_results: queue(Lane::StartResult, stored),
            records: queue(Lane::Record, record_lane),
            alarm_events: queue(Lane::Alarm, stored),
            alarms: OpenAlarms::default(),
            battery_ends: queue(Lane::BatteryEnd, stored),
            backoff: Backoff::new(config.seed),
            config,
            uplink,
            manners,
            state: State::Waiting { until: now.mono },
            connection: None,
            epoch: 0,
            facts,
            asks: Asks::default(),
            replies: Replies::default(),
            realtime: BTreeMap::new(),
            handshakes: BTreeMap::new(),
            progress: BTreeMap::new(),
            tariff_retry: None,
            started: now.mono,
            handled: None,
        }
    }

    /// Takes one event; gives all that is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Connected(epoch, nonce) => self.connected(now, epoch, nonce, &mut out),
            Event::Closed(epoch, why) => self.closed(now, epoch, why, &mut out),
            Event::Octets(epoch, octets) => self.octets(now, epoch, octets, &mut out),
            Event::Loaded(lane, entries) => match entries {
                Some(entries) => self.queue(lane).loaded(entries),
                None => self.queue(lane).load_failed(now.mono),
            },
            Event::Station(message) => self.station(now, message, &mut out),
            Event::Goodbye(reason) => self.goodbye(now, reason, &mut out),
            Event::Woke => {}
        }
        self.handled = Some(now.mono);
        self.timers(now, &mut out);
        self.advance(now, &mut out);
        self.pump(now, &mut out);
        out
    }

    /// When to be woken. A deadline that has passed and led to nothing waits for an event, not for the clock.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let mut deadlines = vec![self.state.deadline()];
        let lanes = [&self.start_results, &self.records, &self.alarm_events, &self.battery_ends];
        deadlines.extend(lanes.map(Queue::load_at));
        if let Some(connection) = &self.connection
            && self.state.is_connected()
        {
            deadlines.push(connection.partial.map(|(_, since)| since + connect::FRAME_COMPLETION));
            deadlines.push(self.asks.wake_at());
            if self.state.is_online() {
                deadlines.push(Some(connection.heartbeat_due));
                deadlines.push(Some(connection.heard + connection.heartbeat * 3));
                deadlines.push(self.tariff_retry);
                deadlines.push(self.replies.wake_at());
                deadlines.push(self.start_results.wake_at());
                deadlines.push(self.records.wake_at());
                deadlines.push(self.alarms.again);
                deadlines.push(self.alarm_events.wake_at().filter(|_| !self.alarms.is_telling()));
                deadlines.push(self.battery_ends.wake_at());
            }
        }
        deadlines.into_iter().flatten().filter(|at| Some(*at) > self.handled).min()
    }

    /// Whether octets may be read: not while 64 commands wait for their answers (platform-222.md 14.3).
    #[must_use]
    pub fn wants_octets(&self) -> bool {
        !self.replies.is_full()
    }

    /// Of the newest connection that was asked for.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether a login is in force.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.state.is_online()
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> LinkStatus {
        LinkStatus {
            state: self.state.word(),
            address: self.backoff.address(&self.config.addresses).to_owned(),
            tries: self.backoff.tries(),
            heard: self.connection.as_ref().map(|c| c.heard),
        }
    }

    fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::StartResult => &mut self.start_results,
            Lane::Record => &mut self.records,
            Lane::Alarm => &mut self.alarm_events,
            Lane::BatteryEnd => &mut self.battery_ends,
        }
    }

    fn station(&mut self, now: Now, message: ToLink, out: &mut Vec<Action>) {
        match message {
            ToLink::Authorise(ticket, request) => self.authorise(now, ticket, request, out),
            ToLink::Forget(ticket) => self.asks.forget(ticket),
            ToLink::Realtime(realtime) => {
                self.realtime.insert(realtime.connector, realtime);
            }
            ToLink::BatteryHandshake(words) => drop(self.handshakes.insert(words.connector, words)),
            ToLink::BatteryProgress(words) => drop(self.progress.insert(words.connector, words)),
            ToLink::Answer(ticket, answer) => self.answer(ticket, &answer, out),
            ToLink::Queued(EntryId { lane, id }) => self.queue(lane).queued(id),
            ToLink::Settled(EntryId { lane, id }) => self.queue(lane).settled(id),
            ToLink::Facts(facts) => self.facts = facts,
            ToLink::OpenAlarms(list) => self.alarms.list = list,
            ToLink::TellAlarms => self.alarms.wanted = self.state.is_online(),
        }
    }

    fn octets(&mut self, now: Now, epoch: u64, octets: &[u8], out: &mut Vec<Action>) {
        if self.connection.as_ref().is_none_or(|c| c.epoch != epoch) || !self.state.is_connected() {
            return;
        }
        let incoming = self.uplink.receive(octets);
        self.incoming(now, incoming, out);
        self.watch_partial(now);
    }

    fn watch_partial(&mut self, now: Now) {
        let unfinished = self.uplink.unfinished();
        if let Some(connection) = &mut self.connection {
            let known = connection.partial.filter(|(at, _)| Some(*at) == unfinished);
            connection.partial = known.or(unfinished.map(|at| (at, now.mono)));
        }
    }

    fn incoming(&mut self, now: Now, incoming: Vec<Incoming>, out: &mut Vec<Action>) {
        for one in incoming {
            let Some(connection) = &mut self.connection else { return };
            if one.is_life() {
                connection.heard = now.mono;
            }
            match one {
                Incoming::Reply { kind, sequence, reply } => self.reply(now, kind, sequence, reply, out),
                Incoming::Command { .. } | Incoming::Respond(_) if !self.state.is_online() => {}
                Incoming::Command { reply_to, command } => self.command(now, reply_to, command, out),
                Incoming::Respond(octets) => out.push(Action::Write(octets)),
                Incoming::Ignored(why) | Incoming::Bad(why) => out.push(Action::Note(Note::BadFrame(why))),
                Incoming::Departs(how) => out.push(Action::Note(Note::Departs(how))),
                Incoming::Hopeless => self.drop_connection(now, "the octets make no sense any more", out),
            }
        }
    }

    fn reply(&mut self, now: Now, kind: Kind, sequence: u32, reply: Reply, out: &mut Vec<Action>) {
        if kind != Kind::Login && !self.state.is_online() {
            return; // frames before the login reply are dropped
        }
        match (kind, reply) {
            (Kind::Login, Reply::Login(login)) => self.logged_in(now, sequence, &login, out),
            (Kind::Login, _) => out.push(Action::Note(Note::Unmatched(kind))),
            (Kind::Heartbeat, Reply::Heartbeat(Some(time))) => {
                out.push(Action::Tell(FromLink::PlatformTime(time)))
            }
            (Kind::Heartbeat, _) => {}
            (Kind::StartResult | Kind::Record | Kind::Alarm | Kind::BatteryEnd, reply) => {
                self.settle_entry(kind, sequence, reply, out)
            }
            (Kind::Goodbye, _) => self.farewell(now, out),
            (
                Kind::PileRegister
                | Kind::TariffCheck
                | Kind::TariffRequest
                | Kind::Authorise
                | Kind::OpenAlarms,
                reply,
            ) => self.asked(now, kind, sequence, reply, out),
        }
    }

    /// A message in frames under the next sequence; `None` without a connection.
    fn encode(&mut self, outgoing: &Outgoing<'_>) -> Option<(u32, Encoded)> {
        let connection = self.connection.as_mut()?;
        let sequence = connection.next_sequence();
        Some((sequence, self.uplink.encode(sequence, outgoing)))
    }

    /// Writes a message whose answer, if there is one, nobody waits for.
    fn tell(&mut self, outgoing: &Outgoing<'_>, out: &mut Vec<Action>) {
        match self.encode(outgoing) {
            Some((_, Encoded::Told(frames))) => out.extend(frames.into_iter().map(Action::Write)),
            Some((_, Encoded::Asked(frame))) => out.push(Action::Write(frame)),
            Some((_, Encoded::Unsayable)) | None => {}
        }
    }
}
