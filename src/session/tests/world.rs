//! A small world around one session: a charger, a meter, a store, people, power cuts. Virtual time, 100 ms a step.
//!
//! It watches what must always hold and panics when it does not.

use super::bench::{START, opening};
use crate::model::batch::SessionRow;
use crate::model::ident::TransactionNumber;
use crate::model::quantity::{Current, Energy, Power};
use crate::model::record::{TransactionRecord, flag};
use crate::model::report::{ChargerState, ChargerStatus, LinkState, MeterReading, OrderFault, OrderId};
use crate::model::request::Order;
use crate::model::stop::StopReason;
use crate::model::time::{ClockTrust, Instant, Now};
use crate::model::vehicle::VehicleReport;
use crate::session::{Action, Config, Event, Opening, Session, Tag, Target};
use std::collections::VecDeque;

const STEP_MS: u64 = 100;
/// An order is carried out after this.
const ORDER_MS: u64 = 200;
/// A batch is durable, or not, after this.
const DISK_MS: u64 = 100;

/// What the store was asked for.
#[derive(Clone, Debug)]
struct Batch {
    due_ms: u64,
    row: SessionRow,
    record: Option<TransactionRecord>,
    told: bool,
}

/// How the controller ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The charger loses power too and does not go on by itself.
    pub(super) power: bool,
    /// The batch in flight became durable.
    pub(super) durable: bool,
    /// Time without the controller.
    pub(super) off_ms: u64,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) ms: u64,
    booted_ms: u64,
    pub(super) trust: ClockTrust,
    pub(super) config: Config,
    pub(super) session: Option<Session>,
    // charger
    pub(super) state: ChargerState,
    pub(super) plugged: bool,
    pub(super) soc: u8,
    pub(super) power: i64,
    pub(super) stubborn: bool,
    starting_until: Option<u64>,
    pub(super) charger_silent: bool,
    // meter; a unit of the register is 360 000 of these
    millijoules: i64,
    offset: i64,
    pub(super) meter_silent: bool,
    // store
    pub(super) disk_fails: bool,
    batch: Option<Batch>,
    pub(super) durable: Option<SessionRow>,
    pub(super) records: Vec<TransactionRecord>,
    pub(super) told: u32,
    pub(super) abandoned: bool,
    orders: VecDeque<(u64, Target, Tag, Order)>,
    // watched
    pub(super) actions: u64,
    /// The controller dies instead of this action.
    pub(super) die_at: Option<u64>,
    pub(super) started: bool,
    pub(super) stops: u32,
    /// Somebody asked for the end since the program began.
    asked: bool,
    shown: Energy,
}

impl World {
    pub(super) fn open(config: Config, opening: Opening) -> World {
        let mut world = World {
            ms: 0,
            booted_ms: 0,
            trust: ClockTrust::Ntp,
            config,
            session: None,
            state: ChargerState::Idle,
            plugged: true,
            soc: 40,
            power: 90_000,
            stubborn: false,
            starting_until: None,
            charger_silent: false,
            millijoules: 0,
            offset: 1_234_567,
            meter_silent: false,
            disk_fails: false,
            batch: None,
            durable: None,
            records: Vec::new(),
            told: 0,
            abandoned: false,
            orders: VecDeque::new(),
            actions: 0,
            die_at: None,
            started: false,
            stops: 0,
            asked: false,
            shown: Energy::ZERO,
        };
        let (session, actions) = Session::open(world.now(), &world.config, opening);
        world.session = Some(session);
        world.obey(actions);
        world
    }

    pub(super) fn plain() -> World {
        World::open(Config::default(), opening())
    }

    pub(super) fn now(&self) -> Now {
        let wall = START.plus_ms(i64::try_from(self.ms).expect("short"));
        Now { mono: Instant((self.ms - self.booted_ms) * 1_000), wall, trust: self.trust }
    }

    pub(super) fn register(&self) -> Energy {
        Energy(self.offset + self.millijoules / 360_000)
    }

    /// Really delivered so far.
    pub(super) fn delivered(&self) -> Energy {
        Energy(self.millijoules / 360_000)
    }

    pub(super) fn replace_meter(&mut self) {
        self.offset = 17 - self.millijoules / 360_000;
    }

    pub(super) fn is_over(&self) -> bool {
        self.session.as_ref().is_none_or(Session::is_closed)
    }

    /// Nothing is broken any more.
    pub(super) fn heal(&mut self) {
        self.charger_silent = false;
        self.meter_silent = false;
        self.disk_fails = false;
        self.stubborn = false;
        self.give(Event::ChargerLink(LinkState::Good));
        self.give(Event::MeterLink(LinkState::Good));
    }

