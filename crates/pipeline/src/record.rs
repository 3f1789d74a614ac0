//! What a run leaves beside its tables: `runs/<stage>.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tables::{StageName, Storage, StorageError, WrittenTable};

/// Everything that decides a stage's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inputs {
    /// The version of the stage's code.
    pub version: u32,
    /// Its settings; locations in them stand for their content.
    pub settings: Value,
    /// Table name to the digest of its content.
    pub tables: BTreeMap<String, String>,
    /// File name to the digest of its bytes; null if there is no such file.
    pub files: BTreeMap<String, Option<String>>,
}

impl Inputs {
    /// BLAKE3 over all of it: the stage is fresh while this stays the same.
    pub fn digest(&self, stage: StageName) -> String {
        let text =
            serde_json::to_string(&(stage.command(), self)).unwrap_or_else(|error| unreachable!("plain JSON: {error}"));
        tables::digest_bytes(text.as_bytes())
    }
}

/// One finished run of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// The stage.
    pub stage: String,
    /// The digest of `inputs`.
    pub digest: String,
    /// What it was made from.
    pub inputs: Inputs,
    /// The tables it wrote.
    pub outputs: BTreeMap<String, WrittenTable>,
    /// The files that are no tables, such as models and the report: key under the data root to digest.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// What it counted.
    pub counts: BTreeMap<String, u64>,
    /// Why images have no result, where bad ones are skipped: `image_id` to the cause, of the first hundred.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub bad_images: BTreeMap<String, String>,
    /// How long it took.
    pub seconds: f64,
    /// The process's peak resident memory while it ran; null where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// The commit of the checkout it ran in, with `+changes` if that was not clean.
    pub git_commit: Option<String>,
    /// The machine.
    pub host: Option<String>,
}

impl RunRecord {
    /// Where a stage's record stands under the data root.
    pub fn key(stage: StageName) -> String {
        format!("runs/{}.json", stage.command())
    }

    /// The record of the last finished run, or `None` if there is none that this program can read.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn load(storage: &Storage, stage: StageName) -> Result<Option<Self>, StorageError> {
        let Some(bytes) = storage.get_bytes(&Self::key(stage))? else { return Ok(None) };
        Ok(serde_json::from_slice(&bytes)
            .inspect_err(|error| tracing::warn!(%error, stage = stage.command(), "run record is not readable"))
            .ok())
    }
}

/// The commit of the working directory's checkout.
pub fn git_commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new("git").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { commit } else { format!("{commit}+changes") })
}

/// The machine's name.
pub fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned())
}

/// Starts a new measurement of the peak resident memory, where the system can.
pub fn reset_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The peak resident memory since then.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
