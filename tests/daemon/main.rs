//! The built programs over pseudo-terminals and TCP: started, asked, cut off, killed and started again.
//!
//! Everything is waited for by what can be seen (a line, an answer, an exit); the clock of the wall only bounds it.

mod can;
mod check;
mod depot;
mod frames;
mod kill;
mod outage;
mod page;
mod program;
mod reload;
mod start;
mod stop;
mod tool;
mod typed;
mod vehicle;
mod ykc16;
