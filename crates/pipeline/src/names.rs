//! Names that one section of the pipeline file uses and another one gives: a slip is found before a VLM is paid.

#[cfg(feature = "torch")]
use {crate::exit::usage, anyhow::anyhow, std::collections::BTreeSet, tables::StageName};

use crate::config::Config;
use crate::exit::Failure;
use crate::run::Selection;

/// Checks, for the selected stages, that `train` learns from attributes that `synth-feedback` scores, and that
/// `evaluate.sxs` compares models of arms that there are.
///
/// # Errors
/// [`Failure::Usage`] with the name and those that there are.
#[cfg(feature = "torch")]
pub fn check(config: &Config, selection: &Selection) -> Result<(), Failure> {
    let Some(train) = config.section::<train::Settings>(StageName::Train).map_err(usage)? else { return Ok(()) };
    if selection.has(StageName::Train)
        && let Some(feedback) = config.section(StageName::SynthFeedback).map_err(usage)?
    {
        attributes(&train, &feedback)?;
    }
    let evaluate = config.section::<evaluate::Settings>(StageName::Evaluate).map_err(usage)?;
    match evaluate.and_then(|evaluate| evaluate.sxs) {
        Some(sxs) if selection.has(StageName::Evaluate) => arms(&train, &sxs),
        _ => Ok(()),
    }
}

/// Without LibTorch there is no `train`, and so nobody who uses a name.
///
/// # Errors
/// None.
#[cfg(not(feature = "torch"))]
pub fn check(_: &Config, _: &Selection) -> Result<(), Failure> {
    Ok(())
}

#[cfg(feature = "torch")]
fn attributes(train: &train::Settings, feedback: &synth_feedback::Settings) -> Result<(), Failure> {
    for (name, experiment) in &train.experiments {
        let scored = feedback.scored_attributes(experiment.source);
        if let Some(unknown) = experiment.attributes().into_iter().find(|attribute| !scored.contains(attribute)) {
            return Err(usage(anyhow!(
                "`train.experiments.{name}` uses the attribute `{unknown}` of source `{}`, which `synth-feedback` does not \
                 score; it scores {}",
                experiment.source,
                listed(&scored)
            )));
        }
    }
    Ok(())
}

#[cfg(feature = "torch")]
fn arms(train: &train::Settings, sxs: &evaluate::SideBySide) -> Result<(), Failure> {
    let unknown = |key: &str, name: &str, known: BTreeSet<&str>| {
        Err(usage(anyhow!("`evaluate.sxs.{key}`: `train` has no `{name}` there; it has {}", listed(&known))))
    };
    let Some(experiment) = train.experiments.get(&sxs.experiment) else {
        return unknown("experiment", &sxs.experiment, train.experiments.keys().map(String::as_str).collect());
    };
    for (key, arm) in [("coarse", &sxs.coarse), ("fine", &sxs.fine)] {
        // With a slash it is one model's run id.
        if !arm.contains('/') && !experiment.arms.contains_key(arm) {
            return unknown(key, arm, experiment.arms.keys().map(String::as_str).collect());
        }
    }
    Ok(())
}

#[cfg(feature = "torch")]
fn listed(names: &BTreeSet<&str>) -> String {
    if names.is_empty() { "none".to_owned() } else { names.iter().copied().collect::<Vec<_>>().join(", ") }
}
