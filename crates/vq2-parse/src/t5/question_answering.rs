//! An extractive question-answering model: a question and a context in, a part of the context out.
//!
//! BERT (Devlin et al. 2019) or DistilBERT (Sanh et al. 2019) with a start and an end score per token, through rust-bert.

use std::collections::HashMap;

use rust_bert::bert::{BertConfig, BertEmbeddings, BertModel};
use rust_bert::distilbert::{DistilBertConfig, DistilBertForQuestionAnswering};
use rust_tokenizers::Mask;
use rust_tokenizers::tokenizer::{BertTokenizer, Tokenizer};
use rust_tokenizers::vocab::{BertVocab, Vocab};
use serde::Deserialize;
use tch::nn::{self, VarStore};
use tch::{Device, Kind, Tensor};

use super::answer_span::{Piece, Span, best_span, pieces};
use super::batches::of_each_batch;
use super::error::{AnyError, T5Error, guarded};
use super::folder::{OpenFolder, QUESTION_ANSWERING};
use super::weights::WeightFile;
use crate::settings::QuestionAnsweringSettings;

// A longer question is cut, so that its context has room (`max_question_len` of `transformers`).
const LONGEST_QUESTION_TOKENS: usize = 64;

/// The question-answering model on its device.
pub struct QuestionAnswering {
    folder: OpenFolder,
    tokenizer: BertTokenizer,
    network: Network,
    device: Device,
    settings: QuestionAnsweringSettings,
    batch_size: usize,
    /// `[CLS]`, `[SEP]`, `[PAD]`.
    cls: i64,
    sep: i64,
    pad: i64,
}

#[allow(unsafe_code, reason = "tch's tensors are not Sync, because their in-place operations take `&self`")]
// SAFETY: nothing writes to the weights after `load`, which froze them, and LibTorch may read a tensor from several
// threads; the gradient switch that `guarded` turns is each thread's own.
unsafe impl Sync for QuestionAnswering {}

enum Network {
    Bert { bert: BertModel<BertEmbeddings>, qa_outputs: nn::Linear },
    DistilBert(DistilBertForQuestionAnswering),
}

/// An answer found in a context.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// First byte in the context.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
    /// Product of start and end probability.
    pub score: f64,
}

#[derive(Deserialize)]
struct TokenizerConfig {
    #[serde(default = "yes")]
    do_lower_case: bool,
    strip_accents: Option<bool>,
}

fn yes() -> bool {
    true
}

/// What of `config.json` matters, under BERT's names; DistilBERT's are aliases.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    architectures: Vec<String>,
    #[serde(alias = "dim")]
    hidden_size: i64,
    #[serde(alias = "hidden_dim")]
    intermediate_size: i64,
    #[serde(alias = "n_heads")]
    num_attention_heads: i64,
    #[serde(alias = "n_layers")]
    num_hidden_layers: i64,
    max_position_embeddings: i64,
    type_vocab_size: Option<i64>,
    vocab_size: i64,
    #[serde(alias = "activation")]
    hidden_act: String,
    layer_norm_eps: Option<f64>,
}

impl Config {
    fn is_distilbert(&self) -> bool {
        self.architectures.iter().any(|name| name == "DistilBertForQuestionAnswering")
    }

    /// Says what rust-bert would panic at, or silently do otherwise.
    fn check(&self) -> Result<(), String> {
        if !self.is_distilbert() && !self.architectures.iter().any(|name| name == "BertForQuestionAnswering") {
            let found = self.architectures.join(", ");
            return Err(format!(
                "`architectures` is [{found}], and this needs BertForQuestionAnswering or DistilBertForQuestionAnswering"
            ));
        }
        let sizes = [
            self.hidden_size,
            self.intermediate_size,
            self.num_attention_heads,
            self.num_hidden_layers,
            self.max_position_embeddings,
            self.vocab_size,
        ];
        if sizes.iter().any(|size| !(1..=i64::from(u32::MAX >> 2)).contains(size)) {
            return Err("a size is not positive, or absurd".to_owned());
        }
        if self.hidden_size % self.num_attention_heads != 0 {
            return Err("the hidden size is no multiple of the number of attention heads".to_owned());
        }
        if !self.is_distilbert() && self.type_vocab_size.unwrap_or(2) < 2 {
            return Err("`type_vocab_size` is below 2: it cannot tell a question from its context".to_owned());
        }
        if self.layer_norm_eps.is_some_and(|epsilon| epsilon != 1e-12) {
            return Err("`layer_norm_eps` is not 1e-12, which is what rust-bert computes with".to_owned());
        }
        Ok(())
    }

