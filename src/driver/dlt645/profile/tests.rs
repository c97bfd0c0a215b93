use super::*;
use proptest::prelude::*;

fn built_in(name: &str) -> Profile {
    Profile::by_name(name).unwrap()
}

#[test]
fn built_in_profiles_are_good_and_bear_their_names() {
    for (name, text) in BUILT_IN {
        let read = Profile::parse(text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert_eq!(read.id, name);
        assert!(read.verified <= Verified::Manual && !read.source.is_empty());
        assert!(!read.register().is_float(), "{name}");
    }
    assert!(Profile::load("nobody").expect_err("unknown")[0].what.contains("dlt645-dc-wh"));
}

#[test]
fn values_arrive_in_our_units_with_the_ratio_where_it_belongs() {
    let read = |profile: &str, quantity, octets: &[u8], ratio| {
        built_in(profile).source(quantity).unwrap().read(octets, ratio)
    };
    use Quantity::{Current, Power, Register, Voltage};
    assert_eq!(read("dlt645-ac", Register, &[0x99, 0x99, 0x99, 0x99], 100_000), Some(999_999_990_000_000));
    assert_eq!(read("dlt645-ac", Voltage, &[0x01, 0x22], 40), Some(220_100));
    assert_eq!(read("dlt645-dc", Current, &[0x00, 0x50, 0x81], 40), Some(-600_000));
    assert_eq!(read("dlt645-ac", Power, &[0x12, 0x25, 0x00], 40), Some(10_048));
    assert_eq!(read("dlt645-dc-wh", Register, &[0x87, 0xD6, 0x12, 0x00], 1), Some(12_345_670));
    assert_eq!(read("dlt645-dc-wh", Register, &[0xFF; 4], 1), None);
    assert_eq!(read("dlt645-dc-wh", Current, &[0x67, 0x45, 0x23, 0x01], 1), Some(123_457));
    assert_eq!(read("dlt645-ac", Register, &[0x0E, 0, 0, 0], 1), None);
    // the edition of 1997: whole volts, hundredths of amperes
    assert_eq!(read("dlt645-1997", Voltage, &[0x31, 0x02], 1), Some(231_000));
    assert_eq!(read("dlt645-1997", Current, &[0x50, 0x12], 1), Some(12_500));
}

#[test]
fn steps_are_those_of_the_register_times_the_ratio() {
    let step = |profile: &str, ratio| built_in(profile).register().step(&[0; 4], ratio);
    assert_eq!(step("dlt645-ac", 40), Some(4_000));
    assert_eq!(step("dlt645-dc-wh", 1), Some(10));
    assert_eq!(built_in("dlt645-dc-wh").polled().count(), 3);
    assert_eq!(Profile::by_name("dlt645-1p"), None);
}

#[test]
fn the_step_of_a_float_grows_with_what_it_counts() {
    let text = BUILT_IN[2].1.replace("u32_le", "f32_le").replace("\"Wh\"", "\"kWh\"");
    let profile = Profile::parse(&text).unwrap();
    let register = profile.register();
    assert!(register.is_float());
    assert_eq!(register.step(&131_072.0_f32.to_le_bytes(), 1), Some(157));
    assert_eq!(register.read(&1_234.5_f32.to_le_bytes(), 2), Some(24_690_000));
    assert_eq!(register.read(&f32::NAN.to_le_bytes(), 1), None);
}

#[test]
fn ten_mistakes_give_ten_messages_each_with_its_line() {
    let text = r#"
[profile]
id = "Bad Name"
kind = "meter"
verified = "manual"
protocol = "dlt645-2007"

[[item]]
name = "energy.forward"
di = "9010"
encoding = "bcd"
count = 9
scale = 0
unit = "V"

[[item]]
name = "temperature"
di = "02800007"
encoding = "bcd"
count = 2
unit = "°C"

[[item]]
name = "voltage"
di = "02010100"
encoding = "octal"
count = 2
unit = "V"

[[item]]
name = "current"
di = "02020100"
encoding = "u32_le"
count = 3
unit = "A"
colour = "red"

[[item]]
name = "power"
di = "02030000"
encoding = "bcd_signed"
count = 3
unit = "kW"

[[item]]
name = "power"
di = "02030000"
encoding = "f32_le"
count = 8
unit = "A"

[[point]]
name = "power"
"#;
    let found = Profile::parse(text).expect_err("refused");
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    for part in [
        "3: profile.id",
        "10: item[1].di",
        "12: item[1].count",
        "13: item[1].scale",
        "14: item[1].unit",
        "temperature",
        "octal",
        "colour",
        "item[6].count: 8 octets; 4",
        "item[6].unit: power is measured in W or kW",
        "point: unknown key",
    ] {
        assert!(found.iter().any(|f| f.contains(part)), "{part}: {found:#?}");
    }
    let twice = BUILT_IN[0]
        .1
        .replace("name = \"voltage\"", "name = \"current\"")
        .replace("unit = \"V\"", "unit = \"A\"");
    assert!(Profile::parse(&twice).expect_err("twice")[0].what.contains("a second item"));
    let without = BUILT_IN[0].1.replace("energy.forward", "power").replace("kWh", "kW");
    assert!(Profile::parse(&without).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_text_and_no_octets_upset_a_profile(at in any::<prop::sample::Index>(), other in any::<char>(), octets in prop::collection::vec(any::<u8>(), 0..9), ratio in any::<u32>()) {
        let mut changed: Vec<char> = BUILT_IN[2].1.chars().collect();
        let at = at.index(changed.len());
        changed[at] = other;
        if let Ok(profile) = Profile::parse(&changed.iter().collect::<String>()) {
            let register = profile.register();
            let _ = (register.read(&octets, ratio), register.step(&octets, ratio), register.shown(&octets));
        }
    }
}
