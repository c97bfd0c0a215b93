//! depotd
fn main() {}
