//! A controller at a hand-driven bus and its clock.

use crate::driver::tcu::{Action, Config, Controller, Dialect, Event};
use crate::model::report::{ChargerState, ChargerStatus, OrderFault, OrderId, Report};
use crate::model::request::{Order, Request, StartOrder};
use crate::model::time::{Instant, Now};
use crate::model::vehicle::VehicleReport;
use crate::wire::can::{self, Content, Frame};
use crate::wire::tcu::{Kind, long};

pub(super) const VIN: &[u8; 17] = b"LTESTVANXBUS00001";
pub(super) const OTHER_VIN: &[u8; 17] = b"LTESTVANXBUS00002";
pub(super) const BEAT: &str = "18418AF6#010500FFFFFFFFFF";
pub(super) const VERSION_OK: &str = "18088AF6#010121FFFFFFFFFF";
pub(super) const PARAMETERS_OK: &str = "180A8AF6#010000FFFFFFFFFF";
pub(super) const START_OK: &str = "10028AF6#01020000010CFFFF";
pub(super) const STOP_OK: &str = "10048AF6#0100FFFFFFFFFFFF";
pub(super) const STANDBY: &str = "10228AF6#0100000000000000";
pub(super) const WORKING: &str = "10228AF6#0101000000C00000";
/// As `WORKING`, the contactor open.
pub(super) const AT_WORK: &str = "10228AF6#0101000000400000";
pub(super) const PAUSED: &str = "10228AF6#0103000000C00000";
pub(super) const UNPLUGGED: &str = "10228AF6#0100000000300000";

pub(super) const CONFIG: Config = Config {
    controller: 0xF6,
    interface: 1,
    pile: crate::model::ident::DeviceCode([0x44, 0x03, 0x00, 0x00, 0x01, 0x00, 0x01]),
    dialect: Dialect::Auto,
};

pub(super) struct Bench {
    pub(super) controller: Controller,
    pub(super) ms: u64,
    orders: u64,
    /// What the controller repeats by itself: heartbeat each second, this word every 500 ms.
    pub(super) word: Option<&'static str>,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench::of(CONFIG)
    }

    pub(super) fn of(config: Config) -> Bench {
        Bench { controller: Controller::new(Now::default(), config), ms: 10_000, orders: 0, word: None }
    }

    /// The bus is up, both steps are done and the controller rests, plugged in.
    pub(super) fn ready() -> Bench {
        let mut bench = Bench::new();
        let _ = bench.event(Event::BusUp);
        let _ = bench.hear_all(&[BEAT, VERSION_OK, PARAMETERS_OK, STANDBY]);
        bench.word = Some(STANDBY);
        bench
    }

    pub(super) fn charging() -> Bench {
        let mut bench = Bench::ready();
        let _ = bench.tell(Order::Start(StartOrder::default()));
        let _ = bench.hear(START_OK);
        let _ = bench.complete(0, 0);
        bench.word = Some(WORKING);
        let _ = bench.wait(600);
        assert_eq!(bench.state(), ChargerState::Charging);
        bench
    }

    pub(super) fn now(&self) -> Now {
        Now { mono: Instant(self.ms * 1000), ..Now::default() }
    }

    pub(super) fn event(&mut self, event: Event<'_>) -> Vec<Action> {
        self.controller.handle(self.now(), event)
    }

    /// The order's number is the count of orders so far, from 1.
    pub(super) fn tell(&mut self, what: Order) -> Vec<Action> {
        self.orders += 1;
        let order = OrderId(self.orders);
        self.event(Event::Tell(Request { order, what }))
    }

    pub(super) fn hear(&mut self, text: &str) -> Vec<Action> {
        let Ok(can::Line { content: Content::Frame(frame), .. }) = can::line(text) else { panic!("{text}") };
        self.event(Event::Frame(&frame))
    }

    pub(super) fn hear_all(&mut self, lines: &[&str]) -> Vec<Action> {
        lines.iter().flat_map(|line| self.hear(line)).collect()
    }

    /// A long message of the controller.
    pub(super) fn carry(&mut self, kind: Kind, payload: &[u8]) -> Vec<Action> {
        let frames = long::frames(payload).expect("not too long");
        let frames = frames.iter().map(|data| Frame::new(kind.id(0xF6), data).expect("eight octets"));
        frames.collect::<Vec<_>>().iter().flat_map(|frame| self.event(Event::Frame(frame))).collect()
    }

    pub(super) fn name(&mut self, kind: Kind, vin: &[u8; 17]) -> Vec<Action> {
        let mut payload = vec![1];
        payload.extend_from_slice(vin);
        payload.extend_from_slice(&[0xE8, 0x03, 0x00, 0x59, 0x01, 0x94, 0x16]);
        self.carry(kind, &payload)
    }

    /// 11 of V1.21 with this result and reason.
    pub(super) fn complete(&mut self, result: u8, reason: u8) -> Vec<Action> {
        let mut payload = COMPLETE.to_vec();
        (payload[2], payload[3]) = (result, reason);
        self.carry(Kind::StartComplete, &payload)
    }

    /// 13 of 22 octets with this stop reason and these words of the vehicle.
    pub(super) fn stopped(&mut self, reason: u8, bst: [u8; 4]) -> Vec<Action> {
        let mut payload = vec![1, reason, 0];
        payload.extend_from_slice(&bst);
        payload.extend_from_slice(&[0x5F, 0x4B, 0x01, 0x63, 0x01, 0x47, 0x53]);
        payload.extend_from_slice(&[0xF0, 0xF0, 0xF0, 0xFC, 0xFC, 0xF0, 0xC0, 0xFC]);
        self.carry(Kind::StopComplete, &payload)
    }

    /// The clock goes on with every wake-up that is asked for, and with what the controller repeats.
    pub(super) fn wait(&mut self, ms: u64) -> Vec<Action> {
        let end = self.ms + ms;
        let mut out = Vec::new();
        while self.ms < end {
            let next = (self.ms / 500 + 1) * 500;
            out.extend(self.sleep(next.min(end) - self.ms));
            if let Some(word) = self.word.filter(|_| self.ms.is_multiple_of(500)) {
                out.extend(self.hear(word));
                if self.ms.is_multiple_of(1000) {
                    out.extend(self.hear(BEAT));
                }
            }
        }
        out
    }

    /// The clock goes on and the controller says nothing.
    pub(super) fn sleep(&mut self, ms: u64) -> Vec<Action> {
        let end = self.ms + ms;
        let mut out = Vec::new();
        let mut stuck = 0;
        while let Some(at) = self.controller.wake_at().filter(|at| at.0.div_ceil(1000) <= end) {
            let at = at.0.div_ceil(1000).max(self.ms);
            stuck = if at == self.ms { stuck + 1 } else { 0 };
            assert!(stuck < 8, "wake-ups that change nothing");
            self.ms = at;
            out.extend(self.event(Event::Woke));
        }
        self.ms = end;
        out
    }

    /// What it would tell now.
    pub(super) fn status(&mut self) -> ChargerStatus {
        let mut out = Vec::new();
        self.controller.report_status(self.now().mono, &mut out);
        let [Action::Report(Report::Charger(status))] = &out[..] else { panic!("{out:?}") };
        status.clone()
    }

    pub(super) fn state(&mut self) -> ChargerState {
        self.status().state
    }
}

