//! A real HTTP server on the loopback interface that answers as a test says, well or badly.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Seen {
    /// The text that was asked.
    pub(crate) fn query(&self) -> &str {
        self.body["messages"][0]["content"][1]["text"].as_str().unwrap_or_default()
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// A whole answer: status, headers (each with its line end), body.
    Answer(u16, String, Vec<u8>),
    /// These bytes, one every so often, then the connection ends.
    Bytes(Vec<u8>, Duration),
    /// This head at once, then this body, one byte every so often; then the connection ends.
    Drip(String, Vec<u8>, Duration),
    /// Nothing for a while, then the other.
    Late(Duration, Box<Deed>),
}

impl Deed {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(200, "content-type: application/json\r\n".into(), body.into())
    }

    pub(crate) fn status(status: u16, headers: &str, body: &str) -> Self {
        Self::Answer(status, headers.into(), body.into())
    }

    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bytes(bytes.into(), Duration::ZERO)
    }

    fn carry_out(self, stream: &mut TcpStream) -> std::io::Result<bool> {
        match self {
            Self::Answer(status, headers, body) => {
                let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
                stream.write_all(&[head.as_bytes(), &body].concat())?;
                Ok(true)
            }
            Self::Bytes(bytes, each) if each.is_zero() => stream.write_all(&bytes).map(|()| false),
            Self::Bytes(bytes, each) => {
                for byte in bytes {
                    stream.write_all(&[byte])?;
                    std::thread::sleep(each);
                }
                Ok(false)
            }
            Self::Drip(head, body, each) => {
                stream.write_all(head.as_bytes())?;
                Self::Bytes(body, each).carry_out(stream)
            }
            Self::Late(wait, then) => {
                std::thread::sleep(wait);
                then.carry_out(stream)
            }
        }
    }
}

/// A server that lives as long as the test's process.
pub(crate) struct TestServer {
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl TestServer {
    /// Serves; `deed` gets the request and how many came before it.
    pub(crate) fn start(deed: impl Fn(&Seen, usize) -> Deed + Send + Sync + 'static) -> Self {
        Self::start_at(0, deed)
    }

    /// The same on one port.
    pub(crate) fn start_at(port: u16, deed: impl Fn(&Seen, usize) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (deed, all) = (Arc::new(deed), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (deed, all) = (Arc::clone(&deed), Arc::clone(&all));
                std::thread::spawn(move || serve(stream, &*deed, &all));
            }
        });
        Self { port, seen }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn n_seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }
}

fn serve(mut stream: TcpStream, deed: &dyn Fn(&Seen, usize) -> Deed, all: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some(seen) = read_request(&mut reader) {
        let n_before = {
            let mut all = all.lock().unwrap();
            all.push(seen.clone());
            all.len() - 1
        };
        if !deed(&seen, n_before).carry_out(&mut stream).unwrap_or(false) {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<Seen> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { path, head, body: serde_json::from_slice(&body).unwrap_or_default() })
}

/// A chat completion whose first token is yes or no with these log-probabilities.
pub(crate) fn completion(logprob_yes: f64, logprob_no: f64) -> Vec<u8> {
    let listed = json!([
        { "token": "No", "logprob": logprob_no },
        { "token": "Yes", "logprob": logprob_yes },
        { "token": "The", "logprob": -9.0 },
    ]);
    let first = json!({ "token": "Yes", "logprob": logprob_yes, "top_logprobs": listed });
    let choice = json!({
        "index": 0, "finish_reason": "length", "message": { "role": "assistant", "content": "Yes" },
        "logprobs": { "content": [first] },
    });
    json!({ "id": "c", "object": "chat.completion", "choices": [choice] }).to_string().into_bytes()
}

/// What the test world's VLM thinks of a question about a picture: some pair of log-probabilities, always the same.
pub(crate) fn opinion(picture: &[u8], query: &str) -> (f64, f64) {
    let digest = blake3::hash(&[picture, query.as_bytes()].concat());
    let p = 0.05 + 0.9 * f64::from(digest.as_bytes()[0]) / 255.0;
    ((0.9 * p).ln(), (0.9 * (1.0 - p)).ln())
}

/// The answer of the test world's VLM.
pub(crate) fn vlm(seen: &Seen) -> Deed {
    if seen.path != "/v1/chat/completions" {
        return Deed::status(if seen.path == "/health" { 200 } else { 404 }, "", "");
    }
    let url = seen.body["messages"][0]["content"][0]["image_url"]["url"].as_str().unwrap();
    let picture =
        base64::Engine::decode(&base64::prelude::BASE64_STANDARD, url.split(',').next_back().unwrap()).unwrap();
    let (yes, no) = opinion(&picture, seen.query());
    Deed::ok(completion(yes, no))
}
