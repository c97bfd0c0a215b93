#![no_main]
//! Any octets, as `depotctl decode mt62x` takes them; what is good must encode to octets that decode alike.
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| depotd_fuzz::codec("mt62x", octets));
