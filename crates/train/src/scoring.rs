//! A model's folder, read back: what it needs, and what it says of new embeddings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use serde::Deserialize;
use tch::Device;

use crate::aggregator::Aggregator;
use crate::card::VERSION;
use crate::concept_predictor::predict;
use crate::network::Network;
use crate::settings::Inputs;

/// Why a model cannot score.
#[derive(Debug, thiserror::Error)]
pub enum ScoringError {
    /// A file of the folder cannot be read.
    #[error("cannot read `{}`, which a model's folder has", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no model's folder, but one above.
    #[error("`{}` is no model's folder: there is no `card.json`; models lie below it, such as `{}`", folder.display(), below.display())]
    NoModel {
        /// The folder.
        folder: PathBuf,
        /// The first model below it.
        below: PathBuf,
    },
    /// The card is no card, or of another version of this program.
    #[error("`{}` is no card of a reward model: {problem}", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The tensors are not what the card says.
    #[error("`{}` does not fit its `card.json`: {problem}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It reads what pictures alone do not give.
    #[error(
        "`{run_id}` reads attribute scores, not embeddings, so there is no network to run: ask a VLM with `finegrain run \
         synth-feedback`, and combine the scores with the weights of its `card.json`"
    )]
    ReadsScores {
        /// The model.
        run_id: String,
    },
    /// Embeddings of another length.
    #[error("`{run_id}` reads {wanted} numbers an image, but the embeddings have {given}")]
    Length {
        /// The model.
        run_id: String,
        /// What it reads.
        wanted: usize,
        /// What there is.
        given: usize,
    },
    /// LibTorch failed.
    #[error("LibTorch failed on `{run_id}`")]
    Torch {
        /// The model.
        run_id: String,
        /// What it says.
        #[source]
        source: tch::TchError,
    },
}

/// A reward model that scores embeddings.
#[derive(Debug, Clone)]
pub struct ScoringModel {
    /// Its name.
    pub run_id: String,
    /// What it reads: image, text, or both, the image's first.
    pub inputs: Inputs,
    /// In the order of the concepts; none with coarse feedback.
    pub attributes: Vec<String>,
    /// What the embeddings must come from: the metadata of the table `embeddings` that it was trained on.
    pub embeddings: BTreeMap<String, String>,
    pub(crate) network: Network,
    pub(crate) aggregator: Option<Aggregator>,
}

/// What a model says.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Probability of good, one an image.
    pub rewards: Vec<f64>,
    /// Probability of each attribute, `[n, attributes]`; empty with coarse feedback.
    pub concepts: Vec<f64>,
}

/// The keys of a card that scoring reads.
#[derive(Deserialize)]
struct Card {
    card_version: u32,
    run_id: String,
    model_digest: String,
    inputs: Inputs,
    input_dim: Option<usize>,
    attributes: Vec<String>,
    embeddings: Option<BTreeMap<String, String>>,
}

