//! What is shipped beside the programs agrees with them: the configuration, its manual page, the unit.

use depotd::config;
use depotd::driver::{dlt645, modbus};
use depotd::wire::uid_frame;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

fn shipped(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// What `depotd check` says of a text.
fn problems(text: &str) -> Vec<String> {
    let no_file = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    config::load(text, &no_file).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// The file with its examples: every comment that is TOML becomes TOML.
fn with_examples(text: &str) -> String {
    let is_toml = |line: &str| {
        let key: String =
            line.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect();
        line.starts_with('[') || (!key.is_empty() && line[key.len()..].starts_with(" = "))
    };
    let lines = text.lines().map(|line| line.strip_prefix("# ").filter(|l| is_toml(l)).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// Tables of the manual page, as written in its headings, with the keys below each.
fn documented(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut tables = BTreeMap::new();
    let mut table = None;
    for line in page.lines() {
        if line.starts_with(".Sh ") {
            table = None;
        } else if let Some(heading) = line.strip_prefix(".Ss ") {
            tables.insert(heading.to_owned(), BTreeSet::new());
            table = Some(heading.to_owned());
        } else if let (Some(table), Some(item)) = (&table, line.strip_prefix(".It Ic ")) {
            let key = item.split(' ').next().unwrap_or_default().to_owned();
            tables.entry(table.clone()).or_default().insert(key);
        }
    }
    tables
}

/// Keys that the program knows in a table: it lists them when it meets one that it does not know.
fn known(heading: &str) -> BTreeSet<String> {
    let parent = if heading == "[[charger.connector]]" { "[[charger]]\n" } else { "" };
    let text = format!("{}{heading}\nno_such_key = 1\n", if heading.is_empty() { "" } else { parent });
    let said = problems(&text).into_iter().find_map(|p| {
        let (before, list) = p.split_once("known here: ")?;
        before.contains("no_such_key").then(|| list.to_owned())
    });
    let said = said.unwrap_or_else(|| panic!("{heading} is no table of the program: {:?}", problems(&text)));
    said.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_shipped_configuration_is_good_and_touches_nothing() {
    let text = shipped("etc/depotd.toml");
    let config = config::load(&text, &|_| Err(std::io::ErrorKind::NotFound.into())).expect("a good file");
    assert!(config.uplink.is_none() && config.lines.is_empty() && config.chargers.is_empty());
    assert!(config.web.is_none() && config.metrics.is_none() && !config.offline.enable);
}

#[test]
fn the_examples_in_the_shipped_configuration_are_good() {
    let text = with_examples(&shipped("etc/depotd.toml"));
    assert_eq!(problems(&text), Vec::<String>::new());
    let tables = text.lines().filter(|l| l.starts_with('[')).count();
    assert!(tables > 10, "only {tables} tables were found among the comments");
}

#[test]
fn the_example_of_the_manual_page_is_good() {
    let page = shipped("man/depotd.toml.5");
    let (_, example) = page.split_once(".Bd -literal -offset indent\n").expect("an example");
    let (example, _) = example.split_once(".Ed").expect("its end");
    assert_eq!(problems(example), Vec::<String>::new());
}

#[test]
fn the_manual_page_names_every_key_that_the_program_knows_and_no_other() {
    let page = shipped("man/depotd.toml.5");
    let (_, reserved) = page.split_once("\n.Sh BUGS\n").expect("a section of what is reserved");
    let tables = documented(&page);
    let mut faults = Vec::new();
    for (heading, keys) in std::iter::once((String::new(), BTreeSet::new())).chain(tables.clone()) {
        let known = known(&heading);
        let path = heading.trim_matches(['[', ']']);
        for key in &known {
            let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let is_table =
                [format!("[{below}]"), format!("[[{below}]]")].iter().any(|h| tables.contains_key(h));
            let is_reserved = [&below, key]
                .iter()
                .any(|k| reserved.split('\n').any(|l| l.split(' ').take(2).eq([".Ic", k.as_str()])));
            if !keys.contains(key) && !is_table && !is_reserved {
                faults.push(format!("{below} is not in the manual page"));
            }
        }
        faults.extend(keys.difference(&known).map(|k| format!("{path}.{k} is unknown to the program")));
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn the_manual_page_names_every_built_in_profile() {
    let page = shipped("man/depotd.toml.5");
    let all = [&dlt645::profile::BUILT_IN[..], &modbus::profile::BUILT_IN, &uid_frame::BUILT_IN].concat();
    for (name, _) in all {
        assert!(page.contains(&format!(".Qq {name}")), "{name} is not in the manual page");
    }
}

#[test]
fn the_unit_and_the_program_agree_on_places() {
    let unit = shipped("../systemd/depotd.service");
    let config = config::load(&shipped("etc/depotd.toml"), &|_| Err(std::io::ErrorKind::NotFound.into()));
    let config = config.expect("a good file");
    assert!(unit.contains("\nStateDirectory=depotd\n") && config.store.path.starts_with("/var/lib/depotd/"));
    assert!(unit.contains("\nRuntimeDirectory=depotd\n") && config.socket.starts_with("/run/depotd/"));
    assert!(unit.contains("\nLoadCredential=depotd:/etc/depotd/credentials\n"));
    assert!(shipped("../systemd/tmpfiles.d/depotd.conf").contains("/etc/depotd/credentials 0700 root root"));
}
