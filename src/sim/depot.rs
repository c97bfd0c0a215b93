//! A whole depot on a clock that is given to it: lines with their devices, charging places, people. Pure.
//!
//! The master's octets come in with the moment they were written, take their wire time, are heard by every device of
//! the line, and the answers come out when their wire time is over. A line of the master is an RS-485 line or, behind
//! those, a CAN bus with its adapter.

mod cans;
mod furnish;
#[cfg(test)]
mod tests;

use super::bay::{Bay, Electronics};
use super::controller::Controller;
use super::line::{Fault, Pacer};
use super::people::{Deed, Habits, Visitor};
use super::plan::Plan;
use super::slave::Slave;
use super::vehicle::{Character, Vehicle};
use super::{charger, meter, modbus_meter, reader};
use crate::model::ident::{CardUid, ConnectorId, Vin};
use crate::model::quantity::{Energy, Power};
use crate::model::time::{Instant, Utc};
use cans::CanLine;
use std::collections::VecDeque;
use std::time::Duration;

/// Octets that begin no question are forgotten when the line was quiet for this long.
const QUIET: Duration = Duration::from_millis(50);

/// The depot.
pub struct Depot {
    lines: Vec<Wire>,
    cans: Vec<CanLine>,
    places: Vec<Standing>,
    fleet: Vec<(String, Vin)>,
    random: fastrand::Rng,
    /// What people did, for those who watch; emptied by them.
    pub events: Vec<(Instant, String)>,
}

struct Wire {
    name: String,
    pacer: Pacer,
    slots: Vec<Slot>,
    arriving: VecDeque<(Instant, Vec<u8>)>,
    heard: Vec<u8>,
    heard_at: Instant,
}

struct Slot {
    name: String,
    place: usize,
    device: Device,
    fault: Option<Fault>,
    /// Share of answers that go wrong in some way, in 1/1000.
    flaky: u16,
}

enum Device {
    Meter(meter::Meter),
    ModbusMeter(modbus_meter::ModbusMeter),
    Charger(charger::Charger),
    Reader(Box<reader::Reader>),
}

impl Device {
    fn slave(&mut self) -> &mut dyn Slave {
        match self {
            Device::Meter(device) => device,
            Device::ModbusMeter(device) => device,
            Device::Charger(device) => device,
            Device::Reader(device) => device.as_mut(),
        }
    }

    fn go_wrong(&mut self, fault: Option<Fault>) {
        match self {
            Device::Meter(device) => device.fault = fault,
            Device::ModbusMeter(device) => device.station.fault = fault,
            Device::Charger(device) => device.station.fault = fault,
            Device::Reader(device) => device.fault = fault,
        }
    }

    fn complaints(&self) -> &[String] {
        match self {
            Device::Meter(device) => device.complaints(),
            Device::ModbusMeter(device) => device.complaints(),
            Device::Charger(device) => device.complaints(),
            Device::Reader(device) => device.complaints(),
        }
    }
}

struct Standing {
    connector: ConnectorId,
    bay: Bay,
    visitor: Option<Visitor>,
    look_at: Instant,
    reader: (usize, usize),
    /// The charge controller on CAN, and the bus it is on.
    controller: Option<(usize, Controller)>,
    /// Something happened at the bay that its controller has not seen.
    stirred: bool,
    /// The CAN bus that hears the plug.
    tap: Option<usize>,
    /// The other gun for the same bus.
    partner: Option<usize>,
}

/// What somebody at a keyboard or a test does to the depot; names are those of the plan.
#[derive(Clone, Debug)]
pub enum Act {
    /// Plugs a bus in.
    Plug(ConnectorId, Vehicle),
    /// Pulls the gun.
    Unplug(ConnectorId),
    /// Ends the charge in the bus.
    StopInBus(ConnectorId),
    /// The bus there names itself so from the next handshake on; where none is, one comes.
    Vin(ConnectorId, Vin),
    /// Lets something go wrong, by its name and the word for it: a device on a line, `charger-N` on CAN, `plug-N`
    /// (charger and vehicle), `can-N` (an adapter).
    Disturb(String, String),
    /// Shows a card at `reader-N`.
    Swipe(String, CardUid),
    /// Puts another meter behind a gun, which stands here.
    ReplaceMeter(ConnectorId, Energy),
    /// Lets a device go wrong.
    Fault(String, Fault),
    /// Lets this share (1/1000) of a device's answers go wrong.
    Flaky(String, u16),
    /// Mends a device.
    Heal(String),
}

