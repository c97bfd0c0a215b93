#![no_main]
//! A hostile platform: any octets in any pieces into the uplink; nothing panics, and what is unfinished can expire.
use depotd::model::ident::DeviceCode;
use depotd::uplink::p222::{Config, P222};
use depotd::uplink::{Incoming, Uplink};
use depotd::wire::platform222::Variant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let mut uplink = P222::new(Config {
        station: DeviceCode([0x44, 0x03, 0x00, 0x12, 0x34, 0x00, 0x01]),
        secret: None,
        crc: Variant::default(),
        little_endian: false,
        software: String::new(),
        piles: 1,
        connectors: 1,
    });
    for piece in &pieces {
        if uplink.receive(piece).contains(&Incoming::Hopeless) {
            uplink.reset();
        }
        if uplink.unfinished().is_some() && piece.len() % 7 == 0 {
            let _all = uplink.expire();
        }
    }
});
