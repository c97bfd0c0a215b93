//! A charge controller (CCU) of one gun on CAN, as the billing control unit meets it (can.md 3), V1.21 and V2.30.
//!
//! Written from the controller's side of the spec. It drives its [`Bay`], keeps the sequence of can.md 3.4 and is
//! strict: every rule that the billing control unit breaks becomes a complaint.
//!
//! ```text
//! orders     what it is told, what it acknowledges, what it complains of
//! session    from a start to the end of a charge
//! words      the octets of what it says
//! fault      how it goes wrong, by name
//! ```

mod fault;
#[cfg(test)]
mod interplay;
mod orders;
mod session;
#[cfg(test)]
mod tests;
mod words;

pub use fault::Fault;

use super::bay::Bay;
use crate::model::time::Instant;
use crate::wire::can::Frame;
use crate::wire::tcu::Kind;
use orders::Orders;
use session::Session;
use std::time::Duration;

const BEAT: Duration = Duration::from_secs(1);
/// The other side's heartbeat is lost after this.
const LOST: Duration = Duration::from_secs(3);
const STATUS: Duration = Duration::from_millis(500);
const TELEMETRY: Duration = Duration::from_secs(1);
/// Complaints that are kept.
const MOST_COMPLAINTS: usize = 1_000;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The vehicle is named with 17 and confirmed with 18.
    #[default]
    V121,
    /// The vehicle is named with 2D and confirmed with 2E; every start names it.
    V230,
}

/// What a controller is like.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Its address on the bus.
    pub address: u8,
    /// Its charge interface: 0 on a pile with one gun.
    pub interface: u8,
    /// What it speaks.
    pub dialect: Dialect,
}

/// One controller.
#[derive(Clone, Debug)]
pub struct Controller {
    config: Config,
    orders: Orders,
    session: Option<Session>,
    counter: u8,
    beat: Instant,
    /// The other side's last heartbeat; `None` when it is lost or was never there.
    heard: Option<Instant>,
    /// It was lost at least once.
    was_lost: bool,
    telemetry: Instant,
    status: Instant,
    shown: [[u8; 8]; 2],
    /// A charge has ended and the vehicle is still there.
    finished: bool,
    fault: Option<Fault>,
    complaints: Vec<String>,
    out: Vec<Frame>,
}

impl Controller {
    /// One that was just switched on.
    #[must_use]
    pub fn new(config: Config) -> Controller {
        Controller {
            config,
            orders: Orders::default(),
            session: None,
            counter: 0,
            beat: Instant::default(),
            heard: None,
            was_lost: false,
            telemetry: Instant::default(),
            status: Instant::default(),
            shown: [[0; 8]; 2],
            finished: false,
            fault: None,
            complaints: Vec::new(),
            out: Vec::new(),
        }
    }

    /// What goes wrong from now on.
    pub fn go_wrong(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// Every rule that was broken so far.
    #[must_use]
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Its supply failed and is back: it knows nothing of what was.
    pub fn power_cut(&mut self) {
        let complaints = std::mem::take(&mut self.complaints);
        *self = Controller { complaints, fault: self.fault, ..Controller::new(self.config) };
    }

    /// A frame on its bus, from whomever.
    #[must_use]
    pub fn hear(&mut self, now: Instant, frame: &Frame, bay: &mut Bay) -> Vec<Frame> {
        let (id, to_me) = (frame.id(), self.config.address);
        let off = matches!(self.fault, Some(Fault::Silent | Fault::Deaf));
        if id.is_page_zero() && id.destination() == to_me && !off {
            bay.advance(now);
            self.order(now, frame, bay);
        }
        self.advance(now, bay)
    }

    /// Lets time pass and gives what it says.
    #[must_use]
    pub fn advance(&mut self, now: Instant, bay: &mut Bay) -> Vec<Frame> {
        bay.advance(now);
        if self.heard.is_some_and(|at| now.since(at) >= LOST) {
            self.lose(now, bay);
        }
        self.carry_on(now, bay);
        if self.beat <= now {
            self.beat = next(self.beat, BEAT, now);
            self.counter = self.counter.wrapping_add(1);
            let timeout = u8::from(self.heard.is_none());
            self.say(Kind::CcuHeartbeat, &[self.counter, timeout]);
        }
        self.show(now, bay);
        let out = std::mem::take(&mut self.out);
        match self.fault {
            Some(Fault::Silent) => Vec::new(),
            Some(Fault::Double) => out.into_iter().flat_map(|frame| [frame, frame]).collect(),
            _ => out,
        }
    }

    /// When it acts next by itself; its bay has its own moments.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let telemetry = self.session.is_some().then_some(self.telemetry);
        let lost = self.heard.map(|at| at + LOST);
        let session = self.session.as_ref().and_then(Session::wake_at);
        [Some(self.beat), Some(self.status), telemetry, lost, session].into_iter().flatten().min()
    }

