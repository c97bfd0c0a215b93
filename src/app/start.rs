//! The loops and the channels between them.

use super::open::{Opened, Page};
use super::uplink::BuiltLink;
use super::{Error, build, summary};
use crate::config::Config;
use crate::control::desk::{self, Desk};
use crate::control::server;
use crate::link::{Exchange, Held, Link, LinkStatus};
use crate::model::batch::Recovered;
use crate::model::ident::{ConnectorId, DeviceId};
use crate::model::message::{FromLink, StationFacts, ToLink};
use crate::model::report::{Report, Surrounding};
use crate::model::request::Request;
use crate::port::clock::Clock;
use crate::station::Station;
use crate::task::store::{Ask, Done, Outcomes, Questions};
use crate::task::tee::Tee;
use crate::task::{self, Fatal, INBOX, Pulse, watchdog};
use crate::web;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Orders that may wait for a line.
const ORDERS: usize = 64;

/// The loops as they run.
pub(super) struct Running {
    pub(super) clock: Arc<Clock>,
    /// To the station.
    pub(super) calls: mpsc::Sender<task::station::Call>,
    /// To the store.
    pub(super) asks: mpsc::Sender<Ask>,
    /// Tells the station to end.
    pub(super) shutdown: watch::Sender<Option<Vec<ConnectorId>>>,
    /// Tells the link to say goodbye.
    pub(super) goodbye: watch::Sender<Option<u8>>,
    pub(super) station: JoinHandle<Result<(), Fatal>>,
    pub(super) link: Option<JoinHandle<()>>,
    pub(super) store: std::thread::JoinHandle<()>,
    pub(super) summary: JoinHandle<()>,
}

/// The CAN buses as others reach and see them, and what is needed to start the rest.
pub(super) struct Buses {
    ways: Ways,
    seen: Vec<desk::Bus>,
    reports: mpsc::Sender<(DeviceId, Report)>,
    reported: mpsc::Receiver<(DeviceId, Report)>,
    pulses: Pulses,
}

/// Where the orders of a device go.
type Ways = BTreeMap<DeviceId, mpsc::Sender<(DeviceId, Request)>>;

/// Starts the CAN buses, before anything that may take long.
pub(super) fn buses(mut machines: build::Machines, clock: &Arc<Clock>) -> (build::Machines, Buses) {
    let (reports, reported) = mpsc::channel(INBOX);
    let mut buses =
        Buses { ways: Ways::new(), seen: Vec::new(), reports, reported, pulses: Pulses::default() };
    for bus in std::mem::take(&mut machines.buses) {
        let (orders, ordered) = mpsc::channel(ORDERS);
        buses.ways.extend(bus.devices.iter().map(|id| (*id, orders.clone())));
        let (machine, tee) = (Arc::new(Mutex::new(bus.machine)), Tee::default());
        let seen = desk::Bus { name: bus.name.clone(), machine: Arc::clone(&machine), tee: tee.clone() };
        buses.seen.push(seen);
        tokio::spawn(task::can::run(task::can::Parts {
            pulse: buses.pulses.next(&bus.name),
            name: bus.name,
            settings: bus.settings,
            bus: machine,
            orders: ordered,
            reports: buses.reports.clone(),
            tee,
            clock: Arc::clone(clock),
        }));
    }
    (machines, buses)
}

