use super::*;
use crate::wire::ykc16::body::write;
use crate::wire::ykc16::field::{Ascii, Bcd, Raw};
use crate::wire::ykc16::message::login::{Heartbeat, TimeSet};
use crate::wire::ykc16::message::record::RecordAck;
use crate::wire::ykc16::message::start::StartRequest;
use crate::wire::ykc16::time::Cp56;

const PILE: Bcd<7> = Bcd([0x44, 3, 6, 0, 0, 0, 1]);

fn decoded(octets: &[u8]) -> Vec<Decoded> {
    decode(octets, &Options::default())
}

fn good(octets: &[u8]) -> Object {
    match decoded(octets).pop() {
        Some(Decoded::Good { object, .. }) => object,
        other => panic!("{other:?}"),
    }
}

fn encoded(object: Json) -> Result<String, String> {
    encode(object.as_object().unwrap(), &Options::default()).map(|octets| hex::upper(&octets))
}

fn heartbeat(sequence: u8) -> Vec<u8> {
    write(&Heartbeat { pile: PILE, gun: Bcd([1]), state: 0 }, [sequence, 0])
}

#[test]
fn a_verdict_in_ascii_is_shown_as_unknown() {
    let ack = RecordAck { serial: Bcd([0x11; 16]), result: 0x30 };
    let object = good(&write(&ack, [12, 0]));
    assert_eq!(object["fields"]["result"], json!(48));
    assert_eq!(object["text"]["result"], json!("unknown"));
    assert!(!object.contains_key("deviation") && !object.contains_key("scaled"));
}

#[test]
fn a_text_that_is_no_ascii_and_a_time_with_a_weekday_keep_their_octets() {
    let request = StartRequest {
        pile: PILE,
        gun: Bcd([1]),
        mode: 3,
        need_pwd: 0,
        card_phys: Raw([0; 8]),
        pwd: Raw([0; 16]),
        vin: Ascii([0xFF; 17]),
    };
    let octets = write(&request, [1, 0]);
    let object = good(&octets);
    assert_eq!(
        (&object["fields"]["vin"], &object["fields"]["vin_hex"]),
        (&Json::Null, &json!("FF".repeat(17)))
    );
    assert_eq!(encode(&object, &Options::default()), Ok(octets));

    let sunday = TimeSet { pile: PILE, time: Cp56([0, 0, 0x1E, 0x08, 0xF6, 0x0B, 0x1A]) };
    let octets = write(&sunday, [1, 0]);
    let object = good(&octets);
    assert_eq!(object["fields"]["time"], json!("2026-11-22T08:30:00.000"));
    assert_eq!(object["fields"]["time_hex"], json!("00001E08F60B1A"));
    assert_eq!(encode(&object, &Options::default()), Ok(octets));
    let lie = json!({"type": "56", "fields": {"pile": "44030600000001", "time": "2026-11-22T08:31:00.000", "time_hex": "00001E08F60B1A"}});
    assert_eq!(encoded(lie), Err("time: its octets read otherwise".to_owned()));
}

#[test]
fn raw_and_scaled_values_determine_a_number_and_may_not_contradict() {
    let update = |fields: Json, scaled: Json| {
        let mut object = json!({"type": "42", "seq": "4600", "fields": fields});
        object["fields"]["pile"] = json!("44030600000001");
        object["fields"]["gun"] = json!("01");
        object["fields"]["card_phys"] = json!("0000000000000000");
        object["scaled"] = scaled;
        encoded(object)
    };
    let frame = "68184600004244030600000001010000000000000000B822000033D5";
    assert_eq!(update(json!({"balance": 8888}), json!({})).as_deref(), Ok(frame));
    assert_eq!(update(json!({}), json!({"balance": 88.880})).as_deref(), Ok(frame));
    assert_eq!(update(json!({"balance": 8888}), json!({"balance": 88.88})).as_deref(), Ok(frame));
    for (fields, scaled) in [
        (json!({"balance": 8888}), json!({"balance": 88.89})),
        (json!({}), json!({"balance": 88.888})),
        (json!({}), json!({})),
        (json!({"balance": 4_294_967_296_u64}), json!({})),
        (json!({"balance": -1}), json!({})),
        (json!({"balance": 8888, "bonus": 1}), json!({})),
        (json!({"balance": 8888}), json!({"gun": 1})),
    ] {
        assert!(update(fields.clone(), scaled.clone()).is_err(), "{fields} {scaled}");
    }
}

