//! What the targets share.

use depotd::wire::codec::{self, Decoded, Options};

/// Decodes any octets; a good frame that can be encoded again must decode to the same object.
pub fn codec(protocol: &str, octets: &[u8]) {
    let codec = codec::by_name(protocol).expect("the codec is in the list");
    for response in [false, true] {
        let options = Options { response, ..Options::default() };
        for decoded in (codec.decode)(octets, &options) {
            let Decoded::Good { object, .. } = decoded else { continue };
            let Ok(again) = (codec.encode)(&object, &options) else { continue };
            let redecoded = (codec.decode)(&again, &options);
            let same = redecoded.iter().any(|d| matches!(d, Decoded::Good { object: o, .. } if *o == object));
            assert!(same, "{object:?} became {redecoded:?}");
        }
    }
}
