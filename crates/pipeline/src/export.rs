//! `finegrain export`: a trained reward model for programs that run PyTorch.

use std::path::PathBuf;

use anyhow::Context;
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
    out_file::check(&arguments.out, "pt").map_err(usage)?;
    let scratch = out_file::scratch_folder(&arguments.out).map_err(failed)?;
    // Not under a name of chance: LibTorch names what is in the file after the file.
    let file = scratch.path().join("reward_model.pt");
    model.write_torchscript(&file).map_err(failed)?;
    let renamed = std::fs::rename(file, &arguments.out);
    renamed.with_context(|| format!("cannot write `{}`", arguments.out.display())).map_err(failed)?;
    tracing::info!(input_dim = model.input_dim(), attributes = ?model.attributes, "`{}` written", arguments.out.display());
    Ok(())
}
