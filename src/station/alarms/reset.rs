//! Resets (0403, `depotctl alarm reset`): of what does not end by itself, after its cause is gone.

use super::catalogue::End;
use super::{Alarms, code};

/// Who is told when a reset is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::station) enum Waiter {
    /// 0403 with this ticket.
    Platform(u64),
    /// An operator's order with this ticket.
    Operator(u64),
}

/// Why an alarm is not reset: results of 0403r.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::station) enum Refusal {
    Unknown,
    NotLatched,
    CausePresent,
    OnlyHere,
}

impl Refusal {
    /// Result of 0403r.
    pub(in crate::station) fn number(self) -> u8 {
        match self {
            Refusal::Unknown => 1,
            Refusal::NotLatched => 2,
            Refusal::CausePresent => 3,
            Refusal::OnlyHere => 4,
        }
    }

    /// For the person at the tool.
    pub(in crate::station) fn text(self, id: u64) -> String {
        match self {
            Refusal::Unknown => format!("no alarm {id} is open; `depotctl alarms` lists those that are"),
            Refusal::NotLatched => format!("alarm {id} needs no reset: it ends when its cause is over"),
            Refusal::CausePresent => {
                format!(
                    "the cause of alarm {id} is still present, or its device does not answer; remove it first"
                )
            }
            Refusal::OnlyHere => format!("alarm {id} can only be reset in the depot"),
        }
    }
}

impl Alarms {
    /// Resets the alarm with this identity. Emergency stop, smoke and fire can be reset in the depot only; so can what
    /// is not latched and yet stays, because it only tells of something that happened.
    pub(in crate::station) fn reset(&mut self, id: u64, waiter: Waiter) -> Result<(), Refusal> {
        let held: Vec<_> = self.entries.keys().copied().filter(|place| self.is_held(*place)).collect();
        let mut entries = self.entries.iter_mut();
        let found = entries.find(|(_, entry)| entry.open.as_ref().is_some_and(|alarm| alarm.id == id));
        let Some((place, entry)) = found else { return Err(Refusal::Unknown) };
        let here = match waiter {
            Waiter::Platform(_) => false,
            Waiter::Operator(_) => true,
        };
        match entry.kind.end {
            End::Cause => return Err(Refusal::NotLatched),
            End::Person if !here => return Err(Refusal::NotLatched),
            End::Person => {}
            End::Reset if !here && is_local(place.code) => return Err(Refusal::OnlyHere),
            End::Reset if entry.is_caused() || held.contains(place) => return Err(Refusal::CausePresent),
            End::Reset => {}
        }
        entry.reset();
        self.resets.push((id, waiter));
        Ok(())
    }

    /// The disk takes nothing: nobody is to wait. The alarm is reset all the same, and will be told when it does.
    pub(in crate::station) fn resets_fail(&mut self) -> Vec<Waiter> {
        self.resets.drain(..).map(|(_, waiter)| waiter).collect()
    }
}

/// Only somebody who stands before it may say that it is over (0403r result 4).
fn is_local(code: u16) -> bool {
    matches!(code, code::EMERGENCY_STOP | code::SMOKE | code::FIRE)
}
