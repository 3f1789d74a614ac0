//! The ladder against real servers of each kind. vLLM's bodies have the shapes of its source (entrypoints/openai and
//! entrypoints/serve/tokenize of 2026), for no vLLM runs in a test.

use serde_json::{Value, json};
use tables::AnswerStatus;

use super::*;
use crate::serve::free_port;
use crate::test_server::{Deed, Seen, TestServer, completion};

fn endpoint(base_url: &str, more: &str) -> Endpoint {
    let yaml =
        format!("{{ base_url: '{base_url}', model: m, concurrency: 1, timeout_seconds: 5, max_attempts: 3{more} }}");
    serde_yaml::from_str(&yaml).unwrap()
}

fn probed(base_url: &str, more: &str) -> Result<Found, SynthFeedbackError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(probe(&endpoint(base_url, more), base_url, None, None, Duration::from_millis(1)))
}

const SAMPLE: &str = ", sample: { n: 4, temperature: 1, seed: 0, max_tokens: 8 }";

/// Serves a list of models and completions; other pages are not there.
fn server(owner: &str, complete: impl Fn(&Value) -> Deed + Send + Sync + 'static) -> TestServer {
    let models = json!({ "data": [{ "id": "m", "owned_by": owner }] }).to_string();
    TestServer::start(move |seen, _| match seen.path.as_str() {
        "/v1/models" => Deed::ok(models.clone()),
        "/v1/chat/completions" => complete(&seen.body),
        _ => Deed::status(404, "", "{}"),
    })
}

fn refused(message: &str) -> Deed {
    Deed::status(400, "", &json!({ "error": { "message": message } }).to_string())
}

fn texts(texts: &[&str]) -> Deed {
    let choices: Vec<Value> =
        texts.iter().map(|text| json!({ "message": { "content": text }, "logprobs": null })).collect();
    Deed::ok(json!({ "choices": choices }).to_string())
}

fn questions(server: &TestServer) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.path == "/v1/chat/completions").collect()
}

/// A vLLM whose vocabulary has these tokens; an older one ignores `logprob_token_ids`.
fn vllm(is_old: bool) -> TestServer {
    const VOCABULARY: [(u64, &str); 7] =
        [(3, "▁Yes"), (4, "▁yes"), (5, "Yes"), (6, "▁No"), (7, "▁no"), (8, "No"), (9, "▁The")];
    TestServer::start(move |seen, _| match seen.path.as_str() {
        "/v1/models" => Deed::ok(json!({ "data": [{ "id": "m", "owned_by": "vllm" }] }).to_string()),
        "/tokenize" => {
            let prompt = seen.body["prompt"].as_str().unwrap();
            assert_eq!(seen.body["add_special_tokens"], false);
            let whole = VOCABULARY.iter().find(|(_, piece)| piece.trim_start_matches('▁') == prompt.trim());
            let token = match prompt.strip_prefix('\n') {
                Some(word) => VOCABULARY.iter().find(|(_, piece)| *piece == word),
                None => whole,
            };
            let (ids, pieces) =
                token.map_or((vec![1, 2], vec!["▁", "<0x53>"]), |(id, piece)| (vec![1, *id], vec!["▁", piece]));
            Deed::ok(json!({ "count": 2, "max_model_len": 4096, "tokens": ids, "token_strs": pieces }).to_string())
        }
        "/v1/chat/completions" if is_old => {
            let n = seen.body["top_logprobs"].as_u64().unwrap_or(0) as usize;
            let listed = [("Yes", -0.5), ("No", -1.5), ("The", -3.0)];
            let listed: Vec<Value> =
                listed.iter().take(n).map(|(token, logprob)| json!({ "token": token, "logprob": logprob })).collect();
            let first = json!({ "token": "Yes", "logprob": -0.5, "top_logprobs": listed });
            Deed::ok(json!({ "choices": [{ "logprobs": { "content": [first] } }] }).to_string())
        }
        "/v1/chat/completions" => {
            let listed = std::iter::once(json!({ "token": "The", "logprob": -0.5 }));
            let ids: Vec<u64> = serde_json::from_value(seen.body["logprob_token_ids"].clone()).unwrap();
            let of_ids = ids.iter().map(|id| {
                let (_, piece) = VOCABULARY.iter().find(|(known, _)| known == id).unwrap();
                json!({ "token": piece.trim_start_matches('▁'), "logprob": -(*id as f64) })
            });
            let listed: Vec<Value> = listed.chain(of_ids).collect();
            let first = json!({ "token": "The", "logprob": -0.5, "top_logprobs": listed });
            Deed::ok(json!({ "choices": [{ "logprobs": { "content": [first] } }] }).to_string())
        }
        _ => Deed::status(404, "", "{}"),
    })
}

