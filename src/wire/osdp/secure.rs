//! The secure channel (rs485.md 4.4): AES-128 with a base key that both ends know, proofs of both ends, and a chain of
//! MACs in which every message depends on the last one of the other side.
//!
//! The handshake is a line of types, so that nothing can be done before it may be: the panel goes from [`Challenge`] to
//! [`Proof`] to [`Channel`], the reader from [`Response`] to [`Channel`]. A MAC is verified before anything is
//! deciphered. All comparisons of secrets take the same time whatever they find. Keys are wiped when dropped and never
//! printed.

use super::KeyOctets;
use super::frame::{Block, Frame, Header, MAC, Security};
use aes::Aes128;
use aes::cipher::{BlockDecrypt, BlockEncrypt, KeyInit};
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What AES takes and gives.
pub type Octets16 = [u8; 16];

/// The key of readers that have none of their own, known to everybody.
pub const DEFAULT_KEY: Octets16 = *b"0123456789:;<=>?";

/// Why the other end was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not have the key.
    Cryptogram,
    /// The frame was changed, repeated, or is of another session.
    Mac,
    /// Not a frame of an open channel in this direction.
    Block,
    /// The MAC is good, but what was hidden is no padded text.
    Padding,
}

impl fmt::Display for Refused {
    /// Begins with the error code of the vector format.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Cryptogram => "cryptogram: made with another key",
            Refused::Mac => "mac: does not verify",
            Refused::Block => "body: no block of an open channel in this direction",
            Refused::Padding => "body: hidden data without padding",
        })
    }
}

impl std::error::Error for Refused {}

/// Base key (SCBK) of one reader.
#[derive(Clone)]
pub struct BaseKey(Zeroizing<Octets16>);

impl BaseKey {
    /// Any key; who may use which one is policy of the ends.
    #[must_use]
    pub fn new(key: Octets16) -> BaseKey {
        BaseKey(Zeroizing::new(key))
    }

    /// As it goes to a reader, inside a secure channel only.
    #[must_use]
    pub fn octets(&self) -> KeyOctets {
        KeyOctets(self.0.clone())
    }

    /// Whether it protects nothing: the default key, or all zeros, which a reader without a key uses (rs485.md 4.4).
    #[must_use]
    pub fn is_known_to_all(&self) -> bool {
        (self.0.ct_eq(&DEFAULT_KEY) | self.0.ct_eq(&[0; 16])).into()
    }
}

impl fmt::Debug for BaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BaseKey(…)")
    }
}

/// Keys of one session.
#[derive(Clone)]
pub struct SessionKeys {
    enc: Zeroizing<Octets16>,
    mac1: Zeroizing<Octets16>,
    mac2: Zeroizing<Octets16>,
}

impl fmt::Debug for SessionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKeys(…)")
    }
}

impl SessionKeys {
    /// From keys that are known otherwise.
    #[must_use]
    pub fn new(enc: Octets16, mac1: Octets16, mac2: Octets16) -> SessionKeys {
        SessionKeys { enc: Zeroizing::new(enc), mac1: Zeroizing::new(mac1), mac2: Zeroizing::new(mac2) }
    }

    /// From the base key and the panel's random number.
    #[must_use]
    pub fn derive(base: &BaseKey, rnd_a: [u8; 8]) -> SessionKeys {
        let key = |first: u8, second: u8| {
            let mut block = [0; 16];
            block[0] = first;
            block[1] = second;
            block[2..8].copy_from_slice(&rnd_a[..6]);
            Zeroizing::new(encipher(&base.0, block))
        };
        SessionKeys { enc: key(0x01, 0x82), mac1: key(0x01, 0x01), mac2: key(0x01, 0x02) }
    }

    /// The reader's proof.
    #[must_use]
    pub fn client_cryptogram(&self, rnd_a: [u8; 8], rnd_b: [u8; 8]) -> Octets16 {
        encipher(&self.enc, joined(rnd_a, rnd_b))
    }

    /// The panel's proof.
    #[must_use]
    pub fn server_cryptogram(&self, rnd_a: [u8; 8], rnd_b: [u8; 8]) -> Octets16 {
        encipher(&self.enc, joined(rnd_b, rnd_a))
    }

