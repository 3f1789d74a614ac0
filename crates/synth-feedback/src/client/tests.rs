//! The client against a real server that answers well, slowly, wrongly, or not at all.

use super::*;
use crate::reading;
use crate::test_server::{Deed, Seen, TestServer, completion};

const KEY: &str = "sk-very-secret";

/// Long enough for a busy machine.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Short enough for a test that waits for it.
const SHORT: Duration = Duration::from_millis(250);

fn client(base_url: &str, max_attempts: u32, timeout: Duration) -> Client {
    let total = 10 * timeout;
    let patience =
        Patience { timeout, total, whole_answer: timeout / 2, max_attempts, first_backoff: Duration::from_millis(1) };
    Client::new(base_url, ApiKey::new(KEY), patience).unwrap()
}

/// Asks once; whatever happens, the key shows nowhere.
fn ask_at(base_url: &str, max_attempts: u32, timeout: Duration) -> Reply {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = client(base_url, max_attempts, timeout);
    let reply = runtime.block_on(client.ask("{\"question\":1}".into()));
    let shown = match &reply.outcome {
        Err(error) => format!("{error} {error:?} {client:?} {reply:?}"),
        Ok(_) => format!("{client:?} {reply:?}"),
    };
    assert!(!shown.contains(KEY), "{shown}");
    reply
}

fn ask(server: &TestServer, max_attempts: u32) -> Reply {
    ask_at(&server.base_url(), max_attempts, TIMEOUT)
}

/// A server that does the deeds in turn, and the last one for ever.
fn doing(deeds: &[Deed]) -> TestServer {
    let deeds = deeds.to_vec();
    TestServer::start(move |_, n_before| deeds[n_before.min(deeds.len() - 1)].clone())
}

fn good() -> Deed {
    Deed::ok(completion(-0.5, -1.5))
}

fn is_good(reply: &Reply) -> bool {
    let readout = reply.outcome.as_ref().map(reading::read);
    matches!(readout, Ok(Ok(readout)) if readout.p_yes == Some(reading::p_yes(-0.5, -1.5)))
}

/// A deed that is tried again: one such, then a good answer, gives the good answer; for ever, the failure.
fn check_retried(deed: Deed, is_expected: fn(&CallError) -> bool) {
    let reply = ask(&doing(&[deed.clone(), good()]), 3);
    assert!(is_good(&reply) && reply.attempts == 2, "{deed:?}: {reply:?}");
    let server = doing(std::slice::from_ref(&deed));
    let reply = ask(&server, 3);
    assert!(is_expected(reply.outcome.as_ref().unwrap_err()), "{deed:?}: {reply:?}");
    assert_eq!((reply.attempts, server.n_seen()), (3, 3), "{deed:?}");
}

/// A deed that is final at once.
fn check_final(deed: Deed, is_expected: fn(&CallError) -> bool) {
    let server = doing(&[deed.clone(), good()]);
    let reply = ask(&server, 3);
    assert!(is_expected(reply.outcome.as_ref().unwrap_err()), "{deed:?}: {reply:?}");
    assert_eq!((reply.attempts, server.n_seen()), (1, 1), "{deed:?}");
}

#[test]
fn a_good_answer_takes_one_request_with_the_key_and_the_body() {
    let server = doing(&[good()]);
    let reply = ask(&server, 3);
    assert!(is_good(&reply) && reply.attempts == 1, "{reply:?}");
    assert!(reply.last_call > Duration::ZERO);
    let Seen { path, head, body } = server.seen().remove(0);
    assert_eq!((path.as_str(), &body["question"]), ("/v1/chat/completions", &serde_json::json!(1)));
    assert!(head.contains(&format!("authorization: Bearer {KEY}")) && head.contains("content-type: application/json"));
}

#[test]
fn a_server_that_is_busy_or_fails_is_asked_again() {
    for status in [408, 409, 425, 429, 500, 502, 503, 504, 529] {
        check_retried(
            Deed::status(status, "", "{\"error\":{\"message\":\"later\"}}"),
            |error| matches!(error, CallError::Busy { message, .. } if message == "later"),
        );
    }
    check_retried(Deed::status(502, "content-type: text/html\r\n", "<html>Bad Gateway</html>"), |error| {
        error.to_string() == "status 502: a page of HTML or XML"
    });
}

#[test]
fn the_wait_that_a_server_asks_for_is_kept() {
    let check = |header: &str, least: f64| {
        let start = Instant::now();
        let reply = ask(&doing(&[Deed::status(429, header, ""), good()]), 2);
        assert!(is_good(&reply) && reply.attempts == 2, "{header}: {reply:?}");
        assert!(start.elapsed().as_secs_f64() >= least, "{header}: {:?}", start.elapsed());
    };
    check("retry-after: 0.3\r\n", 0.3);
    // A date has whole seconds: two seconds ahead is more than one second away.
    let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    check(&format!("retry-after: {date}\r\n"), 0.9);
}

