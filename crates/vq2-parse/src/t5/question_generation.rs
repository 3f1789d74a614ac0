//! T5 as question generator: an answer and its context in, questions out.
//!
//! Raffel et al. 2020; the network is rust-bert's. The folder is Hugging Face's, in the first form (ReLU, one table for
//! all embeddings; `t5-base`) or the second (gated GELU, a head of its own; T5 v1.1, Flan-T5).

use rust_bert::t5::{LayerState, T5Config, T5ForConditionalGeneration};
use serde::Deserialize;
use tables::Location;
use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::decoding::{Ends, Logits, NextLogits, Sequence, generate};
use super::error::{AnyError, T5Error, guarded};
use super::folder::{OpenFolder, QUESTION_GENERATION};
use super::text::T5Text;
use super::weights::WeightFile;
use crate::settings::Decoding;

/// The question generator on its device.
pub struct QuestionGeneration {
    folder: OpenFolder,
    text: T5Text,
    model: T5ForConditionalGeneration,
    device: Device,
    start: i64,
}

#[allow(unsafe_code, reason = "tch's tensors are not Sync, because their in-place operations take `&self`")]
// SAFETY: nothing writes to the weights after `load`, which froze them, and LibTorch may read a tensor from several
// threads; the gradient switch that `guarded` turns is each thread's own.
unsafe impl Sync for QuestionGeneration {}

/// What of `config.json` matters.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    architectures: Vec<String>,
    d_model: i64,
    d_ff: i64,
    d_kv: i64,
    num_heads: i64,
    num_layers: i64,
    num_decoder_layers: Option<i64>,
    vocab_size: i64,
    relative_attention_num_buckets: i64,
    relative_attention_max_distance: Option<i64>,
    layer_norm_epsilon: f64,
    feed_forward_proj: Option<String>,
    tie_word_embeddings: Option<bool>,
    decoder_start_token_id: Option<i64>,
    eos_token_id: Option<i64>,
}

impl Config {
    fn is_gated(&self) -> bool {
        self.feed_forward_proj.as_deref() == Some("gated-gelu")
    }

    fn is_tied(&self) -> bool {
        self.tie_word_embeddings.unwrap_or(true)
    }

    /// Says what rust-bert would panic at, or silently do otherwise.
    fn check(&self) -> Result<(), String> {
        if !self.architectures.iter().any(|name| name == "T5ForConditionalGeneration") {
            let found = self.architectures.join(", ");
            return Err(format!("`architectures` is [{found}], and this needs T5ForConditionalGeneration"));
        }
        if !matches!(self.feed_forward_proj.as_deref(), None | Some("relu" | "gated-gelu")) {
            return Err("`feed_forward_proj` is neither `relu` nor `gated-gelu`".to_owned());
        }
        let sizes = [self.d_model, self.d_ff, self.d_kv, self.num_heads, self.num_layers, self.vocab_size];
        // The product of any two must be a number too.
        if sizes.iter().any(|size| !(1..=i64::from(u32::MAX >> 2)).contains(size)) {
            return Err("a size is not positive, or absurd".to_owned());
        }
        if self.num_decoder_layers.is_some_and(|n| n != self.num_layers) {
            return Err("`num_decoder_layers` differs from `num_layers`, which rust-bert's T5 cannot have".to_owned());
        }
        if self.relative_attention_num_buckets < 4
            || self.relative_attention_max_distance.unwrap_or(128) <= self.relative_attention_num_buckets / 2
        {
            return Err(
                "`relative_attention_num_buckets` must be at least 4, and `_max_distance` above half of it".into()
            );
        }
        if !self.layer_norm_epsilon.is_finite() {
            return Err("`layer_norm_epsilon` is no number".to_owned());
        }
        Ok(())
    }

