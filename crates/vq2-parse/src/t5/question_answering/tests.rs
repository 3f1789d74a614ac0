//! Answers against the pipeline of `transformers` on two tiny models, and folders that do not fit.

use proptest::prelude::*;
use serde_json::{Value, json};
use tables::Location;

use super::*;
use crate::t5::testing::{configure, copied, damage, expected, fixture};

fn settings(folder: &std::path::Path, no_answer: bool) -> QuestionAnsweringSettings {
    // As in reference.py.
    QuestionAnsweringSettings {
        folder: Location::from(folder),
        max_tokens: 48,
        stride: 16,
        max_answer_tokens: 15,
        no_answer,
    }
}

fn load(folder: &std::path::Path, no_answer: bool) -> Result<QuestionAnswering, T5Error> {
    QuestionAnswering::load(&settings(folder, no_answer), 4, Device::Cpu)
}

const MODELS: [&str; 2] = ["bert-uncased", "distilbert-cased"];

fn check(answer: Option<&Answer>, expected: &Value, context: &str, what: &str) {
    let text = expected["answer"].as_str().unwrap();
    let Some(answer) = answer else { return assert_eq!(text, "", "{what}") };
    assert_eq!(&context[answer.start..answer.end], text, "{what}");
    let characters = |byte: usize| json!(context[..byte].chars().count());
    assert_eq!(
        (characters(answer.start), characters(answer.end)),
        (expected["start"].clone(), expected["end"].clone())
    );
    let score = expected["score"].as_f64().unwrap();
    assert!((answer.score - score).abs() < 1e-4 * score.max(1e-3), "{what}: {} {score}", answer.score);
}

#[test]
fn answers_are_those_of_transformers() {
    for name in MODELS {
        let cases = expected()["question_answering"][name].as_array().unwrap().clone();
        for (no_answer, key) in [(true, "or_none"), (false, "always")] {
            let model = load(&fixture(name), no_answer).unwrap();
            let of = |case: &'_ Value, key: &str| case[key].as_str().unwrap().to_owned();
            let questions: Vec<(String, String)> =
                cases.iter().map(|case| (of(case, "question"), of(case, "context"))).collect();
            let asked: Vec<(&str, &str)> = questions.iter().map(|(q, c)| (q.as_str(), c.as_str())).collect();
            for (answer, (case, (question, context))) in
                model.answers(&asked).unwrap().iter().zip(cases.iter().zip(&asked))
            {
                check(answer.as_ref(), &case[key], context, &format!("{name} {key} {question}"));
                let alone = model.answers(&[(question, context)]).unwrap().remove(0);
                check(alone.as_ref(), &case[key], context, &format!("{name} {key} {question}, alone"));
            }
        }
    }
}

#[test]
fn an_empty_context_has_no_answer() {
    let model = load(&fixture("bert-uncased"), false).unwrap();
    assert_eq!(model.answers(&[("Who is it?", ""), ("", "a red kite"), ("", "")]).unwrap()[0], None);
    assert_eq!(model.answers(&[]).unwrap(), []);
}

#[test]
fn old_names_of_layer_norms_are_read() {
    let folder = copied("bert-uncased");
    let file = folder.path().join("model.safetensors");
    let renamed: Vec<(String, Tensor)> = Tensor::read_safetensors(&file)
        .unwrap()
        .into_iter()
        .map(|(name, t)| {
            (name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"), t)
        })
        .collect();
    Tensor::write_safetensors(&renamed, &file).unwrap();
    let ask = [("Who watches a red kite?", "two children watch a red kite from the wall")];
    let same = load(folder.path(), true).unwrap().answers(&ask).unwrap();
    assert_eq!(same, load(&fixture("bert-uncased"), true).unwrap().answers(&ask).unwrap());
    assert!(same[0].is_some());
}

#[test]
fn a_folder_that_does_not_fit_says_what_does_not() {
    let said = |folder: &tempfile::TempDir| {
        let error = load(folder.path(), true).err().unwrap();
        format!("{error}: {}", std::error::Error::source(&error).map_or_else(String::new, ToString::to_string))
    };
    for name in QUESTION_ANSWERING.files {
        let folder = copied("bert-uncased");
        std::fs::remove_file(folder.path().join(name)).unwrap();
        let said = said(&folder);
        assert!(
            said.contains(&format!("/{name}` is not there")) && said.contains("question_answering.folder"),
            "{said}"
        );
    }
    for (key, value, expected) in [
        ("architectures", json!(["RobertaForQuestionAnswering"]), "needs BertForQuestionAnswering or"),
        ("architectures", json!(["DistilBertForQuestionAnswering"]), "no tensor `distilbert.embeddings"),
        ("num_attention_heads", json!(3), "no multiple"),
        ("num_attention_heads", json!(0), "not positive"),
        ("num_hidden_layers", json!(1_i64 << 40), "absurd"),
        ("num_hidden_layers", json!(1 << 20), "no tensor `bert.encoder.layer.2."),
        ("hidden_size", json!(32), "shape"),
        ("hidden_act", json!("gelu_fast"), "unknown variant"),
        ("layer_norm_eps", json!(1e-5), "layer_norm_eps"),
        ("max_position_embeddings", json!(32), "positions"),
        ("type_vocab_size", json!(1), "type_vocab_size"),
        ("vocab_size", json!(50), "words"),
    ] {
        let folder = copied("bert-uncased");
        configure(&folder, key, value.clone());
        let said = said(&folder);
        assert!(said.contains(expected), "{key} {value}: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_texts_have_an_answer_or_none(
        question in "\\PC{0,30}", context in "\\PC{0,80}", any in any::<String>(), repeated in 1_usize..6,
    ) {
        thread_local!(static MODEL: QuestionAnswering = load(&fixture("bert-uncased"), false).unwrap());
        MODEL.with(|model| {
            let long = format!("{any} two children ").repeat(repeated);
            for context in [&context, &any, &long] {
                let answers = model.answers(&[(&question, context), (&any, context)]).unwrap();
                for answer in answers.iter().flatten() {
                    // Slicing at a character's inside would panic.
                    assert!(!context[answer.start..answer.end].is_empty());
                }
            }
        });
    }

    #[test]
    fn a_damaged_byte_is_an_error_or_harmless(which in 0_usize..4, place in 0.0..1.0, byte in any::<u8>()) {
        let folder = copied("distilbert-cased");
        damage(&folder, QUESTION_ANSWERING.files[which], place, 4_000, byte);
        if let Ok(model) = load(folder.path(), true) {
            let _ = model.answers(&[("Who watches a red kite?", "two children watch a red kite from the wall")]);
        }
    }
}