    /// The billing control unit is gone: what it had checked is void, and nobody pays for what flows.
    fn lose(&mut self, now: Instant, bay: &mut Bay) {
        self.heard = None;
        self.was_lost = true;
        self.orders.forget();
        if let Some(session) = &mut self.session {
            session.unattended(now, bay);
        }
    }

    /// Status on change and every half second, telemetry every second of a charge.
    fn show(&mut self, now: Instant, bay: &Bay) {
        let interface = self.config.interface;
        if bay.vehicle().is_none() {
            self.finished = false;
        }
        let mut faults: Vec<&str> = Vec::new();
        if bay.emergency {
            faults.extend(["total fault", "emergency stop"]);
        }
        match self.fault {
            Some(Fault::Door) => faults.extend(["total fault", "door"]),
            Some(Fault::Module) => faults.extend(["total fault", "module"]),
            _ => {}
        }
        let shown = words::status(interface, bay, self.work_state(bay), &faults);
        let changed = shown != self.shown;
        if changed || self.status <= now {
            self.status = next(self.status, STATUS, now);
            self.shown = shown;
            self.say(Kind::DcStatus1, &shown[0][1..]);
            self.say(Kind::DcStatus2, &shown[1][1..]);
        }
        if self.session.is_some() && self.telemetry <= now {
            self.telemetry = next(self.telemetry, TELEMETRY, now);
            let payload = words::telemetry(self.config.dialect, interface, bay);
            self.say_long(Kind::DcTelemetry, &payload);
        }
    }

    /// 0 standby, 1 working, 2 finished, 3 paused.
    fn work_state(&self, bay: &Bay) -> u8 {
        match &self.session {
            Some(session) if session.is_paused(bay) => 3,
            Some(_) => 1,
            None if self.finished => 2,
            None => 0,
        }
    }

    /// A short message: the interface, these octets, the fill of the version.
    fn say(&mut self, kind: Kind, octets: &[u8]) {
        let mut data = [words::fill(self.config.dialect); 8];
        data[0] = self.config.interface;
        data[1..=octets.len()].copy_from_slice(octets);
        self.out.extend(Frame::new(kind.id(self.config.address), &data));
    }

    fn say_long(&mut self, kind: Kind, payload: &[u8]) {
        let mut frames = words::long(kind, self.config.address, payload);
        match self.fault {
            Some(Fault::BadSum) => {
                let last = frames.len() - 1;
                let mut data: [u8; 8] = frames[last].data().try_into().unwrap_or([0; 8]);
                data[1] ^= 0x55;
                frames[last] = Frame::new(kind.id(self.config.address), &data).unwrap_or(frames[last]);
            }
            Some(Fault::Gap) if frames.len() > 2 => drop(frames.remove(1)),
            _ => {}
        }
        self.out.extend(frames);
    }

    fn complain(&mut self, what: String) {
        if self.complaints.len() < MOST_COMPLAINTS {
            self.complaints.push(what);
        }
    }
}

/// The moment after `last` by its period; what was missed is not caught up.
fn next(last: Instant, period: Duration, now: Instant) -> Instant {
    let next = last + period;
    if next <= now { now + period } else { next }
}