    /// Looks for every tensor in the file's header.
    fn check_tensors(&self, file: &WeightFile) -> Result<(), T5Error> {
        let (d_model, inner) = (self.d_model, self.num_heads * self.d_kv);
        file.expect("shared.weight", &[self.vocab_size, d_model])?;
        if !self.is_tied() {
            file.expect("lm_head.weight", &[self.vocab_size, d_model])?;
        }
        let attention = |layer: &str, kind: &str| {
            file.expect(&format!("{layer}.layer_norm.weight"), &[d_model])?;
            for name in ["q", "k", "v"] {
                file.expect(&format!("{layer}.{kind}.{name}.weight"), &[inner, d_model])?;
            }
            file.expect(&format!("{layer}.{kind}.o.weight"), &[d_model, inner])
        };
        for stack in ["encoder", "decoder"] {
            file.expect(&format!("{stack}.final_layer_norm.weight"), &[d_model])?;
            let buckets = format!("{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight");
            file.expect(&buckets, &[self.relative_attention_num_buckets, self.num_heads])?;
            for block in 0..self.num_layers {
                let layer = |n: usize| format!("{stack}.block.{block}.layer.{n}");
                attention(&layer(0), "SelfAttention")?;
                let mut last = 1;
                if stack == "decoder" {
                    attention(&layer(1), "EncDecAttention")?;
                    last = 2;
                }
                let dense = layer(last);
                file.expect(&format!("{dense}.layer_norm.weight"), &[d_model])?;
                for name in if self.is_gated() { &["wi_0", "wi_1"][..] } else { &["wi"] } {
                    file.expect(&format!("{dense}.DenseReluDense.{name}.weight"), &[self.d_ff, d_model])?;
                }
                file.expect(&format!("{dense}.DenseReluDense.wo.weight"), &[d_model, self.d_ff])?;
            }
        }
        Ok(())
    }

    fn for_rust_bert(&self) -> Result<T5Config, serde_json::Error> {
        serde_json::from_value(serde_json::json!({
            "dropout_rate": 0.0,
            "d_model": self.d_model,
            "d_ff": self.d_ff,
            "d_kv": self.d_kv,
            "initializer_factor": 1.0,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "num_heads": self.num_heads,
            "num_layers": self.num_layers,
            "relative_attention_num_buckets": self.relative_attention_num_buckets,
            "relative_attention_max_distance": self.relative_attention_max_distance,
            "vocab_size": self.vocab_size,
            "feed_forward_proj": if self.is_gated() { "gated-gelu" } else { "relu" },
            "tie_word_embeddings": self.is_tied(),
        }))
    }
}

/// The one table of embeddings stands in the file under any one of its names.
fn tied_aliases(variable: &str) -> Vec<String> {
    let shared = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"];
    if variable == "shared.weight" { shared.map(str::to_owned).to_vec() } else { Vec::new() }
}

/// As [`tied_aliases`], where the head has a table of its own.
fn untied_aliases(variable: &str) -> Vec<String> {
    tied_aliases(variable).into_iter().filter(|name| name != "lm_head.weight").collect()
}

impl QuestionGeneration {
    /// Loads a folder with `config.json`, `model.safetensors` and `spiece.model`.
    ///
    /// # Errors
    /// [`T5Error`] names the file, setting or tensor that is missing or does not fit.
    pub fn load(location: &Location, device: Device) -> Result<Self, T5Error> {
        let folder = QUESTION_GENERATION.open(location)?;
        let config: Config = folder.json("config.json")?;
        config.check().map_err(|problem| folder.unfit("config.json", problem))?;
        let text = T5Text::open(&folder.file("spiece.model"))?;
        if text.n_pieces() > config.vocab_size {
            let problem =
                format!("has {} pieces, more than the network's {} tokens", text.n_pieces(), config.vocab_size);
            return Err(folder.unfit("spiece.model", problem));
        }
        if config.eos_token_id.is_some_and(|end| end != text.end()) {
            let problem = format!("`eos_token_id` differs from the {} of spiece.model's `</s>`", text.end());
            return Err(folder.unfit("config.json", problem));
        }
        let start = config.decoder_start_token_id.unwrap_or(0);
        if !(0..config.vocab_size).contains(&start) {
            return Err(folder.unfit("config.json", "`decoder_start_token_id` is no token"));
        }
        let aliases = if config.is_tied() { tied_aliases } else { untied_aliases };
        let mut file = WeightFile::open(&folder.file("model.safetensors"), aliases)?;
        config.check_tensors(&file)?;
        let for_rust_bert = config.for_rust_bert().map_err(|error| folder.unfit("config.json", error))?;
        let mut variables = VarStore::new(device);
        let model = guarded("building T5", || Ok(T5ForConditionalGeneration::new(variables.root(), &for_rust_bert)))?;
        file.fill(&mut variables)?;
        Ok(Self { folder, text, model, device, start })
    }

    /// Where it computes.
    pub fn device(&self) -> Device {
        self.device
    }

    /// The tokenizer.
    pub fn text(&self) -> &T5Text {
        &self.text
    }

