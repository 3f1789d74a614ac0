//! A server that is started for as long as the stage asks, and stopped on every way out.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;

use crate::api_key::ApiKey;
use crate::client::http_client;
use crate::error::SynthFeedbackError;
use crate::settings::PORT;

/// The program name that stands for the running one.
const THIS_PROGRAM: &str = "finegrain";

/// A port of the loopback interface that nothing listens on.
///
/// # Errors
/// If the system gives none.
pub fn free_port() -> io::Result<u16> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr().map(|address| address.port())
}

/// A running server; dropping it stops it.
pub struct Server {
    program: String,
    child: Child,
    watchdog: Option<Child>,
    output: Arc<Mutex<VecDeque<u8>>>,
}

impl Server {
    /// Starts a command, `{port}` in its arguments replaced.
    ///
    /// # Errors
    /// [`SynthFeedbackError::ServeStart`].
    pub fn start(command: &[String], port: u16) -> Result<Self, SynthFeedbackError> {
        let program = command.first().cloned().unwrap_or_default();
        let failed = |source| SynthFeedbackError::ServeStart { program: program.clone(), source };
        let executable =
            if program == THIS_PROGRAM { std::env::current_exe().map_err(failed)? } else { program.clone().into() };
        let arguments = command.iter().skip(1).map(|argument| argument.replace(PORT, &port.to_string()));
        let mut child = Command::new(executable)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: Ctrl-C in the terminal is for us, who still wait for its answers.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let output = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(stdout) = child.stdout.take() {
            keep_tail(stdout, Arc::clone(&output));
        }
        if let Some(stderr) = child.stderr.take() {
            keep_tail(stderr, Arc::clone(&output));
        }
        let watchdog = start_watchdog(child.id());
        Ok(Self { program, child, watchdog, output })
    }

    /// Waits until `{origin}/health` (or, where there is no such page, `{base_url}/models`) answers 200.
    ///
    /// # Errors
    /// [`SynthFeedbackError::ServeFailed`] with the server's last output if it ends first, or takes too long.
    pub async fn wait_until_healthy(
        &mut self,
        base_url: &str,
        key: Option<&ApiKey>,
        timeout: Duration,
    ) -> Result<(), SynthFeedbackError> {
        let http = http_client(base_url, Duration::from_secs(2))?;
        let health =
            url::Url::parse(base_url).and_then(|url| url.join("/health")).map(String::from).unwrap_or_default();
        let models = format!("{}/models", base_url.trim_end_matches('/'));
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(failed) = self.failed_if_ended("ended", key) {
                return Err(failed);
            }
            let healthy = match status_of(&http, &health, None).await {
                Some(StatusCode::NOT_FOUND) => status_of(&http, &models, key).await == Some(StatusCode::OK),
                status => status == Some(StatusCode::OK),
            };
            if healthy {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let problem = format!("was not healthy after {} s (`{health}`)", timeout.as_secs_f64());
                return Err(self.failure(problem, key));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The failure of a server that has ended by itself.
    pub fn failed_if_ended(&mut self, problem: &str, key: Option<&ApiKey>) -> Option<SynthFeedbackError> {
        let status: ExitStatus = self.child.try_wait().ok().flatten()?;
        // What it wrote last may still be on its way through the pipe.
        std::thread::sleep(Duration::from_millis(50));
        Some(self.failure(format!("{problem} ({status})"), key))
    }

    fn failure(&self, problem: String, key: Option<&ApiKey>) -> SynthFeedbackError {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&output.iter().copied().collect::<Vec<u8>>()).into_owned();
        let text = key.map_or(text.clone(), |key| key.redact(&text));
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(MOST_LINES)..];
        let last_lines = if last.is_empty() {
            ", and wrote nothing".to_owned()
        } else {
            format!("; its last output:\n  {}", last.join("\n  "))
        };
        SynthFeedbackError::ServeFailed { program: self.program.clone(), problem, last_lines }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.child.try_wait().ok().flatten().is_some();
        if let Some(mut watchdog) = self.watchdog.take() {
            if ended {
                // Its number may belong to someone else by now.
                let _ = watchdog.kill();
            } else {
                drop(watchdog.stdin.take());
                let deadline = Instant::now() + TIME_TO_END + Duration::from_secs(1);
                while self.child.try_wait().is_ok_and(|status| status.is_none()) && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
            let _ = watchdog.wait();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const MOST_LINES: usize = 10;
const TAIL_BYTES: usize = 8 << 10;
/// How long a server has to end after it was asked to; the watchdog counts it in tenths.
const TIME_TO_END: Duration = Duration::from_secs(5);

/// Asks the server's process group to end when its standard input closes, and ends it by force if it does not. The
/// system closes that input even when this program is killed, so that no server is left behind.
const WATCHDOG: &str = "read -r line; kill -s TERM -- \"-$0\" 2>/dev/null; tenths=0; \
    while [ $tenths -lt 50 ] && kill -s 0 -- \"-$0\" 2>/dev/null; do sleep 0.1; tenths=$((tenths + 1)); done; \
    kill -s KILL -- \"-$0\" 2>/dev/null";

fn start_watchdog(server: u32) -> Option<Child> {
    let started = Command::new("sh")
        .args(["-c", WATCHDOG, &server.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    started.inspect_err(|error| tracing::warn!(%error, "no watchdog: a kill of this program leaves the server")).ok()
}

/// Reads a pipe to its end, so that the server never waits for us, and keeps the last of it.
fn keep_tail(mut pipe: impl Read + Send + 'static, tail: Arc<Mutex<VecDeque<u8>>>) {
    std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        while let Ok(n_read @ 1..) = pipe.read(&mut chunk) {
            let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.extend(&chunk[..n_read]);
            let surplus = tail.len().saturating_sub(TAIL_BYTES);
            tail.drain(..surplus);
        }
    });
}

async fn status_of(http: &reqwest::Client, url: &str, key: Option<&ApiKey>) -> Option<StatusCode> {
    let request = http.get(url);
    let request = match key {
        Some(key) => request.header(AUTHORIZATION, key.header().clone()),
        None => request,
    };
    request.send().await.ok().map(|response| response.status())
}
