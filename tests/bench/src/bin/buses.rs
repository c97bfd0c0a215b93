//! The daemon on eight saturated CAN buses: `buses [SECONDS]` (default 30).
//!
//! Eight adapters on pseudo-terminals, slcan with timestamps, each with 1 900 frames a second: what a bus of 250 kbit/s can
//! carry of 29-bit frames with eight octets. The frames are those of a charging session, over and over, handed over every
//! millisecond as USB adapters do. Measured are the daemon's processor time and the frames that it says it heard, against
//! those that were written. `BENCH_DEPOTD` names the folder of depotd and depotctl.

use depotd::wire::can::Frame;
use depotd::wire::slcan::{Command as Told, Flags, Line, Parser};
use depotd_bench::constructed::{self, Heard};
use depotd_bench::{row, table};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const BUSES: usize = 8;
const FRAMES_PER_SECOND: u64 = 1_900;
const WARM_UP: Duration = Duration::from_secs(3);

/// What an adapter did.
#[derive(Default)]
struct Books {
    /// Frames handed over.
    written: AtomicU64,
    /// Frames for which the daemon left no room in time; an adapter would have lost them.
    lost: AtomicU64,
    /// The daemon has put it on the bus.
    is_open: AtomicBool,
    ends: AtomicBool,
}

struct Adapter {
    books: Arc<Books>,
    thread: std::thread::JoinHandle<()>,
    _kept: OwnedFd,
}

fn main() {
    let seconds = std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(30.0);
    let programs = PathBuf::from(std::env::var_os("BENCH_DEPOTD").expect("BENCH_DEPOTD names a folder"));
    let folder = tempfile::tempdir().expect("a folder");
    let frames = constructed::captured().unwrap_or_else(|| constructed::session(1));
    let (devices, adapters): (Vec<PathBuf>, Vec<Adapter>) = (0..BUSES).map(|_| adapter(&frames)).unzip();
    std::fs::write(folder.path().join("depotd.toml"), configuration(folder.path(), &devices))
        .expect("written");
    let mut daemon = Command::new(programs.join("depotd"))
        .args(["run", "--config"])
        .arg(folder.path().join("depotd.toml"))
        .env("DEPOTD_LOG", "warn")
        .spawn()
        .expect("depotd starts");
    until("every bus is open", || adapters.iter().all(|a| a.books.is_open.load(Ordering::Acquire)));
    std::thread::sleep(WARM_UP);
    let (began, before) = (now(), processor_time(&daemon));
    let written_before: u64 = adapters.iter().map(|a| a.books.written.load(Ordering::Relaxed)).sum();
    std::thread::sleep(Duration::from_secs_f64(seconds));
    let (elapsed, used) = (began.elapsed(), processor_time(&daemon) - before);
    let written_after: u64 = adapters.iter().map(|a| a.books.written.load(Ordering::Relaxed)).sum();
    for adapter in &adapters {
        adapter.books.ends.store(true, Ordering::Release);
    }
    let books: Vec<Arc<Books>> = adapters.iter().map(|a| Arc::clone(&a.books)).collect();
    let kept: Vec<OwnedFd> = adapters.into_iter().map(ended).collect();
    std::thread::sleep(Duration::from_millis(300)); // what was written is read
    let status = lines(&programs, folder.path());
    drop(kept);
    stop(&mut daemon);
    show(&books, &status, (written_after - written_before) as f64 / elapsed.as_secs_f64(), used, elapsed);
}

