//! Requests and responses as people see them.
//!
//! Keys as in the vector format: `slave`, `function`, then `start` + `count`, `address` + `value`, `registers`, `bits`,
//! `coils`, `exception` + `exception_name`, `objects`. Beside those, a device identification carries `read_code`,
//! `conformity`, `more` and `next`, which default to 1, 1, 0, 0 when a frame is made. Object texts are Latin-1, so that
//! every octet has its character.

use super::frame::{self, Direction, Error};
use super::request::{Request, Table};
use super::response::{DeviceId, Exception, Response};
use super::{MAX_READ, MAX_WRITE, cut, function};
use crate::wire::Cut;
use crate::wire::codec::{Codec, Decoded, Options};
use serde_json::{Map, Value, json};

/// Modbus RTU for people; [`Options::response`] tells the direction.
pub const CODEC: Codec = Codec { name: "modbus-rtu", decode, encode, bus: None };

fn decode(octets: &[u8], options: &Options) -> Vec<Decoded> {
    let direction = if options.response { Direction::Response } else { Direction::Request };
    let mut found = Vec::new();
    let (mut at, mut rest) = (0, 0);
    while at < octets.len() {
        match cut(&octets[at..], direction) {
            Cut::Frame(length) => {
                let frame = &octets[at..at + length];
                if let Some(object) = object(frame, direction) {
                    found.push(Decoded::Good { offset: at, length, object });
                }
                at += length;
                rest = at;
            }
            Cut::Noise(count) => at += count,
            // no more will come: what looked like a beginning was none
            Cut::More => at += 1,
        }
    }
    let left = &octets[rest..];
    // an undriven receiver adds 00 and FF behind good replies (rs485.md 6.1)
    let idle = !found.is_empty() && left.iter().all(|o| matches!(o, 0x00 | 0xFF));
    if !idle {
        found.push(Decoded::Bad { offset: rest, error: refusal(left, direction).to_string() });
    }
    found
}

/// Why octets that hold no frame are none, judged as one frame.
fn refusal(octets: &[u8], direction: Direction) -> Error {
    let refused = match direction {
        Direction::Request => Request::decode(octets).err(),
        Direction::Response => Response::decode(octets).err(),
    };
    refused.unwrap_or(Error::Length { found: octets.len(), wanted: frame::LONGEST })
}

fn object(frame: &[u8], direction: Direction) -> Option<Map<String, Value>> {
    let (slave, kind, function, content) = match direction {
        Direction::Request => {
            let (slave, request) = Request::decode(frame).ok()?;
            (slave, request_kind(&request), request.function(), request_fields(&request))
        }
        Direction::Response => {
            let (slave, response) = Response::decode(frame).ok()?;
            (slave, response_kind(&response), response.function(), response_fields(&response))
        }
    };
    let mut fields = Map::new();
    fields.insert("slave".to_owned(), json!(slave));
    fields.insert("function".to_owned(), json!(function));
    if let Value::Object(content) = content {
        fields.extend(content);
    }
    let mut object = Map::new();
    object.insert("type".to_owned(), json!(kind));
    object.insert("fields".to_owned(), Value::Object(fields));
    Some(object)
}

fn request_kind(request: &Request) -> &'static str {
    match request {
        Request::Read { table: Table::Coils, .. } => "read-coils-request",
        Request::Read { table: Table::Discrete, .. } => "read-discrete-request",
        Request::Read { table: Table::Holding, .. } => "read-holding-request",
        Request::Read { table: Table::Input, .. } => "read-input-request",
        Request::WriteCoil { .. } => "write-coil-request",
        Request::WriteRegister { .. } => "write-register-request",
        Request::WriteCoils { .. } => "write-coils-request",
        Request::WriteRegisters { .. } => "write-registers-request",
        Request::DeviceId { .. } => "device-id-request",
    }
}

fn response_kind(response: &Response) -> &'static str {
    match response {
        Response::Bits { table: Table::Coils, .. } => "read-coils-response",
        Response::Bits { .. } => "read-discrete-response",
        Response::Registers { table: Table::Holding, .. } => "read-holding-response",
        Response::Registers { .. } => "read-input-response",
        Response::WriteCoil { .. } => "write-coil-response",
        Response::WriteRegister { .. } => "write-register-response",
        Response::WriteCoils { .. } => "write-coils-response",
        Response::WriteRegisters { .. } => "write-registers-response",
        Response::DeviceId(_) => "device-id-response",
        Response::Exception { .. } => "exception",
    }
}

