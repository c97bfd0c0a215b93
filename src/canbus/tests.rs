//! A bus with two charge controllers, or with a tap.

use super::*;
use crate::bms::{self, Tap};
use crate::driver::tcu::{self, Controller, Dialect};
use crate::model::ident::DeviceCode;
use crate::model::report::OrderId;
use crate::model::request::Order;
use crate::model::time::{ClockTrust, Utc};
use crate::wire::can::Id;

fn at(ms: u64) -> Now {
    Now { mono: Instant(ms * 1000), wall: Utc(ms as i64), trust: ClockTrust::Rtc }
}

fn controller(address: u8) -> Device {
    let config = tcu::Config {
        controller: address,
        interface: 1,
        pile: DeviceCode::default(),
        dialect: Dialect::Auto,
    };
    Device::Controller(Box::new(Controller::new(at(0), config)))
}

fn tap() -> Device {
    Device::Tap(Box::new(Tap::new(bms::Config::default())))
}

fn bus(listen_only: bool, devices: Vec<Device>) -> Bus {
    let devices = devices.into_iter().zip(0..).map(|(device, id)| (DeviceId(id), device));
    Bus::new(Config { bitrate: 250_000, listen_only }, devices.collect())
}

fn two() -> Bus {
    bus(false, vec![controller(0xE0), controller(0xE1)])
}

fn opened(mut bus: Bus) -> (Bus, Vec<Action>) {
    assert_eq!(bus.handle(at(0), Event::Woke), [Action::Open]);
    let actions = bus.handle(at(1), Event::Opened);
    (bus, actions)
}

/// The heartbeat of a controller.
fn heartbeat(source: u8) -> Frame {
    Frame::new(Id::pdu1(6, 0x41, 0x8A, source), &[1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]).expect("eight")
}

/// Addresses of the controllers that got a heartbeat of ours.
fn beats(actions: &[Action]) -> Vec<u8> {
    let beat = |action: &Action| match action {
        Action::Send(frame) if frame.id().pf() == 0x40 => Some(frame.id().destination()),
        Action::Send(_) | Action::Open | Action::Report(..) => None,
    };
    actions.iter().filter_map(beat).collect()
}

fn links(actions: &[Action]) -> Vec<(u16, LinkState)> {
    let link = |action: &Action| match action {
        Action::Report(DeviceId(id), Report::Link(state)) => Some((*id, *state)),
        Action::Report(..) | Action::Send(_) | Action::Open => None,
    };
    actions.iter().filter_map(link).collect()
}

#[test]
fn every_controller_gets_its_heartbeat_as_soon_as_the_bus_is_there() {
    let (_, actions) = opened(two());
    assert_eq!(beats(&actions), [0xE0, 0xE1]);
}

#[test]
fn a_lost_adapter_silences_every_device_and_is_opened_again_after_1_2_4_and_8_s() {
    let (mut bus, _) = opened(two());
    let lost = bus.handle(at(100), Event::Lost);
    assert_eq!(links(&lost), [(0, LinkState::Silent), (1, LinkState::Silent)]);
    assert_eq!(links(&bus.handle(at(100), Event::Lost)), [], "told once");
    let mut now_ms = 100;
    for wait_ms in [1_000, 2_000, 4_000, 8_000, 8_000] {
        assert!(!bus.handle(at(now_ms + wait_ms - 1), Event::Woke).contains(&Action::Open), "{wait_ms}");
        now_ms += wait_ms;
        assert_eq!(bus.handle(at(now_ms), Event::Woke), [Action::Open]);
        let failed = bus.handle(at(now_ms), Event::OpenFailed);
        assert_eq!(failed, [], "no heartbeat goes to nowhere");
    }
    assert_eq!(bus.handle(at(now_ms + 8_000), Event::Woke), [Action::Open]);
    assert_eq!(beats(&bus.handle(at(now_ms + 8_001), Event::Opened)), [0xE0, 0xE1]);
    let status = bus.status(at(now_ms + 8_001));
    assert_eq!((status.state, status.counters.opened, status.counters.lost), (PortState::Open, 2, 6));
}

