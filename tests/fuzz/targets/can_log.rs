#![no_main]
//! Any text, as `depotctl decode gbt27930` and `decode tcu` take it.
use depotd::wire::codec::{self, Options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    for protocol in ["gbt27930", "tcu"] {
        let codec = codec::by_name(protocol).expect("the codec is in the list");
        let _ = (codec.decode)(octets, &Options::default());
    }
});
