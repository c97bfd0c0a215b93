//! The card list (platform-222.md 18): changed as a whole or by keys, always in one durable step.

use super::column::at_most;
use super::error::{Fault, refuse};
use crate::model::access::Card;
use crate::model::ident::CardUid;
use crate::model::time::Utc;
use rusqlite::{Connection, Row, params};

/// Most entries of the list (platform-222.md 2).
pub(super) const CARDS: i64 = 200_000;

/// Replaces the whole list.
pub(super) fn replace(db: &Connection, version: u32, cards: &[Card]) -> Result<(), Fault> {
    db.execute("DELETE FROM card", [])?;
    put(db, cards)?;
    in_force(db, version)
}

/// Adds or replaces entries, then deletes by key; an unknown key is no fault.
pub(super) fn change(db: &Connection, version: u32, added: &[Card], delete: &[CardUid]) -> Result<(), Fault> {
    put(db, added)?;
    let mut statement = db.prepare_cached("DELETE FROM card WHERE uid = ?1")?;
    for uid in delete {
        statement.execute([uid])?;
    }
    in_force(db, version)
}

/// The platform confirmed the list: its age counts from here.
pub(super) fn confirmed(db: &Connection, at: Utc) -> Result<(), Fault> {
    db.prepare_cached("UPDATE station SET card_list_confirmed = ?1")?.execute([at])?;
    Ok(())
}

/// The list in the order of the UIDs, at most so many entries.
pub(super) fn cards(db: &Connection, limit: usize) -> rusqlite::Result<Vec<Card>> {
    db.prepare("SELECT * FROM card ORDER BY uid LIMIT ?1")?.query_map([at_most(limit)], read)?.collect()
}

/// How many entries the list has.
pub(super) fn count(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("SELECT count(*) FROM card", [], |r| r.get(0))
}

fn put(db: &Connection, cards: &[Card]) -> Result<(), Fault> {
    let mut statement = db.prepare_cached(
        "INSERT INTO card (uid, account, status, card_group, max_concurrent, valid_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (uid) DO UPDATE
         SET account = excluded.account, status = excluded.status, card_group = excluded.card_group,
             max_concurrent = excluded.max_concurrent, valid_until = excluded.valid_until",
    )?;
    for card in cards {
        statement.execute(params![
            card.uid,
            card.account,
            card.status,
            card.group,
            card.max_concurrent,
            card.valid_until
        ])?;
    }
    Ok(())
}

fn in_force(db: &Connection, version: u32) -> Result<(), Fault> {
    let count = count(db)?;
    if count > CARDS {
        return refuse(format!("{count} cards; the list holds {CARDS}"));
    }
    db.prepare_cached("UPDATE station SET card_list_version = ?1")?.execute([version])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Card> {
    Ok(Card {
        uid: row.get("uid")?,
        account: row.get("account")?,
        status: row.get("status")?,
        group: row.get("card_group")?,
        max_concurrent: row.get("max_concurrent")?,
        valid_until: row.get("valid_until")?,
    })
}
