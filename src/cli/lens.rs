//! What only a profile can know of a frame: points of registers, vendor items of meters.

use super::{Exit, Failure};
use crate::driver::dlt645::identifier::Identifier;
use crate::driver::dlt645::profile as dlt645;
use crate::driver::modbus::profile as modbus;
use crate::wire::hex;
use crate::wire::modbus::Table;
use serde_json::{Map, Number, Value, json};

/// A profile over the frames of its protocol.
pub(super) enum Lens {
    /// None was asked for, or the codec has it.
    Plain,
    /// Adds `points` to responses.
    Modbus(Box<modbus::Profile>, Option<u16>),
    /// Gives items of the profile their value and unit.
    Dlt645(Box<dlt645::Profile>),
}

impl Lens {
    /// `profile` is a name or the text of a file.
    pub(super) fn new(protocol: &str, profile: Option<&str>, start: Option<u16>) -> Result<Lens, Failure> {
        let Some(profile) = profile else { return Ok(Lens::Plain) };
        // the vectors write acrel.djsf1352-rn and cn_pile_v2
        let name = if profile.contains('\n') { profile.to_owned() } else { profile.replace(['.', '_'], "-") };
        let bad = |problems: Vec<modbus::Problem>| {
            let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
            Failure::new(Exit::Data, format_args!("--profile: {}", all.join("; ")))
        };
        Ok(match protocol {
            "modbus-rtu" => Lens::Modbus(Box::new(modbus::Profile::load(&name).map_err(bad)?), start),
            "dlt645" => Lens::Dlt645(Box::new(dlt645::Profile::load(&name).map_err(bad)?)),
            _ => Lens::Plain,
        })
    }

    /// Adds what it knows to a decoded frame.
    pub(super) fn look(&self, object: &mut Map<String, Value>) {
        let Some(Value::Object(fields)) = object.get_mut("fields") else { return };
        match self {
            Lens::Plain => {}
            Lens::Modbus(profile, start) => {
                if let Some(points) = points(profile, *start, fields).filter(|points| !points.is_empty()) {
                    fields.insert("points".to_owned(), Value::Object(points));
                }
            }
            Lens::Dlt645(profile) => {
                if let Some((name, value, unit)) = item(profile, fields) {
                    fields.entry("di_name").and_modify(|known| {
                        if known == "not in the table" {
                            *known = json!(name);
                        }
                    });
                    fields.insert("value".to_owned(), value);
                    fields.insert("unit".to_owned(), json!(unit));
                }
            }
        }
    }
}

fn points(
    profile: &modbus::Profile,
    start: Option<u16>,
    fields: &Map<String, Value>,
) -> Option<Map<String, Value>> {
    let table = Table::of(u8::try_from(fields.get("function")?.as_u64()?).ok()?)?;
    let registers = fields.get("registers")?.as_array()?;
    let registers: Option<Vec<u16>> =
        registers.iter().map(|r| r.as_u64().and_then(|r| u16::try_from(r).ok())).collect();
    Some(profile.shown(table, start, &registers?))
}

fn item(profile: &dlt645::Profile, fields: &Map<String, Value>) -> Option<(&'static str, Value, String)> {
    if fields.get("direction")? != "slave" {
        return None;
    }
    let di = Identifier::parse(profile.edition, fields.get("di")?.as_str()?)?;
    let data = hex::parse(fields.get("data")?.as_str()?)?;
    let source = profile.of(di)?;
    let octets = data.strip_prefix(di.to_wire().as_slice())?;
    if octets.len() != source.octets() {
        return None;
    }
    let value = source.shown(octets).and_then(|text| text.parse::<Number>().ok());
    Some((source.quantity.name(), value.map_or(Value::Null, Value::Number), source.unit.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::{self, Decoded, Options};

    fn decoded(protocol: &str, frame: &str, lens: &Lens) -> Map<String, Value> {
        let options = Options { response: true, ..Options::default() };
        let octets = hex::parse(frame).unwrap();
        match (codec::by_name(protocol).unwrap().decode)(&octets, &options).remove(0) {
            Decoded::Good { mut object, .. } => {
                lens.look(&mut object);
                object["fields"].as_object().unwrap().clone()
            }
            Decoded::Bad { error, .. } => panic!("{error}"),
        }
    }

    #[test]
    fn registers_have_names_when_a_profile_gives_them() {
        let frame = "01040443663334 1B38".replace(' ', "");
        let lens = Lens::new("modbus-rtu", Some("eastron-sdm630"), Some(0)).ok().unwrap();
        assert_eq!(decoded("modbus-rtu", &frame, &lens)["points"], json!({ "voltage_l1_V": 230.2 }));
        let plain = Lens::new("modbus-rtu", None, None).ok().unwrap();
        assert!(!decoded("modbus-rtu", &frame, &plain).contains_key("points"));
        assert!(Lens::new("modbus-rtu", Some("nobody"), None).is_err());
    }

    #[test]
    fn a_vendor_item_is_what_its_profile_says() {
        let text = dlt645::BUILT_IN[2].1.replace("00D10000", "00D20000");
        let lens = Lens::new("dlt645", Some(&text), None).ok().unwrap();
        let frame = "68785634120000689108333305 33BA0945335616".replace(' ', "");
        let fields = decoded("dlt645", &frame, &lens);
        assert_eq!((&fields["value"], &fields["unit"]), (&json!(1_234_567), &json!("Wh")));
        assert_eq!(fields["di_name"], "energy.forward");
    }
}
