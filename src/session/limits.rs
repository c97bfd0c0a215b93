//! When a session ends by itself; the first limit reached wins (domain.md 2.6, platform-222.md 13.7).

use super::config::Config;
use crate::billing::{Bill, amount};
use crate::model::money::Money;
use crate::model::quantity::{Energy, Power};
use crate::model::record::BillingMode;
use crate::model::session::{Grant, Limit};
use crate::model::stop::StopReason;
use crate::model::tariff::Tier;
use crate::model::time::Instant;
use std::time::Duration;

/// A prepaid session never keeps less in hand than half a yuan (domain.md 2.3).
const LEAST_MARGIN: Money = Money(5_000);
/// A state of charge counts when it was told twice in a row (domain.md 2.6).
const TWICE: u8 = 2;

/// What the limits watch over time.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    full_since: Option<Instant>,
    tail_since: Option<Instant>,
    soc: [u8; 3],
}

/// The session as the limits see it.
pub(super) struct View<'a> {
    pub(super) config: &'a Config,
    pub(super) grant: &'a Grant,
    pub(super) billing: BillingMode,
    /// Begun offline.
    pub(super) offline: bool,
    pub(super) online: bool,
    /// Billed so far, and what flowed since the last reading.
    pub(super) energy: Energy,
    pub(super) unread: Energy,
    pub(super) bill: &'a Bill,
    /// The tier of this moment.
    pub(super) tier: Option<Tier>,
    pub(super) elapsed: Duration,
    pub(super) power: Option<Power>,
}

impl View<'_> {
    fn reached(&self) -> Energy {
        self.energy + self.unread
    }

    fn amount(&self) -> Money {
        self.bill.amount() + self.price(self.unread)
    }

    fn price(&self, energy: Energy) -> Money {
        self.tier.map_or(Money(0), |tier| amount(energy, tier.electricity) + amount(energy, tier.service))
    }

    /// What present power costs within the prepaid margin; the rating where no power is told.
    fn margin(&self) -> Money {
        let time = self.config.timers.prepaid_margin;
        if time.is_zero() {
            return Money(0);
        }
        let power = self.power.unwrap_or(self.config.rated);
        self.price(Energy::from_power(power, super::timeline::millis(time))).max(LEAST_MARGIN)
    }

    fn soc_caps(&self) -> [Option<u8>; 3] {
        let order = match self.grant.limit {
            Limit::Soc(soc) => Some(soc),
            Limit::None | Limit::Energy(_) | Limit::Amount(_) | Limit::Time(_) => None,
        };
        let below_full = |cap: u8| (cap < 100).then_some(cap);
        let offline = if self.online { None } else { below_full(self.config.offline_soc) };
        [order, below_full(self.config.stop_soc), offline]
    }

    /// Below this a charge only trickles. A session that may draw little is measured by what it may draw.
    fn tail(&self) -> Power {
        let most = self.grant.max_power.map_or(self.config.rated, |most| most.min(self.config.rated));
        Power(most.0.saturating_mul(i64::from(self.config.tail_percent)) / 100)
    }
}

impl Limits {
    /// A state of charge was told.
    pub(super) fn hear_soc(&mut self, now: Instant, soc: Option<u8>, view: &View<'_>) {
        for (hits, cap) in self.soc.iter_mut().zip(view.soc_caps()) {
            let hit = soc.zip(cap).is_some_and(|(soc, cap)| soc <= 100 && soc >= cap);
            *hits = if hit { hits.saturating_add(1) } else { 0 };
        }
        self.full_since = (soc == Some(100)).then(|| self.full_since.unwrap_or(now));
    }

    /// The charger told what it puts out.
    pub(super) fn hear_power(&mut self, now: Instant, view: &View<'_>, flows: bool) {
        let trickles = flows && view.power.is_some_and(|power| power < view.tail());
        self.tail_since = trickles.then(|| self.tail_since.unwrap_or(now));
    }

    /// The limit that is reached now.
    pub(super) fn reached(&self, now: Instant, view: &View<'_>) -> Option<StopReason> {
        let timers = &view.config.timers;
        let held = |since: Option<Instant>, hold| since.is_some_and(|since| now.since(since) >= hold);
        let cap = view.config.offline_energy;
        let [order, station, offline] = self.soc.map(|hits| hits >= TWICE);
        let prepaid = view.grant.balance.filter(|_| view.billing == BillingMode::Pile);
        let used_up = prepaid.is_some_and(|b| view.amount() + view.margin() >= Money(i64::from(b.0) * 100));
        [
            (order_reached(view), order_reason(&view.grant.limit)),
            (order, StopReason::SOC_REACHED),
            (used_up, StopReason::BALANCE_USED),
            (view.offline && cap > Energy::ZERO && view.reached() >= cap, StopReason::OFFLINE_CAP),
            (station || offline, StopReason::STATION_SOC),
            (held(self.full_since, timers.full_hold), StopReason::FULL),
            (held(self.tail_since, timers.tail), StopReason::TAIL_CURRENT),
        ]
        .into_iter()
        .find_map(|(reached, reason)| reached.then_some(reason))
    }

    /// When a limit may be reached without further news.
    pub(super) fn wake_at(&self, config: &Config) -> Option<Instant> {
        let full = self.full_since.map(|since| since + config.timers.full_hold);
        let tail = self.tail_since.map(|since| since + config.timers.tail);
        full.into_iter().chain(tail).min()
    }
}

/// Whether the limit of the order is reached. A state of charge is counted elsewhere.
fn order_reached(view: &View<'_>) -> bool {
    match view.grant.limit {
        Limit::None | Limit::Soc(_) => false,
        Limit::Energy(energy) => view.reached() >= energy,
        Limit::Amount(amount) => view.billing == BillingMode::Pile && view.amount() >= amount,
        Limit::Time(time) => view.elapsed >= time,
    }
}

fn order_reason(limit: &Limit) -> StopReason {
    match limit {
        Limit::None => StopReason::NONE,
        Limit::Energy(_) => StopReason::ENERGY_REACHED,
        Limit::Amount(_) => StopReason::AMOUNT_REACHED,
        Limit::Time(_) => StopReason::TIME_REACHED,
        Limit::Soc(_) => StopReason::SOC_REACHED,
    }
}
