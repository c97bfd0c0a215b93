//! Sessions as the station sees them: begun, carried out, found open at the start, closed.

use super::alarms::Key;
use super::connector::{Gun, Origin, Phase, Role, Running};
use super::journal::{Then, Work};
use super::offline::energy_used_up;
use super::records::Made;
use super::remote::{LAPSED, waiting_row};
use super::{Action, Note, Station};
use crate::model::batch::{Row, SessionRow};
use crate::model::command::Answer;
use crate::model::ident::Credential;
use crate::model::message::{StartOutcome, StartResult, ToLink};
use crate::model::quantity::Energy;
use crate::model::record::{BillingMode, StartMode, TransactionRecord, flag};
use crate::model::report::{LinkState, OrderFault, OrderId};
use crate::model::request::{Feedback, Order, Request};
use crate::model::stop::StopReason;
use crate::model::time::Now;
use crate::session::{self, Opening, Session, Tag, Target};

/// Orders that belong to no session carry this epoch.
pub(super) const NO_SESSION: u32 = 0;

/// Names an order: the epoch of its session above, its tag below.
pub(super) fn order_id(epoch: u32, tag: u32) -> OrderId {
    OrderId(u64::from(epoch) << 32 | u64::from(tag))
}

fn order_parts(order: OrderId) -> (u32, u32) {
    (u32::try_from(order.0 >> 32).unwrap_or(NO_SESSION), (order.0 & u64::from(u32::MAX)) as u32)
}

impl Station {
    /// Begins a session; `with` becomes durable together with its opening.
    pub(super) fn begin(
        &mut self,
        now: Now,
        gun: usize,
        opening: Opening,
        origin: Origin,
        with: Vec<Row>,
        out: &mut Vec<Action>,
    ) {
        // It may have been held for a plug or an order: the tariff is frozen now, not when it was allowed (16.1).
        let opening = Opening { tariff: self.tariffs.in_force().cloned(), ..opening };
        let opening = self.for_vehicle(gun, opening);
        self.guns[gun].identification.settled();
        self.remember_transaction(opening.grant.txn);
        self.guns[gun].finished = None;
        self.guns[gun].unsent = None;
        let config = self.session_config(gun, &opening);
        out.push(Action::Note(Note::Info(format!(
            "session {} begins at {}",
            opening.grant.txn, opening.connector
        ))));
        let (session, actions) = Session::open(now, &config, opening);
        self.install(now, gun, session, origin, with);
        self.carry_out(now, gun, actions, out);
        self.tell_present(now, gun, out);
    }

    /// What is known of the vehicle bears on how it begins: the power that its list entry allows, and whether it has to
    /// name itself.
    fn for_vehicle(&self, gun: usize, mut opening: Opening) -> Opening {
        let by_vin = if let Credential::Vin(vin) = opening.credential { Some(vin) } else { None };
        let vin = by_vin.or(self.guns[gun].vehicle.vin());
        let listed = vin.and_then(|vin| self.list_power(gun, &vin));
        opening.grant.max_power = opening.grant.max_power.into_iter().chain(listed).min();
        opening.verify = self.guns[gun].config.can_identify && self.wants_name(&opening);
        opening
    }

    fn install(&mut self, now: Now, gun: usize, session: Session, origin: Origin, with: Vec<Row>) {
        self.epochs += 1;
        let kept = session.realtime(now);
        let running = Running {
            session,
            epoch: self.epochs,
            origin,
            durable: origin == Origin::Recovered,
            closing: false,
            with,
            kept,
        };
        self.guns[gun].phase = Phase::Busy(Box::new(running));
    }

    /// A new session is told what is known already, so that it need not wait for the next poll.
    fn tell_present(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let Gun { charger_link, meter_link, .. } = self.guns[gun];
        let charger = self.guns[gun].charger.clone();
        self.session_event(now, gun, session::Event::ChargerLink(charger_link), out);
        self.session_event(now, gun, session::Event::MeterLink(meter_link), out);
        self.session_event(now, gun, session::Event::Online(self.link.online), out);
        if charger_link == LinkState::Good || charger_link == LinkState::Degraded {
            self.session_event(now, gun, session::Event::Charger(&charger), out);
        }
        self.tell_known_vehicle(now, gun, out);
    }

