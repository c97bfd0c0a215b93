//! OSDP: plain and secure frames, sequences, streams.

use super::harness::{Vector, codec, difference, load, one_good, verdict};
use depotd::wire::codec::{Decoded, Options};

/// What a frame needs to be understood on its own.
fn options(vector: &Vector) -> Options {
    let context = vector.object.get("context").or_else(|| vector.fields().get("handshake"));
    Options { context: context.cloned(), ..Options::default() }
}

fn good(octets: &[u8], decoded: Vec<Decoded>) -> Vec<String> {
    decoded
        .into_iter()
        .filter_map(|d| match d {
            Decoded::Good { offset, length, .. } => {
                Some(depotd::wire::hex::upper(&octets[offset..offset + length]))
            }
            Decoded::Bad { .. } => None,
        })
        .collect()
}

/// A whole sequence with the base key only.
fn chain(vector: &Vector) -> Result<(), String> {
    let scbk = vector.fields()["scbk"].as_str().and_then(depotd::wire::hex::parse);
    let key = scbk.and_then(|k| k.try_into().ok()).ok_or("no base key")?;
    let options = Options { key: Some(key), ..Options::default() };
    let octets = vector.octets();
    let decoded = (codec("osdp").decode)(&octets, &options);
    let wanted = vector.fields()["frames"].as_array().ok_or("no frames")?;
    if decoded.len() != wanted.len() {
        return Err(format!("{} frames, wanted {}", decoded.len(), wanted.len()));
    }
    for (wanted, found) in wanted.iter().zip(decoded) {
        let Decoded::Good { offset, length, object } = found else { return Err(format!("{found:?}")) };
        let fields = &object["fields"];
        let hex = depotd::wire::hex::upper(&octets[offset..offset + length]);
        let same = wanted["hex"] == hex
            && wanted["name"] == fields["name"]
            && wanted["sqn"] == fields["sqn"]
            && wanted["data"] == fields["data"]
            && (wanted["dir"] == "PD") == (fields["reply"] == true)
            && (fields.get("mac").is_none() || fields["mac_ok"] == true);
        if !same {
            return Err(format!("wanted {wanted}, found {fields}"));
        }
    }
    Ok(())
}

/// One frame: read, and written again.
fn message(vector: &Vector) -> Result<(), String> {
    let options = options(vector);
    let object = one_good(codec("osdp"), &vector.octets(), &options)?;
    if object["type"] != vector.object["type"] {
        return Err(format!("type {}", object["type"]));
    }
    if let Some(difference) = difference(vector.fields(), &object["fields"]) {
        return Err(difference);
    }
    // the content alone determines it too; without a context, what was hidden and the MAC stand in the object
    let mut content = object.clone();
    content["fields"].as_object_mut().ok_or("no fields")?.remove("data");
    for (object, options) in [(&object, &options), (&content, &options), (&object, &Options::default())] {
        let again = (codec("osdp").encode)(object, options)?;
        if again != vector.octets() {
            return Err(format!("written again as {}", depotd::wire::hex::upper(&again)));
        }
    }
    Ok(())
}

fn stream(vector: &Vector) -> Result<(), String> {
    let octets = vector.octets();
    let found = good(&octets, (codec("osdp").decode)(&octets, &Options::default()));
    let wanted: Vec<String> = vector.object["expect"]
        .as_array()
        .ok_or("no expect")?
        .iter()
        .filter_map(|f| f.as_str().map(str::to_ascii_uppercase))
        .collect();
    if found == wanted { Ok(()) } else { Err(format!("wanted {wanted:?}, found {found:?}")) }
}

fn refused(vector: &Vector) -> Result<(), String> {
    match one_good(codec("osdp"), &vector.octets(), &options(vector)) {
        Ok(object) => Err(format!("accepted as {}", object["fields"])),
        Err(error) if error.starts_with(vector.text("error")) => Ok(()),
        Err(error) => Err(format!("wanted {}, found {error}", vector.text("error"))),
    }
}

#[test]
fn every_osdp_frame_means_what_its_vector_says() {
    let vectors = load("osdp");
    let mut wrong = Vec::new();
    for vector in &vectors {
        let outcome = match (vector.text("kind"), vector.text("validity")) {
            ("stream", _) => stream(vector),
            ("chain", _) => chain(vector),
            (_, "valid") => message(vector),
            (_, "invalid") => refused(vector),
            (_, other) => Err(format!("validity {other:?} is not of this file")),
        };
        if let Err(why) = outcome {
            wrong.push(format!("{}: {why}", vector.name()));
        }
    }
    verdict("osdp", vectors.len(), &wrong);
}

/// The frame with one bit turned and its CRC made good again, as somebody on the line would do it.
fn turned(octets: &[u8], bit: usize) -> Vec<u8> {
    const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_SPI_FUJITSU);
    let mut turned = octets[..octets.len() - 2].to_vec();
    turned[bit / 8] ^= 1 << (bit % 8);
    let sum = CRC.checksum(&turned[1..]);
    turned.extend(sum.to_le_bytes());
    turned
}

#[test]
fn no_turned_bit_of_a_secure_frame_is_accepted_even_with_a_good_crc() {
    const SECURITY_BIT: usize = 5 * 8 + 3;
    for vector in
        load("osdp").iter().filter(|v| v.object.contains_key("context") && v.text("validity") == "valid")
    {
        let octets = vector.octets();
        let options = options(vector);
        // without its security bit a frame is another, plain one: the ends refuse that, see the driver
        for bit in (8..(octets.len() - 2) * 8).filter(|bit| *bit != SECURITY_BIT) {
            let turned = turned(&octets, bit);
            let accepted = (codec("osdp").decode)(&turned, &options).into_iter().any(|d| match d {
                Decoded::Good { object, .. } => object["fields"].get("mac_ok").is_some(),
                Decoded::Bad { .. } => false,
            });
            assert!(!accepted, "{} bit {bit}", vector.name());
        }
    }
}
