//! The stage: opens the tables, has every run of the plan fitted, writes the results.

use std::collections::BTreeMap;

use tables::{
    AttributeScore, Bucket, Counts, Image, ImageEmbedding, Label, Preference, Rating, Split, Stage, StageError,
    StageName, StageRun, Table, TableReader,
};
use tracing::{info, warn};

use crate::card::Sources;
use crate::engine::train_all;
use crate::error::TrainError;
use crate::images::Images;
use crate::kept::KeptNetworks;
use crate::label::{Degenerate, ExperimentLabels, label_experiment};
use crate::output::Output;
use crate::plan::plan;
use crate::problems::{Prepared, Problems};
use crate::reward_model::{Data, fit};
use crate::settings::{Experiment, Inputs, Settings};
use crate::sweep::{n_at_once, sweep};
use crate::validate::{TARGET, validate};

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

    fn read(&self, run: &StageRun) -> Result<(Images, Sources), TrainError> {
        let mut sources = Sources::default();
        let mut scores = Vec::new();
        if self.needs_scores() {
            let reader = run.reader::<AttributeScore>()?;
            let question = |(key, text): (String, String)| Some((key.strip_prefix("question.")?.to_owned(), text));
            sources.questions = own_metadata(&reader).into_iter().filter_map(question).collect();
            sources.questions.extend(Bucket::ALL.iter().map(|bucket| {
                (bucket.to_string(), format!("each question of the prompt in the bucket `{bucket}`, averaged"))
            }));
            scores = reader.rows()?;
        }
        let mut embeddings = Vec::new();
        if self.needs_embeddings() {
            let reader = run.reader::<ImageEmbedding>()?;
            sources.embeddings = own_metadata(&reader);
            embeddings = reader.rows()?;
        }
        let images = Images::new(run.read::<Image>()?, scores, run.read::<Preference>()?, embeddings);
        Ok((images.with_ratings(run.read::<Rating>()?), sources))
    }

    fn label(&self, images: &Images) -> Result<BTreeMap<String, ExperimentLabels>, TrainError> {
        let label = |(name, experiment): (&String, &Experiment)| {
            let labels = label_experiment(name, experiment, &self.settings, images)?;
            Ok((name.clone(), labels))
        };
        self.settings.experiments.iter().map(label).collect()
    }

    fn run_checked(&self, run: &mut StageRun) -> Result<Counts, TrainError> {
        let settings = &self.settings;
        let device = torch_device::resolve(settings.device)?;
        let (images, sources) = self.read(run)?;
        let labels = self.label(&images)?;
        labels.iter().for_each(|(name, labels)| warn_of_degenerate(name, labels, &images));
        let label_rows: Vec<Label> = labels.iter().flat_map(|(name, labels)| labels.rows(name, &images)).collect();
        let n_labels = label_rows.len() as u64;
        run.write(&label_rows)?;
        drop(label_rows);

        let runs = plan(settings, &labels, &images);
        let mut problems = Problems::new(settings, &images)?;
        let prepared: Vec<Prepared> =
            runs.iter().map(|planned| problems.prepare(planned, &labels[planned.experiment])).collect();
        let kept = KeptNetworks::new(run.storage().clone());
        let device_name = torch_device::name(device);
        info!(n_runs = runs.len(), n_networks = problems.list.len(), device = device_name, "training reward models");
        let epochs = settings.mlp.epochs;
        let progress = run.progress(problems.list.len() * epochs, "epochs");
        let keys = train_all(&problems.list, &settings.mlp, device, &kept, &|event| {
            progress.add(event.epochs_done(epochs));
        })?;
        drop(progress);

        let data = Data { settings, images: &images, device, kept: &kept, problems: &problems, keys: &keys };
        let progress = run.progress(runs.len(), "models");
        let mut output = Output::new(run, sources)?;
        let mut reasons = BTreeMap::new();
        let planned: Vec<_> = runs.iter().zip(&prepared).collect();
        sweep(
            &planned,
            n_at_once(device),
            |(planned, prepared)| fit(planned, prepared, &labels[planned.experiment], data),
            |(planned, _), fitted| {
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
        let (n_models, n_without) = output.finish(settings, run)?;
        kept.sweep()?;
        Ok(Counts::from([("models", n_models), ("models_without", n_without), ("labels", n_labels)]))
    }
}

/// What a stage put into a table's metadata, without the contract's own.
fn own_metadata<T: Table>(reader: &TableReader<T>) -> BTreeMap<String, String> {
    let is_own = |key: &str| !(key.starts_with("finegrain.") || key.starts_with("ARROW:"));
    reader.metadata().iter().filter(|(key, _)| is_own(key)).cloned().collect()
}

/// Labels that teach nothing, by name. What becomes of the runs that use them is in `reward_models`.
fn warn_of_degenerate(experiment: &str, labels: &ExperimentLabels, images: &Images) {
    let training = || (0..images.len()).filter(|&row| images.splits[row] == Split::Train);
    let columns = labels.attributes.iter().map(|(name, labels)| (name.as_str(), labels));
    for (label, column) in columns.chain([(TARGET, &labels.target)]) {
        match column.degenerate(training()) {
            Some(Degenerate::AllMissing) => warn!(experiment, label, "no image of the training split has this label"),
            Some(Degenerate::OneClass(yes)) => {
                let label_value = if yes { "yes" } else { "no" };
                warn!(experiment, label, "all labels of the training split are {label_value}");
            }
            None => {}
        }
    }
}

impl Stage for Train {
    fn name(&self) -> StageName {
        StageName::Train
    }

    fn version(&self) -> u32 {
        4
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!(self.settings)
    }

    fn reads(&self) -> Vec<&'static str> {
        let mut tables = vec![Image::NAME, Preference::NAME, Rating::NAME];
        if self.needs_scores() {
            tables.push(AttributeScore::NAME);
        }
        if self.needs_embeddings() {
            tables.push(ImageEmbedding::NAME);
        }
        tables
    }

    fn writes(&self) -> Vec<&'static str> {
        [&[Label::NAME][..], &Output::tables(&self.settings)].concat()
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        Ok(self.run_checked(run)?)
    }
}
