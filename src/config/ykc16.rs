//! What YKC V1.6 asks of a depot: the pile makes the bill (ykc16.md 3.8), and a connector has two digits.

use super::chargers::Written;
use super::reader::Problems;
use super::{Charger, Config};
use crate::model::record::{BillingMode, Protocol};

/// The highest connector number.
const CONNECTORS: u8 = 99;

pub(super) fn check(problems: &mut Problems<'_>, config: &Config, chargers: &[Written]) {
    if config.uplink.as_ref().is_some_and(|uplink| uplink.protocol == Protocol::Ykc16) {
        config.chargers.iter().zip(chargers).for_each(|(charger, written)| of(problems, charger, written));
    }
}

fn of(problems: &mut Problems<'_>, charger: &Charger, written: &Written) {
    if charger.billing == BillingMode::Platform {
        let what = "does not bill: under protocol = \"ykc16\" the platform expects prices and amounts";
        problems.add(&written.code.place, what, "billing = \"pile\" here, or mode = \"pile\" in [billing]");
    }
    for (connector, written) in charger.connectors.iter().zip(&written.connectors) {
        if connector.number > CONNECTORS {
            let what = "has more than the two digits of protocol = \"ykc16\"";
            problems.add(&written.number.place, what, "1 to 99");
        }
    }
}
