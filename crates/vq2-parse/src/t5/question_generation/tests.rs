//! Tokens and scores against `transformers` on two tiny models, and folders that do not fit.

use proptest::prelude::*;
use serde_json::{Value, json};
use tch::Device;

use super::*;
use crate::t5::testing::{configure, copied, damage, expected};

fn load(folder: &tempfile::TempDir) -> Result<QuestionGeneration, T5Error> {
    QuestionGeneration::load(&Location::from(folder.path()), Device::Cpu)
}

fn cases(name: &str) -> Vec<Value> {
    expected()["t5"][name].as_array().unwrap().clone()
}

fn input(case: &Value) -> Vec<i64> {
    serde_json::from_value(case["input_ids"].clone()).unwrap()
}

fn no_random(_: usize, _: usize) -> [u8; 32] {
    [0; 32]
}

fn beams(num_beams: usize, keep: usize, length_penalty: f64, early_stopping: bool, no_repeat: usize) -> Decoding {
    Decoding::Beams { num_beams, keep, length_penalty, early_stopping, no_repeat_ngram_size: no_repeat }
}

fn greedy(no_repeat_ngram_size: usize) -> Decoding {
    Decoding::Greedy { no_repeat_ngram_size }
}

const MODELS: [&str; 2] = ["t5-relu", "t5-gated"];

#[test]
fn logits_of_the_first_token_are_those_of_transformers() {
    for name in MODELS {
        let model = load(&copied(name)).unwrap();
        for case in cases(name) {
            let mut session = Session::start(&model, &[input(&case)]).unwrap();
            let logits = session.advance(&[0], &[0]).unwrap();
            for (logit, expected) in logits.flat.iter().zip(case["first_logits"].as_array().unwrap()) {
                let expected = expected.as_f64().unwrap();
                assert!((f64::from(*logit) - expected).abs() < 1e-4, "{name}: {logit} {expected}");
            }
        }
    }
}

#[test]
fn greedy_tokens_are_those_of_transformers() {
    for name in MODELS {
        let model = load(&copied(name)).unwrap();
        for case in cases(name) {
            for (how, key) in [(greedy(0), "greedy"), (greedy(2), "greedy_no_repeat")] {
                let made = model.generate(&[input(&case)], &how, 24, no_random).unwrap();
                assert_eq!(json!(made[0][0].tokens), case[key], "{name} {key} {}", case["context"]);
            }
        }
    }
}

#[test]
fn beam_tokens_and_scores_are_those_of_transformers() {
    let searches = [
        (beams(4, 4, 1.0, false, 0), "beams_4"),
        (beams(5, 5, 1.0, true, 3), "beams_q2"),
        (beams(3, 2, 0.6, false, 0), "beams_penalty"),
    ];
    for name in MODELS {
        let model = load(&copied(name)).unwrap();
        for case in cases(name) {
            for (how, key) in &searches {
                let made = model.generate(&[input(&case)], how, 16, no_random).unwrap().remove(0);
                let tokens: Vec<&Vec<i64>> = made.iter().map(|sequence| &sequence.tokens).collect();
                assert_eq!(json!(tokens), case[key]["tokens"], "{name} {key} {}", case["context"]);
                for (sequence, score) in made.iter().zip(case[key]["scores"].as_array().unwrap()) {
                    assert!((sequence.score.unwrap() - score.as_f64().unwrap()).abs() < 1e-4, "{sequence:?} {score}");
                }
            }
        }
    }
}

#[test]
fn a_batch_gives_what_each_input_gives_alone() {
    let model = load(&copied("t5-relu")).unwrap();
    let inputs: Vec<Vec<i64>> = cases("t5-relu").iter().map(input).collect();
    let sample = Decoding::Sample { top_k: 20, top_p: 0.95, temperature: 1.2, n: 3, seed: 0 };
    for how in [greedy(0), beams(4, 2, 1.0, false, 0), sample] {
        let random = |input: usize, i: usize| [(input * 3 + i) as u8; 32];
        let together = model.generate(&inputs, &how, 16, random).unwrap();
        for (at, tokens) in inputs.iter().enumerate() {
            let alone = model.generate(std::slice::from_ref(tokens), &how, 16, |_, i| random(at, i)).unwrap();
            let of = |sequences: &[Sequence]| sequences.iter().map(|s| s.tokens.clone()).collect::<Vec<_>>();
            assert_eq!(of(&together[at]), of(&alone[0]), "{how:?}");
        }
    }
}