    fn session_config(&self, gun: usize, opening: &Opening) -> session::Config {
        let mut config = self.config.session.clone();
        config.rated = self.guns[gun].config.rated;
        config.waits = self.guns[gun].config.can_identify;
        let cap = self.config.offline.energy_per_card;
        if opening.offline && opening.credential != Credential::None && cap > Energy::ZERO {
            let used = self.use_of(&opening.credential, Some(gun)).1;
            let left = Energy((cap - used).0.max(1));
            config.offline_energy = match config.offline_energy {
                Energy::ZERO => left,
                own => own.min(left),
            };
        }
        config
    }

    /// Offline sessions of a credential that count, open ones included, and their energy.
    pub(super) fn use_of(&self, credential: &Credential, but: Option<usize>) -> (u32, Energy) {
        let others = self.guns.iter().enumerate().filter(|(i, _)| Some(*i) != but).map(|(_, g)| g);
        let open = others.filter(|g| g.opening().is_some_and(|o| o.offline && o.credential == *credential));
        let energy = |g: &Gun| g.running().map_or(Energy::ZERO, |r| r.session.energy());
        open.fold(self.offline_use.of(credential), |(sessions, used), g| (sessions + 1, used + energy(g)))
    }

    /// Offline sessions of all that count, open ones included.
    pub(super) fn station_use(&self) -> u32 {
        let open = self.guns.iter().filter_map(Gun::opening).filter(|opening| opening.offline).count();
        self.offline_use.sessions().saturating_add(u32::try_from(open).unwrap_or(u32::MAX))
    }

    pub(super) fn session_event(
        &mut self,
        now: Now,
        gun: usize,
        event: session::Event<'_>,
        out: &mut Vec<Action>,
    ) {
        let Some(running) = self.guns[gun].running_mut() else { return };
        let actions = running.session.handle(now, event);
        self.carry_out(now, gun, actions, out);
    }

    /// The outcome of an order of a session, or of one that is gone.
    pub(super) fn order_done(
        &mut self,
        now: Now,
        gun: usize,
        role: Role,
        order: OrderId,
        outcome: Result<(), OrderFault>,
        out: &mut Vec<Action>,
    ) {
        let (epoch, tag) = order_parts(order);
        let target = match role {
            Role::Charger => Target::Charger,
            Role::Meter => Target::Meter,
            Role::Reader | Role::Tap => return,
        };
        if epoch == NO_SESSION && role == Role::Charger {
            self.identify_done(now, gun, order, outcome, out);
        } else if self.guns[gun].running().is_some_and(|r| r.epoch == epoch) {
            self.session_event(now, gun, session::Event::Done(target, Tag(tag), outcome), out);
        }
    }

    /// The order behind a reading, if it was given by the session that runs here now.
    pub(super) fn own_order(&self, gun: usize, order: Option<OrderId>) -> Option<OrderId> {
        let (epoch, tag) = order_parts(order?);
        self.guns[gun].running().filter(|r| r.epoch == epoch).map(|_| OrderId(u64::from(tag)))
    }

    fn carry_out(&mut self, now: Now, gun: usize, actions: Vec<session::Action>, out: &mut Vec<Action>) {
        for action in actions {
            match action {
                session::Action::Save { step, start_result } => self.save(gun, step, start_result),
                session::Action::Tell(target, tag, what) => self.tell(gun, target, tag, what, out),
                session::Action::Feedback(feedback) => self.show(now, gun, feedback, out),
                session::Action::Close { record, start_result } => self.close(gun, record, start_result),
                session::Action::Abandon(reason) => self.abandoned(now, gun, reason, out),
                session::Action::Alarm { code, raised } => {
                    let (id, txn) = (self.guns[gun].config.id, self.guns[gun].txn());
                    self.alarms.set_for(now, Key::connector(code, id, "session"), raised, txn);
                }
            }
        }
    }

