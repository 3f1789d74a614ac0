//! A folder of Hugging Face files.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use tables::{InputFile, Location};

use super::error::{AnyError, T5Error};

/// The files of a question generator.
pub const QUESTION_GENERATION: Folder =
    Folder { setting: "question_generation", files: &["config.json", "model.safetensors", "spiece.model"] };

/// The files of a question-answering model.
pub const QUESTION_ANSWERING: Folder = Folder {
    setting: "filter.question_answering.folder",
    files: &["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"],
};

/// Which setting names the folder, and what must be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folder {
    /// The key below `vq2-parse.t5`.
    pub setting: &'static str,
    /// The names of its files.
    pub files: &'static [&'static str],
}

impl Folder {
    /// Its files as inputs of the stage: other weights make other questions.
    pub fn input_files(self, location: &Location) -> impl Iterator<Item = InputFile> {
        let input =
            move |name: &&str| InputFile { name: format!("t5.{}/{name}", self.setting), location: location.join(name) };
        self.files.iter().map(input)
    }

    /// The folder's path, with all files there.
    ///
    /// # Errors
    /// [`T5Error::NotLocal`] for a URL, [`T5Error::NoFile`] for the first file that is missing.
    pub fn open(self, location: &Location) -> Result<OpenFolder, T5Error> {
        let path = location
            .local_path()
            .ok_or_else(|| T5Error::NotLocal { setting: self.setting, location: location.to_string() })?;
        for name in self.files {
            let file = path.join(name);
            if !file.is_file() {
                return Err(T5Error::NoFile { file, setting: self.setting, files: self.files });
            }
        }
        Ok(OpenFolder { path })
    }
}

/// A folder whose files are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFolder {
    /// Where it lies.
    pub path: PathBuf,
}

impl OpenFolder {
    /// One of its files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A JSON file of it.
    ///
    /// # Errors
    /// [`T5Error::Unfit`] if it is no JSON of this form.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, T5Error> {
        let read = || -> Result<T, AnyError> { Ok(serde_json::from_slice(&std::fs::read(self.file(name))?)?) };
        read().map_err(|source| self.unfit(name, source))
    }

    /// The error that one of its files does not fit.
    pub fn unfit(&self, name: &str, source: impl Into<AnyError>) -> T5Error {
        T5Error::Unfit { file: self.file(name), source: source.into() }
    }
}
