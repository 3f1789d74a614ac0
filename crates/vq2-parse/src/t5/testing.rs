//! The tiny models of `fixtures/t5`, and what `transformers` made of them (`fixtures/t5/reference.py`).

use std::path::PathBuf;

/// A file or folder of the fixtures.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/t5").join(name)
}

/// `expected.json`.
pub fn expected() -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(fixture("expected.json")).unwrap()).unwrap()
}

/// A copy of a model's folder, to break; the second T5 has the first one's `spiece.model`.
pub fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture(name)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    if name.starts_with("t5") {
        std::fs::copy(fixture("t5-relu/spiece.model"), folder.path().join("spiece.model")).unwrap();
    }
    folder
}

/// Changes a key of a folder's `config.json`.
pub fn configure(folder: &tempfile::TempDir, key: &str, value: serde_json::Value) {
    let file = folder.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    config[key] = value;
    std::fs::write(&file, config.to_string()).unwrap();
}

/// Sets one byte of a folder's file: `place` in [0, 1) says which one, counted among the first `within`.
pub fn damage(folder: &tempfile::TempDir, name: &str, place: f64, within: usize, byte: u8) {
    let file = folder.path().join(name);
    let mut bytes = std::fs::read(&file).unwrap();
    let at = (place * bytes.len().min(within) as f64) as usize;
    bytes[at] = byte;
    std::fs::write(&file, bytes).unwrap();
}
