//! Everything a simulated depot writes under its folder, and the platform that fits it.

use super::plan::Plan;
use super::platform::{self, Platform};
use super::{centre, ykc16};
use crate::model::access::{Card, CardStatus, Vehicle};
use crate::model::money::Price;
use crate::model::record::Protocol;
use crate::model::tariff::{Tariff, Tier};
use serde_json::json;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes `depotd.toml`, `people.json` and the secret files (mode 0600); gives the path of the configuration.
pub fn write(
    plan: &Plan,
    folder: &Path,
    uplink: Option<&str>,
    secret: &str,
    web: Option<&str>,
) -> io::Result<PathBuf> {
    std::fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    private(&folder.join("platform.key"), secret)?;
    for (index, place) in plan.places.iter().enumerate() {
        let key: String = place.reader.2.iter().map(|o| format!("{o:02X}")).collect();
        private(&folder.join(format!("reader-{}.key", index + 1)), &key)?;
    }
    let people = json!({
        "cards": plan.cards.iter().map(|c| json!({
            "uid": c.uid,
            "account": c.account,
            "status": if c.allowed { "allowed" } else { "blocked" },
        })).collect::<Vec<_>>(),
        "vins": plan.vehicles.iter().map(|v| json!({
            "vin": v.vin,
            "fleet_number": v.fleet_number,
            "plate": v.plate,
            "status": v.status,
        })).collect::<Vec<_>>(),
    });
    std::fs::write(folder.join("people.json"), format!("{people:#}\n"))?;
    let file = folder.join("depotd.toml");
    std::fs::write(&file, plan.configuration(&folder, uplink, web))?;
    Ok(file)
}

fn private(path: &Path, text: &str) -> io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{text}")
}

/// Cards of the plan as the platform's list holds them.
#[must_use]
pub fn cards(plan: &Plan) -> Vec<Card> {
    let card = |c: &super::plan::PlannedCard| Card {
        uid: c.uid,
        account: c.account.as_str().into(),
        status: if c.allowed { CardStatus::Allowed } else { CardStatus::Blocked },
        group: 0,
        max_concurrent: 1,
        valid_until: None,
    };
    plan.cards.iter().map(card).collect()
}

/// Its fleet as the platform's list holds it.
#[must_use]
pub fn vehicles(plan: &Plan) -> Vec<Vehicle> {
    let vehicle = |v: &super::plan::PlannedVehicle| Vehicle {
        vin: v.vin,
        fleet_number: v.fleet_number.as_str().into(),
        plate: v.plate.as_str().into(),
        status: v.status,
        bound_card: None,
        power_percent: 0,
        priority: 0,
    };
    plan.vehicles.iter().map(vehicle).collect()
}

/// A platform that knows this station, its cards and a tariff.
#[must_use]
pub fn platform(plan: &Plan, secret: &str, seed: u64) -> Platform {
    Platform::new(platform::Config {
        secret: Some(secret.as_bytes().to_vec()),
        piles: plan.piles().collect(),
        cards: cards(plan),
        card_list_version: 1,
        vehicles: vehicles(plan),
        vehicle_list_version: u32::from(!plan.vehicles.is_empty()),
        tariff: Some(tariff(1)),
        seed,
        ..platform::Config::new(plan.station)
    })
}

/// The platform that this depot's protocol wants.
#[must_use]
pub fn centre(plan: &Plan, secret: &str, seed: u64) -> Box<dyn centre::Platform> {
    match plan.protocol {
        Protocol::Profile222 => Box::new(platform(plan, secret, seed)),
        Protocol::Ykc16 => Box::new(ykc_platform(plan, seed)),
    }
}

/// A commercial platform that knows the piles of this depot, its cards and a billing model.
#[must_use]
pub fn ykc_platform(plan: &Plan, seed: u64) -> ykc16::Platform {
    let piles = plan.places.iter().map(|p| (p.connector.pile, vec![p.connector.number])).collect();
    let tariff = Some(four_tiers(tariff(100)));
    ykc16::Platform::new(ykc16::Config { cards: cards(plan), tariff, seed, ..ykc16::Config::new(piles) })
}

/// A billing model has no deep valley: what was one is valley.
fn four_tiers(mut tariff: Tariff) -> Tariff {
    const VALLEY: u8 = 3;
    tariff.tiers.truncate(usize::from(VALLEY) + 1);
    tariff.slots.iter_mut().for_each(|tier| *tier = (*tier).min(VALLEY));
    tariff
}

/// A time-of-use tariff with tip, peak, flat, valley and deep valley; the service price rises with the electricity.
#[must_use]
pub fn tariff(number: u32) -> Tariff {
    let tier =
        |code, electricity, service| Tier { code, electricity: Price(electricity), service: Price(service) };
    let tiers = vec![
        tier(1, 142_371, 60_000),
        tier(2, 118_642, 55_000),
        tier(3, 71_903, 50_000),
        tier(4, 30_217, 40_000),
        tier(5, 22_119, 35_000),
    ];
    let tier_at = |slot: usize| match slot / 2 {
        0..4 => 4,
        4..8 => 3,
        11..12 | 15..17 => 0,
        10 | 14 | 17..19 => 1,
        _ => 2,
    };
    Tariff { number, valid_from: None, tiers, slots: (0..48).map(tier_at).collect() }
}
