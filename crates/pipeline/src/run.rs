//! `finegrain run`: the stages that are stale, one after another.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::anyhow;
use tables::{ImageFiles, ProgressStyle, Stage, StageError, StageName, StageRun, Tables, WrittenTable};
use tracing::{info, warn};

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::freshness::{self, Reason, Verdict};
use crate::record::{self, Inputs, RunRecord};
use crate::root::DataRoot;

/// Which stages a command means.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
pub struct Selection {
    /// Only these stages [default: all of the pipeline file]
    #[arg(value_name = "STAGE", value_parser = parse_stage)]
    pub stages: Vec<StageName>,
    /// This stage and those after it
    #[arg(long, value_name = "STAGE", value_parser = parse_stage, conflicts_with = "stages")]
    pub from: Option<StageName>,
    /// This stage and those before it
    #[arg(long, value_name = "STAGE", value_parser = parse_stage, conflicts_with = "stages")]
    pub until: Option<StageName>,
}

fn parse_stage(word: &str) -> Result<StageName, String> {
    let known = || StageName::ALL.iter().map(|stage| stage.command()).collect::<Vec<_>>().join(", ");
    StageName::from_command(word).ok_or_else(|| format!("no such stage, expected one of {}", known()))
}

impl Selection {
    /// Whether it means a stage.
    pub fn has(&self, stage: StageName) -> bool {
        let named = self.stages.is_empty() || self.stages.contains(&stage);
        named && self.from.is_none_or(|from| stage >= from) && self.until.is_none_or(|until| stage <= until)
    }

    /// The words one would type for it.
    pub fn typed(&self) -> String {
        let named = self.stages.iter().map(|stage| format!(" {}", stage.command()));
        let from = self.from.iter().map(|stage| format!(" --from {}", stage.command()));
        let until = self.until.iter().map(|stage| format!(" --until {}", stage.command()));
        named.chain(from).chain(until).collect()
    }

    /// Checks that it means stages of the pipeline file.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a named one has no section there, or if none is meant.
    pub fn check(&self, stages: &[Box<dyn Stage>]) -> Result<(), Failure> {
        let mut named = self.stages.iter().chain(&self.from).chain(&self.until);
        if let Some(missing) = named.find(|name| !stages.iter().any(|stage| stage.name() == **name)) {
            return Err(usage(anyhow!("the pipeline file has no section `{}`", missing.command())));
        }
        match (self.from, self.until) {
            (Some(from), Some(until)) if from > until => {
                Err(usage(anyhow!("`{}` comes after `{}`: no stage is meant", from.command(), until.command())))
            }
            _ => Ok(()),
        }
    }
}

/// Runs the selected stages that are stale, in order.
///
/// # Errors
/// [`Failure`]: the first stage that fails, with what it read and how to resume.
pub fn run(config: &Config, selection: &Selection, force: bool, progress: ProgressStyle) -> Result<(), Failure> {
    let stages = crate::stages::from_config(config)?;
    selection.check(&stages)?;
    crate::names::check(config, selection)?;
    let root = DataRoot::open_to_write(&config.data_root().map_err(usage)?)?;
    let images = ImageFiles::open(&config.image_root().map_err(usage)?).map_err(usage)?;
    let mut n_run = 0;
    for stage in &stages {
        let name = stage.name();
        let in_stage = |error: StageError| stage_failure(name, error);
        let written = root.written()?;
        if !selection.has(name) {
            if is_before_a_selected(selection, name) {
                refuse_if_lacking(stage.as_ref(), &stages, selection, &root, &written)?;
                warn_if_stale(stage.as_ref(), &root, &written);
            }
            continue;
        }
        let Verdict { mut reasons, inputs } =
            freshness::judge(stage.as_ref(), &root.tables, &written).map_err(in_stage)?;
        if force {
            reasons.push(Reason::Forced);
        }
        if reasons.is_empty() {
            info!("{}: fresh", name.command());
            continue;
        }
        info!("{}: running, because {}", name.command(), joined(&reasons));
        // Digested before the run: should a table or file change under it, the next run sees that it did.
        let inputs = match inputs {
            Some(inputs) => inputs,
            None => freshness::inputs(stage.as_ref(), &root.tables, &written).map_err(in_stage)?,
        };
        run_stage(stage.as_ref(), &root, images.clone(), progress, inputs).map_err(in_stage)?;
        n_run += 1;
    }
    if n_run == 0 {
        info!("nothing to do");
    }
    let is_meant = stages.iter().any(|stage| stage.name() == StageName::Evaluate) && selection.has(StageName::Evaluate);
    if is_meant && let Some(record) = RunRecord::load(root.tables.storage(), StageName::Evaluate).map_err(failed)? {
        let pages = record.files.keys().filter(|key| key.ends_with(".html"));
        pages.for_each(|key| info!("report: {}", root.tables.storage().name(key)));
    }
    Ok(())
}

