//! What alarms do in the station: they stop sessions, become durable with their messages, are told and reset
//! (platform-222.md 0401 to 0403, 13.6).

use super::alarms::{Change, Faults, Key, Stops, Waiter, code};
use super::connector::Gun;
use super::inventory::from_one;
use super::journal::{Then, Work, audit_row};
use super::records::Made;
use super::{Action, Note, Station, alarms};
use crate::model::alarm::Alarm;
use crate::model::batch::Row;
use crate::model::command::Answer;
use crate::model::message::{Content, Entry, EntryId, Lane, ToLink};
use crate::model::quantity::Power;
use crate::model::report::{ChargerState, ChargerStatus, Surrounding};
use crate::model::stop::StopReason;
use crate::model::time::Now;
use std::collections::BTreeSet;

/// Below this much of the store free, permille, 0005.
const LOW_PERMILLE: u16 = 50;
/// More questions of a line unanswered, or more frames of a bus broken, than this, permille, 0802 (assumption: the profile names no figure).
const ERRORS_PERMILLE: u16 = 100;
/// Records, and alarm events, that may wait before 0003: four fifths of what is remembered of them.
const QUEUE_PERCENT: u64 = 80;
/// Result of 0403r: done.
const RESET: u8 = 0;

impl Station {
    /// Alarms as they are now: sessions they stop, what is shown of them, what is to be written.
    pub(super) fn watch_alarms(&mut self, now: Now, out: &mut Vec<Action>) {
        for change in self.alarms.turn(now) {
            out.push(Action::Note(note_of(&change)));
        }
        for stops in self.alarms.stops() {
            match stops {
                Stops::Connector(connector, reason) => {
                    if let Some(gun) = self.guns.iter().position(|g| g.config.id == connector) {
                        self.stop(now, gun, reason, out);
                    }
                }
                Stops::Site => self.stop_site(now),
            }
        }
        for gun in self.site_stop.wave(now.mono) {
            self.stop(now, gun, StopReason(0x0806), out);
        }
        for gun in 0..self.guns.len() {
            let barred = self.alarms.forbids(self.guns[gun].config.id);
            if std::mem::replace(&mut self.guns[gun].barred, barred) != barred {
                self.show_state(now, gun, out);
                self.telemetry(now, gun, out);
            }
        }
        if self.alarms.begin_writing() {
            self.owe(Work::Alarms, Then::Nothing);
        }
    }

    fn stop_site(&mut self, now: Now) {
        let power = |g: &Gun| g.charger.power.or(g.meter.power).unwrap_or_default();
        let running = self.guns.iter().enumerate().filter(|(_, g)| g.running().is_some());
        let running: Vec<(usize, Power)> = running.map(|(gun, g)| (gun, power(g))).collect();
        self.site_stop.begin(now.mono, running);
    }

    /// Faults that a charger tells.
    ///
    /// A charger that tells codes (`told` is what it told before) says more by them than by its fault bits.
    pub(super) fn charger_faults(
        &mut self,
        now: Now,
        gun: usize,
        status: &ChargerStatus,
        told: &BTreeSet<u16>,
        pulled: bool,
    ) {
        let (id, txn) = (self.guns[gun].config.id, self.guns[gun].txn());
        let under_load = status.state == ChargerState::Charging;
        let faulted = status.state == ChargerState::Faulted;
        let codes = &status.alarms;
        let (bits, faulted) = match codes.is_empty() {
            true => (status.faults, faulted),
            false => (status.faults & Faults::UNNAMED, false),
        };
        for (key, active) in (Faults { bits, under_load, faulted }).conditions(id) {
            self.alarms.set_for(now, key, active, txn);
        }
        for code in told.union(codes) {
            let key = Key::connector(*code, id, "charge controller");
            self.alarms.set_for(now, key, codes.contains(code), txn);
        }
        let key = Key::connector(code::PULLED_UNDER_LOAD, id, "charger");
        self.alarms.set_for(now, key, pulled, txn);
    }

    /// What is told of lines and of the disk.
    pub(super) fn surrounding(&mut self, now: Now, what: Surrounding) {
        match what {
            Surrounding::Line { line, gone, errors_permille } => {
                let Some((name, _)) = self.config.inventory.lines.get(usize::from(line)) else { return };
                let index = from_one(line.into());
                let name = name.clone();
                self.alarms.set(now, Key::device(code::LINE_GONE, index, &name), gone);
                let errors = i32::from(errors_permille);
                let key = Key::device(code::LINE_ERRORS, index, &name).with(errors);
                self.alarms.set(now, key, !gone && errors_permille > ERRORS_PERMILLE);
            }
            Surrounding::Disk { free_permille } => {
                let key = Key::station(code::STORAGE_LOW, "store").with(i32::from(free_permille));
                self.alarms.set(now, key, free_permille < LOW_PERMILLE);
            }
        }
    }

