//! The station: reports of every line, messages of the link and outcomes of the store in; orders, messages, batches out.

use super::store::{Ask, Done};
use super::{Fatal, IDLE_TURN, Pulse};
use crate::model::ident::{ConnectorId, Credential, DeviceId};
use crate::model::message::{FromLink, ToLink};
use crate::model::report::{OrderFault, Report, Surrounding};
use crate::model::request::Request;
use crate::port::clock::{Clock, sleep_until};
use crate::station::{Action, Event, Note, Offline, OperatorOrder, Rehearsal, Station, Status};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// What people ask of the station.
pub enum Call {
    /// How everything stands.
    Status(oneshot::Sender<Status>),
    /// What an offline start by this card or vehicle would do.
    Rehearse(Credential, oneshot::Sender<Rehearsal>),
    /// Carry this out, and say what came of it.
    Order(OperatorOrder, oneshot::Sender<Result<(), String>>),
    /// New rules for charging without the platform.
    Offline(Offline),
}

/// What the station loop needs.
pub struct Parts {
    /// The machine, with what it wanted at its start.
    pub station: (Station, Vec<Action>),
    /// Where the orders of a device go.
    pub lines: BTreeMap<DeviceId, mpsc::Sender<(DeviceId, Request)>>,
    /// From the lines.
    pub reports: mpsc::Receiver<(DeviceId, Report)>,
    /// What is watched beside the devices.
    pub surroundings: mpsc::Receiver<Surrounding>,
    /// To the link; `None` = the depot has no platform.
    pub link: Option<mpsc::Sender<ToLink>>,
    /// From the link.
    pub messages: mpsc::Receiver<FromLink>,
    /// To the store.
    pub store: mpsc::Sender<Ask>,
    /// From the store.
    pub done: mpsc::Receiver<Done>,
    /// From people.
    pub calls: mpsc::Receiver<Call>,
    /// Set once: end, and close the sessions at these connectors first.
    pub shutdown: watch::Receiver<Option<Vec<ConnectorId>>>,
    /// The clocks.
    pub clock: Arc<Clock>,
    /// For the watchdog.
    pub pulse: Pulse,
}

/// Runs until the shutdown is over. An error means that another loop is gone and the program must end.
pub async fn run(parts: Parts) -> Result<(), Fatal> {
    let Parts { station: (station, first), .. } = parts;
    let mut rest = Loop {
        station,
        lines: parts.lines,
        link: parts.link,
        store: parts.store,
        clock: parts.clock,
        waiting: BTreeMap::new(),
        tickets: 0,
    };
    let (mut reports, mut messages, mut done, mut calls, mut shutdown) =
        (parts.reports, parts.messages, parts.done, parts.calls, parts.shutdown);
    let mut surroundings = parts.surroundings;
    let mut ended = rest.obey(first)?;
    while !ended {
        parts.pulse.beat();
        let wake = rest.station.wake_at();
        let event = tokio::select! {
            Some(done) = done.recv() => match done {
                Done::Committed(number) => Event::Committed(number),
                Done::CommitFailed(number, _) => Event::CommitFailed(number),
                Done::Refused(number, why) => Event::Refused(number, why),
                Done::Loaded(..) => continue,
            },
            Some((device, report)) = reports.recv() => Event::Device(device, report),
            Some(what) = surroundings.recv() => Event::Surrounding(what),
            Some(message) = messages.recv() => Event::Link(message),
            Some(call) = calls.recv() => match rest.call(call) {
                Some(event) => event,
                None => continue,
            },
            Ok(()) = shutdown.changed() => match shutdown.borrow_and_update().clone() {
                Some(close) => Event::Shutdown { close },
                None => continue,
            },
            () = sleep_until(&rest.clock, wake) => Event::Woke,
            () = tokio::time::sleep(IDLE_TURN) => Event::Woke,
        };
        let actions = rest.station.handle(rest.clock.now(), event);
        ended = rest.obey(actions)?;
    }
    Ok(())
}

struct Loop {
    station: Station,
    lines: BTreeMap<DeviceId, mpsc::Sender<(DeviceId, Request)>>,
    link: Option<mpsc::Sender<ToLink>>,
    store: mpsc::Sender<Ask>,
    clock: Arc<Clock>,
    waiting: BTreeMap<u64, oneshot::Sender<Result<(), String>>>,
    tickets: u64,
}

impl Loop {
    fn call(&mut self, call: Call) -> Option<Event> {
        match call {
            Call::Status(answer) => {
                drop(answer.send(self.station.status(self.clock.now())));
                None
            }
            Call::Rehearse(credential, answer) => {
                drop(answer.send(self.station.rehearse(self.clock.now(), &credential)));
                None
            }
            Call::Order(order, answer) => {
                self.tickets += 1;
                self.waiting.insert(self.tickets, answer);
                Some(Event::Operator(self.tickets, order))
            }
            Call::Offline(rules) => {
                self.station.set_offline(rules);
                None
            }
        }
    }

    /// Carries actions out in order; true = the shutdown is over.
    fn obey(&mut self, actions: Vec<Action>) -> Result<bool, Fatal> {
        let mut todo = VecDeque::from(actions);
        let mut ended = false;
        while let Some(action) = todo.pop_front() {
            match action {
                Action::Commit(batch) => {
                    self.store
                        .try_send(Ask::Commit(batch))
                        .map_err(|_| Fatal("the store does not take batches".to_owned()))?;
                }
                Action::Tell(device, request) => {
                    let order = request.order;
                    let taken =
                        self.lines.get(&device).is_some_and(|l| l.try_send((device, request)).is_ok());
                    if !taken {
                        let report = Report::Done(order, Err(OrderFault::Overtaken));
                        todo.extend(self.station.handle(self.clock.now(), Event::Device(device, report)));
                    }
                }
                Action::Link(message) => {
                    if let Some(link) = &self.link {
                        link.try_send(message)
                            .map_err(|_| Fatal("the link does not take messages".to_owned()))?;
                    }
                }
                Action::SetClock(time) => {
                    tracing::info!(time = %time.local(), "the wall clock follows the platform: {}", time.local());
                    self.clock.set(time);
                }
                Action::ConfirmClock => self.clock.confirm(),
                Action::Done(ticket, outcome) => {
                    if let Some(answer) = self.waiting.remove(&ticket) {
                        drop(answer.send(outcome));
                    }
                }
                Action::Note(Note::Info(text)) => tracing::info!("{text}"),
                Action::Note(Note::Warn(text)) => tracing::warn!("{text}"),
                Action::Note(Note::Error(text)) => tracing::error!("{text}"),
                Action::Ended => ended = true,
            }
        }
        Ok(ended)
    }
}
