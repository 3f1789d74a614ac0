//! What can go wrong in `embed`.

use std::error::Error;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tables::{ImageError, TableError};
use torch_device::DeviceError;

/// An error of LibTorch, rust-bert or a decoder.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// Why images or prompts could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A setting makes no sense.
    #[error("`embed.{setting}`: {problem}")]
    Setting {
        /// The key.
        setting: &'static str,
        /// What is wrong with it, and what would do.
        problem: String,
    },
    /// An encoder's file is not there.
    #[error("`{}` is not there; run `make setup` for the default encoders' weights", file.display())]
    NoWeights {
        /// The file.
        file: PathBuf,
    },
    /// An encoder's file is there but is not what this encoder needs.
    #[error(
        "`{}` does not fit the encoder that `embed` sets; the default encoders' files are fetched again by `make setup`",
        file.display()
    )]
    Weights {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: AnyError,
    },
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// An image file could not be read.
    #[error("image `{image_id}`: mend the file and rerun `ingest`, or set `embed.on_bad_image: skip`")]
    Read {
        /// The image.
        image_id: String,
        /// Why.
        #[source]
        source: Box<ImageError>,
    },
    /// An image file is no picture, or not a whole one.
    #[error(
        "image `{image_id}`, `{path}`: cannot be decoded; mend the file and rerun `ingest`, or set `embed.on_bad_image: skip`"
    )]
    Decode {
        /// The image.
        image_id: String,
        /// Its file.
        path: String,
        /// What the decoder says.
        #[source]
        source: AnyError,
    },
    /// An image file is not the one that `ingest` saw.
    #[error("image `{image_id}`, `{path}`: the file has changed since `ingest` read it; rerun `ingest`")]
    Changed {
        /// The image.
        image_id: String,
        /// Its file.
        path: String,
    },
    /// The prompt of an image is not in the table `prompts`.
    #[error("image `{image_id}`: its prompt `{prompt_id}` is not in the table `prompts`; rerun `ingest`")]
    NoPrompt {
        /// The image.
        image_id: String,
        /// The prompt.
        prompt_id: String,
    },
    /// LibTorch failed.
    #[error("the {encoder} encoder failed on {device}; with `out of memory`, set a smaller `embed.batch_size`")]
    Encode {
        /// `image` or `text`.
        encoder: &'static str,
        /// The device.
        device: String,
        /// What LibTorch says.
        #[source]
        source: AnyError,
    },
    /// An encoder gives vectors of more than one length.
    #[error("the encoder gives vectors of {one} and of {another} numbers")]
    Lengths {
        /// One length.
        one: usize,
        /// Another.
        another: usize,
    },
    /// The file that vectors stand in while the stage works failed.
    #[error("cannot write or read the scratch file of vectors under the data root")]
    Scratch {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A table could not be read or written.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// The error for an encoder's file that cannot be read.
pub fn absent_or_unfit(file: &Path) -> impl FnOnce(std::io::Error) -> EmbedError {
    move |source| match source.kind() {
        std::io::ErrorKind::NotFound => EmbedError::NoWeights { file: file.to_owned() },
        _ => unfit(file)(source),
    }
}

/// The error for an encoder's file that is not what it should be.
pub fn unfit<E: Into<AnyError>>(file: &Path) -> impl FnOnce(E) -> EmbedError {
    move |source| EmbedError::Weights { file: file.to_owned(), source: source.into() }
}

/// Reads an encoder's JSON file.
///
/// # Errors
/// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
pub fn read_json<T: DeserializeOwned>(file: &Path) -> Result<T, EmbedError> {
    let bytes = std::fs::read(file).map_err(absent_or_unfit(file))?;
    serde_json::from_slice(&bytes).map_err(unfit(file))
}
