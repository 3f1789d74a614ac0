//! The whole stage on a small world: tables in, a real server, imported files or people, tables out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use sha2::{Digest, Sha256};
use tables::{Answer, AttributeScore, Bucket, ImageFiles, ProgressStyle, ScoreSource, Split, Staging, VQ2};

use super::*;
use crate::question::tests::question;
use crate::reading::p_yes;
use crate::serve::free_port;
use crate::test_server::{Deed, Seen, TestServer, opinion, vlm};

/// A data root and an image root in a folder of their own.
struct World {
    folder: tempfile::TempDir,
}

const N_IMAGES: usize = 12;
/// Two quality questions for each image, three alignment questions for the images of even number.
const N_QUESTIONS: usize = N_IMAGES * 2 + N_IMAGES / 2 * 3;

fn picture(at: usize) -> Vec<u8> {
    format!("\u{89}PNG\r\n\u{1a}\n picture {at}").chars().map(|c| c as u8).collect()
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir_all(world.image_root()).unwrap();
        let images: Vec<Image> = (0..N_IMAGES).map(|at| world.image(at)).collect();
        // One bucket has two questions, and two questions share their text.
        let questions = [
            question("p0", "q1", "is there a dog?", Bucket::Noun),
            question("p0", "q2", "is there a cat?", Bucket::Noun),
            question("p0", "q3", "is the dog red?", Bucket::Adjective),
        ];
        let preferences = ["overall", "realism"].map(|aspect| Preference {
            image_id: "i00".into(),
            aspect: aspect.into(),
            mean_rating: 3.5,
            n_ratings: 9,
            std_rating: None,
            mean_seconds: None,
        });
        let mut ingest = Staging::new(world.storage(), StageName::Ingest);
        ingest.write(&images, &[]).unwrap();
        ingest.write(&preferences, &[]).unwrap();
        ingest.write(&questions, &[]).unwrap();
        ingest.commit("runs/ingest.json", "{}").unwrap();
        world
    }

    fn image(&self, at: usize) -> Image {
        let (path, bytes) = (format!("{at}.png"), picture(at));
        std::fs::write(self.image_root().join(&path), &bytes).unwrap();
        Image {
            image_id: format!("i{at:02}"),
            prompt_id: format!("p{}", at % 2),
            generator: None,
            path: Some(path),
            sha256: Some(hex::encode(Sha256::digest(&bytes))),
            width: Some(1),
            height: Some(1),
            bytes: Some(bytes.len() as i64),
            split: Split::Train,
        }
    }

    fn image_root(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    fn storage(&self) -> Storage {
        storage_of(self.folder.path())
    }

    fn run(&self, stage: &SynthFeedback) -> Result<Counts, StageError> {
        run_in(self.folder.path(), stage)
    }

    fn answers(&self) -> Vec<Answer> {
        Tables::new(self.storage()).read().unwrap()
    }

    fn scores(&self) -> Vec<AttributeScore> {
        Tables::new(self.storage()).read().unwrap()
    }

    fn kept(&self) -> Vec<crate::store::StoredAnswer> {
        AnswerStore::open(&self.storage(), None).unwrap().parts().rows().unwrap()
    }

    fn n_stored(&self) -> usize {
        self.kept().len()
    }

    /// Every answer is what the server thinks.
    fn check_answers(&self, answers: &[Answer]) {
        for answer in answers {
            let at: usize = answer.image_id[1..].parse().unwrap();
            let query = match answer.question_id.as_str() {
                "q1" => "is there a dog?".to_owned(),
                "q2" => "is there a cat?".to_owned(),
                "q3" => "is the dog red?".to_owned(),
                attribute => format!("is the image {attribute}"),
            };
            let (yes, no) = opinion(&picture(at), &query);
            assert_eq!(answer.status, AnswerStatus::Ok, "{answer:?}");
            assert!((answer.p_yes.unwrap() - p_yes(yes, no)).abs() < 1e-12, "{answer:?}");
        }
    }
}

fn storage_of(folder: &Path) -> Storage {
    Storage::open(&folder.join("data").as_path().into()).unwrap()
}

/// Runs and commits.
fn run_in(folder: &Path, stage: &SynthFeedback) -> Result<Counts, StageError> {
    let images = ImageFiles::open(&folder.join("images").as_path().into()).unwrap();
    let mut run = StageRun::new(storage_of(folder), StageName::SynthFeedback, images, ProgressStyle::Silent);
    let counts = stage.run(&mut run)?;
    run.into_staging().commit("runs/synth-feedback.json", "{}").unwrap();
    Ok(counts)
}