#[test]
fn a_frame_goes_to_whom_it_concerns_and_a_stranger_is_counted() {
    let (mut bus, _) = opened(two());
    let _ = bus.handle(at(10), Event::Frame(&heartbeat(0xE1)));
    let _ = bus.handle(at(11), Event::Frame(&heartbeat(0x77)));
    let status = bus.status(at(12));
    let received: Vec<u64> = status.devices.iter().map(|d| d.counters.received).collect();
    assert_eq!((received, status.counters.received, status.counters.foreign), (vec![0, 1], 2, 1));
}

#[test]
fn off_the_bus_everybody_is_silent_and_after_the_restart_heartbeats_go_on() {
    let (mut bus, _) = opened(two());
    let off = bus.handle(at(500), Event::Fault(Fault::State(BusState::Off)));
    assert_eq!(links(&off), [(0, LinkState::Silent), (1, LinkState::Silent)]);
    assert_eq!(bus.status(at(600)).state, PortState::Off);
    assert!(beats(&bus.handle(at(4_000), Event::Woke)).is_empty());
    let _ = bus.handle(at(4_500), Event::Fault(Fault::Restarted));
    let on = bus.handle(at(4_500), Event::Fault(Fault::State(BusState::Active)));
    assert_eq!(beats(&on), [0xE0, 0xE1]);
    let counters = bus.status(at(4_500)).counters;
    assert_eq!((counters.bus_off, counters.restarted, counters.errors), (1, 1, 1));
}

#[test]
fn on_a_bus_that_is_only_listened_to_nothing_is_sent() {
    let (bus, actions) = opened(bus(true, vec![controller(0xF6)]));
    assert_eq!(actions, []);
    assert!(bus.status(at(2)).counters.unsent > 0);
}

#[test]
fn an_adapter_that_lets_nobody_be_heard_is_opened_anew_once_and_then_rarely() {
    let (mut bus, _) = opened(two());
    let mut opened_ms = Vec::new();
    for now_ms in (1_000..400_000).step_by(1_000) {
        if bus.handle(at(now_ms), Event::Woke).contains(&Action::Open) {
            opened_ms.push(now_ms);
            let _ = bus.handle(at(now_ms), Event::Opened);
        }
    }
    assert_eq!(opened_ms, [31_000, 331_000]);
    assert_eq!(bus.status(at(400_000)).counters.reopened_mute, 2);
}

#[test]
fn a_tap_may_hear_nothing_all_night() {
    let (mut bus, actions) = opened(bus(true, vec![tap()]));
    assert_eq!(links(&actions), [(0, LinkState::Good)]);
    assert!((1..40_000).all(|s| bus.handle(at(s * 1_000), Event::Woke).is_empty()));
}

#[test]
fn a_tap_whose_adapter_is_back_is_in_order_although_nobody_speaks() {
    let (mut bus, _) = opened(bus(true, vec![tap()]));
    assert_eq!(links(&bus.handle(at(500), Event::Lost)), [(0, LinkState::Silent)]);
    assert_eq!(bus.handle(at(9_000), Event::Woke), [Action::Open]);
    assert_eq!(links(&bus.handle(at(9_001), Event::Opened)), [(0, LinkState::Good)]);
}

#[test]
fn an_order_that_nobody_can_obey_is_answered_at_once() {
    let (mut bus, _) = opened(bus(true, vec![tap()]));
    for device in [DeviceId(0), DeviceId(9)] {
        let request = Request { order: OrderId(4), what: Order::Stop };
        let done = Report::Done(OrderId(4), Err(OrderFault::Unsupported));
        assert_eq!(bus.handle(at(2), Event::Tell(device, request)), [Action::Report(device, done)]);
    }
}

#[test]
fn the_kernel_is_told_what_to_let_through() {
    assert_eq!(two().filters(), [Filter { id: 0x8A00, mask: 0xFF00 }]);
    let tapped = bus(true, vec![tap()]).filters();
    assert_eq!(tapped, [Filter { id: 0x56F4, mask: 0xFFFF }, Filter { id: 0xF456, mask: 0xFFFF }]);
}