/// 11 of V1.21 (84 octets), result and reason 0.
pub(super) const COMPLETE: [u8; 84] = {
    let mut p = [0xFF; 84];
    let head = [
        1, 2, 0, 0, 1, 1, 0, 1, 1, 0, 0, 3, 105, 0xAA, 0x19, 0x6D, 0x01, 0xE8, 0x03, 0x80, 0x16, 0x94, 0x16,
        0xF0, 0x0A, 0xFA, 0x0A, 0x54, 0x01, 0x4C, 0x1D, 0xD0, 0x07, 0xDC, 0x05, 0x8C, 0x0F,
    ];
    let mut i = 0;
    while i < 37 {
        p[i] = head[i];
        i += 1;
    }
    while i < 54 {
        p[i] = VIN[i - 37];
        i += 1;
    }
    let tail = [b'C', b'A', b'T', b'L', 0x34, 0x12, 0, 0, 36, 6, 15, 0xE8, 0x03, 0, 1];
    while i < 69 {
        p[i] = tail[i - 54];
        i += 1;
    }
    p
};

/// Frames that were sent, as lines.
pub(super) fn sent(out: &[Action]) -> Vec<String> {
    out.iter()
        .filter_map(|a| if let Action::Send(frame) = a { Some(frame.to_string()) } else { None })
        .collect()
}

/// Frames of one message.
pub(super) fn sent_of(out: &[Action], kind: Kind) -> Vec<String> {
    let id = format!("{}#", kind.id(0xF6));
    sent(out).into_iter().filter(|line| line.starts_with(&id)).collect()
}

pub(super) fn outcomes(out: &[Action]) -> Vec<(u64, Result<(), OrderFault>)> {
    out.iter()
        .filter_map(|a| match a {
            Action::Report(Report::Done(OrderId(id), outcome)) => Some((*id, *outcome)),
            _ => None,
        })
        .collect()
}

pub(super) fn vehicles(out: &[Action]) -> Vec<VehicleReport> {
    out.iter()
        .filter_map(|a| match a {
            Action::Report(Report::Vehicle(report)) => Some(report.clone()),
            _ => None,
        })
        .collect()
}

pub(super) fn states(out: &[Action]) -> Vec<ChargerState> {
    let mut states: Vec<ChargerState> = out
        .iter()
        .filter_map(|a| if let Action::Report(Report::Charger(s)) = a { Some(s.state) } else { None })
        .collect();
    states.dedup();
    states
}