impl Depot {
    /// Builds what is planned; with `habits` people come by themselves. `wall` is the wall clock at moment zero.
    #[must_use]
    pub fn new(
        plan: &Plan,
        habits: Option<&Habits>,
        electronics: Electronics,
        wall: Utc,
        seed: u64,
    ) -> Depot {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut lines: Vec<Wire> = plan
            .lines
            .iter()
            .map(|line| Wire {
                name: line.name.clone(),
                pacer: Pacer::new(line.baud, line.character_bits()),
                slots: Vec::new(),
                arriving: VecDeque::new(),
                heard: Vec::new(),
                heard_at: Instant::default(),
            })
            .collect();
        let cards: Vec<CardUid> = plan.cards.iter().filter(|c| c.allowed).map(|c| c.uid).collect();
        let places = (plan.places.iter().enumerate())
            .map(|(index, place)| {
                let reader = furnish::devices(&mut lines, index, place, wall, &mut random);
                // drivers of one place hold cards of their own, so that nobody charges at two guns at once
                let own: Vec<CardUid> =
                    cards.iter().copied().skip(index).step_by(plan.places.len().max(1)).collect();
                let visitor = habits.and_then(|h| Visitor::new(h.clone(), own, random.u64(..)));
                furnish::standing(plan, index, electronics, reader, visitor)
            })
            .collect();
        let cans = plan.cans.iter().map(|can| CanLine::new(can, seed)).collect();
        let fleet = plan.vehicles.iter().map(|v| (v.fleet_number.clone(), v.vin)).collect();
        Depot { lines, cans, places, fleet, random, events: Vec::new() }
    }

    /// Number of lines and then of CAN buses, in the order of the plan.
    #[must_use]
    pub fn line_count(&self) -> usize {
        self.lines.len() + self.cans.len()
    }

    /// Octets of the master on a line.
    pub fn written(&mut self, now: Instant, line: usize, octets: &[u8]) {
        if let Some(can) = line.checked_sub(self.lines.len()) {
            return self.cans[can].told(now, octets);
        }
        let wire = &mut self.lines[line];
        wire.arriving.push_back((wire.pacer.arrived(now, octets.len()), octets.to_vec()));
    }

    /// Octets that have reached the master of a line by now.
    pub fn take(&mut self, now: Instant, line: usize) -> Option<Vec<u8>> {
        match line.checked_sub(self.lines.len()) {
            Some(can) => self.cans[can].adapter.take_octets(now),
            None => self.lines[line].pacer.take(now),
        }
    }

    /// Lets time pass.
    pub fn advance(&mut self, now: Instant) {
        for line in 0..self.lines.len() {
            while self.lines[line].arriving.front().is_some_and(|(at, _)| *at <= now) {
                if let Some((at, octets)) = self.lines[line].arriving.pop_front() {
                    self.hear(at, line, &octets);
                }
            }
        }
        for place in 0..self.places.len() {
            if self.places[place].bay.wake_at().is_some_and(|at| at <= now) {
                self.places[place].bay.advance(now);
                self.places[place].stirred = true;
            }
            self.people(now, place);
        }
        self.advance_cans(now);
    }

    /// When something happens next by itself.
    #[must_use]
    pub fn wake_at(&self) -> Option<Instant> {
        let lines =
            self.lines.iter().flat_map(|l| [l.arriving.front().map(|(at, _)| *at), l.pacer.wake_at()]);
        let places =
            self.places.iter().flat_map(|p| [p.bay.wake_at(), p.visitor.as_ref().map(|_| p.look_at)]);
        lines.chain(places).chain(self.cans_wake_at()).flatten().min()
    }

    fn hear(&mut self, at: Instant, line: usize, octets: &[u8]) {
        let wire = &mut self.lines[line];
        if at.since(wire.heard_at) > QUIET {
            wire.heard.clear();
        }
        wire.heard_at = at;
        wire.heard.extend_from_slice(octets);
        for slot in &mut wire.slots {
            let flaky = slot.flaky > 0 && self.random.u16(..1000) < slot.flaky;
            let passing = flaky.then(|| Fault::WORDS[self.random.usize(..Fault::WORDS.len())].1);
            slot.device.go_wrong(slot.fault.or(passing));
            let bay = &mut self.places[slot.place].bay;
            let Some(reaction) = slot.device.slave().hear(at, &wire.heard, bay) else { continue };
            if let Some(answer) = reaction.answer {
                wire.pacer.answer(at, answer, &mut self.random);
            }
            wire.heard.drain(..reaction.taken.min(wire.heard.len()));
            return;
        }
        // a broadcast, or a question to nobody here: the next write begins a new one
    }