#[test]
fn vllm_is_asked_for_exactly_the_tokens_that_spell_yes_and_no() {
    let found = probed(&vllm(false).base_url(), "").unwrap();
    assert_eq!(found.server, "vLLM");
    assert_eq!(
        found.readout.source,
        Source::TokenIds { ids: vec![3, 4, 5, 6, 7, 8] },
        "`YES` is split, `The` is neither"
    );
    assert_eq!(found.reading.status, AnswerStatus::Ok);
    assert!(found.lines().iter().any(|(about, what)| about == "logprob_token_ids" && what.contains("6 tokens spell")));
}

#[test]
fn an_older_vllm_that_ignores_token_ids_gives_top_logprobs() {
    let server = vllm(true);
    let found = probed(&server.base_url(), "").unwrap();
    assert_eq!(found.readout, Readout::top_logprobs());
    let (about, what) = &found.steps[0];
    assert!(about == "logprob_token_ids" && what.contains("lists 0 tokens"), "{what}");
    let error = probed(&server.base_url(), ", readout: token_ids").unwrap_err().to_string();
    assert!(error.contains("logprob_token_ids") && !error.contains("top_logprobs 20"), "{error}");
}

#[test]
fn a_server_that_refuses_20_is_asked_for_5() {
    let server = server("system", |body| match body["top_logprobs"].as_u64() {
        Some(n @ 6..) => refused(&format!("top_logprobs must be at most 5, not {n}")),
        _ => Deed::ok(completion(-0.5, -1.5)),
    });
    let found = probed(&server.base_url(), "").unwrap();
    assert_eq!((found.readout.source, found.server.as_str()), (Source::TopLogprobs { n: 5 }, "OpenAI"));
    assert!(found.steps.iter().any(|(about, what)| about == "top_logprobs 20" && what.contains("at most 5")));
}

#[test]
fn a_server_without_logprobs_is_voted_over_if_the_pipeline_file_says_how() {
    for (logprobs_of, most) in [("null", 9), ("refused", 9), ("null", 1), ("refused", 2)] {
        let server = server("someone", move |body| {
            if body["logprobs"] == true {
                return if logprobs_of == "null" { texts(&["Yes"]) } else { refused("logprobs are not supported") };
            }
            match body["n"].as_u64().unwrap_or(1) {
                // Some refuse more than they can do at once, some give one answer whatever is asked for.
                n if n > most && most > 1 => refused("too many"),
                n => texts(&["Yes", "no", "Yes", "Yes"][..n.min(most) as usize]),
            }
        });
        let error = probed(&server.base_url(), "").unwrap_err().to_string();
        assert!(error.contains("`endpoint.sample`"), "{error}");
        let found = probed(&server.base_url(), SAMPLE).unwrap();
        let Source::Sample { per_request, .. } = found.readout.source else { panic!("{found:?}") };
        assert_eq!(per_request, if most == 9 { 4 } else { 1 });
        assert_eq!(found.reading.p_yes, Some(if most == 9 { 0.75 } else { 1.0 }));
        assert!(found.server.contains("someone"));
    }
}

#[test]
fn one_answer_without_logprobs_is_no_server_without_them() {
    let server = server("system", |body| {
        if body["messages"][0]["content"][1]["text"] == QUESTIONS[0] {
            texts(&["Yes"])
        } else {
            Deed::ok(completion(-0.5, -1.5))
        }
    });
    let found = probed(&server.base_url(), SAMPLE).unwrap();
    assert_eq!((found.readout, found.question.as_str()), (Readout::top_logprobs(), QUESTIONS[1]));
}

#[test]
fn a_model_that_thinks_first_is_sampled() {
    let thinking = include_str!("../fixtures/vllm_reasoning.json");
    let server = server("vllm", move |body| {
        if body["logprobs"] == true { Deed::ok(thinking) } else { texts(&["Yes", "Yes", "<think>hm</think>no", "yes"]) }
    });
    let found = probed(&server.base_url(), SAMPLE).unwrap();
    assert_eq!((found.readout.word(), found.reading.p_yes), (tables::AnswerReadout::Sample, Some(0.75)));
    assert!(found.steps.iter().any(|(_, what)| what.contains("thinks")));
}