#[test]
fn a_server_that_asks_to_wait_for_a_day_is_down() {
    check_final(Deed::status(429, "retry-after: 86400\r\n", ""), CallError::is_outage);
}

#[test]
fn a_slow_server_and_a_dripping_one_time_out() {
    let late = Deed::Late(Duration::from_millis(700), Box::new(good()));
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n".to_vec();
    let drip = Deed::Bytes([head, vec![b' '; 60]].concat(), Duration::from_millis(10));
    for deed in [late, drip] {
        let server = doing(&[deed]);
        let reply = ask_at(&server.base_url(), 2, SHORT);
        assert_eq!((&reply.outcome, reply.attempts), (&Err(CallError::Timeout(SHORT)), 2));
        assert!(reply.last_call >= SHORT);
    }
}

#[test]
fn an_answer_that_begins_and_does_not_end_is_given_up_before_its_time_is_over() {
    let body = completion(-0.5, -1.5);
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    // Every byte is progress, and all of them would take seconds.
    let server = doing(&[Deed::Drip(head, body, Duration::from_millis(20)), good()]);
    let reply = ask_at(&server.base_url(), 1, Duration::from_secs(2));
    assert_eq!(reply.outcome, Err(CallError::Stalled(Duration::from_secs(1))));
    assert!(reply.last_call < Duration::from_secs(2), "{:?}", reply.last_call);
    assert!(is_good(&ask_at(&server.base_url(), 1, TIMEOUT)), "the next one is asked on another connection");
}

#[test]
fn a_wrong_content_type_stands_in_the_reason() {
    let page = Deed::status(200, "content-type: text/html\r\n", "please wait");
    let reply = ask(&doing(&[page]), 1);
    let reason = reply.outcome.unwrap_err().to_string();
    assert!(reason.ends_with("(sent as text/html)"), "{reason}");
    let leaking = Deed::status(200, &format!("content-type: text/{KEY}\r\n"), "please wait");
    assert!(ask(&doing(&[leaking]), 1).outcome.unwrap_err().to_string().contains("(sent as text/[api key])"));
    // What is a completion is one, whatever it is called.
    let whole = String::from_utf8(completion(-0.5, -1.5)).unwrap();
    assert!(is_good(&ask(&doing(&[Deed::status(200, "content-type: text/plain\r\n", &whole)]), 1)));
}

