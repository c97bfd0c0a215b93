//! How the words of the field stand in columns: names as their octets, quantities and times as integers, whole values
//! as JSON.

use crate::model::access::{CardStatus, PlateStatus, VehicleStatus};
use crate::model::ident::{BadIdentity, CardUid, ConnectorId, DeviceCode, TransactionNumber, Vin};
use crate::model::money::Money;
use crate::model::quantity::Energy;
use crate::model::text::Text;
use crate::model::time::Utc;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Columns of a name or a quantity: what is inside is written and read.
macro_rules! as_inner {
    ($($name:ident),*) => {$(
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                FromSql::column_result(value).map($name)
            }
        }
    )*};
}

as_inner!(DeviceCode, TransactionNumber, Energy, Money, Utc);

impl ToSql for CardUid {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_bytes().to_sql()
    }
}

impl FromSql for CardUid {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        CardUid::new(value.as_blob()?).map_err(|e| FromSqlError::Other(Box::new(e)))
    }
}

impl ToSql for Vin {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_str().to_sql()
    }
}

impl FromSql for Vin {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|e| FromSqlError::Other(Box::<BadIdentity>::new(e)))
    }
}

impl<const N: usize> ToSql for Text<N> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.as_str().to_sql()
    }
}

impl<const N: usize> FromSql for Text<N> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str().map(Text::from)
    }
}

/// Columns of a status: numbers as on the wire; any other number is the one that forbids.
macro_rules! as_number {
    ($name:ident: $one:ident, $two:ident, $three:ident; else $other:ident) => {
        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(match self {
                    $name::$one => 1,
                    $name::$two => 2,
                    $name::$three => 3,
                }))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                Ok(match value.as_i64()? {
                    1 => $name::$one,
                    2 => $name::$two,
                    3 => $name::$three,
                    _ => $name::$other,
                })
            }
        }
    };
}

as_number!(CardStatus: Allowed, Blocked, Lost; else Blocked);
as_number!(VehicleStatus: Allowed, Grey, Refused; else Refused);
as_number!(PlateStatus: Open, Watched, Refused; else Refused);

/// A number that counts up from zero. SQLite holds 63 bits of it; more is an error, never another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole(pub(super) u64);

impl ToSql for Whole {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number =
            i64::try_from(self.0).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        Ok(ToSqlOutput::from(number))
    }
}

impl FromSql for Whole {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Whole).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// A whole value as JSON text.
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let text = serde_json::to_string(&self.0)
            .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
        Ok(ToSqlOutput::from(text))
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        serde_json::from_str(value.as_str()?).map(Json).map_err(|e| FromSqlError::Other(Box::new(e)))
    }
}

/// A connector from the columns `pile` and `connector`.
pub(super) fn connector(row: &Row<'_>) -> rusqlite::Result<ConnectorId> {
    Ok(ConnectorId { pile: row.get("pile")?, number: row.get("connector")? })
}

/// At most so many rows, as SQLite counts them.
pub(super) fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