    pub(super) fn silence_charger(&mut self, silent: bool) {
        self.charger_silent = silent;
        self.give(Event::ChargerLink(if silent { LinkState::Silent } else { LinkState::Good }));
    }

    pub(super) fn give(&mut self, event: Event<'_>) {
        let now = self.now();
        let Some(session) = self.session.as_mut() else { return };
        let actions = session.handle(now, event);
        let energy = session.energy();
        assert!(energy >= self.shown, "energy fell from {} to {energy}", self.shown);
        self.shown = energy;
        self.obey(actions);
    }

    /// The vehicle says something. While it is decided how a session went on, that may be what wants its end.
    pub(super) fn says(&mut self, report: &VehicleReport, objection: Option<StopReason>) {
        let recovers =
            self.session.as_ref().is_some_and(|session| session.row(self.now()).phase == "recovering");
        self.asked |= recovers;
        self.give(Event::Vehicle { report, objection });
    }

    /// Somebody stops it. Whatever state it is in, a charger that was started is told within a second.
    pub(super) fn stop(&mut self, reason: StopReason) {
        let (open, stops, started) = (!self.is_over(), self.stops, self.started);
        let ended = self.session.as_ref().is_none_or(|session| {
            let text = session.row(self.now()).phase;
            ["stopping", "settling", "closing"].contains(&text.as_str())
        });
        let first = !std::mem::replace(&mut self.asked, true);
        self.give(Event::Stop(reason));
        if open && started && !ended && first {
            self.run(1_000);
            assert!(self.stops > stops || self.is_over(), "no stop order within a second");
        }
    }

    pub(super) fn run(&mut self, ms: u64) {
        let end = self.ms + ms;
        while self.ms < end {
            self.step();
        }
    }

    pub(super) fn run_until_over(&mut self, most_ms: u64) {
        let end = self.ms + most_ms;
        while self.ms < end && !self.is_over() {
            self.step();
        }
    }

    fn step(&mut self) {
        self.ms += STEP_MS;
        self.flow();
        self.disk();
        self.devices();
        if self.ms.is_multiple_of(1_000) {
            self.poll();
        }
        for _ in 0..20 {
            let due = self.session.as_ref().and_then(Session::wake_at);
            if due.is_none_or(|due| due > self.now().mono) {
                return;
            }
            self.give(Event::Woke);
        }
        panic!("it wakes in circles: {:?}", self.session);
    }

    fn flow(&mut self) {
        if self.starting_until.is_some_and(|until| self.ms >= until) {
            self.starting_until = None;
            self.state = ChargerState::Charging;
        }
        if self.state == ChargerState::Charging {
            self.millijoules += self.power * i64::try_from(STEP_MS).expect("small");
        }
    }

    fn disk(&mut self) {
        if self.batch.as_ref().is_none_or(|batch| self.ms < batch.due_ms) {
            return;
        }
        if self.disk_fails {
            self.batch = None;
            self.give(Event::CommitFailed);
        } else {
            self.write();
            self.give(Event::Committed);
        }
    }

    fn write(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        self.durable = Some(batch.row);
        self.told += u32::from(batch.told);
        self.records.extend(batch.record);
        assert!(self.records.len() <= 1, "a second record: {:#?}", self.records);
        assert!(self.told <= 1, "a second 0204");
    }

    fn devices(&mut self) {
        while self.orders.front().is_some_and(|(due, ..)| self.ms >= *due) {
            let Some((_, target, tag, order)) = self.orders.pop_front() else { return };
            let silent = match target {
                Target::Charger => self.charger_silent,
                Target::Meter => self.meter_silent,
            };
            if silent {
                self.give(Event::Done(target, tag, Err(OrderFault::Silent)));
                continue;
            }
            match order {
                Order::Start(_) if self.plugged && self.state != ChargerState::Charging => {
                    self.state = ChargerState::Preparing;
                    self.starting_until = Some(self.ms + 3_000);
                }
                Order::Stop if !self.stubborn => self.end_output(),
                Order::ReadRegister => {
                    let reading = MeterReading { order: Some(OrderId(tag.0.into())), ..self.reading() };
                    self.give(Event::Meter(&reading));
                }
                Order::Start(_)
                | Order::Identify(_)
                | Order::Admit(_)
                | Order::Stop
                | Order::Limit(_)
                | Order::Service(_)
                | Order::Lock(_)
                | Order::Delivered { .. }
                | Order::SetClock
                | Order::Feedback(_) => {}
            }
            self.give(Event::Done(target, tag, Ok(())));
        }
    }

