//! Connections of the local page: so many at a time, none for longer than its time.
//!
//! A browser that opens connections and says nothing must not take the descriptors that lines and platform need.

use axum::serve::Listener;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at a time; further ones wait in the kernel.
const CONNECTIONS: usize = 32;
/// A connection is closed after this; a browser opens another one.
const LONGEST: Duration = Duration::from_secs(60);

/// A listener with so many places.
pub(super) struct Places {
    listener: TcpListener,
    free: Arc<Semaphore>,
    longest: Duration,
}

impl Places {
    pub(super) fn new(listener: TcpListener) -> Places {
        Places { listener, free: Arc::new(Semaphore::new(CONNECTIONS)), longest: LONGEST }
    }
}

impl Listener for Places {
    type Io = Guest;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Guest, SocketAddr) {
        let place =
            Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed: it is ours");
        let (stream, from) = Listener::accept(&mut self.listener).await;
        (Guest { stream, until: Box::pin(tokio::time::sleep(self.longest)), _place: place }, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection on its place.
pub(super) struct Guest {
    stream: TcpStream,
    until: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Guest {
    /// An error once the time is over.
    fn in_time(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.until.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.in_time(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.in_time(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_time(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.in_time(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn silent_guests_leave_and_the_next_one_is_served() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("address");
        let router = Router::new().route("/", get(|| async { "good" }));
        let places = Places { longest: Duration::from_millis(50), ..Places::new(listener) };
        let served = tokio::spawn(async move { axum::serve(places, router).await });
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS {
            silent.push(TcpStream::connect(address).await.expect("a place"));
        }
        let mut last = TcpStream::connect(address).await.expect("the kernel lets it wait");
        last.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("asked");
        let mut answer = String::new();
        last.read_to_string(&mut answer).await.expect("answered once a place is free");
        assert!(answer.ends_with("good"), "{answer}");
        served.abort();
    }
}
