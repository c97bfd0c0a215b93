//! A vehicle as its own credential: VIN start, plug and charge (domain.md 2.5; platform-222.md 15.2, 15.4, 15.5).
//!
//! Once per plug-in the vehicle is asked who it is. A charger that can let it name itself before output is ordered to
//! ([`Order::Identify`]); elsewhere its name is taken when the tap hears it. A vehicle without a VIN is asked twice more,
//! then a card is needed. After a start of the program (power may have returned to a hundred vehicles at once), and when
//! the platform returns, the questions are spread over half a minute.

use super::alarms::{Key, code};
use super::connector::{Asker, Gun, Phase, Role};
use super::sessions::{NO_SESSION, order_id};
use super::swipe::NotReady;
use super::{Action, Station};
use crate::model::access::VehicleStatus;
use crate::model::ident::{Credential, Vin};
use crate::model::record::StartMode;
use crate::model::report::{ChargerState, ChargerStatus, OrderFault, OrderId};
use crate::model::request::{Order, Request};
use crate::model::time::{Instant, Now};
use crate::model::vehicle::Admission;
use std::time::Duration;

/// A vehicle has so long to name itself (assumption).
const NAMING: Duration = Duration::from_secs(60);
/// Attempts beyond the first (domain.md T38).
const RETRIES: u8 = 2;
/// Between two attempts (assumption).
const BETWEEN: Duration = Duration::from_secs(5);
/// Questions of many vehicles at once are spread over this (platform-222.md 15.4).
const SPREAD_MS: u64 = 30_000;
/// One plug of a vehicle with two inlets waits so long for the other to be named (assumption; the charger waits 30 s).
const PARTNER: Duration = Duration::from_secs(15);

/// How far a plugged vehicle got in being its own credential. It begins anew with each plug-in.
#[derive(Debug, Default)]
pub(super) struct Identification {
    /// Nothing more is tried for this plug-in.
    pub(super) over: bool,
    /// It was refused because nobody could decide: the platform may, when it is back.
    pub(super) undecided: bool,
    /// … and that was the platform, which did not answer: without it the list may decide.
    pub(super) unanswered: bool,
    /// Attempts that led to no VIN.
    failures: u8,
    /// Not before this; `None` = at once.
    pub(super) due: Option<Instant>,
    /// The charger has a handshake open.
    open: Option<Open>,
    /// It named itself and nobody was asked yet.
    pub(super) named: Option<Named>,
}

/// A handshake that the charger has open, the contactor open too.
#[derive(Debug)]
struct Open {
    /// Ours, or `None` when the charger began by itself.
    order: Option<OrderId>,
    /// The vehicle named itself to the charger, which waits for an answer.
    waits: bool,
    /// The answer that is due.
    answer: Option<Admission>,
    /// What the charger said before: what is left over from its last charge is no answer.
    before: ChargerState,
}

/// A vehicle that named itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) vin: Vin,
    pub(super) start_mode: StartMode,
    /// The other plug is waited for until then.
    pub(super) until: Option<Instant>,
}

impl Identification {
    /// When it goes on; the partner's plug is waited for only while the vehicle is being identified.
    pub(super) fn wake_at(&self, identifying: bool) -> Option<Instant> {
        let due = self.due.filter(|_| !self.over);
        let partner = self.named.filter(|_| identifying).and_then(|named| named.until);
        due.into_iter().chain(partner).min()
    }

    /// A session begins: whoever began it, this plug-in has its charge.
    pub(super) fn settled(&mut self) {
        (self.over, self.named) = (true, None);
        (self.undecided, self.unanswered) = (false, false);
    }

    /// A session took over from here: what the charger has open goes on as its start, or is stopped.
    pub(super) fn taken_over(&mut self) {
        self.open = None;
    }
}

impl Station {
    /// A vehicle was plugged in: at once, or spread when it may have been there before the program began.
    pub(super) fn plugged_in(&mut self, now: Now, gun: usize, seen: bool) {
        let due = (!seen).then(|| self.spread(now, gun));
        self.guns[gun].identification = Identification { due, ..Identification::default() };
    }

    /// It was plugged in before the program began. One that had its charge, by its charger's own words, does not begin another
    /// by itself, unless only the station ended it.
    pub(super) fn found_plugged(&mut self, gun: usize) {
        let Gun { config, charger, .. } = &self.guns[gun];
        let ended = self.records.newest_end(config.id).is_some_and(|reason| !reason.is_of_station());
        self.guns[gun].identification.over |= ended && charger.state == ChargerState::Finished;
    }