    /// First value of the chain.
    #[must_use]
    pub fn initial_mac(&self, server_cryptogram: Octets16) -> Octets16 {
        encipher(&self.mac2, encipher(&self.mac1, server_cryptogram))
    }

    /// Full MAC of a message, chained on the last MAC of the other side.
    #[must_use]
    pub fn mac(&self, message: &[u8], last: &Octets16) -> Octets16 {
        let blocks = message.len().div_ceil(16);
        let padded = padded(message, false);
        padded.chunks_exact(16).enumerate().fold(*last, |chain, (at, block)| {
            let key = if at + 1 == blocks { &self.mac2 } else { &self.mac1 };
            encipher(key, xor(&chain, block))
        })
    }

    /// Hides data; `last` is the MAC that the message will be chained on.
    #[must_use]
    pub fn hide(&self, data: &[u8], last: &Octets16) -> Vec<u8> {
        let mut chain = last.map(|octet| !octet);
        let mut hidden = Vec::with_capacity(data.len() + 16);
        for block in padded(data, true).chunks_exact(16) {
            chain = encipher(&self.enc, xor(&chain, block));
            hidden.extend(chain);
        }
        hidden
    }

    /// Shows hidden data; `None` when they are no padded text.
    #[must_use]
    pub fn show(&self, hidden: &[u8], last: &Octets16) -> Option<Vec<u8>> {
        let cipher = Aes128::new((&*self.enc).into());
        let (blocks, rest) = hidden.as_chunks::<16>();
        if !rest.is_empty() {
            return None;
        }
        let mut chain = last.map(|octet| !octet);
        let mut clear = Vec::with_capacity(hidden.len());
        for block in blocks {
            let mut octets = *block;
            cipher.decrypt_block((&mut octets).into());
            clear.extend(xor(&chain, &octets));
            chain = *block;
        }
        let end = clear.iter().rposition(|octet| *octet != 0).filter(|at| clear[*at] == 0x80)?;
        if end + 16 < clear.len() {
            return None;
        }
        clear.truncate(end);
        Some(clear)
    }

    /// Verifies the MAC of a frame, then shows its data. Gives the full MAC, which is the next value of the chain.
    pub fn open(&self, frame: &Frame<'_>, last: &Octets16) -> Result<(Octets16, Option<Vec<u8>>), Refused> {
        let (Some(security), Some(sent)) = (frame.security, frame.mac) else { return Err(Refused::Block) };
        let full = self.mac(frame.covered, last);
        if !bool::from(full[..MAC].ct_eq(&sent)) {
            return Err(Refused::Mac);
        }
        let clear =
            if security.block.is_hidden() { self.show(frame.body, last) } else { Some(frame.body.to_vec()) };
        Ok((full, clear))
    }

    /// A frame with MAC, and hidden data where there are any. Gives the full MAC too.
    #[must_use]
    pub fn seal(&self, header: &Header, code: u8, data: &[u8], last: &Octets16) -> (Vec<u8>, Octets16) {
        let block = match (header.reply, data.is_empty()) {
            (false, true) => Block::PanelMac,
            (true, true) => Block::ReaderMac,
            (false, false) => Block::PanelHidden,
            (true, false) => Block::ReaderHidden,
        };
        let body = if data.is_empty() { Vec::new() } else { self.hide(data, last) };
        let mut message = header.message(Some(Security { block, data: None }), code, &body);
        let mac = self.mac(&message, last);
        message.extend(&mac[..MAC]);
        (header.close(message), mac)
    }
}

/// The panel has sent its random number.
#[derive(Clone, Debug)]
pub struct Challenge {
    keys: SessionKeys,
    rnd_a: [u8; 8],
}

impl Challenge {
    /// Begins a session; `rnd_a` is never used twice.
    #[must_use]
    pub fn new(base: &BaseKey, rnd_a: [u8; 8]) -> Challenge {
        Challenge { keys: SessionKeys::derive(base, rnd_a), rnd_a }
    }

    /// The random number to send.
    #[must_use]
    pub fn rnd_a(&self) -> [u8; 8] {
        self.rnd_a
    }

    /// Judges the reader's proof.
    pub fn verify(self, rnd_b: [u8; 8], client_cryptogram: &Octets16) -> Result<Proof, Refused> {
        same(&self.keys.client_cryptogram(self.rnd_a, rnd_b), client_cryptogram)?;
        let server_cryptogram = self.keys.server_cryptogram(self.rnd_a, rnd_b);
        Ok(Proof { keys: self.keys, server_cryptogram })
    }
}

