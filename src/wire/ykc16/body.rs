//! A body against its table: what it departs in, and what it says.

use super::fault::Fault;
use super::frame::{Frame, Header, Order, seal};
use super::layout::{self, Kind, Layout, Message, Row, width};
use super::message::card::{CardClear, CardQuery, CardSync};
use super::message::maintenance::Reboot;
use std::borrow::Cow;

/// Octets behind a body of fixed size that are ignored and counted. A body that is longer still has another layout,
/// not more of this one: the 17 octets of 0x40 under the type 0x06, the 45 octets of 0x25 with its flags expanded.
pub const TRAILING_MAX: usize = 4;

/// Where the number lies that some platforms send in four octets: behind the pile code.
const WIDE_AT: usize = 7;

/// How the one-octet number of 0x44, 0x46, 0x48 and 0x92 was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As the table says.
    #[default]
    Table,
    /// As four octets, low octet first.
    Wide,
    /// As four octets in front of the pile code (0x48).
    WideFirst,
}

/// A frame whose body fits a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    /// As sent.
    pub header: Header,
    /// Table of the message.
    pub layout: &'static Layout,
    /// Order of the checksum.
    pub order: Order,
    /// How its number was sent.
    pub form: Form,
    /// Octets behind the table, at most [`TRAILING_MAX`].
    pub trailing: &'a [u8],
    /// In the form of the table, exactly as long as it.
    body: Cow<'a, [u8]>,
}

impl Opened<'_> {
    /// The body in the form of its table.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The message; `None` when it is another one.
    #[must_use]
    pub fn read<M: Message>(&self) -> Option<M> {
        let mut octets = self.body();
        let message = M::take_rows(&mut octets).filter(|_| self.header.kind == M::NUMBER)?;
        octets.is_empty().then_some(message)
    }

    /// Whether it departs from the text in a way that is met in the field: to be counted.
    #[must_use]
    pub fn is_tolerated(&self) -> bool {
        self.order != Order::LowFirst || self.form != Form::Table || !self.trailing.is_empty()
    }
}

/// Judges the body of a frame.
pub fn open(frame: &Frame) -> Result<Opened<'_>, Fault> {
    let header = frame.header;
    let layout = layout::layout(header.kind).ok_or(Fault::UnknownType(header.kind))?;
    if header.encryption != 0 {
        return Err(Fault::Encrypted(header.encryption));
    }
    let (body, form, trailing) = fit(layout, &frame.body)?;
    Ok(Opened { header, layout, order: frame.order, form, trailing, body })
}

/// The frame of a message.
#[must_use]
pub fn write<M: Message>(message: &M, sequence: [u8; 2]) -> Vec<u8> {
    let header = Header { sequence, encryption: 0, kind: M::NUMBER };
    seal(header, &message.body(), Order::LowFirst)
}

type Fit<'a> = (Cow<'a, [u8]>, Form, &'a [u8]);

/// By the table first; only what does not fit it is looked at otherwise.
fn fit<'a>(layout: &Layout, body: &'a [u8]) -> Result<Fit<'a>, Fault> {
    let fault = match wanted(layout.rows, body) {
        Ok(wanted) if body.len() == wanted => return Ok((Cow::Borrowed(body), Form::Table, &[])),
        Ok(wanted) => Fault::Body { held: body.len(), wanted },
        Err(fault) => fault,
    };
    narrowed(layout, body).or_else(|| trailed(layout, body)).ok_or(fault)
}

/// Octets that the table takes of this body.
fn wanted(rows: &[Row], body: &[u8]) -> Result<usize, Fault> {
    let mut at = 0;
    for row in rows {
        let listed = |most: usize| match body.get(at) {
            Some(sent) if usize::from(*sent) > most => Err(Fault::Count { sent: *sent, most }),
            count => Ok(count.copied().map_or(0, usize::from)),
        };
        at += row.kind.width()
            + match row.kind {
                Kind::Counted(most, entry) => listed(most)? * width(entry),
                Kind::Text(most) => listed(most)?,
                Kind::Rest(most, entry) => entries(body.len().saturating_sub(at), width(entry), most),
                Kind::Unsigned(_) | Kind::Octets(_) | Kind::Ascii(_) | Kind::Numbers(_) | Kind::Time => 0,
            };
    }
    Ok(at)
}