    fn check_tensors(&self, file: &WeightFile) -> Result<(), T5Error> {
        let (hidden, inner) = (self.hidden_size, self.intermediate_size);
        let linear = |name: &str, n_out: i64, n_in: i64| {
            file.expect(&format!("{name}.weight"), &[n_out, n_in])?;
            file.expect(&format!("{name}.bias"), &[n_out])
        };
        let norm = |name: &str| {
            file.expect(&format!("{name}.weight"), &[hidden])?;
            file.expect(&format!("{name}.bias"), &[hidden])
        };
        let base = if self.is_distilbert() { "distilbert" } else { "bert" };
        file.expect(&format!("{base}.embeddings.word_embeddings.weight"), &[self.vocab_size, hidden])?;
        let positions = [self.max_position_embeddings, hidden];
        file.expect(&format!("{base}.embeddings.position_embeddings.weight"), &positions)?;
        norm(&format!("{base}.embeddings.LayerNorm"))?;
        if !self.is_distilbert() {
            let types = [self.type_vocab_size.unwrap_or(2), hidden];
            file.expect("bert.embeddings.token_type_embeddings.weight", &types)?;
        }
        for layer in 0..self.num_hidden_layers {
            if self.is_distilbert() {
                let layer = format!("distilbert.transformer.layer.{layer}");
                for name in ["q_lin", "k_lin", "v_lin", "out_lin"] {
                    linear(&format!("{layer}.attention.{name}"), hidden, hidden)?;
                }
                linear(&format!("{layer}.ffn.lin1"), inner, hidden)?;
                linear(&format!("{layer}.ffn.lin2"), hidden, inner)?;
                norm(&format!("{layer}.sa_layer_norm"))?;
                norm(&format!("{layer}.output_layer_norm"))?;
            } else {
                let layer = format!("bert.encoder.layer.{layer}");
                for name in ["self.query", "self.key", "self.value", "output.dense"] {
                    linear(&format!("{layer}.attention.{name}"), hidden, hidden)?;
                }
                linear(&format!("{layer}.intermediate.dense"), inner, hidden)?;
                linear(&format!("{layer}.output.dense"), hidden, inner)?;
                norm(&format!("{layer}.attention.output.LayerNorm"))?;
                norm(&format!("{layer}.output.LayerNorm"))?;
            }
        }
        linear("qa_outputs", 2, hidden)
    }

    fn network(&self, root: &nn::Path<'_>) -> Result<Network, AnyError> {
        if self.is_distilbert() {
            let activation = serde_json::from_value(self.hidden_act.clone().into())?;
            let config = DistilBertConfig {
                activation,
                dim: self.hidden_size,
                hidden_dim: self.intermediate_size,
                n_heads: self.num_attention_heads,
                n_layers: self.num_hidden_layers,
                max_position_embeddings: self.max_position_embeddings,
                vocab_size: self.vocab_size,
                ..DistilBertConfig::default()
            };
            return Ok(Network::DistilBert(DistilBertForQuestionAnswering::new(root, &config)));
        }
        let config = BertConfig {
            hidden_act: serde_json::from_value(self.hidden_act.clone().into())?,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_attention_heads: self.num_attention_heads,
            num_hidden_layers: self.num_hidden_layers,
            max_position_embeddings: self.max_position_embeddings,
            type_vocab_size: self.type_vocab_size.unwrap_or(2),
            vocab_size: self.vocab_size,
            ..BertConfig::default()
        };
        // rust-bert's own question-answering BERT wants a pooler, which such models are saved without.
        let bert = BertModel::new_with_optional_pooler(root / "bert", &config, false);
        let qa_outputs = nn::linear(root / "qa_outputs", self.hidden_size, 2, nn::LinearConfig::default());
        Ok(Network::Bert { bert, qa_outputs })
    }
}

/// Layer norms as TensorFlow named them.
fn aliases(variable: &str) -> Vec<String> {
    let renamed = |from: &str, to: &str| variable.strip_suffix(from).map(|stem| format!("{stem}{to}"));
    renamed("LayerNorm.weight", "LayerNorm.gamma")
        .or_else(|| renamed("LayerNorm.bias", "LayerNorm.beta"))
        .into_iter()
        .collect()
}

/// A context's tokens and where each word stands.
struct ContextTokens {
    ids: Vec<i64>,
    /// First character and one past the last, of each token.
    characters: Vec<(usize, usize)>,
    /// Whether the token goes on with the word of the token before.
    continues: Vec<bool>,
}

