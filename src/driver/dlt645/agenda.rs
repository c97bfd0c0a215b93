//! What is to be asked next: orders, then by the time it is due a polled value or a slow item.

use super::profile::{Profile, Quantity};
use crate::driver::{Class, Want};
use crate::model::report::OrderId;
use crate::model::time::Instant;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Orders that wait at most; the oldest one beyond that is overtaken.
const ORDERS_MAX: usize = 8;
/// How often an ordered register is read in all until it is usable.
const ORDER_READS: u8 = 3;
/// A slow item that was not answered is asked again after this.
const SLOW_RETRY: Duration = Duration::from_secs(60);
/// From a broadcast of the time to the reading that shows who took it.
const READ_BACK: Duration = Duration::from_secs(3);
/// Refusals in a row after which a polled item counts as absent.
const REFUSALS: u8 = 2;

/// An order to read the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// Its name.
    pub(super) id: OrderId,
    reads_left: u8,
}

/// What is read now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Slow {
    /// 04000402: a change means the meter was replaced.
    Number,
    /// 0001FF00: total and tariffs.
    Tariffs,
    /// 0400010C, or date and time one after the other.
    Clock,
}

impl Slow {
    /// All of them.
    pub(super) const ALL: [Slow; 3] = [Slow::Number, Slow::Tariffs, Slow::Clock];

    /// How often (rs485.md 9: the clock hourly).
    pub(super) fn period(self) -> Duration {
        match self {
            Slow::Number | Slow::Clock => Duration::from_secs(3_600),
            Slow::Tariffs => Duration::from_secs(900),
        }
    }
}

/// What a question is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Job {
    /// All orders that waited when it was asked.
    Orders(Vec<Order>),
    /// One value of the round.
    Live(Quantity),
    /// A slow item.
    Slow(Slow),
}

impl Job {
    /// Whether its answer may come in parts: a single value never needs to.
    pub(super) fn may_be_long(&self) -> bool {
        *self == Job::Slow(Slow::Tariffs)
    }

