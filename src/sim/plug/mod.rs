//! One plug and both ends of what is said over it (GB/T 27930-2015 and 2011, can.md 1): the charger's and the vehicle's,
//! on a bus of 250 kbit/s that a tap may hear. Pure; written from the standard's side, not from the listener's.
//!
//! ```text
//! charger    the charger's end: handshake, configuration, output, the end, three reconnects
//! bms        the vehicle's end, with its own time-outs
//! transport  RTS, CTS and packets, as the sender and the receiver play them
//! words      the octets of every message
//! trouble    what goes wrong, by name
//! ```

mod beat;
mod bms;
mod charger;
#[cfg(test)]
mod tests;
mod transport;
mod trouble;
mod words;

pub use charger::{Ending, Stage, Why};
pub use trouble::Trouble;

use super::can_bus::CanBus;
use super::vehicle::Vehicle;
use crate::model::quantity::{Current, Energy, Power, Voltage};
use crate::model::time::Instant;
use crate::wire::can::{Frame, Id};
use crate::wire::gbt27930::{Edition, Side, layout};
use bms::Bms;
use charger::{Charger, Output, Settings};
use std::collections::VecDeque;
use std::time::Duration;

/// Rate of the pair S+ S-.
pub const BIT_RATE: u32 = 250_000;
/// Frames that a tap has not fetched; older ones are lost.
const KEPT: usize = 4_000;
/// A stranger's message every half second (can.md 1.9, 7).
const FOREIGN: Duration = Duration::from_millis(500);

/// What a plug is like.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The charger's number in CRM and CSD.
    pub number: u32,
    /// Rated output.
    pub rated: Power,
    /// How long the test of the insulation takes.
    pub insulation: Duration,
    /// Somebody listens: everything is said with the periods of the standard. Otherwise the fast messages come as seldom
    /// as no time-out notices, which makes long simulations cheap.
    pub tapped: bool,
    /// Packets that the charger grants at a time; 255 = no limit.
    pub grant: u8,
}

/// Highest output voltage.
pub const MAX_VOLTAGE: Voltage = Voltage(750_000);
/// Lowest output voltage.
pub const MIN_VOLTAGE: Voltage = Voltage(200_000);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Charger,
    Vehicle,
    Stranger,
}

/// Both ends and the pair between them.
#[derive(Clone, Debug)]
pub struct Plug {
    charger: Charger,
    bms: Bms,
    bus: CanBus<From>,
    tap: Option<VecDeque<(Instant, Frame)>>,
    trouble: Option<Trouble>,
    foreign: Option<Instant>,
    random: fastrand::Rng,
    now: Instant,
}

impl Plug {
    /// Nothing is plugged in.
    #[must_use]
    pub fn new(config: Config, seed: u64) -> Plug {
        let max_current = Current((config.rated.0 * 1_000_000 / 480_000).min(400_000));
        let settings = Settings {
            number: config.number,
            insulation: config.insulation,
            max_voltage: MAX_VOLTAGE,
            min_voltage: MIN_VOLTAGE,
            max_current,
            grant: config.grant,
        };
        Plug {
            charger: Charger::new(settings, !config.tapped),
            bms: if config.tapped { Bms::new() } else { Bms::unheard() },
            bus: CanBus::new(BIT_RATE),
            tap: config.tapped.then(VecDeque::new),
            trouble: None,
            foreign: None,
            random: fastrand::Rng::with_seed(seed),
            now: Instant::default(),
        }
    }

    /// What goes wrong from now on.
    pub fn go_wrong(&mut self, now: Instant, trouble: Option<Trouble>) {
        self.trouble = trouble;
        self.charger.trouble = trouble;
        self.bms.trouble = trouble;
        self.foreign = (trouble == Some(Trouble::Foreign)).then_some(now);
    }

    /// The charger begins. Unless `released` it waits at CRO (00), the output contactor open, until [`Plug::release`].
    pub fn start(&mut self, now: Instant, released: bool) {
        self.charger.start(now, released);
    }

    /// It may go on to output.
    pub fn release(&mut self) {
        self.charger.released = true;
    }

    /// The charger ends the charge.
    pub fn stop(&mut self, now: Instant, why: Why) {
        self.charger.stop(now, why);
    }

    /// The vehicle ends the charge and names no cause.
    pub fn stop_in_vehicle(&mut self, now: Instant, vehicle: &Vehicle) {
        self.bms.stop_by_driver(now, vehicle);
    }

    /// The plug is pulled: both ends are alone at once.
    pub fn pull(&mut self, now: Instant) {
        if !matches!(self.charger.stage, Stage::Idle | Stage::Over) {
            self.charger.finish(now, Why::Pulled);
        }
        self.bms.supply(now, false);
        self.bus.clear();
    }

    /// The supply of the charger fails.
    pub fn power_cut(&mut self, now: Instant) {
        self.pull(now);
        self.charger.stage = Stage::Idle;
    }

