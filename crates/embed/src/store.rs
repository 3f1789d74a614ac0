//! Vectors that outlive a killed run: each is kept under the SHA-256 of what it was made from.
//!
//! In memory stands only where each vector is, some hundred bytes for it; the vectors of a run stand in a scratch file,
//! because the table wants them in another order than they are made in.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::fs::FileExt;

use tables::{Embedding, Parts, StageRun, table};
use tempfile::NamedTempFile;

use crate::error::EmbedError;

table! {
    /// One vector of one encoder.
    "kept_vectors" version 1 by Embed key [content]
    pub struct KeptVector {
        /// SHA-256 of the image file, or of the prompt's UTF-8 text.
        content: String where Sha256,
        /// The encoder's vector of it.
        vector: Embedding,
    }
}

/// A kill loses at most this many vectors, and on CUDA those of the batch that is under way.
const PER_PART: usize = 256;

/// The vectors of one encoder: those of earlier runs, and those of this one.
pub struct Store {
    parts: Parts<KeptVector>,
    waiting: Vec<KeptVector>,
    vectors: Scratch,
    n_new: u64,
}

impl Store {
    /// Opens the store of an encoder and takes from it those vectors that are wanted.
    ///
    /// `encoder_digest` must differ wherever the same content gives another vector.
    ///
    /// # Errors
    /// [`EmbedError::Table`], [`EmbedError::Scratch`].
    pub fn open(run: &StageRun, encoder_digest: &str, wanted: &HashSet<&str>) -> Result<Self, EmbedError> {
        let parts: Parts<KeptVector> = run.parts(&format!("embeddings-{}", &encoder_digest[..16]));
        let file = run.storage().scratch_file().map_err(tables::TableError::from)?;
        let mut vectors = Scratch { file, size: 0, places: HashMap::new() };
        let mut failed = Ok(());
        parts.for_each_chunk(|part| {
            for KeptVector { content, vector } in part {
                if failed.is_ok() && wanted.contains(content.as_str()) {
                    failed = vectors.add(&content, &vector);
                }
            }
        })?;
        failed?;
        Ok(Self { parts, waiting: Vec::new(), vectors, n_new: 0 })
    }

    /// Whether there is a vector of some content.
    pub fn has(&self, content: &str) -> bool {
        self.vectors.places.contains_key(&key(content))
    }

    /// The vector of some content.
    ///
    /// # Errors
    /// [`EmbedError::Scratch`].
    pub fn get(&self, content: &str) -> Result<Option<Embedding>, EmbedError> {
        self.vectors.get(content)
    }

    /// Whether there is any vector.
    pub fn is_empty(&self) -> bool {
        self.vectors.places.is_empty()
    }

    /// How many vectors this run has made.
    pub fn n_new(&self) -> u64 {
        self.n_new
    }

    /// Adds a vector; now and then this writes those that wait.
    ///
    /// # Errors
    /// [`EmbedError::Table`] or [`EmbedError::Scratch`], such as for a full disk; [`EmbedError::Lengths`].
    pub fn add(&mut self, content: &str, vector: Embedding) -> Result<(), EmbedError> {
        self.n_new += 1;
        self.vectors.add(content, &vector)?;
        self.waiting.push(KeptVector { content: content.to_owned(), vector });
        if self.waiting.len() >= PER_PART { self.flush() } else { Ok(()) }
    }

    /// Writes the vectors that wait.
    ///
    /// # Errors
    /// [`EmbedError::Table`].
    pub fn flush(&mut self) -> Result<(), EmbedError> {
        Ok(self.parts.append(&std::mem::take(&mut self.waiting))?)
    }
}

/// Vectors of one length in a file, and the place of each.
struct Scratch {
    file: NamedTempFile,
    /// Numbers of each vector; 0 before the first.
    size: usize,
    places: HashMap<Key, u32>,
}

type Key = [u8; 32];

/// The contract lets only SHA-256 in hexadecimal through.
fn key(content: &str) -> Key {
    let mut key = [0; 32];
    hex::decode_to_slice(content, &mut key).unwrap_or_else(|error| unreachable!("`{content}` is a SHA-256: {error}"));
    key
}

impl Scratch {
    fn add(&mut self, content: &str, vector: &[f32]) -> Result<(), EmbedError> {
        if self.size == 0 {
            self.size = vector.len();
        }
        if vector.len() != self.size {
            return Err(EmbedError::Lengths { one: self.size, another: vector.len() });
        }
        let next = self.places.len() as u32;
        let place = *self.places.entry(key(content)).or_insert(next);
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.file.as_file().write_all_at(&bytes, self.at(place)).map_err(scratch)
    }

    fn get(&self, content: &str) -> Result<Option<Embedding>, EmbedError> {
        let Some(place) = self.places.get(&key(content)) else { return Ok(None) };
        let mut bytes = vec![0; 4 * self.size];
        self.file.as_file().read_exact_at(&mut bytes, self.at(*place)).map_err(scratch)?;
        Ok(Some(bytes.as_chunks::<4>().0.iter().map(|number| f32::from_le_bytes(*number)).collect()))
    }

    fn at(&self, place: u32) -> u64 {
        u64::from(place) * 4 * self.size as u64
    }
}

fn scratch(source: io::Error) -> EmbedError {
    EmbedError::Scratch { source }
}