#[test]
fn an_object_that_determines_no_frame_is_refused_with_the_reason() {
    let cards = |count: usize, told: usize| {
        let card = json!({"card_phys": "00000000D14B0A54"});
        encoded(
            json!({"type": "46", "fields": {"pile": "44030600000001", "count": told, "items": vec![card; count]}}),
        )
    };
    assert!(cards(24, 24).is_ok());
    assert_eq!(cards(2, 3), Err("items: 2, but 3 are told".to_owned()));
    assert_eq!(cards(25, 25), Err("items: 25, at most 24".to_owned()));
    for (object, reason) in [
        (json!({}), "type"),
        (json!({"type": "7E", "fields": {}}), "unknown_type"),
        (json!({"type": "36", "fields": {"pile": "44030600000001"}}), "gun: absent"),
        (json!({"type": "36", "seq": "1", "fields": {}}), "seq"),
        (json!({"type": "36", "flags": 1, "fields": {}}), "body: encrypted"),
        (
            json!({"type": "36", "deviation": "late", "fields": {"pile": "44030600000001", "gun": "01"}}),
            "deviation",
        ),
        (
            json!({"type": "36", "trailing": "0000000000", "fields": {"pile": "44030600000001", "gun": "01"}}),
            "body",
        ),
    ] {
        let error = encoded(object.clone()).unwrap_err();
        assert!(error.starts_with(reason), "{object}: {error}");
    }
}

#[test]
fn a_refused_frame_between_good_ones_is_told_and_noise_is_not() {
    let mut bad = heartbeat(2);
    bad[14] ^= 2;
    let noise = [0, 0x68, 0x01, 0x68, 0x40];
    let stream = [&heartbeat(1)[..], &bad, &noise, &heartbeat(3)].concat();
    let all = decoded(&stream);
    assert!(matches!(all[0], Decoded::Good { offset: 0, length: 17, .. }));
    assert!(
        matches!(&all[1], Decoded::Bad { offset: 17, error } if error.starts_with("checksum")),
        "{all:?}"
    );
    assert!(matches!(all[2], Decoded::Good { offset: 39, .. }));
    assert_eq!(all.len(), 3);
}

#[test]
fn without_a_good_frame_one_bad_frame_is_judged_whole_and_several_are_told() {
    let mut bad = heartbeat(2);
    bad[14] ^= 2;
    let reasons = |octets: &[u8]| -> Vec<String> {
        let reason = |one| match one {
            Decoded::Bad { error, .. } => error.split(':').next().unwrap_or_default().to_owned(),
            Decoded::Good { .. } => "good".to_owned(),
        };
        decoded(octets).into_iter().map(reason).collect()
    };
    assert_eq!(reasons(&bad), ["checksum"]);
    assert_eq!(reasons(&[&bad[..], &[0]].concat()), ["length"]);
    assert_eq!(reasons(&bad[..16]), ["length"]);
    assert_eq!(reasons(&bad.repeat(2)), ["checksum", "checksum"]);
    assert_eq!(reasons(&[0, 1, 2]), ["start"]);
    assert_eq!(reasons(&[0x68]), ["truncated"]);
    assert!(reasons(&[]).is_empty());
}

#[test]
fn a_capture_is_read_to_its_end() {
    let mut bad = heartbeat(2);
    bad[14] ^= 2;
    let stream = [bad.repeat(40), heartbeat(3)].concat();
    let all = decoded(&stream);
    assert!(matches!(all.last(), Some(Decoded::Good { offset: 680, .. })), "{all:?}");
    assert_eq!(all.len(), 41);
}

#[test]
fn a_good_frame_with_a_body_that_fits_nothing_is_refused_by_name() {
    let header = Header { sequence: [0, 0], encryption: 0, kind: 0x32 };
    let all = decoded(&frame::seal(header, &[0; 36], Order::LowFirst));
    let told = "body: 36 octets instead of 38 in 0x32 Platform start decision";
    assert_eq!(all, [Decoded::Bad { offset: 0, error: told.to_owned() }]);
}
