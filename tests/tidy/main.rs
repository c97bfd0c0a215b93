//! The house keeps its shape: layers, purity, file sizes, and what may never be written.
//!
//! The rules are those of `src/lib.rs`. Each of them is also shown a violation, and must catch it.

use std::fs;
use std::path::{Path, PathBuf};

/// Module and layer: a module names only modules of strictly lower layers, or itself.
const LAYERS: &[(&str, u8)] = &[
    ("model", 0),
    ("wire", 0),
    ("driver", 1),
    ("bms", 1),
    ("billing", 1),
    ("uplink", 1),
    ("outbox", 1),
    ("bus", 2),
    ("canbus", 2),
    ("session", 2),
    ("link", 2),
    ("power", 2),
    ("station", 3),
    ("store", 4),
    ("port", 4),
    ("config", 4),
    ("observe", 4),
    ("task", 5),
    ("control", 6),
    ("web", 7),
    ("app", 8),
    ("sim", 8),
    ("cli", 9),
];

/// Layers up to this one are pure.
const PURE: u8 = 3;

/// What the pure half never holds.
const IMPURE: &[&str] = &[
    "tokio",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "std::io",
    ".await",
    "async fn",
    "async move",
    "Instant::now",
    "SystemTime",
    "tracing",
    "rusqlite",
    "println!",
    "eprintln!",
];

/// What no source file holds, and why.
const NEVER: &[(&str, &str)] = &[
    ("todo!(", "build the real thing"),
    ("unimplemented!(", "build the real thing"),
    ("FIXME", "mend it or write an issue"),
    ("dbg!(", "leftover"),
    ("#[ignore", "a test that does not run is no test"),
    ("#[allow(", "write #[expect(lint, reason = \"…\")]"),
];

/// The longest file that one reads in one sitting.
const LONGEST: usize = 700;

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// The source without comments and strings, so that only code counts.
fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for line in source.lines() {
        let line = match line.find("//") {
            Some(at) if !line[..at].contains('"') => &line[..at],
            _ => line,
        };
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Modules of the crate that a source names.
fn named(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for lead in ["crate::", "depotd::"] {
        let mut rest = source;
        while let Some(at) = rest.find(lead) {
            rest = &rest[at + lead.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let inner = group.split('}').next().unwrap_or_default();
                for part in inner.split(',') {
                    found.push(word(part.trim()));
                }
            } else {
                found.push(word(rest));
            }
        }
    }
    found.retain(|m| !m.is_empty());
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Everything wrong with one file.
fn faults(path: &Path, source: &str) -> Vec<String> {
    let shown = path.display();
    let mut faults = Vec::new();
    let lines = source.lines().count();
    if lines > LONGEST {
        faults.push(format!("{shown}: {lines} lines; split it (at most {LONGEST})"));
    }
    for (what, why) in NEVER {
        if source.contains(what) {
            faults.push(format!("{shown}: {what} - {why}"));
        }
    }
    let mut parts = path.components().skip_while(|c| c.as_os_str() != "src").skip(1);
    let first = parts
        .next()
        .map(|c| c.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned())
        .unwrap_or_default();
    if first == "lib" || first == "bin" {
        return faults;
    }
    let Some(own) = layer(&first) else {
        faults.push(format!("{shown}: {first} has no layer; give it one in tests/tidy and src/lib.rs"));
        return faults;
    };
    let code = code(source);
    for module in named(&code) {
        if module == first {
            continue;
        }
        match layer(&module) {
            Some(other) if other < own => {}
            Some(other) => faults.push(format!("{shown}: layer {own} names {module} of layer {other}")),
            None => {}
        }
    }
    if own <= PURE {
        for what in IMPURE {
            if code.contains(what) {
                faults.push(format!("{shown}: {what} in the pure half"));
            }
        }
    }
    faults
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_source_file_stands_in_its_layer() {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    assert!(files.len() > 3, "no sources found");
    let faults: Vec<String> = files
        .iter()
        .flat_map(|path| {
            faults(path.strip_prefix(root()).unwrap_or(path), &fs::read_to_string(path).expect("source"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_violation_of_each_rule_is_caught() {
    let caught = |path: &str, source: &str, what: &str| {
        let faults = faults(Path::new(path), source);
        assert!(faults.iter().any(|f| f.contains(what)), "{what:?} not caught in {source:?}: {faults:?}");
    };
    caught("src/model/time.rs", "use crate::wire::hex;", "layer 0 names wire");
    caught("src/bus/mod.rs", "use crate::{model, station::Station};", "layer 2 names station of layer 3");
    caught("src/session/mod.rs", "fn f() { crate::link::go() }", "layer 2 names link of layer 2");
    caught("src/station/mod.rs", "async fn f() {}", "async fn in the pure half");
    caught("src/driver/x.rs", "let t = std::time::Instant::now();", "Instant::now in the pure half");
    caught("src/wire/x.rs", "tracing::info!();", "tracing in the pure half");
    caught("src/parlour/mod.rs", "", "parlour has no layer");
    caught("src/store/mod.rs", "todo!()", "todo!(");
    caught("src/store/mod.rs", &"\n".repeat(LONGEST + 1), "split it");
    assert_eq!(
        faults(Path::new("src/bus/mod.rs"), "// crate::station is above us\nuse crate::model::time;"),
        Vec::<String>::new()
    );
}

#[test]
fn the_map_in_lib_rs_names_every_module() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("lib.rs");
    for (module, _) in LAYERS {
        if root().join("src").join(module).exists() || root().join(format!("src/{module}.rs")).exists() {
            assert!(map.contains(&format!("pub mod {module};")), "lib.rs does not declare {module}");
            assert!(map.contains(&format!("[`{module}`]")), "the map in lib.rs does not show {module}");
        }
    }
}

#[test]
fn what_users_read_is_there_and_names_no_machine_of_ours() {
    for file in ["README.md", "README.zh-CN.md", "CHANGELOG.md", "LICENSE", "Makefile", ".ci/run"] {
        let text = fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("{file} is missing"));
        assert!(!text.trim().is_empty(), "{file} is empty");
        for root in absolute_roots(&text) {
            assert!(PLACES.contains(&root), "{file} holds a path of one machine: /{root}/");
        }
    }
}

/// Where paths may lead that users read: what every machine has, and the address of the local page.
const PLACES: [&str; 10] = ["", "..", "api", "dev", "etc", "lib", "run", "tmp", "usr", "var"];

/// First parts of the absolute paths in a text.
fn absolute_roots(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| c.is_whitespace() || "\"'`(){}[]<>|=,;:!".contains(c));
    words.filter_map(|word| word.strip_prefix('/')?.split('/').next())
}

#[test]
fn the_configuration_in_the_readme_is_accepted() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    let examples: Vec<&str> =
        readme.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!examples.is_empty(), "README.md shows no configuration");
    for example in examples {
        let checked = depotd::config::load(example, &|_| Err(std::io::ErrorKind::NotFound.into()));
        assert!(checked.is_ok(), "{checked:?}\n{example}");
    }
}

#[test]
fn no_test_is_left_out_of_make_test() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("Makefile");
    for entry in fs::read_dir(root().join("tests")).expect("tests") {
        let path = entry.expect("an entry").path();
        let is_test = path.join("main.rs").exists() || path.extension().is_some_and(|e| e == "rs");
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(!is_test || makefile.contains(&format!("--test {name}")), "make test does not run {name}");
    }
}
