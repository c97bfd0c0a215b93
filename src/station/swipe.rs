//! A card at a reader: local checks; then, for cards and vehicles alike, the question to the platform and its decision
//! (platform-222.md 15.2, domain.md 2.3).

use super::alarms::code;
use super::connector::{Asker, Await, Gun, Origin, Phase};
use super::offline::{self, Case, Entry};
use super::{Action, Note, Station};
use crate::model::batch::Row;
use crate::model::ident::{CardUid, Credential};
use crate::model::message::{AuthoriseRequest, Decision, ToLink};
use crate::model::record::{BillingMode, StartMode};
use crate::model::request::Feedback;
use crate::model::session::{Grant, Limit};
use crate::model::stop::StopReason;
use crate::model::time::{Now, Utc};
use crate::model::vehicle::Admission;
use crate::session::Opening;
use std::time::Duration;

/// The platform has so long to decide (platform-222.md 14.4).
pub(super) const DECISION: Duration = Duration::from_secs(30);
/// A granted start waits so long for the plug or for 0203.
pub(super) const GRANTED: Duration = Duration::from_secs(60);
/// Questions whose answers came late, or may still come.
const LATE: usize = 64;

/// A question that nobody waits for any more.
#[derive(Clone, Debug)]
pub(super) struct Late {
    pub(super) ticket: u64,
    pub(super) gun: usize,
    pub(super) asker: Asker,
}

/// Why a gun cannot begin a session now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotReady {
    Ending,
    Storage,
    ChargerSilent,
    Faulted,
    NotPlugged,
    NoTariff,
    NoClock,
}

impl NotReady {
    /// For a reader's display.
    pub(super) fn text(self) -> &'static str {
        match self {
            NotReady::Ending => "not ready: shutting down",
            NotReady::Storage => "not ready: storage failure",
            NotReady::ChargerSilent => "not ready: charger offline",
            NotReady::Faulted => "not ready: charger fault",
            NotReady::NotPlugged => "not ready: plug in first",
            NotReady::NoTariff => "not ready: no tariff",
            NotReady::NoClock => "not ready: clock not set",
        }
    }

    /// As a reason of 0204.
    pub(super) fn reason(self) -> StopReason {
        match self {
            NotReady::Ending => StopReason::ORDERED_RESTART,
            NotReady::Storage => StopReason::STORAGE_FAILURE,
            NotReady::ChargerSilent => StopReason::CHARGER_LINK_LOST,
            NotReady::Faulted => StopReason::CHARGER_NOT_READY,
            NotReady::NotPlugged => StopReason::PULLED_BEFORE_START,
            NotReady::NoTariff => StopReason::TARIFF_MISSING,
            NotReady::NoClock => StopReason::CLOCK_NOT_TRUSTED,
        }
    }
}

/// What people read for a reason of 0202r.
fn refusal_text(reason: u8) -> &'static str {
    match reason {
        1 => "card unknown",
        2 => "account frozen",
        3 => "balance too low",
        4 => "card has an open record",
        5 => "charger disabled",
        6 => "not allowed at this charger",
        7 => "wrong PIN",
        8 => "no capacity at this station",
        9 => "vehicle unknown",
        10 => "vehicle bound elsewhere",
        11 => "charger has an open record",
        12 => "cards not taken here",
        _ => "refused by the platform",
    }
}

impl Station {
    /// Why this gun cannot begin a session now; the plug apart.
    pub(super) fn not_ready(&self, now: Now, gun: usize) -> Option<NotReady> {
        let Gun { config, .. } = &self.guns[gun];
        let pile_billing = config.billing == BillingMode::Pile;
        if self.ending.is_some() {
            Some(NotReady::Ending)
        } else if self.journal.is_failing()
            || self.journal.is_crowded()
            || self.alarms.is_open(code::STORAGE_FAILURE)
        {
            Some(NotReady::Storage)
        } else if !self.guns[gun].charger_answers() {
            Some(NotReady::ChargerSilent)
        } else if self.guns[gun].is_faulted() || self.guns[gun].orphan.is_some() {
            Some(NotReady::Faulted) // one that charges without a session (011F) would bill a stranger's energy
        } else if pile_billing && self.tariffs.in_force().is_none() {
            Some(NotReady::NoTariff)
        } else if pile_billing && now.stamp().is_none() {
            Some(NotReady::NoClock) // nobody can tell which tier is valid now
        } else {
            None
        }
    }

