//! What earlier stages ran with: their run records, as far as they decide a result. No times, no machine.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tables::{StageName, Storage, StorageError};

/// One earlier stage.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct StageRecord {
    /// The stage.
    pub stage: String,
    /// What it was made from.
    pub inputs: RecordedInputs,
    /// The tables that it wrote.
    pub outputs: BTreeMap<String, RecordedTable>,
}

/// What decided its result.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecordedInputs {
    /// The version of its code.
    pub version: u32,
    /// Its settings; locations in them are left out by the record.
    pub settings: Value,
    /// Files by name, with the digest of their bytes; null for one that was not there.
    #[serde(default)]
    pub files: BTreeMap<String, Option<String>>,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecordedTable {
    /// Digest of its rows without measured columns.
    pub content: String,
}

/// The records of the stages before this one, in their order. One that is missing or has another form is left out: tables
/// may have been put there by other means.
///
/// # Errors
/// [`StorageError`] if the data root cannot be read.
pub fn records(storage: &Storage) -> Result<Vec<StageRecord>, StorageError> {
    let mut records = Vec::new();
    for stage in StageName::ALL.iter().filter(|stage| **stage != StageName::Evaluate) {
        let bytes = storage.get_bytes(&format!("runs/{}.json", stage.command()))?;
        records.extend(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
    }
    Ok(records)
}

/// Whose answers the fine-grained labels of an experiment are (`train.experiments.….source`), where the record says it.
pub fn label_source<'r>(records: &'r [StageRecord], experiment: &str) -> Option<&'r str> {
    let train = records.iter().find(|record| record.stage == StageName::Train.command())?;
    train.inputs.settings["experiments"][experiment]["source"].as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_labels_an_experiment_has_stands_in_the_record_of_train() {
        let settings = serde_json::json!({ "experiments": { "e": { "source": "vlm" }, "f": {} } });
        let inputs = RecordedInputs { version: 1, settings, files: BTreeMap::new() };
        let records = [StageRecord { stage: "train".to_owned(), inputs, outputs: BTreeMap::new() }];
        assert_eq!(label_source(&records, "e"), Some("vlm"));
        assert_eq!([label_source(&records, "f"), label_source(&records, "g"), label_source(&[], "e")], [None; 3]);
    }

    #[test]
    fn records_are_read_and_others_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&folder.path().into()).unwrap();
        let record = r#"{"stage": "ingest", "digest": "d", "inputs": {"version": 3, "settings": {"a": 1}, "tables": {},
            "files": {"sources.x": "abc", "sources.y": null}}, "outputs": {"prompts": {"content": "c", "file": "f", "n_rows": 2}},
            "seconds": 1.5, "host": "h"}"#;
        storage.put("runs/ingest.json", record).unwrap();
        storage.put("runs/train.json", "{}").unwrap();
        let found = records(&storage).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].inputs.version, found[0].outputs["prompts"].content.as_str()), (3, "c"));
        assert_eq!(found[0].inputs.files["sources.y"], None);
    }
}