/// A stage whose retries are quick.
fn stage(yaml: &str) -> SynthFeedback {
    let mut stage = SynthFeedback::new(serde_yaml::from_str(yaml).unwrap()).unwrap();
    stage.first_backoff = Duration::from_millis(1);
    stage
}

fn endpoint_yaml(attributes: &str, base_url: &str, more: &str) -> String {
    format!(
        "quality: {{ attributes: [{attributes}], question: 'is the image {{attribute}}' }}\nalignment: true\n\
         missing_answer: null\nendpoint:\n  base_url: {base_url}\n  model: m\n  concurrency: 4\n  readout: top_logprobs\n  \
         timeout_seconds: 2\n  max_attempts: 3\n{more}"
    )
}

fn asking(server: &TestServer) -> SynthFeedback {
    stage(&endpoint_yaml("bright, funny", &server.base_url(), ""))
}

fn good_server() -> TestServer {
    TestServer::start(|seen, _| vlm(seen))
}

/// The whole chain of a failure.
fn text(error: &StageError) -> String {
    let mut text = error.source.to_string();
    let mut source = error.source.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

#[test]
fn every_question_is_answered_and_scored() {
    let (world, server) = (World::new(), good_server());
    let counts = world.run(&asking(&server)).unwrap();
    assert_eq!((counts["asked"], counts["reused"], counts["ok"]), (N_QUESTIONS as u64, 0, N_QUESTIONS as u64));
    assert_eq!((counts["images"], server.n_seen()), (12, N_QUESTIONS));
    let answers = world.answers();
    assert_eq!(answers.len(), N_QUESTIONS);
    world.check_answers(&answers);
    assert!(answers.iter().all(|a| a.attempts == 1 && a.seconds.is_some() && a.model == "m"));
    let key = |a: &Answer| (a.image_id.clone(), a.kind.as_str(), a.question_id.clone());
    assert!(answers.is_sorted_by_key(key));

    let scores = world.scores();
    assert_eq!(scores.len(), N_IMAGES * (2 + 5));
    assert!(scores.is_sorted_by_key(|score| (score.image_id.clone(), score.attribute.clone())));
    let p = |image_id: &str, question_id: &str| {
        answers.iter().find(|a| a.image_id == image_id && a.question_id == question_id).unwrap().p_yes.unwrap()
    };
    let score = |image_id: &str, attribute: &str| {
        scores.iter().find(|score| score.image_id == image_id && score.attribute == attribute).unwrap()
    };
    assert_eq!(score("i04", "bright").score, Some(p("i04", "bright")));
    assert_eq!(score("i04", "noun").score, Some((p("i04", "q1") + p("i04", "q2")) / 2.0));
    assert_eq!((score("i04", VQ2).n_questions, score("i04", VQ2).n_answered), (3, 3));
    assert_eq!((score("i04", "verb").score, score("i04", "verb").n_questions), (None, 0));
    assert_eq!((score("i05", VQ2).score, score("i05", VQ2).n_questions), (None, 0));
}

#[test]
fn what_is_asked_is_the_image_before_the_text() {
    let (world, server) = (World::new(), good_server());
    world.run(&asking(&server)).unwrap();
    let seen = server.seen().remove(0);
    let content = &seen.body["messages"][0]["content"];
    assert_eq!((content[0]["type"].as_str(), content[1]["type"].as_str()), (Some("image_url"), Some("text")));
    let expected =
        serde_json::json!({ "model": "m", "max_tokens": 1, "temperature": 0, "logprobs": true, "top_logprobs": 20 });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&seen.body[key], value, "{key}");
    }
    // The questions of one image come together.
    let urls: Vec<String> =
        server.seen().iter().map(|seen| seen.body["messages"][0]["content"][0].to_string()).collect();
    let changes = urls.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes < N_IMAGES * 3, "{changes}: with 4 under way only the seams mix");
}

#[test]
fn a_second_run_asks_nothing_and_writes_the_same() {
    let (world, server) = (World::new(), good_server());
    world.run(&asking(&server)).unwrap();
    let (answers, scores) = (world.answers(), world.scores());
    let counts = world.run(&asking(&server)).unwrap();
    assert_eq!((counts["asked"], counts["reused"], server.n_seen()), (0, N_QUESTIONS as u64, N_QUESTIONS));
    assert_eq!((world.answers(), world.scores()), (answers, scores));
    let estimate = asking(&server).estimate(&Tables::new(world.storage())).unwrap();
    assert_eq!(estimate, [format!("0 VLM calls to `m` about 0 pictures; {N_QUESTIONS} answers are in the store")]);
}