/// Whole entries in so many octets.
fn entries(octets: usize, each: usize, most: usize) -> usize {
    (octets / each.max(1)).min(most) * each
}

/// How else than by its table a message is sent.
fn forms(layout: &Layout) -> &'static [Form] {
    match layout.number {
        CardSync::NUMBER | CardClear::NUMBER | Reboot::NUMBER => &[Form::Wide],
        CardQuery::NUMBER => &[Form::Wide, Form::WideFirst],
        _ => &[],
    }
}

/// The body in the form of its table when its number was sent in four octets.
fn narrowed<'a>(layout: &Layout, body: &'a [u8]) -> Option<Fit<'a>> {
    forms(layout).iter().find_map(|form| {
        let number = if *form == Form::Wide { WIDE_AT } else { 0 };
        let (front, rest) = body.split_at_checked(number)?;
        let (&[number, 0, 0, 0], rest) = rest.split_first_chunk()? else { return None };
        let (pile, rest) = rest.split_at_checked(WIDE_AT - front.len())?;
        let narrow = [front, pile, &[number], rest].concat();
        let fits = wanted(layout.rows, &narrow) == Ok(narrow.len());
        fits.then_some((Cow::Owned(narrow), *form, &[][..]))
    })
}

/// The body without the octets behind it. Lists have none: their length says what they hold. Nor have messages with a
/// second form: what fits neither is not guessed at.
fn trailed<'a>(layout: &Layout, body: &'a [u8]) -> Option<Fit<'a>> {
    let listed = |row: &Row| matches!(row.kind, Kind::Counted(..) | Kind::Rest(..) | Kind::Text(_));
    let (front, trailing) = body.split_at_checked(width(layout.rows))?;
    let fits = trailing.len() <= TRAILING_MAX && forms(layout).is_empty() && !layout.rows.iter().any(listed);
    fits.then_some((Cow::Borrowed(front), Form::Table, trailing))
}

