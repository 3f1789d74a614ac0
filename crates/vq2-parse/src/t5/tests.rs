//! Both models together, on the prompts that they were taught.

use std::path::Path;

use tables::{Bucket, Location, Split};
use torch_device::DeviceSetting;

use super::testing::{copied, fixture};
use super::*;
use crate::settings::{CandidateKind, QuestionAnsweringSettings};

const SAMPLE: Decoding = Decoding::Sample { top_k: 30, top_p: 0.95, temperature: 1.5, n: 4, seed: 7 };
const GREEDY: Decoding = Decoding::Greedy { no_repeat_ngram_size: 0 };

fn settings(decoding: Decoding, filter: Filter) -> T5Settings {
    T5Settings {
        device: DeviceSetting::Cpu,
        batch_size: 8,
        candidates: vec![CandidateKind::Entities, CandidateKind::NounChunks],
        question_generation: Location::from(fixture("t5-relu").as_path()),
        max_input_tokens: 512,
        max_new_tokens: 24,
        decoding,
        filter,
    }
}

fn answering(folder: &Path, no_answer: bool) -> QuestionAnsweringSettings {
    let folder = Location::from(folder);
    QuestionAnsweringSettings { folder, max_tokens: 64, stride: 16, max_answer_tokens: 15, no_answer }
}

fn f1(threshold: f64) -> Filter {
    Filter::TokenF1 { threshold, question_answering: answering(&fixture("bert-uncased"), true) }
}

fn prompts(texts: &[&str]) -> Vec<Prompt> {
    let prompt = |(i, text): (usize, &&str)| Prompt {
        prompt_id: format!("p{i}"),
        prompt: (*text).to_owned(),
        category: None,
        challenge: None,
        split: Split::Train,
    };
    texts.iter().enumerate().map(prompt).collect()
}

const TAUGHT: [&str; 3] = [
    "two children watch a red kite from the wall",
    "The baker puts seven loaves on a wooden shelf",
    "a man with a grey hat plays the violin under a tall tree near the river",
];

fn pairs(questions: &[Vec<Question>]) -> Vec<Vec<(&str, &str)>> {
    questions.iter().map(|of| of.iter().map(|q| (q.question.as_str(), q.answer.as_str())).collect()).collect()
}

#[test]
fn a_candidates_question_becomes_a_row_with_its_span_and_vq2s_query() {
    let prompts = prompts(&TAUGHT);
    let mut generator = T5Generator::open(&settings(GREEDY, Filter::None {})).unwrap();
    let questions = generator.questions(&prompts).unwrap();
    let row = questions[0].iter().find(|q| q.answer == "two children").unwrap();
    assert_eq!(row.question, "Who watches a red kite?");
    assert_eq!(row.query, "is \"two children\" true for \"Who watches a red kite?\" in this image?");
    assert_eq!((row.span_start, row.span_end), (Some(0), Some(12)));
    assert_eq!((row.prompt_id.as_str(), row.source), ("p0", QuestionSource::T5));
    assert!(Bucket::ALL.contains(&row.bucket));
    for of_prompt in &questions {
        for (i, row) in of_prompt.iter().enumerate() {
            assert_eq!(row.question_id, format!("t5-{}", i + 1));
        }
    }
    let counts = generator.counts();
    let n_rows = questions.iter().map(Vec::len).sum::<usize>() as u64;
    assert_eq!(counts.generated, counts.candidates);
    assert_eq!(n_rows, counts.generated - counts.blank - counts.repeated - counts.disagreeing);
}

#[test]
fn the_filter_keeps_what_the_answering_model_answers_as_it_should() {
    let prompts = prompts(&TAUGHT);
    let all = T5Generator::open(&settings(GREEDY, Filter::None {})).unwrap().questions(&prompts).unwrap();
    let model = QuestionAnswering::load(&answering(&fixture("bert-uncased"), true), 8, tch::Device::Cpu).unwrap();
    type Agrees = fn(&str, &str) -> bool;
    let equality = Filter::Q2Equality { question_answering: answering(&fixture("bert-uncased"), true) };
    let filters: [(Filter, Agrees); 2] =
        [(f1(0.6), |a, b| agreement::token_f1(a, b) > 0.6), (equality, agreement::equal)];
    for (filter, agrees) in filters {
        let mut generator = T5Generator::open(&settings(GREEDY, filter)).unwrap();
        let kept = generator.questions(&prompts).unwrap();
        let mut n_dropped = 0;
        for ((prompt, all), kept) in prompts.iter().zip(&all).zip(&kept) {
            let expected: Vec<&Question> = all
                .iter()
                .filter(|row| {
                    let answer = model.answers(&[(&row.question, &prompt.prompt)]).unwrap().remove(0);
                    agrees(&row.answer, answer.map_or("", |a| &prompt.prompt[a.start..a.end]))
                })
                .collect();
            n_dropped += all.len() - expected.len();
            let text = |q: &&Question| (q.question.clone(), q.answer.clone());
            assert_eq!(
                kept.iter().map(|q| text(&q)).collect::<Vec<_>>(),
                expected.iter().map(text).collect::<Vec<_>>()
            );
        }
        assert!(n_dropped > 0 && kept.iter().any(|of| !of.is_empty()), "the filter must have something to do");
        assert_eq!(generator.counts().disagreeing, n_dropped as u64);
    }
}