#[test]
fn a_new_attribute_and_another_model_ask_only_what_is_new() {
    let (world, server) = (World::new(), good_server());
    world.run(&asking(&server)).unwrap();
    let more = stage(&endpoint_yaml("bright, chaotic, funny", &server.base_url(), ""));
    let estimate = more.estimate(&Tables::new(world.storage())).unwrap();
    let calls =
        format!("{N_IMAGES} VLM calls to `m` about {N_IMAGES} pictures; {N_QUESTIONS} answers are in the store");
    assert_eq!(estimate[0], calls);
    assert!(estimate[1].starts_with("at least ") && estimate[1].contains("`image_tokens`"), "{}", estimate[1]);
    let counts = world.run(&more).unwrap();
    assert_eq!((counts["asked"], counts["reused"]), (N_IMAGES as u64, N_QUESTIONS as u64));
    assert!(server.seen()[N_QUESTIONS..].iter().all(|seen| seen.query() == "is the image chaotic"));
    let mut other = endpoint_yaml("bright", &server.base_url(), "");
    other = other.replace("model: m", "model: other").replace("alignment: true", "alignment: false");
    assert_eq!(world.run(&stage(&other)).unwrap()["asked"], N_IMAGES as u64);
}

#[test]
fn pictures_that_are_the_same_are_asked_about_once() {
    let (world, server) = (World::new(), good_server());
    let mut images: Vec<Image> = Tables::new(world.storage()).read().unwrap();
    let twin = Image { image_id: "i99".into(), ..images[4].clone() };
    images.push(twin);
    let mut ingest = Staging::new(world.storage(), StageName::Ingest);
    ingest.write(&images, &[]).unwrap();
    ingest.commit("runs/ingest.json", "{}").unwrap();
    let counts = world.run(&asking(&server)).unwrap();
    assert_eq!((counts["asked"], counts["ok"]), (N_QUESTIONS as u64, N_QUESTIONS as u64 + 5));
    let of = |image_id: &str| -> Vec<Option<f64>> {
        world.answers().iter().filter(|a| a.image_id == image_id).map(|a| a.p_yes).collect()
    };
    assert_eq!(of("i99"), of("i04"));
}

