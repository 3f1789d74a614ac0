//! Flow control through the whole stage: retries, several endpoints and models, budgets, limits.

use std::sync::Mutex;

use super::*;

/// The stage on these endpoints, each a list of lines.
fn with_endpoints(endpoints: &[String]) -> SynthFeedback {
    let entries: String = endpoints.iter().map(|lines| format!("  - {{ {lines} }}\n")).collect();
    stage(&format!(
        "quality: {{ attributes: [bright, funny], question: 'is the image {{attribute}}' }}\nalignment: true\n\
         missing_answer: null\nendpoints:\n{entries}"
    ))
}

fn entry(server: &TestServer, more: &str) -> String {
    let base_url = server.base_url();
    format!(
        "base_url: '{base_url}', model: m, concurrency: 2, readout: top_logprobs, timeout_seconds: 2, max_attempts: 5{more}"
    )
}

fn with_setting(server: &TestServer, setting: &str) -> SynthFeedback {
    stage(&endpoint_yaml("bright, funny", &server.base_url(), &format!("  {setting}\n")))
}

#[test]
fn a_question_that_waits_for_its_next_attempt_holds_no_place() {
    let world = World::new();
    let server =
        TestServer::start(
            |seen, n_before| {
                if n_before == 0 { Deed::status(429, "retry-after: 0.5\r\n", "") } else { vlm(seen) }
            },
        );
    let yaml = endpoint_yaml("bright, funny", &server.base_url(), "").replace("concurrency: 4", "concurrency: 1");
    let counts = world.run(&stage(&yaml)).unwrap();
    assert_eq!(counts["ok"] as usize, N_QUESTIONS);
    let order: Vec<_> = server.seen().iter().map(key_of).collect();
    let again = order.iter().skip(1).position(|key| *key == order[0]).unwrap();
    assert!(again > N_QUESTIONS / 2, "one at a time, and yet {again} others came before the second attempt");
    world.check_answers(&world.answers());
}

#[test]
fn what_fails_again_and_again_is_not_asked_more_often_than_its_attempts() {
    let world = World::new();
    let server =
        TestServer::start(|seen, _| if seen.query().contains("funny") { Deed::status(500, "", "") } else { vlm(seen) });
    let counts = world.run(&asking(&server)).unwrap();
    assert_eq!((counts["error"] as usize, counts["ok"] as usize), (N_IMAGES, N_QUESTIONS - N_IMAGES));
    let funny = server.seen().iter().filter(|seen| seen.query().contains("funny")).count();
    assert_eq!(funny, 3 * N_IMAGES, "max_attempts");
    let failed: Vec<_> = world.answers().into_iter().filter(|answer| answer.status == AnswerStatus::Error).collect();
    assert!(failed.iter().all(|answer| answer.attempts == 3 && answer.p_yes.is_none()));
}

#[test]
fn two_endpoints_share_the_pictures_and_keep_their_questions_together() {
    let (world, one, other) = (World::new(), good_server(), good_server());
    let counts = world.run(&with_endpoints(&[entry(&one, ""), entry(&other, "")])).unwrap();
    assert_eq!((counts["asked"], counts["ok"]), (N_QUESTIONS as u64, N_QUESTIONS as u64));
    world.check_answers(&world.answers());
    let pictures = |server: &TestServer| -> std::collections::HashSet<String> {
        server.seen().iter().map(|seen| key_of(seen).0).collect()
    };
    let (of_one, of_other) = (pictures(&one), pictures(&other));
    assert!(!of_one.is_empty() && !of_other.is_empty() && of_one.is_disjoint(&of_other));
    assert_eq!(of_one.len() + of_other.len(), N_IMAGES);
}

#[test]
fn a_dead_endpoint_costs_no_answer_while_another_is_up() {
    let (world, alive) = (World::new(), good_server());
    let dead = format!(
        "base_url: 'http://127.0.0.1:{}/v1', model: m, concurrency: 2, readout: top_logprobs, timeout_seconds: 2, max_attempts: 9",
        free_port().unwrap()
    );
    let counts = world.run(&with_endpoints(&[dead.clone(), entry(&alive, "")])).unwrap();
    assert_eq!(counts["ok"] as usize, N_QUESTIONS);
    world.check_answers(&world.answers());
    assert_eq!(alive.n_seen(), N_QUESTIONS);
    // Both dead: as one that is.
    let world = World::new();
    let other = dead.replace("127.0.0.1", "localhost");
    assert!(world.run(&with_endpoints(&[dead, other])).unwrap_err().retry_later);
}

