//! CAN adapters over a real pseudo-terminal: the adapter is scripted, the port is the daemon's own.

use depotd::canbus::{BusState, Fault};
use depotd::port::can::{CanBus, Seen, Settings, Way};
use depotd::port::clock::Clock;
use depotd::sim::pty::{Ear, Pty};
use depotd::wire::can::{Frame, Id};
use std::io;
use std::time::Duration;
use tempfile::TempDir;

/// The adapter's end of a serial line, and the name of the daemon's end.
struct Adapter {
    end: Pty,
    ear: Ear,
    folder: TempDir,
    said: String,
}

/// How it answers a command; `None` = not at all.
type Manner = fn(&str) -> Option<&'static [u8]>;

impl Adapter {
    fn new() -> Adapter {
        let folder = TempDir::new().expect("a folder");
        let (end, ear) = Pty::open(&folder.path().join("can")).expect("a pseudo-terminal");
        Adapter { end, ear, folder, said: String::new() }
    }

    fn settings(&self, listen_only: bool) -> Settings {
        let way = Way::Serial(self.folder.path().join("can").display().to_string(), 115_200);
        Settings { way, bitrate: 250_000, listen_only, filters: Vec::new() }
    }

    /// Serves until the port is open, or refused.
    async fn serve(&mut self, listen_only: bool, manner: Manner) -> io::Result<(CanBus, Vec<String>)> {
        let settings = self.settings(listen_only);
        let mut opening = Box::pin(CanBus::open(&settings));
        loop {
            tokio::select! {
                opened = &mut opening => return opened,
                command = command(&mut self.ear) => {
                    if let Some(answer) = manner(&command) {
                        self.end.write(answer).await;
                    }
                    self.said += &command;
                    self.said.push(' ');
                }
            }
        }
    }

    async fn open(&mut self) -> CanBus {
        self.serve(false, obedient).await.expect("an adapter that obeys").0
    }

    async fn say(&mut self, octets: &[u8]) {
        self.end.write(octets).await;
    }
}

async fn command(ear: &mut Ear) -> String {
    let (mut line, mut octet) = (String::new(), [0]);
    loop {
        assert_eq!(ear.read(&mut octet).await.expect("the daemon's end is open"), 1);
        match octet {
            [b'\r'] => return line,
            [octet] => line.push(char::from(octet)),
        }
    }
}

fn obedient(command: &str) -> Option<&'static [u8]> {
    Some(if command.starts_with('F') { b"F00\r" } else { b"\r" })
}

fn frame(id: u32, data: &[u8]) -> Frame {
    Frame::new(Id::extended(id).expect("in range"), data).expect("eight at most")
}

/// The next frame or fault; what the flags say of a sound bus is passed over.
async fn next(bus: &mut CanBus, clock: &Clock) -> Seen {
    loop {
        let seen = tokio::time::timeout(Duration::from_secs(5), bus.next(clock)).await;
        match seen.expect("something is said").expect("the line is open") {
            Seen::Fault(Fault::State(BusState::Active)) => {}
            seen => return seen,
        }
    }
}

#[tokio::test]
async fn an_adapter_left_in_any_state_is_closed_set_and_put_on_the_bus() {
    let mut adapter = Adapter::new();
    adapter.say(b"T1812F4568ABABABABABABABAB\rT18").await; // from a life before
    let (mut bus, odd) = adapter.serve(false, obedient).await.expect("an adapter that obeys");
    assert_eq!(adapter.said, "   C S5 Z1 O ");
    assert_eq!(odd, Vec::<String>::new());
    adapter.say(b"T1841F68A20001\r").await;
    let heard = next(&mut bus, &Clock::new()).await;
    assert_eq!(heard, Seen::Frame(frame(0x1841_F68A, &[0, 1]), None), "nothing of the life before");
}

#[tokio::test]
async fn a_tap_is_never_opened_for_sending() {
    let mut adapter = Adapter::new();
    adapter.serve(true, obedient).await.expect("an adapter that can listen");
    assert_eq!(adapter.said, "   C S5 Z1 L ");
    let mut loud = Adapter::new();
    let refuses = |c: &str| Some(if c == "L" { &b"\x07"[..] } else { &b"\r"[..] });
    let error = loud.serve(true, refuses).await.expect_err("a tap that would acknowledge").to_string();
    assert!(error.contains("cannot listen without acknowledging"), "{error}");
    assert!(!loud.said.contains('O'), "{}", loud.said);
}

