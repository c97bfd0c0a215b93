//! The local page over TCP, as a browser and as somebody from elsewhere would ask for it.

use crate::depot::{DEPOTD, Depot, call, text};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Status and the whole answer.
fn get(address: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).expect("the page is there");
    let lines: String = headers.iter().map(|(k, v)| format!("{k}: {v}\r\n")).collect();
    write!(stream, "GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_else(|| panic!("{answer}"));
    (status, answer)
}

fn free_address(ip: &str) -> String {
    TcpListener::bind((ip, 0)).and_then(|l| l.local_addr()).expect("a free port").to_string()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn the_page_answers_the_depot_and_nobody_else() {
    let depot = Depot::open("quiet", 61);
    let address = free_address("127.0.0.1");
    depot.edit("[control]", &format!("[web]\nlisten = \"{address}\"\n\n[control]"));
    let _daemon = depot.daemon();
    depot.until_online();
    let host = ("Host", address.as_str());

    let (status, answer) = get(&address, "/", &[host]);
    assert_eq!(status, 200, "{answer}");
    let head = answer.to_lowercase();
    for wanted in
        ["text/html", "cache-control: no-store", "nosniff", "content-security-policy: default-src 'none'"]
    {
        assert!(head.contains(wanted), "{wanted} in {answer}");
    }
    for what in ["status", "connectors", "lines", "sessions", "records", "queue", "alarms"] {
        let (status, answer) = get(&address, &format!("/api/{what}"), &[host]);
        assert_eq!(status, 200, "{what}: {answer}");
        let value: Value =
            serde_json::from_str(body(&answer)).unwrap_or_else(|e| panic!("{what}: {e}: {answer}"));
        assert!(value.is_array() || value.is_object(), "{what}: {value}");
    }
    let own = format!("http://{address}");
    assert_eq!(get(&address, "/api/status", &[host, ("Origin", &own)]).0, 200);

    assert_eq!(get(&address, "/api/status", &[("Host", "evil.example")]).0, 403);
    assert_eq!(get(&address, "/", &[("Host", "evil.example")]).0, 403);
    assert_eq!(get(&address, "/api/status", &[host, ("Origin", "http://evil.example")]).0, 403);
    assert_eq!(get(&address, "/api/status", &[]).0 / 100, 4, "no host");
    assert_eq!(get(&address, "/api/verify", &[host]).0, 404);
    assert_eq!(get(&address, "/etc/passwd", &[host]).0, 404);

    let mut stream = TcpStream::connect(&address).expect("the page is there");
    write!(
        stream,
        "POST /api/status HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 405"), "read only: {answer}");
}

#[test]
fn a_page_for_others_than_this_machine_needs_a_token() {
    let depot = Depot::alone("quiet", 62);
    let address = free_address("0.0.0.0");
    depot.edit("[control]", &format!("[web]\nlisten = \"{address}\"\n\n[control]"));
    let file = depot.config();
    let ended = call(DEPOTD, &["check", "--config", text(&file)], "");
    ended.refused(78, &["web.listen", "needs a token"]);

    let token = depot.path("page.token");
    depot.edit("[control]", &format!("token = {{ file = {token:?} }}\n\n[control]"));
    depot.refused_start().refused(78, &["page.token: No such file"]);
    std::fs::write(&token, "opens-the-page\n").expect("write");
    std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("chmod");
    let _daemon = depot.daemon();
    let near = address.replace("0.0.0.0", "127.0.0.1");
    let host = ("Host", near.as_str());
    assert_eq!(get(&near, "/api/status", &[host]).0, 401);
    assert_eq!(get(&near, "/api/status", &[host, ("Authorization", "Bearer wrong")]).0, 401);
    assert_eq!(get(&near, "/api/status", &[host, ("Authorization", "Bearer opens-the-page")]).0, 200);
}

#[test]
fn an_address_in_use_is_named() {
    let depot = Depot::alone("quiet", 63);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    depot.edit("[control]", &format!("[web]\nlisten = \"{address}\"\n\n[control]"));
    depot.refused_start().refused(74, &["[web] listen", &address, "name a free address"]);
}
