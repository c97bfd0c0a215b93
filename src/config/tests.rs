use super::*;
use crate::driver::tcu::Dialect;
use crate::driver::{dlt645, modbus};
use crate::model::request::AuxVoltage;
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

const CAN: &str = r#"
[[can]]
name = "can-1"
interface = "can0"

[[can]]
name = "can-2"
device = "/dev/ttyACM0"
bitrate = 125000
listen_only = true

[[meter]]
name = "m1"
line = "a"
protocol = "dlt645-2007"
address = "000000000001"
poll = "10s"

[[meter]]
name = "m2"
line = "a"
protocol = "dlt645-2007"
address = "000000000002"
poll = "10s"

[[charger]]
code = "44030000010001"
driver = "tcu"
can = "can-1"
rated_kw = 120.0

[[charger.connector]]
number = 1
meter = "m1"
bms_tap = "can-2"
aux_voltage = 24
"#;

const SECOND: &str = "[[charger.connector]]\nnumber = 2\nmeter = \"m2\"\n";

#[test]
fn a_charger_on_can_needs_a_bus_and_little_else() {
    let config = read(CAN);
    let can = |at: usize| (config.cans[at].way.clone(), config.cans[at].bitrate, config.cans[at].listen_only);
    assert_eq!(can(0), (CanWay::Interface("can0".to_owned()), 250_000, false));
    assert_eq!(can(1), (CanWay::Serial("/dev/ttyACM0".to_owned(), 115_200), 125_000, true));
    let charger = &config.chargers[0];
    let connector = &charger.connectors[0];
    assert_eq!((connector.tap, connector.vin_start, connector.aux), (Some(1), true, AuxVoltage::V24));
    let alone = charger.tcu(connector).expect("on CAN");
    assert_eq!((alone.controller, alone.interface, alone.dialect), (0xF6, 0, Dialect::Auto));
    assert!(charger.needs_heartbeats() && charger.modbus(connector).is_none());
}

#[test]
fn several_connectors_sit_at_addresses_that_follow_each_other() {
    let read_two = |more: &str| {
        let text = format!("{CAN}{SECOND}").replace("can = \"can-1\"", &format!("can = \"can-1\"\n{more}"));
        let charger = read(&text).chargers.remove(0);
        let tcu = |at: usize| charger.tcu(&charger.connectors[at]).expect("on CAN");
        [0, 1].map(|at| (tcu(at).controller, tcu(at).interface, tcu(at).dialect))
    };
    assert_eq!(read_two(""), [(0xE0, 1, Dialect::Auto), (0xE1, 2, Dialect::Auto)]);
    assert_eq!(
        read_two("address = 0x10\ndialect = \"2.30\"\ndual_gun = true"),
        [(0x10, 1, Dialect::V2_30), (0x11, 2, Dialect::V2_30)]
    );
    assert_eq!([1, 2, 3, 4].map(partner), [2, 1, 4, 3]);
}

#[test]
fn what_is_wrong_with_a_can_bus_or_a_charger_on_it_is_said_with_what_is_allowed() {
    let one = |from: &str, to: &str, says: &str| {
        let text = format!("{CAN}{SECOND}");
        assert!(text.contains(from), "{from}");
        let found = problems(&text.replacen(from, to, 1));
        assert!(found.iter().any(|f| f.contains(says)), "{says}: {found:#?}");
    };
    one("interface = \"can0\"", "", "can[1].interface: missing; interface = \"can0\", or device");
    one(
        "interface = \"can0\"",
        "interface = \"can0\"\ndevice = \"/dev/x\"",
        "can[1].device: stands beside interface",
    );
    one(
        "interface = \"can0\"",
        "interface = \"can 0\"",
        "can[1].interface: \"can 0\" is no name of an interface",
    );
    one("interface = \"can0\"", "interface = \"can0\"\nbaud = 115200", "can[1].baud: is of the serial line");
    one("/dev/ttyACM0", "/dev/ttyS1", "can[2].device: the same device is used by line[1].device");
    one("bitrate = 125000", "bitrate = 123000", "can[2].bitrate: is no bit rate of CAN; 10000, 20000");
    one("name = \"can-1\"", "name = \"a\"", "can[1].name: is the name of a line");
    one("can = \"can-1\"", "can = \"can-2\"", "can-2 is listen_only: nobody can be told to charge on it");
    one("can = \"can-1\"", "can = \"can-9\"", "there is no can \"can-9\"; one of: can-1, can-2");
    one("can = \"can-1\"", "line = \"a\"", "charger[1].line: is a key of another driver; remove it");
    one("can = \"can-1\"", "can = \"can-1\"\nkind = \"ac\"", "charger[1].kind: is not what driver = \"tcu\"");
    one(
        "can = \"can-1\"",
        "can = \"can-1\"\naddress = 137",
        "charger[1].address: gives connector 2 no address",
    );
    one(
        "can = \"can-1\"",
        "can = \"can-1\"\naddress = 255",
        "charger[1].address: gives connector 2 no address",
    );
    one("can = \"can-1\"", "can = \"can-1\"\ndialect = \"1.0\"", "\"auto\" or \"1.21\" or \"2.30\"");
    one(
        "can = \"can-1\"\nrated_kw = 120.0\n\n[[charger.connector]]\nnumber = 1",
        "can = \"can-1\"\ndual_gun = true\nrated_kw = 120.0\n\n[[charger.connector]]\nnumber = 4",
        "charger[1].dual_gun: leaves connector 4 without its partner 3",
    );
    one(
        "bms_tap = \"can-2\"",
        "bms_tap = \"can-1\"",
        "can-1 would acknowledge what it hears; a tap must not",
    );
    one(
        "meter = \"m2\"",
        "meter = \"m2\"\nbms_tap = \"can-2\"",
        "the same bus is tapped by charger[1].connector[1].bms_tap",
    );
    one("aux_voltage = 24", "aux_voltage = 18", "charger[1].connector[1].aux_voltage: is no voltage");
}

