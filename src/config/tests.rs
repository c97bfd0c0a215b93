use super::*;
use crate::driver::{dlt645, modbus};
use crate::wire::uid_frame;
use std::io;

const HEAD: &str = "[station]\ncode = \"44030012340001\"\n\n[[line]]\nname = \"a\"\ndevice = \"/dev/ttyS1\"\nbaud = 9600\n\n[[line]]\nname = \"b\"\ndevice = \"/dev/ttyS2\"\nbaud = 9600\n";

/// A profile of a meter that counts in floats.
fn floating() -> String {
    dlt645::profile::BUILT_IN[0].1.replacen("encoding = \"bcd\"", "encoding = \"f32_le\"", 1)
}

fn file(name: &str) -> io::Result<String> {
    match name {
        "profiles/float.toml" => Ok(floating()),
        "profiles/mine.toml" => Ok(uid_frame::BUILT_IN[0].1.to_owned()),
        "profiles/broken.toml" => Ok("[reader]\nname = 1\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

fn read(tables: &str) -> Config {
    load(&format!("{HEAD}{tables}"), &file).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn problems(tables: &str) -> Vec<String> {
    let found = load(&format!("{HEAD}{tables}"), &file).expect_err("refused");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_platform_of_ykc_wants_bills_of_the_piles() {
    const DEPOT: &str = r#"
[uplink]
protocol = "ykc16"
connections = "pile"
address = "platform.example:8768"
[[meter]]
name = "m"
line = "a"
protocol = "modbus"
address = 11
profile = "acrel-djsf1352-rn"
[[charger]]
code = "44030000010001"
kind = "dc"
driver = "modbus"
line = "b"
address = 1
profile = "cn-pile-v2"
rated_kw = 120.0
[[charger.connector]]
number = 1
meter = "m"
"#;
    let found = problems(DEPOT);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("charger[1].code") && found[0].contains("does not bill"), "{found:#?}");
    let config = read(&DEPOT.replacen("[uplink]", "[billing]\nmode = \"pile\"\n[uplink]", 1));
    let uplink = config.uplink.expect("a platform");
    assert_eq!((uplink.protocol, uplink.connections), (Protocol::Ykc16, Connections::Pile));
    let other = DEPOT.replace("\"ykc16\"", "\"222\"");
    let found = problems(&other);
    assert!(found.len() == 1 && found[0].contains("uplink.connections"), "{found:#?}");
}

#[test]
fn every_kind_of_reader_can_be_written_down() {
    let config = read(
        r#"
[[reader]]
name = "gate"
line = "a"
driver = "osdp"
address = 3
reverse_bytes = true
poll = "100ms"

[[reader]]
name = "cashier"
line = "a"
driver = "mt62x"
beep = "31 05"

[[reader]]
name = "house"
line = "b"
driver = "uid-frame"
profile = "mine"

[[reader]]
name = "bay"
line = "b"
driver = "uid-modbus"
address = 3
register = 10
octets = 7
counter = 9
"#,
    );
    let kinds: Vec<&str> = config.readers.iter().map(|r| r.kind.word()).collect();
    assert_eq!(kinds, ["osdp", "mt62x", "uid-frame", "uid-modbus"]);
    let shown: Vec<String> = config.readers.iter().map(|r| r.kind.to_string()).collect();
    assert_eq!(shown, ["3", "-", "-", "3"]);
    assert_eq!(config.readers[1].kind, ReaderKind::Mt62x { beep: Some((0x31, vec![5])) });
    assert!(config.readers.iter().all(|r| r.driver(None, Box::new(|| [0; 8])).is_ok()));
}

#[test]
fn every_built_in_profile_of_a_reader_makes_one() {
    for (name, _) in uid_frame::BUILT_IN {
        let text =
            format!("[[reader]]\nname = \"r\"\nline = \"a\"\ndriver = \"uid-frame\"\nprofile = \"{name}\"\n");
        match load(&format!("{HEAD}{text}"), &file) {
            Ok(config) => assert_eq!(config.readers.len(), 1, "{name}"),
            Err(found) => assert!(found[0].what.contains("mode \"push\""), "{name}: {found:?}"),
        }
    }
}

#[test]
fn ten_mistakes_around_readers_give_ten_messages() {
    let found = problems(
        r#"
[[reader]]
name = "r1"
line = "a"
driver = "wiegand"
address = 1
colour = "red"

[[reader]]
name = "r2"
line = "a"
driver = "osdp"

[[reader]]
name = "r3"
line = "a"
driver = "osdp"
address = 127

[[reader]]
name = "r4"
line = "a"
driver = "mt62x"
beep = "loud"

[[reader]]
name = "r5"
line = "a"
driver = "mt62x"
profile = "mt625-uid"

[[reader]]
name = "r6"
line = "b"
driver = "uid-frame"
profile = "nobody"

[[reader]]
name = "r7"
line = "b"
driver = "uid-frame"
profile = "broken"

[[reader]]
name = "r8"
line = "b"
driver = "uid-modbus"
address = 5
register = 65535
octets = 7

[[reader]]
name = "r9"
line = "c"
driver = "uid-modbus"
address = 6

[[reader]]
name = "r10"
line = "b"
driver = "osdp"
address = 6
key = "000102030405060708090A0B0C0D0E0F"
"#,
    );
    for part in [
        "reader[1].driver: \"wiegand\" is not known",
        "reader[2].address: missing",
        "reader[3].address: 127 is out of range",
        "reader[4].beep: \"loud\" is no beep",
        "reader[5].profile: unknown key",
        "reader[6].profile: no built-in profile \"nobody\", and profiles/nobody.toml",
        "reader[7].profile:",
        "reader[8].address: counter and UID do not fit",
        "reader[9].line: there is no line \"c\"; one of: a, b",
        "reader[10].key: a secret may not stand in the file",
    ] {
        assert_eq!(found.iter().filter(|f| f.contains(part)).count(), 1, "{part}: {found:#?}");
    }
    let colour = found.iter().find(|f| f.contains("reader[1].colour")).expect("told");
    assert!(
        colour.contains("low_first") && !found.iter().any(|f| f.contains("reader[1].address")),
        "{found:#?}"
    );
}

#[test]
fn two_devices_with_one_address_on_a_line_are_told() {
    let reader = |name: &str, driver: &str, address: &str| {
        format!("[[reader]]\nname = \"{name}\"\nline = \"a\"\ndriver = \"{driver}\"\n{address}\n")
    };
    let meter = "[[meter]]\nname = \"m\"\nline = \"a\"\nprotocol = \"modbus\"\naddress = 3\nprofile = \"acrel-adl400\"\n";
    let text = [
        meter.to_owned(),
        reader("r1", "uid-modbus", "address = 3"),
        reader("r2", "osdp", "address = 3"),
        reader("r3", "osdp", "address = 3"),
        reader("r4", "mt62x", ""),
        reader("r5", "mt62x", ""),
    ]
    .concat();
    let found = problems(&text);
    assert_eq!(found.len(), 3, "{found:#?}");
    for part in [
        "reader[1].address: the same address on this line has meter[1]",
        "has reader[2].address",
        "reader[5].driver",
    ] {
        assert!(found.iter().any(|f| f.contains(part)), "{part}: {found:#?}");
    }
}

#[test]
fn every_shipped_profile_of_a_meter_makes_one() {
    let meter = |profile: &str, rest: &str| {
        format!("[[meter]]\nname = \"m\"\nline = \"a\"\nprofile = \"{profile}\"\npoll = \"5s\"\n{rest}\n")
    };
    for (name, text) in dlt645::profile::BUILT_IN {
        let protocol = if text.contains("dlt645-1997\"\nsource") { "dlt645-1997" } else { "dlt645-2007" };
        let rest = format!("protocol = \"{protocol}\"\naddress = \"000000000001\"");
        assert_eq!(read(&meter(name, &rest)).meters.len(), 1, "{name}");
    }
    for (name, _) in modbus::profile::BUILT_IN {
        let kind = modbus::Profile::by_name(name).map(|p| p.kind);
        if kind == Some(modbus::profile::Kind::Meter) {
            assert_eq!(read(&meter(name, "protocol = \"modbus\"\naddress = 1")).meters.len(), 1, "{name}");
        }
    }
}

#[test]
fn ten_mistakes_around_meters_and_profiles_give_ten_messages() {
    let meter = |n: u8, protocol: &str, address: &str, profile: &str| {
        format!(
            "[[meter]]\nname = \"m{n}\"\nline = \"a\"\nprotocol = \"{protocol}\"\naddress = {address}\n{profile}\n"
        )
    };
    let text = [
        meter(1, "dlt645-2007", "1", ""),
        meter(2, "dlt645-1997", "\"12\"", ""),
        meter(3, "dlt698", "\"000000000003\"", ""),
        meter(4, "dlt645-1997", "\"000000000004\"", "profile = \"dlt645-ac\""),
        meter(5, "dlt645-2007", "\"000000000005\"", "profile = \"acrel-adl400\""),
        meter(6, "modbus", "6", "profile = \"dlt645-ac\""),
        meter(7, "modbus", "7", ""),
        meter(8, "modbus", "8", "profile = \"cn-pile-v2\""),
        meter(9, "modbus", "0", "profile = \"acrel-adl400\""),
        meter(10, "dlt645-2007", "\"000000000010\"", "profile = \"nobody\""),
    ]
    .concat();
    let found = problems(&text);
    for part in [
        "meter[1].address: 1 is no DL/T 645 address",
        "meter[2].address: \"12\" is no DL/T 645 address",
        "meter[3].protocol: \"dlt698\" is not known; \"dlt645-2007\" or \"dlt645-1997\" or \"modbus\"",
        "meter[4].profile: the profile is of dlt645-2007, the meter of dlt645-1997",
        "meter[5].profile: no built-in profile \"acrel-adl400\"",
        "meter[6].profile: no built-in profile \"dlt645-ac\"",
        "meter[7].name: a Modbus meter needs a profile",
        "meter[8].profile: no built-in profile \"cn-pile-v2\"",
        "meter[9].address: is no Modbus address",
        "meter[10].profile: no built-in profile \"nobody\"",
    ] {
        assert_eq!(found.iter().filter(|f| f.contains(part)).count(), 1, "{part}: {found:#?}");
    }
    assert_eq!(found.len(), 10, "{found:#?}");
}

#[test]
fn a_register_of_floats_makes_no_bill() {
    let text = |billing: &str| {
        format!(
            r#"
[[meter]]
name = "m"
line = "a"
protocol = "dlt645-2007"
address = "000000000001"
profile = "float"

[[charger]]
code = "44030000010001"
kind = "dc"
driver = "modbus"
line = "b"
address = 1
profile = "cn-pile-v2"
rated_kw = 120.0
billing = "{billing}"

[[charger.connector]]
number = 1
meter = "m"
"#
        )
    };
    let found = problems(&text("pile"));
    assert!(found[0].contains("charger[1].connector[1].meter: m counts energy in floats"), "{found:?}");
    assert!(read(&text("platform")).meters[0].counts_in_floats());
}

#[test]
fn a_line_says_who_turns_it_and_who_sets_its_clocks() {
    let line = |rest: &str| {
        let text = format!(
            "[station]\ncode = \"44030012340001\"\n[[line]]\nname = \"a\"\ndevice = \"/dev/ttyS1\"\nbaud = 2400\n{rest}\n"
        );
        load(&text, &file).map(|config| (config.lines[0].kernel_turns, config.lines[0].set_meter_clocks))
    };
    assert_eq!(line("").unwrap(), (false, true));
    assert_eq!(line("rs485 = \"kernel\"\nset_meter_clocks = false").unwrap(), (true, false));
    assert!(line("rs485 = \"rts\"").is_err());
}