/// One piece on its way through the network.
struct Input {
    /// Index of its question.
    of: usize,
    ids: Vec<i64>,
    /// Where the context starts in `ids`.
    offset: usize,
    /// The context's tokens `first..last`.
    context: (usize, usize),
}

impl QuestionAnswering {
    /// Loads a folder with `config.json`, `model.safetensors`, `vocab.txt` and `tokenizer_config.json`.
    ///
    /// `batch_size` inputs go through the network together.
    ///
    /// # Errors
    /// [`T5Error`] names the file, setting or tensor that is missing or does not fit.
    pub fn load(settings: &QuestionAnsweringSettings, batch_size: usize, device: Device) -> Result<Self, T5Error> {
        let folder = QUESTION_ANSWERING.open(&settings.folder)?;
        let config: Config = folder.json("config.json")?;
        config.check().map_err(|problem| folder.unfit("config.json", problem))?;
        if settings.max_tokens as u64 > config.max_position_embeddings as u64 {
            let problem = format!(
                "it has {} positions, and `vq2-parse.t5.filter.question_answering.max_tokens` is {}",
                config.max_position_embeddings, settings.max_tokens
            );
            return Err(folder.unfit("config.json", problem));
        }
        let TokenizerConfig { do_lower_case, strip_accents } = folder.json("tokenizer_config.json")?;
        let vocabulary = BertVocab::from_file(folder.file("vocab.txt")).map_err(|e| folder.unfit("vocab.txt", e))?;
        if vocabulary.values().values().any(|&id| id >= config.vocab_size) {
            return Err(folder.unfit("vocab.txt", format!("has more words than the network's {}", config.vocab_size)));
        }
        let special = |value: &str| vocabulary.token_to_id(value);
        let (cls, sep) = (special(vocabulary.get_cls_value()), special(vocabulary.get_sep_value()));
        let pad = special(vocabulary.get_pad_value());
        let tokenizer =
            BertTokenizer::from_existing_vocab(vocabulary, do_lower_case, strip_accents.unwrap_or(do_lower_case));
        let mut file = WeightFile::open(&folder.file("model.safetensors"), aliases)?;
        config.check_tensors(&file)?;
        let mut variables = VarStore::new(device);
        let network = guarded("building the question-answering model", || config.network(&variables.root()))?;
        file.fill(&mut variables)?;
        Ok(Self { folder, tokenizer, network, device, settings: settings.clone(), batch_size, cls, sep, pad })
    }

    /// The answers to questions, each on its context; `None` where the model says that there is none.
    ///
    /// # Errors
    /// [`T5Error::Torch`] if LibTorch fails, [`T5Error::NotFinite`] for damaged weights.
    pub fn answers(&self, questions: &[(&str, &str)]) -> Result<Vec<Option<Answer>>, T5Error> {
        let mut contexts: HashMap<&str, ContextTokens> = HashMap::new();
        let mut inputs = Vec::new();
        for (of, &(question, context)) in questions.iter().enumerate() {
            let tokens = contexts.entry(context).or_insert_with(|| self.context_tokens(context));
            self.add_inputs(of, question, tokens, &mut inputs);
        }
        // Equal lengths together: little padding.
        inputs.sort_by_key(|input| (input.ids.len(), input.of, input.context));
        let batches: Vec<&[Input]> = inputs.chunks(self.batch_size.max(1)).collect();
        let made = of_each_batch(self.device, &batches, |batch| self.pieces(batch))?;
        let mut found: Vec<Vec<Piece>> = vec![Vec::new(); questions.len()];
        for (input, piece) in inputs.iter().zip(made.into_iter().flatten()) {
            found[input.of].push(piece);
        }
        let answer = |(&(_, context), mut pieces): (&(&str, &str), Vec<Piece>)| {
            pieces.sort_by_key(|piece| piece.first);
            match best_span(&pieces, self.settings.max_answer_tokens, self.settings.no_answer)? {
                Span::Tokens { first, last, piece, score } => {
                    let (start, end) = contexts.get(context)?.bytes(context, first, last, piece)?;
                    Some(Answer { start, end, score })
                }
                Span::Nothing { .. } => None,
            }
        };
        Ok(questions.iter().zip(found).map(answer).collect())
    }

    fn ids(&self, tokens: &[String]) -> Vec<i64> {
        self.tokenizer.convert_tokens_to_ids(tokens)
    }

