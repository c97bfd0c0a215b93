#![no_main]
//! Any octets, as `depotctl decode slcan` takes them; what is good must encode to octets that decode alike.
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| depotd_fuzz::codec("slcan", octets));
