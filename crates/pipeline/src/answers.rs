//! `finegrain answers`: the answer store of a pipeline, looked through, pruned, merged, read anew.

use std::io::Write;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use synth_feedback::date::millis_of_date;
use synth_feedback::store::{AnswerStore, Pruning, compact, inspect, prune, rescore};
use synth_feedback::{Settings, SynthFeedback};
use tables::{AnswerStatus, StageName};

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::root::DataRoot;

/// What to do with the store.
#[derive(Debug, Clone, Subcommand)]
pub enum Action {
    /// Count its answers: by model and readout, how they came out, what they used, when they came
    Inspect,
    /// Take answers out for good; without --delete only say which
    Prune(PruneArgs),
    /// Merge its parts into one; a run does this by itself when there are many
    Compact,
    /// Read every answer anew from its raw log-probabilities, without asking; without --write only compare
    Rescore {
        /// Store what comes out
        #[arg(long)]
        write: bool,
    },
}

/// Which answers are to go: those that meet all that is said.
#[derive(Debug, Clone, Args)]
pub struct PruneArgs {
    /// Of this model
    #[arg(long)]
    model: Option<String>,
    /// Read in this way: top_logprobs, or with its version top_logprobs/1
    #[arg(long)]
    readout: Option<String>,
    /// That came out so, such as refused; the next run asks their questions again
    #[arg(long, value_parser = parse_status)]
    status: Option<AnswerStatus>,
    /// That came before this day (UTC), such as 2026-11-23
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    before: Option<i64>,
    /// To none of the questions that this pipeline file asks now; mind other pipelines that share the store
    #[arg(long)]
    unreferenced: bool,
    /// Do it
    #[arg(long)]
    delete: bool,
}

fn parse_status(word: &str) -> Result<AnswerStatus, String> {
    let known = || AnswerStatus::ALL.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(", ");
    word.parse().map_err(|_| format!("no such status, expected one of {}", known()))
}

fn parse_date(word: &str) -> Result<i64, String> {
    millis_of_date(word).ok_or_else(|| "no such day, expected one such as 2026-11-23".to_owned())
}

/// Does it.
///
/// # Errors
/// [`Failure`].
pub fn answers(config: &Config, action: &Action, out: &mut dyn Write) -> Result<(), Failure> {
    let settings: Option<Settings> = config.section(StageName::SynthFeedback).map_err(usage)?;
    let settings = settings.ok_or_else(|| usage(anyhow!("the pipeline file has no section `synth-feedback`")))?;
    let stage = SynthFeedback::new(settings).map_err(usage)?;
    let root = DataRoot::open_existing(&config.data_root().map_err(usage)?)?;
    let store = stage.store(root.tables.storage()).map_err(failed)?;
    let text = match action {
        Action::Inspect => inspected(&store)?,
        Action::Prune(arguments) => pruned(&stage, &root, &store, arguments)?,
        Action::Compact => {
            let done = compact(&store)?;
            format!("{} parts merged; {} answers\n", done.n_parts, done.n_answers)
        }
        Action::Rescore { write } => rescored(&store, *write)?,
    };
    write!(out, "{text}").map_err(failed)
}

fn inspected(store: &AnswerStore) -> Result<String, Failure> {
    let found = inspect(store)?;
    Ok(format!(
        "{}: {} answers in {} parts ({:.1} MB) and {} journals\n{found}",
        store.name(),
        found.n_answers(),
        found.n_parts,
        found.bytes as f64 / 1e6,
        found.n_journals
    ))
}

fn pruned(
    stage: &SynthFeedback,
    root: &DataRoot,
    store: &AnswerStore,
    arguments: &PruneArgs,
) -> Result<String, Failure> {
    let PruneArgs { model, readout, status, before, unreferenced, delete } = arguments.clone();
    let unless_asked =
        if unreferenced {
            let asked =
                stage.asked_questions(&root.tables).map_err(|error| failed(anyhow::Error::from_boxed(error.source)))?;
            Some(asked.ok_or_else(|| {
                failed(anyhow!("no table says yet what is asked; run `ingest` and `vq2-parse` first"))
            })?)
        } else {
            None
        };
    let pruning = Pruning { model, readout, status, before, unless_asked };
    if pruning.means_all() {
        return Err(usage(anyhow!("say which answers: --model, --readout, --status, --before or --unreferenced")));
    }
    let gone = prune(store, &pruning, delete)?;
    let n = gone.n_answers();
    if n == 0 {
        return Ok(format!("0 answers would go; the store has:\n{}", inspected(store)?));
    }
    let what = if delete { "answers are gone" } else { "answers would go; --delete takes them out for good" };
    Ok(format!("{gone}{n} {what}\n"))
}

fn rescored(store: &AnswerStore, write: bool) -> Result<String, Failure> {
    let done = rescore(store, write)?;
    let mut text = format!(
        "{} answers read anew: {} come out otherwise, by at most {:.3e}; {} have nothing to be read from; {} cannot be read \
         by the present rules and stay as they are\n",
        done.n_read, done.n_changed, done.largest_change, done.n_without_raw, done.n_unreadable
    );
    if done.n_changed > 0 {
        text += if write {
            "stored; `finegrain run synth-feedback --force` brings them into the tables\n"
        } else {
            "--write stores them\n"
        };
    }
    Ok(text)
}
