use super::*;
use crate::driver::modbus::profile::Profile;
use crate::wire::dlt645::{Address, Control, Frame};
use crate::wire::modbus::{Exception, Request as Wire, Response};
use std::sync::{Arc, Mutex};

/// A survey and what it told.
fn survey(trials: Vec<Trial>) -> (Survey, Arc<Mutex<Vec<Finding>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let tell = move |finding| {
        sink.lock().unwrap().push(finding);
        true
    };
    (Survey::new(trials, Box::new(tell)), told)
}

/// Asks everything; each question is answered by what the device gives for it.
fn run(survey: &mut Survey, device: impl Fn(&[u8]) -> Option<Vec<u8>>) -> usize {
    let mut asked = 0;
    while survey.wants().is_some() {
        let question = survey.ask(Now::default()).unwrap();
        asked += 1;
        match device(&question.octets) {
            Some(answer) => {
                assert_eq!(survey.cut(&answer), Cut::Frame(answer.len()));
                assert_eq!(survey.hear(Now::default(), &answer), Heard::Answer(Vec::new()));
            }
            None => drop(survey.unanswered(Now::default())),
        }
    }
    asked
}

#[test]
fn whoever_answers_if_only_by_an_exception_is_asked_who_it_is() {
    let (mut survey, told) = survey((1..=3).map(Trial::Register).collect());
    let asked = run(&mut survey, |question| match (question[0], question[1]) {
        (2, function) => Some(Response::Exception { function, exception: Exception::FUNCTION }.encode(2)),
        _ => None,
    });
    assert_eq!(asked, 4);
    let told = told.lock().unwrap();
    let seen: Vec<_> = told.iter().map(|f| (f.address.as_str(), f.answer.as_deref())).collect();
    let refused = Some("exception 01, illegal function");
    assert_eq!(seen, [("1", None), ("2", refused), ("2", refused), ("3", None)]);
}

#[test]
fn the_answer_of_another_address_or_to_another_question_is_none() {
    let (mut survey, told) = survey(vec![Trial::Register(2)]);
    survey.ask(Now::default());
    let registers = |table, count| Response::Registers { table, registers: vec![7; count] };
    let holding = crate::wire::modbus::Table::Holding;
    let late = registers(holding, 1).encode(1);
    assert_eq!(survey.hear(Now::default(), &late), Heard::Foreign(Foreign::Address));
    let longer = registers(holding, 2).encode(2);
    assert_eq!(survey.hear(Now::default(), &longer), Heard::Foreign(Foreign::Question));
    assert!(told.lock().unwrap().is_empty());
    assert_eq!(survey.hear(Now::default(), &registers(holding, 1).encode(2)), Heard::Answer(Vec::new()));
    assert_eq!(told.lock().unwrap()[0].answer.as_deref(), Some("0007H"));
}

#[test]
fn a_meter_is_found_by_its_address_and_by_everybodys() {
    let own: Address = "000000000005".parse().unwrap();
    let (mut survey, told) =
        survey(vec![Trial::MeterAddress, Trial::Meter("000000000004".parse().unwrap()), Trial::Meter(own)]);
    run(&mut survey, |question| {
        let asked = Frame::parse(question).unwrap();
        if asked.address() != own && asked.address() != Address::ANY {
            return None;
        }
        let data = match asked.control() {
            Control::READ_ADDRESS => own.to_wire().to_vec(),
            _ => [asked.data(), &[0x26, 0, 0, 0]].concat(),
        };
        Some(Frame::new(own, asked.control().reply(), data).unwrap().encode(2))
    });
    let told = told.lock().unwrap();
    let seen: Vec<_> = told.iter().map(|f| f.answer.as_deref()).collect();
    assert_eq!(seen, [Some("000000000005"), None, Some("000000000005: 0.26 kWh")]);
}

#[test]
fn a_reader_says_who_it_is_or_that_it_will_not() {
    let (mut survey, told) = survey(vec![Trial::Reader(1), Trial::Reader(2)]);
    run(&mut survey, |question| {
        let hex = match question[2] {
            1 => "53811400 0445CAFE0101021234567803 0201A515",
            _ => "5382090004410669E7",
        };
        let mut octets = crate::wire::hex::parse(&hex.replace(' ', "")).unwrap();
        let (body, crc) = octets.split_at(octets.len() - 2);
        let computed = crc::Crc::<u16>::new(&crc::CRC_16_SPI_FUJITSU).checksum(body).to_le_bytes();
        assert!(crc == computed || question[2] == 2);
        let at = octets.len() - 2;
        octets[at..].copy_from_slice(&computed);
        Some(octets)
    });
    let told = told.lock().unwrap();
    assert_eq!(
        told[0].answer.as_deref(),
        Some("vendor CAFE01 model 1 version 2 serial 78563412 firmware 3.2.1")
    );
    assert_eq!(told[1].answer.as_deref(), Some("refused, NAK 06 encryption required"));
}

#[test]
fn every_point_of_a_charger_is_told_and_one_it_does_not_give_is_told_as_that() {
    let profile = Arc::new(Profile::by_name("cn-pile-v2").unwrap());
    let (mut survey, told) = survey(Trial::points(1, &profile));
    // behind it are none: reads of this profile begin at the first register of their block
    let missing = profile.points.iter().max_by_key(|p| p.span()).unwrap();
    run(&mut survey, |question| {
        let (slave, Wire::Read { table, start, count }) = Wire::decode(question).unwrap() else { panic!() };
        let (first, last) = missing.span();
        let touches = table == missing.table && start <= last && first - start.min(first) < count;
        let response = match touches {
            true => Response::Exception { function: question[1], exception: Exception::ADDRESS },
            false => Response::Registers { table, registers: vec![1; count.into()] },
        };
        Some(response.encode(slave))
    });
    let told = told.lock().unwrap();
    let values: Vec<&Value> = told.iter().flat_map(|f| &f.values).collect();
    for point in &profile.points {
        let of: Vec<_> = values.iter().filter(|v| v.name == point.name).collect();
        assert_eq!(of.len(), 1, "{}", point.name);
        assert_eq!(of[0].value.is_some(), point.span() != missing.span(), "{}", point.name);
    }
}

#[test]
fn nobody_listening_ends_it() {
    let mut survey = Survey::new((1..=9).map(Trial::Register), Box::new(|_| false));
    survey.ask(Now::default());
    drop(survey.unanswered(Now::default()));
    assert_eq!(survey.wants(), None);
}

#[test]
fn nothing_that_writes_is_ever_asked() {
    let profile = Arc::new(Profile::by_name("cn-pile-v2").unwrap());
    let trials = [Trial::Register(1), Trial::Identification(1)].into_iter().chain(Trial::points(1, &profile));
    for trial in trials {
        let function = trial.octets()[1];
        assert!(matches!(function, 3 | 4 | 0x2B), "{trial:?}");
    }
    for trial in [Trial::MeterAddress, Trial::AnyMeter1997] {
        let frame = Frame::parse(&trial.octets()).unwrap();
        assert!(matches!(frame.control(), Control::READ_ADDRESS | Control::READ_1997), "{trial:?}");
    }
}
