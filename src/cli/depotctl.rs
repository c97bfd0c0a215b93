//! `depotctl`: the operator's and field engineer's tool.

use super::show::{self, Columns};
use super::{Exit, Failure, capture, decode, encode, probe};
use crate::control::{Answer, Ask, client};
use crate::model::ident::{CardUid, Credential, Vin};
use crate::store::Store;
use clap::{CommandFactory, Parser, Subcommand};
use serde_json::Value;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const SOCKET: &str = "/run/depotd/control.sock";

/// Looks into a running depotd, gives it local orders, and decodes frames on its own.
#[derive(Parser, Debug)]
#[command(name = "depotctl", version, arg_required_else_help = true)]
struct Args {
    /// Control socket of the daemon [default: $DEPOTD_SOCKET, else /run/depotd/control.sock]
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// One JSON document instead of a table
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// One screen: link, connectors, queue, alarms, clock
    Status,
    /// Connectors with their sessions
    Connectors,
    /// Chargers with their links
    Chargers,
    /// Meters with their links
    Meters,
    /// Card readers with their links
    Readers,
    /// RS-485 lines and CAN buses: use of the wire, polls, faults
    Lines,
    /// Open and past sessions, newest first
    Sessions {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// One session, every step with its time
    Session {
        /// Its transaction number
        txn: String,
    },
    /// The ledger, newest first: sent, acknowledged, refused
    Records {
        /// Only what the platform does not have
        #[arg(long)]
        unsent: bool,
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
    },
    /// One record, every field
    Record {
        /// Its transaction number
        txn: String,
    },
    /// What waits for the platform, oldest first, and why
    Queue {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
    },
    /// The card list with its version and age; `cards test UID`: what an offline swipe would do, and why
    #[command(args_conflicts_with_subcommands = true)]
    Cards {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
        #[command(subcommand)]
        test: Option<CardTest>,
    },
    /// The VIN list with its version and age; `vins test VIN`: what an offline start by this vehicle would do, and why
    #[command(args_conflicts_with_subcommands = true)]
    Vins {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
        #[command(subcommand)]
        test: Option<VinTest>,
    },
    /// The plate list with its version and age
    Plates {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
    },
    /// Open alarms
    Alarms {
        /// Those that are over, too, newest first
        #[arg(long)]
        all: bool,
        /// With --all: at most so many
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
    },
    /// Alarms that do not end by themselves
    #[command(subcommand)]
    Alarm(Alarm),
    /// Who did what when, newest first
    Audit {
        /// At most so many
        #[arg(short = 'n', long, default_value_t = 50)]
        limit: usize,
    },
    /// Start a connector locally (audited)
    Start {
        /// For example 44030000010001/1
        connector: String,
    },
    /// Stop what runs at a connector (audited)
    Stop {
        /// For example 44030000010001/1
        connector: String,
    },
    /// Hash chain, totals and integrity of the store; exit 65 and the first bad record when it does not hold
    Verify {
        /// Work on this file, without a daemon
        #[arg(long, value_name = "FILE")]
        db: Option<PathBuf>,
        /// Configuration that names the station, so that the beginning of the chain is checked, too (with --db)
        #[arg(long, value_name = "FILE", requires = "db")]
        config: Option<PathBuf>,
    },
    /// Check a configuration file
    Check {
        /// Configuration file
        #[arg(long, value_name = "FILE", default_value = "/etc/depotd/depotd.toml")]
        config: PathBuf,
    },
    /// What passes on a line or bus, with its time: candump lines of a CAN bus, octets of an RS-485 line
    Capture(capture::Capture),
    /// Questions to devices that only read, asked by the daemon between its own
    #[command(subcommand)]
    Probe(probe::Probe),
    /// What a capture holds, as JSON
    Replay(capture::Replay),
    /// Frames in, JSON out
    Decode(decode::Decode),
    /// JSON lines as `decode` prints them in, hex lines out
    Encode(encode::Encode),
    /// Completions for a shell, on stdout
    Completions {
        /// bash, zsh, fish
        shell: clap_complete::Shell,
    },
}

#[derive(Subcommand, Debug)]
enum Alarm {
    /// Reset a latched alarm after its cause is gone (audited)
    Reset {
        /// Its number in `depotctl alarms`
        id: u64,
    },
}

#[derive(Subcommand, Debug)]
enum CardTest {
    /// What an offline swipe of this card would do now: every condition, and the first that fails
    Test {
        /// For example 04A1B2C3
        uid: CardUid,
    },
}

#[derive(Subcommand, Debug)]
enum VinTest {
    /// What an offline start by this vehicle would do now: every condition, and the first that fails
    Test {
        /// 17 characters
        vin: Vin,
    },
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    super::run("depotctl", |args: Args| {
        let link = Daemon { socket: args.socket, json: args.json };
        match args.command {
            Command::Decode(command) => decode::run(&command),
            Command::Encode(command) => encode::run(&command),
            Command::Replay(command) => capture::replay(&command),
            Command::Capture(command) => link.capture(&command),
            Command::Probe(command) => link.probe(&command),
            Command::Check { config } => {
                super::depotd::load(&config)?;
                super::print(format_args!("{}: ok\n", config.display()))
            }
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Args::command(), "depotctl", &mut script);
                super::print(String::from_utf8_lossy(&script))
            }
            Command::Verify { db: Some(db), config } => verify_file(&db, config.as_deref(), link.json),
            Command::Verify { db: None, .. } => verdict(&link.ask(&Ask::Verify)?, link.json),
            Command::Status => link.show(&Ask::Status, show::status),
            Command::Connectors => link.list(&Ask::Connectors, show::CONNECTORS),
            Command::Chargers => link.show(&Ask::Devices { kind: "charger".to_owned() }, show::devices),
            Command::Meters => link.show(&Ask::Devices { kind: "meter".to_owned() }, show::devices),
            Command::Readers => link.show(&Ask::Devices { kind: "reader".to_owned() }, show::devices),
            Command::Lines => link.show(&Ask::Lines, show::lines),
            Command::Sessions { limit } => link.list(&Ask::Sessions { limit }, show::SESSIONS),
            Command::Session { txn } => link.show(&Ask::Session { txn }, show::one),
            Command::Records { unsent, limit } => link.list(&Ask::Records { unsent, limit }, show::RECORDS),
            Command::Record { txn } => link.show(&Ask::Record { txn }, show::one),
            Command::Queue { limit } => link.list(&Ask::Queue { limit }, show::QUEUE),
            Command::Cards { limit, test: None } => link.list(&Ask::Cards { limit }, show::CARDS),
            Command::Cards { test: Some(CardTest::Test { uid }), .. } => {
                link.show(&Ask::Rehearse { credential: Credential::Card(uid) }, show::rehearsal)
            }
            Command::Vins { limit, test: None } => link.list(&Ask::Vehicles { limit }, show::VINS),
            Command::Vins { test: Some(VinTest::Test { vin }), .. } => {
                link.show(&Ask::Rehearse { credential: Credential::Vin(vin) }, show::rehearsal)
            }
            Command::Plates { limit } => link.list(&Ask::Plates { limit }, show::PLATES),
            Command::Alarms { all: false, .. } => link.list(&Ask::Alarms, show::ALARMS),
            Command::Alarms { all: true, limit } => {
                link.list(&Ask::AlarmHistory { limit }, show::ALARM_HISTORY)
            }
            Command::Alarm(Alarm::Reset { id }) => link.order(&Ask::ResetAlarm { id, by: who() }),
            Command::Audit { limit } => link.list(&Ask::Audit { limit }, show::AUDIT),
            Command::Start { connector } => link.order(&Ask::Start { connector, by: who() }),
            Command::Stop { connector } => link.order(&Ask::Stop { connector, by: who() }),
        }
    })
}

