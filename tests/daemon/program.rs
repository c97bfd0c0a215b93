//! A program as its user sees it: lines out, lines in, signals, an exit code.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// No step of a test takes longer, even on a machine that is busy with other things.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The clock of the wall: here it bounds, it never decides.
#[expect(clippy::disallowed_methods, reason = "real programs run in real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until something can be seen, and says what was not.
pub(crate) fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let began = now();
    while !seen() {
        assert!(began.elapsed() < PATIENCE, "in {} s it did not happen: {what}", PATIENCE.as_secs());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a program said, both streams in the order of their arrival.
#[derive(Default)]
struct Said {
    lines: Mutex<Vec<(Stream, String)>>,
    more: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Out,
    Err,
}

/// A running program. Dropped, it is killed.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    said: Arc<Said>,
    readers: Vec<std::thread::JoinHandle<()>>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Program {
        let mut child = command
            .env("NO_COLOR", "1")
            .env_remove("JOURNAL_STREAM")
            .env_remove("DEPOTD_LOG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let said = Arc::new(Said::default());
        let out = child.stdout.take().expect("piped");
        let err = child.stderr.take().expect("piped");
        let readers = vec![listen(out, Stream::Out, &said), listen(err, Stream::Err, &said)];
        Program { stdin: child.stdin.take(), child, said, readers }
    }

    /// Types a line and gives its answer: the next line that begins with `ok` or `error`.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        let from = self.said.lines.lock().expect("lines").len();
        self.say(line);
        self.line_after(from, line, |l| l.starts_with("ok") || l.starts_with("error"))
    }

    /// Types a line.
    pub(crate) fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        writeln!(stdin, "{line}").expect("the program reads what is typed");
    }

    /// The end of its standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for a line that holds this text, said already or yet to come.
    pub(crate) fn line_with(&self, text: &str) -> String {
        self.line_after(0, text, |l| l.contains(text))
    }

    fn line_after(&self, from: usize, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let began = now();
        let mut lines = self.said.lines.lock().expect("lines");
        loop {
            if let Some((_, line)) = lines.iter().skip(from).find(|(_, line)| fits(line)) {
                return line.clone();
            }
            assert!(began.elapsed() < PATIENCE, "no line for {what:?} among {lines:#?}");
            lines = self.said.more.wait_timeout(lines, Duration::from_millis(100)).expect("lines").0;
        }
    }

    /// Everything that was said on standard output.
    pub(crate) fn out(&self) -> String {
        self.stream(Stream::Out)
    }

    /// Everything that was said on standard error.
    pub(crate) fn err(&self) -> String {
        self.stream(Stream::Err)
    }

    fn stream(&self, wanted: Stream) -> String {
        let lines = self.said.lines.lock().expect("lines");
        lines.iter().filter(|(s, _)| *s == wanted).map(|(_, l)| format!("{l}\n")).collect()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process has a number");
        kill_process(pid, signal).expect("the process is there");
    }

    /// kill -9.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("it is ours");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }

    /// Waits for its end; gives the exit code, when all that it said is read.
    pub(crate) fn end(&mut self) -> i32 {
        until("the program ends", || !self.is_running());
        self.readers.drain(..).for_each(|r| r.join().expect("reader"));
        self.child.wait().expect("it is ours").code().unwrap_or(-1)
    }

    /// A number of kB from `/proc/PID/status`, for example `VmHWM`.
    pub(crate) fn memory_kb(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("status");
        let line = status.lines().find(|l| l.starts_with(key)).expect("key");
        line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.out() + &self.err();
            let lines: Vec<&str> = said.lines().filter(|l| !l.starts_with("ok ")).collect();
            eprintln!(
                "--- {} said ---\n{}",
                self.child.id(),
                lines[lines.len().saturating_sub(80)..].join("\n")
            );
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn listen(stream: impl Read + Send + 'static, name: Stream, said: &Arc<Said>) -> std::thread::JoinHandle<()> {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            said.lines.lock().expect("lines").push((name, line));
            said.more.notify_all();
        }
    })
}

/// Runs a program to its end with this on its standard input.
pub(crate) fn run(command: &mut Command, input: &str) -> Ended {
    let mut child = command
        .env_remove("JOURNAL_STREAM")
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let typing = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it is ours");
    typing.join().expect("typing");
    Ended {
        code: status.code().unwrap_or(-1),
        out: String::from_utf8(stdout).expect("text"),
        err: String::from_utf8(stderr).expect("text"),
    }
}

/// How a program ended and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// It failed with this code, said so in one line on standard error that holds all these words, and printed nothing.
    pub(crate) fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        assert!(words.iter().all(|w| self.err.contains(w)), "{words:?} in {self:?}");
        assert_eq!(self.out, "", "{self:?}");
    }
}