    /// A card was shown at the reader of these guns.
    pub(super) fn card(&mut self, now: Now, guns: &[usize], card: CardUid, out: &mut Vec<Action>) {
        let Some(gun) = self.gun_meant(guns, &card) else { return };
        match &self.guns[gun].phase {
            Phase::Busy(_) => self.card_at_busy(now, gun, card, out),
            Phase::Asking { asker, .. } if asker.credential == Credential::Card(card) => {
                self.show(now, gun, Feedback::Asking, out)
            }
            Phase::Asking { asker, .. } if asker.is_vehicle() => self.card_at_free(now, gun, card, out),
            Phase::Held { what: Await::Start, opening, .. }
                if opening.credential == Credential::Card(card) =>
            {
                self.show(now, gun, Feedback::Asking, out);
            }
            Phase::Asking { .. } | Phase::Held { .. } => {
                self.refuse(now, gun, "another start is waiting", out)
            }
            Phase::Free | Phase::Identifying { .. } => self.card_at_free(now, gun, card, out),
        }
    }

    /// Of several guns at one reader: where this card charges, else a plugged free one, else the first.
    fn gun_meant(&self, guns: &[usize], card: &CardUid) -> Option<usize> {
        let charges = |i: &&usize| self.may_stop(**i, card).is_some();
        let free = |i: &&usize| {
            let gun = &self.guns[**i];
            let free = matches!(gun.phase, Phase::Free | Phase::Identifying { .. });
            free && gun.charger.plugged == Some(true)
        };
        let found = guns.iter().find(charges).or_else(|| guns.iter().find(free));
        found.or(guns.first()).copied()
    }

    /// The reason with which this card may stop what runs here.
    fn may_stop(&self, gun: usize, card: &CardUid) -> Option<StopReason> {
        let opening = self.guns[gun].running()?.session.opening();
        let shown = Credential::Card(*card);
        let group = self.cards.group(card);
        if opening.credential == shown || opening.grant.also_stops == shown {
            Some(StopReason::SAME_CARD)
        } else if group != 0 && opening.grant.group == group {
            Some(StopReason::GROUP_CARD)
        } else {
            None
        }
    }

    fn card_at_busy(&mut self, now: Now, gun: usize, card: CardUid, out: &mut Vec<Action>) {
        match self.may_stop(gun, &card) {
            Some(reason) => self.stop(now, gun, reason, out),
            None => self.refuse(now, gun, "started by another card", out),
        }
    }

    fn card_at_free(&mut self, now: Now, gun: usize, card: CardUid, out: &mut Vec<Action>) {
        let unplugged = self.guns[gun].is_unplugged().then_some(NotReady::NotPlugged);
        if let Some(not_ready) = self.not_ready(now, gun).or(unplugged) {
            self.refuse(now, gun, not_ready.text(), out);
        } else if let Some(other) = self.in_use_at(&card) {
            self.refuse(now, gun, &format!("card in use at gun {other}"), out);
        } else if self.cards.is_barred(&card) {
            self.refuse(now, gun, "card blocked", out);
        } else {
            self.card_instead(gun, out);
            match self.link.online {
                true => self.ask(now, gun, Asker::card(card), out),
                false => self.by_list(now, gun, Asker::card(card), out),
            }
        }
    }

    /// The gun that holds the last session this card may have at the same time.
    fn in_use_at(&self, card: &CardUid) -> Option<u8> {
        let most = self.cards.get(card).map_or(1, |c| c.concurrent());
        let card = Credential::Card(*card);
        let used: Vec<u8> = self.guns.iter().filter(|g| g.uses(&card)).map(|g| g.config.id.number).collect();
        if used.len() < usize::from(most) { None } else { used.first().copied() }
    }