    fn people(&mut self, now: Instant, place: usize) {
        let standing = &mut self.places[place];
        let Some(visitor) = &mut standing.visitor else { return };
        if standing.look_at > now {
            return;
        }
        standing.bay.advance(now);
        let deed = visitor.look(now, &standing.bay);
        standing.look_at = visitor.wake_at(now);
        let connector = standing.connector;
        match deed {
            Some(Deed::Plug(vehicle)) => self.plug(now, connector, vehicle),
            Some(Deed::Unplug) => self.unplug(now, connector),
            Some(Deed::StopInBus) => self.stop_in_bus(now, connector),
            Some(Deed::Swipe(uid)) => {
                let (line, slot) = self.places[place].reader;
                self.swipe(now, line, slot, uid);
            }
            None => {}
        }
    }

    /// Does what somebody wants; an error says what is not there.
    pub fn act(&mut self, now: Instant, act: Act) -> Result<(), String> {
        match act {
            Act::Plug(connector, vehicle) => {
                self.place(connector)?;
                self.plug(now, connector, vehicle);
            }
            Act::Unplug(connector) => {
                self.place(connector)?;
                self.unplug(now, connector);
            }
            Act::StopInBus(connector) => {
                self.place(connector)?;
                self.stop_in_bus(now, connector);
            }
            Act::Vin(connector, vin) => {
                let place = self.place(connector)?;
                self.name(now, place, vin);
            }
            Act::Disturb(name, word) => self.disturb(now, &name, &word)?,
            Act::Swipe(name, uid) => {
                let (line, slot) = self.slot(&name)?;
                if !matches!(self.lines[line].slots[slot].device, Device::Reader(_)) {
                    return Err(format!("{name} is no reader"));
                }
                self.swipe(now, line, slot, uid);
            }
            Act::ReplaceMeter(connector, register) => {
                let place = self.place(connector)?;
                self.replace_meter(now, place, register);
            }
            Act::Fault(name, fault) => self.slot_mut(&name)?.fault = Some(fault),
            Act::Flaky(name, share) => self.slot_mut(&name)?.flaky = share,
            Act::Heal(name) if self.heal_can(now, &name) => {}
            Act::Heal(name) => {
                let slot = self.slot_mut(&name)?;
                (slot.fault, slot.flaky) = (None, 0);
            }
        }
        Ok(())
    }

    fn replace_meter(&mut self, now: Instant, place: usize, register: Energy) {
        let standing = &mut self.places[place];
        standing.bay.advance(now);
        standing.bay.replace_meter(register);
        let number = std::array::from_fn(|_| self.random.u8(..10) * 16 + self.random.u8(..10));
        let slots = self.lines.iter_mut().flat_map(|l| &mut l.slots).filter(|s| s.place == place);
        for slot in slots {
            if let Device::Meter(meter) = &mut slot.device {
                meter.replace(number);
            }
        }
    }

    /// A bus with two inlets takes both guns of a pair.
    fn plug(&mut self, now: Instant, connector: ConnectorId, vehicle: Vehicle) {
        self.events.push((now, format!("{connector}  bus {} plugs in at {} %", vehicle.name, vehicle.soc())));
        let Ok(place) = self.place(connector) else { return };
        let vehicle = self.known(vehicle);
        if let Some(other) = self.places[place].partner {
            self.places[other].bay.plug(now, vehicle.clone());
        }
        self.places[place].bay.plug(now, vehicle);
    }

    /// A bus of the fleet names itself.
    fn known(&self, vehicle: Vehicle) -> Vehicle {
        let named = self.fleet.iter().find(|(name, _)| *name == vehicle.name);
        match named {
            Some((_, vin)) if vehicle.bms == Character::default() => {
                Vehicle { bms: Character::named(*vin), ..vehicle }
            }
            _ => vehicle,
        }
    }

    fn unplug(&mut self, now: Instant, connector: ConnectorId) {
        let Ok(place) = self.place(connector) else { return };
        if let Some(other) = self.places[place].partner {
            self.places[other].bay.unplug(now);
        }
        if let Some(vehicle) = self.places[place].bay.unplug(now) {
            self.events
                .push((now, format!("{connector}  bus {} leaves with {} %", vehicle.name, vehicle.soc())));
        }
    }

    fn stop_in_bus(&mut self, now: Instant, connector: ConnectorId) {
        let Ok(place) = self.place(connector) else { return };
        self.events.push((now, format!("{connector}  the driver ends the charge in the bus")));
        for place in [Some(place), self.places[place].partner].into_iter().flatten() {
            self.places[place].bay.stop_in_vehicle(now);
        }
    }