/// Starts the rest.
pub(super) fn start(config: &Config, opened: Opened, buses: Buses) -> Result<Running, Error> {
    let Opened { clock, store, recovered, machines, control, page, metrics } = opened;
    let Buses { mut ways, seen: seen_buses, reports, reported, mut pulses } = buses;
    let (asks, asked) = mpsc::channel(INBOX);
    let (store_done, station_done) = mpsc::channel(INBOX);
    let (link_loaded, loaded) = mpsc::channel(INBOX);
    let outcomes = Outcomes { station: store_done, link: link_loaded };
    let store = task::store::spawn(store, asked, outcomes, pulses.next("store"))
        .map_err(|e| Error::Io(format!("the store thread did not start: {e}")))?;
    let seen_lines = lines(machines.lines, &mut ways, &reports, &clock, &mut pulses);
    let (to_station, messages) = mpsc::channel(INBOX);
    let (goodbye, goodbyes) = watch::channel(None);
    let ends = Ends { goodbye: goodbyes, loaded, station: to_station, store: asks.clone() };
    let platform = platform(machines.links, &recovered, ends, &clock, &mut pulses);
    let (link, to_link, link_status) =
        platform.map_or((None, None, None), |p| (Some(p.task), Some(p.to), Some(p.status)));
    let surroundings = surroundings(config, &seen_lines, &seen_buses, &clock, &mut pulses);
    let (calls, called) = mpsc::channel(64);
    let (shutdown, shutdowns) = watch::channel(None);
    let station = tokio::spawn(task::station::run(task::station::Parts {
        station: Station::new(clock.now(), machines.station, recovered),
        lines: ways,
        reports: reported,
        surroundings,
        link: to_link,
        messages,
        store: asks.clone(),
        done: station_done,
        calls: called,
        shutdown: shutdowns,
        clock: Arc::clone(&clock),
        pulse: pulses.next("station"),
    }));
    let desk = Desk::new(desk::Parts {
        code: config.code,
        name: config.name.clone(),
        database: PathBuf::from(&config.store.path),
        station: calls.clone(),
        store: Questions(asks.clone()),
        lines: seen_lines,
        buses: seen_buses,
        devices: machines.devices,
        piles: machines.piles,
        link: link_status,
        clock: Arc::clone(&clock),
    });
    tokio::spawn(server::serve(control, desk.clone()));
    pages(metrics, page, desk);
    tokio::spawn(watchdog::run(pulses.all));
    let summary = tokio::spawn(summary::run(config.name.clone(), config.uplink.is_some(), calls.clone()));
    Ok(Running { clock, calls, asks, shutdown, goodbye, station, link, store, summary })
}

/// What the watchdog looks at.
#[derive(Default)]
struct Pulses {
    all: Vec<Pulse>,
}

impl Pulses {
    fn next(&mut self, name: &str) -> Pulse {
        let pulse = Pulse::new(name);
        self.all.push(pulse.clone());
        pulse
    }
}

/// Starts the lines; gives them as others see them.
fn lines(
    built: Vec<build::BuiltLine>,
    ways: &mut Ways,
    reports: &mpsc::Sender<(DeviceId, Report)>,
    clock: &Arc<Clock>,
    pulses: &mut Pulses,
) -> Vec<desk::Line> {
    let mut lines = Vec::new();
    for line in built {
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (visits, visited) = mpsc::channel(1);
        ways.extend(line.devices.iter().map(|id| (*id, orders.clone())));
        let (machine, tee) = (Arc::new(Mutex::new(line.machine)), Tee::default());
        lines.push(desk::Line {
            name: line.name.clone(),
            machine: Arc::clone(&machine),
            tee: tee.clone(),
            visits,
        });
        tokio::spawn(task::line::run(task::line::Parts {
            pulse: pulses.next(&line.name),
            name: line.name,
            settings: line.settings,
            line: machine,
            orders: ordered,
            visits: visited,
            reports: reports.clone(),
            tee,
            clock: Arc::clone(clock),
        }));
    }
    lines
}

/// Starts what looks at lines, buses and disk.
fn surroundings(
    config: &Config,
    lines: &[desk::Line],
    buses: &[desk::Bus],
    clock: &Arc<Clock>,
    pulses: &mut Pulses,
) -> mpsc::Receiver<Surrounding> {
    let (station, surroundings) = mpsc::channel(INBOX);
    tokio::spawn(task::surroundings::run(task::surroundings::Parts {
        lines: lines.iter().map(|line| Arc::clone(&line.machine)).collect(),
        buses: buses.iter().map(|bus| Arc::clone(&bus.machine)).collect(),
        store: PathBuf::from(&config.store.path),
        station,
        clock: Arc::clone(clock),
        pulse: pulses.next("surroundings"),
    }));
    surroundings
}

