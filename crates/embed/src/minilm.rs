//! all-MiniLM-L6-v2: a prompt to a unit vector of 384 numbers.
//!
//! WordPiece tokens (lower-cased, at most as many as the folder's `sentence_bert_config.json` says), a six-layer BERT
//! through rust-bert, the mean over all tokens, L2 normalisation. Source: Reimers & Gurevych 2019 (sentence-BERT) and
//! the folder's own `modules.json`.

use std::path::Path;

use rust_bert::bert::{BertConfig, BertEmbeddings, BertModel};
use rust_tokenizers::tokenizer::{BertTokenizer, Tokenizer, TruncationStrategy};
use rust_tokenizers::vocab::Vocab;
use serde::Deserialize;
use tch::{Device, Kind, Tensor, nn};

use crate::error::{AnyError, EmbedError, read_json, unfit};

/// The files of the folder that decide the vectors, `model.safetensors` first.
pub const FILES: [&str; 5] =
    ["model.safetensors", "config.json", "vocab.txt", "sentence_bert_config.json", "1_Pooling/config.json"];

/// The tokenizer and the network, ready to run on one device.
pub struct MiniLm {
    tokenizer: BertTokenizer,
    model: BertModel<BertEmbeddings>,
    max_tokens: usize,
    device: Device,
}

#[allow(unsafe_code, reason = "tch's tensors are not Sync, because their in-place operations take `&self`")]
// SAFETY: nothing writes to the weights after `load`, which froze them, and LibTorch may read a tensor from several
// threads; the gradient switch that `embed` turns is each thread's own.
unsafe impl Sync for MiniLm {}

#[derive(Deserialize)]
struct Limits {
    max_seq_length: usize,
}

#[derive(Deserialize)]
struct Pooling {
    pooling_mode_mean_tokens: bool,
    pooling_mode_cls_token: bool,
    pooling_mode_max_tokens: bool,
}

impl MiniLm {
    /// Loads the encoder from its folder.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`] for a file that is missing, [`EmbedError::Weights`] for one that does not fit.
    pub fn load(folder: &Path, device: Device) -> Result<Self, EmbedError> {
        let [weights, config_file, vocabulary, limits_file, pooling_file] = FILES.map(|name| folder.join(name));
        let config: BertConfig = read_json(&config_file)?;
        let Limits { max_seq_length } = read_json(&limits_file)?;
        let pooling: Pooling = read_json(&pooling_file)?;
        let tokenizer = BertTokenizer::from_file(&vocabulary, true, true).map_err(unfit(&vocabulary))?;
        // Beyond these bounds the network would index outside its tables.
        if tokenizer.vocab().values().len() as i64 > config.vocab_size {
            return Err(unfit(&vocabulary)(format!("has more than the network's {} words", config.vocab_size)));
        }
        if max_seq_length as i64 > config.max_position_embeddings || max_seq_length < 3 {
            let problem = format!("max_seq_length is outside 3..={}", config.max_position_embeddings);
            return Err(unfit(&limits_file)(problem));
        }
        if !pooling.pooling_mode_mean_tokens || pooling.pooling_mode_cls_token || pooling.pooling_mode_max_tokens {
            return Err(unfit(&pooling_file)("only pooling by the mean of tokens is built"));
        }
        let mut variables = nn::VarStore::new(device);
        let model = BertModel::new_with_optional_pooler(variables.root(), &config, false);
        variables.load(&weights).map_err(unfit(&weights))?;
        variables.freeze();
        Ok(Self { tokenizer, model, max_tokens: max_seq_length, device })
    }

    /// The text's token numbers, `[CLS]` and `[SEP]` included; what is too long is cut.
    fn tokens(&self, text: &str) -> Vec<i64> {
        self.tokenizer.encode(text, None, self.max_tokens, &TruncationStrategy::LongestFirst, 0).token_ids
    }

