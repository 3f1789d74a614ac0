//! The thin shell: opens the tables, calls, writes.

use tables::{
    AttributeAgreement, AttributeValidity, Counts, MetricValue, Stage, StageError, StageName, StageRun, SxsPair,
    SxsSummary, SxsVote, Table,
};
use tracing::info;

use crate::agreement::agreement;
use crate::error::EvaluateError;
use crate::inputs::{self, Inputs};
use crate::metrics::evaluate;
use crate::report;
use crate::settings::Settings;
use crate::side_by_side;
use crate::validity::validity;

/// Where the report stands below the data root.
const REPORT: &str = "report/index.html";

/// Predictions to metrics, figures and the report.
pub struct Evaluate {
    settings: Settings,
}

impl Evaluate {
    /// The stage under these settings.
    ///
    /// # Errors
    /// [`EvaluateError::Setting`] for a value that cannot work.
    pub fn new(settings: Settings) -> Result<Self, EvaluateError> {
        settings.validate()?;
        Ok(Self { settings })
    }
}

/// The tables that the stage makes, before they are written.
pub struct Outputs {
    /// Table `metrics`.
    pub metrics: Vec<MetricValue>,
    /// Table `attribute_validity`.
    pub validity: Vec<AttributeValidity>,
    /// Table `attribute_agreement`.
    pub agreement: Vec<AttributeAgreement>,
    /// Table `sxs_pairs`.
    pub pairs: Vec<SxsPair>,
    /// The report.
    pub html: String,
}

/// Everything from the tables: no paths, no clock.
///
/// # Errors
/// [`EvaluateError`]: a wrong name in `sxs`, or a report that cannot be drawn.
pub fn outputs(inputs: &Inputs, settings: &Settings) -> Result<Outputs, EvaluateError> {
    let evaluation = evaluate(inputs, &settings.bootstrap);
    let validity = validity(inputs, &settings.bootstrap);
    let agreement = agreement(inputs);
    let pairs = settings.sxs.as_ref().map(|sxs| side_by_side::pairs(inputs, sxs)).transpose()?.unwrap_or_default();
    let html = report::html(&report::Findings {
        inputs,
        settings,
        evaluation: &evaluation,
        validity: &validity,
        agreement: &agreement,
        pairs: &pairs,
    })?;
    Ok(Outputs { metrics: evaluation.rows, validity, agreement, pairs, html })
}

impl Stage for Evaluate {
    fn name(&self) -> StageName {
        StageName::Evaluate
    }

    fn version(&self) -> u32 {
        report::STAGE_VERSION
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!(self.settings)
    }

    fn reads(&self) -> Vec<&'static str> {
        inputs::names()
    }

    fn writes(&self) -> Vec<&'static str> {
        vec![
            MetricValue::NAME,
            AttributeValidity::NAME,
            AttributeAgreement::NAME,
            SxsPair::NAME,
            SxsVote::NAME,
            SxsSummary::NAME,
        ]
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        let inputs = Inputs::read(run)?;
        let outputs = outputs(&inputs, &self.settings)?;
        run.write(&outputs.metrics)?;
        run.write(&outputs.validity)?;
        run.write(&outputs.agreement)?;
        run.write(&outputs.pairs)?;
        // Votes are taken in when there is a page to vote on; until then these are empty.
        run.write::<SxsVote>(&[])?;
        run.write::<SxsSummary>(&[])?;
        run.write_file(REPORT, outputs.html)?;
        let without_value = outputs.metrics.iter().filter(|row| row.value.is_none()).count();
        info!(n_models = inputs.reward_models.len(), n_metrics = outputs.metrics.len(), without_value, "evaluated");
        Ok(Counts::from([
            ("models", inputs.reward_models.len() as u64),
            ("metrics", outputs.metrics.len() as u64),
            ("metrics_without_value", without_value as u64),
            ("sxs_pairs", outputs.pairs.len() as u64),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Bootstrap, Report};
    use crate::synthetic::{World, inputs};

    fn settings() -> Settings {
        Settings {
            bootstrap: Bootstrap { replicates: 1_000, seed: 0 },
            report: Report { title: "A made-up world (everything is simulated)".to_owned() },
            sxs: None,
        }
    }

    /// Run by hand to look at the report: `REPORT=/tmp/report.html cargo nextest run … --run-ignored only`.
    #[test]
    #[ignore = "writes a file to look at, and takes as long as a real run"]
    fn the_report_of_a_full_world_to_look_at() {
        let inputs = inputs(&World::full());
        let start = std::time::Instant::now();
        let evaluation = evaluate(&inputs, &settings().bootstrap);
        eprintln!("{} models in {:.2?}", inputs.reward_models.len(), start.elapsed());
        drop(evaluation);
        let start = std::time::Instant::now();
        let sxs = crate::settings::SideBySide {
            experiment: "preferences".to_owned(),
            coarse: "coarse".to_owned(),
            fine: "all".to_owned(),
            pairs: 194,
        };
        let outputs = outputs(&inputs, &Settings { sxs: Some(sxs), ..settings() }).unwrap();
        eprintln!("all in {:.2?}, {} KiB", start.elapsed(), outputs.html.len() / 1024);
        std::fs::write(std::env::var("REPORT").unwrap_or("/tmp/report.html".to_owned()), outputs.html).unwrap();
    }
}
