#![no_main]
//! Any octets, as `depotctl decode ykc16` takes them; what is good must encode to octets that decode alike.
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| depotd_fuzz::codec("ykc16", octets));
