//! `finegrain plan`: what a run would do, and why.

use std::collections::BTreeMap;
use std::io::Write;

use tables::StageName;

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::freshness;
use crate::root::DataRoot;
use crate::run::{Selection, refuse_if_lacking};

/// Writes one line a stage, and indented below it every reason and what it would ask of the world outside.
///
/// # Errors
/// [`Failure`].
pub fn plan(config: &Config, selection: &Selection, out: &mut dyn Write) -> Result<(), Failure> {
    let stages = crate::stages::from_config(config)?;
    selection.check(&stages)?;
    crate::names::check(config, selection)?;
    let root = DataRoot::open(&config.data_root().map_err(usage)?)?;
    let written = root.written()?;
    for stage in stages.iter().filter(|stage| !selection.has(stage.name())) {
        refuse_if_lacking(stage.as_ref(), &stages, selection, &root, &written)?;
    }
    // Tables that a stage above would write anew, with the stage.
    let mut pending: Vec<(&str, StageName)> = Vec::new();
    let mut lines: Vec<String> = Vec::new();
    for stage in stages.iter().filter(|stage| selection.has(stage.name())) {
        let name = stage.name();
        let reads = stage.reads();
        let mut waits: BTreeMap<StageName, Vec<String>> = BTreeMap::new();
        for (table, writer) in pending.iter().filter(|(table, _)| reads.contains(table)) {
            waits.entry(*writer).or_default().push(format!("`{table}`"));
        }
        let unread = |error: tables::StageError| format!("{:#}", anyhow::Error::from_boxed(error.source));
        let reasons: Vec<String> = match freshness::judge(stage.as_ref(), &root.tables, &written) {
            Ok(verdict) => verdict.reasons.iter().map(ToString::to_string).collect(),
            Err(error) => vec![format!("its inputs cannot be read: {}", unread(error))],
        };
        if reasons.is_empty() && waits.is_empty() {
            lines.push(format!("{:<15} fresh", name.command()));
            continue;
        }
        let verdict = if reasons.is_empty() { "runs if its tables change" } else { "would run" };
        lines.push(format!("{:<15} {verdict}", name.command()));
        lines.extend(reasons.iter().map(|reason| format!("    because {reason}")));
        lines.extend(waits.iter().map(|(writer, tables)| {
            format!(
                "    after `{}` writes {} that it reads: {}",
                writer.command(),
                if tables.len() == 1 { "a table" } else { "tables" },
                tables.join(", ")
            )
        }));
        // By tables that are to be written anew nothing is estimated; without any, the stage says what it would take.
        if waits.is_empty() || !reads.iter().all(|table| written.contains_key(*table)) {
            let estimate = stage.estimate(&root.tables).unwrap_or_else(|error| vec![unread(error)]);
            lines.extend(estimate.iter().map(|line| format!("    {line}")));
        }
        pending.extend(stage.writes().into_iter().map(|table| (table, name)));
    }
    lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(failed)
}
