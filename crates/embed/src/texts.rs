//! The text encoder at work: prompts in, vectors out.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tables::Progress;
use tch::Device;

use crate::cores::on_every_core;
use crate::error::{AnyError, EmbedError};
use crate::minilm::{FILES, MiniLm};
use crate::settings::{TextEncoderSettings, local};
use crate::store::Store;

/// The text encoder that the settings name, before its weights are loaded.
pub struct TextEncoder {
    /// Its kind, as in the settings.
    pub kind: &'static str,
    /// Its folder.
    pub folder: PathBuf,
}

impl TextEncoder {
    /// The encoder of the settings.
    ///
    /// # Errors
    /// [`EmbedError::Setting`] if its folder is not on this machine.
    pub fn new(settings: &TextEncoderSettings) -> Result<Self, EmbedError> {
        let TextEncoderSettings::Minilm { folder } = settings;
        Ok(Self { kind: "minilm", folder: local("text_encoder.folder", folder)? })
    }

    /// The files that decide its vectors.
    pub fn files(&self) -> Vec<PathBuf> {
        FILES.iter().map(|name| self.folder.join(name)).collect()
    }
}

/// What a prompt's vector is kept under.
pub fn content_of(prompt: &str) -> String {
    hex::encode(Sha256::digest(prompt))
}

/// Makes the vectors of prompts (each with what it is kept under) and puts them into the store.
///
/// # Errors
/// [`EmbedError`]: what the encoder or the store fails with. Vectors that were made before are kept.
pub fn embed_texts(
    prompts: &[(String, &str)],
    folder: &Path,
    device: Device,
    batch_size: usize,
    store: &mut Store,
    progress: &Progress,
) -> Result<(), EmbedError> {
    let encoder = MiniLm::load(folder, device)?;
    let failed = |source: AnyError| EmbedError::Encode { encoder: "text", device: torch_device::name(device), source };
    let done = match device {
        Device::Cpu => on_every_core(
            prompts,
            |(content, prompt)| Ok((content, encoder.embed(&[prompt], None).map_err(failed)?)),
            |(content, vectors)| {
                progress.add(1);
                Ok(vectors.into_iter().try_for_each(|vector| store.add(content, vector))?)
            },
        ),
        // Batches of one shape, so that a vector does not depend on what else is new in this run.
        _ => prompts.chunks(batch_size).try_for_each(|batch| {
            let texts: Vec<&str> = batch.iter().map(|(_, prompt)| *prompt).collect();
            let vectors = encoder.embed(&texts, Some(batch_size)).map_err(failed)?;
            progress.add(batch.len());
            Ok(batch.iter().zip(vectors).try_for_each(|((content, _), vector)| store.add(content, vector))?)
        }),
    };
    store.flush()?;
    done
}