#[tokio::test]
async fn an_adapter_without_timestamps_is_as_good_as_any() {
    let mut adapter = Adapter::new();
    let no_stamps = |c: &str| Some(if c == "Z1" { &b"\x07"[..] } else { &b"\r"[..] });
    let (_bus, odd) = adapter.serve(false, no_stamps).await.expect("no stamps are no fault");
    assert_eq!(odd, Vec::<String>::new());
    let wrong_rate = |c: &str| Some(if c == "S5" { &b"\x07"[..] } else { &b"\r"[..] });
    let error = Adapter::new().serve(false, wrong_rate).await.expect_err("a bit rate it has not").to_string();
    assert!(error.contains("refuses S5, 250000 bit/s"), "{error}");
}

#[tokio::test]
async fn an_adapter_that_answers_nothing_works_and_is_mentioned() {
    let mut adapter = Adapter::new();
    let (mut bus, odd) = adapter.serve(false, |_| None).await.expect("silence is no refusal");
    assert_eq!(adapter.said, "   C S5 Z1 O ");
    assert!(odd.len() == 1 && odd[0].contains("answers no command"), "{odd:?}");
    adapter.say(b"T1841F68A20001\r").await;
    assert_eq!(next(&mut bus, &Clock::new()).await, Seen::Frame(frame(0x1841_F68A, &[0, 1]), None));
}

#[tokio::test]
async fn a_bad_line_costs_itself_and_no_other() {
    let (mut adapter, clock) = (Adapter::new(), Clock::new());
    let mut bus = adapter.open().await;
    adapter.say(b"T1841F68A20001\rT1841F6\x00ggg\rT1841F68A20002\r").await;
    assert_eq!(next(&mut bus, &clock).await, Seen::Frame(frame(0x1841_F68A, &[0, 1]), None));
    assert_eq!(next(&mut bus, &clock).await, Seen::Fault(Fault::Unreadable));
    assert_eq!(next(&mut bus, &clock).await, Seen::Frame(frame(0x1841_F68A, &[0, 2]), None));
}

#[tokio::test]
async fn stamps_of_the_adapter_say_how_far_apart_frames_were_on_the_bus() {
    let (mut adapter, clock) = (Adapter::new(), Clock::new());
    let mut bus = adapter.open().await;
    adapter.say(b"T1841F68A20001EA5F\rT1841F68A200020009\r").await; // 59999 ms, 9 ms: it has wrapped
    let mut times = Vec::new();
    for _ in 0..2 {
        let Seen::Frame(_, Some(at)) = next(&mut bus, &clock).await else { panic!("a stamped frame") };
        times.push(at);
    }
    assert_eq!(times[1].since(times[0]), Duration::from_millis(10));
}

#[tokio::test]
async fn frames_are_written_as_lines_and_a_full_adapter_is_noticed() {
    let (mut adapter, clock) = (Adapter::new(), Clock::new());
    let mut bus = adapter.open().await;
    bus.send(&frame(0x1840_8AF6, &[0; 8])).await.expect("room");
    let taken = async {
        while command(&mut adapter.ear).await != "T18408AF680000000000000000" {}
        adapter.say(b"\x07").await;
    };
    let (said, ()) = tokio::join!(next(&mut bus, &clock), taken);
    assert_eq!(said, Seen::Fault(Fault::SendOverflow));
}

#[tokio::test]
async fn the_flags_are_asked_for_and_tell_the_state_of_the_bus() {
    let (mut adapter, clock) = (Adapter::new(), Clock::new());
    let mut bus = adapter.open().await;
    let told = async {
        assert_eq!(command(&mut adapter.ear).await, "F");
        adapter.say(b"FA0\r").await;
    };
    let (protocol, ()) = tokio::join!(next(&mut bus, &clock), told);
    assert_eq!(protocol, Seen::Fault(Fault::Protocol));
    assert_eq!(next(&mut bus, &clock).await, Seen::Fault(Fault::State(BusState::Passive)));
}

#[tokio::test]
async fn an_adapter_that_hangs_or_is_pulled_out_is_an_error() {
    let (mut adapter, clock) = (Adapter::new(), Clock::new());
    let mut bus = adapter.open().await;
    let told = async {
        command(&mut adapter.ear).await;
        adapter.say(b"F00\r").await;
    };
    let (first, ()) = tokio::join!(bus.next(&clock), told);
    assert_eq!(first.expect("it lives"), Seen::Fault(Fault::State(BusState::Active)));
    tokio::time::pause(); // the seconds without an answer pass at once
    let error = bus.next(&clock).await.expect_err("a hung adapter");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    tokio::time::resume();

    let mut adapter = Adapter::new();
    let mut bus = adapter.open().await;
    let Adapter { end, ear, .. } = adapter;
    drop((end, ear));
    while bus.next(&clock).await.is_ok() {}
}