    pub(super) fn ask(&mut self, now: Now, gun: usize, asker: Asker, out: &mut Vec<Action>) {
        self.tickets += 1;
        let ticket = self.tickets;
        let Gun { config, charger, vehicle, .. } = &self.guns[gun];
        let request = AuthoriseRequest {
            connector: config.id,
            start_mode: asker.start_mode,
            credential: asker.credential.clone(),
            plugged: self.guns[gun].plugged(),
            soc: charger.soc.or(vehicle.soc()),
        };
        out.push(Action::Link(ToLink::Authorise(ticket, request)));
        self.guns[gun].phase = Phase::Asking { ticket, asker, until: now.mono + DECISION };
        self.show(now, gun, Feedback::Asking, out);
    }

    /// Without the platform the list decides, and the number is ours.
    pub(super) fn by_list(&mut self, now: Now, gun: usize, asker: Asker, out: &mut Vec<Action>) {
        let refusal = match (offline::check(&self.case(now, gun, &asker)), now.stamp()) {
            (Ok(()), Some(at)) => return self.granted_by_list(now, gun, asker, at, out),
            (Ok(()), None) => offline::Refusal::ClockNotTrusted,
            (Err(refusal), _) => refusal,
        };
        self.refuse_asker(now, gun, &asker, Admission::Refused, refusal.text(asker.is_vehicle()), out);
        self.guns[gun].identification.undecided |= asker.is_vehicle();
    }

