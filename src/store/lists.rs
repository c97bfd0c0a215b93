//! The lists of cards, vehicles and plates (platform-222.md 18): changed as a whole or by keys, always in one durable
//! step. Departure plans (0212).

use super::column::at_most;
use super::error::{Fault, refuse};
use crate::model::access::{Card, Departure, Listed, Plate, Vehicle};
use crate::model::batch::{KeptList, ListRow};
use rusqlite::{Connection, Params, Row, ToSql, params};

/// Where a list stands in the file.
pub(super) trait Table: Listed<Key: ToSql> {
    /// Its table.
    const NAME: &'static str;
    /// The columns, the key first.
    const COLUMNS: &'static str;
    /// Columns of `station` with its version and the moment it was confirmed.
    const VERSION: &'static str;
    const CONFIRMED: &'static str;

    /// The values of the columns.
    fn write(&self) -> impl Params;

    fn read(row: &Row<'_>) -> rusqlite::Result<Self>;
}

impl Table for Card {
    const NAME: &'static str = "card";
    const COLUMNS: &'static str = "uid, account, status, card_group, max_concurrent, valid_until";
    const VERSION: &'static str = "card_list_version";
    const CONFIRMED: &'static str = "card_list_confirmed";

    fn write(&self) -> impl Params {
        (self.uid, self.account, self.status, self.group, self.max_concurrent, self.valid_until)
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
}

impl Table for Vehicle {
    const NAME: &'static str = "vehicle";
    const COLUMNS: &'static str = "vin, fleet_number, plate, status, bound_card, power_percent, priority";
    const VERSION: &'static str = "vin_list_version";
    const CONFIRMED: &'static str = "vin_list_confirmed";

    fn write(&self) -> impl Params {
        let Vehicle { vin, fleet_number, plate, status, bound_card, power_percent, priority } = *self;
        (vin, fleet_number, plate, status, bound_card, power_percent, priority)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Vehicle> {
        Ok(Vehicle {
            vin: row.get("vin")?,
            fleet_number: row.get("fleet_number")?,
            plate: row.get("plate")?,
            status: row.get("status")?,
            bound_card: row.get("bound_card")?,
            power_percent: row.get("power_percent")?,
            priority: row.get("priority")?,
        })
    }
}

impl Table for Plate {
    const NAME: &'static str = "plate";
    const COLUMNS: &'static str = "plate, status, valid_from, valid_until, fleet_number";
    const VERSION: &'static str = "plate_list_version";
    const CONFIRMED: &'static str = "plate_list_confirmed";

    fn write(&self) -> impl Params {
        (self.plate, self.status, self.valid_from, self.valid_until, self.fleet_number)
    }

    fn read(row: &Row<'_>) -> rusqlite::Result<Plate> {
        Ok(Plate {
            plate: row.get("plate")?,
            status: row.get("status")?,
            valid_from: row.get("valid_from")?,
            valid_until: row.get("valid_until")?,
            fleet_number: row.get("fleet_number")?,
        })
    }
}

/// Applies one change; more entries than the list holds are refused.
pub(super) fn apply<T: Table>(db: &Connection, row: &ListRow<T>) -> Result<(), Fault> {
    match row {
        ListRow::Replace(version, entries) => {
            db.execute(&format!("DELETE FROM {}", T::NAME), [])?;
            put(db, entries)?;
            in_force::<T>(db, *version)
        }
        ListRow::Change { version, put: added, delete } => {
            put(db, added)?;
            let key = T::COLUMNS.split(',').next().unwrap_or_default();
            let mut statement = db.prepare_cached(&format!("DELETE FROM {} WHERE {key} = ?1", T::NAME))?;
            for gone in delete {
                statement.execute([gone])?;
            }
            in_force::<T>(db, *version)
        }
        ListRow::Confirmed(at) => {
            db.prepare_cached(&format!("UPDATE station SET {} = ?1", T::CONFIRMED))?.execute([at])?;
            Ok(())
        }
    }
}

/// A list in the order of its keys, at most so many entries.
pub(super) fn kept<T: Table>(db: &Connection, limit: usize) -> rusqlite::Result<KeptList<T>> {
    let (version, confirmed) =
        db.query_row(&format!("SELECT {}, {} FROM station", T::VERSION, T::CONFIRMED), [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let count = usize::try_from(count::<T>(db)?).unwrap_or(0).min(limit);
    let mut entries = Vec::with_capacity(count.min(T::KIND.capacity()));
    let question = format!("SELECT * FROM {} ORDER BY 1 LIMIT ?1", T::NAME);
    for entry in db.prepare(&question)?.query_map([at_most(limit)], T::read)? {
        entries.push(entry?);
    }
    Ok(KeptList { version, confirmed, entries })
}

/// How many entries a list has.
pub(super) fn count<T: Table>(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row(&format!("SELECT count(*) FROM {}", T::NAME), [], |row| row.get(0))
}

fn put<T: Table>(db: &Connection, entries: &[T]) -> Result<(), Fault> {
    let places = vec!["?"; T::COLUMNS.split(',').count()].join(", ");
    let mut statement =
        db.prepare_cached(&format!("INSERT OR REPLACE INTO {} ({}) VALUES ({places})", T::NAME, T::COLUMNS))?;
    for entry in entries {
        statement.execute(entry.write())?;
    }
    Ok(())
}

fn in_force<T: Table>(db: &Connection, version: u32) -> Result<(), Fault> {
    let (count, most) = (count::<T>(db)?, T::KIND.capacity());
    if usize::try_from(count).is_ok_and(|count| count > most) {
        return refuse(format!("{count} entries; the {} holds {most}", T::KIND.name()));
    }
    db.prepare_cached(&format!("UPDATE station SET {} = ?1", T::VERSION))?.execute([version])?;
    Ok(())
}

/// Keeps or removes departure plans.
pub(super) fn departures(db: &Connection, plans: &[Departure]) -> Result<(), Fault> {
    for plan in plans {
        match plan.depart {
            Some(depart) => db
                .prepare_cached(
                    "INSERT OR REPLACE INTO departure (vin, depart, target_soc, priority) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![plan.vin, depart, plan.target_soc, plan.priority])?,
            None => db.prepare_cached("DELETE FROM departure WHERE vin = ?1")?.execute([plan.vin])?,
        };
    }
    Ok(())
}

/// Every departure plan, in the order of the VINs.
pub(super) fn planned(db: &Connection) -> rusqlite::Result<Vec<Departure>> {
    db.prepare("SELECT * FROM departure ORDER BY vin")?
        .query_map([], |row| {
            Ok(Departure {
                vin: row.get("vin")?,
                depart: row.get("depart")?,
                target_soc: row.get("target_soc")?,
                priority: row.get("priority")?,
            })
        })?
        .collect()
}