fn request_fields(request: &Request) -> Value {
    match request {
        Request::Read { start, count, .. } => json!({ "start": start, "count": count }),
        Request::WriteCoil { address, value } | Request::WriteRegister { address, value } => {
            json!({ "address": address, "value": value })
        }
        Request::WriteCoils { start, coils } => {
            json!({ "start": start, "count": coils.len(), "coils": bits(coils) })
        }
        Request::WriteRegisters { start, registers } => {
            json!({ "start": start, "count": registers.len(), "registers": registers })
        }
        Request::DeviceId { read_code, object } => {
            json!({ "mei": function::DEVICE_ID, "read_code": read_code, "object_id": object })
        }
    }
}

fn response_fields(response: &Response) -> Value {
    match response {
        Response::Bits { bits: told, .. } => json!({ "bits": bits(told) }),
        Response::Registers { registers, .. } => json!({ "registers": registers }),
        Response::WriteCoil { address, value } | Response::WriteRegister { address, value } => {
            json!({ "address": address, "value": value })
        }
        Response::WriteCoils { start, count } | Response::WriteRegisters { start, count } => {
            json!({ "start": start, "count": count })
        }
        Response::DeviceId(id) => json!({
            "mei": function::DEVICE_ID,
            "read_code": id.read_code,
            "conformity": id.conformity,
            "more": id.more,
            "next": id.next,
            "objects": objects(id),
        }),
        Response::Exception { exception, .. } => {
            json!({ "exception": exception.0, "exception_name": exception.name() })
        }
    }
}

fn bits(bits: &[bool]) -> Vec<u8> {
    bits.iter().map(|b| u8::from(*b)).collect()
}

fn objects(id: &DeviceId) -> Map<String, Value> {
    id.objects
        .iter()
        .map(|(number, content)| {
            let text: String = content.iter().map(|o| char::from(*o)).collect();
            (number.to_string(), Value::String(text))
        })
        .collect()
}

fn encode(object: &Map<String, Value>, options: &Options) -> Result<Vec<u8>, String> {
    let fields = Fields(object.get("fields").and_then(Value::as_object).ok_or("no object \"fields\"")?);
    let kind = object.get("type").and_then(Value::as_str).unwrap_or_default();
    let response = match kind.rsplit_once('-').map_or(kind, |(_, last)| last) {
        "request" => false,
        "response" | "exception" => true,
        _ => options.response || fields.0.contains_key("exception"),
    };
    let slave = fields.octet("slave")?;
    let function = fields.octet("function")?;
    if response {
        Ok(fields.response(function)?.encode(slave))
    } else {
        Ok(fields.request(function)?.encode(slave))
    }
}

struct Fields<'a>(&'a Map<String, Value>);