/// The reader has shown that it has the key; the panel shows the same.
#[derive(Clone, Debug)]
pub struct Proof {
    keys: SessionKeys,
    server_cryptogram: Octets16,
}

impl Proof {
    /// The proof to send.
    #[must_use]
    pub fn server_cryptogram(&self) -> Octets16 {
        self.server_cryptogram
    }

    /// Judges the first value of the chain.
    pub fn confirm(self, r_mac_i: &Octets16) -> Result<Channel, Refused> {
        let first = self.keys.initial_mac(self.server_cryptogram);
        same(&first, r_mac_i)?;
        Ok(Channel { keys: self.keys, end: End::Panel, sent: first, heard: first })
    }
}

/// The reader has answered a challenge.
#[derive(Clone, Debug)]
pub struct Response {
    keys: SessionKeys,
    rnd_a: [u8; 8],
    rnd_b: [u8; 8],
}

impl Response {
    /// Answers a challenge; `rnd_b` is never used twice.
    #[must_use]
    pub fn new(base: &BaseKey, rnd_a: [u8; 8], rnd_b: [u8; 8]) -> Response {
        Response { keys: SessionKeys::derive(base, rnd_a), rnd_a, rnd_b }
    }

    /// The proof to send.
    #[must_use]
    pub fn client_cryptogram(&self) -> Octets16 {
        self.keys.client_cryptogram(self.rnd_a, self.rnd_b)
    }

    /// Judges the panel's proof and gives the first value of the chain.
    pub fn accept(self, server_cryptogram: &Octets16) -> Result<(Channel, Octets16), Refused> {
        same(&self.keys.server_cryptogram(self.rnd_a, self.rnd_b), server_cryptogram)?;
        let first = self.keys.initial_mac(*server_cryptogram);
        Ok((Channel { keys: self.keys, end: End::Reader, sent: first, heard: first }, first))
    }
}

/// Which end of the line a channel is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Asks.
    Panel,
    /// Answers.
    Reader,
}

/// What came through an open channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Clear data.
    pub data: Vec<u8>,
    /// Whether they were hidden on the wire.
    pub hidden: bool,
}

/// An open secure channel at one end.
///
/// A frame that has to be sent again is sent as it was: sealing it anew would break the chain.
#[derive(Clone, Debug)]
pub struct Channel {
    keys: SessionKeys,
    end: End,
    sent: Octets16,
    heard: Octets16,
}

impl Channel {
    /// The next frame of this end.
    #[must_use]
    pub fn seal(&mut self, header: &Header, code: u8, data: &[u8]) -> Vec<u8> {
        let header = Header { reply: self.end == End::Reader, ..*header };
        let (frame, mac) = self.keys.seal(&header, code, data, &self.heard);
        self.sent = mac;
        frame
    }

    /// The next frame of the other end. One that is refused changes nothing.
    pub fn open(&mut self, frame: &Frame<'_>) -> Result<Opened, Refused> {
        if frame.header.reply == (self.end == End::Reader) {
            return Err(Refused::Block);
        }
        let (mac, clear) = self.keys.open(frame, &self.sent)?;
        let data = clear.ok_or(Refused::Padding)?;
        self.heard = mac;
        Ok(Opened { data, hidden: frame.security.is_some_and(|s| s.block.is_hidden()) })
    }
}

/// Compares without telling by time how much agreed.
pub(super) fn same(expected: &Octets16, found: &Octets16) -> Result<(), Refused> {
    if bool::from(expected.ct_eq(found)) { Ok(()) } else { Err(Refused::Cryptogram) }
}

fn encipher(key: &Octets16, block: Octets16) -> Octets16 {
    let mut out = block;
    Aes128::new(key.into()).encrypt_block((&mut out).into());
    out
}

fn joined(first: [u8; 8], second: [u8; 8]) -> Octets16 {
    let mut out = [0; 16];
    out[..8].copy_from_slice(&first);
    out[8..].copy_from_slice(&second);
    out
}

fn xor(chain: &Octets16, block: &[u8]) -> Octets16 {
    let mut out = *chain;
    out.iter_mut().zip(block).for_each(|(o, b)| *o ^= b);
    out
}

