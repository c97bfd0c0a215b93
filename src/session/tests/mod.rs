//! Sessions event by event, and against a small world of charger, meter, store and power cuts.

mod bench;
mod kill;
mod limit;
mod random;
mod recover;
mod start;
mod stop;
mod vehicle;
mod world;
