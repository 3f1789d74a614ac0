//! The server through real HTTP on the loopback interface.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::world::{WorldSettings, write_world};

struct Served {
    folder: tempfile::TempDir,
    url: String,
    client: reqwest::Client,
    scenes: Vec<TrueScene>,
}

const SEED: u64 = 3;

async fn served(change: impl FnOnce(&mut ServeSettings)) -> Served {
    let folder = tempfile::tempdir().unwrap();
    write_world(folder.path(), &WorldSettings { prompts: 2, seed: SEED }).unwrap();
    let mut settings = ServeSettings::new(folder.path());
    change(&mut settings);
    let server = Server::bind(settings).await.unwrap();
    let url = format!("http://{}", server.address());
    tokio::spawn(server.run());
    let text = std::fs::read_to_string(folder.path().join(SCENES)).unwrap();
    let scenes = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Served { folder, url, client, scenes }
}

impl Served {
    fn request(&self, image: usize, query: &str) -> Value {
        let path = self.folder.path().join(format!("images/{}.png", self.scenes[image].image_id));
        let url = format!("data:image/png;base64,{}", STANDARD.encode(std::fs::read(path).unwrap()));
        json!({
            "model": MODEL, "max_tokens": 1, "temperature": 0, "logprobs": true, "top_logprobs": 20,
            "messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": query}]}],
        })
    }

    async fn post(&self, body: Vec<u8>) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}/v1/chat/completions", self.url);
        self.client.post(url).header("content-type", "application/json").body(body).send().await
    }

    async fn ask(&self, image: usize, query: &str) -> reqwest::Result<reqwest::Response> {
        self.post(self.request(image, query).to_string().into_bytes()).await
    }

    async fn answer(&self, image: usize, query: &str) -> Value {
        let response = self.ask(image, query).await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap().json().await.unwrap()
    }

    fn p_yes(&self, image: usize, query: &str) -> f64 {
        true_p_yes(&self.scenes[image].scene, &self.scenes[image].sha256, query, SEED)
    }
}

/// (sum of yes, sum of no) over the listed tokens, as a client reads them.
fn read(answer: &Value) -> (f64, f64) {
    let top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array().unwrap();
    let sum = |word: &str| {
        let is = |token: &&Value| token["token"].as_str().unwrap().trim().eq_ignore_ascii_case(word);
        top.iter().filter(is).map(|token| token["logprob"].as_f64().unwrap().exp()).sum()
    };
    (sum("yes"), sum("no"))
}

#[tokio::test]
async fn the_served_answer_is_the_true_probability() {
    let served = served(|_| {}).await;
    for image in 0..served.scenes.len() {
        for query in
            ["is the image bright", "is there a dog?", "is \"red\" true for \"what color is the cat?\" in this image?"]
        {
            let answer = served.answer(image, query).await;
            let (yes, no) = read(&answer);
            assert!((yes / (yes + no) - served.p_yes(image, query)).abs() < 1e-6, "{query}");
            assert!((yes + no - crate::LABEL_MASS).abs() < 1e-6);
            let choice = &answer["choices"][0];
            let first = &choice["logprobs"]["content"][0];
            assert_eq!(first["token"], first["top_logprobs"][0]["token"]);
            assert_eq!(choice["message"]["content"], first["token"]);
            assert_eq!(first["token"] == "Yes", served.p_yes(image, query) > 0.5);
        }
    }
}

