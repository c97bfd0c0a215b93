//! From a checked configuration to the links of the platform and the protocols on them.

use super::Error;
use super::build::Edge;
use crate::config::{self, Config, Connections};
use crate::link;
use crate::model::ident::DeviceCode;
use crate::model::message::PileRegister;
use crate::model::quantity::Power;
use crate::model::record::Protocol;
use crate::uplink::Uplink;
use crate::uplink::p222::{self, P222};
use crate::uplink::ykc16::{self, Ykc16};
use crate::wire::platform222::Variant;
use std::time::Duration;
use zeroize::Zeroizing;

const SECOND: Duration = Duration::from_secs(1);

/// One connection to the platform.
pub struct BuiltLink {
    /// The only pile that it is for; `None` = it is for the whole station.
    pub pile: Option<DeviceCode>,
    /// How it behaves.
    pub config: link::Config,
    /// What it speaks.
    pub uplink: Box<dyn Uplink>,
}

/// The links of a station: one, or one per pile; none when it works by itself.
pub(super) fn links(config: &Config, edge: &Edge<'_>) -> Result<Vec<BuiltLink>, Error> {
    let Some(uplink) = &config.uplink else { return Ok(Vec::new()) };
    let mut chargers: Vec<&config::Charger> = config.chargers.iter().collect();
    chargers.sort_by_key(|charger| charger.code);
    Ok(match (uplink.protocol, uplink.connections) {
        (Protocol::Profile222, Connections::Station | Connections::Pile) => {
            vec![profile222(config, uplink, edge, &chargers)?]
        }
        (Protocol::Ykc16, Connections::Station) => vec![ykc(config, uplink, edge.seed, &chargers, None)],
        (Protocol::Ykc16, Connections::Pile) => chargers
            .iter()
            .zip(edge.seed..)
            .map(|(charger, seed)| ykc(config, uplink, seed, &[*charger], Some(charger.code)))
            .collect(),
    })
}

fn profile222(
    config: &Config,
    uplink: &config::Uplink,
    edge: &Edge<'_>,
    chargers: &[&config::Charger],
) -> Result<BuiltLink, Error> {
    let secret = uplink.secret.as_ref().map(|source| (edge.secret)(source)).transpose()?;
    let connectors: usize = chargers.iter().map(|c| c.connectors.len()).sum();
    let codec = P222::new(p222::Config {
        station: config.code,
        secret: secret.map(|s| Zeroizing::new(s.octets().to_vec())),
        crc: Variant::by_name(&uplink.crc).unwrap_or_default(),
        little_endian: uplink.crc_little_endian,
        software: env!("CARGO_PKG_VERSION").to_owned(),
        piles: u16::try_from(chargers.len()).unwrap_or(u16::MAX),
        connectors: u16::try_from(connectors).unwrap_or(u16::MAX),
    });
    let link = link::Config {
        addresses: uplink.addresses.clone(),
        reconnect_max: uplink.reconnect_max,
        heartbeat: 20 * SECOND,
        resend_after: 10 * SECOND,
        record_resend_after: 10 * SECOND,
        resends: 3,
        lane_pause: 300 * SECOND,
        stored_per_second: 50,
        piles: registers(config, chargers),
        seed: edge.seed,
    };
    Ok(BuiltLink { pile: None, config: link, uplink: Box::new(codec) })
}

/// Heartbeats every 10 s; a record goes again after 30 s, three times, then waits for the next login (ykc16.md 4, 7).
fn ykc(
    config: &Config,
    uplink: &config::Uplink,
    seed: u64,
    chargers: &[&config::Charger],
    pile: Option<DeviceCode>,
) -> BuiltLink {
    let of = |charger: &&config::Charger| ykc16::Pile {
        code: charger.code,
        dc: charger.dc,
        connectors: charger.connectors.iter().map(|c| c.number).collect(),
    };
    let codec = Ykc16::new(ykc16::Config {
        station: config.code,
        piles: chargers.iter().map(of).collect(),
        software: env!("CARGO_PKG_VERSION").to_owned(),
    });
    let link = link::Config {
        addresses: uplink.addresses.clone(),
        reconnect_max: uplink.reconnect_max,
        heartbeat: 10 * SECOND,
        resend_after: 10 * SECOND,
        record_resend_after: 30 * SECOND,
        resends: 3,
        lane_pause: 300 * SECOND,
        stored_per_second: 50,
        piles: registers(config, chargers),
        seed,
    };
    BuiltLink { pile, config: link, uplink: Box::new(codec) }
}

/// In pile-code order.
fn registers(config: &Config, chargers: &[&config::Charger]) -> Vec<PileRegister> {
    chargers.iter().map(|charger| pile(config, charger)).collect()
}

fn pile(config: &Config, charger: &config::Charger) -> PileRegister {
    let meter = charger.connectors.first().map(|c| config.meters[c.meter].kind());
    PileRegister {
        pile: charger.code,
        kind: if charger.dc { 1 } else { 2 },
        connectors: u8::try_from(charger.connectors.len()).unwrap_or(u8::MAX),
        rated_power: Power(charger.rated.0),
        max_voltage: None,
        max_current: None,
        billing_mode: charger.billing,
        meter_kind: meter.unwrap_or(0),
        model: charger.model(),
    }
}