/// What a link, or several behind one, is joined to.
struct Ends {
    goodbye: watch::Receiver<Option<u8>>,
    loaded: mpsc::Receiver<Done>,
    station: mpsc::Sender<FromLink>,
    store: mpsc::Sender<Ask>,
}

/// The link as others reach and see it.
struct Platform {
    task: JoinHandle<()>,
    to: mpsc::Sender<ToLink>,
    status: watch::Receiver<LinkStatus>,
}

/// `None` when there is no platform.
fn platform(
    mut built: Vec<BuiltLink>,
    recovered: &Recovered,
    ends: Ends,
    clock: &Arc<Clock>,
    pulses: &mut Pulses,
) -> Option<Platform> {
    match built.pop() {
        None => None,
        Some(only) if built.is_empty() => Some(link("link", only, recovered, ends, clock, pulses)),
        Some(last) => {
            built.push(last);
            Some(links(built, recovered, ends, clock, pulses))
        }
    }
}

/// Several links, seen as one.
fn links(
    built: Vec<BuiltLink>,
    recovered: &Recovered,
    ends: Ends,
    clock: &Arc<Clock>,
    pulses: &mut Pulses,
) -> Platform {
    let (says, said) = mpsc::channel(INBOX);
    let exchange = Exchange::new(built.iter().filter_map(|link| link.pile).collect());
    let (mut ways, mut tasks) = (Vec::new(), Vec::new());
    for (index, one) in built.into_iter().enumerate() {
        let name = one.pile.map_or_else(String::new, |pile| format!("link {pile}"));
        let (station, store) = task::exchange::ends(index, &says);
        let (loads, loaded) = mpsc::channel(INBOX);
        let own = Ends { goodbye: ends.goodbye.clone(), loaded, station, store };
        let link = link(&name, one, recovered, own, clock, pulses);
        ways.push(task::exchange::Way { messages: link.to, loaded: loads, status: link.status });
        tasks.push(link.task);
    }
    let (to, messages) = mpsc::channel(INBOX);
    let all: Vec<LinkStatus> = ways.iter().map(|way| way.status.borrow().clone()).collect();
    let none = LinkStatus { state: "waiting", address: String::new(), tries: 0, heard: None };
    let (shown, status) = watch::channel(Exchange::status(&all).unwrap_or(none));
    tokio::spawn(task::exchange::run(task::exchange::Parts {
        exchange,
        ways,
        said,
        messages,
        station: ends.station,
        store: ends.store,
        loaded: ends.loaded,
        status: shown,
        pulse: pulses.next("exchange"),
    }));
    let task = tokio::spawn(async move {
        for task in tasks {
            drop(task.await);
        }
    });
    Platform { task, to, status }
}

fn link(
    name: &str,
    built: BuiltLink,
    recovered: &Recovered,
    ends: Ends,
    clock: &Arc<Clock>,
    pulses: &mut Pulses,
) -> Platform {
    let link = Link::new(built.config, built.uplink, facts(recovered), &Held::of(recovered), clock.now());
    let (to, messages) = mpsc::channel(INBOX);
    let (shown, status) = watch::channel(link.status());
    let task = tokio::spawn(task::link::run(task::link::Parts {
        link,
        messages,
        station: ends.station,
        store: ends.store,
        loaded: ends.loaded,
        goodbye: ends.goodbye,
        status: shown,
        clock: Arc::clone(clock),
        pulse: pulses.next(name),
    }));
    Platform { task, to, status }
}

fn facts(recovered: &Recovered) -> StationFacts {
    StationFacts {
        boot_counter: recovered.boot_counter,
        unsent_records: u32::try_from(recovered.unsent_records).unwrap_or(u32::MAX),
        ..Default::default()
    }
}

fn pages(metrics: Option<(SocketAddr, TcpListener)>, page: Option<Page>, desk: Desk) {
    if let Some((address, listener)) = metrics {
        tracing::info!(%address, "metrics on http://{address}/metrics");
        tokio::spawn(web::metrics::serve(listener, desk.clone()));
    }
    if let Some(Page { address, listener, token }) = page {
        tracing::info!(%address, "local page on http://{address}/");
        tokio::spawn(web::serve(listener, address, token, desk));
    }
}