    pub(super) fn class(&self) -> Class {
        match self {
            Job::Orders(_) => Class::Billing,
            Job::Live(_) => Class::Live,
            Job::Slow(_) => Class::Slow,
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Agenda {
    poll: Duration,
    polled: Vec<Quantity>,
    refusals: BTreeMap<Quantity, u8>,
    orders: VecDeque<Order>,
    /// What is left of the round that runs.
    round: VecDeque<Quantity>,
    /// Since when the round that runs is due, or when the next one will be.
    round_due: Instant,
    slow: BTreeMap<Slow, Instant>,
}

impl Agenda {
    pub(super) fn new(profile: &Profile, poll: Duration) -> Agenda {
        Agenda {
            poll: poll.max(Duration::from_millis(1)),
            polled: profile.polled().collect(),
            refusals: BTreeMap::new(),
            orders: VecDeque::new(),
            round: VecDeque::new(),
            round_due: Instant::default(),
            slow: Slow::ALL.into_iter().map(|slow| (slow, Instant::default())).collect(),
        }
    }

    /// The order that had to give way, if one had to.
    pub(super) fn order(&mut self, id: OrderId) -> Option<OrderId> {
        self.orders.push_back(Order { id, reads_left: ORDER_READS });
        if self.orders.len() > ORDERS_MAX { self.orders.pop_front().map(|order| order.id) } else { None }
    }

    /// A question for orders was never settled: they wait on.
    pub(super) fn put_back(&mut self, orders: Vec<Order>) {
        for order in orders.into_iter().rev() {
            self.orders.push_front(order);
        }
        self.orders.truncate(ORDERS_MAX);
    }

    pub(super) fn has_orders(&self) -> bool {
        !self.orders.is_empty()
    }

    /// What an order brought was not usable: it is read again, unless it was read often enough. Gives those that were.
    pub(super) fn again(&mut self, orders: Vec<Order>) -> Vec<OrderId> {
        let mut given_up = Vec::new();
        for mut order in orders.into_iter().rev() {
            order.reads_left = order.reads_left.saturating_sub(1);
            if order.reads_left == 0 {
                given_up.push(order.id);
            } else {
                self.orders.push_front(order);
            }
        }
        given_up
    }

    pub(super) fn wants(&self) -> Want {
        if self.has_orders() {
            return Want { class: Class::Billing, due: Instant::default() };
        }
        let live = Want { class: Class::Live, due: self.round_due };
        match self.slow.values().min() {
            Some(due) if *due < live.due => Want { class: Class::Slow, due: *due },
            _ => live,
        }
    }

    /// Takes out what `wants` named.
    pub(super) fn take(&mut self, now: Instant) -> Job {
        match self.wants().class {
            Class::Command | Class::Billing => self.take_orders(),
            Class::Live => Job::Live(self.take_live(now)),
            Class::Slow => Job::Slow(self.take_slow(now)),
        }
    }

    pub(super) fn take_orders(&mut self) -> Job {
        Job::Orders(self.orders.drain(..).collect())
    }

    /// The register is always polled, so a round is never empty.
    fn take_live(&mut self, now: Instant) -> Quantity {
        if self.round.is_empty() {
            let absent = |q: &Quantity| self.refusals.get(q).is_some_and(|count| *count >= REFUSALS);
            self.round = self.polled.iter().copied().filter(|q| !absent(q)).collect();
        }
        let quantity = self.round.pop_front().unwrap_or(Quantity::Register);
        if self.round.is_empty() {
            self.round_due = next(self.round_due, self.poll, now);
        }
        quantity
    }

    fn take_slow(&mut self, now: Instant) -> Slow {
        let first = self.slow.iter().min_by_key(|(_, due)| **due).map(|(slow, _)| *slow);
        let slow = first.unwrap_or(Slow::Number);
        self.slow.insert(slow, now + SLOW_RETRY);
        slow
    }

    /// The slow item was answered, one way or the other.
    pub(super) fn done(&mut self, slow: Slow, now: Instant) {
        self.slow.insert(slow, now + slow.period());
    }

    /// The slow item goes on at once.
    pub(super) fn goes_on(&mut self, slow: Slow) {
        self.slow.insert(slow, Instant::default());
    }

    /// The clock was told the time: it is read again when it has taken it.
    pub(super) fn read_back(&mut self, now: Instant) {
        self.slow.insert(Slow::Clock, now + READ_BACK);
    }

    /// A polled item was refused. The register is owed and never counts as absent.
    pub(super) fn refused(&mut self, quantity: Quantity) {
        if quantity != Quantity::Register {
            let count = self.refusals.entry(quantity).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// A polled item was answered.
    pub(super) fn answered(&mut self, quantity: Quantity) {
        self.refusals.remove(&quantity);
    }

    /// The meter is back after a silence: it may be another one.
    pub(super) fn meet_again(&mut self) {
        self.refusals.clear();
        self.slow.insert(Slow::Number, Instant::default());
    }
}

/// The first moment after `now` on the grid of `period` from `due`: what was missed is not made up for.
fn next(due: Instant, period: Duration, now: Instant) -> Instant {
    let late = now.since(due).as_micros();
    let periods = late / period.as_micros() + 1;
    let ahead = u64::try_from(periods * period.as_micros()).unwrap_or(u64::MAX);
    due + Duration::from_micros(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant(ms * 1_000)
    }

    fn agenda() -> Agenda {
        Agenda::new(&Profile::by_name("dlt645-ac").unwrap(), Duration::from_secs(1))
    }

    #[test]
    fn an_overrun_round_is_skipped_and_not_made_up_for() {
        let mut agenda = agenda();
        for _ in 0..4 {
            assert!(matches!(agenda.take(at(3_400)), Job::Live(_)));
        }
        assert_eq!(agenda.round_due, at(4_000));
        assert_eq!(next(at(0), Duration::from_secs(1), at(0)), at(1_000));
        assert_eq!(next(at(5_000), Duration::from_secs(1), at(0)), at(6_000));
    }

    #[test]
    fn slow_items_fill_the_time_between_rounds_and_are_never_starved() {
        let mut agenda = agenda();
        let mut slow = Vec::new();
        for _ in 0..40 {
            if let Job::Slow(item) = agenda.take(at(1_000_000)) {
                slow.push(item);
            }
        }
        assert_eq!(slow, [Slow::Number, Slow::Tariffs, Slow::Clock]);
        assert_eq!(agenda.wants().class, Class::Live);
    }

    #[test]
    fn orders_go_first_and_the_oldest_gives_way_when_there_are_too_many() {
        let mut agenda = agenda();
        for id in 0..8 {
            assert_eq!(agenda.order(OrderId(id)), None);
        }
        assert_eq!(agenda.order(OrderId(8)), Some(OrderId(0)));
        assert_eq!(agenda.wants(), Want { class: Class::Billing, due: at(0) });
        let Job::Orders(orders) = agenda.take(at(0)) else { panic!() };
        assert_eq!(orders.iter().map(|o| o.id.0).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(agenda.wants().class, Class::Live);
    }

    #[test]
    fn an_order_is_read_three_times_before_it_is_given_up() {
        let mut agenda = agenda();
        agenda.order(OrderId(7));
        for _ in 0..2 {
            let Job::Orders(orders) = agenda.take(at(0)) else { panic!() };
            assert_eq!(agenda.again(orders), []);
        }
        let Job::Orders(orders) = agenda.take(at(0)) else { panic!() };
        assert_eq!(agenda.again(orders), [OrderId(7)]);
        assert!(!agenda.has_orders());
    }
}