/// The daemon behind its socket.
struct Daemon {
    socket: Option<PathBuf>,
    json: bool,
}

impl Daemon {
    fn socket(&self) -> PathBuf {
        let given = self.socket.clone().or_else(|| std::env::var_os("DEPOTD_SOCKET").map(PathBuf::from));
        given.unwrap_or_else(|| PathBuf::from(SOCKET))
    }

    /// Lines as they pass, until the time is over or nobody reads them any more.
    fn capture(&self, command: &capture::Capture) -> Result<(), Failure> {
        let (socket, longest) = (self.socket(), Duration::from_secs(command.seconds));
        let ask = Ask::Capture { line: command.line.clone(), seconds: command.seconds };
        let mut sink = command.sink()?;
        let mut unwritten = None;
        let written = client::stream(&socket, &ask, longest, |text| {
            let written = writeln!(sink, "{text}").and_then(|()| sink.flush());
            written.inspect_err(|e| unwritten = Some(e.kind()))
        });
        match (written, unwritten) {
            (_, Some(ErrorKind::BrokenPipe)) => Ok(()),
            (Err(error), Some(_)) => Err(Failure::new(Exit::Io, format_args!("capture: {error}"))),
            (Ok(Answer::Good { data }), _) => super::print(command.summary(&data)),
            (Ok(Answer::Refused { error }), _) => Err(Failure::new(Exit::Data, error)),
            (Err(error), None) => Err(unreachable(&socket, &error)),
        }
    }

