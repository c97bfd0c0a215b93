//! `depotsim`: a depot and a platform in software, for the demo, for tests, for training.

use super::{Exit, Failure};
use crate::config::Connections;
use crate::model::record::Protocol;
use crate::port::clock::Clock;
use crate::port::signal::{Asked, Signals};
use crate::sim::bay::Electronics;
use crate::sim::depot::Depot;
use crate::sim::people::Habits;
use crate::sim::plan::Plan;
use crate::sim::{centre, demo, household, typed, yard};
use clap::{Parser, Subcommand, ValueEnum};
use std::fmt::Display;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// A whole depot and a central platform in software, on pseudo-terminals and TCP.
#[derive(Parser, Debug)]
#[command(name = "depotsim", version, arg_required_else_help = true)]
struct Args {
    /// The same seed gives the same run [default: drawn, and printed]
    #[arg(long, global = true, value_name = "N")]
    seed: Option<u64>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// What `make demo` runs: buses charge, the link is lost, every record arrives once
    Demo {
        /// Platform protocol
        #[arg(long, value_enum, default_value_t = Spoken::Profile222)]
        protocol: Spoken,
        /// All of it takes no longer
        #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(40..=3600))]
        seconds: u64,
        /// The daemon's program [default: depotd beside this program]
        #[arg(long, value_name = "FILE")]
        depotd: Option<PathBuf>,
    },
    /// Simulated lines as pseudo-terminals under a folder, with a configuration for them; commands on stdin
    Depot {
        /// Folder for the lines and the configuration
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// What happens by itself
        #[arg(long, value_enum, default_value_t = Scenario::Busy)]
        scenario: Scenario,
        /// Address of the platform, written into the configuration
        #[arg(long, value_name = "ADDR")]
        platform: Option<String>,
        /// Station secret (simulation only)
        #[arg(long, value_name = "TEXT", default_value = "simulated-secret")]
        secret: String,
        /// Platform protocol
        #[arg(long, value_enum, default_value_t = Spoken::Profile222)]
        protocol: Spoken,
        /// Each pile has its own connection (ykc16)
        #[arg(long)]
        connection_per_pile: bool,
    },
    /// A central platform that checks every rule; commands on stdin, ends with a reconciliation
    Platform {
        /// Address to listen on; port 0 picks one
        #[arg(long, value_name = "ADDR")]
        listen: String,
        /// Platform protocol
        #[arg(long, value_enum, default_value_t = Spoken::Profile222)]
        protocol: Spoken,
        /// Station secret (simulation only)
        #[arg(long, value_name = "TEXT", default_value = "simulated-secret")]
        secret: String,
        /// What the platform says, into a file instead of standard output
        #[arg(long, value_name = "FILE")]
        journal: Option<PathBuf>,
        /// Connectors of the simulated depot that it belongs to
        #[arg(long, value_name = "N", default_value_t = 4, conflicts_with = "scenario")]
        connectors: usize,
        /// The simulated depot that it belongs to, by its scenario
        #[arg(long, value_enum)]
        scenario: Option<Scenario>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Spoken {
    /// Wire profile 222
    #[value(name = "222")]
    Profile222,
    /// YKC V1.6
    Ykc16,
}

impl Spoken {
    fn protocol(self) -> Protocol {
        match self {
            Spoken::Profile222 => Protocol::Profile222,
            Spoken::Ykc16 => Protocol::Ykc16,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scenario {
    /// Nothing happens by itself
    Quiet,
    /// 4 connectors; buses come, swipe, charge and leave without end
    Busy,
    /// 40 connectors
    DepotNight,
    /// Chargers on CAN whose buses name themselves, a pair of guns for one bus, a plug with a tap
    Can,
}

impl Scenario {
    fn plan(self) -> Plan {
        match self {
            Scenario::Quiet | Scenario::Busy => Plan::depot(4, 1),
            Scenario::DepotNight => Plan::depot(40, 1),
            Scenario::Can => Plan::depot(1, 1).with_tap().with_can(4, 1),
        }
    }

    fn habits(self) -> Option<Habits> {
        match self {
            Scenario::Quiet => None,
            Scenario::Busy | Scenario::Can => Some(Habits::demo()),
            Scenario::DepotNight => Some(Habits::busy()),
        }
    }
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    super::run("depotsim", |args: Args| {
        let seed = match args.seed {
            Some(seed) => seed,
            None => getrandom::u32().map_err(|e| Failure::new(Exit::Internal, e))?.into(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Failure::new(Exit::Internal, e))?;
        runtime.block_on(async {
            match args.command {
                Command::Demo { protocol, seconds, depotd } => {
                    run_demo(protocol.protocol(), seconds, depotd, seed).await
                }
                Command::Depot { dir, scenario, platform, secret, protocol, connection_per_pile } => {
                    let connections =
                        if connection_per_pile { Connections::Pile } else { Connections::Station };
                    let plan = Plan { protocol: protocol.protocol(), connections, ..scenario.plan() };
                    run_depot(&plan, &dir, scenario, platform.as_deref(), &secret, seed).await
                }
                Command::Platform { listen, protocol, secret, journal, connectors, scenario } => {
                    let plan = scenario.map_or_else(|| Plan::depot(connectors, 1), Scenario::plan);
                    let plan = Plan { protocol: protocol.protocol(), ..plan };
                    run_platform(&listen, &plan, &secret, journal.as_deref(), seed).await
                }
            }
        })
    })
}

async fn run_demo(
    protocol: Protocol,
    seconds: u64,
    depotd: Option<PathBuf>,
    seed: u64,
) -> Result<(), Failure> {
    let beside = || std::env::current_exe().ok().and_then(|p| p.parent().map(|p| p.join("depotd")));
    let depotd = depotd.or_else(beside).unwrap_or_else(|| PathBuf::from("depotd"));
    let color =
        std::env::var_os("NO_COLOR").is_none() && std::io::IsTerminal::is_terminal(&std::io::stdout());
    match demo::run(&demo::Settings { seconds, seed, protocol, depotd, color }).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::silent(Exit::Data)),
        Err(error) => Err(Failure::new(Exit::Io, error)),
    }
}

async fn run_depot(
    plan: &Plan,
    dir: &Path,
    scenario: Scenario,
    platform: Option<&str>,
    secret: &str,
    seed: u64,
) -> Result<(), Failure> {
    let io = |e: std::io::Error| Failure::new(Exit::Io, format_args!("{}: {e}", dir.display()));
    let file = household::write(plan, dir, platform, secret, None).map_err(io)?;
    let clock = Arc::new(Clock::new());
    let habits = scenario.habits();
    let depot = Depot::new(plan, habits.as_ref(), Electronics::default(), clock.now().wall, seed);
    let lines = yard::open(plan, dir).map_err(io)?;
    let (wants, wanted) = mpsc::channel(16);
    let (events, mut happened) = mpsc::unbounded_channel();
    tokio::spawn(yard::run(depot, lines, wanted, events, clock));
    let mut keyboard = Keyboard::new()?; // before "ready": who reads that may send a signal
    say(format_args!("ready {}", file.display()));
    say(format_args!("seed {seed}"));
    loop {
        let line = tokio::select! {
            Some(event) = happened.recv() => { say(event); continue; }
            line = keyboard.next() => line,
        };
        let Some(line) = line else { return farewell(&wants).await };
        match typed::parse(&line) {
            Ok(typed::Typed::Quit) => return farewell(&wants).await,
            Ok(typed::Typed::State) => {
                let (answer, answered) = oneshot::channel();
                let look = move |depot: &mut Depot| drop(answer.send(typed::state(depot)));
                drop(wants.send(yard::Want::Look(Box::new(look))).await);
                let state = answered.await.unwrap_or_default();
                say(format_args!("ok {state}"));
            }
            Ok(typed::Typed::Close) => {
                drop(wants.send(yard::Want::Look(Box::new(Depot::close))).await);
                say("ok");
            }
            Ok(typed::Typed::Act(act)) => {
                let (answer, answered) = oneshot::channel();
                drop(wants.send(yard::Want::Act(act, answer)).await);
                match answered.await {
                    Ok(Ok(())) => say("ok"),
                    Ok(Err(why)) => say(format_args!("error {why}")),
                    Err(_) => return Ok(()),
                }
            }
            Err(why) => say(format_args!("error {why}")),
        }
    }
}

/// What the depot saw, and what its devices complain of. A master that did what it must not is exit 65.
async fn farewell(wants: &mpsc::Sender<yard::Want>) -> Result<(), Failure> {
    let (answer, answered) = oneshot::channel();
    let look = move |depot: &mut Depot| drop(answer.send((depot.visits(), depot.complaints())));
    drop(wants.send(yard::Want::Look(Box::new(look))).await);
    let ((charged, given_up), complaints) = answered.await.unwrap_or_default();
    complaints.iter().for_each(|complaint| say(format_args!("device complains: {complaint}")));
    say(format_args!("{charged} visits charged, {given_up} gave up, {} complaints", complaints.len()));
    if complaints.is_empty() { Ok(()) } else { Err(Failure::silent(Exit::Data)) }
}

async fn run_platform(
    listen: &str,
    plan: &Plan,
    secret: &str,
    journal: Option<&Path>,
    seed: u64,
) -> Result<(), Failure> {
    let io = |e: std::io::Error| Failure::new(Exit::Io, format_args!("--listen {listen}: {e}"));
    let listener = TcpListener::bind(listen).await.map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    let (says, mut said) = mpsc::unbounded_channel();
    let (wants, wanted) = mpsc::channel(16);
    let clock = Arc::new(Clock::new());
    tokio::spawn(centre::run(household::centre(plan, secret, seed), listener, wanted, says, clock));
    let mut journal = match journal {
        Some(path) => Some(
            std::fs::File::create(path)
                .map_err(|e| Failure::new(Exit::Io, format_args!("{}: {e}", path.display())))?,
        ),
        None => None,
    };
    let mut keyboard = Keyboard::new()?; // before "ready": who reads that may send a signal
    say(format_args!("ready {address}"));
    say(format_args!("seed {seed}"));
    loop {
        let line = tokio::select! {
            Some(text) = said.recv() => { note(journal.as_mut(), &text)?; continue; }
            line = keyboard.next() => line,
        };
        match line.as_deref().map(centre::parse) {
            None | Some(Ok(centre::Typed::Quit)) => break,
            Some(Ok(centre::Typed::Want(want))) => {
                drop(wants.send(want).await);
                say("ok");
            }
            Some(Ok(centre::Typed::Summary)) => {
                if let Some(summary) = centre::look(&wants, |platform| platform.summary()).await {
                    say(format_args!("ok\n{summary}"));
                }
            }
            Some(Err(why)) => say(format_args!("error {why}")),
        }
    }
    let summary = centre::look(&wants, |platform| platform.summary()).await.unwrap_or_default();
    say(&summary);
    if summary.is_clean() { Ok(()) } else { Err(Failure::silent(Exit::Data)) }
}

fn note(journal: Option<&mut std::fs::File>, text: &str) -> Result<(), Failure> {
    match journal {
        Some(file) => {
            writeln!(file, "{text}").map_err(|e| Failure::new(Exit::Io, format_args!("journal: {e}")))
        }
        None => {
            say(text);
            Ok(())
        }
    }
}

/// One line on stdout. A run goes on when nobody reads it any more.
fn say(line: impl Display) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// Typed lines. The end of stdin does not end a run; SIGTERM does.
struct Keyboard {
    lines: Option<Lines<BufReader<Stdin>>>,
    signals: Signals,
}

impl Keyboard {
    fn new() -> Result<Keyboard, Failure> {
        let signals = Signals::new().map_err(|e| Failure::new(Exit::Internal, e))?;
        Ok(Keyboard { lines: Some(BufReader::new(tokio::io::stdin()).lines()), signals })
    }

    /// The next line that is not empty; `None` = end.
    async fn next(&mut self) -> Option<String> {
        loop {
            let line = match &mut self.lines {
                Some(lines) => tokio::select! {
                    line = lines.next_line() => line.ok().flatten(),
                    asked = self.signals.next() => match asked {
                        Asked::Stop => return None,
                        Asked::Reload => continue,
                    },
                },
                None => match self.signals.next().await {
                    Asked::Stop => return None,
                    Asked::Reload => continue,
                },
            };
            match line {
                Some(line) if line.trim().is_empty() => {}
                Some(line) => return Some(line),
                None => self.lines = None,
            }
        }
    }
}
