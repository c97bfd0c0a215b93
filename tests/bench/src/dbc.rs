//! The single-frame messages of both protocols as a DBC file, written from the same tables that our decoder reads.
//!
//! Fields of more than 32 bits (texts) are left out on both sides, and so is CTS, whose BCD no DBC describes.

use depotd::wire::can::{self, Id};
use depotd::wire::field::{Field, Form};
use depotd::wire::gbt27930::{self, Edition, Message, layout};
use depotd::wire::tcu;
use std::fmt::Write;

/// The first of the controllers whose messages are described.
pub const CCUS: std::ops::Range<u8> = 0xE0..0xE8;

/// A message of one frame.
pub struct Described {
    /// Its identifier.
    pub id: Id,
    name: String,
    length: usize,
    /// Its fields of at most 32 bits.
    pub fields: Vec<&'static Field>,
}

/// All of them.
#[must_use]
pub fn described() -> Vec<Described> {
    let plug = gbt27930::Kind::ALL.iter().filter_map(|kind| {
        let table = layout::of(*kind, Edition::V2015);
        let fits = table.length <= can::MOST && !table.fields.is_empty();
        fits.then(|| described_as(kind.id(), kind.name().to_owned(), table.length, table.fields))
    });
    let charger = tcu::Kind::ALL.iter().filter(|kind| !kind.is_long()).flat_map(|kind| {
        CCUS.map(move |ccu| {
            let name = format!("{kind:?}_{ccu:02X}");
            described_as(kind.id(ccu), name, can::MOST, tcu::layout::of(*kind, can::MOST).common)
        })
    });
    plug.chain(charger).filter(|d| !d.fields.is_empty()).collect()
}

fn described_as(id: Id, name: String, length: usize, fields: &'static [Field]) -> Described {
    let fields = fields.iter().filter(|f| f.bits <= 32 && f.end() <= length).collect();
    Described { id, name, length, fields }
}

/// The text of the file.
#[must_use]
pub fn text(messages: &[Described]) -> String {
    let mut out = String::from("VERSION \"\"\nNS_ :\nBS_:\nBU_: Vector__XXX\n");
    for message in messages {
        let Described { id, name, length, fields } = message;
        let extended = id.raw() | 1 << 31;
        writeln!(out, "\nBO_ {extended} {name}: {length} Vector__XXX").expect("text");
        for field in fields {
            let (factor, offset) = scale(field);
            writeln!(
                out,
                " SG_ {} : {}|{}@1+ ({factor},{offset}) [0|0] \"\" Vector__XXX",
                field.name, field.at, field.bits
            )
            .expect("text");
        }
    }
    out
}

fn scale(field: &Field) -> (f64, f64) {
    match field.form {
        Form::Number { places, offset, negated } => {
            let step = 10f64.powi(-i32::from(places)) * if negated { -1.0 } else { 1.0 };
            (step, f64::from(offset) * step)
        }
        Form::Text | Form::Vin | Form::Hex | Form::Octets(_) | Form::Version => (1.0, 0.0),
    }
}

/// The sum of all raw integers of a message, with which two decoders can be compared.
#[must_use]
pub fn sum(fields: &[&'static Field], payload: &[u8]) -> u64 {
    fields.iter().filter_map(|f| f.raw(payload)).map(u64::from).sum()
}

/// Every field of a message of the plug's bus as an integer of its unit; their sum, so that no work is left out.
#[must_use]
pub fn read(message: &Message<'_>, edition: Edition) -> i64 {
    values(message.layout(edition).fields, message.payload())
}

/// The same of a message of the charger's bus.
#[must_use]
pub fn read_tcu(message: &tcu::Message<'_>) -> i64 {
    let tables = tcu::layout::of(message.kind(), message.payload().len());
    values(tables.common, message.payload()) + values(tables.more, message.payload())
}

fn values(fields: &'static [Field], payload: &[u8]) -> i64 {
    fields.iter().filter_map(|f| f.value(payload)).sum()
}
