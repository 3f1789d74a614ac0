//! What can go wrong between a folder of weights and a question.

use std::error::Error;
use std::path::PathBuf;

use torch_device::DeviceError;

/// An error of a file, a parser, LibTorch or rust-bert.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// Why questions could not be generated.
#[derive(Debug, thiserror::Error)]
pub enum T5Error {
    /// A folder that is on no disk of this machine.
    #[error("`vq2-parse.t5.{setting}`: `{location}` is no local path; copy the model's files to this machine")]
    NotLocal {
        /// The key.
        setting: &'static str,
        /// What it says.
        location: String,
    },
    /// A model's file is not there.
    #[error(
        "`{}` is not there; `vq2-parse.t5.{setting}` must be the folder of a Hugging Face model with {}",
        file.display(), files.join(", ")
    )]
    NoFile {
        /// The file.
        file: PathBuf,
        /// The key of its folder.
        setting: &'static str,
        /// All that the folder must hold.
        files: &'static [&'static str],
    },
    /// A file that cannot be read, or is not what it should be.
    #[error("`{}` does not fit", file.display())]
    Unfit {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: AnyError,
    },
    /// A tensor that the network needs is not in the file.
    #[error(
        "`{}` has no tensor `{tensor}`; it has {n_tensors} others, so its `config.json` is perhaps another model's",
        file.display()
    )]
    NoTensor {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// How many tensors there are.
        n_tensors: usize,
    },
    /// A tensor of another shape than `config.json` says.
    #[error("`{}`: tensor `{tensor}` has the shape {found:?}, and by `config.json` it must have {expected:?}", file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// What the configuration says.
        expected: Vec<i64>,
    },
    /// Numbers that the weights make are not finite.
    #[error("the model in `{}` gives NaN or infinite logits: its weights are damaged, or not this model's", folder.display())]
    NotFinite {
        /// The folder.
        folder: PathBuf,
    },
    /// LibTorch failed in the middle of the work.
    #[error("{doing}: {message}")]
    Torch {
        /// What was being done.
        doing: &'static str,
        /// What it says.
        message: String,
    },
    /// The device cannot be had.
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// Runs a network; a panic inside becomes an error.
///
/// rust-bert unwraps what LibTorch answers, so that a device whose memory is full would end the program.
///
/// # Errors
/// [`T5Error::Torch`] with the panic's message.
pub fn guarded<T>(doing: &'static str, network: impl FnOnce() -> Result<T, AnyError>) -> Result<T, T5Error> {
    let caught = tch::no_grad(|| std::panic::catch_unwind(std::panic::AssertUnwindSafe(network)));
    let message = match caught {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
            .unwrap_or_else(|| "unknown failure".to_owned()),
    };
    Err(T5Error::Torch { doing, message })
}
