//! The CAN buses between the program and the depot: what `task::can` does, without a runtime. Frames go through the
//! text of the adapters.

use crate::calendar::Arrival;
use crate::world::{Job, World};
use depotd::canbus::{Action, Event};
use depotd::station;
use depotd::wire::slcan::Line;
use std::time::Duration;

/// An adapter needs so long to be opened.
const OPENING: Duration = Duration::from_millis(30);

impl World {
    /// Octets of an adapter, as the program's port reads them.
    pub(crate) fn adapter_said(&mut self, bus: usize, octets: &[u8]) {
        let mut frames = Vec::new();
        for octet in octets {
            if let Some(Ok(Line::Frame { frame, .. })) = self.ears[bus].take(*octet) {
                frames.push(frame);
            }
        }
        for frame in frames {
            self.bus_event(bus, Event::Frame(&frame));
        }
    }

    pub(crate) fn bus_event(&mut self, bus: usize, event: Event<'_>) {
        let port = self.plan.lines.len() + bus;
        let Some(daemon) = &mut self.daemon else { return };
        let now = daemon.now(&self.clock, self.at);
        let run = daemon.run;
        for action in daemon.bus(now, bus, event) {
            match action {
                Action::Open => {
                    let there = !self.unplugged[port];
                    if there {
                        let open: &[u8] = if self.plan.cans[bus].tap { b"C\rS5\rL\r" } else { b"C\rS5\rO\r" };
                        self.depot.written(self.at, port, open);
                    }
                    self.calendar.put(self.at + OPENING, Arrival::Opened(run, port, there));
                }
                Action::Send(_) if self.unplugged[port] => {
                    self.jobs.push_back(Job::Bus(bus, Event::SendFailed));
                }
                Action::Send(frame) => {
                    let mut octets = Vec::new();
                    Line::Frame { frame, stamp_ms: None }.write(&mut octets);
                    self.depot.written(self.at, port, &octets);
                }
                Action::Report(device, report) => {
                    self.jobs.push_back(Job::Station(station::Event::Device(device, report)));
                }
            }
        }
        self.see_depot();
    }
}
