//! depotctl
fn main() {}
