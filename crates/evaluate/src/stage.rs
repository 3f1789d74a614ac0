//! The thin shell: opens the tables, calls, writes.

use std::collections::BTreeMap;

use tables::{
    AnnotationSeconds, AnswerCoverage, ArmDifference, ArmMetric, AttributeAgreement, AttributeValidity,
    ConceptPrediction, Counts, HumanCeiling, InputFile, Intervention, MetricValue, MissingAnswerEffect, Stage,
    StageError, StageName, StageRun, SxsPair, SxsSummary, SxsTest, SxsVote, Table, Tables,
};
use tracing::{info, warn};

use crate::agreement::agreement;
use crate::arms::arm_metrics;
use crate::ceiling::ceilings;
use crate::coverage::coverage;
use crate::differences::differences;
use crate::error::EvaluateError;
use crate::inputs::{self, Inputs};
use crate::metrics::{Evaluation, evaluate};
use crate::missing_answer_effects::effects;
use crate::report::{self, Rendered};
use crate::seconds::annotation_seconds;
use crate::settings::Settings;
use crate::side_by_side::{self, Judged};
use crate::validity::validity;

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

    /// The seconds of a label as `train` is told them, for aspects whose ratings have no times.
    #[must_use]
    pub fn with_seconds_per_label(mut self, seconds: BTreeMap<String, f64>) -> Self {
        self.settings.seconds_per_label = seconds;
        self
    }
}

/// What the tables say: rows of every table that is computed from the others.
#[derive(Debug, Default)]
pub struct Results {
    /// Table `metrics`.
    pub metrics: Vec<MetricValue>,
    /// Table `arm_metrics`.
    pub arm_metrics: Vec<ArmMetric>,
    /// Table `arm_differences`.
    pub arm_differences: Vec<ArmDifference>,
    /// Table `human_ceilings`.
    pub human_ceilings: Vec<HumanCeiling>,
    /// Table `annotation_seconds`.
    pub annotation_seconds: Vec<AnnotationSeconds>,
    /// Table `attribute_validity`.
    pub validity: Vec<AttributeValidity>,
    /// Table `attribute_agreement`.
    pub agreement: Vec<AttributeAgreement>,
    /// Table `answer_coverage`.
    pub coverage: Vec<AnswerCoverage>,
    /// Table `missing_answer_effects`.
    pub missing_answer_effects: Vec<MissingAnswerEffect>,
}

impl Results {
    /// Computes them all.
    pub fn new(inputs: &Inputs, evaluation: &Evaluation, settings: &Settings) -> Self {
        Self {
            metrics: evaluation.rows.clone(),
            arm_metrics: arm_metrics(evaluation),
            arm_differences: differences(evaluation),
            human_ceilings: ceilings(inputs, evaluation),
            annotation_seconds: annotation_seconds(inputs, settings),
            validity: validity(inputs, &settings.bootstrap),
            agreement: agreement(inputs),
            coverage: coverage(inputs),
            missing_answer_effects: effects(inputs, &settings.bootstrap),
        }
    }
}

/// The tables that the stage makes, before they are written.
pub struct Outputs {
    /// Computed tables.
    pub results: Results,
    /// Tables `sxs_…`.
    pub sxs: Judged,
    /// The report.
    pub report: Rendered,
}