#[test]
fn an_endpoint_that_goes_down_keeps_what_was_answered_and_a_rerun_asks_the_rest() {
    let world = World::new();
    let (up, n_good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (is_up, n) = (Arc::clone(&up), Arc::clone(&n_good));
    let server = TestServer::start(move |seen, n_before| {
        if n_before < 15 || is_up.load(Ordering::SeqCst) {
            n.fetch_add(1, Ordering::SeqCst);
            vlm(seen)
        } else {
            Deed::status(503, "", "{\"error\":{\"message\":\"loading model\"}}")
        }
    });
    let error = world.run(&asking(&server)).unwrap_err();
    assert!(error.retry_later, "exit code 75");
    let message = text(&error);
    assert!(
        message.contains("503") && message.contains("loading model") && message.contains(&server.base_url()),
        "{message}"
    );
    assert!(Tables::new(world.storage()).open::<Answer>().unwrap().is_none(), "no table of half the answers");
    assert!(world.n_stored() >= 15);
    up.store(true, Ordering::SeqCst);
    let counts = world.run(&asking(&server)).unwrap();
    assert_eq!((counts["asked"], counts["reused"]), (N_QUESTIONS as u64 - 15, 15));
    assert_eq!(n_good.load(Ordering::SeqCst), N_QUESTIONS, "no answer was asked for twice");
    world.check_answers(&world.answers());
}

#[test]
fn an_endpoint_that_is_not_there_is_worth_retrying() {
    let world = World::new();
    let port = free_port().unwrap();
    let start = Instant::now();
    let error = world.run(&stage(&endpoint_yaml("bright", &format!("http://127.0.0.1:{port}/v1"), ""))).unwrap_err();
    assert!(error.retry_later && text(&error).contains("no connection"), "{}", text(&error));
    assert!(start.elapsed() < Duration::from_secs(3));
}

#[test]
fn faults_of_every_kind_change_no_answer() {
    let world = World::new();
    let turn = AtomicUsize::new(0);
    let server = TestServer::start(move |seen, _| {
        let whole = match vlm(seen) {
            Deed::Answer(_, _, body) => body,
            other => return other,
        };
        match turn.fetch_add(1, Ordering::SeqCst) % 14 {
            0 => Deed::status(429, "", ""),
            2 => Deed::status(500, "", "oops"),
            4 => Deed::ok(whole[..whole.len() / 2].to_vec()),
            6 => Deed::ok("<html>maintenance</html>"),
            8 => Deed::raw(""),
            10 => Deed::ok("{\"choices\":[{\"logprobs\":{\"content\":[{\"token\":1,\"logprob\":0}]}}]}"),
            12 => Deed::status(503, "retry-after: 0.05\r\n", ""),
            _ => Deed::ok(whole),
        }
    });
    let mut yaml = endpoint_yaml("bright, funny", &server.base_url(), "");
    yaml = yaml.replace("max_attempts: 3", "max_attempts: 30");
    let counts = world.run(&stage(&yaml)).unwrap();
    assert_eq!(counts["ok"], N_QUESTIONS as u64);
    world.check_answers(&world.answers());
    let attempts: i64 = world.answers().iter().map(|answer| answer.attempts).sum();
    assert!(server.n_seen() >= attempts as usize && attempts as usize > N_QUESTIONS);
}

#[test]
fn a_question_without_an_answer_is_an_error_that_the_next_run_asks_again() {
    let world = World::new();
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let server = TestServer::start(move |seen, _| {
        if seen.query().contains("cat") && is_broken.load(Ordering::SeqCst) {
            return Deed::status(400, "", "{\"error\":{\"message\":\"no cats\"}}");
        }
        if seen.query().contains("red") {
            let refusal = "{\"choices\":[{\"message\":{\"refusal\":\"I will not say\"}}]}";
            return Deed::ok(refusal);
        }
        vlm(seen)
    });
    let counts = world.run(&asking(&server)).unwrap();
    assert_eq!((counts["error"], counts["refused"], counts["ok"]), (6, 6, 30));
    let unfinished = |counts: &Counts| {
        let counts = counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        asking(&server).unfinished(&counts)
    };
    assert_eq!(unfinished(&counts).as_deref(), Some("6 questions ended in an error and are asked again"));
    let answers = world.answers();
    let cat = answers.iter().find(|a| a.question_id == "q2").unwrap();
    assert_eq!((cat.status, cat.p_yes, cat.attempts), (AnswerStatus::Error, None, 1));
    let score = world.scores().into_iter().find(|s| s.image_id == "i00" && s.attribute == VQ2).unwrap();
    assert_eq!((score.n_questions, score.n_answered), (3, 1));
    let stored = world.kept();
    assert!(stored.iter().any(|row| row.reason.as_deref() == Some("status 400: no cats")));
    broken.store(false, Ordering::SeqCst);
    let counts = world.run(&asking(&server)).unwrap();
    assert_eq!((counts["asked"], counts["ok"], counts["refused"]), (6, 36, 6), "a refusal is an answer");
    assert_eq!(unfinished(&counts), None);
}

#[test]
fn an_endpoint_without_logprobs_is_a_failure_that_says_so() {
    let server =
        TestServer::start(|_, _| Deed::ok("{\"choices\":[{\"message\":{\"content\":\"Yes\"},\"logprobs\":null}]}"));
    let error = World::new().run(&asking(&server)).unwrap_err();
    assert!(!error.retry_later && text(&error).contains("log-probabilities"), "{}", text(&error));
}

#[test]
fn a_wrong_key_stops_at_once_without_showing_it() {
    // The variable is there in every test run, and its value is long and rare enough to be looked for.
    let (variable, secret) = ("CARGO_MANIFEST_DIR", env!("CARGO_MANIFEST_DIR"));
    let server = TestServer::start(move |_, _| Deed::status(401, "", &format!("{{\"error\":\"bad key {secret}\"}}")));
    let world = World::new();
    let more = format!("  api_key_env: {variable}\n");
    let stage = stage(&endpoint_yaml("bright", &server.base_url(), &more));
    let error = world.run(&stage).unwrap_err();
    let message = text(&error);
    assert!(!error.retry_later && message.contains("401") && message.contains("api_key_env"), "{message}");
    assert!(message.contains(&server.base_url()) && server.n_seen() <= 8, "{message}");
    assert!(server.seen()[0].head.contains(&format!("authorization: Bearer {secret}")));
    assert!(!format!("{message} {error:?} {stage:?} {}", stage.settings()).contains(secret));
    let unset = endpoint_yaml("bright", &server.base_url(), "  api_key_env: FINEGRAIN_UNSET\n");
    let error = world.run(&self::stage(&unset)).unwrap_err();
    assert!(text(&error).contains("`FINEGRAIN_UNSET` is not set"));
}

#[test]
fn an_image_that_changed_or_went_is_named_with_what_to_do() {
    let (world, server) = (World::new(), good_server());
    for content in [picture(99), b"\x89PNG\r\n\x1a\n picture 30".to_vec()] {
        std::fs::write(world.image_root().join("3.png"), content).unwrap();
        let message = text(&world.run(&asking(&server)).unwrap_err());
        assert!(
            message.contains("`i03`") && message.contains("`3.png`") && message.contains("rerun `ingest`"),
            "{message}"
        );
    }
    std::fs::remove_file(world.image_root().join("3.png")).unwrap();
    let message = text(&world.run(&asking(&server)).unwrap_err());
    assert!(message.contains("`i03`") && message.contains("is not there"), "{message}");
}

#[test]
fn images_without_pixels_cannot_be_asked_of_an_endpoint() {
    let (world, server) = (World::new(), good_server());
    let mut images: Vec<Image> = Tables::new(world.storage()).read().unwrap();
    for image in &mut images[3..] {
        (image.path, image.sha256, image.width, image.height, image.bytes) = (None, None, None, None, None);
    }
    let mut ingest = Staging::new(world.storage(), StageName::Ingest);
    ingest.write(&images, &[]).unwrap();
    ingest.commit("runs/ingest.json", "{}").unwrap();
    let message = text(&world.run(&asking(&server)).unwrap_err());
    assert!(message.contains("9 images") && message.contains("`i03`") && message.contains("`import`"), "{message}");
    assert_eq!(server.n_seen(), 0);
}

#[test]
fn imported_answers_and_people_need_no_endpoint() {
    let world = World::new();
    let file = world.folder.path().join("answers.csv");
    std::fs::write(&file, "img,q,said\ni00,q1,yes\ni00,q2,No\ni00,q3,\ni02,q1,no\n").unwrap();
    let yaml = |missing: &str| {
        format!(
            "alignment: true\nmissing_answer: {missing}\nhuman: [realism]\nimport:\n  sources: {{ raw: {} }}\n  \
             model: pali\n  answers: SELECT img AS image_id, q AS question_id, said AS answer FROM raw\n",
            file.display()
        )
    };
    let counts = world.run(&stage(&yaml("null"))).unwrap();
    assert_eq!((counts["imported"], counts["ok"], counts["refused"]), (4, 3, 1));
    let scores = world.scores();
    let find = |image_id: &str, attribute: &str| {
        let score = scores.iter().find(|s| s.image_id == image_id && s.attribute == attribute).unwrap();
        (score.source, score.score, score.n_questions, score.n_answered)
    };
    assert_eq!(find("i00", "noun"), (ScoreSource::Import, Some(0.5), 2, 2));
    assert_eq!(find("i00", VQ2), (ScoreSource::Import, Some(0.5), 3, 2));
    assert_eq!(find("i02", VQ2), (ScoreSource::Import, Some(0.0), 1, 1));
    assert_eq!(find("i04", VQ2), (ScoreSource::Import, None, 0, 0), "nobody asked");
    assert_eq!(find("i00", "realism"), (ScoreSource::Human, Some(3.5), 9, 9));
    assert!(world.answers().iter().all(|a| a.model == "pali" && a.attempts == 0 && a.seconds.is_none()));
    world.run(&stage(&yaml("no"))).unwrap();
    let vq2 = world.scores().into_iter().find(|s| s.image_id == "i00" && s.attribute == VQ2).unwrap();
    assert_eq!((vq2.score, vq2.n_answered), (Some(1.0 / 3.0), 2));
    let scores = world.scores();
    let vq2 = |image_id: &str| scores.iter().find(|s| s.image_id == image_id && s.attribute == VQ2).unwrap().score;
    assert_eq!((vq2("i02"), vq2("i04")), (Some(0.0), None), "what was not asked is not a no");

    std::fs::write(&file, "img,q,said\ni00,q1,yes\ni00,q2,perhaps\n").unwrap();
    let counts = world.run(&stage(&yaml("null"))).unwrap();
    assert_eq!((counts["ok"], counts["no_yes_no_token"]), (1, 1));
    let answers = world.answers();
    let perhaps = answers.iter().find(|answer| answer.question_id == "q2").unwrap();
    assert_eq!((perhaps.status, perhaps.p_yes), (AnswerStatus::NoYesNoToken, None));
}

#[test]
fn an_endpoint_and_an_import_stand_side_by_side() {
    let (world, server) = (World::new(), good_server());
    let file = world.folder.path().join("answers.jsonl");
    std::fs::write(&file, "{\"image_id\":\"i00\",\"question_id\":\"q1\",\"p_yes\":0.25}\n").unwrap();
    let import =
        format!("import:\n  sources: {{ raw: {} }}\n  model: pali\n  answers: SELECT * FROM raw\n", file.display());
    world.run(&stage(&endpoint_yaml("bright", &server.base_url(), &import))).unwrap();
    let sources = |attribute: &str| -> Vec<ScoreSource> {
        world.scores().iter().filter(|s| s.image_id == "i00" && s.attribute == attribute).map(|s| s.source).collect()
    };
    assert_eq!(sources("noun"), [ScoreSource::Import, ScoreSource::Vlm]);
    assert_eq!(sources("bright"), [ScoreSource::Vlm]);
}

#[test]
fn only_what_changes_a_result_is_in_the_settings() {
    let settings = |yaml: &str| stage(yaml).settings();
    let whole = endpoint_yaml("bright", "http://a/v1", "");
    for (from, to) in [
        ("http://a/v1", "https://b/v1"),
        ("concurrency: 4", "concurrency: 9"),
        ("seconds: 2", "seconds: 9"),
        ("attempts: 3", "attempts: 9"),
    ] {
        assert_eq!(settings(&whole.replace(from, to)), settings(&whole), "{to}");
    }
    for (from, to) in [
        ("model: m", "model: n"),
        ("bright", "funny"),
        ("is the image", "is this image"),
        ("missing_answer: null", "missing_answer: no"),
        ("alignment: true", "alignment: false"),
    ] {
        assert_ne!(settings(&whole.replace(from, to)), settings(&whole), "{to}");
    }
    assert_eq!(stage(&whole).reads(), ["images", "questions"]);
    assert_eq!(stage("alignment: false\nhuman: [a]\nmissing_answer: null").reads(), ["images", "preferences"]);
}

#[test]
fn a_served_endpoint_is_started_asked_and_gone() {
    let world = World::new();
    let serve = "  serve: [finegrain, --ignored, --exact, 'stage::tests::child_that_serves', '{port}']\n";
    let yaml = endpoint_yaml("bright, funny", "http://127.0.0.1:{port}/v1", serve);
    let counts = world.run(&stage(&yaml)).unwrap();
    assert_eq!(counts["ok"], N_QUESTIONS as u64);
    world.check_answers(&world.answers());
    // A server that cannot start is not missed when there is nothing to ask.
    let counts = world.run(&stage(&yaml.replace("[finegrain, --ignored", "[/no/such/program"))).unwrap();
    assert_eq!((counts["asked"], counts["reused"]), (0, N_QUESTIONS as u64));
}

#[test]
#[ignore = "started by another test as a program of its own"]
fn child_that_serves() {
    let Some(port) = std::env::args().next_back().and_then(|port| port.parse().ok()) else { return };
    let _server = TestServer::start_at(port, |seen, _| vlm(seen));
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_served_endpoint_that_fails_to_start_says_why() {
    let serve = "  serve: [sh, -c, 'echo no such weights >&2; exit 4']\n";
    let error = World::new().run(&stage(&endpoint_yaml("bright", "http://127.0.0.1:{port}/v1", serve))).unwrap_err();
    let message = text(&error);
    assert!(message.contains("no such weights") && message.contains("exit status: 4"), "{message}");
}

const FOLDER: &str = "FINEGRAIN_TEST_FOLDER";
const BASE_URL: &str = "FINEGRAIN_TEST_BASE_URL";

/// Starts this program again, to run the stage on a world until a signal ends it.
fn start_child(world: &World, base_url: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "stage::tests::child_that_runs_the_stage", "--nocapture"])
        .env(FOLDER, world.folder.path())
        .env(BASE_URL, base_url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "started by another test as a program of its own"]
fn child_that_runs_the_stage() {
    let (Ok(folder), Ok(base_url)) = (std::env::var(FOLDER), std::env::var(BASE_URL)) else { return };
    let error = run_in(Path::new(&folder), &stage(&endpoint_yaml("bright, funny", &base_url, ""))).unwrap_err();
    println!("retry_later {}: {}", error.retry_later, text(&error));
}

/// A server that answers at once, and from some moment on only after a while.
fn slowing_server(n_quick: usize, late: Duration) -> TestServer {
    TestServer::start(
        move |seen, n_before| if n_before < n_quick { vlm(seen) } else { Deed::Late(late, Box::new(vlm(seen))) },
    )
}

fn wait_for(server: &TestServer, n_seen: usize) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while server.n_seen() < n_seen {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_keeps_what_is_under_way_and_asks_nothing_more() {
    let world = World::new();
    let server = slowing_server(20, Duration::from_millis(700));
    let child = start_child(&world, &server.base_url());
    wait_for(&server, 24);
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("retry_later true: interrupted"), "{said}");
    let n_seen = server.n_seen();
    assert_eq!(world.n_stored(), n_seen, "those under way are finished and kept");
    assert!(n_seen < N_QUESTIONS);
    let counts = world.run(&asking(&good_server())).unwrap();
    assert_eq!(counts["asked"] as usize, N_QUESTIONS - n_seen);
}

#[test]
fn a_killed_run_loses_only_what_is_under_way() {
    let world = World::new();
    let server = slowing_server(20, Duration::from_secs(60));
    let mut child = start_child(&world, &server.base_url());
    // With four under way, the 24th question comes when 20 are answered and kept.
    wait_for(&server, 24);
    child.kill().unwrap();
    child.wait().unwrap();
    let again = good_server();
    let counts = world.run(&asking(&again)).unwrap();
    assert_eq!((counts["asked"], counts["reused"]), (N_QUESTIONS as u64 - 20, 20));
    world.check_answers(&world.answers());
    let queries: Vec<(String, String)> = again.seen().iter().map(key_of).collect();
    let answered_before: Vec<_> = server.seen()[..20].iter().map(key_of).collect();
    assert!(queries.iter().all(|query| !answered_before.contains(query)));
}

fn key_of(seen: &Seen) -> (String, String) {
    (seen.body["messages"][0]["content"][0].to_string(), seen.query().to_owned())
}

/// A server that counts questions about its test picture apart from those of the run.
fn probing_server() -> TestServer {
    TestServer::start(|seen, _| match seen.path.as_str() {
        "/v1/models" => Deed::ok("{\"data\":[{\"id\":\"m\",\"owned_by\":\"system\"}]}"),
        _ => vlm(seen),
    })
}

fn n_of_run(server: &TestServer) -> usize {
    let test_picture = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, crate::probe::TEST_PICTURE);
    let asked = server.seen().into_iter().filter(|seen| seen.path == "/v1/chat/completions");
    asked.filter(|seen| !seen.body.to_string().contains(&test_picture)).count()
}

