//! Why `synth-feedback` failed.

use sources::SourceError;
use tables::{ImageError, StorageError, TableError};

use crate::spending::LimitReached;

/// Why `synth-feedback` failed. What was answered before is kept.
#[derive(Debug, thiserror::Error)]
pub enum SynthFeedbackError {
    /// A setting that cannot work.
    #[error("`synth-feedback.{key}`: {problem}")]
    Setting {
        /// The key below `synth-feedback`.
        key: &'static str,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// An aspect of `human` that nobody rated.
    #[error("`synth-feedback.human`: nobody rated `{aspect}`; the aspects of `preferences` are {known}")]
    UnknownAspect {
        /// The aspect.
        aspect: String,
        /// Those that there are.
        known: String,
    },
    /// A row of the imported answers that fits no question, or is no answer.
    #[error("`synth-feedback.import.answers`: row {row} of the SELECT: {problem}")]
    ImportedRow {
        /// The row of the result, from 1.
        row: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// The imported files, or the SELECT from them.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An endpoint cannot be asked about what it cannot see.
    #[error(
        "{n_images} images have no pixels (the first is `{first}`), so `endpoint` cannot be asked about them; \
             leave `endpoint` out and use `import`"
    )]
    NoPixels {
        /// How many.
        n_images: usize,
        /// The first.
        first: String,
    },
    /// An image's file is gone or cannot be read.
    #[error("image `{image_id}`; if the images were moved or changed, rerun `ingest`")]
    Image {
        /// The image.
        image_id: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// An image's file is not the one that `ingest` saw.
    #[error("image `{image_id}`: `{path}` has changed since `ingest` read it; rerun `ingest`")]
    ImageChanged {
        /// The image.
        image_id: String,
        /// Its file under the image root.
        path: String,
    },
    /// An image is in no format that a data URL can name.
    #[error("image `{image_id}`: `{path}` is no PNG, JPEG, WebP, GIF or BMP, so no VLM server will take it")]
    ImageFormat {
        /// The image.
        image_id: String,
        /// Its file under the image root.
        path: String,
    },
    /// A picture could not be made as small as `image` wants it.
    #[error("image `{image_id}`: `{path}` cannot be made smaller as `synth-feedback.endpoint.image` says: {problem}")]
    ImageTooLarge {
        /// The image.
        image_id: String,
        /// Its file under the image root.
        path: String,
        /// Why.
        problem: String,
    },
    /// The HTTP client cannot be made.
    #[error("cannot set up the HTTP client")]
    HttpClient(#[source] reqwest::Error),
    /// The threads that wait for the network cannot be started.
    #[error("cannot start the threads that wait for the network")]
    Runtime(#[source] std::io::Error),
    /// The endpoint does not let us in, or there is none at this URL.
    #[error("`{url}` answers {status} ({message}); {advice}")]
    Denied {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the server says.
        message: String,
        /// What to do.
        advice: &'static str,
    },
    /// The endpoint is there, but has not answered a single question usefully.
    #[error("all {n_asked} questions that `{url}` was asked failed, the last with: {reason}")]
    Useless {
        /// The URL.
        url: String,
        /// How many questions.
        n_asked: usize,
        /// The last failure.
        reason: String,
    },
    /// The endpoint does not answer the first question that it is asked: time may mend it.
    #[error("`{url}` cannot be asked: {reason}")]
    NotThere {
        /// The URL.
        url: String,
        /// The failure of the last attempt.
        reason: String,
    },
    /// The endpoint is down or overloaded: time may mend it.
    #[error(
        "`{url}` failed {n_failed} questions in a row, the last with: {reason}; what was answered is kept, a rerun asks the rest"
    )]
    Down {
        /// The URL.
        url: String,
        /// How many questions.
        n_failed: usize,
        /// The last failure.
        reason: String,
    },
    /// The one question of `finegrain doctor` has no answer that can be read.
    #[error("`{url}` cannot be used: {reason}")]
    Probe {
        /// The URL.
        url: String,
        /// Why: no connection, what the server says, or what the answer lacks.
        reason: String,
    },
    /// Ctrl-C, or a request to terminate.
    #[error("interrupted; what was answered is kept, a rerun asks the rest")]
    Interrupted,
    /// `max_requests` or `max_cost`: not a failure of the endpoint, and nothing that time mends.
    #[error(
        "`synth-feedback.endpoint`: {limit} of one run is reached, with {n_left} questions left; what was answered is kept, a run \
         with a higher limit (or another one with this) asks the rest"
    )]
    Limit {
        /// Which.
        limit: LimitReached,
        /// Questions that are not answered yet.
        n_left: usize,
    },
    /// Another program is rewriting the answer store.
    #[error("another program is compacting, pruning or looking through the answer store `{store}`; wait for it to end")]
    StoreBusy {
        /// Where the store is.
        store: String,
    },
    /// `serve` could not be started.
    #[error("cannot start `{program}` of `synth-feedback.endpoint.serve`")]
    ServeStart {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The started server ended, or was not healthy in time.
    #[error("the server `{program}` of `synth-feedback.endpoint.serve` {problem}{last_lines}")]
    ServeFailed {
        /// The program.
        program: String,
        /// What happened.
        problem: String,
        /// Its last output, or nothing.
        last_lines: String,
    },
    /// A table or the answer store.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl From<StorageError> for SynthFeedbackError {
    fn from(error: StorageError) -> Self {
        Self::Table(error.into())
    }
}

impl SynthFeedbackError {
    /// Whether the same command may well succeed later.
    pub fn retry_later(&self) -> bool {
        matches!(self, Self::Down { .. } | Self::NotThere { .. } | Self::Interrupted | Self::StoreBusy { .. })
    }
}