    fn name(&mut self, now: Instant, place: usize, vin: Vin) {
        let connector = self.places[place].connector;
        let vehicle = match self.places[place].bay.unplug(now) {
            Some(vehicle) => Vehicle { bms: Character::named(vin), ..vehicle },
            None => {
                let (capacity, charge) = (Energy(3_000_000), Energy(1_200_000));
                let name = vin.as_str()[11..].to_owned();
                Vehicle { name, capacity, charge, max_power: Power(120_000), bms: Character::named(vin) }
            }
        };
        self.plug(now, connector, vehicle);
    }

    fn swipe(&mut self, now: Instant, line: usize, slot: usize, uid: CardUid) {
        let slot = &mut self.lines[line].slots[slot];
        let connector = self.places[slot.place].connector;
        self.events.push((now, format!("{connector}  card {} at {}", uid.masked(), slot.name)));
        if let Device::Reader(reader) = &mut slot.device {
            reader.present(uid);
        }
    }

    /// A charging place, to look at or to disturb.
    pub fn bay(&mut self, connector: ConnectorId) -> Option<&mut Bay> {
        let place = self.place(connector).ok()?;
        Some(&mut self.places[place].bay)
    }

    /// Every place with its connector.
    pub fn bays(&self) -> impl Iterator<Item = (ConnectorId, &Bay)> {
        self.places.iter().map(|p| (p.connector, &p.bay))
    }

    /// Names of all devices on lines.
    pub fn devices(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|l| l.slots.iter().map(|s| s.name.as_str()))
    }

    /// Visits that led to output, and visits that were given up.
    #[must_use]
    pub fn visits(&self) -> (u32, u32) {
        let visitors = self.places.iter().filter_map(|p| p.visitor.as_ref());
        visitors.fold((0, 0), |(charged, given_up), v| (charged + v.charged, given_up + v.given_up))
    }

    /// Nobody comes any more; who is there finishes.
    pub fn close(&mut self) {
        self.places.iter_mut().filter_map(|p| p.visitor.as_mut()).for_each(Visitor::close);
    }

    /// Whether nobody is in the depot.
    #[must_use]
    pub fn is_deserted(&self) -> bool {
        self.places.iter().filter_map(|p| p.visitor.as_ref()).all(Visitor::is_away)
    }

    /// The supply of the whole depot fails: charging ends, what is on the wires is lost, meters keep their registers.
    pub fn power_cut(&mut self, now: Instant) {
        self.unplug_master(None);
        for place in &mut self.places {
            place.bay.power_cut(now);
            if let Some((_, controller)) = &mut place.controller {
                controller.power_cut();
            }
        }
    }

    /// The master is gone: what is on the way on this line (or on all) is lost.
    pub fn unplug_master(&mut self, line: Option<usize>) {
        for (index, wire) in self.lines.iter_mut().enumerate() {
            if line.is_none_or(|l| l == index) {
                wire.pacer.clear();
                wire.arriving.clear();
                wire.heard.clear();
            }
        }
        let before = self.lines.len();
        for (index, can) in self.cans.iter_mut().enumerate() {
            if line.is_none_or(|l| l == before + index) {
                can.adapter.replug();
            }
        }
    }

    /// Every rule that the master broke, by device.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let slots = self.lines.iter().flat_map(|l| &l.slots);
        let on_lines =
            slots.flat_map(|s| s.device.complaints().iter().map(move |c| format!("{}: {c}", s.name)));
        on_lines.chain(self.can_complaints()).collect()
    }

    fn place(&self, connector: ConnectorId) -> Result<usize, String> {
        let found = self.places.iter().position(|p| p.connector == connector);
        found.ok_or_else(|| format!("there is no connector {connector}"))
    }

    fn slot(&self, name: &str) -> Result<(usize, usize), String> {
        let all = self.lines.iter().enumerate();
        let found = all.flat_map(|(l, w)| w.slots.iter().enumerate().map(move |(s, slot)| (l, s, slot)));
        let mut found = found.filter(|(_, _, slot)| slot.name == name).map(|(l, s, _)| (l, s));
        found.next().ok_or_else(|| format!("there is no device {name}"))
    }

    fn slot_mut(&mut self, name: &str) -> Result<&mut Slot, String> {
        let (line, slot) = self.slot(name)?;
        Ok(&mut self.lines[line].slots[slot])
    }

    /// Name of a line.
    #[must_use]
    pub fn line_name(&self, line: usize) -> &str {
        match line.checked_sub(self.lines.len()) {
            Some(can) => &self.cans[can].name,
            None => &self.lines[line].name,
        }
    }
}
