#![no_main]
//! Any text as a configuration: problems, never a panic.
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _checked = depotd::config::load(text, &|_| Err(std::io::ErrorKind::NotFound.into()));
});
