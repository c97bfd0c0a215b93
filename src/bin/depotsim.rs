//! depotsim
fn main() {}
