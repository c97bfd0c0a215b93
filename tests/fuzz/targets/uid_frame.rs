#![no_main]
//! Any octets under every built-in profile, and any text as a profile.
use depotd::wire::codec::{self, Decoded, Options};
use depotd::wire::uid_frame::{BUILT_IN, Profile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let codec = codec::by_name("uid-frame").expect("the codec is in the list");
    for (name, _) in BUILT_IN {
        let options = Options { profile: Some(name.to_owned()), ..Options::default() };
        for decoded in (codec.decode)(octets, &options) {
            let Decoded::Good { object, .. } = decoded else { continue };
            let Ok(again) = (codec.encode)(&object, &options) else { continue };
            let same = |d: &Decoded| matches!(d, Decoded::Good { object: o, .. } if *o == object);
            assert!((codec.decode)(&again, &options).iter().any(same), "{object:?}");
        }
    }
    if let Ok(profile) = Profile::parse(&String::from_utf8_lossy(octets)) {
        let _ = (profile.cut(octets), profile.cut_at_rest(octets), profile.meaning(octets));
    }
});