#[test]
fn an_endpoint_is_probed_once_and_its_readout_is_kept_by_url_and_model() {
    let (world, server) = (World::new(), probing_server());
    let auto = endpoint_yaml("bright", &server.base_url(), "").replace("readout: top_logprobs", "readout: auto");
    let estimate = stage(&auto).estimate(&Tables::new(world.storage())).unwrap();
    assert!(estimate.last().unwrap().contains("not been probed"), "{estimate:?}");
    assert_eq!(server.n_seen(), 0, "a plan asks nothing");
    world.run(&stage(&auto)).unwrap();
    world.check_answers(&world.answers());
    let (n_all, n_run) = (server.n_seen(), n_of_run(&server));
    assert_eq!(n_run, N_IMAGES + N_IMAGES / 2 * 3);
    assert_eq!(n_all - n_run, 3, "models, tokenizer, one question");
    world.run(&stage(&auto.replace("[bright]", "[bright, funny]"))).unwrap();
    assert_eq!(server.n_seen(), n_all + N_IMAGES, "no second probe");
    let estimate = stage(&auto).estimate(&Tables::new(world.storage())).unwrap();
    assert!(estimate.iter().all(|line| !line.contains("probed")), "{estimate:?}");
    world.run(&stage(&auto.replace("model: m", "model: n"))).unwrap();
    assert!(server.n_seen() > n_all + N_IMAGES + N_QUESTIONS - N_IMAGES + 1, "another model is probed");
}