/// Padding 80 00…; a text that fills its blocks gets none unless `always`.
fn padded(text: &[u8], always: bool) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len() + 16));
    out.extend(text);
    if always || !text.len().is_multiple_of(16) {
        out.push(0x80);
        let filled = out.len().next_multiple_of(16);
        out.resize(filled, 0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::osdp::frame::Check;

    const KEY: Octets16 = [0xA5; 16];

    fn ends() -> (Channel, Channel) {
        let base = BaseKey::new(KEY);
        let challenge = Challenge::new(&base, [1, 2, 3, 4, 5, 6, 7, 8]);
        let response = Response::new(&base, challenge.rnd_a(), [8; 8]);
        let proof = challenge.verify([8; 8], &response.client_cryptogram()).unwrap();
        let (reader, first) = response.accept(&proof.server_cryptogram()).unwrap();
        (proof.confirm(&first).unwrap(), reader)
    }

    fn header(reply: bool, sequence: u8) -> Header {
        Header { mark: true, address: 1, reply, sequence, check: Check::Crc }
    }

    #[test]
    fn both_ends_of_a_channel_understand_each_other() {
        let (mut panel, mut reader) = ends();
        for turn in 0..40_u8 {
            let data = vec![turn; usize::from(turn)];
            let asked = panel.seal(&header(false, turn % 3 + 1), 0x6B, &data);
            let opened = reader.open(&Frame::parse(&asked).unwrap()).unwrap();
            assert_eq!(opened, Opened { data: data.clone(), hidden: turn > 0 });
            let answer = reader.seal(&header(true, turn % 3 + 1), 0x50, &data);
            assert_eq!(panel.open(&Frame::parse(&answer).unwrap()).unwrap().data, data);
        }
    }

    #[test]
    fn a_frame_is_believed_once_and_in_its_place() {
        let (mut panel, mut reader) = ends();
        let first = panel.seal(&header(false, 1), 0x60, &[]);
        let first = Frame::parse(&first).unwrap();
        reader.open(&first).unwrap();
        let answer = reader.seal(&header(true, 1), 0x40, &[]);
        let answer = Frame::parse(&answer).unwrap();
        panel.open(&answer).unwrap();
        let second = panel.seal(&header(false, 2), 0x60, &[]);
        assert_eq!(panel.open(&answer), Err(Refused::Mac));
        assert_eq!(reader.open(&first), Err(Refused::Mac));
        assert_eq!(panel.open(&first), Err(Refused::Block));
        // what was refused has changed nothing
        assert!(reader.open(&Frame::parse(&second).unwrap()).is_ok());
    }

    #[test]
    fn another_key_is_refused_at_both_ends() {
        let (base, other) = (BaseKey::new(KEY), BaseKey::new([0; 16]));
        let challenge = Challenge::new(&base, [1; 8]);
        let response = Response::new(&other, [1; 8], [2; 8]);
        assert_eq!(
            challenge.clone().verify([2; 8], &response.client_cryptogram()).err(),
            Some(Refused::Cryptogram)
        );
        let good = Response::new(&base, [1; 8], [2; 8]);
        let proof = challenge.verify([2; 8], &good.client_cryptogram()).unwrap();
        assert_eq!(response.accept(&proof.server_cryptogram()).err(), Some(Refused::Cryptogram));
        assert_eq!(proof.confirm(&[0; 16]).err(), Some(Refused::Cryptogram));
    }

    #[test]
    fn hidden_text_without_padding_is_refused() {
        let keys = SessionKeys::derive(&BaseKey::new(KEY), [1; 8]);
        let last = [3; 16];
        for size in [0, 1, 15, 16, 17, 40] {
            let text = vec![0x80; size];
            let hidden = keys.hide(&text, &last);
            assert_eq!(keys.show(&hidden, &last), Some(text));
            assert_eq!(keys.show(&hidden[1..], &last), None);
        }
        assert_eq!(keys.show(&[], &last), None);
    }

    #[test]
    fn only_keys_that_everybody_knows_are_known_to_all() {
        assert!(BaseKey::new(DEFAULT_KEY).is_known_to_all());
        assert!(BaseKey::new([0; 16]).is_known_to_all());
        assert!(!BaseKey::new(KEY).is_known_to_all());
    }
}