    pub(super) fn end_output(&mut self) {
        self.starting_until = None;
        if matches!(self.state, ChargerState::Charging | ChargerState::Preparing) {
            self.state = ChargerState::Finished;
        }
    }

    fn poll(&mut self) {
        if !self.meter_silent {
            let reading = self.reading();
            self.give(Event::Meter(&reading));
        }
        if !self.charger_silent {
            let status = self.status();
            self.give(Event::Charger(&status));
        }
    }

    fn reading(&self) -> MeterReading {
        MeterReading { register: Some(self.register()), resolution: Energy(1), ..MeterReading::default() }
    }

    fn status(&self) -> ChargerStatus {
        let power = if self.state == ChargerState::Charging { self.power } else { 0 };
        ChargerStatus {
            state: self.state,
            plugged: Some(self.plugged),
            soc: Some(self.soc),
            power: Some(Power(power)),
            current: Some(Current(power * 1_000 / 600)),
            ..ChargerStatus::default()
        }
    }

    fn obey(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.actions += 1;
            if self.die_at == Some(self.actions) {
                self.session = None;
                return;
            }
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        let (told, record) = match &action {
            Action::Save { start_result, .. } => (start_result.is_some(), None),
            Action::Close { record, start_result } => (start_result.is_some(), Some((**record).clone())),
            Action::Tell(target, tag, order) => {
                self.watch_order(*target, order);
                self.orders.push_back((self.ms + ORDER_MS, *target, *tag, order.clone()));
                return;
            }
            Action::Abandon(_) => {
                self.abandoned = true;
                return;
            }
            Action::Feedback(_) | Action::Alarm { .. } => return,
        };
        assert!(self.batch.is_none(), "two unanswered: {:?}", self.batch);
        let row = self.session.as_ref().expect("it acts").row(self.now());
        assert_eq!(row.open, record.is_none());
        self.batch = Some(Batch { due_ms: self.ms + DISK_MS, row, record, told });
    }

    fn watch_order(&mut self, target: Target, order: &Order) {
        assert!(self.orders.len() < 64, "orders pile up");
        if target == Target::Charger {
            let row = self.durable.as_ref().expect("an order before anything is durable");
            assert!(row.open, "an order of a closed session");
            assert!(row.state.contains(r#""first":"#), "an order before the first register is durable");
        }
        self.started |= matches!(order, Order::Start(_));
        self.stops += u32::from(*order == Order::Stop);
    }

    /// The controller ends now and comes back.
    pub(super) fn cut(&mut self, cut: Cut) {
        self.session = None;
        if cut.durable {
            self.write();
        }
        self.batch = None;
        self.orders.clear();
        if cut.power {
            self.end_output();
            self.state = if self.state == ChargerState::Finished { ChargerState::Idle } else { self.state };
        }
        self.run(cut.off_ms);
        self.booted_ms = self.ms;
        self.shown = Energy::ZERO;
        self.die_at = None;
        self.asked = false;
        let Some(row) = self.durable.clone().filter(|row| row.open) else { return };
        let (session, actions) = Session::recover(self.now(), &self.config, &row).expect("a row of ours");
        self.session = Some(session);
        self.obey(actions);
    }

    /// The present state is durable, as at an orderly end of the program.
    pub(super) fn store_now(&mut self) {
        let now = self.now();
        self.batch = None;
        self.durable = self.session.as_ref().map(|session| session.row(now));
    }

    /// What must hold of the record, when there was a session.
    pub(super) fn judge(&self, honest_meter: bool) {
        if self.abandoned || self.durable.is_none() {
            assert!(self.records.is_empty() && !self.started, "a session that never was left traces");
            return;
        }
        assert!(self.is_over(), "not over at {} ms: {:#?}", self.ms, self.session);
        assert_eq!(self.records.len(), 1, "records of one session");
        assert_eq!(self.told, 1, "one 0204");
        let record = &self.records[0];
        assert_ne!(record.txn, TransactionNumber::default());
        assert_eq!(record.flags & flag::INCONSISTENT, 0, "{record:#?}");
        assert_ne!(record.stop_reason, StopReason::NONE);
        let sum: i64 = record.segments.iter().map(|segment| segment.energy.0).sum();
        assert_eq!(sum, record.energy_total.0);
        if let Some((start, end)) = record.start_time.zip(record.end_time) {
            assert!(start <= end && end <= self.now().wall, "{record:#?}");
        }
        if honest_meter {
            assert!(record.energy_total <= self.delivered() + Energy(1), "billed more than was delivered");
        }
    }
}
