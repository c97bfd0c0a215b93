//! Answers questions: the state of the station from its loop, the past from the store, lines from their machines.

use super::capture::Capture;
use super::probe::{self, Pile, Probe};
use super::{Answer, Ask};
use crate::bus;
use crate::canbus;
use crate::driver::survey::{Finding, Trial};
use crate::link::LinkStatus;
use crate::model::ident::{ConnectorId, Credential, DeviceCode, DeviceId, TransactionNumber};
use crate::port::clock::Clock;
use crate::station::{OperatorOrder, Rehearsal, Status};
use crate::store::Store;
use crate::task::line::Visit;
use crate::task::station::Call;
use crate::task::store::Questions;
use crate::task::tee::Tee;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

/// Most rows that one answer carries.
const MOST: usize = 10_000;
/// How long the station may take for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A configured device, for people.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Index that machines know it by.
    #[serde(skip)]
    pub id: DeviceId,
    /// `meter`, `reader`, `charger` or `tap`.
    pub kind: &'static str,
    /// What it speaks, in the words of the configuration.
    pub protocol: &'static str,
    /// Its name; for a charger and a tap `CODE/N`.
    pub name: String,
    /// Name of its line or bus.
    pub line: String,
    /// Address on the line.
    pub address: String,
}

/// An RS-485 line, for people.
pub struct Line {
    /// Its name.
    pub name: String,
    /// Its master.
    pub machine: Arc<Mutex<bus::Line>>,
    /// Where one can look on.
    pub tee: Tee,
    /// The way in for guests.
    pub visits: mpsc::Sender<Visit>,
}

/// A CAN bus, for people.
pub struct Bus {
    /// Its name.
    pub name: String,
    /// Its machine.
    pub machine: Arc<Mutex<canbus::Bus>>,
    /// Where one can look on.
    pub tee: Tee,
}

/// What answers need.
#[derive(Clone)]
pub struct Desk {
    inner: Arc<Inner>,
}

struct Inner {
    code: DeviceCode,
    name: String,
    database: PathBuf,
    station: mpsc::Sender<Call>,
    store: Questions,
    lines: Vec<Line>,
    buses: Vec<Bus>,
    devices: Vec<Device>,
    piles: Vec<Pile>,
    /// One guest in the depot at a time.
    guest: Arc<Semaphore>,
    link: Option<watch::Receiver<LinkStatus>>,
    clock: Arc<Clock>,
}

/// The parts of a desk.
pub struct Parts {
    /// Station code.
    pub code: DeviceCode,
    /// Station name.
    pub name: String,
    /// File of the database.
    pub database: PathBuf,
    /// To the station loop.
    pub station: mpsc::Sender<Call>,
    /// To the store.
    pub store: Questions,
    /// The RS-485 lines.
    pub lines: Vec<Line>,
    /// The CAN buses.
    pub buses: Vec<Bus>,
    /// Every configured device.
    pub devices: Vec<Device>,
    /// Chargers that are read by a profile.
    pub piles: Vec<Pile>,
    /// The link, if there is a platform.
    pub link: Option<watch::Receiver<LinkStatus>>,
    /// The clocks.
    pub clock: Arc<Clock>,
}

impl Desk {
    /// A desk over these parts.
    #[must_use]
    pub fn new(parts: Parts) -> Desk {
        let Parts { code, name, database, station, store, lines, buses, devices, piles, link, clock } = parts;
        let guest = Arc::new(Semaphore::new(1));
        let inner =
            Inner { code, name, database, station, store, lines, buses, devices, piles, guest, link, clock };
        Desk { inner: Arc::new(inner) }
    }

