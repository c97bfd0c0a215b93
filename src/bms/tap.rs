//! A listener as a device of a connector: what it says, in the words of the station.

use super::listener::{Config, Event, Listener, Status};
use super::said::Said;
use crate::model::report::{LinkState, Report};
use crate::model::time::{Instant, Now};
use crate::model::vehicle::VehicleReport;
use crate::wire::can::Id;
use crate::wire::gbt27930::Side;

/// The ear at one plug.
#[derive(Debug)]
pub struct Tap {
    listener: Listener,
    link: LinkState,
}

impl Tap {
    /// Nothing heard yet.
    #[must_use]
    pub fn new(config: Config) -> Tap {
        Tap { listener: Listener::new(config), link: LinkState::Unknown }
    }

    /// Whether a frame of this identifier is for it.
    #[must_use]
    pub fn hears(&self, id: Id) -> bool {
        Side::of(id).is_some()
    }

    /// Takes one event and tells what follows from it, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Report> {
        let link = match event {
            Event::Frame(_) => LinkState::Good,
            Event::Lost => LinkState::Silent,
            Event::Unplugged | Event::Woke => self.link,
        };
        let mut out = Vec::new();
        if std::mem::replace(&mut self.link, link) != link {
            out.push(Report::Link(link));
        }
        for said in self.listener.handle(now, event) {
            if said == Said::Phase(super::Phase::Idle) {
                out.push(Report::Vehicle(VehicleReport::Gone));
            }
        }
        out
    }

    /// When to hand back [`Event::Woke`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        self.listener.wake_at()
    }

    /// For people.
    #[must_use]
    pub fn status(&self, _: Now) -> Status {
        self.listener.status()
    }
}