#[test]
fn rust_berts_own_greedy_loop_finds_the_same_tokens() {
    use rust_bert::pipelines::common::{ModelResource, ModelType};
    use rust_bert::pipelines::generation_utils::{GenerateConfig, GenerateOptions, LanguageGenerator};
    use rust_bert::resources::LocalResource;
    use rust_bert::t5::T5Generator;
    let folder = copied("t5-relu");
    let local = |name: &str| Box::new(LocalResource { local_path: folder.path().join(name) });
    let theirs = T5Generator::new(GenerateConfig {
        model_type: ModelType::T5,
        model_resource: ModelResource::Torch(local("model.safetensors")),
        config_resource: local("config.json"),
        vocab_resource: local("spiece.model"),
        merges_resource: None,
        min_length: 0,
        max_length: Some(25),
        do_sample: false,
        early_stopping: false,
        num_beams: 1,
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        repetition_penalty: 1.0,
        length_penalty: 1.0,
        no_repeat_ngram_size: 0,
        num_return_sequences: 1,
        num_beam_groups: None,
        diversity_penalty: None,
        device: Device::Cpu,
        kind: None,
    })
    .unwrap();
    let ours = load(&folder).unwrap();
    for case in cases("t5-relu") {
        let text =
            format!("answer: {} context: {}", case["answer"].as_str().unwrap(), case["context"].as_str().unwrap());
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let made = theirs.generate_indices(Some(&[&text]), None::<GenerateOptions<'_>>).unwrap();
        let mut input = ours.text().tokens(&text);
        // rust-bert ends its input once.
        input.push(ours.text().end());
        let tokens = ours.generate(&[input], &greedy(0), 24, no_random).unwrap().remove(0).remove(0).tokens;
        assert_eq!(made[0].indices[1..], tokens, "{text}");
    }
}

#[test]
fn one_table_of_embeddings_may_stand_under_its_other_names() {
    let folder = copied("t5-relu");
    let file = folder.path().join("model.safetensors");
    let renamed: Vec<(String, Tensor)> = Tensor::read_safetensors(&file)
        .unwrap()
        .into_iter()
        .map(|(name, tensor)| (name.replace("shared.weight", "decoder.embed_tokens.weight"), tensor))
        .collect();
    Tensor::write_safetensors(&renamed, &file).unwrap();
    let case = &cases("t5-relu")[0];
    let made = load(&folder).unwrap().generate(&[input(case)], &greedy(0), 24, no_random).unwrap();
    assert_eq!(json!(made[0][0].tokens), case["greedy"]);
}

/// The whole chain of causes.
fn said(folder: &tempfile::TempDir) -> String {
    let error = load(folder).err().unwrap();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

#[test]
fn a_missing_file_is_named_with_what_the_folder_needs() {
    for name in ["config.json", "model.safetensors", "spiece.model"] {
        let folder = copied("t5-relu");
        std::fs::remove_file(folder.path().join(name)).unwrap();
        let said = said(&folder);
        assert!(said.contains(&format!("/{name}` is not there")) && said.contains("question_generation"), "{said}");
    }
    let error = QuestionGeneration::load(&Location::new("s3://bucket/qg"), Device::Cpu).err().unwrap();
    assert!(error.to_string().contains("no local path"), "{error}");
}

#[test]
fn a_configuration_that_does_not_fit_says_which_key() {
    for (key, value, expected) in [
        ("architectures", json!(["BartForConditionalGeneration"]), "needs T5ForConditionalGeneration"),
        ("architectures", json!([]), "needs T5ForConditionalGeneration"),
        ("num_decoder_layers", json!(3), "num_decoder_layers"),
        ("num_layers", json!(9), "num_decoder_layers"),
        ("feed_forward_proj", json!("gated-silu"), "feed_forward_proj"),
        ("feed_forward_proj", json!("gated-gelu"), "no tensor `encoder.block.0.layer.1.DenseReluDense.wi_0.weight`"),
        (
            "d_model",
            json!(64),
            "tensor `shared.weight` has the shape [264, 32], and by `config.json` it must have [264, 64]",
        ),
        ("d_model", json!(1e15 as i64), "absurd"),
        ("d_kv", json!(0), "not positive"),
        ("d_model", json!("x"), "invalid type"),
        ("vocab_size", json!(100), "shape"),
        ("relative_attention_num_buckets", json!(0), "relative_attention_num_buckets"),
        ("relative_attention_num_buckets", json!(32), "shape"),
        ("eos_token_id", json!(2), "eos_token_id"),
        ("decoder_start_token_id", json!(-1), "decoder_start_token_id"),
        ("tie_word_embeddings", json!(false), "no tensor `lm_head.weight`"),
    ] {
        let folder = copied("t5-relu");
        configure(&folder, key, value.clone());
        let said = said(&folder);
        assert!(said.contains(expected) || (key == "vocab_size" && said.contains("pieces")), "{key} {value}: {said}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_an_error_and_not_a_question() {
    let folder = copied("t5-relu");
    let file = folder.path().join("model.safetensors");
    let tensors: Vec<(String, Tensor)> = Tensor::read_safetensors(&file)
        .unwrap()
        .into_iter()
        .map(|(name, tensor)| {
            let broken = if name.contains("final_layer_norm") { tensor * f64::NAN } else { tensor };
            (name, broken)
        })
        .collect();
    Tensor::write_safetensors(&tensors, &file).unwrap();
    let model = load(&folder).unwrap();
    let error = model.generate(&[vec![8, 9, 1]], &greedy(0), 8, no_random).unwrap_err();
    assert!(matches!(error, T5Error::NotFinite { .. }), "{error}");
}

#[test]
fn a_token_outside_the_network_is_an_error_and_no_panic() {
    let model = load(&copied("t5-relu")).unwrap();
    let error = model.generate(&[vec![100_000, 1]], &greedy(0), 8, no_random).unwrap_err();
    assert!(matches!(error, T5Error::Torch { doing: "reading prompts", .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Loading and two tokens of a question: an error or a question, never a panic.
    #[test]
    fn a_damaged_byte_is_an_error_or_harmless(which in 0_usize..3, place in 0.0..1.0, byte in any::<u8>()) {
        let folder = copied("t5-relu");
        let name = QUESTION_GENERATION.files[which];
        // Of the weights the header alone: other numbers are other numbers.
        damage(&folder, name, place, 5_000, byte);
        if let Ok(model) = load(&folder) {
            let (input, _) = model.text().input("a red kite", "a red kite above the old harbour", 64);
            let _ = model.generate(&[input], &greedy(0), 2, no_random).map(|made| model.text().question(&made[0][0].tokens));
        }
    }
}
