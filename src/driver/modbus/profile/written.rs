//! The file as it is written. Each table is read on its own, so that one mistake does not hide the next.

use super::{Group, Kind, Ordered, Unit, Verified};
use crate::driver::modbus::value::{Decimal, Form, Order};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) kind: Kind,
    pub(super) verified: Verified,
    pub(super) protocol: String,
    #[serde(default)]
    pub(super) source: String,
    #[serde(default)]
    pub(super) power_from_voltage_and_current: bool,
}

/// What the line is usually set to; the configuration of the line stands over it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) baud: u32,
    pub(super) parity: String,
    pub(super) stop: u8,
}

/// All in ms.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Timing {
    pub(super) reply: Option<u64>,
    pub(super) floor: Option<u64>,
    pub(super) ceiling: Option<u64>,
    pub(super) inter_octet: Option<u64>,
    pub(super) turnaround: Option<u64>,
    pub(super) after_slave_change: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) max_regs: Option<u16>,
    pub(super) gap: Option<u16>,
    pub(super) cross_block: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Block {
    pub(super) fc: u8,
    pub(super) first: u16,
    pub(super) last: u16,
    #[serde(default)]
    pub(super) whole: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Point {
    pub(super) name: String,
    pub(super) fc: u8,
    pub(super) addr: u16,
    #[serde(rename = "type")]
    pub(super) form: Form,
    #[serde(default)]
    pub(super) order: Order,
    pub(super) scale: Option<Decimal>,
    #[serde(default)]
    pub(super) unit: Unit,
    pub(super) group: Option<Group>,
    pub(super) exp_addr: Option<u16>,
    pub(super) exp_bias: Option<i32>,
    pub(super) resolution_wh: Option<Decimal>,
    pub(super) label: Option<String>,
    pub(super) shift: Option<u32>,
    pub(super) mask: Option<u16>,
    #[serde(default)]
    pub(super) values: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    pub(super) kind: CheckKind,
    pub(super) tolerance: Decimal,
    pub(super) min_w: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CheckKind {
    PEqualsUi,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Write {
    pub(super) order: Ordered,
    pub(super) fc: u8,
    pub(super) addr: u16,
    #[serde(rename = "type")]
    pub(super) form: Form,
    #[serde(default)]
    pub(super) octets: Order,
    pub(super) value: Option<i64>,
    pub(super) scale: Option<Decimal>,
    #[serde(default)]
    pub(super) unit: Unit,
    pub(super) watts_per_ampere: Option<i64>,
    pub(super) every_s: Option<u64>,
}