impl Fields<'_> {
    fn request(&self, code: u8) -> Result<Request, String> {
        Ok(match code {
            function::WRITE_COIL => {
                Request::WriteCoil { address: self.word("address")?, value: self.word("value")? }
            }
            function::WRITE_REGISTER => {
                Request::WriteRegister { address: self.word("address")?, value: self.word("value")? }
            }
            function::WRITE_COILS => {
                let coils = self.bits("coils", 246 * 8)?;
                self.agrees(coils.len())?;
                Request::WriteCoils { start: self.word("start")?, coils }
            }
            function::WRITE_REGISTERS => {
                let registers = self.words("registers", MAX_WRITE)?;
                self.agrees(registers.len())?;
                Request::WriteRegisters { start: self.word("start")?, registers }
            }
            function::ENCAPSULATED => {
                Request::DeviceId { read_code: self.octet("read_code")?, object: self.octet("object_id")? }
            }
            code => {
                let table = Table::of(code).ok_or_else(|| unknown(code))?;
                Request::Read { table, start: self.word("start")?, count: self.word("count")? }
            }
        })
    }

    fn response(&self, code: u8) -> Result<Response, String> {
        if self.0.contains_key("exception") {
            let exception = Exception(self.octet("exception")?);
            if !frame::is_exception(code | function::EXCEPTION) {
                return Err(unknown(code));
            }
            return Ok(Response::Exception { function: code & !function::EXCEPTION, exception });
        }
        Ok(match code {
            function::WRITE_COIL => {
                Response::WriteCoil { address: self.word("address")?, value: self.word("value")? }
            }
            function::WRITE_REGISTER => {
                Response::WriteRegister { address: self.word("address")?, value: self.word("value")? }
            }
            function::WRITE_COILS => {
                Response::WriteCoils { start: self.word("start")?, count: self.word("count")? }
            }
            function::WRITE_REGISTERS => {
                Response::WriteRegisters { start: self.word("start")?, count: self.word("count")? }
            }
            function::ENCAPSULATED => Response::DeviceId(self.device_id()?),
            code => match Table::of(code).ok_or_else(|| unknown(code))? {
                table @ (Table::Coils | Table::Discrete) => {
                    Response::Bits { table, bits: self.bits("bits", 2000)? }
                }
                table @ (Table::Holding | Table::Input) => {
                    Response::Registers { table, registers: self.words("registers", MAX_READ)? }
                }
            },
        })
    }

    fn device_id(&self) -> Result<DeviceId, String> {
        let told = self.0.get("objects").and_then(Value::as_object).ok_or("no object \"objects\"")?;
        let mut objects = Vec::new();
        for (number, text) in told {
            let number = number.parse().map_err(|_| format!("objects: {number:?} is no number 0..=255"))?;
            let text = text.as_str().ok_or("objects: a value is no text")?;
            let content: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
            objects.push((number, content.ok_or("objects: a character is not Latin-1")?));
        }
        let size: usize = objects.iter().map(|(_, content)| 2 + content.len()).sum();
        if size + 10 > frame::LONGEST {
            return Err("objects: more than one frame holds".to_owned());
        }
        Ok(DeviceId {
            read_code: self.octet_or("read_code", 1)?,
            conformity: self.octet_or("conformity", 1)?,
            more: self.octet_or("more", 0)?,
            next: self.octet_or("next", 0)?,
            objects,
        })
    }

    fn number(&self, key: &str, most: u64) -> Result<u64, String> {
        let value = self.0.get(key).ok_or_else(|| format!("no {key:?}"))?;
        value.as_u64().filter(|n| *n <= most).ok_or_else(|| format!("{key}: {value} is no number 0..={most}"))
    }

    fn octet(&self, key: &str) -> Result<u8, String> {
        self.number(key, 0xFF).map(|n| n as u8)
    }

    fn octet_or(&self, key: &str, absent: u8) -> Result<u8, String> {
        if self.0.contains_key(key) { self.octet(key) } else { Ok(absent) }
    }

    fn word(&self, key: &str) -> Result<u16, String> {
        self.number(key, 0xFFFF).map(|n| n as u16)
    }

    fn list(&self, key: &str, most: u64, longest: u16) -> Result<Vec<u16>, String> {
        let list = self.0.get(key).and_then(Value::as_array).ok_or_else(|| format!("no list {key:?}"))?;
        if list.is_empty() || list.len() > usize::from(longest) {
            return Err(format!("{key}: {} values; 1 to {longest} fit", list.len()));
        }
        list.iter()
            .map(|v| v.as_u64().filter(|n| *n <= most).map(|n| n as u16))
            .collect::<Option<_>>()
            .ok_or_else(|| format!("{key}: a value is no number 0..={most}"))
    }

    fn words(&self, key: &str, longest: u16) -> Result<Vec<u16>, String> {
        self.list(key, 0xFFFF, longest)
    }

    fn bits(&self, key: &str, longest: u16) -> Result<Vec<bool>, String> {
        Ok(self.list(key, 1, longest)?.iter().map(|bit| *bit == 1).collect())
    }

    /// A list must be as long as its count says, where there is one.
    fn agrees(&self, length: usize) -> Result<(), String> {
        match self.0.get("count") {
            Some(_) if usize::from(self.word("count")?) != length => {
                Err(format!("count: the list has {length} values"))
            }
            _ => Ok(()),
        }
    }
}

