//! The daemon's side of the socket.

use super::capture::Capture;
use super::desk::Desk;
use super::probe::Probe;
use super::{Answer, Ask};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Longest question.
const LONGEST: u64 = 64 * 1024;
/// Connections at a time.
const CONNECTIONS: usize = 16;
/// A connection that says nothing for this long is closed.
const SILENCE: Duration = Duration::from_secs(60);

/// Opens the socket: mode 0660. One that another daemon serves is an error; one that nobody serves is replaced.
pub fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if path.exists() {
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            let what = format!("{}: another depotd answers there; stop it first", path.display());
            return Err(std::io::Error::new(std::io::ErrorKind::AddrInUse, what));
        }
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path).map_err(|e| {
        std::io::Error::new(e.kind(), format!("{}: {e}; does its directory exist?", path.display()))
    })?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

/// Serves until the program ends.
pub async fn serve(listener: UnixListener, desk: Desk) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    if let Err(error) = talk(stream, &desk).await {
                        tracing::debug!(%error, "control connection");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "control socket");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn talk(stream: UnixStream, desk: &Desk) -> std::io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = (&mut reading).take(LONGEST);
        let Ok(read) = tokio::time::timeout(SILENCE, limited.read_until(b'\n', &mut line)).await else {
            return Ok(());
        };
        if read? == 0 {
            return Ok(());
        }
        let answer = if line.last() == Some(&b'\n') {
            match serde_json::from_slice::<Ask>(&line) {
                Ok(Ask::Capture { line, seconds }) => match desk.capture(&line, seconds) {
                    Ok(capture) => stream_out(capture, &mut writing).await?,
                    Err(refusal) => refusal,
                },
                Ok(Ask::ProbeSerial(ask)) => told(desk.probe_serial(ask).await, &mut writing).await?,
                Ok(Ask::ProbeCharger { connector, by }) => {
                    told(desk.probe_charger(&connector, by).await, &mut writing).await?
                }
                Ok(ask) => desk.answer(ask).await,
                Err(error) => Answer::refused(format_args!("not understood: {error}")),
            }
        } else {
            Answer::refused("the question is longer than 64 KiB, or its line does not end")
        };
        write(&mut writing, &answer).await?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
    }
}

/// Every line as it passes; gives what is to be said at the end.
async fn stream_out(mut capture: Capture, writing: &mut OwnedWriteHalf) -> std::io::Result<Answer> {
    while let Some(text) = capture.next().await {
        write(writing, &Answer::Good { data: Value::String(text) }).await?;
    }
    Ok(Answer::Good { data: json!({ "captured": capture.captured, "lost": capture.lost }) })
}

/// Every finding as it is made; gives what is to be said at the end.
async fn told(probe: Result<Probe, Answer>, writing: &mut OwnedWriteHalf) -> std::io::Result<Answer> {
    let mut probe = match probe {
        Ok(probe) => probe,
        Err(refusal) => return Ok(refusal),
    };
    while let Some(finding) = probe.next().await {
        write(writing, &Answer::Good { data: Value::String(serde_json::to_string(&finding)?) }).await?;
    }
    Ok(probe.ended())
}

/// One that asks and does not read gives its place back, too.
async fn write(writing: &mut OwnedWriteHalf, answer: &Answer) -> std::io::Result<()> {
    let mut text = serde_json::to_vec(answer)?;
    text.push(b'\n');
    tokio::time::timeout(SILENCE, writing.write_all(&text)).await?
}
