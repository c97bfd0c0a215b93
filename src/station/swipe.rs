//! A card at a reader: local checks, the question to the platform, its decision (platform-222.md 15.2, domain.md 2.3).

use super::alarms::code;
use super::connector::{Await, Gun, Origin, Phase};
use super::offline::{self, Case};
use super::{Action, Note, Station};
use crate::model::ident::{CardUid, Credential};
use crate::model::message::{AuthoriseRequest, Decision, ToLink};
use crate::model::record::{BillingMode, StartMode};
use crate::model::request::Feedback;
use crate::model::session::{Grant, Limit};
use crate::model::stop::StopReason;
use crate::model::time::Now;
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
    pub(super) card: CardUid,
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
            Phase::Asking { card: asking, .. } if *asking == card => {
                self.show(now, gun, Feedback::Asking, out)
            }
            Phase::Held { what: Await::Start, opening, .. }
                if opening.credential == Credential::Card(card) =>
            {
                self.show(now, gun, Feedback::Asking, out);
            }
            Phase::Asking { .. } | Phase::Held { .. } => {
                self.refuse(now, gun, "another start is waiting", out)
            }
            Phase::Free => self.card_at_free(now, gun, card, out),
        }
    }

    /// Of several guns at one reader: where this card charges, else a plugged free one, else the first.
    fn gun_meant(&self, guns: &[usize], card: &CardUid) -> Option<usize> {
        let charges = |i: &&usize| self.may_stop(**i, card).is_some();
        let free = |i: &&usize| {
            let gun = &self.guns[**i];
            matches!(gun.phase, Phase::Free) && gun.charger.plugged == Some(true)
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
        } else if self.link.online {
            self.ask(now, gun, card, out);
        } else {
            self.by_list(now, gun, card, out);
        }
    }

    /// The gun that holds the last session this card may have at the same time.
    fn in_use_at(&self, card: &CardUid) -> Option<u8> {
        let most = self.cards.get(card).map_or(1, |c| c.concurrent());
        let used: Vec<u8> = self.guns.iter().filter(|g| g.uses(card)).map(|g| g.config.id.number).collect();
        if used.len() < usize::from(most) { None } else { used.first().copied() }
    }

    fn ask(&mut self, now: Now, gun: usize, card: CardUid, out: &mut Vec<Action>) {
        self.tickets += 1;
        let ticket = self.tickets;
        let Gun { config, charger, .. } = &self.guns[gun];
        let request = AuthoriseRequest {
            connector: config.id,
            start_mode: StartMode::CardOnline,
            credential: Credential::Card(card),
            plugged: self.guns[gun].plugged(),
            soc: charger.soc,
        };
        out.push(Action::Link(ToLink::Authorise(ticket, request)));
        self.guns[gun].phase = Phase::Asking { ticket, card, until: now.mono + DECISION };
        self.show(now, gun, Feedback::Asking, out);
    }

    /// Without the platform the list decides, and the number is ours.
    fn by_list(&mut self, now: Now, gun: usize, card: CardUid, out: &mut Vec<Action>) {
        let entry = self.cards.get(&card).copied();
        match (offline::check(&self.case(now, gun, &card)), now.stamp(), entry) {
            (Ok(()), Some(at), Some(entry)) => {
                let (txn, serial) = self.serials.next(self.guns[gun].config.id, at);
                let grant =
                    Grant { txn, account: entry.account.to_string(), group: entry.group, ..Grant::default() };
                let opening = self.opening(gun, grant, StartMode::CardOffline, Credential::Card(card), true);
                self.begin(now, gun, opening, Origin::Offline, vec![serial], out);
            }
            (Err(refusal), _, _) => self.refuse(now, gun, refusal.text(), out),
            (Ok(()), _, _) => self.refuse(now, gun, offline::Refusal::ClockNotTrusted.text(), out),
        }
    }

    /// What the rule without the platform looks at.
    pub(super) fn case(&self, now: Now, gun: usize, card: &CardUid) -> Case<'_> {
        let pile_billing = self.guns[gun].config.billing == BillingMode::Pile;
        Case {
            rules: &self.config.offline,
            card: self.cards.get(card),
            clock: now.stamp(),
            list_age: now.stamp().and_then(|at| self.cards.age(at)),
            tariff: !pile_billing || self.tariffs.in_force().is_some(),
            open: self.open_of(card),
            card_use: self.use_of(&Credential::Card(*card), None),
            station_use: self.station_use(),
        }
    }

    fn open_of(&self, card: &CardUid) -> u32 {
        u32::try_from(self.guns.iter().filter(|g| g.uses(card)).count()).unwrap_or(u32::MAX)
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
        let Phase::Asking { card, until, .. } = self.guns[gun].phase else { return };
        if until <= now.mono {
            self.no_decision(now, gun, out);
            self.decided_late(now, ticket, decision, out);
            return;
        }
        self.guns[gun].phase = Phase::Free;
        match decision {
            Decision::Accepted { grant, wait_for_start } => {
                self.granted(now, gun, card, grant, wait_for_start, out);
            }
            Decision::Refused(reason) => self.refuse(now, gun, refusal_text(reason), out),
            Decision::TimedOut => self.refuse(now, gun, "platform timeout", out),
            Decision::LinkLost => self.by_list_again(now, gun, card, out),
        }
    }

    /// The link went while the platform was asked: the offline rule decides at once.
    fn by_list_again(&mut self, now: Now, gun: usize, card: CardUid, out: &mut Vec<Action>) {
        let unplugged = self.guns[gun].is_unplugged().then_some(NotReady::NotPlugged);
        match self.not_ready(now, gun).or(unplugged) {
            Some(not_ready) => self.refuse(now, gun, not_ready.text(), out),
            None => self.by_list(now, gun, card, out),
        }
    }

    fn granted(
        &mut self,
        now: Now,
        gun: usize,
        card: CardUid,
        grant: Grant,
        wait_for_start: bool,
        out: &mut Vec<Action>,
    ) {
        if grant.txn.is_none() || self.is_known(&grant.txn) {
            out.push(Action::Note(Note::Error(format!(
                "the platform granted a start under the used number {}; it is not carried out",
                grant.txn
            ))));
            self.refuse(now, gun, "refused by the platform", out);
            return;
        }
        let group = if grant.group == 0 { self.cards.group(&card) } else { grant.group };
        let grant = Grant { group, ..grant };
        let opening = self.opening(gun, grant, StartMode::CardOnline, Credential::Card(card), false);
        let impossible = self.is_impossible(&opening).then_some(StopReason::LIMIT_NOT_SUPPORTED);
        let unplugged = self.guns[gun].is_unplugged().then_some(NotReady::NotPlugged);
        let not_ready = self.not_ready(now, gun).or(unplugged);
        if let Some(reason) = impossible.or(not_ready.map(NotReady::reason)) {
            self.not_started(now, &opening, reason);
            let text = not_ready.map_or("limit not supported", NotReady::text);
            self.refuse(now, gun, text, out);
        } else if wait_for_start {
            let (what, until) = (Await::Start, now.mono + GRANTED);
            self.guns[gun].phase = Phase::Held { what, opening: Box::new(opening), until, durable: true };
        } else {
            self.begin(now, gun, opening, Origin::Platform, Vec::new(), out);
        }
    }

    /// A limit that cannot be kept: an amount needs prices that only pile billing computes with.
    pub(super) fn is_impossible(&self, opening: &Opening) -> bool {
        match opening.grant.limit {
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
                let card = Credential::Card(late.card);
                let opening = self.opening(late.gun, grant, StartMode::CardOnline, card, false);
                self.not_started(now, &opening, StopReason::DECISION_LATE);
                out.push(Action::Note(Note::Warn(format!(
                    "the platform decided too late about {} at {}; nothing begins",
                    late.card.masked(),
                    opening.connector
                ))));
            }
            Decision::TimedOut => self.late.push_back(late), // the link only stopped asking
            Decision::Accepted { .. } | Decision::Refused(_) | Decision::LinkLost => {}
        }
    }

    /// Nobody waits for this question any more.
    fn give_up_asking(&mut self, gun: usize, out: &mut Vec<Action>) {
        let Phase::Asking { ticket, card, .. } = self.guns[gun].phase else { return };
        self.guns[gun].phase = Phase::Free;
        if self.late.len() >= LATE {
            self.late.pop_front();
        }
        self.late.push_back(Late { ticket, gun, card });
        out.push(Action::Link(ToLink::Forget(ticket)));
    }

    fn no_decision(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        self.give_up_asking(gun, out);
        self.refuse(now, gun, "platform timeout", out);
    }

    /// The link is gone: whoever still waits for a decision is served by the list.
    pub(super) fn asking_without_link(&mut self, now: Now, out: &mut Vec<Action>) {
        for gun in 0..self.guns.len() {
            if let Phase::Asking { card, .. } = self.guns[gun].phase {
                self.guns[gun].phase = Phase::Free;
                self.by_list_again(now, gun, card, out);
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
                self.give_up_asking(gun, out);
                let why = if unplugged { NotReady::NotPlugged } else { NotReady::Ending };
                self.refuse(now, gun, why.text(), out);
            }
            Phase::Held { what, until, .. } if *until <= now.mono => {
                let reason = match what {
                    Await::Plug => StopReason::NOT_PLUGGED,
                    Await::Start => StopReason::COMMAND_EXPIRED,
                };
                self.lapse(now, gun, reason, out);
            }
            Phase::Held { what: Await::Start, .. } if unplugged => {
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
            Phase::Free | Phase::Asking { .. } | Phase::Held { .. } | Phase::Busy(_) => {}
        }
    }
}

impl Gun {
    /// Whether this card charges or waits here.
    fn uses(&self, card: &CardUid) -> bool {
        match &self.phase {
            Phase::Busy(running) => running.session.opening().credential == Credential::Card(*card),
            Phase::Held { opening, .. } => opening.credential == Credential::Card(*card),
            Phase::Asking { card: asking, .. } => asking == card,
            Phase::Free => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        }
    }
}
