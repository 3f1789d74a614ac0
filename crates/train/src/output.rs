//! What the runs write: rows of their tables, two of them as they come, and a folder for each model.

use std::collections::BTreeMap;

use tables::{
    AggregatorWeight, ConceptPrediction, Intervention, Prediction, RewardModel as RewardModelRow, StageRun, Table,
    TableError, TableWriter, digest_bytes,
};

use crate::card::{Card, Sources, model_file};
use crate::cost::{equal_cost, seconds_cost};
use crate::error::TrainError;
use crate::images::Images;
use crate::interventions::interventions;
use crate::label::ExperimentLabels;
use crate::plan::PlannedRun;
use crate::reward_model::{Data, Fitted, RewardModel};
use crate::settings::{Inputs, Settings};
use crate::validate::INTERCEPT;

type Writer<T> = TableWriter<T, tempfile::NamedTempFile>;

/// The tables that grow run by run. Runs come sorted by id, and so do the rows.
pub struct Output {
    models: Vec<RewardModelRow>,
    weights: Vec<AggregatorWeight>,
    predictions: Writer<Prediction>,
    concepts: Writer<ConceptPrediction>,
    interventions: Vec<Intervention>,
    sources: Sources,
}

impl Output {
    /// Starts the tables.
    ///
    /// # Errors
    /// [`TableError`] for a full disk.
    pub fn new(run: &StageRun, sources: Sources) -> Result<Self, TableError> {
        Ok(Self {
            models: Vec::new(),
            weights: Vec::new(),
            predictions: run.writer(&[], &[])?,
            concepts: run.writer(&[], &[])?,
            interventions: Vec::new(),
            sources,
        })
    }

    /// Takes the next run's result.
    ///
    /// # Errors
    /// [`TrainError::Table`] or [`TrainError::Storage`] for a full disk.
    pub fn add(
        &mut self,
        planned: &PlannedRun,
        fitted: Fitted,
        labels: &ExperimentLabels,
        data: Data,
        run: &mut StageRun,
    ) -> Result<(), TrainError> {
        if let Ok(model) = &fitted.model {
            self.predictions.append(&prediction_rows(planned, model, data.images))?;
            self.concepts.append(&concept_rows(planned, model, data.images))?;
            self.weights.extend(weight_rows(planned, model));
            if let Some(settings) = data.settings.interventions {
                let seconds = &data.settings.seconds_per_label;
                self.interventions.extend(interventions(planned, model, labels, data.images, seconds, settings.seed));
            }
            let file = model_file(planned, model)?;
            let card = Card::new(planned, &fitted, model, digest_bytes(&file), labels, data, &self.sources);
            let folder = format!("models/{}", planned.run_id);
            run.write_file(&format!("{folder}/model.safetensors"), file)?;
            run.write_file(&format!("{folder}/card.json"), format!("{:#}\n", serde_json::json!(card)))?;
        }
        self.models.push(model_row(planned, fitted, data));
        Ok(())
    }

    /// Ends the tables; gives the number of models and of runs without one.
    ///
    /// # Errors
    /// [`TableError`] for a full disk.
    pub fn finish(self, settings: &Settings, run: &mut StageRun) -> Result<(u64, u64), TableError> {
        run.write(&self.models)?;
        run.write(&self.weights)?;
        if settings.interventions.is_some() {
            run.write(&self.interventions)?;
        }
        run.finish(self.predictions)?;
        run.finish(self.concepts)?;
        let n_without = self.models.iter().filter(|model| model.reason.is_some()).count();
        Ok(((self.models.len() - n_without) as u64, n_without as u64))
    }

    /// The tables that it writes.
    pub fn tables(settings: &Settings) -> Vec<&'static str> {
        let always = [RewardModelRow::NAME, Prediction::NAME, ConceptPrediction::NAME, AggregatorWeight::NAME];
        always.into_iter().chain(settings.interventions.map(|_| Intervention::NAME)).collect()
    }
}

