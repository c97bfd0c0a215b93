//! What profiles read out of the registers of the Modbus vectors, and of DL/T 645 items.

use crate::harness::{Vector, difference, load, verdict};
use depotd::driver::modbus::profile::{BUILT_IN, Profile};
use depotd::wire::modbus::Table;
use serde_json::{Map, Value};

/// First register of responses whose vector does not say it: that of the request of the same exchange.
fn start(vector: &Vector, all: &[Vector]) -> Option<u16> {
    let told = vector.fields()["asks"]["start"].as_u64();
    let asked = || {
        let same =
            |v: &&Vector| v.text("exchange") == vector.text("exchange") && v.text("direction") == "request";
        all.iter().find(same)?.fields()["start"].as_u64()
    };
    told.or_else(asked).and_then(|start| u16::try_from(start).ok())
}

/// Points that are no value of one point of ours: clocks, texts, raw octets, and numbers that have a word here.
const OTHERWISE: [&str; 10] = [
    "clock",
    "event",
    "event_time",
    "f32",
    "meaning",
    "voltage_l1_V_f32",
    "power",
    "uid",
    "state",
    "charging",
];

fn known(name: &str) -> Option<Profile> {
    let name = match name {
        "acrel.dtsd1352" => "acrel-adl400".to_owned(),
        "eastron.sdm" => "eastron-sdm630".to_owned(),
        other => other.replace(['.', '_'], "-"),
    };
    Profile::by_name(&name)
}

#[test]
fn profiles_read_the_points_of_the_vectors() {
    let all = load("modbus_rtu");
    let (mut checked, mut wrong, mut used) = (0, Vec::new(), std::collections::BTreeSet::new());
    for vector in all.iter().filter(|v| v.fields()["points"].is_object()) {
        let kind = vector.text("kind").split('/').next().unwrap_or_default().to_owned();
        let Some(profile) = known(&kind) else { continue };
        let fields = vector.fields();
        let table = fields["function"].as_u64().and_then(|f| Table::of(f as u8)).expect("a read");
        let registers: Vec<u16> = fields["registers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64)
            .map(|r| r as u16)
            .collect();
        let shown = profile.shown(table, start(vector, &all), &registers);
        let mut wanted: Map<String, Value> = fields["points"].as_object().cloned().unwrap_or_default();
        wanted.retain(|key, _| !OTHERWISE.contains(&key.as_str()));
        if wanted.is_empty() {
            continue;
        }
        (checked, _) = (checked + 1, used.insert(profile.id.clone()));
        let found: Map<String, Value> =
            shown.into_iter().filter(|(key, _)| wanted.contains_key(key)).collect();
        if let Some(found) = difference(&Value::Object(wanted), &Value::Object(found)) {
            wrong.push(format!("{}: {found}", vector.name()));
        }
    }
    verdict("modbus_rtu points", checked, &wrong);
    assert!(used.len() >= 6, "{used:?}");
}

#[test]
fn a_state_has_the_word_that_its_profile_gives() {
    for (name, start, registers, word) in [
        ("cn-pile-v2", 0, &[1, 1, 2, 1, 88, 1, 5987, 1804, 1080, 3720, 1874, 0, 52345][..], "charging"),
        ("abb-terra-ac", 0x400C, &[0, 1024], "charging"),
        ("abb-terra-ac", 0x400C, &[0, 0x8100], "idle"),
    ] {
        let profile = Profile::by_name(name).expect("built in");
        assert_eq!(profile.shown(Table::Holding, Some(start), registers)["state"], word, "{name}");
    }
    let controller = Profile::by_name("cn-dc-controller-2015").expect("built in");
    let shown = controller.shown(Table::Input, None, &[1, 1, 0, 7500, 2000, 2500, 6001, 1795]);
    assert_eq!(
        (shown["charging"].as_str(), shown["output_V"].to_string()),
        (Some("charging"), "600.1".to_owned())
    );
}

#[test]
fn every_shipped_profile_loads() {
    for (name, text) in BUILT_IN {
        assert!(Profile::parse(text).is_ok(), "{name}");
        assert!(Profile::load(name).is_ok_and(|p| p.id == name), "{name}");
    }
    for (name, text) in depotd::driver::dlt645::profile::BUILT_IN {
        assert!(depotd::driver::dlt645::Profile::parse(text).is_ok_and(|p| p.id == name), "{name}");
    }
    for (name, text) in depotd::wire::uid_frame::BUILT_IN {
        assert!(depotd::wire::uid_frame::Profile::parse(text).is_ok_and(|p| p.name == name), "{name}");
    }
    // nothing lies in the folder that is not built in
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/profiles");
    let files = std::fs::read_dir(folder).expect("the folder").flatten().count();
    assert_eq!(files, BUILT_IN.len() + depotd::driver::dlt645::profile::BUILT_IN.len());
}
