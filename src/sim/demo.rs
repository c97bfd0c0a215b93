//! The main job on simulated hardware, in front of people: buses charge, the link is lost, records arrive once each.
//!
//! The daemon is a process of its own and knows nothing of the demo: it opens pseudo-terminals and a TCP connection.

use super::bay::Electronics;
use super::depot::Depot;
use super::people::Habits;
use super::plan::Plan;
use super::{centre, household, yard};
use crate::control::{Answer, Ask, client};
use crate::model::record::Protocol;
use crate::model::time::Instant;
use crate::port::clock::Clock;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// How the demo runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All of it takes no longer.
    pub seconds: u64,
    /// Same seed, same depot and people.
    pub seed: u64,
    /// What the platform speaks.
    pub protocol: Protocol,
    /// The daemon's program.
    pub depotd: PathBuf,
    /// Colours may be used.
    pub color: bool,
}

const PLACES: usize = 4;
/// Guns of a charger on CAN whose buses name themselves.
const CAN_GUNS: usize = 2;
const SECRET: &str = "demonstration-secret";
const OUTAGE: Duration = Duration::from_secs(15);
/// From the last bus to the end: sessions close, records drain, the ledgers are compared.
const FINISH: Duration = Duration::from_secs(14);

/// Runs it. `Ok(true)` only if every record arrived exactly once and both ledgers agree.
pub async fn run(settings: &Settings) -> io::Result<bool> {
    let clock = Arc::new(Clock::new());
    let folder = std::env::temp_dir().join(format!("depotd-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = show(settings, &folder, &clock).await;
    drop(std::fs::remove_dir_all(&folder));
    outcome
}

async fn show(settings: &Settings, folder: &Path, clock: &Arc<Clock>) -> io::Result<bool> {
    let teller = Teller { color: settings.color, clock: Arc::clone(clock) };
    let plan = Plan { protocol: settings.protocol, ..Plan::depot(PLACES, settings.seed) };
    let plan = plan.with_can(CAN_GUNS, settings.seed);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let uplink = listener.local_addr()?.to_string();
    let page = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let file = household::write(&plan, folder, Some(&uplink), SECRET, Some(&page))?;

    println!(
        "depotd demo, seed {}: {} s, {} connectors on {} lines and {} CAN bus",
        settings.seed,
        settings.seconds,
        plan.places.len(),
        plan.lines.len(),
        plan.cans.len()
    );
    println!(
        "  DL/T 645 meters at 2400 baud, Modbus chargers and a DC meter at 9600, OSDP readers (secure channel) at 9600"
    );
    println!("  a charger of {CAN_GUNS} guns on CAN (250 kbit/s, slcan): its buses are started by their VIN");
    let spoken = match settings.protocol {
        Protocol::Profile222 => "profile 222",
        Protocol::Ykc16 => "YKC V1.6",
    };
    println!("  platform ({spoken}) on {uplink}, local page on http://{page}/\n");

    let electronics = Electronics {
        preparing: Duration::from_millis(1_200),
        stopping: Duration::from_millis(400),
        ..Electronics::default()
    };
    let depot = Depot::new(&plan, Some(&Habits::demo()), electronics, clock.now().wall, settings.seed);
    let (says, mut said) = mpsc::unbounded_channel();
    let (events, mut happened) = mpsc::unbounded_channel();
    let (yard, yard_wants) = mpsc::channel(16);
    let (centre, centre_wants) = mpsc::channel(16);
    tokio::spawn(yard::run(depot, yard::open(&plan, folder)?, yard_wants, events, Arc::clone(clock)));
    let platform = household::centre(&plan, SECRET, settings.seed);
    tokio::spawn(centre::run(platform, listener, centre_wants, says, Arc::clone(clock)));

    let began = clock.now().mono;
    let mut daemon = Daemon::start(settings, folder, &file)?;
    let ready = daemon.ready(clock, began).await;
    match ready {
        Some(ready) => teller.tell("depotd", &format!("ready after {} ms", ready.as_millis())),
        None => teller.tell("depotd", "not ready in 5 s; see its log below"),
    }
    let at = |share: u64| began + Duration::from_secs(settings.seconds) * share as u32 / 100;
    let cut_at = at(30);
    let back_at = cut_at + OUTAGE.min(Duration::from_secs(settings.seconds) / 4);
    let close_at = (began + Duration::from_secs(settings.seconds)) - FINISH;
    let mut acts = vec![(cut_at, Act::Cut), (back_at, Act::Back), (close_at, Act::Close)];
    acts.reverse();
    let end = began + Duration::from_secs(settings.seconds) - Duration::from_millis(1_500);
    loop {
        let now = clock.now().mono;
        let next = acts.last().map_or(end, |(at, _)| *at);
        tokio::select! {
            Some(text) = said.recv() => teller.tell("platform", &text),
            Some(text) = happened.recv() => teller.tell("depot", &text),
            () = tokio::time::sleep_until(clock.deadline(next)) => match acts.pop() {
                Some((_, Act::Cut)) => {
                    teller.rule("the link to the platform is cut: the depot goes on by its own list");
                    drop(centre.send(centre::Want::Out(back_at.since(now))).await);
                }
                Some((_, Act::Back)) => teller.rule("the platform can be reached again: what was kept is sent, oldest first"),
                Some((_, Act::Close)) => {
                    teller.rule("no more buses come; who is here finishes");
                    drop(yard.send(yard::Want::Look(Box::new(Depot::close))).await);
                }
                None => break,
            },
        }
        if acts.is_empty() && finished(folder, &yard).await {
            break;
        }
        if daemon.has_ended() {
            teller.tell("depotd", "ended by itself; its log:");
            println!("{}", std::fs::read_to_string(folder.join("depotd.log")).unwrap_or_default());
            return Ok(false);
        }
    }
    reconcile(folder, &centre, &yard, &mut daemon, &teller).await
}

enum Act {
    Cut,
    Back,
    Close,
}

/// Nobody is in the depot, and nothing waits for the platform.
async fn finished(folder: &Path, yard: &mpsc::Sender<yard::Want>) -> bool {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let look = move |depot: &mut Depot| {
        let _unheard = answer.send(depot.is_deserted());
    };
    if yard.send(yard::Want::Look(Box::new(look))).await.is_err() || !answered.await.unwrap_or(false) {
        return false;
    }
    match ask(folder, Ask::Status).await {
        Some(status) => status["open_sessions"] == 0 && status["unsent_records"] == 0,
        None => false,
    }
}

async fn ask(folder: &Path, question: Ask) -> Option<Value> {
    let socket = folder.join("control.sock");
    let answer = tokio::task::spawn_blocking(move || client::ask(&socket, &question)).await.ok()?.ok()?;
    match answer {
        Answer::Good { data } => Some(data),
        Answer::Refused { .. } => None,
    }
}

/// Compares the ledger of the depot with that of the platform, record by record.
async fn reconcile(
    folder: &Path,
    centre: &mpsc::Sender<centre::Want>,
    yard: &mpsc::Sender<yard::Want>,
    daemon: &mut Daemon,
    teller: &Teller,
) -> io::Result<bool> {
    teller.rule("reconciliation, record by record");
    let Some(Value::Array(mut ours)) = ask(folder, Ask::Records { unsent: false, limit: 10_000 }).await
    else {
        println!("the daemon does not tell its records");
        return Ok(false);
    };
    ours.reverse();
    let Some(summary) = centre::look(centre, |platform| platform.summary()).await else { return Ok(false) };
    let theirs: BTreeMap<String, _> = summary.records.iter().map(|r| (r.txn.to_string(), r)).collect();
    println!(
        "{:>4}  {:<32}  {:<16}  {:<5}  {:>11}  {:>9}  {:<7}  {:<8}  verdict",
        "no.", "transaction", "connector", "start", "energy", "yuan", "link", "arrived"
    );
    let mut good = summary.is_clean() && theirs.len() == ours.len() && !ours.is_empty();
    for record in &ours {
        let number = record["number"].as_u64().unwrap_or_default();
        let (energy, amount) =
            (record["energy"].as_i64().unwrap_or(-1), record["amount"].as_i64().unwrap_or(-1));
        let there = record["txn"].as_str().and_then(|txn| theirs.get(txn));
        let same =
            there.is_some_and(|r| i64::from(r.energy) == energy && i64::try_from(r.amount) == Ok(amount));
        good &= same;
        println!(
            "{number:>4}  {:<32}  {:<16}  {:<5}  {:>7}.{:02} kWh  {:>4}.{:04}  {:<7}  {:<8}  {}",
            record["txn"].as_str().unwrap_or_default(),
            record["connector"].as_str().unwrap_or_default(),
            there.map_or("", |r| started_by(r.start_mode)),
            energy / 10_000,
            energy % 10_000 / 100,
            amount / 10_000,
            amount % 10_000,
            if there.is_some_and(|r| r.stored) { "offline" } else { "online" },
            there.map_or_else(|| "never".to_owned(), |r| format!("{} x", r.arrivals)),
            if same { teller.good("agrees") } else { teller.bad("DIFFERS") },
        );
    }
    for complaint in &summary.complaints {
        println!("platform complains: {complaint}");
    }
    let (answer, answered) = tokio::sync::oneshot::channel();
    let look = move |depot: &mut Depot| drop(answer.send((depot.visits(), depot.complaints())));
    drop(yard.send(yard::Want::Look(Box::new(look))).await);
    let ((charged, given_up), faults) = answered.await.unwrap_or_default();
    faults.iter().for_each(|fault| println!("device complains: {fault}"));
    good &= faults.is_empty();
    let offline = summary.records.iter().filter(|r| r.stored).count();
    let by_vin = summary.records.iter().filter(|r| started_by(r.start_mode) == "VIN").count();
    good &= by_vin > 0;
    let transactions: BTreeSet<_> = summary.records.iter().map(|r| r.txn).collect();
    let twice = summary.records.len() - transactions.len();
    good &= twice == 0;
    let memory = daemon
        .peak_memory_kb()
        .map_or_else(|| "unknown".to_owned(), |kb| format!("{:.1} MB", kb as f64 / 1024.0));
    println!(
        "\n{} records, {by_vin} started by a VIN, {offline} made offline; {charged} visits charged, {given_up} gave up; {} missing, {} twice in the ledger, {} complaints",
        ours.len(),
        summary.missing.len(),
        twice,
        summary.complaint_count,
    );
    println!(
        "energy {}.{:04} kWh, {}.{:04} yuan on both sides; depotd used {memory} at most",
        summary.energy / 10_000,
        summary.energy % 10_000,
        summary.amount / 10_000,
        summary.amount % 10_000
    );
    daemon.stop();
    let verdict = if good {
        teller.good("every record arrived exactly once, and both ledgers agree")
    } else {
        teller.bad("THE LEDGERS DO NOT AGREE")
    };
    println!("{verdict}");
    if !good {
        println!("{}", std::fs::read_to_string(folder.join("depotd.log")).unwrap_or_default());
    }
    Ok(good)
}

/// A start mode in a word (platform-222.md 13.1).
fn started_by(mode: u8) -> &'static str {
    match mode {
        1 | 4 => "card",
        2 => "app",
        3 | 5 | 7 => "VIN",
        6 => "hand",
        _ => "?",
    }
}

/// Prints what happens, with the time since the beginning.
struct Teller {
    color: bool,
    clock: Arc<Clock>,
}

impl Teller {
    fn tell(&self, who: &str, what: &str) {
        let Instant(us) = self.clock.now().mono;
        let name = match who {
            "platform" => self.paint("36", "platform"),
            "depotd" => self.paint("35", "depotd  "),
            _ => self.paint("33", "depot   "),
        };
        println!("{:>6}.{:01} s  {name}  {what}", us / 1_000_000, us / 100_000 % 10);
    }

    fn rule(&self, what: &str) {
        println!("\n{}\n", self.paint("1", &format!("--- {what} ---")));
    }

    fn good(&self, text: &str) -> String {
        self.paint("32", text)
    }

    fn bad(&self, text: &str) -> String {
        self.paint("31", text)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The daemon as a process.
struct Daemon {
    child: Child,
    notify: UnixDatagram,
}

impl Daemon {
    fn start(settings: &Settings, folder: &Path, file: &Path) -> io::Result<Daemon> {
        let notify = UnixDatagram::bind(folder.join("notify.sock"))?;
        notify.set_nonblocking(true)?;
        let log = std::fs::File::create(folder.join("depotd.log"))?;
        let child = Command::new(&settings.depotd)
            .args(["run", "--config"])
            .arg(file)
            .env("NOTIFY_SOCKET", folder.join("notify.sock"))
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| {
                io::Error::new(e.kind(), format!("{}: {e}; build it first", settings.depotd.display()))
            })?;
        Ok(Daemon { child, notify })
    }

    /// Time until it said that it is ready.
    async fn ready(&mut self, clock: &Clock, began: Instant) -> Option<Duration> {
        let mut message = [0; 1024];
        for _ in 0..2_500 {
            if let Ok(length) = self.notify.recv(&mut message)
                && message[..length].windows(7).any(|w| w == b"READY=1")
            {
                return Some(clock.now().mono.since(began));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        None
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Largest resident memory so far.
    fn peak_memory_kb(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    fn stop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        drop(self.child.wait());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.has_ended() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
