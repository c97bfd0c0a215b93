#![no_main]
//! A hostile platform: any octets in any pieces into the uplink; memory and answers stay bounded.
use depotd::uplink::{Incoming, Uplink};
use depotd::uplink::p222::{Config, P222};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|pieces: Vec<Vec<u8>>| {
    let mut uplink = P222::new(Config::default());
    for piece in &pieces {
        for incoming in uplink.receive(piece) {
            if incoming == Incoming::Hopeless {
                uplink.reset();
            }
        }
        if uplink.is_waiting() && piece.len() % 7 == 0 {
            let _all = uplink.expire();
        }
    }
});