    /// Generates from inputs (tokens, their ends included) that go through the network together.
    ///
    /// `random_of` gives the random numbers of an input's sequence.
    ///
    /// # Errors
    /// [`T5Error::Torch`] if LibTorch fails, [`T5Error::NotFinite`] for damaged weights.
    pub fn generate(
        &self,
        inputs: &[Vec<i64>],
        decoding: &Decoding,
        max_new_tokens: usize,
        random_of: impl Fn(usize, usize) -> [u8; 32],
    ) -> Result<Vec<Vec<Sequence>>, T5Error> {
        let ends = Ends { start: self.start, end: self.text.end(), max_new_tokens };
        let mut session = Session::start(self, inputs)?;
        generate(&mut session, inputs.len(), decoding, ends, random_of)
    }
}

type Cache = Vec<(Option<LayerState>, Option<LayerState>)>;

/// One batch on its way through the decoder.
struct Session<'m> {
    model: &'m QuestionGeneration,
    /// The encoder's output, `[rows, input tokens, d_model]`.
    encoded: Tensor,
    /// 1 where an input has a token, `[rows, input tokens]`.
    mask: Tensor,
    /// The decoder's keys and values so far, of each layer.
    cache: Option<Cache>,
    n_rows: usize,
}

impl<'m> Session<'m> {
    fn start(model: &'m QuestionGeneration, inputs: &[Vec<i64>]) -> Result<Self, T5Error> {
        let longest = inputs.iter().map(Vec::len).max().unwrap_or(0);
        let mut ids = vec![0_i64; inputs.len() * longest];
        let mut mask = ids.clone();
        for (at, input) in inputs.iter().enumerate() {
            ids[at * longest..at * longest + input.len()].copy_from_slice(input);
            mask[at * longest..at * longest + input.len()].fill(1);
        }
        let shape = [inputs.len() as i64, longest as i64];
        let (encoded, mask) = guarded("reading prompts", || {
            let tensor = |values: &[i64]| Tensor::f_from_slice(values)?.f_view(shape)?.f_to_device(model.device);
            let (ids, mask) = (tensor(&ids)?, tensor(&mask)?);
            Ok((model.model.encode(&ids, Some(&mask)), mask))
        })?;
        Ok(Self { model, encoded, mask, cache: None, n_rows: inputs.len() })
    }

    /// Makes row `i` what row `parents[i]` was.
    fn reorder(&mut self, parents: &[usize]) -> Result<(), AnyError> {
        if parents.iter().copied().eq(0..self.n_rows) {
            return Ok(());
        }
        let parents: Vec<i64> = parents.iter().map(|&parent| parent as i64).collect();
        let index = Tensor::f_from_slice(&parents)?.f_to_device(self.model.device)?;
        self.encoded = self.encoded.f_index_select(0, &index)?;
        self.mask = self.mask.f_index_select(0, &index)?;
        for state in self.cache.iter_mut().flatten().flat_map(|(own, cross)| [own, cross]).flatten() {
            state.prev_key = state.prev_key.f_index_select(0, &index)?;
            state.prev_value = state.prev_value.f_index_select(0, &index)?;
        }
        self.n_rows = parents.len();
        Ok(())
    }

    fn step(&mut self, parents: &[usize], tokens: &[i64]) -> Result<Logits, AnyError> {
        self.reorder(parents)?;
        let latest = Tensor::f_from_slice(tokens)?.f_view([-1, 1])?.f_to_device(self.model.device)?;
        let (mask, encoded) = (Some(&self.mask), Some(&self.encoded));
        let cache = self.cache.take();
        let out = self.model.model.forward_t(None, mask, encoded, Some(&latest), None, None, None, cache, false);
        self.cache = out.next_cache;
        let logits = out.decoder_output.f_select(1, -1)?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?;
        let n_tokens = logits.size()[1] as usize;
        Ok(Logits { flat: Vec::<f32>::try_from(logits.f_contiguous()?.f_view(-1)?)?, n_tokens })
    }
}

impl NextLogits for Session<'_> {
    fn advance(&mut self, parents: &[usize], tokens: &[i64]) -> Result<Logits, T5Error> {
        let logits = guarded("generating questions", || self.step(parents, tokens))?;
        if logits.flat.iter().any(|logit| !logit.is_finite()) {
            return Err(T5Error::NotFinite { folder: self.model.folder.path.clone() });
        }
        Ok(logits)
    }
}

#[cfg(test)]
mod tests;
