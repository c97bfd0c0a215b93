//! One connector of a charger behind its charge controller on CAN (can.md 3): `depotd` plays the billing control unit.
//!
//! A device on CAN is a machine of its own: nobody asks it in turn. [`Controller`] keeps the heartbeat, takes the two
//! steps before a start is legal, repeats orders until they are answered, and reports in the words of [`crate::model`].
//!
//! ```text
//! beat       heartbeats both ways
//! steps      version and parameters, before a start is legal
//! tell       what the station orders, as frames
//! lanes      orders repeated until they are answered
//! hear       what the controller says, message by message
//! attempt    from a start to its end: name, admission, output, stop
//! seen       telemetry and status words
//! words      their bits as faults and alarms
//! cause      reason codes as stop reasons
//! vehicle    what is repeated of the vehicle, in our units
//! report     what the station is told, and the charger's screen
//! status     what people see
//! frame      frames of ours
//! ```
//!
//! From two independent implementations that agree [2+]; no capture is public. What is absent: the bus itself, the
//! dialect of EAST 2016, time sync (its octets differ between makers) and firmware download.

mod attempt;
mod beat;
mod cause;
mod frame;
mod hear;
mod lanes;
mod report;
mod seen;
mod status;
mod steps;
mod tell;
#[cfg(test)]
mod tests;
mod vehicle;
mod words;

pub use status::{Counters, Reason, Status};

use crate::model::ident::DeviceCode;
use crate::model::report::{LinkState, OrderFault, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::model::vehicle::Handshake;
use crate::wire::can::{Frame, Id};
use crate::wire::tcu::Receiver;
use crate::wire::tcu::message::TCU;
use crate::wire::tcu::receiver::Controllers;
use attempt::{Attempt, Rest, Wish, done};
use beat::Beat;
use lanes::{Lane, Lanes};
use report::{Display, Told};
use seen::Seen;
use serde::{Deserialize, Serialize};
use status::Last;
use steps::Steps;
use tell::BeforeStart;

/// How the controller of one connector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// CAN address of the controller: F6 for one alone, E0 and the following for several on one bus [2+].
    pub controller: u8,
    /// Charge interface number: 0 on a pile with one connector, else 1.. (the connector's number).
    pub interface: u8,
    /// The pile's number, sent with the parameters.
    pub pile: DeviceCode,
    /// Which version to offer.
    pub dialect: Dialect,
}

/// A version of the protocol. The controller's answer to the version step decides; this is what is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// V1.21 is offered and every answer is right.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// The vehicle names itself with 17 and is answered with 18.
    #[serde(rename = "1.21")]
    V1_21,
    /// The vehicle names itself with 2D and is answered with 2E.
    #[serde(rename = "2.30")]
    V2_30,
}

/// What happens to a controller.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A frame on its bus; one that it does not hear is harmless.
    Frame(&'a Frame),
    /// An order of the station.
    Tell(Request),
    /// The bus can be spoken on.
    BusUp,
    /// The bus or its adapter is gone.
    BusDown,
    /// The clock; early or late is harmless.
    Woke,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Put this on the bus.
    Send(Frame),
    /// Tell the station.
    Report(Report),
}

/// One connector of a charger on CAN.
#[derive(Debug)]
pub struct Controller {
    config: Config,
    receiver: Receiver,
    /// `None` while the bus is down.
    bus: Option<Bus>,
    lanes: Lanes,
    /// What the start that waits in its lane is for.
    wish: Wish,
    /// The start that waits goes out behind a limit.
    after_limit: Option<BeforeStart>,
    /// A limit of ours is in the controller.
    limited: bool,
    attempt: Attempt,
    /// An attempt was given up while nobody could be told.
    abandoned: bool,
    rest: Rest,
    seen: Seen,
    vehicle: Option<Handshake>,
    /// Telemetry came that was not told yet.
    progress_waits: bool,
    display: Display,
    told: Told,
    last: Last,
    counters: Counters,
}

/// What is known since the bus came up.
#[derive(Debug)]
struct Bus {
    beat: Beat,
    steps: Steps,
    /// The controller's heartbeat is there.
    alive: bool,
    alive_since: Instant,
}

