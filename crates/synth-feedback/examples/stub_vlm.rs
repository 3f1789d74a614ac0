//! A server for benchmarks that answers every chat completion with the same tokens, at once or after a fixed delay.
//!
//!     stub_vlm [--port 0] [--delay-ms 0]
//!
//! It prints the port it listens on. It reads a request's body without looking at it and spends as little as it can, so
//! that a client is measured and not the server. `GET /stats` gives the number of completions and the seconds between the
//! first one's request and the last one's answer, and starts to count anew.

use std::cell::Cell;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{Instant, sleep_until};

/// What was answered since the last look.
#[derive(Clone, Copy, Default)]
struct Stats {
    n: u64,
    first: Option<Instant>,
    last: Option<Instant>,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse::<u64>().ok()).unwrap_or(0)
    };
    let port = u16::try_from(number("--port")).map_err(io::Error::other)?;
    let delay = Duration::from_millis(number("--delay-ms"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        println!("{}", listener.local_addr()?.port());
        let (answer, stats) = (Rc::new(answer()), Rc::new(Cell::new(Stats::default())));
        loop {
            let (stream, _) = listener.accept().await?;
            let (answer, stats) = (Rc::clone(&answer), Rc::clone(&stats));
            // A client that goes away is no failure.
            spawn_local(async move { serve(stream, delay, &answer, &stats).await.ok() });
        }
    })
}

/// A completion as vLLM gives it: one token, twenty beside it.
fn answer() -> Vec<u8> {
    let entry = |rank: u32| {
        let token = match rank {
            0 => "Yes".to_owned(),
            1 => "No".to_owned(),
            other => format!(" word{other}"),
        };
        let bytes = token.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",");
        format!("\"token\":\"{token}\",\"logprob\":{:.6},\"bytes\":[{bytes}]", -0.4 - 1.1 * f64::from(rank))
    };
    let listed = (0..20).map(|rank| format!("{{{}}}", entry(rank))).collect::<Vec<_>>().join(",");
    let body = format!(
        "{{\"id\":\"chatcmpl-stub\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"stub\",\"choices\":\
         [{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"Yes\",\"refusal\":null}},\"logprobs\":{{\"content\":\
         [{{{},\"top_logprobs\":[{listed}]}}]}},\"finish_reason\":\"length\"}}],\"usage\":{{\"prompt_tokens\":300,\
         \"completion_tokens\":1,\"total_tokens\":301}}}}",
        entry(0)
    );
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
    format!("{head}{}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(mut stream: TcpStream, delay: Duration, answer: &[u8], stats: &Cell<Stats>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 64 << 10];
    let mut n_filled = 0;
    loop {
        let end = loop {
            if let Some(end) = find(&buffer[..n_filled], b"\r\n\r\n") {
                break end + 4;
            }
            if n_filled == buffer.len() {
                return Err(io::ErrorKind::InvalidData.into());
            }
            n_filled += read(&mut stream, &mut buffer[n_filled..]).await?;
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let started = Instant::now();
        let mut n_left = content_length(&head);
        // What came with the head belongs to the body; what came after it to the next request.
        let n_here = n_left.min(n_filled - end);
        buffer.copy_within(end + n_here..n_filled, 0);
        n_filled -= end + n_here;
        n_left -= n_here;
        while n_left > 0 {
            let room = n_left.min(buffer.len());
            n_left -= read(&mut stream, &mut buffer[..room]).await?;
        }
        if head.starts_with("POST ") {
            if !delay.is_zero() {
                sleep_until(Instant::now() + delay).await;
            }
            let Stats { n, first, .. } = stats.get();
            stream.write_all(answer).await?;
            stats.set(Stats { n: n + 1, first: first.or(Some(started)), last: Some(Instant::now()) });
        } else {
            stream.write_all(&page(&head, stats)).await?;
        }
    }
}

fn page(head: &str, stats: &Cell<Stats>) -> Vec<u8> {
    let body = if head.starts_with("GET /stats") {
        let Stats { n, first, last } = stats.take();
        let seconds = first.zip(last).map_or(0.0, |(first, last)| last.duration_since(first).as_secs_f64());
        format!("{{\"n\":{n},\"seconds\":{seconds}}}")
    } else {
        "{\"object\":\"list\",\"data\":[{\"id\":\"stub\",\"object\":\"model\"}]}".to_owned()
    };
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

async fn read(stream: &mut TcpStream, into: &mut [u8]) -> io::Result<usize> {
    match stream.read(into).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        n => Ok(n),
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn content_length(head: &str) -> usize {
    let value = |line: &str| {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("content-length") { value.trim().parse().ok() } else { None }
    };
    head.lines().find_map(value).unwrap_or(0)
}