#[test]
fn an_endpoint_that_changes_its_shape_later_is_an_error_and_never_a_vote() {
    let world = World::new();
    let changed = Arc::new(AtomicBool::new(false));
    let is_changed = Arc::clone(&changed);
    let server = TestServer::start(move |seen, _| {
        if is_changed.load(Ordering::SeqCst) {
            return Deed::ok("{\"choices\":[{\"message\":{\"content\":\"Yes\"},\"logprobs\":null}]}");
        }
        vlm(seen)
    });
    let auto =
        endpoint_yaml("bright", &server.base_url(), "  sample: { n: 2, temperature: 1, seed: 0, max_tokens: 8 }\n");
    let auto = auto.replace("readout: top_logprobs", "readout: auto");
    world.run(&stage(&auto)).unwrap();
    changed.store(true, Ordering::SeqCst);
    let counts = world.run(&stage(&auto.replace("[bright]", "[bright, funny]"))).unwrap();
    assert_eq!((counts["error"], counts["asked"]), (N_IMAGES as u64, N_IMAGES as u64));
    assert!(world.answers().iter().all(|answer| answer.readout == tables::AnswerReadout::TopLogprobs));
    let stored = world.kept();
    assert!(stored.iter().any(|row| row.reason.as_deref().is_some_and(|reason| reason.contains("log-probabilities"))));
}

