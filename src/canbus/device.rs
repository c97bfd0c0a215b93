//! A device on the bus: a charge controller that is spoken to, or a tap that is only listened to.

use super::Filter;
use crate::bms::{self, Tap};
use crate::driver::tcu::{self, Controller};
use crate::model::ident::DeviceId;
use crate::model::report::{LinkState, OrderFault, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::wire::can::{Frame, Id};
use crate::wire::gbt27930::message::{BMS, CHARGER};
use crate::wire::tcu::message::TCU;

/// What stands on a bus.
#[derive(Debug)]
pub enum Device {
    /// One connector of a charger.
    Controller(Box<Controller>),
    /// The ear at the plug of one connector.
    Tap(Box<Tap>),
}

/// What a device wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Send(Frame),
    Report(Report),
}

/// A device with what the bus knows of it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: DeviceId,
    pub(super) device: Device,
    pub(super) link: LinkState,
    pub(super) link_since: Instant,
    pub(super) received: u64,
    pub(super) sent: u64,
}

impl Member {
    pub(super) fn new(id: DeviceId, device: Device) -> Member {
        Member { id, device, link: LinkState::Unknown, link_since: Instant::default(), received: 0, sent: 0 }
    }

    /// Whether it says something each second of its own accord.
    pub(super) fn speaks(&self) -> bool {
        match self.device {
            Device::Controller(_) => true,
            Device::Tap(_) => false,
        }
    }

    /// Priority and format of a message do not count (can.md 4.3).
    pub(super) fn filters(&self) -> Vec<Filter> {
        match self.device {
            Device::Controller(_) => {
                vec![Filter { id: u32::from(TCU) << 8, mask: 0xFF00 }]
            }
            Device::Tap(_) => vec![pair(CHARGER, BMS), pair(BMS, CHARGER)],
        }
    }

    pub(super) fn hears(&self, id: Id) -> bool {
        match &self.device {
            Device::Controller(controller) => controller.hears(id),
            Device::Tap(tap) => tap.hears(id),
        }
    }

    pub(super) fn frame(&mut self, now: Now, frame: &Frame) -> Vec<Said> {
        self.received += 1;
        match &mut self.device {
            Device::Controller(controller) => wanted(controller.handle(now, tcu::Event::Frame(frame))),
            Device::Tap(tap) => reports(tap.handle(now, bms::Event::Frame(frame))),
        }
    }

    pub(super) fn bus_up(&mut self, now: Now) -> Vec<Said> {
        match &mut self.device {
            Device::Controller(controller) => wanted(controller.handle(now, tcu::Event::BusUp)),
            Device::Tap(tap) => reports(tap.handle(now, bms::Event::Opened)),
        }
    }

    pub(super) fn bus_down(&mut self, now: Now) -> Vec<Said> {
        match &mut self.device {
            Device::Controller(controller) => wanted(controller.handle(now, tcu::Event::BusDown)),
            Device::Tap(tap) => reports(tap.handle(now, bms::Event::Lost)),
        }
    }

    pub(super) fn tell(&mut self, now: Now, request: Request) -> Vec<Said> {
        match &mut self.device {
            Device::Controller(controller) => wanted(controller.handle(now, tcu::Event::Tell(request))),
            Device::Tap(_) => vec![Said::Report(Report::Done(request.order, Err(OrderFault::Unsupported)))],
        }
    }

    pub(super) fn woke(&mut self, now: Now) -> Vec<Said> {
        match &mut self.device {
            Device::Controller(controller) => wanted(controller.handle(now, tcu::Event::Woke)),
            Device::Tap(tap) => reports(tap.handle(now, bms::Event::Woke)),
        }
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        match &self.device {
            Device::Controller(controller) => controller.wake_at(),
            Device::Tap(tap) => tap.wake_at(),
        }
    }

    /// Whether its link changed.
    pub(super) fn enter(&mut self, now: Instant, state: LinkState) -> bool {
        let changed = self.link != state;
        if changed {
            (self.link, self.link_since) = (state, now);
        }
        changed
    }
}

/// Frames between these two.
fn pair(destination: u8, source: u8) -> Filter {
    Filter { id: u32::from(destination) << 8 | u32::from(source), mask: 0xFFFF }
}

fn wanted(actions: Vec<tcu::Action>) -> Vec<Said> {
    let one = |action| match action {
        tcu::Action::Send(frame) => Said::Send(frame),
        tcu::Action::Report(report) => Said::Report(report),
    };
    actions.into_iter().map(one).collect()
}

fn reports(reports: Vec<Report>) -> Vec<Said> {
    reports.into_iter().map(Said::Report).collect()
}