#[test]
fn every_model_is_asked_everything_and_the_first_one_scores() {
    let (world, server, other) = (World::new(), good_server(), good_server());
    let unlike = TestServer::start(|_, _| Deed::ok(crate::test_server::completion(-0.1, -5.0)));
    let second = entry(&unlike, "").replace("model: m", "model: n");
    let endpoints = [entry(&server, ""), second, entry(&other, "")];
    let counts = world.run(&with_endpoints(&endpoints)).unwrap();
    assert_eq!((counts["asked"] as usize, counts["ok"] as usize), (2 * N_QUESTIONS, 2 * N_QUESTIONS));
    let (of_m, of_n): (Vec<Answer>, Vec<Answer>) = world.answers().into_iter().partition(|answer| answer.model == "m");
    world.check_answers(&of_m);
    assert!(of_n.len() == N_QUESTIONS && of_n.iter().all(|answer| answer.p_yes > Some(0.99)));
    assert_eq!(server.n_seen() + other.n_seen(), N_QUESTIONS);
    let bright = |image_id: &str| {
        let scores = world.scores();
        let of_image: Vec<_> =
            scores.iter().filter(|score| score.image_id == image_id && score.attribute == "bright").collect();
        assert_eq!(of_image.len(), 1);
        of_image[0].score
    };
    let answer = of_m.iter().find(|answer| answer.image_id == "i03" && answer.question_id == "bright").unwrap();
    assert_eq!(bright("i03"), answer.p_yes);
}

#[test]
fn a_budget_of_requests_a_minute_is_kept() {
    let (world, server) = (World::new(), good_server());
    let start = Instant::now();
    let counts = world.run(&with_setting(&server, "requests_per_minute: 1200")).unwrap();
    assert_eq!(counts["ok"] as usize, N_QUESTIONS);
    // Twenty at once, then twenty a second.
    let least = (N_QUESTIONS as f64 - 21.0) / 20.0;
    assert!(start.elapsed().as_secs_f64() > least, "{:?}", start.elapsed());
}

#[test]
fn a_limit_of_requests_stops_the_run_cleanly_and_the_next_one_goes_on() {
    let (world, server) = (World::new(), good_server());
    let limited = with_setting(&server, "max_requests: 17");
    let error = world.run(&limited).unwrap_err();
    let message = text(&error);
    assert!(!error.retry_later && message.contains("`max_requests: 17`"), "{message}");
    assert!(message.contains(&format!("{} questions left", N_QUESTIONS - 17)), "{message}");
    assert_eq!((server.n_seen(), world.n_stored()), (17, 17), "what was sent is kept");
    assert!(Tables::new(world.storage()).open::<Answer>().unwrap().is_none(), "no table of half the answers");
    world.run(&limited).unwrap_err();
    let counts = world.run(&limited).unwrap();
    assert_eq!((counts["reused"], counts["ok"] as usize, server.n_seen()), (34, N_QUESTIONS, N_QUESTIONS));
}

#[test]
fn answers_that_are_under_way_when_a_run_fails_are_waited_for_and_kept() {
    let world = World::new();
    let server = TestServer::start(|seen, _| Deed::Late(Duration::from_millis(300), Box::new(vlm(seen))));
    // The pictures after the first are not what they were: the run fails while its questions are under way.
    (1..N_IMAGES).for_each(|at| std::fs::write(world.image_root().join(format!("{at}.png")), picture(99)).unwrap());
    let message = text(&world.run(&asking(&server)).unwrap_err());
    assert!(message.contains(".png"), "{message}");
    assert!(server.n_seen() > 0);
    assert_eq!(world.n_stored(), server.n_seen(), "all that was asked is paid for");
}

#[test]
fn all_requests_of_a_question_have_one_deadline_together() {
    let world = World::new();
    let server = TestServer::start(|seen, _| {
        if seen.body["logprobs"] == true {
            return Deed::status(400, "", "{\"error\":{\"message\":\"logprobs are not supported\"}}");
        }
        let answer = "{\"choices\":[{\"message\":{\"content\":\"Yes\"}}]}";
        Deed::Late(Duration::from_millis(400), Box::new(Deed::ok(answer)))
    });
    let sampled = |deadline: f64| {
        let more =
            format!("  deadline_seconds: {deadline}\n  sample: {{ n: 3, temperature: 1, seed: 0, max_tokens: 2 }}\n");
        let yaml = endpoint_yaml("bright", &server.base_url(), &more);
        stage(&yaml.replace("alignment: true", "alignment: false").replace("readout: top_logprobs", "readout: sample"))
    };
    // Three requests of .4 s each, one after the other: within 1 s two of them.
    let start = Instant::now();
    match world.run(&sampled(1.0)) {
        Err(error) => assert!(error.retry_later, "{}", text(&error)),
        Ok(counts) => assert_eq!(counts["error"] as usize, N_IMAGES),
    }
    let kept = world.kept();
    assert!(!kept.is_empty() && kept.iter().all(|answer| answer.status == AnswerStatus::Error), "{kept:?}");
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(world.run(&sampled(60.0)).unwrap()["ok"] as usize, N_IMAGES);
}

