//! The report: one HTML file that opens with the answer in words, then figures, tables, and where they come from; beside
//! it every figure as SVG, PNG and CSV.
//!
//! It needs no network and holds no time of day, so that equal tables give equal bytes.

mod answer;
mod budget;
mod contact_sheet;
mod coverage;
mod curves;
mod dots;
mod drawing;
mod experiment;
mod facts;
mod feedback;
mod figures;
mod heat_map;
mod interval_of_seeds;
mod interventions;
mod palette;
mod people;
mod pictures;
mod png;
mod provenance;
mod records;
mod sheet;
mod side_by_side;
mod weights;
pub mod words;

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{UndefinedBehavior, Value};
use serde::Serialize;

pub use self::pictures::{ContactSheet, contact_sheets};
pub use self::records::{StageRecord, label_source, records};

use self::answer::Answer;
use self::facts::Fact;
use self::sheet::Section;
use crate::arms::{ArmPoint, points};
use crate::error::EvaluateError;
use crate::inputs::Inputs;
use crate::metrics::Evaluation;
use crate::settings::Settings;
use crate::side_by_side::Judged;
use crate::stage::Results;

/// Raised when the stage makes other tables or another report from the same inputs and settings.
pub const STAGE_VERSION: u32 = 6;

/// All that the report shows.
pub struct Findings<'a> {
    /// The tables that were read.
    pub inputs: &'a Inputs,
    /// The settings.
    pub settings: &'a Settings,
    /// Metrics.
    pub evaluation: &'a Evaluation<'a>,
    /// Every computed table.
    pub results: &'a Results,
    /// Tables `sxs_…`.
    pub sxs: &'a Judged,
}

/// What the template is filled with.
#[derive(Serialize)]
struct Page<'a> {
    title: &'a str,
    answers: Vec<Answer>,
    warnings: Vec<String>,
    facts: Vec<Fact>,
    sections: Vec<Section>,
}

/// Where the page stands below the data root.
const PAGE: &str = "report/index.html";

/// The report as it is written.
pub struct Rendered {
    /// The page, and each of its figures as SVG, PNG and CSV: key under the data root to content.
    pub files: BTreeMap<String, Vec<u8>>,
    /// What it opens with: each experiment and its verdict in a few words.
    pub verdicts: Vec<(String, String)>,
}

/// The report.
///
/// # Errors
/// [`EvaluateError::Figure`], [`EvaluateError::Numbers`] or [`EvaluateError::Template`].
pub fn report(findings: &Findings) -> Result<Rendered, EvaluateError> {
    let points = points(findings.evaluation);
    let by_experiment: Vec<&[ArmPoint]> = points.chunk_by(|a, b| a.experiment == b.experiment).collect();
    let mut sections = Vec::new();
    for (at, points) in by_experiment.iter().enumerate() {
        sections.push(experiment::section(points, findings, at == 0)?);
    }
    sections.push(feedback::validity(findings)?);
    sections.push(feedback::agreement(findings)?);
    sections.push(weights::section(&by_experiment, findings)?);
    sections.push(contact_sheet::section(findings));
    sections.push(coverage::section(findings));
    sections.push(people::section(findings));
    sections.extend(side_by_side::section(findings));
    sections.push(experiment::every_model(findings));
    sections.push(provenance::section(findings));
    let mut files: BTreeMap<String, Vec<u8>> = figures::files(&mut sections)?.into_iter().collect();
    let answers: Vec<Answer> =
        by_experiment.iter().map(|points| answer::answer(points[0].experiment, points, findings)).collect();
    let verdicts = answers.iter().map(|answer| (answer.experiment.clone(), answer.verdict.clone())).collect();
    let page = Page {
        title: &findings.settings.report.title,
        answers,
        warnings: facts::warnings(findings),
        facts: facts::facts(findings.inputs),
        sections,
    };
    let mut templates = minijinja::Environment::new();
    templates.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    templates.add_filter("prose", prose);
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    // As minijinja's own, but without turning every slash into `&#x2f;`.
    templates.set_formatter(|out, _, value| match value.is_safe() {
        true => Ok(write!(out, "{value}")?),
        false => Ok(out.write_str(&drawing::escaped(&value.to_string()))?),
    });
    templates.add_template("page.html", include_str!("page.html"))?;
    files.insert(PAGE.to_owned(), templates.get_template("page.html")?.render(Serde(page))?.into_bytes());
    Ok(Rendered { files, verdicts })
}

/// Text with its `names` set as code; everything in it is escaped.
fn prose(text: &str) -> Value {
    let parts = text.split('`').enumerate().map(|(at, part)| match at % 2 {
        0 => drawing::escaped(part),
        _ => format!("<code>{}</code>", drawing::escaped(part)),
    });
    Value::from_safe_string(parts.collect())
}
