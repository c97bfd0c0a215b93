//! The station controller of an electric-bus depot: the map of the house.
//!
//! `depotd` reads chargers, meters and card readers over RS-485, keeps every charging record in SQLite, and is a TCP
//! client of the city's central platform (DB4403/T 222-2021). When the link is down the depot goes on charging by its
//! own lists, and every record reaches the platform exactly once when the link returns.
//!
//! Bytes have meaning in [`wire`], and `wire` knows nothing else of ours. Decisions are made in **machines**: plain
//! structs with `handle(now, event) -> Vec<Action>` and `wake_at() -> Option<Instant>`; no clock, no runtime, no disk, no
//! socket. Effects are made in **tasks**: short loops that wait, hand over and obey. Machines of different tasks never
//! call each other; they exchange [`model`] values, so any of them can be replaced or simulated. What is owed is on disk
//! before it is acted upon, and leaves the disk only when the platform has it.
//!
//! A module names only modules of strictly lower layers, or itself; `tests/tidy` keeps it so.
//!
//! | layer | module | what |
//! |---|---|---|
//! | 10 | `src/bin` | depotd, depotctl, depotsim: a handful of lines each |
//! | 9 | [`cli`] | the three programs as their users type them |
//! | 8 | [`app`] | builds machines from a checked configuration, starts and stops them |
//! | 8 | [`sim`] | simulated devices, people and platform: pure models, thin shells |
//! | 7 | [`web`] | the local page on top of the same vocabulary |
//! | 6 | [`control`] | the local API: a unix socket, one vocabulary for tool and page |
//! | 5 | [`task`] | the loops: line, CAN bus, link, station, store, watchdog |
//! | 4 | [`store`] | SQLite: append-only migrations, ledger with hash chain, queues |
//! | 4 | [`port`] | serial lines, CAN buses, sockets, clocks, signals, the service manager |
//! | 4 | [`config`] | the file as written, the configuration as relied on, every problem with its line |
//! | 3 | [`station`] | the only machine that sees the whole: connectors, authorisation, lists, commands, journal |
//! | 2 | [`bus`] | half-duplex master: gaps, time-outs, turns, quarantine, health |
//! | 2 | [`canbus`] | one CAN bus: whose frames are whose, its adapter, its errors |
//! | 2 | [`session`] | one charging session from its acceptance to its record |
//! | 2 | [`link`] | one connection to the platform: login, heartbeat, order after login, lanes, commands |
//! | 1 | [`driver`] | one device on a shared line: what to ask, what the answer means |
//! | 1 | [`bms`] | GB/T 27930 from a listener's seat: phase, vehicle, demand, why it stopped |
//! | 1 | [`billing`] | tariff slots, split over time, integer money |
//! | 1 | [`uplink`] | one folder per platform protocol: records out, commands in |
//! | 1 | [`outbox`] | what goes next: lanes, windows, retention |
//! | 0 | [`model`] | the words of the field as types |
//! | 0 | [`wire`] | bytes and their meaning |
//!
//! Layers 0 to 3 are pure: no runtime, no files, no sockets, no clock, no log.
//!
//! A reading goes up: octets, [`port`], [`task`], [`bus`], [`driver`], [`station`], [`session`], rows of one batch,
//! [`store`], and when that is durable [`outbox`], [`uplink`], [`link`]. A command comes down the other way and is
//! answered after its effect is durable.
//!
//! A tap on the plug's own bus goes another way: frames, [`wire::gbt27930`], [`bms`], which only listens.
//!
//! Two seams let the house grow: [`driver::Driver`] under the bus (a new meter on a known wire costs one new file and one
//! edited line) and [`uplink::Uplink`] under the link (a new platform protocol costs its own folder).

pub mod app;
pub mod billing;
pub mod bms;
pub mod bus;
pub mod canbus;
pub mod cli;
pub mod config;
pub mod control;
pub mod driver;
pub mod link;
pub mod model;
pub mod outbox;
pub mod port;
pub mod session;
pub mod sim;
pub mod station;
pub mod store;
pub mod task;
pub mod uplink;
pub mod web;
pub mod wire;