/// The answer of the test world's VLM with a bill.
fn billed(seen: &Seen, prompt_tokens: u64) -> Deed {
    let Deed::Answer(status, headers, body) = vlm(seen) else { return Deed::status(404, "", "") };
    let mut body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    body["usage"] = json!({
        "prompt_tokens": prompt_tokens, "completion_tokens": 1, "prompt_tokens_details": { "cached_tokens": 60 },
    });
    Deed::Answer(status, headers, body.to_string().into_bytes())
}

#[test]
fn a_run_counts_what_it_spent_and_stops_before_it_spends_more_than_it_may() {
    let (world, server) = (World::new(), TestServer::start(|seen, _| billed(seen, 100)));
    let prices = "image_tokens: 90, prices: { input_per_million_tokens: 1000000, currency: EUR }";
    let limited = |max_cost: &str| with_endpoints(&[entry(&server, &format!(", {prices}{max_cost}"))]);
    let tables = Tables::new(world.storage());
    // Eight tokens for the chat's form, 90 for the image, and a token for each four bytes of some 18.
    let planned = limited("").estimate(&tables).unwrap();
    assert!(
        planned[1].contains("(`image_tokens`)")
            && planned[2].ends_with("EUR without retries, at the prices of the pipeline file")
    );
    let error = world.run(&limited(", max_cost: 1250")).unwrap_err();
    assert!(!error.retry_later && text(&error).contains("`max_cost: 1250`"), "{}", text(&error));
    assert!((11..=12).contains(&server.n_seen()), "{} at 100 each", server.n_seen());
    assert_eq!(world.n_stored(), server.n_seen());

    let n_left = N_QUESTIONS - server.n_seen();
    let planned = limited("").estimate(&tables).unwrap();
    assert!(
        planned[1].starts_with(&format!("about {},{:03} prompt tokens", n_left / 10, n_left % 10 * 100)),
        "{planned:?}"
    );
    assert_eq!(planned[2], format!("about {n_left}00.00 EUR without retries, at the prices of the pipeline file"));
    let counts = world.run(&limited(", max_cost: 100000")).unwrap();
    let n_left = n_left as u64;
    assert_eq!(
        (counts["requests"], counts["prompt_tokens"], counts["cached_tokens"]),
        (n_left, 100 * n_left, 60 * n_left)
    );
    assert_eq!((counts["completion_tokens"], counts["cost_in_millionths"]), (n_left, 100_000_000 * n_left));
    assert!(world.kept().iter().all(|row| row.prompt_tokens == Some(100) && row.cached_tokens == Some(60)));
}

#[test]
fn the_model_that_scores_can_be_chosen() {
    let (world, server) = (World::new(), good_server());
    let unlike = TestServer::start(|_, _| Deed::ok(crate::test_server::completion(-0.1, -5.0)));
    let endpoints = [entry(&server, ""), entry(&unlike, "").replace("model: m", "model: n")];
    let yaml = |score_model: &str| {
        let entries: String = endpoints.iter().map(|lines| format!("  - {{ {lines} }}\n")).collect();
        format!(
            "quality: {{ attributes: [bright], question: 'is the image {{attribute}}' }}\nalignment: false\n\
             missing_answer: null\nendpoints:\n{entries}score_model: {score_model}\n"
        )
    };
    world.run(&stage(&yaml("n"))).unwrap();
    assert!(world.scores().iter().all(|score| score.score > Some(0.99)));
    assert_ne!(stage(&yaml("n")).settings(), stage(&yaml("m")).settings());
    assert!(
        SynthFeedback::new(serde_yaml::from_str(&yaml("x")).unwrap()).unwrap_err().to_string().contains("score_model")
    );
}

