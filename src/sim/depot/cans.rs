//! The CAN buses of a depot: charge controllers, taps on plugs, and the adapters through which the master is on them.

use super::{Depot, Standing};
use crate::model::time::Instant;
use crate::sim::can_bus::CanBus;
use crate::sim::line;
use crate::sim::plan::PlannedCan;
use crate::sim::plug::Trouble;
use crate::sim::slcan::Adapter;
use crate::sim::{controller, slcan};

/// Rate of every bus here.
const BIT_RATE: u32 = 250_000;

/// Who sent a frame: the master, or the controller of a place.
type Sender = Option<usize>;

/// A CAN bus with an adapter. Of a tapped one the adapter only hears what [`crate::sim::plug`] says.
pub(super) struct CanLine {
    pub(super) name: String,
    pub(super) adapter: Adapter,
    bus: CanBus<Sender>,
}

impl CanLine {
    pub(super) fn new(planned: &PlannedCan, seed: u64) -> CanLine {
        CanLine {
            name: planned.name.clone(),
            adapter: Adapter::new(BIT_RATE, planned.tap, seed),
            bus: CanBus::new(BIT_RATE),
        }
    }

    /// Octets of the master.
    pub(super) fn told(&mut self, now: Instant, octets: &[u8]) {
        for frame in self.adapter.hear(now, octets) {
            self.bus.send(now, None, frame);
        }
    }
}

impl Depot {
    pub(super) fn advance_cans(&mut self, now: Instant) {
        for (index, standing) in self.places.iter_mut().enumerate() {
            let stirred = std::mem::take(&mut standing.stirred);
            let Some((can, controller)) = &mut standing.controller else { continue };
            if stirred || controller.wake_at().is_some_and(|at| at <= now) {
                for frame in controller.advance(now, &mut standing.bay) {
                    self.cans[*can].bus.send(now, Some(index), frame);
                }
            }
        }
        for can in 0..self.cans.len() {
            while let Some((at, from, frame)) = self.cans[can].bus.take(now) {
                if from.is_some() {
                    self.cans[can].adapter.overhear(at, &frame);
                }
                for (index, standing) in self.places.iter_mut().enumerate() {
                    let Some((on, controller)) = &mut standing.controller else { continue };
                    if *on != can || from == Some(index) {
                        continue;
                    }
                    for said in controller.hear(at, &frame, &mut standing.bay) {
                        self.cans[can].bus.send(at, Some(index), said);
                    }
                }
            }
        }
        for standing in &mut self.places {
            let (Some(tap), Some(plug)) = (standing.tap, standing.bay.plug_talk_mut()) else { continue };
            while let Some((at, frame)) = plug.overhear() {
                self.cans[tap].adapter.overhear(at, &frame);
            }
        }
    }

    pub(super) fn cans_wake_at(&self) -> impl Iterator<Item = Option<Instant>> + '_ {
        let buses = self.cans.iter().flat_map(|can| [can.bus.wake_at(), can.adapter.wake_at()]);
        buses.chain(self.places.iter().map(|p| p.controller.as_ref().and_then(|(_, c)| c.wake_at())))
    }

    /// Lets something go wrong by the word for it.
    pub(super) fn disturb(&mut self, now: Instant, name: &str, word: &str) -> Result<(), String> {
        if let Some(can) = self.cans.iter_mut().find(|can| can.name == name) {
            can.adapter.go_wrong(Some(named(&slcan::Fault::WORDS, word)?));
            return Ok(());
        }
        if let Some(plug) = self.standing(name, "plug").and_then(|s| s.bay.plug_talk_mut()) {
            plug.go_wrong(now, Some(named(&Trouble::WORDS, word)?));
            return Ok(());
        }
        if let Some((_, controller)) = self.standing(name, "charger").and_then(|s| s.controller.as_mut()) {
            controller.go_wrong(Some(named(&controller::Fault::WORDS, word)?));
            return Ok(());
        }
        let slot = self.slot_mut(name)?;
        slot.fault = Some(named(&line::Fault::WORDS, word)?);
        Ok(())
    }

    /// Mends what is no device on a line; whether there is such a thing.
    pub(super) fn heal_can(&mut self, now: Instant, name: &str) -> bool {
        if let Some(can) = self.cans.iter_mut().find(|can| can.name == name) {
            can.adapter.go_wrong(None);
            return true;
        }
        if let Some(plug) = self.standing(name, "plug").and_then(|s| s.bay.plug_talk_mut()) {
            plug.go_wrong(now, None);
            return true;
        }
        if let Some((_, controller)) = self.standing(name, "charger").and_then(|s| s.controller.as_mut()) {
            controller.go_wrong(None);
            return true;
        }
        false
    }

    pub(super) fn can_complaints(&self) -> impl Iterator<Item = String> + '_ {
        let adapters = self.cans.iter().map(|can| (can.name.clone(), can.adapter.complaints()));
        let controllers = self.places.iter().enumerate().filter_map(|(index, standing)| {
            let (_, controller) = standing.controller.as_ref()?;
            Some((format!("charger-{}", index + 1), controller.complaints()))
        });
        adapters.chain(controllers).flat_map(|(name, all)| all.iter().map(move |c| format!("{name}: {c}")))
    }

    /// The place of `plug-2` or `charger-2`.
    fn standing(&mut self, name: &str, kind: &str) -> Option<&mut Standing> {
        let number: usize = name.strip_prefix(kind)?.strip_prefix('-')?.parse().ok()?;
        self.places.get_mut(number.checked_sub(1)?)
    }
}

fn named<F: Copy>(words: &[(&str, F)], word: &str) -> Result<F, String> {
    let found = words.iter().find(|(known, _)| *known == word).map(|(_, fault)| *fault);
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| format!("no fault {word:?}; known: {}", known()))
}