    pub(super) fn case(&self, now: Now, gun: usize, asker: &Asker) -> Case<'_> {
        let pile_billing = self.guns[gun].config.billing == BillingMode::Pile;
        let (entry, age) = match &asker.credential {
            Credential::Card(uid) => {
                (self.cards.get(uid).map(Entry::card), now.stamp().and_then(|at| self.cards.age(at)))
            }
            Credential::Vin(vin) => {
                let plugs = if asker.dual { 2 } else { 1 };
                let entry = self.vins.get(vin).map(|v| Entry::vehicle(v, plugs));
                (entry, now.stamp().and_then(|at| self.vins.age(at)))
            }
            Credential::None | Credential::FleetNumber(_) | Credential::Account(_) | Credential::Plate(_) => {
                (None, None)
            }
        };
        Case {
            rules: &self.config.offline,
            entry,
            clock: now.stamp(),
            list_age: age,
            tariff: !pile_billing || self.tariffs.in_force().is_some(),
            open: self.open_of(&asker.credential),
            used: self.use_of(&asker.credential, None),
            station_use: self.station_use(),
        }
    }

    fn granted_by_list(&mut self, now: Now, gun: usize, asker: Asker, at: Utc, out: &mut Vec<Action>) {
        let (txn, serial) = self.serials.next(self.guns[gun].config.id, at);
        let card = if let Credential::Card(uid) = &asker.credential { self.cards.get(uid) } else { None };
        let grant = Grant {
            txn,
            account: card.map(|c| c.account.to_string()).unwrap_or_default(),
            group: card.map_or(0, |c| c.group),
            ..Grant::default()
        };
        let start_mode = if asker.is_vehicle() { StartMode::VinOffline } else { StartMode::CardOffline };
        let opening = self.opening(gun, grant, start_mode, asker.credential, true);
        let opening = Opening { dual: asker.dual, ..opening };
        self.carry_out_grant(now, gun, opening, Origin::Offline, vec![serial], out);
    }

    /// Begins it; one plug of two waits for the other.
    fn carry_out_grant(
        &mut self,
        now: Now,
        gun: usize,
        opening: Opening,
        origin: Origin,
        with: Vec<Row>,
        out: &mut Vec<Action>,
    ) {
        if opening.dual {
            let (what, until) = (Await::Partner, now.mono + GRANTED);
            let opening = Box::new(opening);
            self.guns[gun].phase = Phase::Held { what, opening, until, durable: true, origin, with };
        } else {
            self.begin(now, gun, opening, origin, with, out);
        }
    }

    fn open_of(&self, credential: &Credential) -> u32 {
        u32::try_from(self.guns.iter().filter(|g| g.holds(credential)).count()).unwrap_or(u32::MAX)
    }

    /// What is fixed when a session begins here.
    pub(super) fn opening(
        &self,
        gun: usize,
        grant: Grant,
        start_mode: StartMode,
        credential: Credential,
        offline: bool,
    ) -> Opening {
        let config = &self.guns[gun].config;
        Opening {
            connector: config.id,
            grant,
            start_mode,
            credential,
            billing_mode: config.billing,
            tariff: self.tariffs.in_force().cloned(),
            offline,
            aux: config.aux,
            verify: false,
            dual: false,
        }
    }

    /// The platform decided, or could not.
    pub(super) fn decided(&mut self, now: Now, ticket: u64, decision: Decision, out: &mut Vec<Action>) {
        let asks = |g: &Gun| matches!(g.phase, Phase::Asking { ticket: asked, .. } if asked == ticket);
        let Some(gun) = self.guns.iter().position(asks) else {
            self.decided_late(now, ticket, decision, out);
            return;
        };
        let Phase::Asking { asker, until, .. } = &self.guns[gun].phase else { return };
        let (asker, until) = (asker.clone(), *until);
        if until <= now.mono {
            self.no_decision(now, gun, out);
            self.decided_late(now, ticket, decision, out);
            return;
        }
        self.guns[gun].phase = Phase::Free;
        match decision {
            Decision::Accepted { grant, wait_for_start } => {
                self.granted(now, gun, asker, grant, wait_for_start, out);
            }
            Decision::Refused(reason) => {
                self.refuse_asker(now, gun, &asker, Admission::Refused, refusal_text(reason), out);
            }
            Decision::TimedOut => {
                self.refuse_asker(now, gun, &asker, Admission::TimedOut, "platform timeout", out);
                self.note_unanswered(gun, asker.is_vehicle());
            }
            Decision::LinkLost => self.by_list_again(now, gun, asker, out),
        }
    }

    /// No, and why: to the person, and to the charger where a vehicle waits.
    fn refuse_asker(
        &mut self,
        now: Now,
        gun: usize,
        asker: &Asker,
        admission: Admission,
        why: &str,
        out: &mut Vec<Action>,
    ) {
        match asker.is_vehicle() {
            true => self.refuse_vehicle(now, gun, admission, why, out),
            false => self.refuse(now, gun, why, out),
        }
    }

    /// The link went while the platform was asked: the offline rule decides at once.
    fn by_list_again(&mut self, now: Now, gun: usize, asker: Asker, out: &mut Vec<Action>) {
        let unplugged = self.guns[gun].is_unplugged().then_some(NotReady::NotPlugged);
        match self.not_ready(now, gun).or(unplugged) {
            Some(not_ready) => {
                self.refuse_asker(now, gun, &asker, Admission::Refused, not_ready.text(), out);
            }
            None => self.by_list(now, gun, asker, out),
        }
    }

    fn granted(
        &mut self,
        now: Now,
        gun: usize,
        asker: Asker,
        grant: Grant,
        wait_for_start: bool,
        out: &mut Vec<Action>,
    ) {
        if grant.txn.is_none() || self.is_known(&grant.txn) {
            out.push(Action::Note(Note::Error(format!(
                "the platform granted a start under the used number {}; it is not carried out",
                grant.txn
            ))));
            self.refuse_asker(now, gun, &asker, Admission::Refused, "refused by the platform", out);
            return;
        }
        let opening = self.granted_opening(gun, &asker, grant);
        let impossible = self.is_impossible(gun, &opening).then_some(StopReason::LIMIT_NOT_SUPPORTED);
        let unplugged = self.guns[gun].is_unplugged().then_some(NotReady::NotPlugged);
        let not_ready = self.not_ready(now, gun).or(unplugged);
        if let Some(reason) = impossible.or(not_ready.map(NotReady::reason)) {
            self.not_started(now, &opening, reason);
            let text = not_ready.map_or("limit not supported", NotReady::text);
            self.refuse_asker(now, gun, &asker, Admission::Refused, text, out);
        } else if wait_for_start {
            let (what, until) = (Await::Start, now.mono + GRANTED);
            let (opening, origin) = (Box::new(opening), Origin::Platform);
            self.guns[gun].phase =
                Phase::Held { what, opening, until, durable: true, origin, with: Vec::new() };
        } else {
            self.carry_out_grant(now, gun, opening, Origin::Platform, Vec::new(), out);
        }
    }

    fn granted_opening(&self, gun: usize, asker: &Asker, grant: Grant) -> Opening {
        let group = match &asker.credential {
            Credential::Card(uid) if grant.group == 0 => self.cards.group(uid),
            Credential::Card(_)
            | Credential::None
            | Credential::Vin(_)
            | Credential::FleetNumber(_)
            | Credential::Account(_)
            | Credential::Plate(_) => grant.group,
        };
        let grant = Grant { group, ..grant };
        let opening = self.opening(gun, grant, asker.start_mode, asker.credential.clone(), false);
        Opening { dual: asker.dual, ..opening }
    }

    /// A limit that cannot be kept: an amount needs prices that only pile billing computes with, a certain vehicle needs
    /// somebody who hears it.
    pub(super) fn is_impossible(&self, gun: usize, opening: &Opening) -> bool {
        let unheard = opening.grant.expected_vin.is_some() && !self.guns[gun].hears_vehicles();
        unheard
            || match opening.grant.limit {
                Limit::Amount(_) => opening.billing_mode == BillingMode::Platform,
                Limit::Soc(percent) => percent == 0 || percent > 100,
                Limit::None | Limit::Energy(_) | Limit::Time(_) => false,
            }
    }

    /// A yes that comes too late never starts anything; the platform is told so.
    fn decided_late(&mut self, now: Now, ticket: u64, decision: Decision, out: &mut Vec<Action>) {
        let Some(at) = self.late.iter().position(|l| l.ticket == ticket) else { return };
        let Some(late) = self.late.remove(at) else { return };
        match decision {
            Decision::Accepted { grant, .. } if !grant.txn.is_none() && !self.is_known(&grant.txn) => {
                let opening = self.granted_opening(late.gun, &late.asker, grant);
                self.not_started(now, &opening, StopReason::DECISION_LATE);
                out.push(Action::Note(Note::Warn(format!(
                    "the platform decided too late about {} at {}; nothing begins",
                    masked(&late.asker.credential),
                    opening.connector
                ))));
            }
            Decision::TimedOut => self.late.push_back(late), // the link only stopped asking
            Decision::Accepted { .. } | Decision::Refused(_) | Decision::LinkLost => {}
        }
    }

    /// Nobody waits for this question any more.
    pub(super) fn give_up_asking(&mut self, gun: usize, out: &mut Vec<Action>) {
        if !matches!(self.guns[gun].phase, Phase::Asking { .. }) {
            return;
        }
        let asked = std::mem::replace(&mut self.guns[gun].phase, Phase::Free);
        let Phase::Asking { ticket, asker, .. } = asked else { return };
        if self.late.len() >= LATE {
            self.late.pop_front();
        }
        self.late.push_back(Late { ticket, gun, asker });
        out.push(Action::Link(ToLink::Forget(ticket)));
    }

    fn no_decision(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let is_vehicle = self.guns[gun].asker().is_some_and(Asker::is_vehicle);
        self.stop_asking(now, gun, Admission::TimedOut, "platform timeout", out);
        self.note_unanswered(gun, is_vehicle);
    }

    fn note_unanswered(&mut self, gun: usize, is_vehicle: bool) {
        self.guns[gun].identification.undecided |= is_vehicle;
        self.guns[gun].identification.unanswered |= is_vehicle;
    }

    fn stop_asking(&mut self, now: Now, gun: usize, admission: Admission, why: &str, out: &mut Vec<Action>) {
        let Some(asker) = self.guns[gun].asker().cloned() else { return };
        self.give_up_asking(gun, out);
        self.refuse_asker(now, gun, &asker, admission, why, out);
    }

    /// The link is gone: whoever still waits for a decision is served by the list.
    pub(super) fn asking_without_link(&mut self, now: Now, out: &mut Vec<Action>) {
        for gun in 0..self.guns.len() {
            if let Some(asker) = self.guns[gun].asker().cloned() {
                self.guns[gun].phase = Phase::Free;
                self.by_list_again(now, gun, asker, out);
            }
        }
        self.late.clear();
    }

    /// Waits that are over, and the plug pulled while one of them lasted.
    pub(super) fn watch_waits(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let unplugged = self.guns[gun].is_unplugged();
        match &self.guns[gun].phase {
            Phase::Asking { until, .. } if *until <= now.mono => self.no_decision(now, gun, out),
            Phase::Asking { .. } if unplugged || self.ending.is_some() => {
                let why = if unplugged { NotReady::NotPlugged } else { NotReady::Ending };
                self.stop_asking(now, gun, Admission::Refused, why.text(), out);
            }
            Phase::Held { what, until, .. } if *until <= now.mono => {
                let reason = match what {
                    Await::Plug => StopReason::NOT_PLUGGED,
                    Await::Start => StopReason::COMMAND_EXPIRED,
                    Await::Partner => StopReason::PARTNER_FAILED,
                };
                self.lapse(now, gun, reason, out);
            }
            Phase::Held { what: Await::Start | Await::Partner, .. } if unplugged => {
                self.lapse(now, gun, StopReason::PULLED_BEFORE_START, out);
            }
            Phase::Held { .. } if self.ending.is_some() => {
                self.lapse(now, gun, StopReason::ORDERED_RESTART, out);
            }
            Phase::Held { what: Await::Plug, durable: true, .. }
                if self.guns[gun].plugged() == Some(true) =>
            {
                self.plugged_in_time(now, gun, out);
            }
            Phase::Free
            | Phase::Identifying { .. }
            | Phase::Asking { .. }
            | Phase::Held { .. }
            | Phase::Busy(_) => {}
        }
    }
}

