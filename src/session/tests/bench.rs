//! One session on a bench: events by hand, time by hand, everything it wants is kept.

use crate::model::ident::{CardUid, Credential, TransactionNumber};
use crate::model::message::StartOutcome;
use crate::model::money::{Balance, Price};
use crate::model::quantity::{Current, Energy, Power};
use crate::model::record::{BillingMode, StartMode, TransactionRecord};
use crate::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading, OrderId};
use crate::model::request::Order;
use crate::model::session::{Grant, Limit};
use crate::model::stop::StopReason;
use crate::model::tariff::{Tariff, Tier};
use crate::model::time::{ClockTrust, Instant, Now, Utc};
use crate::session::{Action, Config, Event, Opening, Session, Tag, Target};
use std::time::Duration;

/// 2026-11-25 07:50:00 local: ten minutes before a slot and tier boundary.
pub(super) const START: Utc = Utc(1_795_564_200_000);

/// Valley until 8:00, peak after; 0.5 and 1.0 yuan/kWh with 0.5 yuan/kWh service.
pub(super) fn tariff() -> Tariff {
    let tier = |code, electricity| Tier { code, electricity: Price(electricity), service: Price(50_000) };
    Tariff {
        number: 9,
        valid_from: None,
        tiers: vec![tier(4, 50_000), tier(2, 100_000)],
        slots: (0..48).map(|slot| u8::from(slot >= 16)).collect(),
    }
}

pub(super) fn opening() -> Opening {
    Opening {
        connector: "44030000010001/1".parse().expect("connector"),
        grant: Grant { txn: TransactionNumber([7; 16]), account: "1000".into(), ..Grant::default() },
        start_mode: StartMode::CardOnline,
        credential: Credential::Card(CardUid::new(&[1, 2, 3, 4]).expect("uid")),
        billing_mode: BillingMode::Pile,
        tariff: Some(tariff()),
        offline: false,
        aux: Default::default(),
        verify: false,
        dual: false,
    }
}

pub(super) fn limited(limit: Limit) -> Opening {
    let mut opening = opening();
    opening.grant.limit = limit;
    opening
}

pub(super) fn prepaid(fen: u32) -> Opening {
    let mut opening = opening();
    opening.grant.balance = Some(Balance(fen));
    opening
}

pub(super) fn now(ms: u64, trust: ClockTrust) -> Now {
    let wall = START.plus_ms(i64::try_from(ms).expect("short"));
    Now { mono: Instant(5_000_000 + ms * 1_000), wall, trust }
}

/// A session and all it ever wanted.
pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) all: Vec<Action>,
    pub(super) ms: u64,
    pub(super) trust: ClockTrust,
    pub(super) register: i64,
}

impl Bench {
    pub(super) fn open(opening: Opening) -> Bench {
        Bench::with(&Config::default(), opening, ClockTrust::Ntp)
    }

    pub(super) fn with(config: &Config, opening: Opening, trust: ClockTrust) -> Bench {
        let (session, all) = Session::open(now(0, trust), config, opening);
        Bench { session, all, ms: 0, trust, register: 100_000 }
    }

    /// Up to the confirmed output, one second after another.
    pub(super) fn charging(config: &Config, opening: Opening) -> Bench {
        let mut bench = Bench::with(config, opening, ClockTrust::Ntp);
        bench.event(Event::Committed);
        bench.ordered(100_000);
        bench.event(Event::Committed);
        bench.event(Event::Committed);
        bench.charger(ChargerState::Charging, 0);
        bench.event(Event::Committed);
        bench
    }

    pub(super) fn now(&self) -> Now {
        now(self.ms, self.trust)
    }

    pub(super) fn event(&mut self, event: Event<'_>) -> Vec<Action> {
        let actions = self.session.handle(self.now(), event);
        self.all.extend(actions.iter().cloned());
        actions
    }

    /// Time passes; every wake-up is handed back in time.
    pub(super) fn wait(&mut self, ms: u64) -> Vec<Action> {
        let end = self.ms + ms;
        let mut found = Vec::new();
        let mut circles = 0;
        while let Some(due) = self.session.wake_at() {
            let due_ms = due.0.saturating_sub(5_000_000).div_ceil(1_000).max(self.ms);
            if due_ms > end {
                break;
            }
            circles = if self.ms == due_ms { circles + 1 } else { 0 };
            assert!(circles < 20, "it wakes in circles: {:?}", self.session);
            self.ms = due_ms;
            found.extend(self.event(Event::Woke));
        }
        self.ms = end;
        found
    }

    /// Minutes of charging: readings each second, every save is taken.
    pub(super) fn charge(&mut self, seconds: u64, power: i64) -> Vec<Action> {
        let mut found = Vec::new();
        for _ in 0..seconds {
            found.extend(self.wait(1_000));
            self.register += power * 10 / 3_600;
            found.extend(self.polled(self.register));
            found.extend(self.charger(ChargerState::Charging, power));
            found.extend(self.event(Event::Committed));
        }
        found
    }

