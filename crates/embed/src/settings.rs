//! The section `embed` of the pipeline file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tables::Location;
use torch_device::DeviceSetting;

use crate::error::EmbedError;

/// The section `embed` of the pipeline file.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What turns an image into a vector; left out, images have none.
    pub image_encoder: Option<ImageEncoderSettings>,
    /// What turns a prompt into a vector; left out, prompts have none.
    pub text_encoder: Option<TextEncoderSettings>,
    /// Where to compute. CPU and CUDA differ in the last digits, so this decides freshness.
    pub device: DeviceSetting,
    /// Images (or prompts) that go through an encoder together on CUDA. On the CPU each core takes one at a time,
    /// which is faster there. It changes no result beyond a CUDA kernel's last bits, so it decides no freshness.
    #[serde(skip_serializing)]
    pub batch_size: usize,
    /// What to do about an image file that is missing or cannot be decoded.
    pub on_bad_image: OnBadImage,
}

/// An image encoder and its weights.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ImageEncoderSettings {
    /// EfficientNet-Lite0 without its classifier: 1280 numbers.
    EfficientnetLite0 {
        /// The safetensors file.
        weights: Location,
    },
}

/// A text encoder and its files.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TextEncoderSettings {
    /// all-MiniLM-L6-v2, or another BERT sentence encoder of the same form: 384 numbers of length 1.
    Minilm {
        /// The folder with `model.safetensors`, `config.json`, `vocab.txt` and the sentence-transformers files.
        folder: Location,
    },
}

/// What to do about an image file that is missing or cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadImage {
    /// End the run with an error.
    Fail,
    /// Leave its image embedding null, and count it.
    Skip,
}

impl Settings {
    /// Checks what the types do not.
    ///
    /// # Errors
    /// [`EmbedError::Setting`].
    pub fn validate(&self) -> Result<(), EmbedError> {
        if self.batch_size == 0 {
            return Err(EmbedError::Setting { setting: "batch_size", problem: "must be at least 1".to_owned() });
        }
        if let Some(ImageEncoderSettings::EfficientnetLite0 { weights }) = &self.image_encoder {
            local("image_encoder.weights", weights)?;
        }
        if let Some(TextEncoderSettings::Minilm { folder }) = &self.text_encoder {
            local("text_encoder.folder", folder)?;
        }
        Ok(())
    }
}

/// The path of encoder files, which LibTorch opens itself.
pub fn local(setting: &'static str, location: &Location) -> Result<PathBuf, EmbedError> {
    location.local_path().ok_or_else(|| EmbedError::Setting {
        setting,
        problem: format!("`{location}` is no local path; copy the encoder's files to this machine"),
    })
}
