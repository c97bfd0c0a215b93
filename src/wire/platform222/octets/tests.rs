use super::*;
use crate::wire::platform222::layout::{Message, messages};
use proptest::prelude::*;

fn some(r: &mut fastrand::Rng, most: usize) -> Vec<u8> {
    (0..r.usize(0..=most)).map(|_| r.u8(..)).collect()
}

/// A value that its field can hold.
fn fitting(field: &'static Field, r: &mut fastrand::Rng) -> Value {
    match field.kind {
        Type::Ascii(n) => Value::Text(some(r, n).iter().map(|o| char::from(0x20 + o % 0x5F)).collect()),
        Type::Utf8(n) => Value::Text("粤".repeat(r.usize(0..=n / 3))),
        Type::Bytes(n) => Value::Octets((0..n).map(|_| r.u8(..)).collect()),
        Type::Txn => Value::Octets((0..16).map(|_| r.u8(..)).collect()),
        Type::Bcd(n) => Value::Text((0..2 * n).map(|_| char::from(r.u8(b'0'..=b'9'))).collect()),
        Type::Time if r.bool() => Value::Time(None),
        Type::Time => Value::Time(Some(jiff::civil::date(r.i16(2000..2100), r.i8(1..=12), r.i8(1..=28)).at(
            r.i8(0..24),
            r.i8(0..60),
            r.i8(0..60),
            r.i32(0..1000) * 1_000_000,
        ))),
        Type::Cred => Value::Cred(r.u8(..), some(r, 32)),
        Type::Uid => Value::Octets(some(r, 10)),
        Type::Param if r.bool() => Value::Param(None),
        Type::Param => Value::Param(Some(some(r, 128))),
        Type::Blob16(n) => {
            let mut octets = some(r, n - 1);
            octets.push(7);
            Value::Octets(octets)
        }
        Type::List8(n, entry) | Type::List16(n, entry) => {
            Value::List((0..r.usize(0..=n)).map(|_| filled(entry, r)).collect())
        }
        Type::Flag => Value::Number(r.i128(0..=1)),
        Type::Choice(known) => Value::Number(known[r.usize(0..known.len())].into()),
        kind => {
            let (low, high) = kind.range().expect("a number");
            Value::Number(if r.bool() { r.i128(low..=high) } else { 0 })
        }
    }
}

fn filled(layout: &'static [Field], r: &mut fastrand::Rng) -> Body {
    let mut body = Body::new(layout);
    for field in layout {
        if body.holds(field) {
            let value = fitting(field, r);
            body.set(field.name, value);
        }
    }
    body
}

fn tables(message: &Message) -> [&'static [Field]; 2] {
    [message.request, message.reply]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_message_is_read_as_it_was_written(seed in any::<u64>()) {
        let mut r = fastrand::Rng::with_seed(seed);
        for table in messages().flat_map(tables) {
            let body = filled(table, &mut r);
            prop_assert_eq!(body.misfit(), None);
            let octets = write(&body);
            prop_assert!(octets.len() <= dialect::BODY_MAX);
            prop_assert_eq!(read(table, &octets, false), Ok(body));
        }
    }

    #[test]
    fn no_octets_make_a_reader_panic_and_good_ones_are_written_again(
        octets in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..300),
    ) {
        for table in messages().flat_map(tables) {
            if let Ok(body) = read(table, &octets, true) {
                let again = write(&body);
                prop_assert_eq!(read(table, &again, false), Ok(body));
            }
        }
    }
}

const SAMPLE: &[Field] = &[
    Field { name: "power", kind: Type::U32, unit: "W", when: None },
    Field { name: "current", kind: Type::I16, unit: "0.1 A", when: None },
    Field { name: "soc", kind: Type::U8, unit: "1 %", when: None },
    Field { name: "name", kind: Type::Utf8(7), unit: "", when: None },
];

#[test]
fn what_does_not_fit_is_told_as_the_nearest_value_that_is_not_none() {
    let body = Body::new(SAMPLE)
        .number("power", 1_i64 << 40)
        .number("current", -1_000_000)
        .number("soc", 300)
        .text("name", "粤粤粤");
    assert_eq!(body.misfit().map(|m| m.field), Some("power"));
    let read = read(SAMPLE, &write(&body), false).expect("read");
    assert_eq!(read.num("power"), i128::from(u32::MAX - 1));
    assert_eq!(read.num("current"), -32_767);
    assert_eq!(read.num("soc"), 254);
    assert_eq!(read.str("name"), "粤粤");
}

#[test]
fn an_absent_value_is_none_by_its_unit() {
    let octets = write(&Body::new(SAMPLE));
    assert_eq!(&octets[..7], [0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x80, 0xFF]);
    let read = read(SAMPLE, &octets, false).expect("read");
    assert_eq!(read.maybe::<u32>("power"), None);
    assert_eq!(read.maybe::<i16>("current"), None);
    assert_eq!(read.maybe::<u8>("soc"), None);
}

#[test]
fn fields_are_checked_in_their_order_and_what_is_left_over_last() {
    let enable = &[Field { name: "enable", kind: Type::Flag, unit: "", when: None }];
    assert_eq!(read(enable, &[0x30], false), Err(Verdict::BadValue));
    assert_eq!(read(enable, &[0x30, 1], false), Err(Verdict::BadValue));
    assert_eq!(read(enable, &[1, 1], false), Err(Verdict::BodyLong));
    assert!(read(enable, &[1, 1], true).is_ok(), "a later minor version appends fields");
    let uid = &[Field { name: "uid", kind: Type::Uid, unit: "", when: None }];
    assert_eq!(read(uid, &[11], false), Err(Verdict::BadCount), "the count is seen before the octets");
    assert_eq!(read(uid, &[3, 1], false), Err(Verdict::BodyShort));
    let param = &[Field { name: "value", kind: Type::Param, unit: "", when: None }];
    assert_eq!(read(param, &[129], false), Err(Verdict::BadCount));
    let blob = &[Field { name: "data", kind: Type::Blob16(4000), unit: "", when: None }];
    assert_eq!(read(blob, &[0, 0], false), Err(Verdict::BadCount));
    let text = &[Field { name: "text", kind: Type::Ascii(4), unit: "", when: None }];
    assert_eq!(read(text, b"a\0b\0", false), Err(Verdict::BadValue));
}

#[test]
fn an_unknown_selector_is_a_bad_value() {
    let recall = crate::wire::platform222::layout::message(0x020B).expect("020B").request;
    assert_eq!(read(recall, &[4], false), Err(Verdict::BadValue));
    assert_eq!(read(recall, &[], false), Err(Verdict::BodyShort));
}

#[test]
fn the_plate_list_digest_of_the_profile() {
    use sha2::{Digest, Sha256};
    let plates = [("粤B00001", ""), ("粤B12345", "B7031")];
    let list = crate::wire::platform222::request(0x0504).list("entries", &plates, |entry, (plate, fleet)| {
        entry.text("plate", plate).number("status", 1).text("fleet_number", fleet)
    });
    let digest = list.entries("entries").iter().fold(Sha256::new(), |d, entry| d.chain_update(write(entry)));
    assert_eq!(
        crate::wire::hex::lower(&digest.finalize()),
        "6fc8590c446707a667b298d2fcef3e461f576826240c952e39877d3969baa241"
    );
}
