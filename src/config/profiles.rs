//! Where the description of a device comes from: built in, or a file.

use super::reader::{At, Problems};
use crate::driver::dlt645::profile as dlt645;
use crate::driver::modbus::profile as modbus;
use crate::wire::uid_frame;

/// What may stand for a profile.
pub(super) const ALLOWED: &str = "a built-in profile, or a file in profiles/ beside the configuration";

/// Which profiles fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// DL/T 645 meters.
    Dlt645,
    /// Modbus meters.
    ModbusMeter,
    /// Chargers.
    Charger,
    /// Described card readers.
    Reader,
}

impl Family {
    fn built_in(self) -> Vec<&'static str> {
        let modbus = |kind| {
            let of_kind =
                move |name: &&'static str| modbus::Profile::by_name(name).is_some_and(|p| p.kind == kind);
            modbus::BUILT_IN.iter().map(|(name, _)| *name).filter(of_kind).collect()
        };
        match self {
            Family::Dlt645 => dlt645::BUILT_IN.iter().map(|(name, _)| *name).collect(),
            Family::ModbusMeter => modbus(modbus::Kind::Meter),
            Family::Charger => modbus(modbus::Kind::Charger),
            Family::Reader => uid_frame::BUILT_IN.iter().map(|(name, _)| *name).collect(),
        }
    }
}

/// A built-in profile stays its name; another name is a file in `profiles/`, a path is a file; files become their text.
/// Empty when there is none, which is then noted.
pub(super) fn text(
    problems: &mut Problems<'_>,
    profile: &At<String>,
    family: Family,
    read_file: &dyn Fn(&str) -> std::io::Result<String>,
) -> String {
    let name = &profile.value;
    let known = family.built_in();
    if name.is_empty() || known.contains(&name.as_str()) {
        return name.clone();
    }
    let file = if name.contains('/') || name.ends_with(".toml") {
        name.clone()
    } else {
        format!("profiles/{name}.toml")
    };
    match read_file(&file) {
        // a text is told from a name by its line ends
        Ok(text) => text + "\n",
        Err(error) => {
            problems.add(
                &profile.place,
                format!("no built-in profile {name:?}, and {file}: {error}"),
                format!("a readable file, or one of: {}", known.join(", ")),
            );
            String::new()
        }
    }
}