    fn context_tokens(&self, context: &str) -> ContextTokens {
        let made = self.tokenizer.tokenize_with_offsets(context);
        let characters =
            made.offsets.iter().map(|offset| offset.map_or((0, 0), |o| (o.begin as usize, o.end as usize))).collect();
        let continues = made.masks.iter().map(|mask| *mask == Mask::Continuation).collect();
        ContextTokens { ids: self.ids(&made.tokens), characters, continues }
    }

    /// `[CLS] question [SEP] piece [SEP]`, one for each piece of the context.
    fn add_inputs(&self, of: usize, question: &str, context: &ContextTokens, inputs: &mut Vec<Input>) {
        let mut head = vec![self.cls];
        head.extend(self.ids(&self.tokenizer.tokenize(question)));
        // At least one token of the context must have room.
        head.truncate(1 + LONGEST_QUESTION_TOKENS.min(self.settings.max_tokens.saturating_sub(4)));
        head.push(self.sep);
        let room = self.settings.max_tokens.saturating_sub(head.len() + 1);
        for (first, last) in pieces(context.ids.len(), room, self.settings.stride) {
            let ids = [&head, &context.ids[first..last], &[self.sep]].concat();
            inputs.push(Input { of, ids, offset: head.len(), context: (first, last) });
        }
    }

    fn pieces(&self, batch: &[Input]) -> Result<Vec<Piece>, T5Error> {
        let longest = batch.iter().map(|input| input.ids.len()).max().unwrap_or(0);
        let mut ids = vec![self.pad; batch.len() * longest];
        let (mut mask, mut types) = (vec![0_i64; ids.len()], vec![0_i64; ids.len()]);
        for (at, input) in batch.iter().enumerate() {
            let row = at * longest..at * longest + input.ids.len();
            types[row.start + input.offset..row.end].fill(1);
            mask[row.clone()].fill(1);
            ids[row].copy_from_slice(&input.ids);
        }
        let shape = [batch.len() as i64, longest as i64];
        let logits = guarded("answering questions", || {
            let tensor = |values: &[i64]| Tensor::f_from_slice(values)?.f_view(shape)?.f_to_device(self.device);
            self.logits(&tensor(&ids)?, &tensor(&mask)?, &tensor(&types)?)
        })?;
        if logits.iter().flatten().any(|logit| !logit.is_finite()) {
            return Err(T5Error::NotFinite { folder: self.folder.path.clone() });
        }
        let [starts, ends] = logits;
        let piece = |(at, input): (usize, &Input)| {
            let row = at * longest;
            let context = row + input.offset..row + input.ids.len() - 1;
            let of = |logits: &[f32]| [&logits[row..=row], &logits[context.clone()]].concat();
            Piece { starts: of(&starts), ends: of(&ends), first: input.context.0 }
        };
        Ok(batch.iter().enumerate().map(piece).collect())
    }

    /// Start and end logits, `[rows × tokens]` each.
    fn logits(&self, ids: &Tensor, mask: &Tensor, types: &Tensor) -> Result<[Vec<f32>; 2], AnyError> {
        let (starts, ends) = match &self.network {
            Network::Bert { bert, qa_outputs } => {
                let out = bert.forward_t(Some(ids), Some(mask), Some(types), None, None, None, None, false)?;
                let logits = out.hidden_state.apply(qa_outputs);
                (logits.f_select(-1, 0)?, logits.f_select(-1, 1)?)
            }
            Network::DistilBert(model) => {
                let out = model.forward_t(Some(ids), Some(mask), None, false)?;
                (out.start_logits, out.end_logits)
            }
        };
        let flat = |logits: Tensor| -> Result<Vec<f32>, AnyError> {
            let logits = logits.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?;
            Ok(Vec::<f32>::try_from(logits.f_view(-1)?)?)
        };
        Ok([flat(starts)?, flat(ends)?])
    }
}

impl ContextTokens {
    /// The bytes of tokens `first..=last`, widened to whole words as far as their piece goes.
    fn bytes(&self, context: &str, mut first: usize, mut last: usize, piece: (usize, usize)) -> Option<(usize, usize)> {
        while first > piece.0 && self.continues[first] {
            first -= 1;
        }
        while last + 1 < piece.1 && self.continues[last + 1] {
            last += 1;
        }
        let (start, end) = (self.characters.get(first)?.0, self.characters.get(last)?.1);
        let byte = |character: usize| context.char_indices().map(|(at, _)| at).chain([context.len()]).nth(character);
        let (start, end) = (byte(start)?, byte(end)?);
        (start < end).then_some((start, end))
    }
}

#[cfg(test)]
mod tests;
