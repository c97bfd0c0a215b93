//! Two plugs in one vehicle (domain.md 2.6): two guns that are partners and hear the same VIN are one bus. It has two
//! sessions with two numbers; both are granted or none begins; what fails before charging takes the other along, what
//! fails later does not; a person who stops one stops both.

use super::connector::{Await, Gun, Phase, Running};
use super::identify::Named;
use super::{Action, Station};
use crate::model::ident::{Credential, Vin};
use crate::model::stop::StopReason;
use crate::model::time::Now;
use crate::model::vehicle::Admission;

/// The other plug, as seen by one whose vehicle is known.
enum OtherPlug {
    /// It is in the same vehicle and asks, too.
    Named(Named),
    /// It may turn out to be.
    Pending,
    /// It is, and charges already.
    Runs,
    /// It has nothing to do with this one.
    None,
}

impl Station {
    /// The gun beside this one that one vehicle may use together with it.
    pub(super) fn partner(&self, gun: usize) -> Option<usize> {
        let partner = self.guns[gun].config.partner?;
        self.guns.iter().position(|g| !g.ghost && g.config.id == partner)
    }

    /// A vehicle named itself: it asks, with both plugs at once where it has two.
    pub(super) fn ask_as_one_bus(&mut self, now: Now, gun: usize, named: Named, out: &mut Vec<Action>) {
        let Some(other) = self.partner(gun) else {
            self.ask_for_vehicle(now, gun, named, false, out);
            return;
        };
        match self.other_plug(now, other, named.vin) {
            OtherPlug::Named(theirs) => {
                self.ask_for_vehicle(now, gun, named, true, out);
                self.ask_for_vehicle(now, other, theirs, true, out);
            }
            OtherPlug::Pending if self.wait_for_partner(now, gun) => {}
            OtherPlug::Runs => self.ask_for_vehicle(now, gun, named, true, out),
            OtherPlug::Pending | OtherPlug::None => self.ask_for_vehicle(now, gun, named, false, out),
        }
    }

    fn other_plug(&self, now: Now, gun: usize, vin: Vin) -> OtherPlug {
        let Gun { identification, phase, .. } = &self.guns[gun];
        match phase {
            Phase::Identifying { .. } | Phase::Free => match identification.named {
                Some(theirs) if theirs.vin == vin => OtherPlug::Named(theirs),
                None if !identification.over && self.may_join(now, gun) => OtherPlug::Pending,
                Some(_) | None => OtherPlug::None,
            },
            Phase::Asking { .. } | Phase::Held { .. } if self.stands_by(gun, vin) => OtherPlug::Pending,
            Phase::Busy(running) if may_join(running, vin) => OtherPlug::Runs,
            Phase::Asking { .. } | Phase::Held { .. } | Phase::Busy(_) => OtherPlug::None,
        }
    }

    /// A vehicle is plugged in there too and may still name itself.
    fn may_join(&self, now: Now, gun: usize) -> bool {
        let Gun { config, .. } = &self.guns[gun];
        config.vin_start && self.guns[gun].plugged() == Some(true) && self.not_ready(now, gun).is_none()
    }

    /// Both or none.
    pub(super) fn watch_pair(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let Some(other) = self.partner(gun) else { return };
        match &self.guns[gun].phase {
            Phase::Asking { asker, .. } if asker.dual => {
                if let Credential::Vin(vin) = asker.credential
                    && !self.stands_by(other, vin)
                {
                    self.give_up_asking(gun, out);
                    self.refuse_vehicle(now, gun, Admission::Refused, "partner gun failed", out);
                }
            }
            Phase::Held { what: Await::Partner, opening, .. } => {
                let Credential::Vin(vin) = opening.credential else { return };
                match &self.guns[other].phase {
                    Phase::Held { what: Await::Partner, .. } if self.stands_by(other, vin) => {
                        self.begin_held(now, gun, out);
                        self.begin_held(now, other, out);
                    }
                    Phase::Busy(running) if may_join(running, vin) => self.begin_held(now, gun, out),
                    Phase::Free
                    | Phase::Identifying { .. }
                    | Phase::Asking { .. }
                    | Phase::Held { .. }
                    | Phase::Busy(_) => {
                        if !self.stands_by(other, vin) {
                            self.lapse(now, gun, StopReason::PARTNER_FAILED, out);
                        }
                    }
                }
            }
            Phase::Busy(_) => self.watch_both(now, gun, other, out),
            Phase::Free | Phase::Identifying { .. } | Phase::Asking { .. } | Phase::Held { .. } => {}
        }
    }

    /// The other plug of this vehicle is still on its way to a start, or has begun.
    fn stands_by(&self, gun: usize, vin: Vin) -> bool {
        match &self.guns[gun].phase {
            Phase::Busy(running) => may_join(running, vin),
            Phase::Asking { asker, .. } => asker.credential == Credential::Vin(vin),
            Phase::Held { opening, .. } => opening.credential == Credential::Vin(vin),
            Phase::Free | Phase::Identifying { .. } => false,
        }
    }

    fn begin_held(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let held = std::mem::replace(&mut self.guns[gun].phase, Phase::Free);
        if let Phase::Held { opening, origin, with, .. } = held {
            self.begin(now, gun, *opening, origin, with, out);
        }
    }

    /// One session of two ends: what that means for the other.
    fn watch_both(&mut self, now: Now, gun: usize, other: usize, out: &mut Vec<Action>) {
        let (Some(this), Some(that)) = (self.guns[gun].running(), self.guns[other].running()) else { return };
        let Some(cause) = this.session.cause() else { return };
        if that.session.cause().is_some() || !are_one_bus(this, that) {
            return;
        }
        let failed = !this.session.has_charged() && !that.session.has_charged();
        let reason = match is_person(cause) {
            true => cause,
            false if failed => StopReason::PARTNER_FAILED,
            false => return,
        };
        self.stop(now, other, reason, out);
    }

    /// A session of a pair never came to be: the other one does not begin either.
    pub(super) fn partner_abandoned(
        &mut self,
        now: Now,
        gun: usize,
        vin: Option<Vin>,
        out: &mut Vec<Action>,
    ) {
        let Some(other) = self.partner(gun) else { return };
        let Some(that) = self.guns[other].running() else { return };
        let opening = that.session.opening();
        if opening.dual && that.session.vin() == vin && !that.session.has_charged() {
            self.stop(now, other, StopReason::PARTNER_FAILED, out);
        }
    }
}

/// A running session that one more plug of the same vehicle may join.
fn may_join(running: &Running, vin: Vin) -> bool {
    running.session.vin() == Some(vin) && running.session.cause().is_none()
}

fn are_one_bus(this: &Running, that: &Running) -> bool {
    let dual = this.session.opening().dual || that.session.opening().dual;
    dual && this.session.vin().is_some() && this.session.vin() == that.session.vin()
}

/// Somebody in the depot wants it to end. A pulled plug is none: the other one may still be in.
fn is_person(reason: StopReason) -> bool {
    matches!(
        reason,
        StopReason::SAME_CARD
            | StopReason::GROUP_CARD
            | StopReason::BUTTON
            | StopReason::MAINTENANCE_CARD
            | StopReason::LOCAL_OPERATOR
    )
}
