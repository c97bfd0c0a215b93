//! One connector of a charger behind its charge controller on CAN (can.md 3): `depotd` plays the billing control unit.
//!
//! A device on CAN is a machine of its own: nobody asks it in turn. [`Controller`] keeps the heartbeat, takes the two
//! steps before a start is legal, repeats orders until they are answered, and reports in the words of [`crate::model`].
//!
//! ```text
//! beat       heartbeats both ways
//! steps      version and parameters
//! frame      frames of ours
//! status     what people see
//! ```
//!
//! From two independent implementations that agree [2+]; no capture is public. What is absent: the bus itself, the
//! dialect of EAST 2016, time sync (its octets differ between makers) and firmware download.

mod beat;
mod frame;
mod status;
mod steps;
#[cfg(test)]
mod tests;

pub use status::Status;

use crate::model::ident::DeviceCode;
use crate::model::report::{LinkState, OrderFault, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::wire::can::{Frame, Id};
use crate::wire::tcu::message::TCU;
use crate::wire::tcu::receiver::Controllers;
use crate::wire::tcu::{Heard, Kind, Message, Receiver};
use beat::Beat;
use serde::{Deserialize, Serialize};
use steps::{Answer, Steps};

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
    link: LinkState,
}

/// What is known since the bus came up.
#[derive(Debug)]
struct Bus {
    beat: Beat,
    steps: Steps,
    /// The controller's heartbeat is there.
    alive: bool,
}

impl Controller {
    /// The bus is down until [`Event::BusUp`].
    #[must_use]
    pub fn new(_: Now, config: Config) -> Controller {
        Controller {
            receiver: Receiver::new(Controllers::Only(config.controller)),
            config,
            bus: None,
            link: LinkState::Unknown,
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
        match event {
            Event::Frame(frame) => self.hear(now, frame),
            Event::Tell(request) => {
                out.push(Action::Report(Report::Done(request.order, Err(OrderFault::Silent))));
            }
            Event::BusUp => {
                self.bus =
                    Some(Bus { beat: Beat::begin(now.mono), steps: Steps::begin(now.mono), alive: false });
            }
            Event::BusDown => self.bus = None,
            Event::Woke => {}
        }
        self.turn(now, &mut out);
        out
    }

    /// When to hand back [`Event::Woke`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let bus = self.bus.as_ref()?;
        let living = self.link != LinkState::Silent;
        let loss = living.then(|| bus.beat.loss());
        let steps = bus.steps.wake_at().filter(|_| bus.alive);
        [Some(bus.beat.due()), loss, steps].into_iter().flatten().min()
    }

    /// For people.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let bus = self.bus.as_ref();
        Status {
            link: self.link,
            heartbeat_age_ms: bus.and_then(|b| b.beat.age(now.mono)).map(|age| age.as_millis() as u64),
            dialect: bus.and_then(|b| b.steps.dialect()),
        }
    }

    fn hear(&mut self, now: Now, frame: &Frame) {
        let Some(bus) = self.bus.as_mut().filter(|_| frame.id().destination() == TCU) else { return };
        let Heard::Message(_, message) = self.receiver.hear(now.mono.0, frame) else { return };
        bus.hear(now.mono, &self.config, &message);
    }

    fn turn(&mut self, now: Now, out: &mut Vec<Action>) {
        let link = self.judge(now.mono);
        if link != self.link {
            self.link = link;
            out.push(Action::Report(Report::Link(link)));
        }
        let Some(bus) = self.bus.as_mut() else { return };
        out.extend(bus.beat.next(now, &self.config).map(Action::Send));
        bus.alive = bus.beat.is_alive(now.mono);
        if bus.alive {
            out.extend(bus.steps.next(now.mono, &self.config).map(Action::Send));
        } else if bus.beat.is_lost(now.mono) {
            bus.steps.clear();
        }
    }

    fn judge(&self, now: Instant) -> LinkState {
        match &self.bus {
            None => LinkState::Silent,
            Some(bus) if bus.beat.is_lost(now) => LinkState::Silent,
            Some(bus) if bus.beat.is_alive(now) && bus.steps.are_done() => LinkState::Good,
            Some(_) => self.link,
        }
    }
}

impl Bus {
    fn hear(&mut self, now: Instant, config: &Config, message: &Message<'_>) {
        let answer = match message.kind() {
            Kind::CcuHeartbeat => {
                self.beat.hear(now);
                return;
            }
            Kind::VersionAck => self.steps.hear_version(now, config, message),
            Kind::ParametersAck => self.steps.hear_parameters(now, message),
            _ => return,
        };
        match answer {
            Answer::Taken | Answer::OtherVersion | Answer::Refused(_) | Answer::Unasked => {}
        }
    }
}