#[tokio::test]
async fn health_models_and_stats_tell_what_there_is() {
    let served = served(|_| {}).await;
    assert_eq!(served.get("/health").await, json!({"status": "ok"}));
    assert_eq!(served.get("/v1/models").await["data"][0]["id"], MODEL);
    for _ in 0..2 {
        served.answer(0, "is the image bright").await;
    }
    served.answer(1, "is the image bright").await;
    served.post(b"{".to_vec()).await.unwrap();
    let stats = served.get("/stats").await;
    assert_eq!(stats, json!({"requests": 4, "answered": 3, "distinct": 2, "rejected": 1, "faults": {}, "tests": 0}));
    assert_eq!(served.client.get(format!("{}/nowhere", served.url)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn wrong_requests_get_one_clear_error_each() {
    let served = served(|settings| settings.max_body_bytes = 300_000).await;
    let with = |path: &str, value: Value| {
        let mut body = served.request(0, "is the image bright");
        *body.pointer_mut(path).unwrap() = value;
        body.to_string().into_bytes()
    };
    let without_logprobs = {
        let mut body = served.request(0, "q");
        body["logprobs"] = json!(false);
        body.to_string().into_bytes()
    };
    let image_url = "/messages/0/content/0/image_url/url";
    let unknown = format!("data:image/png;base64,{}", STANDARD.encode("not ours"));
    let cases: Vec<(Vec<u8>, u16, &str)> = vec![
        (b"".to_vec(), 400, "not a chat completion"),
        (b"{\"model\":".to_vec(), 400, "not a chat completion"),
        (b"[[[[".repeat(20_000), 400, "not a chat completion"),
        (vec![0xff; 100], 400, "not a chat completion"),
        (with("/model", json!("gpt")), 404, "does not exist"),
        (with("/model", json!(7)), 400, "not a chat completion"),
        (with("/messages", json!([])), 400, "no user message"),
        (with("/messages", json!("hello")), 400, "not a chat completion"),
        (with("/messages/0/role", json!("system")), 400, "no user message"),
        (with("/messages/0/content", json!("is it?")), 400, "there is none with `is it?`"),
        (with("/messages/0/content", json!([])), 400, "no image"),
        (with("/messages/0/content/0/type", json!("audio")), 400, "`audio` is not understood"),
        (with("/messages/0/content/1/text", json!("  ")), 400, "no text"),
        (with("/messages/0/content/1/text", json!(5)), 400, "not a chat completion"),
        (with(image_url, json!("https://example.org/a.png")), 400, "only data:image"),
        (with(image_url, json!("data:image/png;base64,***")), 400, "not base64"),
        (with(image_url, json!("data:image/png;base64,")), 400, "none has the SHA-256 e3b0c442"),
        (with(image_url, json!(unknown)), 400, "knows only the images"),
        (with("/top_logprobs", json!(21)), 400, "from 0 to 20"),
        (with("/top_logprobs", json!(-1)), 400, "from 0 to 20"),
        (with("/max_tokens", json!(0)), 400, "at least 1"),
        (without_logprobs, 400, "needs `logprobs: true`"),
        (vec![b' '; 400_000], 413, "more than 300000 bytes"),
    ];
    for (i, (body, status, expect)) in cases.into_iter().enumerate() {
        let response = served.post(body).await.unwrap();
        assert_eq!(response.status(), status, "case {i}");
        let error: Value = response.json().await.unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(expect), "case {i}: {message}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
    }
    served.answer(0, "is the image bright").await;
}

#[tokio::test]
async fn a_client_may_want_fewer_alternatives_or_no_logprobs() {
    let served = served(|_| {}).await;
    let mut request = served.request(0, "is the image bright");
    request["top_logprobs"] = json!(3);
    let answer: Value = served.post(request.to_string().into_bytes()).await.unwrap().json().await.unwrap();
    assert_eq!(answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array().unwrap().len(), 3);
    request["logprobs"] = json!(false);
    request["top_logprobs"] = Value::Null;
    let answer: Value = served.post(request.to_string().into_bytes()).await.unwrap().json().await.unwrap();
    assert_eq!(answer["choices"][0]["logprobs"], Value::Null);
}

async fn speaking(dialect: Dialect) -> Served {
    served(|settings| settings.dialect = dialect).await
}

fn listed(answer: &Value) -> Vec<(String, f64)> {
    let top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"].as_array().unwrap();
    top.iter().map(|token| (token["token"].as_str().unwrap().to_owned(), token["logprob"].as_f64().unwrap())).collect()
}

#[tokio::test]
async fn vllm_lists_the_tokens_that_are_asked_for_by_number_after_the_sampled_one() {
    let served = speaking(Dialect::Vllm).await;
    let mut request = served.request(0, "is the image bright");
    request["top_logprobs"] = Value::Null;
    request["logprob_token_ids"] = json!([513, 504, 501]);
    let ask = async |request: &Value| -> Value {
        served.post(request.to_string().into_bytes()).await.unwrap().json().await.unwrap()
    };
    let tokens = listed(&ask(&request).await);
    let texts: Vec<&str> = tokens.iter().map(|(token, _)| token.as_str()).collect();
    let sampled_is_asked_for = served.p_yes(0, "is the image bright") > 0.5;
    assert_eq!(texts, if sampled_is_asked_for { vec!["Yes", "no", "Yes"] } else { vec!["No", "no", "Yes", "Yes"] });
    request["logprobs"] = json!(false);
    assert_eq!(ask(&request).await["error"]["type"], "BadRequestError");
    assert_eq!(ask(&request).await["error"]["code"], 400);

    let tokenize = |prompt: &str| {
        let body = json!({"model": MODEL, "prompt": prompt, "add_special_tokens": false, "return_token_strs": true});
        served.client.post(format!("{}/tokenize", served.url)).body(body.to_string()).send()
    };
    let tokenized: Value = tokenize(" Yes").await.unwrap().json().await.unwrap();
    assert_eq!(
        tokenized,
        json!({"count": 2, "max_model_len": 4096, "tokens": [300, 501], "token_strs": ["▁", "▁Yes"]})
    );
    assert_eq!(served.get("/v1/models").await["data"][0]["owned_by"], "vllm");
}

#[tokio::test]
async fn llama_server_has_its_own_bounds_words_and_counts() {
    let served = speaking(Dialect::LlamaServer).await;
    let mut request = served.request(0, "is the image bright");
    (request["model"], request["top_logprobs"]) = (json!("whatever"), json!(500));
    let ask = async |request: &Value| -> Value {
        served.post(request.to_string().into_bytes()).await.unwrap().json().await.unwrap()
    };
    let first = ask(&request).await;
    assert_eq!(listed(&first).len(), 20, "all there are");
    assert_eq!(first["timings"]["cache_n"], 0);
    let again = ask(&request).await;
    assert!(again["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap() > 0);
    let refused = async |field: &str, value: Value| -> Value {
        let mut request = request.clone();
        request[field] = value;
        ask(&request).await["error"].clone()
    };
    assert_eq!(refused("logprobs", json!(false)).await["message"], "top_logprobs requires logprobs to be set to true");
    assert!(refused("n", json!(9)).await["message"].as_str().unwrap().starts_with("Field 'n'"));
    *request.pointer_mut("/messages/0/content/1/text").unwrap() = json!("x ".repeat(9_000));
    assert_eq!(ask(&request).await["error"]["type"], "exceed_context_size_error");
    let response = served.client.get(format!("{}/health", served.url)).send().await.unwrap();
    assert_eq!(response.headers()["server"], "llama.cpp");
}

#[tokio::test]
async fn each_dialect_lets_in_only_who_has_the_key_and_only_when_it_is_ready() {
    for dialect in Dialect::ALL {
        let served = served(|settings| {
            settings.dialect = dialect;
            settings.api_key = Some("s3cret".into());
            settings.loading = Duration::from_millis(1_500);
        })
        .await;
        let status = async |key: &str| {
            let url = format!("{}/v1/models", served.url);
            served
                .client
                .get(url)
                .header("authorization", format!("Bearer {key}"))
                .send()
                .await
                .unwrap()
                .status()
                .as_u16()
        };
        assert_eq!(status("s3cret").await, 503);
        assert_eq!(served.client.get(format!("{}/health", served.url)).send().await.unwrap().status(), 503);
        tokio::time::sleep(Duration::from_millis(1_600)).await;
        assert_eq!((status("s3cret").await, status("wrong").await), (200, 401));
        assert_eq!(served.get("/health").await, json!({"status": "ok"}), "needs no key");
    }
}

#[tokio::test]
async fn samples_are_drawn_anew_by_their_seed_and_place() {
    let served = served(|_| {}).await;
    let query = "is there a dog?";
    let mut request = served.request(0, query);
    for (field, value) in [("logprobs", json!(false)), ("top_logprobs", Value::Null), ("temperature", json!(1))] {
        request[field] = value;
    }
    request["n"] = json!(100);
    let mut yes = 0;
    let mut all = Vec::new();
    for seed in 0..5 {
        request["seed"] = json!(seed);
        let answer: Value = served.post(request.to_string().into_bytes()).await.unwrap().json().await.unwrap();
        let texts: Vec<String> = answer["choices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|choice| choice["message"]["content"].as_str().unwrap().trim().to_lowercase())
            .collect();
        yes += texts.iter().filter(|text| *text == "yes").count();
        all.push(texts);
    }
    assert!(all[0].len() == 100 && all[0] != all[1]);
    let expected = crate::LABEL_MASS * served.p_yes(0, query);
    assert!((yes as f64 / 500.0 - expected).abs() < 0.09, "{yes} of 500, expected a share of {expected}");
}

#[tokio::test]
async fn a_small_picture_of_something_else_is_a_test_picture_and_counts_nowhere() {
    let served = served(|_| {}).await;
    let png = |side: u32, grey: u8| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::GrayImage::from_pixel(side, side, image::Luma([grey]))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        format!("data:image/png;base64,{}", STANDARD.encode(bytes.into_inner()))
    };
    let ask = async |picture: String, query: &str| {
        let mut request = served.request(0, query);
        *request.pointer_mut("/messages/0/content/0/image_url/url").unwrap() = json!(picture);
        served.post(request.to_string().into_bytes()).await.unwrap()
    };
    let p_yes = async |grey: u8, query: &str| {
        let (yes, no) = read(&ask(png(64, grey), query).await.json().await.unwrap());
        yes / (yes + no)
    };
    assert!(p_yes(250, "is the image bright").await > 0.9 && p_yes(5, "is the image bright").await < 0.1);
    assert!(p_yes(250, "is the image dark").await < 0.1);
    assert_eq!(ask(png(65, 250), "is the image bright").await.status(), 400, "too large for a test");
    let stats = served.get("/stats").await;
    assert_eq!((&stats["requests"], &stats["answered"], &stats["tests"]), (&json!(1), &json!(0), &json!(3)));
}

async fn with_faults(faults: &str) -> Served {
    let faults = Faults::parse(faults).unwrap();
    served(|settings| settings.faults = faults).await
}

#[tokio::test]
async fn faults_of_the_attempt_show_as_promised() {
    let limited = with_faults("http_429=1:7s").await;
    let response = limited.ask(0, "is the image bright").await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (429, "7"));

    let bare = with_faults("http_429_bare").await.ask(0, "is the image bright").await.unwrap();
    assert!(bare.status() == 429 && !bare.headers().contains_key("retry-after"));

    let stalling = with_faults("stall=1:120ms").await;
    let start = std::time::Instant::now();
    let broke = match stalling.ask(0, "is the image bright").await {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broke && start.elapsed() >= Duration::from_millis(120), "nothing, for as long as was said");

    let dripping = with_faults("drip=1:1ms").await.ask(0, "is the image bright").await.unwrap();
    assert_eq!(dripping.status(), 200);
    assert!(dripping.bytes().await.is_err(), "the last byte never comes");

    for (fault, status) in [("http_500", 500), ("http_503", 503)] {
        let response = with_faults(fault).await.ask(0, "is the image bright").await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.json::<Value>().await.unwrap()["error"]["message"].is_string());
    }

    let half = with_faults("half_json").await.ask(0, "is the image bright").await.unwrap();
    assert_eq!(half.status(), 200);
    let text = half.text().await.unwrap();
    assert!(text.starts_with("{\"id\"") && serde_json::from_str::<Value>(&text).is_err());

    let html = with_faults("html").await.ask(0, "is the image bright").await.unwrap();
    assert_eq!(html.headers()["content-type"], "text/html");
    assert!(html.text().await.unwrap().starts_with("<!DOCTYPE html>"));

    let dropping = with_faults("drop_connection").await;
    let dropped = dropping.ask(0, "is the image bright").await;
    let broke = match dropped {
        Ok(response) => response.bytes().await.is_err(),
        Err(_) => true,
    };
    assert!(broke, "the body must not arrive whole");

    let wrong = with_faults("wrong_type").await.answer(0, "is the image bright").await;
    assert!(wrong["choices"].is_object());

    let stats = dropping.get("/stats").await;
    assert_eq!(stats["answered"], 0);
    assert_eq!(stats["faults"], json!({"drop_connection": 1}));
}

#[tokio::test]
async fn faults_of_the_question_show_on_every_attempt() {
    let no_token = with_faults("no_token").await;
    let one_sided = with_faults("one_sided").await;
    let refusing = with_faults("refuse").await;
    let silent = with_faults("no_logprobs").await;
    for _ in 0..2 {
        assert_eq!(read(&no_token.answer(0, "is the image bright").await), (0.0, 0.0));
        let (yes, no) = read(&one_sided.answer(0, "is the image bright").await);
        assert!((yes > 0.0) != (no > 0.0));
        let refused = refusing.answer(0, "is the image bright").await;
        assert!(refused["choices"][0]["message"]["refusal"].is_string());
        assert_eq!(refused["choices"][0]["message"]["content"], Value::Null);
        assert_eq!(silent.answer(0, "is the image bright").await["choices"][0]["logprobs"], Value::Null);
    }
}

#[tokio::test]
async fn a_fault_of_the_attempt_passes_with_retries_and_repeats_after_a_restart() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let flaky = with_faults("http_500=0.5,slow=0.2:2ms").await;
        let mut statuses = Vec::new();
        for image in 0..4 {
            for _ in 0..8 {
                statuses.push(flaky.ask(image, "is there a cat?").await.unwrap().status().as_u16());
            }
        }
        assert!(statuses.chunks(8).all(|tries| tries.contains(&200)));
        assert!(statuses.contains(&500));
        runs.push(statuses);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn slow_answers_come_late_and_latency_is_for_all() {
    let slow = with_faults("slow=1:60ms").await;
    let start = std::time::Instant::now();
    slow.answer(0, "is the image bright").await;
    assert!(start.elapsed() >= Duration::from_millis(60));
    let late = served(|settings| settings.latency = Duration::from_millis(30)).await;
    let start = std::time::Instant::now();
    late.answer(0, "is the image bright").await;
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[tokio::test]
async fn every_question_is_logged_before_its_answer_is_sent_and_a_fault_with_its_name() {
    let log = tempfile::tempdir().unwrap();
    let path = log.path().join("answers.jsonl");
    let flaky = served(|settings| {
        settings.log = Some(path.clone());
        settings.faults = Faults::parse("http_500=0.5").unwrap();
    })
    .await;
    let mut expect = Vec::new();
    for image in 0..8 {
        let query = "is \"a\ncat\" true for \"what?\"";
        let fault = (flaky.ask(image, query).await.unwrap().status() != 200).then_some("http_500");
        let server = std::process::id();
        expect.push(json!({"server": server, "sha256": flaky.scenes[image].sha256, "query": query, "fault": fault}));
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, expect);
    }
    let n_failed = expect.iter().filter(|line| !line["fault"].is_null()).count();
    assert!((1..8).contains(&n_failed), "{n_failed}");
}

#[tokio::test]
async fn a_folder_without_a_world_and_a_taken_port_are_errors() {
    let empty = tempfile::tempdir().unwrap();
    let error = Server::bind(ServeSettings::new(empty.path())).await.unwrap_err();
    assert!(matches!(error, DemoError::NoWorld { .. }), "{error}");
    let served = served(|_| {}).await;
    let mut settings = ServeSettings::new(served.folder.path());
    settings.port = served.url.rsplit(':').next().unwrap().parse().unwrap();
    let error = Server::bind(settings).await.unwrap_err();
    assert!(matches!(error, DemoError::Bind { .. }), "{error}");
    std::fs::write(served.folder.path().join(SCENES), "{\"image_id\":1}\n").unwrap();
    let error = Server::bind(ServeSettings::new(served.folder.path())).await.unwrap_err();
    assert!(matches!(error, DemoError::BadScene { line: 1, .. }), "{error}");
}

/// On request: prints requests a second on one thread of the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement"]
async fn throughput() {
    let served = Arc::new(served(|_| {}).await);
    let server = std::time::Instant::now();
    let bodies: Vec<Bytes> = (0..8).map(|image| served.request(image, "is there a dog?").to_string().into()).collect();
    println!("body of {} bytes", bodies[0].len());
    let n = 4000;
    let url = format!("{}/v1/chat/completions", served.url);
    let client = std::thread::spawn({
        let bodies = bodies.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let client = reqwest::Client::builder().no_proxy().build().unwrap();
                let ask = |i: usize| {
                    let (client, url, body) = (client.clone(), url.clone(), bodies[i % 8].clone());
                    async move { client.post(url).body(body).send().await.unwrap().bytes().await.unwrap() }
                };
                futures::stream::iter(0..n).map(ask).buffer_unordered(32).count().await
            })
        }
    });
    assert_eq!(tokio::task::spawn_blocking(|| client.join().unwrap()).await.unwrap(), n);
    println!("{:.0} requests/s", n as f64 / server.elapsed().as_secs_f64());
}