impl Controller {
    /// The bus is down until [`Event::BusUp`].
    #[must_use]
    pub fn new(_: Now, config: Config) -> Controller {
        Controller {
            receiver: Receiver::new(Controllers::Only(config.controller)),
            config,
            bus: None,
            lanes: Lanes::default(),
            wish: Wish::Charge,
            after_limit: None,
            limited: false,
            attempt: Attempt::None,
            abandoned: false,
            rest: Rest::default(),
            seen: Seen::default(),
            vehicle: None,
            progress_waits: false,
            display: Display::default(),
            told: Told::default(),
            last: Last::default(),
            counters: Counters::default(),
        }
    }

    /// Whether a frame of this identifier is for it.
    #[must_use]
    pub fn hears(&self, id: Id) -> bool {
        id.is_page_zero() && id.destination() == TCU && id.source() == self.config.controller
    }

    /// Takes one event and says what follows from it, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        let now = now.mono;
        match event {
            Event::Frame(frame) => self.hear(now, frame, &mut out),
            Event::Tell(request) => self.tell(now, request, &mut out),
            Event::BusUp => self.bus_up(now),
            Event::BusDown => self.bus_down(now, &mut out),
            Event::Woke => {}
        }
        self.turn(now, &mut out);
        out
    }

    /// When to hand back [`Event::Woke`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let bus = self.bus.as_ref()?;
        let steps = bus.steps.wake_at().filter(|_| bus.alive);
        let loss = (self.told.link != LinkState::Silent).then(|| bus.beat.loss());
        let own = self.own();
        let display = own.and_then(|own| self.display.wake_at(own));
        let progress = self.progress_due().filter(|_| self.progress_waits);
        let status = self.status_due().filter(|_| bus.alive);
        // What opens a lane is an event of its own; the last moment of any state is what the beat wakes for.
        let lanes = self.lanes.wake_at(|lane| self.is_open(bus.beat.due(), lane));
        let attempt = self.attempt.wake_at(self.lanes.is_free(Lane::Stop));
        let all = [Some(bus.beat.due()), steps, loss, display, progress, status, lanes, attempt];
        all.into_iter().flatten().min()
    }

    fn bus_up(&mut self, now: Instant) {
        self.seen = Seen::default();
        self.bus =
            Some(Bus { beat: Beat::begin(now), steps: Steps::begin(now), alive: false, alive_since: now });
    }

    /// Nobody can be told anything: what waits is given back, a charge that runs goes on without us.
    fn bus_down(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.lose_attempt(now, out);
        // Its stop may not have been heard.
        self.abandoned |= matches!(self.attempt, Attempt::Leaving(_));
        self.give_up(OrderFault::Silent, out);
        done(self.lanes.clear(), Err(OrderFault::Silent), out);
        self.after_limit = None;
        self.bus = None;
    }

    /// What the clock brings about, in the order of its weight: the heartbeat keeps buses charging.
    fn turn(&mut self, now: Instant, out: &mut Vec<Action>) {
        self.keep_beat(now, out);
        if self.bus.is_some() {
            self.attempt_deadlines(now, out);
            while let Some((lane, waiting)) = self.lanes.late(now) {
                self.order_late(now, lane, waiting, out);
            }
            let open: Vec<Lane> = Lane::ALL.iter().copied().filter(|l| self.is_open(now, *l)).collect();
            out.extend(self.lanes.next(now, |lane| open.contains(&lane)).into_iter().map(Action::Send));
            match self.own() {
                Some(own) => out.extend(self.display.next(now, &self.config, own).map(Action::Send)),
                None => self.display.clear(),
            }
        }
        self.judge_link(now, out);
        self.tell_progress(now, out);
        self.tell_status(now, out);
    }

    fn keep_beat(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(bus) = &mut self.bus else { return };
        let alive = bus.beat.is_alive(now);
        let before = std::mem::replace(&mut bus.alive, alive);
        if alive && !before {
            bus.alive_since = now;
        }
        out.extend(bus.beat.next(now, &self.config).map(Action::Send));
        if alive {
            out.extend(bus.steps.next(now, &self.config).map(Action::Send));
        } else if before {
            bus.steps.clear();
            self.counters.heartbeat = self.counters.heartbeat.saturating_add(1);
            self.lose_attempt(now, out);
        }
        if std::mem::take(&mut self.abandoned) {
            self.halt(now, out);
        }
    }

    /// Whether a charge runs, and whether it is ours.
    fn own(&self) -> Option<bool> {
        match &self.attempt {
            Attempt::Charging(charging) => Some(charging.own),
            Attempt::None | Attempt::Preparing(_) | Attempt::Leaving(_) => None,
        }
    }
}
