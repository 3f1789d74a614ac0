//! What can keep the stage from its work.

use tables::{StageError, StorageError, TableError};

/// Why reward models could not be trained at all. One run without a model is no error: it is a row with a reason.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A setting that parses but cannot be meant.
    #[error("`train.{key}`: {problem}")]
    Setting {
        /// Where it stands in the pipeline file, below `train`.
        key: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// No image has a rating of the target's aspect.
    #[error(
        "`train.experiments.{experiment}.target`: no image has a rating of aspect `{aspect}`; \
         the aspects in `preferences` are: {known}"
    )]
    UnknownAspect {
        /// The experiment.
        experiment: String,
        /// The aspect that it asks for.
        aspect: String,
        /// Those that are there.
        known: String,
    },
    /// No image has a rating of the target's aspect in its context.
    #[error(
        "`train.experiments.{experiment}.target`: no image has a rating of aspect `{aspect}` in context `{context}`; \
         the contexts of that aspect in `ratings` are: {known}"
    )]
    UnknownContext {
        /// The experiment.
        experiment: String,
        /// The aspect that it asks for.
        aspect: String,
        /// The context that it asks for.
        context: String,
        /// Those that are there.
        known: String,
    },
    /// No image has a row for an attribute.
    #[error(
        "`train.experiments.{experiment}`: `attribute_scores` has no row of attribute `{attribute}` from source \
         `{source_name}`; it has: {known}"
    )]
    UnknownAttribute {
        /// The experiment.
        experiment: String,
        /// The attribute that it asks for.
        attribute: String,
        /// The source of the experiment's scores.
        source_name: &'static str,
        /// The attributes that this source has.
        known: String,
    },
    /// A table could not be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A model could not be kept or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The device of the settings is not there.
    #[error(transparent)]
    Device(#[from] torch_device::DeviceError),
    /// LibTorch failed, for instance for lack of memory.
    #[error("LibTorch failed on run `{run_id}`")]
    Torch {
        /// The run.
        run_id: String,
        /// What it says.
        #[source]
        source: tch::TchError,
    },
    /// A network that was kept a moment ago is gone.
    #[error("the network of run `{run_id}`, `{key}`, has vanished while the stage ran; run it again")]
    Vanished {
        /// The run.
        run_id: String,
        /// Where it stood.
        key: String,
    },
    /// A model does not fit the safetensors format.
    #[error("cannot write the model of run `{run_id}`")]
    Model {
        /// The run.
        run_id: String,
        /// What the format's library says.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// Something that cannot be trained on.
    #[error("network {at} of the sweep: {problem}")]
    Problem {
        /// Its place in the list.
        at: usize,
        /// What is wrong.
        problem: String,
    },
    /// The threads that train could not be started.
    #[error("cannot start {n_threads} training threads")]
    Threads {
        /// How many.
        n_threads: usize,
        /// Why.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
}

impl TrainError {
    /// A setting that cannot be meant.
    pub(crate) fn setting(key: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Setting { key: key.into(), problem: problem.into() }
    }
}

const _: fn(TrainError) -> StageError = StageError::from;