    fn save(&mut self, gun: usize, step: Option<String>, start_result: Option<StartOutcome>) {
        let Some(running) = self.guns[gun].running_mut() else { return };
        let epoch = running.epoch;
        let with = std::mem::take(&mut running.with);
        let start_result = start_result.map(|outcome| Box::new(running.session.start_result(outcome)));
        self.write(Work::Save { gun, epoch, with, step, start_result }, Then::Saved { gun, epoch });
    }

    fn tell(&mut self, gun: usize, target: Target, tag: Tag, what: Order, out: &mut Vec<Action>) {
        let Gun { config, ghost, .. } = &self.guns[gun];
        let Some(running) = self.guns[gun].running().filter(|_| !ghost) else { return };
        let device = match target {
            Target::Charger => config.charger,
            Target::Meter => config.meter,
        };
        let order = order_id(running.epoch, tag.0);
        if matches!(what, Order::Start(_) | Order::Stop) {
            self.guns[gun].identification.taken_over();
        }
        out.push(Action::Tell(device, Request { order, what }));
    }

    /// One `Close` per session: it is owed from here on, whatever the store says.
    fn close(&mut self, gun: usize, record: Box<TransactionRecord>, start_result: Option<StartOutcome>) {
        let Some(running) = self.guns[gun].running_mut().filter(|r| !r.closing) else { return };
        running.closing = true;
        let epoch = running.epoch;
        let start_result = start_result.map(|outcome| Box::new(running.session.start_result(outcome)));
        self.owe(Work::Close { gun, epoch, record, start_result }, Then::Closed { gun, epoch });
    }

    /// A state of a session is durable, or is not.
    pub(super) fn saved(&mut self, now: Now, gun: usize, epoch: u32, done: bool, out: &mut Vec<Action>) {
        let Some(running) = self.guns[gun].running_mut().filter(|r| r.epoch == epoch) else { return };
        if done && !running.durable {
            running.durable = true;
            match running.origin {
                Origin::Remote(ticket) => {
                    out.push(Action::Link(ToLink::Answer(
                        ticket,
                        Answer::RemoteStart(super::remote::result::ACCEPTED),
                    )));
                }
                Origin::Operator(ticket) => out.push(Action::Done(ticket, Ok(()))),
                Origin::Platform | Origin::Waited | Origin::Offline | Origin::Recovered => {}
            }
        }
        let event = if done { session::Event::Committed } else { session::Event::CommitFailed };
        self.session_event(now, gun, event, out);
    }

    /// Its opening could not be made durable: it never existed.
    fn abandoned(&mut self, now: Now, gun: usize, reason: StopReason, out: &mut Vec<Action>) {
        let Some(running) = self.guns[gun].running() else { return };
        let (origin, opening) = (running.origin, running.session.opening().clone());
        let vin = running.session.vin();
        self.guns[gun].phase = Phase::Free;
        if opening.dual {
            self.partner_abandoned(now, gun, vin, out);
        }
        match origin {
            Origin::Platform => self.not_started(now, &opening, reason),
            Origin::Waited => {
                let lapsed = waiting_row(now, &opening, LAPSED, false);
                self.not_started_with(now, &opening, reason, vec![lapsed]);
            }
            Origin::Remote(ticket) => {
                self.forget_transaction(&opening.grant.txn);
                let faulted = Answer::RemoteStart(super::remote::result::FAULTED);
                out.push(Action::Link(ToLink::Answer(ticket, faulted)));
            }
            Origin::Operator(ticket) => {
                let why = "the session could not be stored; look at the disk of the data folder".to_owned();
                out.push(Action::Done(ticket, Err(why)));
            }
            Origin::Offline | Origin::Recovered => {}
        }
        self.refuse(now, gun, "storage failure", out);
    }

    /// 0204 result 1: no session, no record follows. The number is never used again.
    pub(super) fn not_started(&mut self, now: Now, opening: &Opening, reason: StopReason) {
        self.not_started_with(now, opening, reason, Vec::new());
    }