    /// 0003: records or alarm events fill what is remembered of them.
    pub(super) fn watch_queue(&mut self, now: Now) {
        let records = self.records.unsent() * 100 > super::records::REMEMBERED as u64 * QUEUE_PERCENT;
        let events = self.alarms.queued() * 100 > alarms::EVENTS * QUEUE_PERCENT;
        self.alarms.set(now, Key::station(code::QUEUE_FULL, "records"), records);
        self.alarms.set(now, Key::station(code::QUEUE_FULL, "alarms"), events);
    }

    /// Rows of the alarms that are not durable yet: each with its message where there is somebody to tell.
    pub(super) fn alarm_rows(&self, last_event: &mut u64, rows: &mut Vec<Row>) -> (usize, Option<u64>) {
        let first = self.config.tells_alarms().then_some(*last_event + 1);
        let mut count = 0;
        for event in self.alarms.unwritten() {
            count += 1;
            rows.push(Row::Alarm { alarm: event.alarm.clone(), open: event.raised, at: event.at });
            if first.is_none() {
                continue;
            }
            *last_event += 1;
            rows.push(Row::Queue(Entry {
                id: EntryId { lane: Lane::Alarm, id: *last_event },
                device: event.alarm.device(self.config.code),
                stored: !self.link.online,
                txn: event.alarm.txn.unwrap_or_default(),
                content: Content::Alarm(event.clone()),
            }));
        }
        (count, first)
    }

    /// Alarms are durable: first the list, then the events that led to it.
    pub(super) fn alarms_made(&mut self, made: &Made, out: &mut Vec<Action>) {
        let Some((count, first)) = made.alarms.filter(|(count, _)| *count > 0) else { return };
        for waiter in self.alarms.written(count, first) {
            reset_done(waiter, Ok(()), out);
        }
        out.push(Action::Link(ToLink::OpenAlarms(self.alarms.listed())));
        if let Some(first) = first {
            let last = first + count as u64 - 1;
            out.push(Action::Link(ToLink::Queued(EntryId { lane: Lane::Alarm, id: last })));
        }
    }

    /// The disk takes nothing: nobody waits for a reset any longer.
    pub(super) fn resets_fail(&mut self, out: &mut Vec<Action>) {
        for waiter in self.alarms.resets_fail() {
            let why = "the store does not take it; the alarm comes back if the program ends before it does";
            reset_done(waiter, Err(why.to_owned()), out);
        }
    }

    /// 0403.
    pub(super) fn reset_by_platform(&mut self, now: Now, ticket: u64, id: u64, out: &mut Vec<Action>) {
        match self.alarms.reset(id, Waiter::Platform(ticket)) {
            Ok(()) => self.audit(now, "platform", format!("alarm {id} reset")),
            Err(refusal) => {
                out.push(Action::Link(ToLink::Answer(ticket, Answer::ResetAlarm(refusal.number()))));
            }
        }
    }

    /// `depotctl alarm reset`: answered once it is durable, or refused.
    pub(super) fn operator_reset(&mut self, now: Now, ticket: u64, id: u64, who: &str) -> Result<(), String> {
        self.alarms.reset(id, Waiter::Operator(ticket)).map_err(|refusal| refusal.text(id))?;
        self.write(Work::Rows(vec![audit_row(now, who, format!("alarm {id} reset"))]), Then::Nothing);
        Ok(())
    }

    /// The platform refuses to know a message, or took one that it had refused: 0016 is open as long as there is one.
    pub(super) fn message_refused(&mut self, now: Now, entry: EntryId, refused: bool) {
        const MOST: usize = 1000;
        if refused && self.refused_messages.len() < MOST {
            self.refused_messages.insert(entry);
        } else {
            self.refused_messages.remove(&entry);
        }
        let any = !self.refused_messages.is_empty();
        self.alarms.set(now, Key::station(code::MESSAGE_REFUSED, "messages"), any);
    }
}

fn reset_done(waiter: Waiter, outcome: Result<(), String>, out: &mut Vec<Action>) {
    /// The profile has no result for a store that fails: the alarm is not over for certain.
    const STILL: u8 = 3;
    out.push(match waiter {
        Waiter::Platform(ticket) => {
            let result = if outcome.is_ok() { RESET } else { STILL };
            Action::Link(ToLink::Answer(ticket, Answer::ResetAlarm(result)))
        }
        Waiter::Operator(ticket) => Action::Done(ticket, outcome),
    });
}

fn note_of(change: &Change) -> Note {
    let describe = |alarm: &Alarm| {
        let at = alarm.connector.map_or_else(String::new, |c| format!(" at {c}"));
        format!("{:04X} {} ({}{at})", alarm.code, alarms::text(alarm.code).0, alarm.subject)
    };
    match change {
        Change::Raised(alarm) if alarm.level == 1 => Note::Error(format!("alarm {}", describe(alarm))),
        Change::Raised(alarm) => Note::Warn(format!("alarm {}", describe(alarm))),
        Change::Cleared(alarm) => Note::Info(format!("alarm over: {}", describe(alarm))),
    }
}
