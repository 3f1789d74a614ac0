//! `finegrain schemas`: the data contracts of `schemas/`, generated from the row types.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use tables::{all_contracts, data_contract_yaml};

use crate::exit::{Failure, failed};

fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let one = |contract: std::sync::Arc<tables::Contract>| {
        (folder.join(format!("{}.odcs.yaml", contract.name)), data_contract_yaml(&contract))
    };
    all_contracts().into_iter().map(one).collect()
}

/// Writes one data contract a table.
///
/// # Errors
/// [`Failure::Failed`] if a file cannot be written.
pub fn write(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display())).map_err(failed)?;
    for (path, text) in files(folder) {
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display())).map_err(failed)?;
    }
    Ok(())
}

/// Compares the files with the row types.
///
/// # Errors
/// [`Failure::Failed`] with the names of the files that differ.
pub fn check(folder: &Path) -> Result<(), Failure> {
    let stale = |(path, text): &(PathBuf, String)| std::fs::read_to_string(path).ok().as_ref() != Some(text);
    let differing: Vec<String> =
        files(folder).iter().filter(|file| stale(file)).map(|(path, _)| path.display().to_string()).collect();
    if differing.is_empty() {
        return Ok(());
    }
    Err(failed(anyhow!("{} differ from the row types; run `finegrain schemas --write`", differing.join(", "))))
}