fn model_row(planned: &PlannedRun, fitted: Fitted, data: Data) -> RewardModelRow {
    let (n_train, n_validation) = (planned.training_rows.len(), fitted.n_validation);
    let target = &data.settings.experiments[planned.experiment].target;
    let seconds_per_label = &data.settings.seconds_per_label;
    let variant = &planned.variant;
    let has_network = variant.inputs != Inputs::Scores;
    RewardModelRow {
        run_id: planned.run_id.clone(),
        experiment: planned.experiment.to_owned(),
        arm: planned.arm.to_owned(),
        attributes: planned.feedback.attributes().to_vec(),
        inputs: variant.inputs.as_str().to_owned(),
        bottleneck: variant.bottleneck.map(|bottleneck| bottleneck.as_str().to_owned()),
        labels: variant.labels.as_str().to_owned(),
        loss: variant.loss.as_str().to_owned(),
        hidden: has_network.then(|| variant.hidden_word()),
        stage2_on: variant.stage2_on.map(|on| on.as_str().to_owned()),
        class_weights: variant.class_weights.as_str().to_owned(),
        n_train: n_train as i64,
        n_used: fitted.n_used as i64,
        n_comparisons: fitted.n_comparisons.map(|n| n as i64),
        degenerate: fitted.degenerate,
        epochs_run: fitted.model.as_ref().ok().and_then(|model| model.epochs_run).map(|epochs| epochs as i64),
        seed: i64::from(planned.seed),
        cost_equal: equal_cost(n_train, n_validation, planned.feedback),
        cost_seconds: seconds_cost(n_train, n_validation, planned.feedback, target, data.images, seconds_per_label),
        seconds: fitted.seconds,
        device: torch_device::name(data.device),
        reason: fitted.model.err().map(|reason| reason.to_string()),
    }
}

fn prediction_rows(planned: &PlannedRun, model: &RewardModel, images: &Images) -> Vec<Prediction> {
    let row = |(&row, &reward): (&usize, &f64)| Prediction {
        run_id: planned.run_id.clone(),
        image_id: images.ids[row].clone(),
        split: images.splits[row],
        reward,
    };
    let is_judged = |(row, _): &(&usize, &f64)| !planned.variant.is_fitted_on(images.splits[**row]);
    model.rows.iter().zip(&model.rewards).filter(is_judged).map(row).collect()
}

fn concept_rows(planned: &PlannedRun, model: &RewardModel, images: &Images) -> Vec<ConceptPrediction> {
    let attributes = planned.feedback.attributes();
    if model.concepts.is_empty() {
        return Vec::new();
    }
    let by_name = sorted_by_name(attributes);
    let of_image = |(&row, p): (&usize, &[f64])| -> Vec<ConceptPrediction> {
        let cell = |&at: &usize| ConceptPrediction {
            run_id: planned.run_id.clone(),
            image_id: images.ids[row].clone(),
            attribute: attributes[at].clone(),
            p: p[at],
        };
        by_name.iter().map(cell).collect()
    };
    model.rows.iter().zip(model.concepts.chunks(attributes.len())).flat_map(of_image).collect()
}

fn weight_rows(planned: &PlannedRun, model: &RewardModel) -> Vec<AggregatorWeight> {
    let Some(aggregator) = &model.aggregator else { return Vec::new() };
    let names = planned.feedback.attributes().iter().map(String::as_str).chain([INTERCEPT]);
    let values = aggregator.weights.iter().copied().chain([aggregator.intercept]);
    let by_name: BTreeMap<&str, f64> = names.zip(values).collect();
    let row = |(attribute, weight): (&str, f64)| AggregatorWeight {
        run_id: planned.run_id.clone(),
        attribute: attribute.to_owned(),
        weight,
    };
    by_name.into_iter().map(row).collect()
}

fn sorted_by_name(attributes: &[String]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..attributes.len()).collect();
    order.sort_by_key(|&at| &attributes[at]);
    order
}