    /// The answer to a question; carries out an order.
    pub async fn answer(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Status => match self.status().await {
                Some(status) => Answer::good(&status),
                None => ending(),
            },
            Ask::Connectors => match self.station().await {
                Some(status) => Answer::good(&status.connectors),
                None => ending(),
            },
            Ask::Alarms => match self.station().await {
                Some(status) => Answer::good(&status.alarms),
                None => ending(),
            },
            Ask::AlarmHistory { limit } => self.ask(move |store| store.alarms(limit.min(MOST))).await,
            Ask::ResetAlarm { id, by } => self.operate(OperatorOrder::ResetAlarm { id, by }).await,
            Ask::Devices { kind } => Answer::good(&self.devices(&kind)),
            Ask::Lines => Answer::good(&self.lines()),
            Ask::Sessions { limit } => self.ask(move |store| store.sessions(limit.min(MOST))).await,
            Ask::Records { unsent, limit } => {
                self.ask(move |store| store.records(unsent, limit.min(MOST))).await
            }
            Ask::Queue { limit } => self.ask(move |store| store.queue(limit.min(MOST))).await,
            Ask::Cards { limit } => self.ask(move |store| store.cards(limit.min(MOST))).await,
            Ask::Vehicles { limit } => self.ask(move |store| store.vehicles(limit.min(MOST))).await,
            Ask::Plates { limit } => self.ask(move |store| store.plates(limit.min(MOST))).await,
            Ask::Rehearse { credential } => match self.rehearse(credential).await {
                Some(rehearsal) => Answer::good(&rehearsal),
                None => ending(),
            },
            Ask::Audit { limit } => self.ask(move |store| store.audit(limit.min(MOST))).await,
            Ask::Session { txn } => self.one(&txn, "session", |store, txn| store.session(txn)).await,
            Ask::Record { txn } => self.one(&txn, "record", |store, txn| store.record(txn)).await,
            Ask::Verify => self.verify().await,
            Ask::Capture { .. } | Ask::ProbeSerial { .. } | Ask::ProbeCharger { .. } => {
                Answer::refused("this is told line by line, over the control socket only")
            }
            Ask::Start { connector, by } => {
                self.order(&connector, |connector| OperatorOrder::Start { connector, by }).await
            }
            Ask::Stop { connector, by } => {
                self.order(&connector, |connector| OperatorOrder::Stop { connector, by }).await
            }
        }
    }

    /// Looks on at a line or bus from now on.
    pub(super) fn capture(&self, line: &str, seconds: u64) -> Result<Capture, Answer> {
        let lines = self.inner.lines.iter().map(|l| (&l.name, &l.tee));
        let all = lines.chain(self.inner.buses.iter().map(|b| (&b.name, &b.tee)));
        match all.clone().find(|(name, _)| *name == line) {
            Some((name, tee)) => Ok(Capture::new(name, tee, &self.inner.clock, seconds)),
            None => {
                let names: Vec<&str> = all.map(|(name, _)| name.as_str()).collect();
                Err(Answer::refused(format_args!("there is no line {line:?}; one of: {}", names.join(", "))))
            }
        }
    }

    /// Asks who is there on a line.
    pub(super) async fn probe_serial(&self, ask: probe::Serial) -> Result<Probe, Answer> {
        let Some(line) = self.inner.lines.iter().find(|l| l.name == ask.line) else {
            let names: Vec<&str> = self.inner.lines.iter().map(|l| l.name.as_str()).collect();
            let what = format!("there is no RS-485 line {:?}; one of: {}", ask.line, names.join(", "));
            return Err(Answer::refused(what));
        };
        let here: Vec<&Device> = self.inner.devices.iter().filter(|d| d.line == ask.line).collect();
        let (trials, known) = probe::serial(&ask, &here).map_err(Answer::refused)?;
        self.visit(line, None, trials, known, ask.describe(), ask.by).await
    }

    /// Reads every point of one connector's charger.
    pub(super) async fn probe_charger(&self, connector: &str, by: String) -> Result<Probe, Answer> {
        let pile = probe::pile(&self.inner.piles, connector).map_err(Answer::refused)?;
        let line = self.inner.lines.iter().find(|l| l.name == pile.line);
        let line = line.ok_or_else(|| Answer::refused("its line does not run"))?;
        let trials = Trial::points(pile.slave, &pile.profile);
        let what = format!("probe of charger {}", pile.connector);
        self.visit(line, Some(pile.device), trials, Vec::new(), what, by).await
    }

    async fn visit(
        &self,
        line: &Line,
        host: Option<DeviceId>,
        trials: Vec<Trial>,
        known: Vec<Finding>,
        what: String,
        by: String,
    ) -> Result<Probe, Answer> {
        let busy = |_| Answer::refused("another probe is running; one at a time");
        let place = Arc::clone(&self.inner.guest).try_acquire_owned().map_err(busy)?;
        let note = |answer: Answer| match answer {
            Answer::Good { .. } => Ok(()),
            refused @ Answer::Refused { .. } => Err(refused),
        };
        note(self.operate(OperatorOrder::Note { what, by }).await)?;
        let (probe, guest) = Probe::new(place, trials, known);
        match line.visits.try_send(Visit { guest, host }) {
            Ok(()) => Ok(probe),
            Err(_) => Err(Answer::refused(format_args!("line {} takes no guest now; ask again", line.name))),
        }
    }

    async fn station(&self) -> Option<Status> {
        let (answer, answered) = oneshot::channel();
        self.inner.station.send(Call::Status(answer)).await.ok()?;
        tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()
    }

    async fn rehearse(&self, credential: Credential) -> Option<Rehearsal> {
        let (answer, answered) = oneshot::channel();
        self.inner.station.send(Call::Rehearse(credential, answer)).await.ok()?;
        tokio::time::timeout(PATIENCE, answered).await.ok()?.ok()
    }

    async fn status(&self) -> Option<Value> {
        let mut status = serde_json::to_value(self.station().await?).ok()?;
        status["name"] = json!(self.inner.name);
        status["version"] = json!(env!("CARGO_PKG_VERSION"));
        status["uptime_s"] = json!(self.inner.clock.now().mono.0 / 1_000_000);
        match &self.inner.link {
            Some(link) => {
                let link = link.borrow().clone();
                status["link"]["state"] = json!(link.state);
                status["link"]["address"] = json!(link.address);
                status["link"]["tries"] = json!(link.tries);
            }
            None => status["link"]["state"] = json!("none"),
        }
        Some(status)
    }

    /// RS-485 lines and CAN buses, one vocabulary.
    fn lines(&self) -> Vec<Value> {
        let now = self.inner.clock.now();
        let lines = self.inner.lines.iter().filter_map(|line| {
            let status = line.machine.lock().ok()?.status(now);
            self.shown("rs485", &line.name, &status)
        });
        let buses = self.inner.buses.iter().filter_map(|bus| {
            let status = bus.machine.lock().ok()?.status(now);
            self.shown("can", &bus.name, &status)
        });
        lines.chain(buses).collect()
    }

    fn shown(&self, kind: &str, name: &str, status: &impl Serialize) -> Option<Value> {
        let mut value = serde_json::to_value(status).ok()?;
        (value["kind"], value["name"]) = (json!(kind), json!(name));
        for device in value["devices"].as_array_mut().into_iter().flatten() {
            let id = device["device"].as_u64();
            let known = self.inner.devices.iter().find(|d| Some(u64::from(d.id.0)) == id);
            device["name"] = json!(known.map(|d| d.name.as_str()));
        }
        Some(value)
    }

    /// Devices of a kind with what their line knows of them.
    fn devices(&self, kind: &str) -> Vec<Value> {
        let lines = self.lines();
        let health = |device: &Device| {
            let line = lines.iter().find(|l| l["name"] == json!(device.line))?;
            line["devices"].as_array()?.iter().find(|d| d["device"] == json!(device.id.0)).cloned()
        };
        let one = |device: &Device| {
            let mut value = json!(device);
            value["health"] = json!(health(device));
            value
        };
        self.inner.devices.iter().filter(|d| d.kind == kind).map(one).collect()
    }

    async fn ask<T: Serialize + Send + 'static, E: std::fmt::Display + Send + 'static>(
        &self,
        question: impl FnOnce(&Store) -> Result<T, E> + Send + 'static,
    ) -> Answer {
        match self.inner.store.ask(question).await {
            Some(Ok(rows)) => Answer::good(&rows),
            Some(Err(error)) => Answer::refused(error),
            None => ending(),
        }
    }

    /// On a connection of its own: it reads the whole ledger, and the station must not wait for that.
    async fn verify(&self) -> Answer {
        let (path, code) = (self.inner.database.clone(), self.inner.code);
        let verified = tokio::task::spawn_blocking(move || Store::open_read_only(&path)?.verify(code)).await;
        match verified {
            Ok(Ok(report)) => Answer::good(&report),
            Ok(Err(error)) => Answer::refused(error),
            Err(error) => Answer::refused(error),
        }
    }

    async fn one<T: Serialize + Send + 'static, E: std::fmt::Display + Send + 'static>(
        &self,
        txn: &str,
        what: &'static str,
        question: impl FnOnce(&Store, &TransactionNumber) -> Result<Option<T>, E> + Send + 'static,
    ) -> Answer {
        let txn: TransactionNumber = match txn.parse() {
            Ok(txn) => txn,
            Err(error) => {
                return Answer::refused(format_args!("{txn:?} is no transaction number; it has {error}"));
            }
        };
        match self.inner.store.ask(move |store| question(store, &txn)).await {
            Some(Ok(Some(row))) => Answer::good(&row),
            Some(Ok(None)) => {
                Answer::refused(format_args!("no {what} has the number {txn}; `depotctl {what}s` lists them"))
            }
            Some(Err(error)) => Answer::refused(error),
            None => ending(),
        }
    }

    async fn order(&self, connector: &str, order: impl FnOnce(ConnectorId) -> OperatorOrder) -> Answer {
        let connector: ConnectorId = match connector.parse() {
            Ok(connector) => connector,
            Err(error) => {
                return Answer::refused(format_args!("{connector:?} is no connector; it is {error}"));
            }
        };
        self.operate(order(connector)).await
    }

    async fn operate(&self, order: OperatorOrder) -> Answer {
        let (answer, answered) = oneshot::channel();
        if self.inner.station.send(Call::Order(order, answer)).await.is_err() {
            return ending();
        }
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(Ok(()))) => Answer::Good { data: json!({ "done": true }) },
            Ok(Ok(Err(why))) => Answer::refused(why),
            Ok(Err(_)) => ending(),
            Err(_) => Answer::refused("the station did not decide in 20 s; see journalctl -u depotd"),
        }
    }
}

fn ending() -> Answer {
    Answer::refused("the daemon is ending; ask again when it is up")
}
