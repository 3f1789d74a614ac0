//! Where the numbers come from: tables, models, settings, versions.

use std::collections::{BTreeMap, BTreeSet};

use tables::{MetricValue, SxsPair, SxsSummary, SxsVote, Table, Tables, all_contracts};

use super::sheet::{Cell, Section, Sheet};
use super::words::{count, nothing};
use super::{Findings, STAGE_VERSION};

/// Which tables, which models, which settings.
pub fn section(findings: &Findings) -> Section {
    let mut n_rows: BTreeMap<&str, usize> = findings.inputs.row_counts();
    n_rows.insert(MetricValue::NAME, findings.evaluation.rows.len());
    n_rows.insert(tables::AttributeValidity::NAME, findings.validity.len());
    n_rows.insert(tables::AttributeAgreement::NAME, findings.agreement.len());
    n_rows.insert(SxsPair::NAME, findings.sxs.selection.pairs.len());
    n_rows.insert(SxsVote::NAME, findings.sxs.counted.votes.len());
    n_rows.insert(SxsSummary::NAME, findings.sxs.summary.shares.len());
    n_rows.insert(tables::SxsTest::NAME, findings.sxs.summary.tests.len());
    let mut tables = Sheet::new(
        "Tables, relative to this report; rows of those that this stage reads or writes",
        &["Table", "#Rows", "Written by", "#Contract version", "One row is"],
    );
    tables.rows = all_contracts()
        .iter()
        .map(|contract| {
            let key = Tables::key(contract.name);
            vec![
                Cell { link: Some(format!("../{key}")), text: contract.name.to_owned() },
                n_rows.get(contract.name).map_or_else(nothing, |n| count(*n)).into(),
                contract.written_by.command().into(),
                contract.version.to_string().into(),
                contract.description.as_str().into(),
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
    flatten("evaluate", &serde_json::json!(findings.settings), &mut settings);
    settings.push(vec!["version of the stage".to_owned(), STAGE_VERSION.to_string()]);
    settings.push(vec!["version of finegrain".to_owned(), env!("CARGO_PKG_VERSION").to_owned()]);
    let settings = Sheet::new("Settings of this stage", &["Setting", "Value"]).with_rows(settings);
    Section {
        heading: "Where this comes from".to_owned(),
        lead: vec!["Run records with digests of every input stand in `runs/` beside the tables.".to_owned()],
        sheets: vec![tables, models, settings],
        ..Section::default()
    }
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
