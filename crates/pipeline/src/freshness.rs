//! Why a stage would run again: the input, setting or version that differs from its last run's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;
use tables::{Location, Stage, StageError, Storage, Tables, WrittenTable, contract_of};

use crate::record::{Inputs, RunRecord};

/// One reason why a stage is stale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has not run here.
    NeverRan,
    /// Its code makes other tables now.
    Version {
        /// Then.
        was: u32,
        /// Now.
        is: u32,
    },
    /// A setting changed.
    Setting {
        /// The key, such as `mlp.epochs`.
        path: String,
        /// Then, as JSON; empty if it was not there.
        was: String,
        /// Now, as JSON; empty if it is gone.
        is: String,
    },
    /// A table that it reads has other rows.
    Table(String),
    /// A file that it reads has another content.
    File(String),
    /// A file that it reads was not there, or is gone.
    FileSet(String),
    /// A table that it wrote is gone or is not what it wrote.
    Output {
        /// The table.
        table: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A model or report that it wrote is gone.
    OutputFile(String),
    /// Its last run came to an end without the whole result.
    Unfinished(String),
    /// The user asked for it.
    Forced,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverRan => write!(f, "it has not run yet"),
            Self::Version { was, is } => write!(f, "its version went from {was} to {is}"),
            Self::Setting { path, was, is } if was.is_empty() => write!(f, "setting `{path}` is set now: {is}"),
            Self::Setting { path, was, is } if is.is_empty() => {
                write!(f, "setting `{path}` is no longer set: it was {was}")
            }
            Self::Setting { path, was, is } => write!(f, "setting `{path}` went from {was} to {is}"),
            Self::Table(table) => write!(f, "table `{table}` changed"),
            Self::File(file) => write!(f, "file `{file}` changed"),
            Self::FileSet(file) => write!(f, "file `{file}` came or went"),
            Self::Output { table, problem } => write!(f, "its table `{table}` {problem}"),
            Self::OutputFile(key) => write!(f, "its file `{key}` is gone"),
            Self::Unfinished(why) => write!(f, "{why}"),
            Self::Forced => write!(f, "forced"),
        }
    }
}

/// What a stage would read if it ran now.
///
/// # Errors
/// If a table or file cannot be read.
pub fn inputs(
    stage: &dyn Stage,
    tables: &Tables,
    written: &BTreeMap<String, WrittenTable>,
) -> Result<Inputs, StageError> {
    let mut digests = BTreeMap::new();
    for table in stage.reads() {
        if let Some(content) = table_content(tables, table, written)? {
            digests.insert(table.to_owned(), content);
        }
    }
    let mut files = BTreeMap::new();
    for file in stage.files(tables)? {
        files.insert(file.name, file_digest(&file.location)?);
    }
    Ok(Inputs { version: stage.version(), settings: stage.settings(), tables: digests, files })
}

/// Whether a stage is fresh, and what was read to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Why it would run again; nothing if it is fresh.
    pub reasons: Vec<Reason>,
    /// Its inputs as they are now; `None` where nothing had to be digested, since it never ran.
    pub inputs: Option<Inputs>,
}

/// Compares a stage's last run with what is there now.
///
/// # Errors
/// If a table or file cannot be read.
pub fn judge(
    stage: &dyn Stage,
    tables: &Tables,
    written: &BTreeMap<String, WrittenTable>,
) -> Result<Verdict, StageError> {
    let Some(record) = RunRecord::load(tables.storage(), stage.name())? else {
        return Ok(Verdict { reasons: vec![Reason::NeverRan], inputs: None });
    };
    let now = inputs(stage, tables, written)?;
    let mut reasons = differences(&record.inputs, &now);
    for table in stage.writes() {
        if let Some(problem) = output_problem(tables, table, &record)? {
            reasons.push(Reason::Output { table: table.to_owned(), problem });
        }
    }
    reasons.extend(stage.unfinished(&record.counts).map(Reason::Unfinished));
    if !record.files.is_empty() {
        let mut there = BTreeSet::new();
        for folder in record.files.keys().filter_map(|key| key.split('/').next()).collect::<BTreeSet<_>>() {
            there.extend(tables.storage().list(folder)?);
        }
        let gone = record.files.keys().find(|key| !there.contains(*key));
        reasons.extend(gone.cloned().map(Reason::OutputFile));
    }
    Ok(Verdict { reasons, inputs: Some(now) })
}

/// What differs between two runs' inputs.
pub fn differences(was: &Inputs, is: &Inputs) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if was.version != is.version {
        reasons.push(Reason::Version { was: was.version, is: is.version });
    }
    compare_settings("", &was.settings, &is.settings, &mut reasons);
    let tables = was.tables.keys().chain(is.tables.keys().filter(|table| !was.tables.contains_key(*table)));
    reasons.extend(tables.filter(|table| was.tables.get(*table) != is.tables.get(*table)).cloned().map(Reason::Table));
    let files = was.files.keys().chain(is.files.keys().filter(|file| !was.files.contains_key(*file)));
    for file in files {
        match (was.files.get(file), is.files.get(file)) {
            (Some(before), Some(now)) if before == now => {}
            (Some(Some(_)), Some(Some(_))) => reasons.push(Reason::File(file.clone())),
            _ => reasons.push(Reason::FileSet(file.clone())),
        }
    }
    reasons
}

