//! Vectors that outlive a killed run: each is kept under the SHA-256 of what it was made from.

use std::collections::{HashMap, HashSet};

use tables::{Embedding, Parts, StageRun, TableError, table};

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

/// A kill loses at most this many vectors.
const PER_PART: usize = 256;

/// The vectors of one encoder: those of earlier runs, and those of this one.
pub struct Store {
    parts: Parts<KeptVector>,
    vectors: HashMap<String, Embedding>,
    waiting: Vec<KeptVector>,
    n_new: u64,
}

impl Store {
    /// Opens the store of an encoder and reads those vectors that are wanted.
    ///
    /// `encoder_digest` must differ wherever the same content gives another vector.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn open(run: &StageRun, encoder_digest: &str, wanted: &HashSet<&str>) -> Result<Self, TableError> {
        let parts: Parts<KeptVector> = run.parts(&format!("embeddings-{}", &encoder_digest[..16]));
        let rows = parts.rows()?.into_iter().filter(|row| wanted.contains(row.content.as_str()));
        let vectors = rows.map(|row| (row.content, row.vector)).collect();
        Ok(Self { parts, vectors, waiting: Vec::new(), n_new: 0 })
    }

    /// The vector of some content.
    pub fn get(&self, content: &str) -> Option<&Embedding> {
        self.vectors.get(content)
    }

    /// How many vectors this run has made.
    pub fn n_new(&self) -> u64 {
        self.n_new
    }

    /// Adds a vector; now and then this writes those that wait.
    ///
    /// # Errors
    /// [`TableError`], such as for a full disk.
    pub fn add(&mut self, content: &str, vector: Embedding) -> Result<(), TableError> {
        self.n_new += 1;
        self.waiting.push(KeptVector { content: content.to_owned(), vector: vector.clone() });
        self.vectors.insert(content.to_owned(), vector);
        if self.waiting.len() >= PER_PART { self.flush() } else { Ok(()) }
    }

    /// Writes the vectors that wait.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn flush(&mut self) -> Result<(), TableError> {
        self.parts.append(&std::mem::take(&mut self.waiting))
    }
}
