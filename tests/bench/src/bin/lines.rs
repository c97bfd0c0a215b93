//! Masters on one RS-485 line: `lines [SECONDS]`, seconds of each run (default 6).
//!
//! The same four slaves for every master, with delays as meters have them, on a pseudo-terminal that takes the time of
//! the wire; every master leaves the legal gap of 3.5 characters. The share is what no master can save (octets, delays,
//! gaps) of the time that went by, as the slaves saw it.

use depotd::bus;
use depotd::driver::Driver;
use depotd::driver::modbus::{Meter, Profile, meter};
use depotd::model::ident::DeviceId;
use depotd::port::clock::Clock;
use depotd::port::serial::{ParityBit, Settings};
use depotd::task::tee::Tee;
use depotd::task::{INBOX, Pulse, line as line_task};
use depotd_bench::foreign::{self, Peers};
use depotd_bench::slaves::{Bench, Books, Line, Slave, register};
use depotd_bench::{median, row, table};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_modbus::client::{Reader, rtu};
use tokio_modbus::slave::{Slave as Unit, SlaveContext};

const RUNS: usize = 3;
const ADDRESSES: [u8; 4] = [1, 2, 3, 4];
/// Registers of each question: those of a meter's live values.
const COUNT: u16 = 16;

/// A meter of 16 registers that are read in one question.
const PROFILE: &str = r#"
[profile]
id = "bench"
kind = "meter"
verified = "manual"
protocol = "modbus-rtu"
source = "the benchmark's own slaves"

[timing]
turnaround = 0

[[block]]
fc = 3
first = 0
last = 15
whole = true

[[point]]
name = "energy.forward"
fc = 3
addr = 0
type = "u32"
scale = 0.01
unit = "kWh"
group = "billing"

[[point]]
name = "voltage"
fc = 3
addr = 15
type = "u16"
scale = 0.1
unit = "V"
group = "live"
"#;

/// One line and how long it is used.
#[derive(Clone, Copy)]
struct Run {
    line: Line,
    seconds: f64,
}

type Master = Box<dyn Fn(Run, &Path) + Sync>;

/// Whether masters take turns, or work at the same time, each on a line of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    InTurn,
    AtOnce,
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(6.0);
    let peers = Peers::from_environment();
    let masters = masters(&peers);
    let mut rows = vec![row(&["master", "baud", "share of the time", "answers a minute", "gaps too short"])];
    for baud in [2400, 9600] {
        let run = Run { line: Line { baud }, seconds };
        rows.extend(compare(&masters, run, Order::InTurn, &slaves(baud, false)));
    }
    println!("four meters that answer; medians of {RUNS} runs of {seconds} s\n\n{}", table(&rows));
    let mut rows = vec![row(&["master", "baud", "answers a minute of the other three", "gaps too short"])];
    let run = Run { line: Line { baud: 9600 }, seconds: seconds * 5.0 };
    rows.extend(compare(&masters, run, Order::AtOnce, &slaves(9600, true)).into_iter().map(|mut cells| {
        cells.remove(2);
        cells
    }));
    println!(
        "one of the four meters is dead; medians of {RUNS} runs of {} s\n\n{}",
        run.seconds,
        table(&rows)
    );
}

/// Delays that meters of either rate show.
fn slaves(baud: u32, one_is_dead: bool) -> Vec<Slave> {
    let delays_ms = if baud < 9600 { [20, 30, 40, 60] } else { [8, 12, 20, 30] };
    let slave = |(address, ms)| {
        let is_dead = one_is_dead && address == ADDRESSES[3];
        Slave { address, delay: (!is_dead).then_some(Duration::from_millis(ms)) }
    };
    ADDRESSES.into_iter().zip(delays_ms).map(slave).collect()
}

/// Every master on the same slaves, several rounds.
fn compare(masters: &[(&str, Master)], run: Run, order: Order, slaves: &[Slave]) -> Vec<Vec<String>> {
    let mut seen: Vec<Vec<Books>> = vec![Vec::new(); masters.len()];
    for _ in 0..RUNS {
        let books = |(_, master): &(&str, Master)| {
            let bench = Bench::open(run.line, slaves.to_vec());
            master(run, &bench.device.clone());
            bench.close()
        };
        let round: Vec<Books> = match order {
            Order::InTurn => masters.iter().map(books).collect(),
            Order::AtOnce => std::thread::scope(|scope| {
                let running: Vec<_> =
                    masters.iter().map(|master| scope.spawn(move || books(master))).collect();
                running.into_iter().map(|r| r.join().expect("a master ended well")).collect()
            }),
        };
        seen.iter_mut().zip(round).for_each(|(seen, books)| seen.push(books));
    }
    let cells = |((name, _), books): (&(&str, Master), &Vec<Books>)| {
        let of = |pick: fn(&Books) -> f64| median(books.iter().map(pick).collect());
        row(&[
            name,
            &run.line.baud.to_string(),
            &format!("{:.1} %", 100.0 * of(Books::share)),
            &format!("{:.0}", of(Books::per_minute)),
            &format!("{:.0}", of(|b| b.early as f64)),
        ])
    };
    masters.iter().zip(&seen).map(cells).collect()
}

