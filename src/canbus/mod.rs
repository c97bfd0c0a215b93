//! One CAN bus: whose frames are whose, and how the bus and its adapter stand (can.md 4).
//!
//! ```text
//! Closed --Open--> Opening --Opened--> Open
//!   ^  wait 1 2 4 8 s |                 |
//!   +--- OpenFailed --+------ Lost -----+
//! ```
//!
//! A device on CAN is a machine of its own that nobody asks in turn: a charge controller ([`crate::driver::tcu`]) speaks
//! by its own clock, a tap ([`crate::bms`]) only listens. The bus gives each the frames it hears and tells all when nobody
//! can be heard or spoken to: the adapter is gone, or our controller is off the bus. Then every device is silent.
//!
//! What is absent: what any frame means, the adapter, the clock.

mod device;
mod fault;
mod load;
mod status;
#[cfg(test)]
mod tests;

pub use device::Device;
pub use fault::{BusState, Fault};
pub use status::{BusStatus, Counters, DeviceStatus, PortState};

use crate::model::ident::DeviceId;
use crate::model::report::{LinkState, OrderFault, Report};
use crate::model::request::Request;
use crate::model::time::{Instant, Now};
use crate::wire::can::Frame;
use device::{Member, Said};
use load::Load;
use std::time::Duration;

/// Waits before the adapter is opened again; the last one is repeated.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// Where somebody ought to speak each second, an adapter that lets nobody be heard for so long is opened anew …
const UNHEARD: Duration = Duration::from_secs(30);
/// … and again after each of these.
const STILL_UNHEARD: Duration = Duration::from_secs(300);

/// Frames with 29 bits that somebody wants to hear: those whose identifier is `id` where `mask` has ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Identifier, 29 bits.
    pub id: u32,
    /// Bits of it that count.
    pub mask: u32,
}

/// How a bus is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Bits per second.
    pub bitrate: u32,
    /// Nothing is ever sent.
    pub listen_only: bool,
}

/// What happens to the bus.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// The adapter is open.
    Opened,
    /// The adapter could not be opened.
    OpenFailed,
    /// The open adapter is gone.
    Lost,
    /// A frame was heard.
    Frame(&'a Frame),
    /// The adapter or the kernel says something else.
    Fault(Fault),
    /// So many frames were lost between the bus and us.
    Dropped(u64),
    /// A frame of ours found no room; the bus goes on.
    SendFailed,
    /// The station orders a device.
    Tell(DeviceId, Request),
    /// A deadline passed.
    Woke,
}

/// What the bus wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Close the adapter if it is open, and open it; answered by `Opened` or `OpenFailed`.
    Open,
    /// Put this on the bus; `SendFailed` if there is no room.
    Send(Frame),
    /// A device reports to the station.
    Report(DeviceId, Report),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// Opened again at this moment.
    Closed(Instant),
    Opening,
    Open,
}

/// One bus with its devices.
#[derive(Debug)]
pub struct Bus {
    config: Config,
    members: Vec<Member>,
    port: Port,
    port_since: Instant,
    /// Losses in a row without anybody heard.
    tries: usize,
    state: BusState,
    state_since: Instant,
    /// Devices believe that the bus is there.
    up: bool,
    /// Nobody was heard since then; `None` while the adapter is away.
    unheard: Option<Instant>,
    is_still_unheard: bool,
    load: Load,
    counters: Counters,
}

impl Bus {
    /// A bus with its devices. The adapter is opened by the first event.
    #[must_use]
    pub fn new(config: Config, devices: Vec<(DeviceId, Device)>) -> Bus {
        Bus {
            config,
            members: devices.into_iter().map(|(id, device)| Member::new(id, device)).collect(),
            port: Port::Closed(Instant::default()),
            port_since: Instant::default(),
            tries: 0,
            state: BusState::Unknown,
            state_since: Instant::default(),
            up: false,
            unheard: None,
            is_still_unheard: false,
            load: Load::default(),
            counters: Counters::default(),
        }
    }

    /// What its devices hear, for the kernel.
    #[must_use]
    pub fn filters(&self) -> Vec<Filter> {
        let mut filters: Vec<Filter> = self.members.iter().flat_map(Member::filters).collect();
        filters.dedup();
        filters
    }