    /// A random moment of the next half minute; both plugs of one vehicle have the same.
    fn spread(&mut self, now: Now, gun: usize) -> Instant {
        let partner = self.partner(gun).and_then(|other| self.guns[other].identification.due);
        let own = now.mono + Duration::from_millis(self.random.u64(0..SPREAD_MS));
        partner.filter(|due| *due > now.mono).unwrap_or(own)
    }

    /// The platform is back: whoever could not ask does so now, and not in the same second as all others.
    pub(super) fn spread_questions(&mut self, now: Now) {
        self.spread_again(now, |identification| !identification.over || identification.undecided);
    }

    /// The platform is gone after it left questions unanswered: the list decides, where it may.
    pub(super) fn spread_unanswered(&mut self, now: Now) {
        self.spread_again(now, |identification| identification.unanswered);
    }

    fn spread_again(&mut self, now: Now, asks: fn(&Identification) -> bool) {
        for gun in 0..self.guns.len() {
            let Gun { phase, identification, .. } = &self.guns[gun];
            if asks(identification) && matches!(phase, Phase::Free) && self.guns[gun].plugged() == Some(true)
            {
                let open = self.guns[gun].identification.open.take();
                self.plugged_in(now, gun, false);
                self.guns[gun].identification.open = open;
            }
        }
    }

    /// A session that was open when the program ended is closed, and its vehicle is still there: it may ask anew.
    pub(super) fn ask_anew(&mut self, now: Now, gun: usize) {
        self.plugged_in(now, gun, false);
    }

    /// Whether a vehicle may be its own credential here and now. The rules of charging offline are asked later, with its name.
    fn may_identify(&self, now: Now, gun: usize) -> bool {
        let Gun { config, ghost, identification, .. } = &self.guns[gun];
        let offline = self.config.offline.enable && self.config.offline.vin;
        !ghost
            && config.vin_start
            && !identification.over
            && self.guns[gun].plugged() == Some(true)
            && (self.link.online || offline)
            && self.not_ready(now, gun).is_none()
    }

    /// Goes on with it: asks, waits, gives up.
    pub(super) fn watch_identification(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let identification = &mut self.guns[gun].identification;
        if identification.due.is_some_and(|due| due <= now.mono) {
            identification.due = None;
        }
        match self.guns[gun].phase {
            Phase::Free if self.guns[gun].identification.due.is_none() && self.may_identify(now, gun) => {
                self.identify(now, gun, out);
            }
            Phase::Identifying { until } => self.watch_naming(now, gun, until, out),
            Phase::Free | Phase::Asking { .. } | Phase::Held { .. } | Phase::Busy(_) => {}
        }
        self.answer_charger(gun, out);
    }

    fn identify(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let config = &self.guns[gun].config;
        let (can_identify, charger, aux) = (config.can_identify, config.charger, config.aux);
        let open = self.guns[gun].identification.open.as_ref();
        let (is_open, is_ours) = (open.is_some(), open.is_some_and(|o| o.order.is_some()));
        if let Some(vin) = self.guns[gun].vehicle.vin().filter(|_| !can_identify || is_open) {
            // Nobody was ordered to ask: the charger itself wants plug and charge, or the tap heard it.
            let by_itself = can_identify && !is_ours;
            let start_mode = if by_itself { StartMode::PlugAndCharge } else { StartMode::VinOnline };
            self.guns[gun].identification.named = Some(Named { vin, start_mode, until: None });
            self.guns[gun].phase = Phase::Identifying { until: now.mono + NAMING };
            self.watch_naming(now, gun, now.mono + NAMING, out);
        } else if can_identify && !is_open && may_order(self.guns[gun].charger.state) {
            let order = self.own_number();
            let before = self.guns[gun].charger.state;
            let open = Open { order: Some(order), waits: false, answer: None, before };
            self.guns[gun].identification.open = Some(open);
            self.guns[gun].phase = Phase::Identifying { until: now.mono + NAMING };
            out.push(Action::Tell(charger, Request { order, what: Order::Identify(aux) }));
        }
    }

    fn watch_naming(&mut self, now: Now, gun: usize, until: Instant, out: &mut Vec<Action>) {
        let unplugged = self.guns[gun].is_unplugged();
        if unplugged {
            self.guns[gun].phase = Phase::Free;
            self.guns[gun].identification.named = None;
        } else if let Some(not_ready) = self.not_ready(now, gun) {
            self.guns[gun].phase = Phase::Free;
            let identification = &mut self.guns[gun].identification;
            identification.named = None;
            identification.due = Some(now.mono + BETWEEN);
            identification.over |= not_ready == NotReady::Ending;
            if let Some(open) = &mut identification.open {
                open.answer = Some(Admission::TimedOut);
            }
        } else if let Some(named) = self.guns[gun].identification.named {
            self.ask_as_one_bus(now, gun, named, out);
        } else if until <= now.mono {
            self.no_name(now, gun, out);
        }
    }

