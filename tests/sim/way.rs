//! The way between the program and the platform: what each says reaches the other, and is heard on the way.

use crate::calendar::Arrival;
use crate::daemon::Daemon;
use crate::trouble::Relief;
use crate::world::{Job, World};
use depotd::link;
use depotd::model::message::FromLink;
use depotd::model::time::{ClockTrust, Now};
use depotd::sim::platform;
use depotd::station;
use std::time::Duration;

impl World {
    pub(crate) fn connected(&mut self, id: u64) {
        let Some(connection) = self.network.connections.get(&id) else { return };
        let (run, epoch) = (connection.run, connection.epoch);
        if self.daemon.as_ref().is_none_or(|d| d.run != run) {
            return;
        }
        self.nonces += 1;
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.nonces.to_le_bytes());
        self.link_event(link::Event::Connected(epoch, nonce));
    }

    pub(crate) fn down(&mut self, id: u64, octets: Vec<u8>) {
        let Some(daemon) = &self.daemon else { return };
        let Some(connection) = self.network.connections.get(&id).filter(|c| c.run == daemon.run) else {
            return;
        };
        if connection.epoch != daemon.epoch() || connection.left {
            let epoch = connection.epoch;
            self.stale(link::Event::Octets(epoch, &octets));
        } else if !self.held.is_empty() || !daemon.wants_octets() {
            self.held.push_back((id, octets));
        } else {
            self.hand_down(id, &octets);
        }
    }

    fn hand_down(&mut self, id: u64, octets: &[u8]) {
        for heard in self.tap.down(id, octets) {
            self.reference.arrived(&heard);
        }
        let epoch = self.network.connections.get(&id).map_or(0, |c| c.epoch);
        self.link_event(link::Event::Octets(epoch, octets));
    }

    pub(crate) fn closed_below(&mut self, id: u64) {
        let Some(daemon) = &self.daemon else { return };
        let Some(connection) = self.network.connections.get(&id).filter(|c| c.run == daemon.run) else {
            return;
        };
        let epoch = connection.epoch;
        let event = link::Event::Closed(epoch, "ended by the platform");
        if connection.epoch != daemon.epoch() || connection.left {
            self.stale(event);
        } else {
            self.link_event(event);
        }
    }

    /// An event of a connection that is over: it changes nothing (I12).
    fn stale(&mut self, event: link::Event<'_>) {
        self.link_event(link::Event::Woke);
        self.work();
        let Some(daemon) = &mut self.daemon else { return };
        let now = daemon.now(&self.clock, self.at);
        let before = daemon.epoch();
        let actions = daemon.link(now, event);
        if !actions.is_empty() || daemon.epoch() != before {
            self.reference.blame("I12", format!("an event of an older connection led to {actions:?}"));
        }
        self.obey_link(actions);
    }

    pub(crate) fn link_event(&mut self, event: link::Event<'_>) {
        let Some(daemon) = self.daemon.as_mut().filter(|d| !d.link_ended) else { return };
        let now = daemon.now(&self.clock, self.at);
        let actions = daemon.link(now, event);
        self.handed += 1;
        self.obey_link(actions);
        while !self.held.is_empty() && self.daemon.as_ref().is_some_and(Daemon::wants_octets) {
            if let Some((id, octets)) = self.held.pop_front() {
                self.hand_down(id, &octets);
            }
        }
    }

    fn obey_link(&mut self, actions: Vec<link::Action>) {
        let Some(daemon) = &self.daemon else { return };
        let run = daemon.run;
        for action in actions {
            let epoch = self.daemon.as_ref().map_or(0, Daemon::epoch);
            match action {
                link::Action::Connect(epoch, _) => self.connect(run, epoch),
                link::Action::Write(octets) => {
                    if let Some(id) = self.network.of(run, epoch) {
                        self.up(id, octets);
                    }
                }
                link::Action::Close => self.leave(run, epoch),
                link::Action::Load(lane, after, limit) => self.load(lane, after, limit),
                link::Action::Tell(message) => {
                    self.listen(&message);
                    self.jobs.push_back(Job::Station(station::Event::Link(message)));
                }
                link::Action::Note(note) => self.reference.log(format!("link: {note:?}")),
                link::Action::Ended => {
                    if let Some(daemon) = &mut self.daemon {
                        daemon.link_ended = true;
                    }
                    let end = Arrival::Relief(Relief::End(run));
                    self.calendar.put(self.at + Duration::from_millis(50), end);
                }
            }
        }
    }

    fn listen(&mut self, message: &FromLink) {
        match message {
            FromLink::PlatformTime(_) => {}
            other => self.reference.log(format!("told: {other:?}")),
        }
    }

    fn connect(&mut self, run: u32, epoch: u64) {
        self.held.clear();
        let wait = Duration::from_millis(self.random.u64(5..60));
        match self.network.connect(self.at, run, epoch) {
            Some(id) => {
                self.calendar.put(self.at + wait, Arrival::Accepted(id));
                self.calendar.put(self.at + wait * 2, Arrival::Connected(id));
            }
            None => self.calendar.put(self.at + wait, Arrival::NotConnected(run, epoch)),
        }
    }

    fn leave(&mut self, run: u32, epoch: u64) {
        self.held.clear();
        let Some(id) = self.network.of(run, epoch) else { return };
        if let Some(at) = self.network.up(self.at, id) {
            self.calendar.put(at, Arrival::ClosedAbove(id));
        }
        if let Some(connection) = self.network.connections.get_mut(&id) {
            connection.left = true;
        }
    }

    fn up(&mut self, id: u64, octets: Vec<u8>) {
        let trusted = self.clock.trust().is_trusted();
        for heard in self.tap.up(id, &octets) {
            self.reference.sent(&heard, trusted);
        }
        if self.network.connections.get(&id).is_some_and(|c| c.left || c.dropped) {
            return;
        }
        if let Some(at) = self.network.up(self.at, id) {
            self.calendar.put(at, Arrival::Up(id, octets));
        }
    }

    pub(crate) fn order(&mut self, order: platform::Order) {
        self.platform_event(platform::Event::Order(order));
    }

    pub(crate) fn platform_event(&mut self, event: platform::Event<'_>) {
        let mono = self.at;
        let now = Now { mono, wall: self.clock.truth(mono), trust: ClockTrust::Ntp };
        let actions = self.platform.handle(now, event);
        self.handed += 1;
        for action in actions {
            match action {
                platform::Action::Write(id, octets) => {
                    if let Some(at) = self.network.down(self.at, id) {
                        self.calendar.put(at, Arrival::Down(id, octets));
                    }
                }
                platform::Action::Close(id) => {
                    if let Some(at) = self.network.down(self.at, id) {
                        self.calendar.put(at, Arrival::ClosedBelow(id));
                    }
                    if let Some(connection) = self.network.connections.get_mut(&id) {
                        connection.dropped = true;
                    }
                }
                platform::Action::Say(text) => self.reference.log(format!("platform: {text}")),
            }
        }
        self.platform_wake = self.platform.wake_at();
        self.hear_complaints();
    }

    /// What the platform complains of. Whether a silent charger began is not known before its stop was given up, and so
    /// neither is the result of the start. Which side of a login a record ended on is not told apart by a clock that was
    /// far off.
    fn hear_complaints(&mut self) {
        while let Some(complaint) = self.platform.complaints().get(self.complaints).cloned() {
            self.complaints += 1;
            let far_off = self.reference.clock_was_far_off && complaint.contains("4.1:");
            let no_disk = self.disk.fails && complaint.contains(" list message refused with 2");
            let no_charger =
                complaint.contains("15.2: no start result") && self.reference.charger_was_away(&complaint);
            if !far_off && !no_disk && !no_charger {
                self.reference.blame("platform", complaint);
            }
        }
    }
}