    /// The vectors of some texts, which run through the network together.
    ///
    /// `shape` pads the batch to that many texts of the greatest length, so that every call has the same shape.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn embed(&self, texts: &[&str], shape: Option<usize>) -> Result<Vec<Vec<f32>>, AnyError> {
        let tokens: Vec<Vec<i64>> = texts.iter().map(|text| self.tokens(text)).collect();
        let longest = tokens.iter().map(Vec::len).max().unwrap_or(0);
        let (n_rows, n_columns) = match shape {
            Some(n_rows) => (n_rows.max(texts.len()), self.max_tokens),
            None => (texts.len(), longest),
        };
        let mut ids = vec![0i64; n_rows * n_columns];
        // A padding row attends to its first token: the mean over no token would be NaN.
        let mut mask: Vec<i64> = (0..ids.len()).map(|at| i64::from(at % n_columns.max(1) == 0)).collect();
        for (row, tokens) in tokens.iter().enumerate() {
            let start = row * n_columns;
            ids[start..start + tokens.len()].copy_from_slice(tokens);
            mask[start..start + tokens.len()].fill(1);
        }
        let tensor = |values: &[i64]| {
            Tensor::f_from_slice(values)?.f_view([n_rows as i64, n_columns as i64])?.f_to_device(self.device)
        };
        let (ids, mask) = (tensor(&ids)?, tensor(&mask)?);
        let unit = tch::no_grad(|| -> Result<Tensor, AnyError> {
            let hidden =
                self.model.forward_t(Some(&ids), Some(&mask), None, None, None, None, None, false)?.hidden_state;
            let mask = mask.f_unsqueeze(-1)?.f_to_kind(Kind::Float)?;
            let sum = hidden.f_mul(&mask)?.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?;
            let mean = sum.f_div(&mask.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?)?;
            let length = mean.f_norm_scalaropt_dim(2.0, [1i64].as_slice(), true)?.f_clamp_min(1e-12)?;
            Ok(mean.f_div(&length)?.f_to_device(Device::Cpu)?)
        })?;
        let n_features = unit.size()[1] as usize;
        let flat = Vec::<f32>::try_from(unit.f_view(-1)?)?;
        Ok(flat.chunks(n_features).take(texts.len()).map(<[f32]>::to_vec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cosine, fixture, weights};

    fn encoder() -> Option<MiniLm> {
        let folder = weights("all-minilm-l6-v2/model.safetensors")?;
        Some(MiniLm::load(folder.parent().unwrap(), Device::Cpu).unwrap())
    }

    /// The texts of `fixtures/reference.py`, in its order, with the tokens that its tokenizer gave.
    fn texts() -> Vec<(String, Option<Vec<i64>>)> {
        let with = |text: &str, tokens: &[i64]| (text.to_owned(), Some(tokens.to_vec()));
        vec![
            with("a red apple on a wooden table", &[101, 1037, 2417, 6207, 2006, 1037, 4799, 2795, 102]),
            with(
                "A DOG, running to the left of the river!",
                &[101, 1037, 3899, 1010, 2770, 2000, 1996, 2187, 1997, 1996, 2314, 999, 102],
            ),
            with(
                "Un café crème à Zürich — naïve façade",
                &[101, 4895, 7668, 13675, 21382, 1037, 10204, 1517, 15743, 8508, 102],
            ),
            with("日本の城 with 2 moons", &[101, 1864, 1876, 1671, 1804, 2007, 1016, 23377, 102]),
            with(
                "🦊 fox & $5 sign… it's [MASK]ed",
                &[101, 100, 4419, 1004, 1002, 1019, 3696, 1529, 2009, 1005, 1055, 103, 3968, 102],
            ),
            ("word ".repeat(400), None),
            with("x", &[101, 1060, 102]),
            with(
                "supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis",
                &[
                    101, 3565, 9289, 10128, 29181, 24411, 4588, 10288, 19312, 21273, 10085, 6313, 1052, 2638, 2819,
                    17175, 11314, 6444, 2594, 7352, 26461, 27572, 11261, 6767, 15472, 6761, 8663, 10735, 2483, 102,
                ],
            ),
            with("a\tphoto\u{a0}of\u{200b} a cat\n", &[101, 1037, 6302, 1997, 1037, 4937, 102]),
            with(
                "¡Ça va? ½ Ａｂｃ ﬁne İstanbul ẞ",
                &[101, 1067, 6187, 12436, 1029, 1092, 100, 1984, 2638, 9960, 1096, 102],
            ),
        ]
    }

    #[test]
    fn tokens_are_those_of_the_models_own_tokenizer() {
        let Some(encoder) = encoder() else { return };
        for (text, expected) in texts() {
            let tokens = encoder.tokens(&text);
            match expected {
                Some(expected) => assert_eq!(tokens, expected, "{text}"),
                None => assert!(tokens.len() == 256 && tokens[255] == 102, "a long text is cut to 256 tokens"),
            }
        }
    }

    #[test]
    fn vectors_are_those_of_transformers() {
        let Some(encoder) = encoder() else { return };
        // fixtures/reference.py: transformers 4.46.3 on torch 2.11.0, mean over tokens, normalised.
        for ((text, _), expected) in texts().iter().zip(fixture("minilm.f32").chunks(384)) {
            let vector = &encoder.embed(&[text], None).unwrap()[0];
            assert_eq!(vector.len(), 384);
            let close = cosine(vector, expected);
            assert!(close > 0.999_999, "{text}: {close}");
        }
    }

    #[test]
    fn a_text_has_the_same_vector_alone_in_a_batch_and_padded_to_a_fixed_shape() {
        let Some(encoder) = encoder() else { return };
        let texts: Vec<String> = texts().into_iter().map(|(text, _)| text).filter(|text| text.len() < 100).collect();
        let texts: Vec<&str> = texts.iter().take(4).map(String::as_str).collect();
        for shape in [None, Some(texts.len() + 1)] {
            let batch = encoder.embed(&texts, shape).unwrap();
            assert_eq!(batch.len(), texts.len());
            for (text, in_batch) in texts.iter().zip(&batch) {
                let alone = &encoder.embed(&[text], None).unwrap()[0];
                let worst = alone.iter().zip(in_batch).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-5, "{text}: {worst}");
            }
        }
    }

    #[test]
    fn a_missing_file_says_how_to_get_it_and_a_wrong_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = MiniLm::load(folder.path(), Device::Cpu).err().unwrap();
        assert!(error.to_string().contains("config.json") && error.to_string().contains("make setup"), "{error}");
        std::fs::write(folder.path().join("config.json"), "{}").unwrap();
        let error = MiniLm::load(folder.path(), Device::Cpu).err().unwrap();
        assert!(matches!(error, EmbedError::Weights { .. }), "{error}");
    }
}