    /// Findings as they are made; a document of them all at the end where one was asked for.
    fn probe(&self, command: &probe::Probe) -> Result<(), Failure> {
        let socket = self.socket();
        let mut sheet = probe::Sheet::new(command, self.json);
        let ended = client::stream(&socket, &command.ask(who()), probe::LONGEST, |text| sheet.add(text));
        match ended {
            Ok(Answer::Good { data }) => sheet.end(&data),
            Ok(Answer::Refused { error }) => Err(Failure::new(Exit::Data, error)),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(unreachable(&socket, &error)),
        }
    }

    fn ask(&self, ask: &Ask) -> Result<Value, Failure> {
        let socket = self.socket();
        match client::ask(&socket, ask) {
            Ok(Answer::Good { data }) => Ok(data),
            Ok(Answer::Refused { error }) => Err(Failure::new(Exit::Data, error)),
            Err(error) => Err(unreachable(&socket, &error)),
        }
    }

    fn show(&self, ask: &Ask, text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        let data = self.ask(ask)?;
        super::print(if self.json { show::document(&data) } else { text(&data) })
    }

    fn list(&self, ask: &Ask, columns: Columns) -> Result<(), Failure> {
        self.show(ask, |data| show::list(data, columns))
    }

    fn order(&self, ask: &Ask) -> Result<(), Failure> {
        let data = self.ask(ask)?;
        super::print(if self.json { show::document(&data) } else { "done\n".to_owned() })
    }
}

fn unreachable(socket: &Path, error: &std::io::Error) -> Failure {
    let shown = socket.display();
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => Failure::new(
            Exit::Permission,
            format_args!("{shown}: not allowed; run it as root or as a member of the group depotd"),
        ),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => Failure::new(
            Exit::Unavailable,
            format_args!(
                "{shown}: no daemon answers; is it running? systemctl status depotd, or name its socket with --socket PATH"
            ),
        ),
        _ => Failure::new(Exit::Unavailable, format_args!("{shown}: {error}")),
    }
}

fn verify_file(db: &Path, config: Option<&Path>, json: bool) -> Result<(), Failure> {
    let station = match config {
        Some(config) => Some(super::depotd::load(config)?.code),
        None => None,
    };
    let store = Store::open_read_only(db).map_err(|e| Failure::new(Exit::Io, e))?;
    let report = store.verify(station).map_err(|e| Failure::new(Exit::Data, e))?;
    let data = serde_json::to_value(&report).map_err(|e| Failure::new(Exit::Internal, e))?;
    verdict(&data, json)
}

fn verdict(data: &Value, json: bool) -> Result<(), Failure> {
    let printed = super::print(if json { show::document(data) } else { show::one(data) });
    if data["holds"] == Value::Bool(true) { printed } else { Err(Failure::silent(Exit::Data)) }
}

/// Who gives the order, as the operating system knows it.
fn who() -> String {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_default();
    let uid = rustix::process::getuid().as_raw();
    if name.is_empty() { format!("uid {uid}") } else { format!("{name} (uid {uid})") }
}
