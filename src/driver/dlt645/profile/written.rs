//! The file as it is written. Each item is read on its own, so that one mistake does not hide the next.

use super::Quantity;
use crate::driver::modbus::profile::{Unit, Verified};
use crate::driver::modbus::value::Decimal;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) verified: Verified,
    pub(super) protocol: Protocol,
    #[serde(default)]
    pub(super) source: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Meter,
}

#[derive(Deserialize)]
pub(super) enum Protocol {
    #[serde(rename = "dlt645-2007")]
    Y2007,
    #[serde(rename = "dlt645-1997")]
    Y1997,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) name: Quantity,
    pub(super) di: String,
    pub(super) encoding: Encoding,
    pub(super) count: usize,
    pub(super) scale: Option<Decimal>,
    pub(super) unit: Unit,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Encoding {
    Bcd,
    BcdSigned,
    U32Le,
    F32Le,
}