#[test]
fn a_store_that_two_pipelines_name_answers_both_and_a_revision_is_another_model() {
    let (one, other, server) = (World::new(), World::new(), good_server());
    let shared = tempfile::tempdir().unwrap();
    let yaml = |revision: &str| {
        let endpoint = endpoint_yaml("bright, funny", &server.base_url(), &format!("  {revision}\n"));
        format!("store: {}\n{endpoint}", shared.path().display())
    };
    let plain = stage(&yaml(""));
    one.run(&plain).unwrap();
    let counts = other.run(&plain).unwrap();
    assert_eq!((counts["asked"], counts["reused"] as usize, server.n_seen()), (0, N_QUESTIONS, N_QUESTIONS));
    assert_eq!((one.answers(), one.scores()), (other.answers(), other.scores()));
    assert_eq!((one.n_stored(), other.n_stored()), (0, 0), "the shared store has them all");
    let counts = other.run(&stage(&yaml("model_revision: q4"))).unwrap();
    assert_eq!(counts["asked"] as usize, N_QUESTIONS);
}

#[test]
fn auto_finds_more_at_once_where_that_helps() {
    let world = World::new();
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(0)));
    let (n, peak) = (Arc::clone(&under_way), Arc::clone(&most));
    let server = TestServer::start(move |seen, _| {
        let at_once = n.fetch_add(1, Ordering::SeqCst) + 1;
        let mut peak = peak.lock().unwrap();
        *peak = at_once.max(*peak);
        drop(peak);
        std::thread::sleep(Duration::from_millis(30));
        n.fetch_sub(1, Ordering::SeqCst);
        vlm(seen)
    });
    let yaml = endpoint_yaml("a, b, c, d, e, f, g, h, i, j, k, l, bright", &server.base_url(), "");
    let counts = world.run(&stage(&yaml.replace("concurrency: 4", "concurrency: auto"))).unwrap();
    assert!(!counts.contains_key("error"), "{counts:?}");
    assert!(*most.lock().unwrap() > 16, "{} at once", most.lock().unwrap());
}

#[test]
fn a_picture_that_cannot_be_made_smaller_is_named() {
    let (world, server) = (World::new(), good_server());
    let error = world.run(&with_setting(&server, "image: { max_side: 32 }")).unwrap_err();
    let message = text(&error);
    assert!(message.contains("image `i00`") && message.contains("endpoint.image"), "{message}");
    assert_eq!(server.n_seen(), 0);
    let small = |yaml: &str| stage(yaml).settings()["models"].clone();
    let whole = endpoint_yaml("bright", "http://a/v1", "");
    assert_ne!(small(&whole), small(&format!("{whole}  image: {{ max_side: 32 }}\n")), "it is another question");
    assert_eq!(small(&whole), small(&format!("{whole}  image: {{}}\n")));
}

#[test]
fn a_key_that_the_server_repeats_is_in_no_answer_and_no_error() {
    // Any variable that is set will do for a key.
    let variable = "CARGO_MANIFEST_DIR";
    let key = std::env::var(variable).unwrap();
    let said = key.clone();
    let world = World::new();
    let server = TestServer::start(move |seen, n_before| match n_before % 5 {
        0 => Deed::status(400, "", &format!("{{\"error\":{{\"message\":\"wrong key {said}\"}}}}")),
        1 => Deed::status(500, "", &format!("<p>{said}</p>")),
        2 => Deed::ok(format!("{{\"choices\":\"{said}\"}}")),
        3 => Deed::status(307, &format!("location: http://elsewhere.example/{said}\r\n"), ""),
        _ => vlm(seen),
    });
    let keyed = with_setting(&server, &format!("api_key_env: {variable}"));
    let counts = world.run(&keyed).unwrap();
    assert!(counts["error"] > 0 && counts["ok"] > 0, "{counts:?}");
    assert!(server.seen().iter().all(|seen| seen.head.contains(&format!("Bearer {key}"))));
    let kept = world.kept();
    assert!(kept.iter().any(|answer| answer.reason.as_ref().is_some_and(|reason| reason.contains("[api key]"))));
    for shown in [format!("{kept:?}"), format!("{:?}", world.answers()), format!("{:?}", keyed.settings())] {
        assert!(!shown.contains(&key));
    }
    let denying = TestServer::start({
        let key = key.clone();
        move |_, _| Deed::status(401, "", &format!("no such key: {key}"))
    });
    let error = world.run(&with_setting(&denying, &format!("api_key_env: {variable}"))).unwrap_err();
    assert!(text(&error).contains("no such key: [api key]") && !text(&error).contains(&key), "{}", text(&error));
}