/// The folder of the world that [`orphan`] serves; it writes its address there.
const ORPHAN_FOLDER: &str = "FINEGRAIN_TEST_ORPHAN_FOLDER";

#[test]
#[ignore = "started by the next test, as a process of its own"]
fn orphan() {
    let folder = PathBuf::from(std::env::var(ORPHAN_FOLDER).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let settings = ServeSettings { exit_with_parent: true, ..ServeSettings::new(&folder) };
        let server = Server::bind(settings).await.unwrap();
        let address = server.address().to_string();
        let running = tokio::time::timeout(Duration::from_secs(20), server.run());
        // By now `run` must have asked who its parent is, so it is polled first.
        let tell = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            std::fs::write(folder.join("address.part"), address).unwrap();
            std::fs::rename(folder.join("address.part"), folder.join("address")).unwrap();
        };
        let _ = tokio::join!(running, tell);
    });
}

#[tokio::test]
async fn the_server_ends_when_its_parent_does() {
    let folder = tempfile::tempdir().unwrap();
    write_world(folder.path(), &WorldSettings { prompts: 1, seed: SEED }).unwrap();
    // A shell that starts the server, waits until it serves, and goes.
    let script = "\"$0\" --ignored --exact vlm::tests::orphan & while [ ! -e \"$1/address\" ]; do sleep 0.02; done";
    let status = tokio::process::Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(folder.path())
        .env(ORPHAN_FOLDER, folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    assert!(tokio::time::timeout(Duration::from_secs(20), status).await.unwrap().unwrap().success());
    let address = std::fs::read_to_string(folder.path().join("address")).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(5);
    while tokio::net::TcpStream::connect(&address).await.is_ok() {
        assert!(std::time::Instant::now() < deadline, "still serving on {address}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