impl Gun {
    /// Who is asked about here.
    fn asker(&self) -> Option<&Asker> {
        match &self.phase {
            Phase::Asking { asker, .. } => Some(asker),
            Phase::Free | Phase::Identifying { .. } | Phase::Held { .. } | Phase::Busy(_) => None,
        }
    }

    /// Whether this credential charges or was granted a charge here.
    fn holds(&self, credential: &Credential) -> bool {
        self.opening().is_some_and(|opening| opening.credential == *credential)
    }

    /// Whether it charges here or waits to.
    fn uses(&self, credential: &Credential) -> bool {
        self.holds(credential) || self.asker().is_some_and(|asker| asker.credential == *credential)
    }
}

/// Cards and VINs are personal data.
fn masked(credential: &Credential) -> String {
    match credential {
        Credential::Card(uid) => uid.masked(),
        Credential::Vin(vin) => vin.masked(),
        Credential::None | Credential::FleetNumber(_) | Credential::Account(_) | Credential::Plate(_) => {
            "somebody".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::words;

    #[test]
    fn every_text_fits_a_readers_display() {
        let all = [
            NotReady::Ending,
            NotReady::Storage,
            NotReady::ChargerSilent,
            NotReady::Faulted,
            NotReady::NotPlugged,
            NotReady::NoTariff,
            NotReady::NoClock,
        ];
        let texts = all.map(NotReady::text).into_iter().chain((0..=255).map(refusal_text));
        for text in texts {
            assert!(text.len() <= 32 && text.is_ascii(), "{text}");
            assert_ne!(words::chinese(&Feedback::Refused(text.to_owned())), text, "it has Chinese words");
        }
    }
}