    /// Takes one event; gives all that is to be done, in order.
    #[must_use]
    pub fn handle(&mut self, now: Now, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Opened => self.opened(now, &mut out),
            Event::OpenFailed | Event::Lost => self.lost(now, &mut out),
            Event::Frame(frame) => self.frame(now, frame, &mut out),
            Event::Fault(fault) => self.fault(now, fault, &mut out),
            Event::Dropped(count) => self.counters.dropped = self.counters.dropped.saturating_add(count),
            Event::SendFailed => self.counters.unsent += 1,
            Event::Tell(device, request) => self.tell(now, device, request, &mut out),
            Event::Woke => {}
        }
        self.wake_members(now, &mut out);
        self.reopen(now.mono, &mut out);
        out
    }

    /// When to be woken.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let members = self.members.iter().filter_map(Member::wake_at);
        let port = match self.port {
            Port::Closed(open_at) => Some(open_at),
            Port::Opening => None,
            Port::Open => self.mute_at(),
        };
        members.chain(port).min()
    }

    fn opened(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.port != Port::Opening {
            return;
        }
        (self.port, self.port_since) = (Port::Open, now.mono);
        self.counters.opened += 1;
        self.unheard = Some(now.mono);
        self.enter(now.mono, BusState::Unknown);
        self.raise(now, out);
    }

    fn lost(&mut self, now: Now, out: &mut Vec<Action>) {
        if let Port::Closed(_) = self.port {
            return;
        }
        if self.port == Port::Open {
            self.port_since = now.mono;
        }
        self.port = Port::Closed(now.mono + WAITS[self.tries.min(WAITS.len() - 1)]);
        self.tries += 1;
        self.counters.lost += 1;
        self.unheard = None;
        self.enter(now.mono, BusState::Unknown);
        self.lower(now, out);
    }

    /// Everybody can speak again.
    fn raise(&mut self, now: Now, out: &mut Vec<Action>) {
        if std::mem::replace(&mut self.up, true) {
            return;
        }
        for at in 0..self.members.len() {
            let said = self.members[at].bus_up(now);
            self.pass_on(now.mono, at, said, out);
        }
    }

    /// Nobody can be heard or spoken to. A device that does not say so itself is silent all the same, and one that was
    /// never heard is told to be.
    fn lower(&mut self, now: Now, out: &mut Vec<Action>) {
        self.up = false;
        for at in 0..self.members.len() {
            let mut said = self.members[at].bus_down(now);
            said.push(Said::Report(Report::Link(LinkState::Silent)));
            self.pass_on(now.mono, at, said, out);
        }
    }

    fn frame(&mut self, now: Now, frame: &Frame, out: &mut Vec<Action>) {
        self.load.add(now.mono, frame);
        self.counters.received += 1;
        self.unheard = self.unheard.map(|_| now.mono);
        (self.tries, self.is_still_unheard) = (0, false);
        let mut is_foreign = true;
        for at in 0..self.members.len() {
            if self.members[at].hears(frame.id()) {
                is_foreign = false;
                let said = self.members[at].frame(now, frame);
                self.pass_on(now.mono, at, said, out);
            }
        }
        self.counters.foreign += u64::from(is_foreign);
    }

    fn fault(&mut self, now: Now, fault: Fault, out: &mut Vec<Action>) {
        self.counters.count(fault);
        match fault {
            Fault::State(state) => {
                self.enter(now.mono, state);
                match state {
                    BusState::Off => self.lower(now, out),
                    BusState::Active | BusState::Warning | BusState::Passive if self.port == Port::Open => {
                        self.raise(now, out);
                    }
                    BusState::Active | BusState::Warning | BusState::Passive | BusState::Unknown => {}
                }
            }
            Fault::Restarted
            | Fault::Unacknowledged
            | Fault::ArbitrationLost
            | Fault::Protocol
            | Fault::Transceiver
            | Fault::SendTimeout
            | Fault::ReceiveOverflow
            | Fault::SendOverflow
            | Fault::Unreadable => {}
        }
    }

    fn tell(&mut self, now: Now, id: DeviceId, request: Request, out: &mut Vec<Action>) {
        let Some(at) = self.members.iter().position(|member| member.id == id) else {
            out.push(Action::Report(id, Report::Done(request.order, Err(OrderFault::Unsupported))));
            return;
        };
        let said = self.members[at].tell(now, request);
        self.pass_on(now.mono, at, said, out);
    }

    fn wake_members(&mut self, now: Now, out: &mut Vec<Action>) {
        for at in 0..self.members.len() {
            if self.members[at].wake_at().is_some_and(|due| due <= now.mono) {
                let said = self.members[at].woke(now);
                self.pass_on(now.mono, at, said, out);
            }
        }
    }

    /// What a device wants. Links are told when they change; nothing is sent where only listening is allowed or while the
    /// bus is away.
    fn pass_on(&mut self, now: Instant, at: usize, said: Vec<Said>, out: &mut Vec<Action>) {
        let member = &mut self.members[at];
        for said in said {
            match said {
                Said::Send(frame) if self.port == Port::Open && !self.config.listen_only => {
                    self.load.add(now, &frame);
                    self.counters.sent += 1;
                    member.sent += 1;
                    out.push(Action::Send(frame));
                }
                Said::Send(_) => self.counters.unsent += 1,
                Said::Report(Report::Link(state)) if !member.enter(now, state) => {}
                Said::Report(report) => out.push(Action::Report(member.id, report)),
            }
        }
    }

    fn enter(&mut self, now: Instant, state: BusState) {
        if self.state != state {
            (self.state, self.state_since) = (state, now);
        }
    }

    /// Opens the adapter when its moment has come, or when it lets nobody be heard.
    fn reopen(&mut self, now: Instant, out: &mut Vec<Action>) {
        match self.port {
            Port::Closed(open_at) if open_at <= now => {}
            Port::Open if self.mute_at().is_some_and(|at| at <= now) => {
                self.counters.reopened_mute += 1;
                self.is_still_unheard = true;
                self.unheard = Some(now);
                self.port_since = now;
            }
            Port::Closed(_) | Port::Opening | Port::Open => return,
        }
        self.port = Port::Opening;
        out.push(Action::Open);
    }

    /// When an adapter that lets nobody be heard is opened anew. At a tap silence is usual.
    fn mute_at(&self) -> Option<Instant> {
        let somebody_speaks = self.members.iter().any(Member::speaks);
        let patience = if self.is_still_unheard { STILL_UNHEARD } else { UNHEARD };
        self.unheard.filter(|_| somebody_speaks).map(|since| since + patience)
    }
}