impl ScoringModel {
    /// The model of a folder, as `train` wrote it.
    ///
    /// # Errors
    /// [`ScoringError`], but not `Length` or `Torch`.
    pub fn open(folder: &Path) -> Result<Self, ScoringError> {
        // Who names a file of the folder means the folder.
        let folder = if folder.is_file() { folder.parent().unwrap_or(folder) } else { folder };
        if !folder.join("card.json").exists()
            && let Some(below) = model_below(folder, DEEPEST)
        {
            return Err(ScoringError::NoModel { folder: folder.to_owned(), below });
        }
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| ScoringError::Read { path, source })
        };
        let path = folder.join("card.json");
        let wrong_card = |problem: String| ScoringError::Card { path: path.clone(), problem };
        let value: serde_json::Value =
            serde_json::from_slice(&read("card.json")?).map_err(|error| wrong_card(error.to_string()))?;
        let version = value["card_version"].as_u64();
        if version != Some(u64::from(VERSION)) {
            let found = version.map_or("none".to_owned(), |version| version.to_string());
            let problem = format!("its `card_version` is {found}, this program reads {VERSION}; run `train` again");
            return Err(wrong_card(problem));
        }
        let card: Card = serde_json::from_value(value).map_err(|error| wrong_card(error.to_string()))?;
        debug_assert_eq!(card.card_version, VERSION);
        if card.inputs == Inputs::Scores {
            return Err(ScoringError::ReadsScores { run_id: card.run_id });
        }
        let bytes = read("model.safetensors")?;
        let wrong = |problem: String| ScoringError::Model { path: folder.join("model.safetensors"), problem };
        let digest = tables::digest_bytes(&bytes);
        if digest != card.model_digest {
            let (found, expected) = (&digest[..16], card.model_digest.get(..16).unwrap_or(&card.model_digest));
            return Err(wrong(format!("its digest is {found}, the card is about {expected}: another model's weights")));
        }
        let file = SafeTensors::deserialize(&bytes).map_err(|error| wrong(error.to_string()))?;
        let network = Network::from_tensors(&file).ok_or_else(|| wrong("its layers do not fit together".to_owned()))?;
        let n_attributes = card.attributes.len();
        if card.input_dim != Some(network.n_in()) || network.n_heads() != n_attributes.max(1) {
            let (n_in, n_heads) = (network.n_in(), network.n_heads());
            let (wanted_in, wanted_heads) = (card.input_dim.unwrap_or(0), n_attributes.max(1));
            let problem = format!("it takes {n_in} numbers to {n_heads}, and should {wanted_in} to {wanted_heads}");
            return Err(wrong(problem));
        }
        let aggregator = if n_attributes == 0 {
            None
        } else {
            let weights = doubles(&file, "aggregator.weight").filter(|weights| weights.len() == n_attributes);
            let intercept = doubles(&file, "aggregator.intercept").and_then(|values| values.first().copied());
            let (Some(weights), Some(intercept)) = (weights, intercept) else {
                return Err(wrong(format!("it lacks `aggregator.weight` of {n_attributes} or `aggregator.intercept`")));
            };
            Some(Aggregator { weights, intercept })
        };
        let Card { run_id, inputs, attributes, embeddings, .. } = card;
        Ok(Self { run_id, inputs, attributes, embeddings: embeddings.unwrap_or_default(), network, aggregator })
    }

    /// Length of the vector that it reads.
    pub fn input_dim(&self) -> usize {
        self.network.n_in()
    }

    /// What it says of `n` embeddings, `[n, input_dim]`, on the CPU.
    ///
    /// # Errors
    /// [`ScoringError::Length`], [`ScoringError::Torch`].
    pub fn score(&self, embeddings: &[f32], n: usize) -> Result<Scores, ScoringError> {
        let run_id = || self.run_id.clone();
        if embeddings.len() != n * self.input_dim() {
            let given = embeddings.len().checked_div(n).unwrap_or(0);
            return Err(ScoringError::Length { run_id: run_id(), wanted: self.input_dim(), given });
        }
        let p = predict(&self.network, embeddings, n, Device::Cpu)
            .map_err(|source| ScoringError::Torch { run_id: run_id(), source })?;
        Ok(match &self.aggregator {
            None => Scores { rewards: p, concepts: Vec::new() },
            Some(aggregator) => Scores { rewards: aggregator.predict(&p), concepts: p },
        })
    }
}

/// How far below a folder a model is looked for: models, experiment, arm, size and seed.
const DEEPEST: usize = 5;

/// The first model below a folder, by name.
fn model_below(folder: &Path, deepest: usize) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut folders: Vec<PathBuf> =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect();
    folders.sort();
    let own = folders.iter().find(|folder| folder.join("card.json").is_file()).cloned();
    own.or_else(|| folders.iter().filter(|_| deepest > 1).find_map(|folder| model_below(folder, deepest - 1)))
}

fn doubles(file: &SafeTensors, name: &str) -> Option<Vec<f64>> {
    let tensor = file.tensor(name).ok().filter(|tensor| tensor.dtype() == safetensors::Dtype::F64)?;
    Some(tensor.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}
