//! SQLite: append-only migrations, ledger with hash chain, queues.
//!
//! One batch is one transaction: all of its rows are on the disk when [`Store::apply`] returns `Ok`, and none of them
//! otherwise. Rows that contradict what is stored are refused here although the station should never write them: the
//! ledger holds even against our own mistakes. After any crash [`Store::open`] finds exactly the batches that were
//! committed.
//!
//! What is absent: clocks (times come with the rows), decisions, threads ([`crate::task`] gives the store one), and
//! any way to change a record or to drop one that the platform does not have.
//!
//! The file belongs to one daemon; readers ([`Store::open_read_only`]) may look at any time. Everything in it that can
//! grow has a bound, except what the platform has not acknowledged.

mod alarm;
mod audit;
mod column;
mod error;
mod ledger;
mod lists;
mod lock;
mod number;
pub mod people;
mod queue;
mod recovery;
mod retention;
mod schema;
mod session;
mod tariff;
pub mod verify;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use error::{Error, Trouble};
pub use retention::Pruned;

use crate::model::batch::{Batch, ListRow, Recovered, Row};
use crate::model::ident::DeviceCode;
use crate::model::message::{Entry, Lane};
use crate::model::time::Utc;
use error::{Fault, refuse};
use lock::Lock;
use rusqlite::{Connection, TransactionBehavior};
use std::path::{Path, PathBuf};

/// The ledger and the queues of one station.
#[derive(Debug)]
pub struct Store {
    // Closed before the lock goes: fields drop in this order.
    db: Connection,
    lock: Option<Lock>,
    path: PathBuf,
}

impl Store {
    /// Opens the file, creates it when there is none, brings it up to date, and says what it knows. The boot counter
    /// has risen, durably, when this returns.
    ///
    /// # Errors
    /// Another depotd owns the file; it is newer than this program, of another program, damaged, or out of reach.
    pub fn open(path: &Path) -> Result<(Store, Recovered), Error> {
        let lock = Some(Lock::take(path)?);
        let db = schema::open(path, schema::MIGRATIONS)?;
        Store { db, lock, path: path.to_owned() }.start()
    }

    /// A store without a file, for simulations.
    ///
    /// # Errors
    /// No memory.
    pub fn in_memory() -> Result<(Store, Recovered), Error> {
        let path = PathBuf::from(":memory:");
        let db = schema::in_memory().map_err(|e| Error::sqlite(&path, &e))?;
        Store { db, lock: None, path }.start()
    }

    /// A restart on the same data.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn reopen(self) -> Result<(Store, Recovered), Error> {
        if self.lock.is_none() {
            return self.start();
        }
        let path = self.path.clone();
        drop(self);
        Store::open(&path)
    }

    /// Opens a file to look at it: nothing is written, and a daemon may be at work on it. [`Store::apply`] fails.
    ///
    /// # Errors
    /// As [`Store::open`], and when the file was written by an older version and not brought up to date yet.
    pub fn open_read_only(path: &Path) -> Result<Store, Error> {
        let db = schema::open_read_only(path)?;
        Ok(Store { db, lock: None, path: path.to_owned() })
    }

    /// Makes a batch durable: all of its rows, or nothing.
    ///
    /// # Errors
    /// [`Error::Refused`] names the row that contradicts what is stored; anything else is the disk.
    pub fn apply(&mut self, batch: &Batch) -> Result<(), Error> {
        let path = &self.path;
        let sqlite = |e: rusqlite::Error| Error::sqlite(path, &e);
        let tx = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(sqlite)?;
        for (at, row) in batch.rows.iter().enumerate() {
            apply(&tx, row).map_err(|fault| fault.at(at, path))?;
        }
        for (at, row) in batch.rows.iter().enumerate() {
            check_closed(&tx, row).map_err(|fault| fault.at(at, path))?;
        }
        if let Some(stamp) = batch.rows.iter().filter_map(stamp).max() {
            recovery::stamp(&tx, stamp).map_err(sqlite)?;
        }
        tx.commit().map_err(sqlite)
    }

    /// Entries of a lane after this identity that wait for the platform, oldest first, at most so many.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entries(&self, lane: Lane, after: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        self.entries_of(lane, None, after, limit)
    }

    /// The same of one pile, or of all.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entries_of(
        &self,
        lane: Lane,
        of: Option<DeviceCode>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, Error> {
        self.ask(|db| queue::entries(db, lane, of, after, limit))
    }

    fn start(mut self) -> Result<(Store, Recovered), Error> {
        let recovered = recovery::recover(&mut self.db).map_err(|e| Error::sqlite(&self.path, &e))?;
        Ok((self, recovered))
    }

    /// A question to the database.
    fn ask<T>(&self, question: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        question(&self.db).map_err(|e| Error::sqlite(&self.path, &e))
    }
}

fn apply(db: &Connection, row: &Row) -> Result<(), Fault> {
    match row {
        Row::Session(row) => session::put(db, row),
        Row::Step { txn, at, what } => session::step(db, txn, *at, what),
        Row::Record(row) => ledger::append(db, row),
        Row::Queue(entry) => queue::put(db, entry),
        Row::Acknowledged { entry, at, verdict } => queue::acknowledged(db, *entry, *at, *verdict),
        Row::Withdrawn(entry) => queue::withdrawn(db, *entry),
        Row::Requeue { first, last } => ledger::requeue(db, *first, *last),
        Row::Serial { pile, counter, time } => number::serial(db, *pile, *counter, *time),
        Row::Tariff(tariff) => tariff::keep(db, tariff),
        Row::TariffInForce { number, pending } => tariff::in_force(db, *number, *pending),
        Row::Cards(row) => lists::apply(db, row),
        Row::Vehicles(row) => lists::apply(db, row),
        Row::Plates(row) => lists::apply(db, row),
        Row::Departures(plans) => lists::departures(db, plans),
        Row::CommandSeen(txn, result) => number::command(db, txn, *result),
        Row::Alarm { alarm, open, at } => alarm::put(db, alarm, *open, *at),
        Row::Audit { at, who, what } => audit::append(db, *at, who, what),
    }
}

/// The record closes its session in the same durable step (platform-222.md 16.4): nobody else may own it afterwards.
fn check_closed(db: &Connection, row: &Row) -> Result<(), Fault> {
    let Row::Record(row) = row else { return Ok(()) };
    let txn = row.record.txn;
    if session::is_open(db, &txn)? {
        refuse(format!("session {txn} has its record and stays open"))
    } else {
        Ok(())
    }
}

/// When a row was written, if it says so.
fn stamp(row: &Row) -> Option<Utc> {
    match row {
        Row::Session(row) => row.at,
        Row::Record(row) => row.at,
        Row::Step { at, .. }
        | Row::Acknowledged { at, .. }
        | Row::Alarm { at, .. }
        | Row::Audit { at, .. } => *at,
        Row::Cards(ListRow::Confirmed(at))
        | Row::Vehicles(ListRow::Confirmed(at))
        | Row::Plates(ListRow::Confirmed(at)) => Some(*at),
        Row::Queue(_)
        | Row::Withdrawn(_)
        | Row::Requeue { .. }
        | Row::Serial { .. }
        | Row::Tariff(_)
        | Row::TariffInForce { .. }
        | Row::Cards(ListRow::Replace(..) | ListRow::Change { .. })
        | Row::Vehicles(ListRow::Replace(..) | ListRow::Change { .. })
        | Row::Plates(ListRow::Replace(..) | ListRow::Change { .. })
        | Row::Departures(_)
        | Row::CommandSeen(..) => None,
    }
}