#[test]
fn a_model_that_wants_the_newer_name_of_the_limit_gets_it() {
    let server = server("system", |body| {
        if body.get("max_tokens").is_some() {
            return refused("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
        }
        Deed::ok(completion(-0.5, -1.5))
    });
    let found = probed(&server.base_url(), "").unwrap();
    assert_eq!(found.readout.token_limit, TokenLimit::MaxCompletionTokens);
    assert_eq!(found.readout.key(), Readout::top_logprobs().key());
}

#[test]
fn a_model_that_refuses_a_temperature_is_sampled_at_its_own_which_is_one() {
    let server = server("system", |body| {
        if body["logprobs"] == true {
            return refused("logprobs are not supported with reasoning models");
        }
        if body.get("max_tokens").is_some() {
            return refused("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.");
        }
        if body.get("temperature").is_some() {
            return refused("Unsupported parameter: 'temperature' is not supported with this model.");
        }
        texts(&["Yes", "no", "Yes", "Yes"])
    });
    let found = probed(&server.base_url(), SAMPLE).unwrap();
    assert!(
        matches!(found.readout.source, Source::Sample { refuses_temperature: true, per_request: 4, .. }),
        "{found:?}"
    );
    let error =
        probed(&server.base_url(), &SAMPLE.replace("temperature: 1", "temperature: 0.5")).unwrap_err().to_string();
    assert!(error.contains("'temperature' is not supported"), "{error}");
}

#[test]
fn a_server_that_is_busy_is_asked_again_and_one_that_is_down_is_worth_retrying() {
    let n = std::sync::atomic::AtomicUsize::new(0);
    let server = server("llamacpp", move |_| match n.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Deed::status(503, "", "{\"error\":{\"message\":\"Loading model\"}}"),
        1 => Deed::ok("{\"choices\":7}"),
        _ => Deed::ok(completion(-0.5, -1.5)),
    });
    let found = probed(&server.base_url(), "").unwrap();
    assert_eq!((found.server.as_str(), questions(&server).len()), ("llama-server", 3));

    let loading = TestServer::start(|_, _| Deed::status(503, "", "{\"error\":{\"message\":\"Loading model\"}}"));
    let error = probed(&loading.base_url(), "").unwrap_err();
    assert!(error.retry_later() && error.to_string().contains("503: Loading model"), "{error}");
    let nobody = format!("http://127.0.0.1:{}/v1", free_port().unwrap());
    let error = probed(&nobody, "").unwrap_err();
    assert!(error.retry_later() && error.to_string().contains("no connection"), "{error}");
}

#[test]
fn a_server_that_lets_nobody_in_says_what_to_do() {
    let unauthorized = include_str!("../fixtures/vllm_unauthorized.json");
    let server = TestServer::start(move |_, _| Deed::status(401, "", unauthorized));
    let error = probed(&server.base_url(), "").unwrap_err().to_string();
    assert!(error.contains("401 (Unauthorized)") && error.contains("api_key_env"), "{error}");
    let elsewhere = TestServer::start(|_, _| Deed::status(404, "", "{\"error\":{\"message\":\"no such model\"}}"));
    let error = probed(&elsewhere.base_url(), "").unwrap_err().to_string();
    assert!(error.contains("404 (no such model)") && error.contains("`model`"), "{error}");
}

#[test]
fn a_model_that_always_declines_cannot_be_read() {
    let server = server("system", |_| Deed::ok("{\"choices\":[{\"message\":{\"refusal\":\"I won't look\"}}]}"));
    let error = probed(&server.base_url(), SAMPLE).unwrap_err().to_string();
    assert!(error.contains("declines"), "{error}");
}

#[test]
fn the_picture_is_a_picture_and_the_instruction_follows_the_question() {
    let server = server("system", |_| Deed::ok(completion(-0.5, -1.5)));
    let url = server.base_url();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let instruction = Some("Answer yes or no.");
    let found = runtime.block_on(probe(&endpoint(&url, ""), &url, None, instruction, Duration::ZERO)).unwrap();
    assert_eq!(found.question, "is the image bright Answer yes or no.");
    let seen = questions(&server).remove(0);
    assert_eq!(seen.query(), found.question);
    let image = seen.body["messages"][0]["content"][0]["image_url"]["url"].as_str().unwrap().to_owned();
    assert!(image.starts_with("data:image/png;base64,iVBOR"), "{image}");
    assert!(TEST_PICTURE.len() < 1_000);
}

#[test]
fn a_server_that_is_never_healthy_has_as_long_as_the_settings_say() {
    let start = std::time::Instant::now();
    let more = ", serve: [sleep, '60'], serve_timeout_seconds: 0.2";
    let error = probe_endpoint(&endpoint("http://127.0.0.1:{port}/v1", more), None).unwrap_err().to_string();
    assert!(error.contains("was not healthy after 0.2 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}
