//! Where the numbers come from: tables, models, settings, versions.

use std::collections::{BTreeMap, BTreeSet};

use tables::{MetricValue, SxsPair, SxsSummary, SxsVote, Table, Tables, all_contracts};

use super::sheet::{Cell, Section, Sheet};
use super::words::{count, nothing};
use super::{Findings, STAGE_VERSION};
use crate::inputs::Inputs;

/// Which tables, which models, which settings.
pub fn section(findings: &Findings) -> Section {
    let mut n_rows: BTreeMap<&str, usize> = findings.inputs.row_counts();
    n_rows.insert(MetricValue::NAME, findings.evaluation.rows.len());
    n_rows.insert(tables::ArmMetric::NAME, findings.results.arm_metrics.len());
    n_rows.insert(tables::ArmDifference::NAME, findings.results.arm_differences.len());
    n_rows.insert(tables::HumanCeiling::NAME, findings.results.human_ceilings.len());
    n_rows.insert(tables::AnnotationSeconds::NAME, findings.results.annotation_seconds.len());
    n_rows.insert(tables::AnswerCoverage::NAME, findings.results.coverage.len());
    n_rows.insert(tables::MissingAnswerEffect::NAME, findings.results.missing_answer_effects.len());
    n_rows.insert(tables::AttributeValidity::NAME, findings.results.validity.len());
    n_rows.insert(tables::AttributeAgreement::NAME, findings.results.agreement.len());
    n_rows.insert(SxsPair::NAME, findings.sxs.selection.pairs.len());
    n_rows.insert(SxsVote::NAME, findings.sxs.counted.votes.len());
    n_rows.insert(SxsSummary::NAME, findings.sxs.summary.shares.len());
    n_rows.insert(tables::SxsTest::NAME, findings.sxs.summary.tests.len());
    let mut tables = Sheet::new(
        "Tables, relative to this report; rows of those that this stage reads or writes",
        &["Table", "#Rows", "Digest", "Written by", "#Contract version", "One row is"],
    );
    let digests: BTreeMap<&str, &str> = findings
        .inputs
        .records
        .iter()
        .flat_map(|record| record.outputs.iter().map(|(name, table)| (name.as_str(), table.content.as_str())))
        .collect();
    tables.rows = all_contracts()
        .iter()
        .map(|contract| {
            let key = Tables::key(contract.name);
            vec![
                // A table that nobody here reads, writes or has a record of may not be there: no link that leads nowhere.
                Cell {
                    link: (n_rows.contains_key(contract.name) || digests.contains_key(contract.name))
                        .then(|| format!("../{key}")),
                    text: contract.name.to_owned(),
                },
                n_rows.get(contract.name).map_or_else(nothing, |n| count(*n)).into(),
                digests.get(contract.name).map_or_else(nothing, |digest| short(digest)).into(),
                contract.written_by.command().into(),
                contract.version.to_string().into(),
                contract.description.replace('`', "").into(),
            ]
        })
        .collect();

    let distinct = |values: &mut dyn Iterator<Item = &str>| {
        let values: BTreeSet<&str> = values.collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    };
    let inputs = findings.inputs;
    let generators = distinct(&mut inputs.images.iter().filter_map(|image| image.generator.as_deref()));
    let vlms = distinct(&mut inputs.answers.iter().map(|answer| answer.model.as_str()));
    let read = distinct(&mut inputs.reward_models.iter().map(|model| model.inputs.as_str()));
    let or_none = |text: String| if text.is_empty() { "none".to_owned() } else { text };
    let mut models = vec![
        vec!["Image generators".to_owned(), or_none(generators)],
        vec!["Answers by".to_owned(), or_none(vlms)],
        vec!["Reward models read".to_owned(), or_none(read)],
    ];
    models.extend(inputs.encoders.iter().map(|(key, value)| vec![format!("Embeddings: {key}"), value.clone()]));
    let models = Sheet::new("Models", &["What", "Which"]).with_rows(models);

    let mut settings = Vec::new();
    for record in &inputs.records {
        flatten(&record.stage, &record.inputs.settings, &mut settings);
    }
    flatten("evaluate", &serde_json::json!(findings.settings), &mut settings);
    let settings = Sheet::new("Settings of every stage, less some that stand at their default", &["Setting", "Value"])
        .with_rows(settings)
        .folded();
    let mut versions: Vec<Vec<String>> = inputs
        .records
        .iter()
        .map(|record| vec![format!("stage {}", record.stage), record.inputs.version.to_string()])
        .collect();
    versions.push(vec!["stage evaluate".to_owned(), STAGE_VERSION.to_string()]);
    versions.push(vec!["finegrain".to_owned(), env!("CARGO_PKG_VERSION").to_owned()]);
    let versions = Sheet::new("Versions", &["Of", "Version"]).with_rows(versions);
    let mut lacking = Vec::new();
    if inputs.records.is_empty() {
        lacking
            .push("No run records of the earlier stages (`runs/`): their settings and files are not known.".to_owned());
    }
    Section {
        heading: "Where this comes from".to_owned(),
        lead: vec![
            "Digests are BLAKE3, of the content of tables (without measured columns) and of the bytes of files: equal \
             digests, equal data. Places and times \
             are not part of it; they stand in `runs/` beside the tables, and so do the digests of this stage\u{2019}s own tables \
             (`runs/evaluate.json`, written after this page)."
                .to_owned(),
        ],
        lacking,
        sheets: vec![tables, files(inputs), models, versions, settings],
        ..Section::default()
    }
}

/// Files listed one by one, at most; the rest are counted.
const LISTED_FILES: usize = 40;

/// The files that earlier stages read, such as raw data and weights.
fn files(inputs: &Inputs) -> Sheet {
    let all: Vec<Vec<String>> = inputs
        .records
        .iter()
        .flat_map(|record| record.inputs.files.iter().map(move |file| (record.stage.clone(), file)))
        .map(|(stage, (name, digest))| {
            vec![stage, name.clone(), digest.as_deref().map_or("not there".to_owned(), short)]
        })
        .collect();
    let n = all.len();
    let caption = match n > LISTED_FILES {
        true => format!("Files that were read: the first {LISTED_FILES} of {}", count(n)),
        false => "Files that were read".to_owned(),
    };
    Sheet::new(caption, &["Stage", "File", "Digest"]).with_rows(all.into_iter().take(LISTED_FILES)).folded()
}

/// The first 16 digits of a digest: enough to tell data apart.
fn short(digest: &str) -> String {
    digest.chars().take(16).collect()
}

/// Nested settings as `a.b.c` and value.
fn flatten(path: &str, value: &serde_json::Value, rows: &mut Vec<Vec<String>>) {
    match value {
        serde_json::Value::Object(entries) => {
            entries.iter().for_each(|(key, value)| flatten(&format!("{path}.{key}"), value, rows));
        }
        serde_json::Value::String(text) => rows.push(vec![path.to_owned(), text.clone()]),
        other => rows.push(vec![path.to_owned(), other.to_string()]),
    }
}
