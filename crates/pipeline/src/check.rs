//! `finegrain check`: the configuration, and every table against its contract and the tables that it names rows of.

use std::io::Write;

use anyhow::anyhow;
use tables::all_contracts;

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::root::DataRoot;
use crate::run::Selection;

/// Checks everything that is there; writes one line a table.
///
/// # Errors
/// [`Failure::Usage`] for the configuration; [`Failure::Failed`] after all findings were written.
pub fn check(config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
    let stages = crate::stages::from_config(config)?;
    crate::names::check(config, &Selection::default())?;
    let root = DataRoot::open(&config.data_root().map_err(usage)?)?;
    let mut say = |line: String| writeln!(out, "{line}").map_err(failed);
    say(format!("configuration: {} stages", stages.len()))?;
    let wanted: Vec<&str> = stages.iter().flat_map(|stage| stage.writes()).collect();
    let width = all_contracts().iter().map(|contract| contract.name.len()).max().unwrap_or(0);
    let mut n_broken = 0;
    for contract in all_contracts() {
        let checked = root.tables.open_file(&contract).and_then(|file| file.map(|file| file.digest()).transpose());
        match checked {
            Ok(Some((_, n_rows))) => say(format!("{:<width$} ok, {n_rows} rows", contract.name))?,
            // A table that these settings do not ask for is not missed.
            Ok(None) if !wanted.contains(&contract.name) => {}
            Ok(None) => say(format!("{:<width$} not there yet", contract.name))?,
            Err(error) => {
                n_broken += 1;
                say(format!("{:<width$} {:#}", contract.name, anyhow::Error::new(error)))?;
            }
        }
    }
    if n_broken == 0
        && let Err(error) = root.tables.check_references()
    {
        n_broken += 1;
        say(format!("{:<width$} {:#}", "references", anyhow::Error::new(error)))?;
    }
    if n_broken > 0 { Err(failed(anyhow!("{n_broken} findings"))) } else { Ok(()) }
}