    pub(super) fn not_started_with(
        &mut self,
        now: Now,
        opening: &Opening,
        reason: StopReason,
        mut rows: Vec<Row>,
    ) {
        let txn = opening.grant.txn;
        rows.push(Row::CommandSeen(txn, super::remote::result::FINISHED));
        let text = reason.text().map_or("", |(en, _)| en);
        rows.push(super::journal::audit_row(
            now,
            "station",
            format!("transaction {txn} not started: {text}"),
        ));
        self.seen_command(txn, super::remote::result::FINISHED);
        let result = StartResult {
            txn,
            connector: opening.connector,
            result: StartOutcome::NotStarted(reason),
            vin: None,
            soc: None,
            start_time: None,
            start_register: None,
            start_mode: opening.start_mode,
        };
        self.owe(Work::StartResult(rows, Box::new(result)), Then::Nothing);
    }

    /// The record of a session is durable: the gun is free.
    pub(super) fn closed(&mut self, now: Now, gun: usize, epoch: u32, made: &Made, out: &mut Vec<Action>) {
        let Some(txn) = self.guns[gun].running().filter(|r| r.epoch == epoch).and(self.guns[gun].txn())
        else {
            return;
        };
        self.session_event(now, gun, session::Event::Committed, out);
        let unsent = self.unsent_of(now, made);
        let cut = self.guns[gun].running().is_some_and(|r| {
            r.origin == Origin::Recovered && r.session.cause().is_some_and(|cause| cause.is_of_station())
        });
        match cut && self.guns[gun].plugged() == Some(true) {
            true => self.ask_anew(now, gun),
            false => self.guns[gun].identification.over = true,
        }
        let index = gun;
        let gun = &mut self.guns[gun];
        gun.last = gun.running().map(|r| r.session.realtime(now));
        gun.phase = Phase::Free;
        gun.finished = Some(txn).filter(|_| gun.charger.plugged == Some(true));
        gun.unsent = unsent;
        out.push(Action::Note(Note::Info(format!("session {txn} at {} is closed", gun.config.id))));
        self.mark_grey(now, index);
    }

    /// Sessions found open at the start, and starts that waited for a plug.
    pub(super) fn recover(&mut self, now: Now, rows: &[SessionRow], out: &mut Vec<Action>) {
        for row in rows {
            if row.phase == super::remote::AWAITING_PLUG {
                self.lapse_recovered(now, row);
                continue;
            }
            let gun = self.gun_for_recovery(row);
            let mut config = self.config.session.clone();
            config.rated = self.guns[gun].config.rated;
            config.waits = self.guns[gun].config.can_identify;
            match Session::recover(now, &config, row) {
                Ok((session, actions)) => {
                    out.push(Action::Note(Note::Warn(format!(
                        "session {} at {} was open when the program ended",
                        row.txn, row.connector
                    ))));
                    self.install(now, gun, session, Origin::Recovered, Vec::new());
                    self.carry_out(now, gun, actions, out);
                }
                Err(bad) => self.salvage(now, row, &bad.to_string(), out),
            }
        }
    }

    /// The gun of a stored session; one without devices when it is not configured any more or already busy.
    fn gun_for_recovery(&mut self, row: &SessionRow) -> usize {
        let fits = |g: &Gun| !g.ghost && g.config.id == row.connector && g.running().is_none();
        if let Some(gun) = self.guns.iter().position(fits) {
            return gun;
        }
        let none = crate::model::ident::DeviceId(u16::MAX);
        let config = super::ConnectorConfig {
            id: row.connector,
            charger: none,
            meter: none,
            ..super::ConnectorConfig::default()
        };
        self.guns.push(Gun::new(config, true));
        self.guns.len() - 1
    }

