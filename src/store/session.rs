//! Sessions and their steps. One session is one row from its acceptance on; a closed one never opens again.

use super::column::connector;
use super::error::{Fault, refuse};
use super::number;
use crate::model::batch::SessionRow;
use crate::model::ident::{ConnectorId, TransactionNumber};
use crate::model::time::Utc;
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Steps kept, of all sessions together: the newest.
pub(super) const STEPS: i64 = 500_000;

/// Inserts or replaces the state of a session.
pub(super) fn put(db: &Connection, row: &SessionRow) -> Result<(), Fault> {
    let known = db
        .prepare_cached("SELECT pile, connector, open FROM session WHERE txn = ?1")?
        .query_row([row.txn], |r| Ok((connector(r)?, r.get::<_, bool>("open")?)))
        .optional()?;
    match known {
        None if row.txn.is_none() => return refuse("a session without a transaction number"),
        None => number::first_met(db, &row.txn)?,
        Some((place, _)) if place != row.connector => {
            return refuse(format!("session {} is at {place}, not at {}", row.txn, row.connector));
        }
        Some((_, false)) if row.open => {
            return refuse(format!("session {} is closed; a closed one never opens again", row.txn));
        }
        Some(_) => {}
    }
    if row.open
        && let Some(other) = open_at(db, row.connector)?
        && other != row.txn
    {
        return refuse(format!("session {other} is still open at {}", row.connector));
    }
    db.prepare_cached(
        "INSERT INTO session (txn, pile, connector, phase, open, began, at, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)
         ON CONFLICT (txn) DO UPDATE
         SET phase = excluded.phase, open = excluded.open, at = excluded.at, state = excluded.state",
    )?
    .execute(params![
        row.txn,
        row.connector.pile,
        row.connector.number,
        row.phase,
        row.open,
        row.at,
        row.state
    ])?;
    Ok(())
}

/// Appends a step; the oldest of all make room.
pub(super) fn step(
    db: &Connection,
    txn: &TransactionNumber,
    at: Option<Utc>,
    what: &str,
) -> Result<(), Fault> {
    db.prepare_cached("INSERT INTO step (txn, at, what) VALUES (?1, ?2, ?3)")?
        .execute(params![txn, at, what])?;
    db.prepare_cached("DELETE FROM step WHERE id <= ?1")?.execute([db.last_insert_rowid() - STEPS])?;
    Ok(())
}

/// Whether this session is still open.
pub(super) fn is_open(db: &Connection, txn: &TransactionNumber) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM session WHERE txn = ?1 AND open = 1")?.exists([txn])
}

/// Every open session, in the order they began.
pub(super) fn open(db: &Connection) -> rusqlite::Result<Vec<SessionRow>> {
    db.prepare("SELECT * FROM session WHERE open = 1 ORDER BY id")?.query_map([], read)?.collect()
}

fn open_at(db: &Connection, place: ConnectorId) -> rusqlite::Result<Option<TransactionNumber>> {
    db.prepare_cached("SELECT txn FROM session WHERE pile = ?1 AND connector = ?2 AND open = 1")?
        .query_row(params![place.pile, place.number], |r| r.get(0))
        .optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        txn: row.get("txn")?,
        connector: connector(row)?,
        phase: row.get("phase")?,
        open: row.get("open")?,
        at: row.get("at")?,
        state: row.get("state")?,
    })
}
