#![no_main]
//! Frames on a bus with both CAN dialogues: eleven octets give PDU format, direction and waiting time, length, data.
use depotd::bms::{Config, Event, Listener};
use depotd::model::time::{Instant, Now};
use depotd::wire::can::{Frame, Id};
use depotd::wire::tcu::receiver::{Controllers, Receiver};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let mut listener = Listener::new(Config::default());
    let mut tcu = Receiver::new(Controllers::Any);
    let mut at_us = 0;
    for [pf, way, dlc, data @ ..] in octets.as_chunks::<11>().0 {
        at_us += u64::from(way >> 2) * 100_000;
        let (to, from) = match way & 3 {
            0 => (0xF4, 0x56),
            1 => (0x56, 0xF4),
            2 => (0x8A, 0xF6),
            _ => (0xF6, 0x8A),
        };
        let data = &data[..usize::from(dlc % 9)];
        let frame = Frame::new(Id::pdu1(6, *pf, to, from), data).expect("at most eight");
        let _ = listener.handle(Now { mono: Instant(at_us), ..Now::default() }, Event::Frame(&frame));
        let _ = tcu.hear(at_us, &frame);
    }
});