#[test]
fn sampled_answers_are_votes_over_as_many_requests_as_it_takes() {
    let world = World::new();
    let server = TestServer::start(|seen, _| {
        if seen.body["logprobs"] == true || seen.body["n"].as_u64().is_some_and(|n| n > 2) {
            return Deed::status(400, "", "{\"error\":{\"message\":\"not that\"}}");
        }
        let text = if seen.body["seed"].as_u64().unwrap() < 7 { "Yes" } else { "No." };
        Deed::ok(serde_json::json!({ "choices": [{ "message": { "content": text } }] }).to_string())
    });
    let sample = "  sample: { n: 4, temperature: 1, seed: 5, max_tokens: 8 }\n";
    let yaml = endpoint_yaml("bright", &server.base_url(), sample).replace("readout: top_logprobs", "readout: auto");
    world.run(&stage(&yaml)).unwrap();
    for answer in world.answers() {
        assert_eq!((answer.p_yes, answer.attempts), (Some(0.5), 4), "seeds 5 and 6 say yes, 7 and 8 no: {answer:?}");
        assert_eq!((answer.readout, answer.label_mass), (tables::AnswerReadout::Sample, Some(1.0)));
    }
    let more = yaml.replace("[bright]", "[bright, funny]");
    let estimate = stage(&more).estimate(&Tables::new(world.storage())).unwrap();
    assert!(estimate[0].starts_with(&format!("{} VLM calls", 4 * N_IMAGES)), "{estimate:?}");
}