fn masters(peers: &Peers) -> Vec<(&'static str, Master)> {
    let mut masters: Vec<(&'static str, Master)> =
        vec![("depotd", Box::new(ours)), ("tokio-modbus", Box::new(tokio_modbus))];
    let peers = peers.clone();
    if peers.libmodbus().is_some() {
        let peers = peers.clone();
        masters
            .push(("libmodbus", Box::new(move |run, device| foreign_master(peers.libmodbus(), run, device))));
    }
    if peers.python("pymodbus_master.py").is_some() {
        masters.push((
            "pymodbus",
            Box::new(move |run, device| {
                foreign_master(peers.python("pymodbus_master.py"), run, device);
            }),
        ));
    }
    masters
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// The loop of the daemon: bus machine, Modbus driver, serial port. It asks as often as the line allows.
fn ours(run: Run, device: &Path) {
    let profile = Arc::new(Profile::parse(PROFILE).expect("a good profile"));
    let meter = |address: u8| {
        let config = meter::Config {
            address,
            profile: Arc::clone(&profile),
            poll: Duration::from_millis(1),
            ratio: 1,
        };
        let driver = Box::new(Meter::new(config).expect("a meter")) as Box<dyn Driver>;
        (DeviceId(address.into()), driver)
    };
    let config = bus::Config { baud: run.line.baud, ..bus::Config::default() };
    let line = bus::Line::new(config, ADDRESSES.map(meter).into(), 1);
    let settings = Settings {
        device: device.to_string_lossy().into_owned(),
        baud: run.line.baud,
        parity: ParityBit::None,
        stop_bits: 1,
        kernel_turns: false,
    };
    runtime().block_on(async {
        let (_orders, told) = tokio::sync::mpsc::channel(INBOX);
        let (reports, mut reported) = tokio::sync::mpsc::channel(INBOX);
        let task = line_task::run(line_task::Parts {
            name: "bench".to_owned(),
            settings,
            line: Arc::new(Mutex::new(line)),
            orders: told,
            visits: tokio::sync::mpsc::channel(1).1,
            reports,
            clock: Arc::new(Clock::new()),
            tee: Tee::default(),
            pulse: Pulse::new("bench"),
        });
        tokio::select! {
            () = task => panic!("the loop ended"),
            () = async { while reported.recv().await.is_some() {} } => panic!("the loop ended"),
            () = tokio::time::sleep(Duration::from_secs_f64(run.seconds)) => {}
        }
    });
}

/// A plain loop on tokio-modbus with the time-out that libmodbus has.
fn tokio_modbus(run: Run, device: &Path) {
    runtime().block_on(async {
        let settings = tokio_serial::new(device.to_string_lossy(), run.line.baud);
        let stream = tokio_serial::SerialStream::open(&settings).expect("opened");
        let mut master = rtu::attach_slave(stream, Unit(ADDRESSES[0]));
        let asking = async {
            loop {
                for address in ADDRESSES {
                    tokio::time::sleep(run.line.gap()).await;
                    master.set_slave(Unit(address));
                    let reply = master.read_holding_registers(0, COUNT);
                    if let Ok(Ok(Ok(registers))) =
                        tokio::time::timeout(Duration::from_millis(500), reply).await
                    {
                        assert_eq!(registers.get(1), Some(&register(address, 1)), "the right answer");
                    }
                }
            }
        };
        let _elapsed = tokio::time::timeout(Duration::from_secs_f64(run.seconds), asking).await;
    });
}

fn foreign_master(command: Option<Command>, run: Run, device: &Path) {
    let mut command = command.expect("it was there a moment ago");
    let gap_us = run.line.gap().as_micros().to_string();
    command.arg(device).args([run.line.baud.to_string(), run.seconds.to_string(), gap_us, COUNT.to_string()]);
    let report = foreign::report(command.args(ADDRESSES.map(|a| a.to_string())));
    assert_eq!(report["wrong"], 0, "{report}");
}