fn warn_if_stale(stage: &dyn Stage, root: &DataRoot, written: &BTreeMap<String, WrittenTable>) {
    let stage_name = stage.name().command();
    match freshness::judge(stage, &root.tables, written) {
        Ok(verdict) => {
            verdict.reasons.first().iter().for_each(|reason| warn!("{stage_name}: stale but not selected: {reason}"));
        }
        Err(error) => warn!("{stage_name}: not selected, and its inputs cannot be read: {}", error.source),
    }
}

/// Refuses to leave out a stage whose tables are read and not there.
///
/// # Errors
/// [`Failure::Usage`] with what to run.
pub fn refuse_if_lacking(
    stage: &dyn Stage,
    stages: &[Box<dyn Stage>],
    selection: &Selection,
    root: &DataRoot,
    written: &BTreeMap<String, WrittenTable>,
) -> Result<(), Failure> {
    // What a record knows of is not looked for: from a bucket it would be fetched.
    if stage.writes().iter().any(|table| written.contains_key(*table)) {
        return Ok(());
    }
    let readers = || stages.iter().filter(|other| selection.has(other.name()) && other.name() > stage.name());
    let mut lacking = None;
    for table in stage.writes() {
        if let Some(reader) = readers().find(|reader| reader.reads().contains(&table)) {
            if root.tables.storage().get(&Tables::key(table)).map_err(failed)?.is_some() {
                return Ok(());
            }
            lacking = lacking.or(Some((table, reader.name())));
        }
    }
    let Some((table, reader)) = lacking else { return Ok(()) };
    Err(usage(anyhow!(
        "`{}` reads the table `{table}`, which is not there: `{}` has not run in `{}`, and is left out here",
        reader.command(),
        stage.name().command(),
        root.tables.storage().root()
    )))
}

fn is_before_a_selected(selection: &Selection, name: StageName) -> bool {
    StageName::ALL.iter().any(|&other| other > name && selection.has(other))
}

/// The first few reasons in one line.
pub fn joined(reasons: &[Reason]) -> String {
    const SHOWN: usize = 4;
    let mut text = reasons.iter().take(SHOWN).map(Reason::to_string).collect::<Vec<_>>().join("; ");
    if reasons.len() > SHOWN {
        text += &format!("; and {} more", reasons.len() - SHOWN);
    }
    text
}

fn run_stage(
    stage: &dyn Stage,
    root: &DataRoot,
    images: ImageFiles,
    progress: ProgressStyle,
    inputs: Inputs,
) -> Result<(), StageError> {
    let storage = root.tables.storage().clone();
    record::reset_peak_memory();
    let start = Instant::now();
    let mut run = StageRun::new(storage.clone(), stage.name(), images, progress);
    let counts = stage.run(&mut run)?;
    let bad_images = run.bad_images().clone();
    let staging = run.into_staging();
    if let Some(table) = stage.writes().into_iter().find(|table| !staging.tables().contains_key(table)) {
        return Err(format!("it ended without writing its table `{table}`, which is a bug").into());
    }
    let seconds = start.elapsed().as_secs_f64();
    let record = RunRecord {
        stage: stage.name().command().to_owned(),
        digest: inputs.digest(stage.name()),
        inputs,
        outputs: staging.tables().iter().map(|(&table, written)| (table.to_owned(), written.clone())).collect(),
        files: staging.other_files().clone(),
        counts: counts.iter().map(|(&what, &n)| (what.to_owned(), n)).collect(),
        bad_images,
        seconds,
        peak_memory_bytes: record::peak_memory_bytes(),
        git_commit: record::git_commit(),
        host: record::host(),
    };
    let key = RunRecord::key(stage.name());
    let text = serde_json::to_string_pretty(&record).unwrap_or_else(|error| unreachable!("plain JSON: {error}"));
    let earlier = RunRecord::load(&storage, stage.name())?.map(|record| record.files).unwrap_or_default();
    staging.commit(&key, &text)?;
    // Models and reports that this run no longer makes.
    earlier.keys().filter(|key| !record.files.contains_key(*key)).try_for_each(|key| storage.delete(key))?;
    let counted: Vec<String> = counts.iter().map(|(what, n)| format!("{n} {}", what.replace('_', " "))).collect();
    info!(seconds = format_args!("{seconds:.1}"), "{}: done, {}", stage.name().command(), counted.join(", "));
    Ok(())
}

/// The failure of a stage: its name, its reason, and the command that takes the work up again.
fn stage_failure(name: StageName, error: StageError) -> Failure {
    let described = anyhow::Error::from_boxed(error.source).context(format!("stage `{}`", name.command()));
    if error.retry_later { Failure::RetryLater(described) } else { failed(described) }
}
