//! What settings must satisfy beyond their types, found before anything is read.

use std::collections::{BTreeSet, HashSet};

use crate::error::TrainError;
use crate::settings::{Experiment, Feedback, Inputs, Loss, Mlp, Settings, Stage2On, Target};
use crate::threshold::Policy;
use crate::variant::Variant;

/// The word for the target where attributes are named: in `labels` and `seconds_per_label`.
pub(crate) const TARGET: &str = "target";

/// The word for the aggregator's intercept where attributes are named.
pub(crate) const INTERCEPT: &str = "intercept";

/// Finds what no run could be made of.
///
/// # Errors
/// [`TrainError::Setting`] for the first such setting.
pub(crate) fn validate(settings: &Settings) -> Result<(), TrainError> {
    validate_mlp(&settings.mlp)?;
    if !(settings.aggregator_c > 0.0 && settings.aggregator_c.is_finite()) {
        return Err(TrainError::setting("aggregator_c", "must be above 0"));
    }
    let lists = [
        ("seeds", settings.seeds.is_empty()),
        ("n_train", settings.n_train.0.is_empty()),
        ("experiments", settings.experiments.is_empty()),
    ];
    if let Some((key, _)) = lists.iter().find(|(_, is_empty)| *is_empty) {
        return Err(TrainError::setting(*key, "is empty, so there is nothing to train"));
    }
    if settings.seeds.iter().collect::<HashSet<_>>().len() < settings.seeds.len() {
        return Err(TrainError::setting("seeds", "names a seed twice"));
    }
    if let Some((label, seconds)) = settings.seconds_per_label.iter().find(|(_, s)| !(s.is_finite() && **s >= 0.0)) {
        return Err(TrainError::setting(format!("seconds_per_label.{label}"), format!("is {seconds}, not seconds")));
    }
    settings.experiments.iter().try_for_each(|(name, experiment)| validate_experiment(name, experiment))?;
    validate_sampling(settings)?;
    validate_thresholds(settings)
}

/// Finds what no network could be trained with.
///
/// # Errors
/// [`TrainError::Setting`] for the first such setting.
pub(crate) fn validate_mlp(mlp: &Mlp) -> Result<(), TrainError> {
    let positive = [
        ("mlp.hidden", mlp.hidden.iter().all(|&width| width > 0)),
        ("mlp.epochs", mlp.epochs > 0),
        ("mlp.batch_size", mlp.batch_size > 0),
        ("mlp.learning_rate", mlp.learning_rate > 0.0 && mlp.learning_rate.is_finite()),
        ("mlp.early_stopping.patience", mlp.early_stopping.is_none_or(|stopping| stopping.patience > 0)),
    ];
    if let Some((key, _)) = positive.iter().find(|(_, holds)| !holds) {
        return Err(TrainError::setting(*key, "must be above 0"));
    }
    if let Some(decay) = mlp.weight_decay.filter(|decay| !(decay.is_finite() && *decay >= 0.0)) {
        return Err(TrainError::setting("mlp.weight_decay", format!("is {decay}; leave it out, or write at least 0")));
    }
    Ok(())
}

/// Numbers that some arms need.
fn validate_sampling(settings: &Settings) -> Result<(), TrainError> {
    let of_arms = |holds: &dyn Fn(&Variant) -> bool| {
        let arms = settings
            .experiments
            .values()
            .flat_map(|experiment| experiment.arms.values().map(move |arm| Variant::of(settings, experiment, arm)));
        arms.into_iter().any(|variant| holds(&variant))
    };
    if of_arms(&|variant| variant.stage2_on == Some(Stage2On::OutOfFold)) && settings.folds.is_none_or(|n| n < 2) {
        return Err(TrainError::setting("folds", "must be 2 or more: an arm has `stage2_on: out_of_fold`"));
    }
    if of_arms(&|variant| variant.loss == Loss::Pairwise) && settings.comparisons_per_image.is_none_or(|n| n < 1) {
        let problem = "must be 1 or more: an arm has `loss: pairwise`. 3 compares all four images of a prompt";
        return Err(TrainError::setting("comparisons_per_image", problem));
    }
    Ok(())
}

fn validate_experiment(name: &str, experiment: &Experiment) -> Result<(), TrainError> {
    let key = format!("experiments.{name}");
    validate_name(&key, name)?;
    if let Target::Aspect { threshold, .. } = &experiment.target {
        validate_policy(&format!("{key}.target.threshold"), *threshold)?;
    }
    if experiment.arms.is_empty() {
        return Err(TrainError::setting(format!("{key}.arms"), "is empty, so there is nothing to train"));
    }
    for (arm_name, arm) in &experiment.arms {
        let key = format!("{key}.arms.{arm_name}");
        validate_name(&key, arm_name)?;
        if let Some((of_arm, problem)) = Variant::problem(arm, experiment.inputs_of(arm)) {
            return Err(TrainError::setting(format!("{key}.{of_arm}"), problem));
        }
        match &arm.feedback {
            Feedback::Coarse if experiment.inputs_of(arm) == Inputs::Scores => {
                let problem = "coarse feedback has no scores to read; give it `inputs: image`, `text` or `image+text`";
                return Err(TrainError::setting(key, problem));
            }
            Feedback::Coarse => {}
            Feedback::Fine(attributes) => validate_attributes(&format!("{key}.attributes"), attributes)?,
        }
    }
    Ok(())
}

/// A name becomes part of run ids and of the models' paths, on disks and in buckets.
fn validate_name(key: &str, name: &str) -> Result<(), TrainError> {
    let is_fine = |letter: char| letter.is_ascii_alphanumeric() || " _-.+".contains(letter);
    if name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(is_fine)
        && !name.contains("__")
    {
        return Ok(());
    }
    let problem = "is part of the models' paths: write it with letters of a-z and A-Z, digits, spaces and `_`, `-`, \
                   `.`, `+`, a letter or digit first, and no `__`";
    Err(TrainError::setting(key, problem))
}

fn validate_attributes(key: &str, attributes: &[String]) -> Result<(), TrainError> {
    if attributes.is_empty() {
        return Err(TrainError::setting(key, "is empty"));
    }
    let mut seen = BTreeSet::new();
    for attribute in attributes {
        if attribute.is_empty() || [TARGET, INTERCEPT].contains(&attribute.as_str()) {
            return Err(TrainError::setting(key, format!("`{attribute}` cannot be the name of an attribute")));
        }
        if !seen.insert(attribute) {
            return Err(TrainError::setting(key, format!("names `{attribute}` twice")));
        }
    }
    Ok(())
}

fn validate_thresholds(settings: &Settings) -> Result<(), TrainError> {
    validate_policy("thresholds.default", settings.thresholds.default)?;
    let used: BTreeSet<&str> = settings.experiments.values().flat_map(Experiment::attributes).collect();
    for (attribute, policy) in &settings.thresholds.of_attribute {
        let key = format!("thresholds.{attribute}");
        validate_policy(&key, *policy)?;
        if !used.contains(attribute.as_str()) {
            let used = used.iter().copied().collect::<Vec<_>>().join(", ");
            return Err(TrainError::setting(key, format!("no arm and no tree uses this attribute; they use: {used}")));
        }
    }
    Ok(())
}

fn validate_policy(key: &str, policy: Policy) -> Result<(), TrainError> {
    policy.problem().map_or(Ok(()), |problem| Err(TrainError::setting(key, problem)))
}