#[test]
fn two_controllers_at_one_address_of_a_bus_are_refused() {
    let second = CAN
        .split_once("[[charger]]")
        .map(|(_, charger)| {
            charger.replace("010001", "010002").replace("m1", "m2").replace("bms_tap = \"can-2\"", "")
        })
        .expect("a charger");
    let found = problems(&format!("{CAN}[[charger]]{second}"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("the same address on this bus has charger[1]"), "{found:#?}");
}

#[test]
fn a_slow_bus_carries_only_so_many_controllers() {
    let slow = CAN.replace("interface = \"can0\"", "interface = \"can0\"\nbitrate = 10000");
    let mut text = slow;
    for number in 2..=4 {
        text += &format!(
            "[[charger.connector]]\nnumber = {number}\nmeter = \"n{number}\"\n[[meter]]\nname = \"n{number}\"\nline = \"a\"\nprotocol = \"dlt645-2007\"\naddress = \"00000000001{number}\"\n"
        );
    }
    let found = problems(&text);
    assert!(
        found.iter().any(|f| f.contains("can[1].name: its controllers need 96.0 % of its time")),
        "{found:#?}"
    );
}

#[test]
fn a_vehicle_names_itself_only_where_somebody_hears_it() {
    let plain = "[[meter]]\nname = \"m\"\nline = \"a\"\nprotocol = \"dlt645-2007\"\naddress = \"000000000001\"\npoll = \"10s\"\n[[charger]]\ncode = \"44030000010001\"\ndriver = \"modbus\"\nline = \"b\"\naddress = 1\nprofile = \"cn-pile-v2\"\nrated_kw = 60.0\n[[charger.connector]]\nnumber = 1\nmeter = \"m\"\n";
    assert!(!read(plain).chargers[0].connectors[0].vin_start);
    let found = problems(&format!("{plain}vin_start = true\n"));
    assert!(
        found[0].contains("vin_start: has nobody to learn the vehicle's VIN from; driver = \"tcu\""),
        "{found:#?}"
    );
    let off = read(&CAN.replace("aux_voltage = 24", "vin_start = false"));
    assert!(!off.chargers[0].connectors[0].vin_start);
}

#[test]
fn a_display_speaks_the_language_of_the_station_if_it_has_its_characters() {
    use crate::driver::osdp::Language;
    let spoken = |station: &str, reader: &str| {
        let text = format!(
            "[station]\ncode = \"44030012340001\"\n{station}\n[[line]]\nname = \"a\"\ndevice = \"/dev/ttyS1\"\nbaud = 9600\n\
             [[reader]]\nname = \"r\"\nline = \"a\"\ndriver = \"osdp\"\naddress = 1\n{reader}\n"
        );
        let config = load(&text, &|_| Err(std::io::ErrorKind::NotFound.into())).expect("good");
        match &config.readers[0].kind {
            ReaderKind::Osdp { language, .. } => *language,
            other => panic!("{other:?}"),
        }
    };
    let (zh, utf8) = ("language = \"zh\"", "display = \"utf-8\"");
    assert_eq!(spoken("", utf8), Language::English);
    assert_eq!(spoken(zh, ""), Language::English, "ASCII shows no Chinese");
    assert_eq!(spoken(zh, utf8), Language::Chinese);
    assert_eq!(spoken("", &format!("{zh}\n{utf8}")), Language::Chinese);
    assert_eq!(spoken(zh, &format!("language = \"en\"\n{utf8}")), Language::English);
}