/// Walks two settings side by side down to the leaves; a list is one leaf.
fn compare_settings(path: &str, was: &Value, is: &Value, reasons: &mut Vec<Reason>) {
    if was == is {
        return;
    }
    if let (Value::Object(before), Value::Object(now)) = (was, is) {
        let names = before.keys().chain(now.keys().filter(|name| !before.contains_key(*name)));
        for name in names {
            let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let side = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
            compare_settings(&below, &side(before), &side(now), reasons);
        }
        return;
    }
    let shown = |value: &Value| if value.is_null() { String::new() } else { value.to_string() };
    reasons.push(Reason::Setting { path: path.to_owned(), was: shown(was), is: shown(is) });
}

/// The digest of a table's content: the one its writer recorded if the file is still that file, else read anew.
fn table_content(
    tables: &Tables,
    table: &str,
    written: &BTreeMap<String, WrittenTable>,
) -> Result<Option<String>, StageError> {
    let Some(bytes) = storage_digest(tables.storage(), &Tables::key(table))? else { return Ok(None) };
    if let Some(known) = written.get(table).filter(|known| known.file == bytes) {
        return Ok(Some(known.content.clone()));
    }
    let Some(contract) = contract_of(table) else { return Ok(Some(bytes)) };
    let file = tables.open_file(&contract)?;
    Ok(file.map(|file| file.digest()).transpose()?.map(|(content, _)| content))
}

fn output_problem(tables: &Tables, table: &str, record: &RunRecord) -> Result<Option<String>, StageError> {
    let Some(known) = record.outputs.get(table) else { return Ok(Some("was not written yet".to_owned())) };
    let Some(bytes) = storage_digest(tables.storage(), &Tables::key(table))? else {
        return Ok(Some("is gone".to_owned()));
    };
    if bytes == known.file {
        return Ok(None);
    }
    let Some(contract) = contract_of(table) else { return Ok(None) };
    // Written anew by another tool with the same rows is as good; cut in half or edited is not.
    Ok(match tables.open_file(&contract).and_then(|file| file.map(|file| file.digest()).transpose()) {
        Ok(Some((content, _))) if content == known.content => None,
        Ok(Some(_)) => Some("was changed by hand".to_owned()),
        Ok(None) => Some("is gone".to_owned()),
        Err(error) => Some(format!("is damaged ({error})")),
    })
}

fn storage_digest(storage: &Storage, key: &str) -> Result<Option<String>, StageError> {
    if let Some(root) = storage.local_root() {
        return Ok(digest_if_there(&root.join(key))?);
    }
    Ok(storage.get_bytes(key)?.map(|bytes| tables::digest_bytes(&bytes)))
}

/// The largest file that is fetched from a URL to be digested.
const MAX_FILE_BYTES: u64 = 4 << 30;

fn file_digest(location: &Location) -> Result<Option<String>, StageError> {
    if let Some(path) = location.local_path() {
        return digest_if_there(&path).map_err(|error| format!("cannot read `{location}`: {error}").into());
    }
    let Some(fetched) = Storage::download(location, MAX_FILE_BYTES)? else { return Ok(None) };
    Ok(Some(tables::digest_file(fetched.path())?))
}

fn digest_if_there(path: &std::path::Path) -> std::io::Result<Option<String>> {
    match tables::digest_file(path) {
        Ok(digest) => Ok(Some(digest)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn inputs(settings: Value) -> Inputs {
        Inputs {
            version: 1,
            settings,
            tables: BTreeMap::from([("prompts".to_owned(), "aa".to_owned())]),
            files: BTreeMap::from([("sources.ratings".to_owned(), Some("bb".to_owned()))]),
        }
    }

    fn shown(was: &Inputs, is: &Inputs) -> Vec<String> {
        differences(was, is).iter().map(Reason::to_string).collect()
    }

    #[test]
    fn equal_inputs_give_no_reason_and_the_same_digest() {
        let (was, is) = (inputs(json!({"a": 1})), inputs(json!({"a": 1})));
        assert_eq!(shown(&was, &is), [""; 0]);
        assert_eq!(was.digest(tables::StageName::Train), is.digest(tables::StageName::Train));
        assert_ne!(was.digest(tables::StageName::Train), is.digest(tables::StageName::Embed));
    }

    #[test]
    fn a_setting_is_named_by_its_path_with_both_values() {
        let was = inputs(json!({"mlp": {"epochs": 100, "hidden": [256, 256]}, "old": true}));
        let is = inputs(json!({"mlp": {"epochs": 5, "hidden": [256]}, "new": "x"}));
        assert_eq!(
            shown(&was, &is),
            [
                "setting `mlp.epochs` went from 100 to 5",
                "setting `mlp.hidden` went from [256,256] to [256]",
                "setting `old` is no longer set: it was true",
                "setting `new` is set now: \"x\"",
            ]
        );
    }

    #[test]
    fn tables_files_and_versions_are_named() {
        let was = inputs(json!({}));
        let mut is = was.clone();
        is.version = 2;
        is.tables.insert("prompts".to_owned(), "cc".to_owned());
        is.tables.insert("images".to_owned(), "dd".to_owned());
        is.files.insert("sources.ratings".to_owned(), Some("ee".to_owned()));
        is.files.insert("images/1.png".to_owned(), Some("ff".to_owned()));
        assert_eq!(
            shown(&was, &is),
            [
                "its version went from 1 to 2",
                "table `prompts` changed",
                "table `images` changed",
                "file `sources.ratings` changed",
                "file `images/1.png` came or went",
            ]
        );
    }
}