#[test]
fn what_a_completion_used_is_read() {
    let whole = String::from_utf8(completion(-0.5, -1.5)).unwrap();
    let usage =
        r#","usage":{"prompt_tokens":300,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":256}}}"#;
    let server = doing(&[Deed::ok(format!("{}{usage}", whole.strip_suffix('}').unwrap())), good()]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = client(&server.base_url(), 1, TIMEOUT);
    let used = || runtime.block_on(client.call("{}".into(), TIMEOUT)).unwrap().usage;
    assert_eq!(used(), Some(Usage { prompt_tokens: 300, cached_tokens: 256, completion_tokens: 1 }));
    assert_eq!(used(), None);
}

#[test]
fn a_connection_that_breaks_is_an_outage() {
    for bytes in [
        "".to_owned(),
        "HTTP/1.1 200".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"choices\":[{\"logpr".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"cho".to_owned(),
        "this is no HTTP\r\n\r\n".to_owned(),
    ] {
        check_retried(Deed::raw(bytes), |error| matches!(error, CallError::Broken(_)));
    }
}

#[test]
fn half_a_json_html_and_wrong_types_are_asked_again_and_never_read() {
    let whole = completion(-0.5, -1.5);
    for body in [
        whole[..whole.len() / 2].to_vec(),
        b"".to_vec(),
        b"<!doctype html><title>Sign in</title>".to_vec(),
        b"{\"choices\":\"yes\"}".to_vec(),
        b"{\"choices\":[{\"logprobs\":{\"content\":[{\"token\":\"Yes\",\"logprob\":\"-0.1\"}]}}]}".to_vec(),
        b"{\"error\":\"overloaded\"}".to_vec(),
        b"[[[[".to_vec(),
        b"\xff\xfe\x00".to_vec(),
    ] {
        check_retried(Deed::ok(body), |error| matches!(error, CallError::Malformed(_)));
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let declared = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{";
    check_final(Deed::raw(declared), |error| matches!(error, CallError::TooLarge { .. }));
    let mut endless = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    (0..6).for_each(|_| endless.extend([b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat()));
    check_final(Deed::raw(endless), |error| matches!(error, CallError::TooLarge { .. }));
}

#[test]
fn what_the_server_refuses_is_not_asked_again() {
    check_final(Deed::status(400, "", "{\"error\":{\"message\":\"top_logprobs must be at most 5\"}}"), |error| {
        error.to_string() == "status 400: top_logprobs must be at most 5"
    });
    check_final(Deed::status(413, "", ""), |error| matches!(error, CallError::Rejected { status: 413, .. }));
    check_final(Deed::status(204, "", ""), |error| matches!(error, CallError::Rejected { status: 204, .. }));
    for status in [401, 402, 403, 404] {
        check_final(
            Deed::status(status, "", "{\"error\":\"Unauthorized\"}"),
            |error| matches!(error, CallError::Denied { message, .. } if message == "Unauthorized"),
        );
    }
}

#[test]
fn a_server_that_repeats_the_key_does_not_get_it_into_a_message() {
    let long = format!("{{\"error\":{{\"message\":\"{}{KEY}\"}}}}", "x".repeat(290));
    for body in [format!("{{\"error\":{{\"message\":\"wrong key {KEY}\"}}}}"), format!("you sent {KEY}"), long] {
        for status in [200, 401, 400, 500] {
            let reply = ask(&doing(&[Deed::status(status, "", &body)]), 1);
            assert!(!reply.outcome.unwrap_err().to_string().contains("sk-very"), "{status} {body}");
        }
    }
    let wrong_type = format!("{{\"choices\":\"{KEY}\"}}");
    assert!(ask(&doing(&[Deed::ok(wrong_type)]), 1).outcome.unwrap_err().to_string().contains("[api key]"));
    let redirect = format!("location: https://elsewhere.example/?key={KEY}\r\n");
    ask(&doing(&[Deed::status(302, &redirect, "")]), 1);
}

#[test]
fn a_content_filter_with_status_400_is_a_refusal() {
    let body = "{\"error\":{\"code\":\"content_filter\",\"message\":\"filtered\"}}";
    assert_eq!(ask(&doing(&[Deed::status(400, "", body)]), 3).outcome, Ok(Completion::Refused));
}

#[test]
fn a_redirect_to_another_server_is_not_followed_and_gets_no_key() {
    let elsewhere = doing(&[good()]);
    let target = elsewhere.base_url();
    for status in [301, 302, 303, 307, 308] {
        let headers = format!("location: {target}/chat/completions\r\n");
        let reply = ask(&doing(&[Deed::status(status, &headers, "")]), 3);
        assert!(matches!(&reply.outcome, Err(CallError::Redirected(host)) if host == "http://127.0.0.1"), "{reply:?}");
        assert_eq!(reply.attempts, 1);
    }
    assert_eq!(elsewhere.n_seen(), 0);
}

#[test]
fn a_redirect_within_the_server_is_followed_but_not_for_ever() {
    let within = TestServer::start(|seen, _| match seen.path.as_str() {
        "/v2/chat" => good(),
        _ => Deed::status(307, "location: /v2/chat\r\n", ""),
    });
    assert!(is_good(&ask(&within, 1)));
    let around = doing(&[Deed::status(307, "location: /v1/chat/completions\r\n", "")]);
    assert!(matches!(ask(&around, 1).outcome, Err(CallError::Redirected(_))));
    assert!(around.n_seen() < 10);
}

#[test]
fn nobody_at_home_is_unreachable() {
    let port = crate::serve::free_port().unwrap();
    let reply = ask_at(&format!("http://127.0.0.1:{port}/v1"), 3, TIMEOUT);
    assert!(matches!(&reply.outcome, Err(CallError::Unreachable(reason)) if reason.contains("refused")), "{reply:?}");
    assert_eq!(reply.attempts, 3);
    let tls = ask_at(&format!("https://127.0.0.1:{port}/v1"), 1, TIMEOUT);
    assert!(matches!(tls.outcome, Err(CallError::Unreachable(_))));
}

#[test]
fn connections_are_reused() {
    let server = doing(&[good()]);
    let client = client(&server.base_url(), 1, TIMEOUT);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let start = Instant::now();
    for _ in 0..200 {
        assert!(is_good(&runtime.block_on(client.ask("{}".into()))));
    }
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn a_key_that_goes_to_another_machine_without_tls_is_noticed() {
    for (url, shows) in [
        ("http://10.0.0.7/v1", true),
        ("http://models.example/v1", true),
        ("https://models.example/v1", false),
        ("http://localhost:8000/v1", false),
        ("http://127.0.0.1/v1", false),
        ("http://[::1]:8000/v1", false),
    ] {
        let client = |key| Client::new(url, key, *client(url, 1, TIMEOUT).patience()).unwrap();
        assert_eq!(client(ApiKey::new("k")).shows_its_key(), shows, "{url}");
        assert!(!client(None).shows_its_key());
    }
}

#[test]
fn a_redirect_is_shown_without_its_path() {
    let target = Url::parse("https://login.example/x?token=secret").unwrap();
    assert_eq!(host_of(&target), "https://login.example");
}