#[test]
fn vqascore_is_p_of_yes_alone_of_a_question_with_the_whole_prompt() {
    let (world, server) = (World::new(), good_server());
    let prompts = ["p0", "p1"].map(|prompt_id| Prompt {
        prompt_id: prompt_id.into(),
        prompt: format!("a picture of {prompt_id}"),
        category: None,
        challenge: None,
        split: Split::Train,
    });
    let mut ingest = Staging::new(world.storage(), StageName::Ingest);
    ingest.write(&prompts, &[]).unwrap();
    ingest.commit("runs/ingest.json", "{}").unwrap();
    let vqascore = "vqascore: { attribute: vqascore, question: 'Does this figure show \"{prompt}\"? Please answer yes or no.' }\n\
                    instruction: Answer now.\n";
    let asking = stage(&endpoint_yaml("bright", &server.base_url(), vqascore));
    assert!(asking.reads().contains(&"prompts"));
    world.run(&asking).unwrap();
    let answers = world.answers();
    let answer = answers.iter().find(|a| a.image_id == "i03" && a.question_id == "vqascore").unwrap();
    let (yes, _) = opinion(&picture(3), "Does this figure show \"a picture of p1\"? Please answer yes or no.");
    assert!((answer.p_yes.unwrap() - yes.exp()).abs() < 1e-12, "{answer:?}");
    let score = world.scores().into_iter().find(|s| s.image_id == "i03" && s.attribute == "vqascore").unwrap();
    assert_eq!((score.score, score.n_questions), (answer.p_yes, 1));
    let (yes, no) = opinion(&picture(3), "is the image bright? Answer now.");
    let bright = answers.iter().find(|a| a.image_id == "i03" && a.question_id == "bright").unwrap();
    assert!((bright.p_yes.unwrap() - p_yes(yes, no)).abs() < 1e-12, "the instruction follows: {bright:?}");
}

mod flow;