    /// A record is owed for every session, also for one whose state nobody can read.
    fn salvage(&mut self, now: Now, row: &SessionRow, why: &str, out: &mut Vec<Action>) {
        out.push(Action::Note(Note::Error(format!(
            "session {} is closed without energy: {why}; its stored state is kept in the audit",
            row.txn
        ))));
        self.alarms.set_for(
            now,
            Key::connector(super::alarms::code::RECORD_INCONSISTENT, row.connector, "session"),
            true,
            Some(row.txn),
        );
        self.audit(
            now,
            "station",
            format!("state of session {} that cannot be read: {}", row.txn, row.state),
        );
        let closed = SessionRow { open: false, phase: "salvaged".to_owned(), ..row.clone() };
        let record = TransactionRecord {
            txn: row.txn,
            connector: row.connector,
            start_mode: StartMode::Remote,
            credential: Credential::None,
            account: String::new(),
            vin: None,
            start_time: None,
            end_time: None,
            start_register: None,
            end_register: None,
            meter_number: String::new(),
            start_soc: None,
            end_soc: None,
            stop_reason: StopReason::UNEXPECTED_RESTART,
            billing_mode: BillingMode::Platform,
            tariff_number: 0,
            energy_total: Energy::ZERO,
            electricity_total: Default::default(),
            service_total: Default::default(),
            segments: Vec::new(),
            flags: flag::CLOCK | flag::POWER_LOSS | flag::INCONSISTENT | flag::NOT_SETTLED,
            number: 0,
            previous_digest: [0; 8],
            protocol: Default::default(),
        };
        self.owe(Work::Salvage(closed, Box::new(record)), Then::Nothing);
    }

    /// Ends what runs here.
    pub(super) fn stop(&mut self, now: Now, gun: usize, reason: StopReason, out: &mut Vec<Action>) {
        self.session_event(now, gun, session::Event::Stop(reason), out);
    }

    /// A credential has taken offline all that it may: its sessions end.
    pub(super) fn watch_offline_energy(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        let Some(running) = self.guns[gun].running() else { return };
        let opening = running.session.opening();
        let counts = opening.offline && opening.credential != Credential::None;
        if counts && energy_used_up(&self.config.offline, self.use_of(&opening.credential, None).1) {
            self.stop(now, gun, StopReason::OFFLINE_CAP, out);
        }
    }

    /// Shows something to the person at the gun's reader.
    pub(super) fn show(&mut self, now: Now, gun: usize, feedback: Feedback, out: &mut Vec<Action>) {
        const REFUSAL_SHOWN: std::time::Duration = std::time::Duration::from_secs(5);
        let passing = matches!(feedback, Feedback::Refused(_) | Feedback::Finished);
        let Some(reader) = self.guns[gun].config.reader else { return };
        self.guns[gun].show_again = passing.then(|| now.mono + REFUSAL_SHOWN);
        if self.guns[gun].shown != feedback || passing {
            self.feedbacks = self.feedbacks.wrapping_add(1);
            let order = order_id(NO_SESSION, self.feedbacks);
            out.push(Action::Tell(reader, Request { order, what: Order::Feedback(feedback.clone()) }));
            self.guns[gun].shown = feedback;
        }
    }

    /// Tells the person at the reader no, and why.
    pub(super) fn refuse(&mut self, now: Now, gun: usize, why: &str, out: &mut Vec<Action>) {
        let text: String = why.chars().filter(char::is_ascii).take(32).collect();
        self.show(now, gun, Feedback::Refused(text), out);
    }

    /// What the reader shows when nothing else is to be said.
    pub(super) fn show_state(&mut self, now: Now, gun: usize, out: &mut Vec<Action>) {
        use crate::model::session::ConnectorState as S;
        let feedback = match (self.ending.is_some(), self.guns[gun].state().0) {
            (true, _) | (false, S::Faulted | S::OutOfService | S::Unknown) => Feedback::OutOfOrder,
            (false, S::Authorising) => Feedback::Asking,
            (false, S::Starting) => Feedback::Accepted,
            (false, S::Charging | S::Paused) => Feedback::Charging,
            (false, S::Stopping | S::Finished) => Feedback::Finished,
            (false, S::Idle | S::Plugged) => Feedback::Idle,
        };
        if self.guns[gun].show_again.is_some_and(|at| at > now.mono) {
            return; // a person is still reading
        }
        if feedback != self.guns[gun].shown {
            self.show(now, gun, feedback, out);
        }
        self.guns[gun].show_again = None;
    }
}