fn show(books: &[Arc<Books>], status: &Value, rate: f64, used: Duration, elapsed: Duration) {
    let mut rows = vec![row(&["bus", "written", "heard", "unreadable", "no room"])];
    let (mut written, mut heard) = (0, 0);
    for (n, books) in books.iter().enumerate() {
        let counters = status
            .as_array()
            .and_then(|lines| lines.iter().find(|l| l["name"] == format!("can-{}", n + 1)))
            .map_or(&Value::Null, |line| &line["counters"]);
        let sent = books.written.load(Ordering::Relaxed);
        (written, heard) = (written + sent, heard + counters["received"].as_u64().unwrap_or(0));
        let lost = books.lost.load(Ordering::Relaxed).to_string();
        let shown = |key: &str| counters[key].to_string();
        rows.push(row(&[
            &format!("can-{}", n + 1),
            &sent.to_string(),
            &shown("received"),
            &shown("unreadable"),
            &lost,
        ]));
    }
    let share = 100.0 * used.as_secs_f64() / elapsed.as_secs_f64();
    println!("{}", table(&rows));
    println!(
        "{rate:.0} frames/s on {BUSES} buses: {share:.1} % of one core; {written} written, {heard} heard"
    );
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn now() -> Instant {
    Instant::now()
}

fn until(what: &str, seen: impl Fn() -> bool) {
    let began = now();
    while !seen() {
        assert!(began.elapsed() < Duration::from_secs(30), "in 30 s it did not happen: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// User and system time of a process (proc(5): fields 14 and 15 of stat, in clock ticks).
fn processor_time(child: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("the daemon runs");
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

fn lines(programs: &Path, folder: &Path) -> Value {
    let tool = Command::new(programs.join("depotctl"))
        .args(["--json", "lines", "--socket"])
        .arg(folder.join("control.sock"))
        .output()
        .expect("depotctl starts");
    serde_json::from_slice(&tool.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&tool.stderr)))
}

fn stop(daemon: &mut Child) {
    let pid = rustix::process::Pid::from_child(daemon);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the daemon runs");
    daemon.wait().expect("it ends");
}

/// Ends the stream; the line stays open, so that what was written can still be read.
fn ended(adapter: Adapter) -> OwnedFd {
    adapter.thread.join().expect("the adapter does not panic");
    adapter._kept
}

/// An adapter on a pseudo-terminal of its own.
fn adapter(frames: &[Heard]) -> (PathBuf, Adapter) {
    let end = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a pseudo-terminal");
    grantpt(&end).expect("granted");
    unlockpt(&end).expect("unlocked");
    rustix::io::ioctl_fionbio(&end, true).expect("non-blocking");
    let device = PathBuf::from(ptsname(&end, Vec::new()).expect("a name").into_string().expect("of ASCII"));
    let kept = rustix::fs::open(&device, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("opened");
    let mut settings = rustix::termios::tcgetattr(&kept).expect("a terminal");
    settings.make_raw();
    rustix::termios::tcsetattr(&kept, rustix::termios::OptionalActions::Now, &settings).expect("raw");
    let books = Arc::new(Books::default());
    let frames: Vec<Frame> = frames.iter().map(|(_, frame)| *frame).collect();
    let serving = Arc::clone(&books);
    let thread = std::thread::spawn(move || serve(&end, &frames, &serving));
    (device, Adapter { books, thread, _kept: kept })
}

fn serve(end: &OwnedFd, frames: &[Frame], books: &Books) {
    let mut parser = Parser::default();
    let mut octets = [0; 256];
    let mut opened: Option<Instant> = None;
    let mut sent = 0;
    while !books.ends.load(Ordering::Acquire) {
        if let Ok(count) = rustix::io::read(end, &mut octets) {
            for line in octets[..count].iter().filter_map(|octet| parser.take(*octet)) {
                opened = answer(end, line.ok(), opened);
            }
        }
        let Some(since) = opened else {
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        books.is_open.store(true, Ordering::Release);
        let due = since.elapsed().as_micros() as u64 * FRAMES_PER_SECOND / 1_000_000;
        hand_over(end, frames, sent, due, since, books);
        sent = due;
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Answers a command; the moment since which the adapter is on the bus.
fn answer(end: &OwnedFd, line: Option<Line>, opened: Option<Instant>) -> Option<Instant> {
    let mut out = Vec::new();
    let since = match line {
        Some(Line::Command(Told::Open | Told::OpenListenOnly)) => Some(now()),
        Some(Line::Command(Told::Close)) => None,
        Some(Line::Command(Told::AskFlags)) => {
            out.extend_from_slice(format!("F{:02X}", Flags::default().0).as_bytes());
            opened
        }
        _ => opened,
    };
    out.push(b'\r');
    let _written = rustix::io::write(end, &out);
    since
}

/// The frames from number `sent` to number `due` in one piece, as far as there is room.
fn hand_over(end: &OwnedFd, frames: &[Frame], sent: u64, due: u64, since: Instant, books: &Books) {
    let stamp_ms = u16::try_from(since.elapsed().as_millis() % 60_000).unwrap_or(0);
    for number in sent..due {
        let mut line = Vec::with_capacity(32);
        let frame = frames[number as usize % frames.len()];
        Line::Frame { frame, stamp_ms: Some(stamp_ms) }.write(&mut line);
        match rustix::io::write(end, &line) {
            Ok(count) if count == line.len() => books.written.fetch_add(1, Ordering::Relaxed),
            Ok(_) | Err(Errno::AGAIN) => books.lost.fetch_add(1, Ordering::Relaxed),
            Err(error) => panic!("{error}"),
        };
    }
}

/// Eight chargers whose meters are away, each with a tap on a bus.
fn configuration(folder: &Path, devices: &[PathBuf]) -> String {
    let mut out = String::new();
    let at = |name: &str| folder.join(name).display().to_string();
    let mut say = |text: String| out.write_str(&text).expect("text");
    say("[station]\ncode = \"44030012340001\"\nname = \"bench\"\n\n".to_owned());
    say(format!("[store]\npath = {:?}\n\n[control]\nsocket = {:?}\n\n", at("depotd.db"), at("control.sock")));
    say(format!("[[line]]\nname = \"rs485-1\"\ndevice = {:?}\nbaud = 115200\n\n", at("absent")));
    for (n, device) in (1..).zip(devices) {
        let device = device.display().to_string();
        say(format!(
            "[[can]]\nname = \"can-{n}\"\ndevice = {device:?}\nbitrate = 250000\nlisten_only = true\n\n"
        ));
        say(format!(
            "[[meter]]\nname = \"meter-{n}\"\nline = \"rs485-1\"\nprotocol = \"modbus\"\naddress = {}\n",
            100 + n
        ));
        say("profile = \"acrel-djsf1352-rn\"\npoll = \"5s\"\n\n".to_owned());
        say(format!("[[charger]]\ncode = \"4403000001{n:04}\"\nkind = \"dc\"\ndriver = \"modbus\"\n"));
        say(format!("line = \"rs485-1\"\naddress = {n}\nprofile = \"cn-pile-v2\"\nrated_kw = 120.0\n\n"));
        say(format!("[[charger.connector]]\nnumber = 1\nmeter = \"meter-{n}\"\nbms_tap = \"can-{n}\"\n\n"));
    }
    out
}