    pub(super) fn status(state: ChargerState, power: i64) -> ChargerStatus {
        ChargerStatus {
            state,
            plugged: Some(true),
            soc: Some(50),
            current: Some(Current(power * 1_000 / 500)),
            power: Some(Power(power)),
            ..ChargerStatus::default()
        }
    }

    pub(super) fn charger(&mut self, state: ChargerState, power: i64) -> Vec<Action> {
        self.event(Event::Charger(&Bench::status(state, power)))
    }

    pub(super) fn soc(&mut self, soc: u8) -> Vec<Action> {
        let status = ChargerStatus { soc: Some(soc), ..Bench::status(ChargerState::Charging, 60_000) };
        self.event(Event::Charger(&status))
    }

    pub(super) fn unplugged(&mut self) -> Vec<Action> {
        let status = ChargerStatus { plugged: Some(false), ..Bench::status(ChargerState::Charging, 0) };
        self.event(Event::Charger(&status))
    }

    pub(super) fn link(&mut self, link: LinkState) -> Vec<Action> {
        self.event(Event::ChargerLink(link))
    }

    fn reading(register: i64) -> MeterReading {
        MeterReading {
            register: Some(Energy(register)),
            resolution: Energy(1),
            number: Some("000012345678".into()),
            ..MeterReading::default()
        }
    }

    pub(super) fn polled(&mut self, register: i64) -> Vec<Action> {
        self.event(Event::Meter(&Bench::reading(register)))
    }

    /// The answer to an ordered reading.
    pub(super) fn ordered(&mut self, register: i64) -> Vec<Action> {
        let reading = MeterReading { order: Some(OrderId(1)), ..Bench::reading(register) };
        self.event(Event::Meter(&reading))
    }

    /// The charger has stopped and the register stands: to the record.
    pub(super) fn settle(&mut self) -> TransactionRecord {
        self.event(Event::Done(Target::Charger, Tag(0), Ok(())));
        self.charger(ChargerState::Finished, 0);
        for _ in 0..3 {
            self.event(Event::Committed);
            self.ordered(self.register);
            self.wait(1_000);
        }
        self.event(Event::Committed);
        self.closed().0
    }

    /// The record, which must be the only one.
    pub(super) fn closed(&mut self) -> (TransactionRecord, Option<StartOutcome>) {
        let closes: Vec<_> = self.all.iter().filter_map(close_of).collect();
        assert_eq!(closes.len(), 1, "one Close: {:#?}", self.all);
        assert!(!self.session.row(self.now()).open);
        let (record, start_result) = closes[0];
        let found = (record.clone(), start_result);
        self.event(Event::Committed);
        assert!(self.session.is_closed());
        assert_eq!(self.session.wake_at(), None);
        found
    }

    /// Readings are answered, output is off, saves are taken; to the record of a session that ends for `reason`.
    pub(super) fn ends_for(mut self, reason: StopReason) -> TransactionRecord {
        assert!(stops(&self.all) > 0, "no stop order: {:?}", self.all);
        let record = self.settle();
        assert_eq!(record.stop_reason, reason);
        record
    }
}

pub(super) fn close_of(action: &Action) -> Option<(&TransactionRecord, Option<StartOutcome>)> {
    if let Action::Close { record, start_result } = action { Some((record, *start_result)) } else { None }
}

/// Orders to the charger.
pub(super) fn orders(actions: &[Action]) -> Vec<Order> {
    let order = |action: &Action| match action {
        Action::Tell(Target::Charger, _, order) => Some(order.clone()),
        _ => None,
    };
    actions.iter().filter_map(order).collect()
}

pub(super) fn stops(actions: &[Action]) -> usize {
    orders(actions).iter().filter(|order| **order == Order::Stop).count()
}

pub(super) fn starts(actions: &[Action]) -> usize {
    orders(actions).iter().filter(|order| matches!(order, Order::Start(_))).count()
}

pub(super) fn reads(actions: &[Action]) -> usize {
    actions
        .iter()
        .filter(|action| matches!(action, Action::Tell(Target::Meter, _, Order::ReadRegister)))
        .count()
}

pub(super) fn saves(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::Save { .. })).count()
}

pub(super) fn raised(actions: &[Action], code: u16) -> bool {
    actions.contains(&Action::Alarm { code, raised: true })
}

pub(super) fn start_tag(actions: &[Action]) -> Tag {
    let tag = |action: &Action| match action {
        Action::Tell(Target::Charger, tag, Order::Start(_)) => Some(*tag),
        _ => None,
    };
    actions.iter().find_map(tag).expect("a start order")
}

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
