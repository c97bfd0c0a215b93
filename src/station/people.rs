//! Orders of people in the depot, and the end of the program.

use super::connector::{Origin, Phase};
use super::journal::{Then, Work, audit_row};
use super::{Action, Note, OperatorOrder, Station};
use crate::model::batch::Row;
use crate::model::ident::{ConnectorId, Credential};
use crate::model::record::StartMode;
use crate::model::session::Grant;
use crate::model::stop::StopReason;
use crate::model::time::{Instant, Now};
use std::time::Duration;

/// Sessions that are to end first have so long to be closed: a forced end takes 30 s, its register 15 s more.
const CLOSING: Duration = Duration::from_secs(60);
/// The last state has so long to become durable.
const FAREWELL: Duration = Duration::from_secs(10);

/// How far the end has come.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    /// Guns whose sessions are closed first.
    close: Vec<usize>,
    /// They are waited for until then.
    closing_until: Instant,
    /// The last state is on its way; it is not waited for longer.
    farewell_until: Option<Instant>,
}

impl Station {
    /// An order of somebody in the depot.
    pub(super) fn operator(&mut self, now: Now, ticket: u64, order: OperatorOrder, out: &mut Vec<Action>) {
        let (OperatorOrder::Start { by, .. }
        | OperatorOrder::Stop { by, .. }
        | OperatorOrder::ResetAlarm { by, .. }
        | OperatorOrder::Note { by, .. }) = &order;
        let who = format!("operator {by}");
        let outcome = match &order {
            OperatorOrder::Start { connector, .. } => {
                self.gun_of(*connector).and_then(|gun| self.operator_start(now, ticket, gun, &who, out))
            }
            OperatorOrder::Stop { connector, .. } => {
                self.gun_of(*connector).and_then(|gun| self.operator_stop(now, gun, &who, out)).map(|()| true)
            }
            OperatorOrder::ResetAlarm { id, .. } => {
                self.operator_reset(now, ticket, *id, &who).map(|()| false)
            }
            OperatorOrder::Note { what, .. } => {
                self.audit(now, &who, what.clone());
                Ok(true)
            }
        };
        match outcome {
            Ok(true) => out.push(Action::Done(ticket, Ok(()))),
            Ok(false) => {} // once it is durable
            Err(why) => {
                self.audit(now, &who, format!("{} refused: {why}", describe(&order)));
                out.push(Action::Done(ticket, Err(why)));
            }
        }
    }

    fn gun_of(&self, connector: ConnectorId) -> Result<usize, String> {
        self.gun_at(connector.pile, connector.number).ok_or_else(|| {
            format!("{connector} is not configured; `depotctl connectors` lists those that are")
        })
    }

    fn operator_start(
        &mut self,
        now: Now,
        ticket: u64,
        gun: usize,
        who: &str,
        out: &mut Vec<Action>,
    ) -> Result<bool, String> {
        let id = self.guns[gun].config.id;
        if !matches!(self.guns[gun].phase, Phase::Free | Phase::Identifying { .. }) {
            return Err(format!("{id} is busy; `depotctl connectors` shows with what"));
        }
        let unplugged = self.guns[gun].is_unplugged().then_some(super::swipe::NotReady::NotPlugged);
        if let Some(not_ready) = self.not_ready(now, gun).or(unplugged) {
            return Err(format!("{id} is {}", not_ready.text()));
        }
        let at = now.stamp().ok_or("the clock is not trusted yet; set it or wait for the platform")?;
        let (txn, serial) = self.serials.next(id, at);
        let grant = Grant { txn, ..Grant::default() };
        let offline = !self.link.online;
        let opening = self.opening(gun, grant, StartMode::LocalOperator, Credential::None, offline);
        let with = vec![serial, audit_row(now, who, format!("start of {id} as {txn}"))];
        self.begin(now, gun, opening, Origin::Operator(ticket), with, out);
        Ok(false)
    }

    fn operator_stop(
        &mut self,
        now: Now,
        gun: usize,
        who: &str,
        out: &mut Vec<Action>,
    ) -> Result<(), String> {
        let id = self.guns[gun].config.id;
        match &self.guns[gun].phase {
            Phase::Busy(_) => self.stop(now, gun, StopReason::LOCAL_OPERATOR, out),
            Phase::Held { .. } => self.lapse(now, gun, StopReason::LOCAL_OPERATOR, out),
            Phase::Free | Phase::Identifying { .. } | Phase::Asking { .. } => {
                return Err(format!("nothing runs at {id}"));
            }
        }
        self.audit(now, who, format!("stop of {id}"));
        Ok(())
    }

    /// The program is to end.
    pub(super) fn shutdown(&mut self, now: Now, close: &[ConnectorId], out: &mut Vec<Action>) {
        if self.ending.is_some() {
            return;
        }
        let named = |gun: &usize| close.contains(&self.guns[*gun].config.id);
        let close: Vec<usize> = (0..self.guns.len()).filter(named).collect();
        let closing_until = now.mono + CLOSING;
        self.ending = Some(Ending { close: close.clone(), closing_until, farewell_until: None });
        for gun in close {
            self.stop(now, gun, StopReason::ORDERED_RESTART, out);
        }
    }

    /// Goes on with the end: sessions closed, last state durable, over.
    pub(super) fn watch_ending(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(ending) = self.ending.clone() else { return };
        match ending {
            Ending { farewell_until: None, .. }
                if self.is_closing(&ending) && now.mono < ending.closing_until => {}
            Ending { farewell_until: None, .. } => self.say_farewell(now, ending),
            Ending { farewell_until: Some(until), .. } if until <= now.mono => {
                let what = "the last state could not be stored in time; it is as old as the newest batch";
                out.push(Action::Note(Note::Error(what.to_owned())));
                self.tell_waiting(now, out);
                self.ended = true;
            }
            Ending { farewell_until: Some(_), .. } => {}
        }
    }

    fn is_closing(&self, ending: &Ending) -> bool {
        ending.close.iter().any(|gun| self.guns[*gun].running().is_some())
    }

    /// Writes the present state of every open session: the next start adopts them from here.
    fn say_farewell(&mut self, now: Now, ending: Ending) {
        self.ending = Some(Ending { farewell_until: Some(now.mono + FAREWELL), ..ending });
        let closed = |r: &&super::connector::Running| !r.closing && r.durable;
        let running = self.guns.iter().filter_map(super::connector::Gun::running).filter(closed);
        let mut rows: Vec<Row> = running.map(|r| Row::Session(r.session.row(now))).collect();
        let what = format!("the program ends with {} sessions open", self.open_sessions());
        rows.push(audit_row(now, "station", what));
        self.owe(Work::Rows(rows), Then::Farewell);
    }

    pub(super) fn farewell_said(&mut self, done: bool) {
        if done && self.journal.is_empty() {
            self.ended = true;
        } else if done {
            self.owe(Work::Rows(Vec::new()), Then::Farewell); // what is owed came in meanwhile
        }
    }

    pub(super) fn ending_wake(&self) -> Option<Instant> {
        self.ending.as_ref().map(|e| e.farewell_until.unwrap_or(e.closing_until))
    }
}

fn describe(order: &OperatorOrder) -> String {
    let on = |what: &str, connector: &ConnectorId| format!("{what} of {connector}");
    match order {
        OperatorOrder::Start { connector, .. } => on("start", connector),
        OperatorOrder::Stop { connector, .. } => on("stop", connector),
        OperatorOrder::ResetAlarm { id, .. } => format!("reset of alarm {id}"),
        OperatorOrder::Note { what, .. } => what.clone(),
    }
}
