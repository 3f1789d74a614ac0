//! Names that one section of the pipeline file uses and another one gives: a slip is found before a VLM is paid.

use std::collections::BTreeSet;

use anyhow::anyhow;
use tables::StageName;

use crate::config::Config;
use crate::exit::{Failure, usage};

/// Checks that `train` learns from attributes that `synth-feedback` scores, and that `evaluate.sxs` compares models of
/// arms that there are.
///
/// # Errors
/// [`Failure::Usage`] with the name and those that there are.
pub fn check(config: &Config) -> Result<(), Failure> {
    let Some(train) = config.section::<train::Settings>(StageName::Train).map_err(usage)? else { return Ok(()) };
    let feedback = config.section::<synth_feedback::Settings>(StageName::SynthFeedback).map_err(usage)?;
    // Without that section the scores are somebody else's.
    let feedback = feedback.as_ref();
    for (feedback, (name, experiment)) in
        feedback.into_iter().flat_map(|one| train.experiments.iter().map(move |it| (one, it)))
    {
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
    let evaluate = config.section::<evaluate::Settings>(StageName::Evaluate).map_err(usage)?;
    let Some(sxs) = evaluate.and_then(|evaluate| evaluate.sxs) else { return Ok(()) };
    let Some(experiment) = train.experiments.get(&sxs.experiment) else {
        let known = train.experiments.keys().map(String::as_str).collect();
        let message =
            format!("`evaluate.sxs.experiment`: no `{}` in `train.experiments`: {}", sxs.experiment, listed(&known));
        return Err(usage(anyhow!(message)));
    };
    for (key, arm) in [("coarse", &sxs.coarse), ("fine", &sxs.fine)] {
        // With a slash it is one model's run id.
        if !arm.contains('/') && !experiment.arms.contains_key(arm) {
            let known = experiment.arms.keys().map(String::as_str).collect();
            let message = format!("`evaluate.sxs.{key}`: no arm `{arm}` in `{}`: {}", sxs.experiment, listed(&known));
            return Err(usage(anyhow!(message)));
        }
    }
    Ok(())
}

fn listed(names: &BTreeSet<&str>) -> String {
    if names.is_empty() { "none".to_owned() } else { names.iter().copied().collect::<Vec<_>>().join(", ") }
}