    /// Where the charger's end stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.charger.stage
    }

    /// How it ended, as far as it has.
    #[must_use]
    pub fn ending(&self) -> &Ending {
        &self.charger.ending
    }

    /// Whether current may flow: both contactors are closed and nobody pauses.
    #[must_use]
    pub fn is_output(&self, now: Instant) -> bool {
        let stopping = self.charger.stage == Stage::Stopping;
        self.charger.is_output(now) && (self.bms.is_closed() || stopping)
    }

    /// BRM of the vehicle in this attempt.
    #[must_use]
    pub fn brm(&self) -> Option<&[u8]> {
        self.charger.brm.as_deref()
    }

    /// BCP of the vehicle in this attempt.
    #[must_use]
    pub fn bcp(&self) -> Option<&[u8; 13]> {
        self.charger.bcp.as_ref()
    }

    /// The VIN of this attempt as sent.
    #[must_use]
    pub fn vin(&self) -> Option<[u8; 17]> {
        self.brm().and_then(|brm| layout::brm::VIN.slice(brm)).and_then(|octets| octets.try_into().ok())
    }

    /// The edition that the vehicle speaks.
    #[must_use]
    pub fn edition(&self) -> Edition {
        self.charger.edition()
    }

    /// Highest current of the charger.
    #[must_use]
    pub fn max_current(&self) -> Current {
        self.charger.settings.max_current
    }

    /// Minutes of output.
    #[must_use]
    pub fn minutes(&self, now: Instant) -> u64 {
        self.charger.minutes(now)
    }

    /// A frame that was on the pair, for its tap.
    pub fn overhear(&mut self) -> Option<(Instant, Frame)> {
        self.tap.as_mut()?.pop_front()
    }

    /// When something happens next.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let now = self.now;
        let ends = [self.charger.wake_at(), self.bms.wake_at(now), self.bus.wake_at(), self.foreign];
        ends.into_iter().flatten().min().map(|at| at.max(now))
    }

    /// Lets time pass to a moment that is not later than [`Plug::wake_at`]. `vehicle`: what is plugged in.
    pub fn step(&mut self, now: Instant, vehicle: Option<&Vehicle>, current: Current, energy: Energy) {
        self.now = self.now.max(now);
        let mut out = Vec::new();
        while let Some((at, from, frame)) = self.bus.take(now) {
            self.hear(at, from, &frame, vehicle, &mut out);
        }
        let voltage = vehicle.filter(|_| self.is_output(now)).map_or(Voltage(0), Vehicle::voltage);
        let mut said = Vec::new();
        self.charger.advance(now, Output { voltage, current, energy }, &mut said);
        out.extend(said.drain(..).map(|frame| (From::Charger, frame)));
        if let Some(vehicle) = vehicle {
            self.bms.supply(now, self.charger.supplies());
            self.bms.advance(now, vehicle, current, &mut said);
            out.extend(said.into_iter().map(|frame| (From::Vehicle, frame)));
        }
        if self.foreign.is_some_and(|at| at <= now) {
            self.foreign = Some(now + FOREIGN);
            let stranger = Frame::new(Id::pdu1(0, 0x70, 0xF4, 0xB5), &[0, 0, 0xB5]);
            out.extend(stranger.map(|frame| (From::Stranger, frame)));
        }
        for (from, frame) in out {
            self.send(now, from, frame);
        }
    }

    fn hear(
        &mut self,
        at: Instant,
        from: From,
        frame: &Frame,
        vehicle: Option<&Vehicle>,
        out: &mut Vec<(From, Frame)>,
    ) {
        if let Some(tap) = &mut self.tap {
            if tap.len() >= KEPT {
                tap.pop_front();
            }
            tap.push_back((at, *frame));
        }
        let mut said = Vec::new();
        match (from, vehicle) {
            (From::Charger, Some(vehicle)) => {
                self.bms.hear(at, frame, vehicle, &mut said);
                out.extend(said.into_iter().map(|frame| (From::Vehicle, frame)));
            }
            (From::Vehicle, _) => {
                self.charger.hear(at, frame, &mut said);
                out.extend(said.into_iter().map(|frame| (From::Charger, frame)));
            }
            (From::Charger, None) | (From::Stranger, _) => {}
        }
    }

    fn send(&mut self, now: Instant, from: From, frame: Frame) {
        match self.trouble {
            Some(Trouble::Lossy) if self.random.u8(..50) == 0 => {}
            Some(Trouble::Double) => {
                self.bus.send(now, from, frame);
                self.bus.send(now, from, frame);
            }
            Some(Trouble::ZeroFill) => self.bus.send(now, from, without_fill(&frame)),
            _ => self.bus.send(now, from, frame),
        }
    }
}

/// The same frame with its undefined bits sent as 0.
fn without_fill(frame: &Frame) -> Frame {
    let kind = Side::of(frame.id()).and_then(|side| crate::wire::gbt27930::Kind::of(frame.id().pf(), side));
    let Some(kind) = kind else { return *frame };
    let undefined = layout::of(kind, Edition::V2015).undefined;
    let octets: Vec<u8> = frame.data().iter().zip(undefined).map(|(octet, bits)| octet & !bits).collect();
    Frame::new(frame.id(), &octets).unwrap_or(*frame)
}
