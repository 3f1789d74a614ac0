//! Writes a data root of any size, to measure how much memory a run takes: tables, tiny pictures, and if wanted all answers.
//!
//! ```sh
//! million_questions <folder> <images> <questions an image> [answered]
//! finegrain run synth-feedback --config <folder>/pipeline.yaml
//! ```
//!
//! Four images a prompt; eight questions of each image are about quality, the rest about its prompt. The pipeline file asks
//! `http://127.0.0.1:8642/v1`, such as the example `stub_vlm`.

use std::path::Path;

use sha2::{Digest, Sha256};
use synth_feedback::store::{AnswerStore, StoredAnswer};
use tables::{
    AnswerStatus, Bucket, Image, NewPart, Question, QuestionSource, Split, StageName, Staging, Storage, new_name,
};

const QUALITY: [&str; 8] =
    ["distorted", "photorealistic", "bright", "captivating", "chaotic", "compelling", "disturbing", "funny"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, n_images, n_questions, rest @ ..] = &arguments[..] else {
        return Err("million_questions <folder> <images> <questions an image> [answered]".into());
    };
    let (folder, n_images, n_questions) = (Path::new(folder), n_images.parse()?, n_questions.parse()?);
    std::fs::create_dir_all(folder.join("images"))?;
    let storage = Storage::open(&folder.join("run").as_path().into())?;
    let images = images(folder, n_images)?;
    let questions = questions(n_images.div_ceil(4), usize::saturating_sub(n_questions, QUALITY.len()));
    let mut staging = Staging::new(storage.clone(), StageName::Ingest);
    staging.write(&images, &[])?;
    staging.write(&questions, &[])?;
    staging.commit("runs/ingest.json", "{}")?;
    std::fs::write(folder.join("pipeline.yaml"), pipeline(folder, n_questions))?;
    if rest.first().is_some_and(|word| word == "answered") {
        answer_all(&storage, &images, &questions, n_questions)?;
    }
    Ok(())
}

fn images(folder: &Path, n: usize) -> std::io::Result<Vec<Image>> {
    let image = |at: usize| {
        let (path, bytes) = (format!("{at:07}.png"), [b"\x89PNG\r\n\x1a\n", &at.to_le_bytes()[..]].concat());
        std::fs::write(folder.join("images").join(&path), &bytes)?;
        Ok(Image {
            image_id: format!("i{at:07}"),
            prompt_id: format!("p{:07}", at / 4),
            generator: None,
            path: Some(path),
            sha256: Some(hex::encode(Sha256::digest(&bytes))),
            width: Some(1),
            height: Some(1),
            bytes: Some(bytes.len() as i64),
            split: Split::Train,
        })
    };
    (0..n).map(image).collect()
}

fn questions(n_prompts: usize, of_each: usize) -> Vec<Question> {
    let question = |prompt: usize, at: usize| Question {
        prompt_id: format!("p{prompt:07}"),
        question_id: format!("q{at}"),
        question: format!("is there a thing number {at} of prompt {prompt}?"),
        answer: "yes".into(),
        query: format!("is there a thing number {at} of prompt {prompt}?"),
        bucket: Bucket::Noun,
        span_start: None,
        span_end: None,
        source: QuestionSource::Template,
        depends_on: Vec::new(),
    };
    (0..n_prompts).flat_map(|prompt| (0..of_each).map(move |at| question(prompt, at))).collect()
}

fn pipeline(folder: &Path, n_questions: usize) -> String {
    let attributes = QUALITY[..QUALITY.len().min(n_questions)].join(", ");
    format!(
        "data_root: {0}/run\nimage_root: {0}/images\nsynth-feedback:\n  quality: {{ attributes: [{attributes}], question: \
         'is the image {{attribute}}' }}\n  alignment: {1}\n  missing_answer: null\n  endpoint: {{ base_url: \
         http://127.0.0.1:8642/v1, model: m, concurrency: 64, timeout_seconds: 60, max_attempts: 6, readout: top_logprobs }}\n",
        folder.display(),
        n_questions > QUALITY.len()
    )
}

/// Fills the store, as a run that has ended would leave it.
fn answer_all(
    storage: &Storage,
    images: &[Image],
    questions: &[Question],
    n_questions: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let (store, mut part) = (AnswerStore::open(storage, None)?, NewPart::default());
    let parts = store.parts();
    let of_prompt = n_questions.saturating_sub(QUALITY.len());
    let mut rows = Vec::new();
    for (at, image) in images.iter().enumerate() {
        let quality = QUALITY.iter().take(n_questions).map(|attribute| format!("is the image {attribute}"));
        let first = at / 4 * of_prompt;
        let alignment = questions[first..first + of_prompt].iter().map(|question| question.query.clone());
        rows.extend(quality.chain(alignment).map(|query| answer(image.sha256.clone().unwrap_or_default(), query)));
        if rows.len() >= 8_192 {
            part.append(&parts, &std::mem::take(&mut rows))?;
        }
    }
    part.append(&parts, &rows)?;
    Ok(part.finish(&parts, &new_name())?)
}

fn answer(sha256: String, query: String) -> StoredAnswer {
    let other = (0..19).map(|at| format!(",[\"token{at}\",-{}.125]", at + 4)).collect::<String>();
    StoredAnswer {
        sha256,
        query,
        model: "m".into(),
        revision: None,
        readout: "top_logprobs/1".into(),
        template: "image-text/1".into(),
        image_form: "original".into(),
        status: AnswerStatus::Ok,
        p_yes: Some(0.75),
        logit_yes: Some(-0.5),
        logit_no: Some(-1.598_612_288_668_11),
        label_mass: Some(0.808),
        reason: None,
        raw: Some(format!("[[\"Yes\",-0.5],[\"No\",-1.59861228866811]{other}]")),
        attempts: 1,
        seconds: 0.01,
        prompt_tokens: Some(300),
        cached_tokens: Some(0),
        completion_tokens: Some(1),
        answered_at: 1_795_000_000_000,
    }
}
