//! The tool's side of the socket. Blocking: a tool has nothing else to do.

use super::{Answer, Ask};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the daemon behind this socket.
pub fn ask(socket: &Path, ask: &Ask) -> std::io::Result<Answer> {
    answer(&mut open(socket, ask, PATIENCE)?)
}

/// Asks for a stream that lasts at most so long: each text of it goes to `each`, and what is said at its end comes back.
pub fn stream(
    socket: &Path,
    ask: &Ask,
    longest: Duration,
    mut each: impl FnMut(&str) -> std::io::Result<()>,
) -> std::io::Result<Answer> {
    let mut reading = open(socket, ask, longest + PATIENCE)?;
    loop {
        match answer(&mut reading)? {
            Answer::Good { data: Value::String(text) } => each(&text)?,
            end @ (Answer::Good { .. } | Answer::Refused { .. }) => return Ok(end),
        }
    }
}

fn open(socket: &Path, ask: &Ask, patience: Duration) -> std::io::Result<BufReader<UnixStream>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_string(ask)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    Ok(BufReader::new(stream))
}

fn answer(reading: &mut impl BufRead) -> std::io::Result<Answer> {
    let mut reply = String::new();
    if reading.read_line(&mut reply)? == 0 {
        return Err(std::io::Error::new(
            std::io::ErrorKind::UnexpectedEof,
            "the daemon closed the connection",
        ));
    }
    Ok(serde_json::from_str(&reply)?)
}