fn unknown(code: u8) -> String {
    format!("function: {code} is not known")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn requests() -> impl Strategy<Value = Request> {
        let table = prop::sample::select(vec![Table::Coils, Table::Discrete, Table::Holding, Table::Input]);
        prop_oneof![
            (table, any::<u16>(), any::<u16>()).prop_map(|(table, start, count)| Request::Read {
                table,
                start,
                count
            }),
            any::<(u16, u16)>().prop_map(|(address, value)| Request::WriteCoil { address, value }),
            any::<(u16, u16)>().prop_map(|(address, value)| Request::WriteRegister { address, value }),
            (any::<u16>(), prop::collection::vec(any::<bool>(), 1..100))
                .prop_map(|(start, coils)| Request::WriteCoils { start, coils }),
            (any::<u16>(), prop::collection::vec(any::<u16>(), 1..=123))
                .prop_map(|(start, registers)| Request::WriteRegisters { start, registers }),
            any::<(u8, u8)>().prop_map(|(read_code, object)| Request::DeviceId { read_code, object }),
        ]
    }

    fn responses() -> impl Strategy<Value = Response> {
        let registers = prop::collection::vec(any::<u16>(), 1..=125);
        let objects =
            prop::collection::btree_map(any::<u8>(), prop::collection::vec(any::<u8>(), 0..20), 0..5);
        prop_oneof![
            (registers, any::<bool>()).prop_map(|(registers, input)| Response::Registers {
                table: if input { Table::Input } else { Table::Holding },
                registers
            }),
            prop::collection::vec(any::<[bool; 8]>(), 1..20)
                .prop_map(|bits| Response::Bits { table: Table::Coils, bits: bits.concat() }),
            any::<(u16, u16)>().prop_map(|(address, value)| Response::WriteRegister { address, value }),
            any::<(u16, u16)>().prop_map(|(start, count)| Response::WriteRegisters { start, count }),
            (1_u8..=6, any::<u8>())
                .prop_map(|(function, code)| Response::Exception { function, exception: Exception(code) }),
            (any::<[u8; 4]>(), objects).prop_map(|([read_code, conformity, more, next], objects)| {
                let objects = objects.into_iter().collect();
                Response::DeviceId(DeviceId { read_code, conformity, more, next, objects })
            }),
        ]
    }

    fn through_json(frame: &[u8], response: bool) -> Vec<u8> {
        let options = Options { response, ..Options::default() };
        match &decode(frame, &options)[..] {
            [Decoded::Good { object, .. }] => encode(object, &options).expect("encodes"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stream_gives_its_good_frames_and_one_refusal_for_what_is_left() {
        let request = Request::Read { table: Table::Holding, start: 0, count: 2 }.encode(1);
        let options = Options::default();
        let glued = [vec![0x55], request.clone(), request.clone(), vec![0]].concat();
        let offsets: Vec<_> = decode(&glued, &options)
            .iter()
            .map(|d| match d {
                Decoded::Good { offset, .. } => Ok(*offset),
                Decoded::Bad { offset, .. } => Err(*offset),
            })
            .collect();
        assert_eq!(offsets, [Ok(1), Ok(9)]);
        let torn = [request.clone(), request[..5].to_vec()].concat();
        assert!(matches!(
            decode(&torn, &options)[..],
            [Decoded::Good { .. }, Decoded::Bad { offset: 8, .. }]
        ));
        assert!(
            matches!(&decode(&[], &options)[..], [Decoded::Bad { error, .. }] if error.starts_with("truncated"))
        );
    }

    #[test]
    fn an_object_that_determines_no_frame_says_why() {
        let refused = |text: &str| {
            let Ok(Value::Object(object)) = serde_json::from_str(text) else { panic!("{text}") };
            encode(&object, &Options::default()).expect_err("refused")
        };
        assert_eq!(refused("{}"), "no object \"fields\"");
        assert_eq!(refused(r#"{"fields":{"slave":256,"function":3}}"#), "slave: 256 is no number 0..=255");
        assert_eq!(refused(r#"{"fields":{"slave":1,"function":9}}"#), "function: 9 is not known");
        assert_eq!(
            refused(r#"{"fields":{"slave":1,"function":16,"start":0,"count":2,"registers":[1]}}"#),
            "count: the list has 1 values"
        );
        assert_eq!(
            refused(r#"{"type":"exception","fields":{"slave":1,"function":99,"exception":1}}"#),
            "function: 99 is not known"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn every_request_comes_back_from_its_frame_and_from_its_json(slave in any::<u8>(), request in requests()) {
            let frame = request.encode(slave);
            prop_assert_eq!(Request::decode(&frame), Ok((slave, request)));
            prop_assert_eq!(through_json(&frame, false), frame);
        }

        #[test]
        fn every_response_comes_back_from_its_frame_and_from_its_json(slave in any::<u8>(), response in responses()) {
            let frame = response.encode(slave);
            prop_assert_eq!(Response::decode(&frame), Ok((slave, response)));
            prop_assert_eq!(through_json(&frame, true), frame);
        }

        #[test]
        fn no_octets_upset_the_decoder(octets in prop::collection::vec(any::<u8>(), 0..400), response in any::<bool>()) {
            let all = decode(&octets, &Options { response, ..Options::default() });
            prop_assert!(!all.is_empty());
        }

        #[test]
        fn one_turned_bit_is_always_refused(response in responses(), bit in any::<prop::sample::Index>()) {
            let mut frame = response.encode(7);
            let bit = bit.index(frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(Response::decode(&frame).is_err());
        }
    }
}