#[test]
fn sampled_questions_depend_on_the_seed_and_not_on_the_batch() {
    let prompts = prompts(&TAUGHT);
    let of = |decoding: Decoding, batch_size: usize, prompts: &[Prompt]| {
        let settings = T5Settings { batch_size, ..settings(decoding, Filter::None {}) };
        T5Generator::open(&settings).unwrap().questions(prompts).unwrap()
    };
    let together = of(SAMPLE, 8, &prompts);
    assert_eq!(together, of(SAMPLE, 8, &prompts));
    assert_eq!(pairs(&together), pairs(&of(SAMPLE, 64, &prompts)));
    let one_by_one: Vec<Vec<Question>> = prompts.iter().flat_map(|p| of(SAMPLE, 1, std::slice::from_ref(p))).collect();
    assert_eq!(pairs(&together), pairs(&one_by_one));
    let other = Decoding::Sample { top_k: 30, top_p: 0.95, temperature: 1.5, n: 4, seed: 8 };
    assert_ne!(pairs(&together), pairs(&of(other, 8, &prompts)));
}

#[test]
fn drawing_from_one_token_is_greedy() {
    let prompts = prompts(&TAUGHT);
    let only = Decoding::Sample { top_k: 1, top_p: 1.0, temperature: 1.0, n: 3, seed: 1 };
    let mut sampled = T5Generator::open(&settings(only, Filter::None {})).unwrap();
    let mut greedy = T5Generator::open(&settings(GREEDY, Filter::None {})).unwrap();
    assert_eq!(sampled.questions(&prompts).unwrap(), greedy.questions(&prompts).unwrap());
    // Three equal questions a candidate: two are repetitions.
    assert_eq!(
        sampled.counts().repeated - greedy.counts().repeated,
        2 * sampled.counts().candidates - 2 * greedy.counts().blank
    );
}

#[test]
fn several_beams_give_several_questions() {
    let beams =
        Decoding::Beams { num_beams: 5, keep: 5, length_penalty: 1.0, early_stopping: true, no_repeat_ngram_size: 3 };
    let mut generator = T5Generator::open(&settings(beams, Filter::None {})).unwrap();
    let questions = generator.questions(&prompts(&TAUGHT)).unwrap();
    let of_one = questions[0].iter().filter(|q| q.answer == "two children").count();
    assert!((2..=5).contains(&of_one), "{:?}", pairs(&questions));
    assert_eq!(generator.counts().generated, 5 * generator.counts().candidates);
}

#[test]
fn odd_prompts_get_questions_or_none_and_never_a_panic() {
    let long = "a red kite and a grey wall, ".repeat(60);
    let texts = ["", "   ", "🐶 🐶", "собака и кошка", "a </s> red <extra_id_0> kite", "\u{0}\u{200b}a dog", &long];
    let settings = T5Settings { max_input_tokens: 64, max_new_tokens: 4, ..settings(GREEDY, f1(0.5)) };
    let mut generator = T5Generator::open(&settings).unwrap();
    let questions = generator.questions(&prompts(&texts)).unwrap();
    assert_eq!(questions.len(), texts.len());
    assert!(questions[..4].iter().all(Vec::is_empty));
    assert!(generator.counts().candidates_cut > 0);
    assert_eq!(generator.questions(&[]).unwrap(), Vec::<Vec<Question>>::new());
}

#[test]
fn the_files_of_both_models_are_inputs_by_name() {
    let files = input_files(&settings(GREEDY, f1(0.6)));
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "t5.question_generation/config.json",
            "t5.question_generation/model.safetensors",
            "t5.question_generation/spiece.model",
            "t5.filter.question_answering.folder/config.json",
            "t5.filter.question_answering.folder/model.safetensors",
            "t5.filter.question_answering.folder/vocab.txt",
            "t5.filter.question_answering.folder/tokenizer_config.json",
        ]
    );
    assert!(files.iter().all(|file| file.location.local_path().unwrap().is_file()));
    assert_eq!(input_files(&settings(GREEDY, Filter::None {})).len(), 3);
}

#[test]
fn a_missing_model_fails_before_anything_is_generated() {
    let folder = copied("distilbert-cased");
    std::fs::remove_file(folder.path().join("vocab.txt")).unwrap();
    let filter = Filter::Q2Equality { question_answering: answering(folder.path(), true) };
    let error = T5Generator::open(&settings(GREEDY, filter)).err().unwrap();
    assert!(error.to_string().contains("vocab.txt` is not there"), "{error}");
}

/// On request, on a machine with a GPU: `cargo test --workspace --lib -- --ignored a_gpu_gives_the_same_questions`.
#[test]
#[ignore = "needs a GPU"]
fn a_gpu_gives_the_same_questions() {
    let prompts = prompts(&TAUGHT);
    let beams =
        Decoding::Beams { num_beams: 4, keep: 2, length_penalty: 1.0, early_stopping: false, no_repeat_ngram_size: 0 };
    for decoding in [GREEDY, beams, SAMPLE] {
        let of = |device| {
            let settings = T5Settings { device, ..settings(decoding.clone(), f1(0.6)) };
            T5Generator::open(&settings).unwrap().questions(&prompts).unwrap()
        };
        let on_gpu = of(DeviceSetting::Cuda(0));
        assert!(on_gpu.iter().any(|questions| !questions.is_empty()));
        assert_eq!(pairs(&on_gpu), pairs(&of(DeviceSetting::Cpu)), "{decoding:?}");
    }
}