/// A body of the table in this form; `None` when its message has no such form.
pub(super) fn reform(layout: &Layout, body: &[u8], form: Form) -> Option<Vec<u8>> {
    let (pile, rest) = body.split_at_checked(WIDE_AT).unwrap_or((body, &[]));
    let (number, rest) = rest.split_at_checked(1).unwrap_or((&[], &[]));
    let formed = match form {
        Form::Table => return Some(body.to_vec()),
        Form::Wide => [pile, number, &[0; 3], rest].concat(),
        Form::WideFirst => [number, &[0; 3], pile, rest].concat(),
    };
    let same = matches!(fit(layout, &formed), Ok((_, found, _)) if found == form);
    same.then_some(formed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ykc16::field::{Bcd, Counted, Raw};
    use crate::wire::ykc16::message::card::{CardNumber, OfflineCard};
    use crate::wire::ykc16::message::charging::{Battery, ChargeEnd, RealtimeRequest};
    use crate::wire::ykc16::message::start::{RemoteStop, StartDecision};
    use crate::wire::ykc16::message::tariff::ModelCheckReply;

    const PILE: Bcd<7> = Bcd([0x44, 3, 6, 0, 0, 0, 1]);

    fn frame(kind: u8, body: &[u8]) -> Frame {
        let header = Header { sequence: [1, 0], encryption: 0, kind };
        Frame { header, body: body.to_vec(), order: Order::LowFirst }
    }

    fn refused(kind: u8, length: usize) -> Option<&'static str> {
        open(&frame(kind, &vec![0; length])).err().map(Fault::code)
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let stop = RemoteStop { pile: PILE, gun: Bcd([1]) };
        let octets = write(&stop, [0x0D, 0]);
        let frame = crate::wire::ykc16::frame::open(&octets).unwrap();
        let opened = open(&frame).unwrap();
        assert_eq!(opened.read(), Some(stop));
        assert_eq!(opened.read::<RealtimeRequest>(), None, "another message of the same length");
        assert!(!opened.is_tolerated());
    }

    #[test]
    fn a_decision_without_its_last_two_octets_is_no_decision() {
        assert_eq!(refused(StartDecision::NUMBER, 36), Some("body"));
        assert_eq!(refused(StartDecision::NUMBER, 38), None);
    }

    #[test]
    fn a_few_octets_behind_the_body_are_ignored_and_another_layout_is_not() {
        let long = frame(ChargeEnd::NUMBER, &[9; 40]);
        let opened = open(&long).unwrap();
        assert_eq!((opened.trailing, opened.body().len()), (&[9][..], 39));
        assert!(opened.is_tolerated() && opened.read::<ChargeEnd>().is_some());
        assert_eq!(refused(ModelCheckReply::NUMBER, 17), Some("body"), "the body of 0x40");
        assert_eq!(refused(Battery::NUMBER, 45), Some("body"), "its flags expanded");
    }

    #[test]
    fn a_list_of_cards_is_taken_with_a_count_of_four_octets_and_never_by_half() {
        let card = OfflineCard { card_logic: Bcd([1; 8]), card_phys: Raw([2; 8]) };
        let sync = CardSync { pile: PILE, items: Counted::new(vec![card.clone(), card]).unwrap() };
        let wide = reform(&CardSync::LAYOUT, &sync.body(), Form::Wide).unwrap();
        assert_eq!(wide.len(), 7 + 4 + 32);
        let frame_wide = frame(CardSync::NUMBER, &wide);
        let opened = open(&frame_wide).unwrap();
        assert_eq!((opened.read(), opened.form), (Some(sync.clone()), Form::Wide));
        // cut by three octets it has the length of the table; only the checksum knows
        for length in (8..wide.len()).filter(|length| *length != wide.len() - 3) {
            let cut = frame(CardSync::NUMBER, &wide[..length]);
            assert!(open(&cut).is_err(), "{length} octets");
        }
        let mut many = sync.body();
        many[7] = 16;
        assert_eq!(open(&frame(CardSync::NUMBER, &many)), Err(Fault::Count { sent: 16, most: 15 }));
    }

    #[test]
    fn a_count_in_front_of_the_pile_code_is_understood_in_the_query() {
        let items = Counted::new(vec![CardNumber { card_phys: Raw([3; 8]) }]).unwrap();
        let query = CardQuery { pile: PILE, items };
        let first = reform(&CardQuery::LAYOUT, &query.body(), Form::WideFirst).unwrap();
        assert_eq!(first[..11], [1, 0, 0, 0, 0x44, 3, 6, 0, 0, 0, 1]);
        let frame = frame(CardQuery::NUMBER, &first);
        let opened = open(&frame).unwrap();
        assert_eq!((opened.read(), opened.form), (Some(query), Form::WideFirst));
        assert_eq!(reform(&CardClear::LAYOUT, &first, Form::WideFirst), None);
    }

    #[test]
    fn a_restart_is_taken_with_a_mode_of_four_octets() {
        let body = [0x44, 3, 6, 0, 0, 0, 1, 1, 0, 0, 0];
        let wide = frame(Reboot::NUMBER, &body);
        let opened = open(&wide).unwrap();
        assert_eq!((opened.form, opened.read::<Reboot>().map(|r| r.mode)), (Form::Wide, Some(1)));
        assert!(opened.trailing.is_empty());
        let large = frame(Reboot::NUMBER, &[0x44, 3, 6, 0, 0, 0, 1, 1, 1, 0, 0]);
        assert!(open(&large).is_err(), "a mode of 257 is not 1 with something behind it");
    }

    #[test]
    fn an_encrypted_body_is_not_guessed_at() {
        let mut frame = frame(RemoteStop::NUMBER, &[0; 8]);
        frame.header.encryption = 1;
        assert_eq!(open(&frame), Err(Fault::Encrypted(1)));
        frame.header.kind = 0x7E;
        assert_eq!(open(&frame), Err(Fault::UnknownType(0x7E)));
    }
}
