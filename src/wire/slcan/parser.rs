//! Octets in, lines out, with bounded memory.

use super::line::{BEL, CR, Error, Line};

/// The longest line without its CR; a frame with a timestamp has 30.
pub const LONGEST: usize = 32;

/// The reader of one serial line.
#[derive(Clone, Debug, Default)]
pub struct Parser {
    line: [u8; LONGEST],
    length: usize,
    overlong: bool,
    refused: u64,
}

impl Parser {
    /// One octet, and what it completes. A line that was too long is refused at its end, once.
    pub fn take(&mut self, octet: u8) -> Option<Result<Line, Error>> {
        let found = match octet {
            CR => self.finish(),
            // Nothing but the error reply holds a BEL; what stood before it is lost, and counted.
            BEL => {
                self.refused = self.refused.saturating_add(u64::from(self.is_inside()));
                self.forget();
                return Some(Ok(Line::Error));
            }
            _ => {
                match self.line.get_mut(self.length) {
                    Some(room) => {
                        *room = octet;
                        self.length += 1;
                    }
                    None => self.overlong = true,
                }
                return None;
            }
        };
        self.forget();
        self.refused = self.refused.saturating_add(u64::from(found.is_err()));
        Some(found)
    }

    /// Whether a line has begun and not ended.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.length > 0
    }

    /// Lines refused since the start; saturates.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Drops the line that has begun: the serial line was opened anew.
    pub fn forget(&mut self) {
        self.length = 0;
        self.overlong = false;
    }

    fn finish(&self) -> Result<Line, Error> {
        if self.overlong { Err(Error::Length) } else { Line::read(&self.line[..self.length]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(octets: &[u8]) -> Vec<Result<Line, Error>> {
        let mut parser = Parser::default();
        octets.iter().filter_map(|o| parser.take(*o)).collect()
    }

    #[test]
    fn after_a_bad_line_the_next_cr_is_a_fresh_start() {
        let mut octets = vec![b'T'; 5000];
        octets.extend_from_slice(b"\rx9\rC\r");
        let close = Line::Command(super::super::Command::Close);
        assert_eq!(all(&octets), [Err(Error::Length), Err(Error::UnknownCommand), Ok(close)]);
        assert_eq!(all(b"T18\x07\r"), [Ok(Line::Error), Ok(Line::Ok)]);
    }

    proptest! {
        #[test]
        fn no_octets_panic_and_none_hold_up_the_next_frame(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut octets = octets;
            octets.extend_from_slice(b"\rT182756F424C1D\r");
            let is_frame = matches!(all(&octets).pop(), Some(Ok(Line::Frame { .. })));
            prop_assert!(is_frame);
        }
    }
}
