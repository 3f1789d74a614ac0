//! The stage: opens the tables, has every run of the plan fitted, writes the results.

use std::collections::BTreeMap;

use tables::{
    AttributeScore, Counts, Image, ImageEmbedding, Label, Preference, Stage, StageError, StageName, StageRun, Table,
};
use tracing::{info, warn};

use crate::error::TrainError;
use crate::images::Images;
use crate::kept::KeptNetworks;
use crate::label::{ExperimentLabels, label_experiment};
use crate::output::Output;
use crate::plan::plan;
use crate::reward_model::{Data, fit};
use crate::settings::{Experiment, Inputs, Settings};
use crate::sweep::{n_at_once, sweep};
use crate::validate::validate;

/// The `train` stage: embeddings and scores to labels, reward models and predictions.
#[derive(Debug, Clone)]
pub struct Train {
    settings: Settings,
}

impl Train {
    /// A stage with these settings.
    ///
    /// # Errors
    /// [`TrainError::Setting`] for a setting that cannot be meant.
    pub fn new(settings: Settings) -> Result<Self, TrainError> {
        validate(&settings)?;
        Ok(Self { settings })
    }

    fn needs_embeddings(&self) -> bool {
        let reads_one =
            |experiment: &Experiment| experiment.arms.values().any(|arm| experiment.inputs_of(arm) != Inputs::Scores);
        self.settings.experiments.values().any(reads_one)
    }

    fn needs_scores(&self) -> bool {
        self.settings.experiments.values().any(|experiment| !experiment.attributes().is_empty())
    }

    /// Also gives the metadata of `embeddings`, without the contract's own.
    fn read(&self, run: &StageRun) -> Result<(Images, BTreeMap<String, String>), TrainError> {
        let scores = if self.needs_scores() { run.read::<AttributeScore>()? } else { Vec::new() };
        let (mut embeddings, mut metadata) = (Vec::new(), BTreeMap::new());
        if self.needs_embeddings() {
            let reader = run.reader::<ImageEmbedding>()?;
            let own = |key: &str| key.starts_with("finegrain.") || key.starts_with("ARROW:");
            metadata = reader.metadata().iter().filter(|(key, _)| !own(key)).cloned().collect();
            embeddings = reader.rows()?;
        }
        Ok((Images::new(run.read::<Image>()?, scores, run.read::<Preference>()?, embeddings), metadata))
    }

    fn label(&self, images: &Images) -> Result<BTreeMap<String, ExperimentLabels>, TrainError> {
        let label = |(name, experiment): (&String, &Experiment)| {
            let labels = label_experiment(name, experiment, &self.settings, images)?;
            Ok((name.clone(), labels))
        };
        self.settings.experiments.iter().map(label).collect()
    }

    fn run_checked(&self, run: &mut StageRun) -> Result<Counts, TrainError> {
        let device = torch_device::resolve(self.settings.device)?;
        let (images, metadata) = self.read(run)?;
        let labels = self.label(&images)?;
        let label_rows: Vec<Label> = labels.iter().flat_map(|(name, labels)| labels.rows(name, &images)).collect();
        run.write(&label_rows)?;

        let runs = plan(&self.settings, &labels, &images);
        let kept = KeptNetworks::new(run.storage().clone());
        let data = Data { settings: &self.settings, images: &images, device, kept: &kept };
        let n_at_once = n_at_once(device);
        info!(n_runs = runs.len(), n_at_once, device = torch_device::name(device), "training reward models");
        let progress = run.progress(runs.len(), "models");
        let mut output = Output::new(run, metadata)?;
        let mut reasons = BTreeMap::new();
        sweep(
            &runs,
            n_at_once,
            |planned| fit(planned, &labels[planned.experiment], data),
            |planned, fitted| {
                if let Err(reason) = &fitted.model {
                    *reasons.entry((planned.experiment, planned.arm, reason.to_string())).or_insert(0) += 1;
                }
                progress.add(1);
                output.add(planned, fitted, &labels[planned.experiment], data, run)
            },
        )?;
        drop(progress);
        for ((experiment, arm, reason), n_runs) in reasons {
            warn!(experiment, arm, reason, n_runs, "no model");
        }
        let (n_models, n_without) = output.finish(run)?;
        kept.sweep()?;
        Ok(Counts::from([("models", n_models), ("models_without", n_without), ("labels", label_rows.len() as u64)]))
    }
}

impl Stage for Train {
    fn name(&self) -> StageName {
        StageName::Train
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!(self.settings)
    }

    fn reads(&self) -> Vec<&'static str> {
        let mut tables = vec![Image::NAME, Preference::NAME];
        if self.needs_scores() {
            tables.push(AttributeScore::NAME);
        }
        if self.needs_embeddings() {
            tables.push(ImageEmbedding::NAME);
        }
        tables
    }

    fn writes(&self) -> Vec<&'static str> {
        [&[Label::NAME][..], &Output::tables()].concat()
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        Ok(self.run_checked(run)?)
    }
}
