//! Octets as hexadecimal text, the way people paste them.

/// Upper-case hexadecimal without spaces.
#[must_use]
pub fn upper(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    octets
        .iter()
        .flat_map(|o| [DIGITS[usize::from(o >> 4)], DIGITS[usize::from(o & 15)]])
        .map(char::from)
        .collect()
}

/// Lower-case hexadecimal without spaces.
#[must_use]
pub fn lower(octets: &[u8]) -> String {
    upper(octets).to_ascii_lowercase()
}

/// Reads hexadecimal text; blanks, colons and dashes between octets are skipped. `None` when a character is no digit
/// or a digit is left over.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<u8>> {
    let mut digits =
        text.chars().filter(|c| !c.is_whitespace() && *c != ':' && *c != '-').map(|c| c.to_digit(16));
    let mut octets = Vec::with_capacity(text.len() / 2);
    while let Some(high) = digits.next() {
        let (high, low) = (high?, digits.next()??);
        octets.push((high << 4 | low) as u8);
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_half_octets() {
        assert_eq!(parse(&upper(&[0, 0x1F, 0xFF])), Some(vec![0, 0x1F, 0xFF]));
        assert_eq!(parse("68 aa:BB-0d"), Some(vec![0x68, 0xAA, 0xBB, 0x0D]));
        assert_eq!(parse("6"), None);
        assert_eq!(parse("6g"), None);
    }
}
