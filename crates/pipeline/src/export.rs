//! `finegrain export`: a trained reward model for programs that run PyTorch.

use std::path::PathBuf;

use clap::Args;
use train::ScoringModel;

use crate::exit::{Failure, failed, usage};
use crate::out_file;

/// What to export, and where to.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// A reward model's folder, such as data/run/models/preferences/all/n400/s0
    #[arg(long, value_name = "FOLDER")]
    model: PathBuf,
    /// Where the TorchScript module goes: embeddings [n, d] in, [n, 1 + k] out, the rewards and then the attributes' probabilities
    #[arg(long, value_name = "FILE.pt")]
    out: PathBuf,
}

/// Writes the module.
///
/// # Errors
/// [`Failure`].
pub fn export(arguments: &ExportArgs) -> Result<(), Failure> {
    let model = ScoringModel::open(&arguments.model).map_err(usage)?;
    let scratch = out_file::scratch(&arguments.out).map_err(failed)?;
    model.write_torchscript(scratch.path()).map_err(failed)?;
    out_file::persist(scratch, &arguments.out).map_err(failed)?;
    tracing::info!(input_dim = model.input_dim(), attributes = ?model.attributes, "`{}` written", arguments.out.display());
    Ok(())
}