/// Everything from the tables: no paths, no clock.
///
/// # Errors
/// [`EvaluateError`]: a wrong name in `sxs`, or a report that cannot be drawn.
pub fn outputs(inputs: &Inputs, settings: &Settings) -> Result<Outputs, EvaluateError> {
    let evaluation = evaluate(inputs, settings);
    let results = Results::new(inputs, &evaluation, settings);
    let sxs = side_by_side::judged(inputs, settings)?;
    let report =
        report::report(&report::Findings { inputs, settings, evaluation: &evaluation, results: &results, sxs: &sxs })?;
    Ok(Outputs { results, sxs, report })
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
        let concepts = self.settings.report.contact_sheets.as_ref().map(|_| ConceptPrediction::NAME);
        inputs::names().into_iter().chain([Intervention::NAME]).chain(concepts).collect()
    }

    fn writes(&self) -> Vec<&'static str> {
        vec![
            MetricValue::NAME,
            ArmMetric::NAME,
            ArmDifference::NAME,
            HumanCeiling::NAME,
            AnnotationSeconds::NAME,
            AttributeValidity::NAME,
            AttributeAgreement::NAME,
            AnswerCoverage::NAME,
            MissingAnswerEffect::NAME,
            SxsPair::NAME,
            SxsVote::NAME,
            SxsSummary::NAME,
            SxsTest::NAME,
        ]
    }

    fn files(&self, tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        Ok(side_by_side::input_files(&self.settings, tables.storage())?)
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        let mut inputs = Inputs::read(&Tables::new(run.storage().clone()))?;
        side_by_side::read(&mut inputs, &self.settings, run.storage())?;
        if let Some(settings) = &self.settings.report.contact_sheets {
            inputs.contact_sheets = report::contact_sheets(run, &inputs, settings)?;
        }
        let outputs = outputs(&inputs, &self.settings)?;
        let results = &outputs.results;
        run.write(&results.metrics)?;
        run.write(&results.arm_metrics)?;
        run.write(&results.arm_differences)?;
        run.write(&results.human_ceilings)?;
        run.write(&results.annotation_seconds)?;
        run.write(&results.validity)?;
        run.write(&results.agreement)?;
        run.write(&results.coverage)?;
        run.write(&results.missing_answer_effects)?;
        run.write(&outputs.sxs.selection.pairs)?;
        run.write(&outputs.sxs.counted.votes)?;
        run.write(&outputs.sxs.summary.shares)?;
        run.write(&outputs.sxs.summary.tests)?;
        let n_of_other_pairs = outputs.sxs.counted.n_of_other_pairs;
        if n_of_other_pairs > 0 {
            warn!(n_of_other_pairs, "votes for pairs that are not in `sxs_pairs` are kept and not counted");
        }
        let Rendered { files, verdicts } = outputs.report;
        files.into_iter().try_for_each(|(key, content)| run.write_file(&key, content))?;
        verdicts.iter().for_each(|(experiment, verdict)| info!("experiment {experiment}: {verdict}"));
        let without_value = results.metrics.iter().filter(|row| row.value.is_none()).count();
        info!(n_models = inputs.reward_models.len(), n_metrics = results.metrics.len(), without_value, "evaluated");
        Ok(Counts::from([
            ("models", inputs.reward_models.len() as u64),
            ("metrics", results.metrics.len() as u64),
            ("arm_differences", results.arm_differences.len() as u64),
            ("metrics_without_value", without_value as u64),
            ("sxs_pairs", outputs.sxs.selection.pairs.len() as u64),
            ("sxs_votes", outputs.sxs.counted.votes.len() as u64),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use tables::{
        AttributeValidity, ImageFiles, Location, MetricValue, ProgressStyle, Split, Staging, Storage, TableError,
        Tables,
    };

    use super::*;
    use crate::fixtures::{image, model, prediction, preference, settings, target};
    use crate::settings::{Bootstrap, Report};
    use crate::synthetic::{World, inputs};

    const REPORT: &str = "report/index.html";

    fn html(inputs: &Inputs, settings: &Settings) -> String {
        String::from_utf8(outputs(inputs, settings).unwrap().report.files.remove(REPORT).unwrap()).unwrap()
    }

    fn with_sxs() -> Settings {
        Settings { sxs: Some(crate::fixtures::sxs("preferences", "coarse", "all")), ..settings() }
    }

    /// Writes the input tables as the earlier stages would.
    fn write_inputs(storage: &Storage, inputs: &Inputs) {
        let mut staging = Staging::new(storage.clone(), StageName::Train);
        staging.write(&inputs.prompts, &[]).unwrap();
        staging.write(&inputs.images, &[]).unwrap();
        staging.write(&inputs.ratings, &[]).unwrap();
        staging.write(&inputs.preferences, &[]).unwrap();
        staging.write(&inputs.questions, &[]).unwrap();
        staging.write(&inputs.answers, &[]).unwrap();
        staging.write(&inputs.attribute_scores, &[]).unwrap();
        staging.write(&inputs.labels, &[]).unwrap();
        staging.write(&inputs.reward_models, &[]).unwrap();
        staging.write(&inputs.predictions.rows(), &[]).unwrap();
        staging.write(&inputs.aggregator_weights, &[]).unwrap();
        staging.commit("runs/train.json", "{}").unwrap();
    }

    fn run(storage: &Storage, settings: Settings) -> Result<Counts, StageError> {
        let stage = Evaluate::new(settings).unwrap();
        let images = ImageFiles::open(&Location::new("nowhere")).unwrap();
        let mut run = StageRun::new(storage.clone(), StageName::Evaluate, images, ProgressStyle::Silent);
        let counts = stage.run(&mut run)?;
        let staging = run.into_staging();
        let written: Vec<&str> = staging.tables().keys().copied().collect();
        let mut promised = stage.writes();
        promised.sort_unstable();
        assert_eq!(written, promised);
        staging.commit("runs/evaluate.json", "{}").unwrap();
        Ok(counts)
    }

    #[test]
    fn the_stage_writes_its_tables_and_the_same_report_twice() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        write_inputs(&storage, &inputs(&World::small()));
        let counts = run(&storage, with_sxs()).unwrap();
        let first = storage.get_bytes(REPORT).unwrap().unwrap();
        let tables = Tables::new(storage.clone());
        let metrics: Vec<MetricValue> = tables.read().unwrap();
        assert_eq!(counts["models"], 36);
        assert_eq!(metrics.len(), 36 * 2 * 5);
        assert!(metrics.iter().filter(|row| row.metric == "roc_auc").all(|row| row.ci_low.is_some()));
        let validity: Vec<AttributeValidity> = tables.read().unwrap();
        assert!(validity.iter().any(|row| row.attribute == "one rater" && row.aspect == "overall"));
        let agreement: Vec<AttributeAgreement> = tables.read().unwrap();
        assert!(agreement.iter().any(|row| row.attribute_b == "target" && row.split == Split::Test));
        assert!(!tables.read::<SxsPair>().unwrap().is_empty());
        assert_eq!(tables.read::<SxsVote>().unwrap(), []);
        assert_eq!(tables.read::<SxsSummary>().unwrap(), []);

        run(&storage, with_sxs()).unwrap();
        assert_eq!(storage.get_bytes(REPORT).unwrap().unwrap(), first);
        assert_eq!(tables.read::<MetricValue>().unwrap(), metrics);
    }

    #[test]
    fn a_missing_table_is_named_with_the_stage_that_writes_it() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        let error = run(&storage, settings()).unwrap_err();
        let error = error.source.downcast_ref::<TableError>().unwrap().to_string();
        assert!(error.contains("`prompts` is not there yet") && error.contains("run `ingest` first"), "{error}");
    }

    #[test]
    fn the_report_needs_no_network_and_tells_no_time() {
        let html = html(&inputs(&World::small()), &with_sxs());
        let without_namespaces = html.replace("http://www.w3.org/2000/svg", "");
        for network in ["http:", "https:", "url(", "@import", "<script", "<img", "<link"] {
            assert!(!without_namespaces.contains(network), "{network}");
        }
        assert!(html.contains("href=\"../tables/metrics/metrics.parquet\""));
        assert!(html.contains("currentColor") && !html.contains("#010203"));
        assert!(html.contains("only 24 test images of 6 prompts"), "few images are a loud note");
    }

    #[test]
    fn hostile_names_and_texts_are_text_in_the_report() {
        let hostile = "<script>alert('1')</script>\"`<b>`";
        let mut inputs = inputs(&World::small());
        inputs.prompts.iter_mut().for_each(|prompt| prompt.prompt = hostile.to_owned());
        inputs.answers.iter_mut().for_each(|answer| answer.model = hostile.to_owned());
        for model in &mut inputs.reward_models {
            model.experiment = format!("{}{hostile}", model.experiment);
            model.arm = format!("{}{hostile}", model.arm);
            model.reason = (model.n_train == 20 && model.seed == 0).then(|| hostile.to_owned());
        }
        let hostile_labels = |label: &mut tables::Label| {
            label.experiment = format!("{}{hostile}", label.experiment);
            label.attribute = if label.attribute == "bright" { hostile.to_owned() } else { label.attribute.clone() };
        };
        inputs.labels.iter_mut().for_each(hostile_labels);
        inputs.attribute_scores.iter_mut().for_each(|score| score.attribute += hostile);
        inputs.aggregator_weights.iter_mut().for_each(|weight| weight.attribute += hostile);
        inputs.encoders = vec![(hostile.to_owned(), hostile.to_owned())];
        let named = |name: &str| format!("{name}{hostile}");
        let sxs = crate::fixtures::sxs(&named("preferences"), &named("coarse"), &named("all"));
        let report = Report { title: hostile.to_owned(), contact_sheets: None };
        let html = html(&inputs, &Settings { report, sxs: Some(sxs), ..settings() });
        assert!(!html.contains("<script") && !html.contains("<b>"), "{}", html.len());
        assert!(html.contains("<title>&lt;script&gt;"));
    }

    #[test]
    fn empty_tables_give_a_report_that_says_what_lacks() {
        let outputs = outputs(&Inputs::default(), &settings()).unwrap();
        assert!(outputs.results.metrics.is_empty() && outputs.results.validity.is_empty());
        for lacking in ["reward_models</code> is empty", "ratings</code> is empty", "answers</code> is empty"] {
            assert!(html(&Inputs::default(), &settings()).contains(lacking), "{lacking}");
        }
    }

    #[test]
    fn a_run_in_which_no_model_was_trained_has_a_report_with_the_reasons() {
        let mut inputs = inputs(&World::small());
        inputs.predictions.clear();
        inputs.aggregator_weights.clear();
        inputs.reward_models.iter_mut().for_each(|model| model.reason = Some("too few labels".to_owned()));
        let html = html(&inputs, &with_sxs());
        assert!(html.contains("No result") && html.contains("Models could not be trained: too few labels."));
        assert!(html.contains("36 of 36 reward models could not be trained"));
    }

    #[test]
    fn one_prompt_one_image_and_one_seed_still_make_a_report() {
        let test_images = [image("p1-0", Split::Test), image("p1-1", Split::Test)];
        for n_images in 1..=2 {
            let images = test_images[..n_images].to_vec();
            let (coarse, fine) = (model("e", "coarse", &[], 1, 0), model("e", "fine", &["noun"], 1, 0));
            let labels = images.iter().enumerate().map(|(at, image)| target("e", &image.image_id, Some(at == 0)));
            let predictions =
                [&coarse, &fine].into_iter().flat_map(|model| images.iter().map(|image| prediction(model, image, 0.5)));
            let inputs = Inputs {
                labels: labels.collect(),
                predictions: predictions.collect(),
                preferences: images.iter().map(|image| preference(&image.image_id, "overall", 2.0)).collect(),
                reward_models: vec![coarse.clone(), fine.clone()],
                images: images.clone(),
                ..Inputs::default()
            };
            let html = html(&inputs, &settings());
            let verdict = if n_images == 1 { "No result" } else { "Too little data to tell" };
            assert!(html.contains(verdict), "{n_images}");
        }
    }

    /// The text of a page, its cells with bars between.
    fn text(html: &str) -> String {
        let (mut text, mut is_tag) = (String::new(), false);
        for letter in html.replace("</td>", "|</td>").chars() {
            match letter {
                '<' => is_tag = true,
                '>' => is_tag = false,
                letter if !is_tag => text.push(letter),
                _ => {}
            }
        }
        text
    }

    #[test]
    fn every_metric_of_an_arm_stands_in_the_report_with_its_interval() {
        let outputs = outputs(&inputs(&World::small()), &settings()).unwrap();
        let text = text(&String::from_utf8(outputs.report.files[REPORT].clone()).unwrap());
        for metric in ["brier", "log_loss", "calibration_error"] {
            let is_wanted = |row: &&ArmMetric| row.metric == metric && row.split == Split::Test && row.arm == "tree";
            let row = outputs.results.arm_metrics.iter().find(is_wanted).unwrap();
            let [value, low, high] = [row.value, row.ci_low, row.ci_high].map(Option::unwrap);
            assert!(text.contains(&format!("|{value:.3} [{low:.3}, {high:.3}]|")), "{row:?}");
        }
        assert!(text.contains("No human ceiling: "), "one of the two experiments has a target that nobody rated");
    }

    #[test]
    fn what_was_asked_is_told_by_bucket_with_the_reasons_for_missing_answers() {
        use crate::fixtures::{answer, question};
        let inputs = Inputs {
            images: vec![image("p1-0", Split::Test)],
            questions: vec![
                question("p1", "q1", tables::Bucket::Noun, &[]),
                question("p1", "q2", tables::Bucket::Verb, &["q1"]),
            ],
            answers: vec![answer("p1-0", "q1", Some(0.0)), answer("p1-0", "q2", None)],
            preferences: vec![preference("p1-0", "overall", 2.0)],
            ..Inputs::default()
        };
        let text = text(&html(&inputs, &settings()));
        assert!(text.contains("noun|m|alignment|1|1|1 (100 %)|0|0|0|0|"), "{text}");
        assert!(text.contains("verb|m|alignment|1|1|0 (0 %)|0|0|1|0|"), "{text}");
        // What a "no" rules out counts as 0, but its own answer is missing all the same.
        assert!(text.contains("vq2|m|left out|2|1 (50 %)|1|"), "{text}");
    }

    #[test]
    fn settings_that_change_a_result_are_in_the_stages_settings() {
        let of = |settings: Settings| Evaluate::new(settings).unwrap().settings();
        assert_ne!(of(settings()), of(with_sxs()));
        assert_ne!(of(settings()), of(Settings { bootstrap: Bootstrap { replicates: 200, seed: 1 }, ..settings() }));
    }

    /// Run by hand to look at reports and to measure: `--run-ignored only --no-capture`; they go to `$REPORTS` or `/tmp`.
    #[test]
    #[ignore = "writes files to look at"]
    fn reports_to_look_at() {
        let folder = std::path::PathBuf::from(std::env::var("REPORTS").unwrap_or("/tmp".to_owned()));
        for (name, world) in [("full", World::full()), ("small", World::small())] {
            let inputs = inputs(&world);
            let bootstrap = Bootstrap { replicates: 1_000, seed: 0 };
            let start = std::time::Instant::now();
            let n_rows = evaluate(&inputs, &Settings { bootstrap: bootstrap.clone(), ..settings() }).rows.len();
            eprintln!("{name}: {} models, {n_rows} metrics in {:.2?}", inputs.reward_models.len(), start.elapsed());
            let start = std::time::Instant::now();
            let outputs = outputs(&inputs, &Settings { bootstrap, ..with_sxs() }).unwrap();
            let kib = outputs.report.files[REPORT].len() / 1024;
            eprintln!(
                "{name}: everything in {:.2?}, {} files, page of {kib} KiB",
                start.elapsed(),
                outputs.report.files.len()
            );
            for (key, content) in outputs.report.files {
                let file = folder.join(name).join(key);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, content).unwrap();
            }
        }
    }
}
