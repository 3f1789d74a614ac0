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
use crate::settings::{Endpoint, PORT};

/// The program name that stands for the running one.
const THIS_PROGRAM: &str = "finegrain";
/// How long a started server may take to be healthy, unless the pipeline file says otherwise.
const SERVE_TIMEOUT_SECONDS: f64 = 60.0;

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
    /// Starts the server that an endpoint wants, if any, on a free port and waits until it is healthy. Returns the URL
    /// to ask with it; a future that is dropped stops the server.
    ///
    /// # Errors
    /// As [`start`](Self::start) and [`wait_until_healthy`](Self::wait_until_healthy), or if there is no free port.
    pub async fn start_for(
        endpoint: &Endpoint,
        key: Option<&ApiKey>,
    ) -> Result<(String, Option<Self>), SynthFeedbackError> {
        let Some(command) = &endpoint.serve else { return Ok((endpoint.base_url.clone(), None)) };
        let port = free_port().map_err(SynthFeedbackError::Runtime)?;
        let base_url = endpoint.base_url.replace(PORT, &port.to_string());
        let mut server = Self::start(command, port)?;
        let timeout = endpoint.serve_timeout_seconds.unwrap_or(SERVE_TIMEOUT_SECONDS);
        server.wait_until_healthy(&base_url, key, Duration::from_secs_f64(timeout)).await?;
        Ok((base_url, Some(server)))
    }

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
        let http = http_client(base_url)?;
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

/// Asks the server's process group to end when its standard input closes; once the server is gone, or will not go, ends
/// what is left by force. The system closes that input even when this program is killed: no server is left behind.
const WATCHDOG: &str = "read -r line; kill -s TERM -- \"-$0\" 2>/dev/null; tenths=0; \
    while [ $tenths -lt 50 ] && kill -s 0 \"$0\" 2>/dev/null; do sleep 0.1; tenths=$((tenths + 1)); done; \
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
    let request = http.get(url).timeout(Duration::from_secs(2));
    let request = match key {
        Some(key) => request.header(AUTHORIZATION, key.header().clone()),
        None => request,
    };
    request.send().await.ok().map(|response| response.status())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::test_server::{Deed, TestServer};

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    fn wait(server: &mut Server, base_url: &str, seconds: f64) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let key = ApiKey::new("sk-1");
        let healthy = server.wait_until_healthy(base_url, key.as_ref(), Duration::from_secs_f64(seconds));
        runtime.block_on(healthy).map_err(|error| error.to_string())
    }

    fn nobody() -> String {
        format!("http://127.0.0.1:{}/v1", free_port().unwrap())
    }

    /// Whether a process runs (a zombie does not).
    fn runs(pid: u32) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
    }

    fn ends_soon(pid: u32) -> bool {
        let deadline = Instant::now() + Duration::from_secs(3);
        while runs(pid) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        !runs(pid)
    }

    #[test]
    fn a_server_is_healthy_when_its_health_page_or_its_models_say_so() {
        let mut server = Server::start(&shell("sleep 60"), 0).unwrap();
        let loading = TestServer::start(|seen, n_before| match seen.path.as_str() {
            "/health" => Deed::status(if n_before < 3 { 503 } else { 200 }, "", ""),
            _ => Deed::status(200, "", ""),
        });
        wait(&mut server, &loading.base_url(), 3.0).unwrap();
        assert!(loading.n_seen() >= 4 && loading.seen().iter().all(|seen| seen.path == "/health"));
        let no_health_page = TestServer::start(|seen, _| {
            let known = seen.path == "/v1/models" && seen.head.contains("authorization: Bearer sk-1");
            Deed::status(if known { 200 } else { 404 }, "", "")
        });
        wait(&mut server, &no_health_page.base_url(), 3.0).unwrap();
        let all_404 = TestServer::start(|_, _| Deed::status(404, "", ""));
        let error = wait(&mut server, &all_404.base_url(), 0.2).unwrap_err();
        assert!(error.contains("not healthy after 0.2 s") && error.contains("wrote nothing"), "{error}");
    }

    #[test]
    fn a_server_that_ends_says_what_it_wrote_last_without_the_key() {
        let mut server = Server::start(&shell("echo loading; echo no such model sk-1 >&2; exit 3"), 0).unwrap();
        let error = wait(&mut server, &nobody(), 3.0).unwrap_err();
        assert!(error.contains("`sh`") && error.contains("exit status: 3"), "{error}");
        assert!(error.contains("\n  no such model [api key]"), "{error}");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Server::start(&["/no/such/program".to_owned()], 0).err().unwrap();
        assert!(error.to_string().contains("`/no/such/program`"));
    }

    #[test]
    fn what_a_server_writes_is_kept_in_bounds_and_never_holds_it_up() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo line $i of very many lines that go on and on; i=$((i+1)); done; exit 1";
        let mut server = Server::start(&shell(script), 0).unwrap();
        let error = wait(&mut server, &nobody(), 10.0).unwrap_err();
        assert!(error.contains("line 2999") && !error.contains("line 2000 ") && error.len() < 2_000, "{error}");
    }

    #[test]
    fn the_port_stands_in_the_arguments() {
        let command =
            ["sh", "-c", "echo port $0 $1 >&2; exit 1", "{port}", "--listen=0.0.0.0:{port}"].map(str::to_owned);
        let mut server = Server::start(&command, 8123).unwrap();
        let error = wait(&mut server, &nobody(), 3.0).unwrap_err();
        assert!(error.contains("port 8123 --listen=0.0.0.0:8123"), "{error}");
    }

    #[test]
    fn a_dropped_server_is_gone_with_its_children_even_in_a_panic() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 60 & echo $! > {0}.new; mv {0}.new {0}; wait", file.display());
        let server = Server::start(&shell(&script), 0).unwrap();
        let pid = server.child.id();
        let grandchild = pid_in(&file);
        assert!(runs(pid) && runs(grandchild));
        let start = Instant::now();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _server = server;
            panic!("on the way");
        }));
        assert!(panicked.is_err() && !runs(pid) && ends_soon(grandchild));
        assert!(start.elapsed() < Duration::from_secs(3));
    }

    fn pid_in(file: &Path) -> u32 {
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            if let Ok(pid) = std::fs::read_to_string(file) {
                return pid.trim().parse().unwrap();
            }
            assert!(Instant::now() < deadline, "{} was not written", file.display());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    const PID_FILE: &str = "FINEGRAIN_TEST_PID_FILE";

    #[test]
    fn a_server_does_not_outlive_a_killed_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let mut program = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "serve::tests::child_that_starts_a_server_and_waits"])
            .env(PID_FILE, &file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let server = pid_in(&file);
        assert!(runs(server));
        program.kill().unwrap();
        program.wait().unwrap();
        assert!(ends_soon(server));
    }

    #[test]
    #[ignore = "started by another test as a program of its own"]
    fn child_that_starts_a_server_and_waits() {
        let Ok(file) = std::env::var(PID_FILE) else { return };
        let server = Server::start(&shell("sleep 60"), 0).unwrap();
        let written = format!("{file}.new");
        std::fs::write(&written, server.child.id().to_string()).unwrap();
        std::fs::rename(written, file).unwrap();
        std::thread::sleep(Duration::from_secs(60));
    }
}