    /// When the other plug is waited for no longer.
    pub(super) fn wait_for_partner(&mut self, now: Now, gun: usize) -> bool {
        let Some(named) = &mut self.guns[gun].identification.named else { return false };
        let until = *named.until.get_or_insert(now.mono + PARTNER);
        until > now.mono
    }

    /// The vehicle at a plug named itself, or said that it has no name.
    pub(super) fn named_itself(&mut self, now: Now, gun: usize, role: Role, out: &mut Vec<Action>) {
        let vin = self.guns[gun].vehicle.vin();
        let by_charger = role == Role::Charger && self.guns[gun].config.can_identify;
        let is_free = matches!(self.guns[gun].phase, Phase::Free);
        if by_charger
            && !is_free
            && let Some(open) = &mut self.guns[gun].identification.open
        {
            open.waits = true;
        }
        if by_charger && is_free && self.guns[gun].config.vin_start && !self.guns[gun].identification.over {
            let before = self.guns[gun].charger.state;
            let open = Open { order: None, waits: true, answer: None, before };
            self.guns[gun].identification.open = Some(open);
        }
        match (&self.guns[gun].phase, vin) {
            (Phase::Identifying { .. }, Some(vin)) => {
                let named = Named { vin, start_mode: StartMode::VinOnline, until: None };
                let known = &mut self.guns[gun].identification.named;
                let start_mode = known.map_or(named.start_mode, |known| known.start_mode);
                *known = Some(Named { start_mode, ..named });
            }
            (Phase::Identifying { .. }, None) => self.no_name(now, gun, out),
            (Phase::Asking { asker, .. }, Some(vin)) => {
                if matches!(asker.credential, Credential::Vin(asked) if asked != vin) {
                    self.another_vehicle(now, gun, out);
                }
            }
            (Phase::Free, None) if self.may_identify(now, gun) => self.no_name(now, gun, out),
            (Phase::Free | Phase::Asking { .. } | Phase::Held { .. } | Phase::Busy(_), _) => {}
        }
    }

    /// While the platform is asked about one vehicle another one names itself.
    fn another_vehicle(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let id = self.guns[gun].config.id;
        self.alarms.set(now, Key::connector(code::VIN_DIFFERS, id, "vehicle"), true);
        self.give_up_asking(gun, out);
        self.refuse_vehicle(now, gun, Admission::Refused, "VIN changed", out);
    }

    /// An attempt led to no VIN: again, or a card is needed.
    fn no_name(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        self.guns[gun].phase = Phase::Free;
        let can_identify = self.guns[gun].config.can_identify;
        let identification = &mut self.guns[gun].identification;
        identification.named = None;
        identification.failures = identification.failures.saturating_add(1);
        if let Some(open) = &mut identification.open {
            open.answer = Some(Admission::Illegal);
        }
        // A tap only listens: it is not asked again, and what it hears later counts.
        identification.due = can_identify.then(|| now.mono + BETWEEN);
        identification.over = can_identify && identification.failures > RETRIES;
        if identification.over || !can_identify && identification.failures == 1 {
            self.refuse(now, gun, "no VIN: use a card", out);
        }
    }

    /// No, and why; a card is still possible.
    pub(super) fn refuse_vehicle(
        &mut self,
        now: Now,
        gun: usize,
        admission: Admission,
        why: &str,
        out: &mut Vec<Action>,
    ) {
        self.guns[gun].phase = Phase::Free;
        let identification = &mut self.guns[gun].identification;
        identification.over = true;
        identification.named = None;
        if let Some(open) = &mut identification.open {
            open.answer = Some(admission);
        }
        self.refuse(now, gun, why, out);
    }

    /// A card takes the place of the vehicle. What the charger has open goes on when the card may charge.
    pub(super) fn card_instead(&mut self, gun: usize, out: &mut Vec<Action>) {
        match &self.guns[gun].phase {
            Phase::Asking { .. } => self.give_up_asking(gun, out),
            Phase::Identifying { .. } => self.guns[gun].phase = Phase::Free,
            Phase::Free | Phase::Held { .. } | Phase::Busy(_) => {}
        }
        self.guns[gun].identification.over = true;
        self.guns[gun].identification.named = None;
    }

