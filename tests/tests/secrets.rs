//! An API key stands in an environment variable and in one header of each request, and nowhere else.

#![allow(clippy::unwrap_used, reason = "helpers of tests: a panic names the failing line")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use finegrain_tests::Project;
use parquet::file::reader::{FileReader, SerializedFileReader};

/// With a slash, which JSON may write in two ways.
const KEY: &str = "sk-test/0123456789abcdef";
const VARIABLE: &str = "FINEGRAIN_TEST_KEY";

/// A server that repeats the key it was sent in everything it says, well or badly. Counts the requests with the key.
fn indiscreet_server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, n_with_key) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&n_with_key);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || while answer(&stream, &counted).is_some() {});
        }
    });
    (port, n_with_key)
}

fn answer(mut stream: &TcpStream, n_with_key: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if let Some(value) = head[from..].to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    assert!(head.contains(&format!("Bearer {KEY}")), "{head}");
    let tokens = format!(
        "{{\"id\":\"{KEY}\",\"choices\":[{{\"logprobs\":{{\"content\":[{{\"token\":\"Yes\",\"logprob\":-0.5,\"top_logprobs\":\
         [{{\"token\":\"Yes\",\"logprob\":-0.5}},{{\"token\":\"No\",\"logprob\":-1.5}}]}}]}}}}]}}"
    );
    let escaped = KEY.replace('/', "\\/").replacen('s', "\\u0073", 1);
    let token = tokens
        .replace("\"No\"", &format!("\"{KEY}\""))
        .replace("top_logprobs\":[", "top_logprobs\":[{\"token\":\"No\",\"logprob\":-1.6},");
    // The first requests are the probe's, which a server that says nonsense would end.
    let n_before = n_with_key.fetch_add(1, Ordering::SeqCst);
    let (status, headers, body) = match if n_before < 12 { 9 } else { n_before % 10 } {
        0 => ("422", "", format!("{{\"error\":{{\"message\":\"wrong key {KEY}\"}}}}")),
        1 => ("500", "", format!("<html>{KEY}</html>")),
        2 => ("400", "", format!("{{\"error\":\"you sent Bearer {KEY}\"}}")),
        3 => ("302", "location: http://elsewhere.example/?key=KEY\r\n", KEY.to_owned()),
        4 => ("200", "content-type: text/KEY\r\n", format!("{{\"choices\":\"{KEY}\"}}")),
        5 => ("429", "retry-after: 0\r\n", format!("slow down, {KEY}")),
        6 => ("422", "", format!("{{\"error\":{{\"message\":\"wrong key {escaped}\"}}}}")),
        7 => ("200", "", token),
        _ => ("200", "", tokens),
    };
    let headers = headers.replace("KEY", KEY);
    write!(stream, "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).ok()
}

/// Files under a folder that contain the key.
fn leaks(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(leaks(&entry.path()));
        } else if std::fs::read(entry.path()).is_ok_and(|bytes| contains(&bytes)) || contains(&rows(&entry.path())) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

/// The rows of a Parquet file as text: its pages are compressed.
fn rows(path: &Path) -> Vec<u8> {
    if path.extension().is_none_or(|extension| extension != "parquet") {
        return Vec::new();
    }
    let file = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let rows: Vec<String> = file.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
    assert_eq!(rows.len() as i64, file.metadata().file_metadata().num_rows());
    rows.concat().into_bytes()
}

fn contains(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes())
}

#[test]
fn a_key_is_in_no_log_error_table_or_record_even_if_the_server_repeats_it() {
    let project = Project::new(4);
    let (port, n_with_key) = indiscreet_server();
    let endpoint = format!(
        "synth-feedback.endpoint={{base_url: 'http://127.0.0.1:{port}/v1', model: m, concurrency: 2, timeout_seconds: 5, \
         max_attempts: 2, readout: top_logprobs, api_key_env: {VARIABLE}}}"
    );
    for format in ["text", "json"] {
        for words in [&["run", "--until", "synth-feedback", "--force"][..], &["plan"], &["doctor"]] {
            let words = [&["--log-format", format], words, &["--set", &endpoint]].concat();
            let ended = project.command(&words).env(VARIABLE, KEY).env("RUST_LOG", "trace").output().unwrap();
            let said = [ended.stdout, ended.stderr].concat();
            assert!(said.len() > 100, "{words:?} says nothing");
            assert!(!contains(&said), "{words:?} says the key");
        }
    }
    assert!(n_with_key.load(Ordering::SeqCst) > 50, "the server did get the key");
    assert_eq!(leaks(project.folder()), [] as [String; 0]);
    let stored = std::fs::read_dir(project.folder().join("data/run/store/answers")).unwrap().flatten();
    let kept: Vec<u8> = stored.flat_map(|entry| rows(&entry.path())).collect();
    assert!(String::from_utf8_lossy(&kept).contains("[api key]"), "what the server said is kept, without the key");
}

#[test]
fn a_variable_that_is_not_set_is_named_and_nothing_is_sent() {
    let project = Project::new(4);
    let (port, n_with_key) = indiscreet_server();
    let endpoint = format!(
        "synth-feedback.endpoint={{base_url: 'http://127.0.0.1:{port}/v1', model: m, concurrency: 2, timeout_seconds: 5, \
         max_attempts: 2, api_key_env: {VARIABLE}}}"
    );
    let ended = project.finegrain(&["run", "--until", "synth-feedback", "--set", &endpoint]);
    assert_eq!(ended.code(), Some(1), "{}", ended.text());
    assert!(ended.text().contains(&format!("`{VARIABLE}` is not set")), "{}", ended.text());
    assert_eq!(n_with_key.load(Ordering::SeqCst), 0);
}