    /// A handshake that nobody needs any more is ended: with the answer that is due, or before there was a question.
    fn answer_charger(&mut self, gun: usize, out: &mut Vec<Action>) {
        let is_free = matches!(self.guns[gun].phase, Phase::Free);
        let Gun { identification, config, .. } = &mut self.guns[gun];
        let charger = config.charger;
        let over = identification.over;
        let Some(open) = identification.open.take_if(|o| o.answer.is_some() || is_free && over) else {
            return;
        };
        let what = match open.waits {
            true => Order::Admit(open.answer.unwrap_or(Admission::Refused)),
            false => Order::Stop,
        };
        let order = self.own_number();
        out.push(Action::Tell(charger, Request { order, what }));
    }

    /// The charger's state while it has a handshake open: one that failed leads to no VIN.
    pub(super) fn watch_handshake(
        &mut self,
        now: Now,
        gun: usize,
        status: &ChargerStatus,
        out: &mut Vec<Action>,
    ) {
        let Some(open) = &mut self.guns[gun].identification.open else { return };
        let left_over = open.before == status.state;
        match status.state {
            ChargerState::StartFailed | ChargerState::Finished | ChargerState::Faulted if !left_over => {
                self.handshake_failed(now, gun, out);
            }
            ChargerState::Preparing | ChargerState::Idle => open.before = status.state,
            ChargerState::StartFailed
            | ChargerState::Finished
            | ChargerState::Faulted
            | ChargerState::Unknown
            | ChargerState::Charging => {}
        }
    }

    fn handshake_failed(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        self.guns[gun].identification.open = None;
        let unnamed = self.guns[gun].identification.named.is_none();
        if matches!(self.guns[gun].phase, Phase::Identifying { .. }) && unnamed {
            self.no_name(now, gun, out);
        }
    }

    /// The outcome of an order that belongs to no session.
    pub(super) fn identify_done(
        &mut self,
        now: Now,
        gun: usize,
        order: OrderId,
        outcome: Result<(), OrderFault>,
        out: &mut Vec<Action>,
    ) {
        let ours = self.guns[gun].identification.open.as_ref().is_some_and(|o| o.order == Some(order));
        match outcome {
            Err(OrderFault::Unsupported) if ours => {
                self.guns[gun].identification.failures = RETRIES;
                self.handshake_failed(now, gun, out);
            }
            Err(OrderFault::Refused(_) | OrderFault::Silent | OrderFault::Overtaken) if ours => {
                self.handshake_failed(now, gun, out);
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// The local rules, then the platform, or the list without it.
    pub(super) fn ask_for_vehicle(
        &mut self,
        now: Now,
        gun: usize,
        named: Named,
        dual: bool,
        out: &mut Vec<Action>,
    ) {
        self.guns[gun].identification.named = None;
        self.guns[gun].identification.over = true;
        let entry = self.vins.get(&named.vin).copied();
        let credential = Credential::Vin(named.vin);
        let asker = Asker { credential, start_mode: named.start_mode, dual };
        match entry {
            Some(vehicle) if vehicle.status == VehicleStatus::Refused => {
                self.mark_refused(now, gun, Some(named.vin));
                self.refuse_vehicle(now, gun, Admission::Refused, "vehicle not allowed", out);
            }
            Some(vehicle) if vehicle.bound_card.is_some() => {
                self.refuse_vehicle(now, gun, Admission::Refused, "bound to a card: use it", out);
            }
            Some(_) | None if self.link.online => self.ask(now, gun, asker, out),
            Some(_) | None => self.by_list(now, gun, asker, out),
        }
    }

    /// Names an order that belongs to no session.
    pub(super) fn own_number(&mut self) -> OrderId {
        self.feedbacks = self.feedbacks.wrapping_add(1);
        order_id(NO_SESSION, self.feedbacks)
    }
}

/// A charger that does something already is not asked to identify.
fn may_order(state: ChargerState) -> bool {
    match state {
        ChargerState::Idle | ChargerState::Finished | ChargerState::StartFailed | ChargerState::Unknown => {
            true
        }
        ChargerState::Preparing | ChargerState::Charging | ChargerState::Faulted => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_the_partner_ends_with_the_identification() {
        let vin = "LTESTVANXBUS00001".parse().unwrap();
        let named = Named { vin, start_mode: StartMode::VinOnline, until: Some(Instant(5)) };
        let identification = Identification { named: Some(named), ..Identification::default() };
        assert_eq!(identification.wake_at(true), Some(Instant(5)));
        assert_eq!(identification.wake_at(false), None, "it would be woken for ever");
    }
}
