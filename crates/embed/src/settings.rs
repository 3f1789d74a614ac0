//! The section `embed` of the pipeline file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tables::Location;
use torch_device::DeviceSetting;

use crate::error::EmbedError;
use crate::network::Scaling;
use crate::precision::Precision;
use crate::preprocess::ExifOrientation;

/// The section `embed` of the pipeline file.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What turns an image into a vector; left out, images have none.
    pub image_encoder: Option<ImageEncoderSettings>,
    /// What turns a prompt into a vector; left out, prompts have none.
    pub text_encoder: Option<TextEncoderSettings>,
    /// What to do about the orientation that an image's EXIF data notes.
    #[serde(default)]
    pub exif_orientation: ExifOrientation,
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
    /// CLIP (ViT-L/14, B/32, B/16, L/14@336, …), and what stands on it.
    Clip(ClipImageSettings),
    /// Any module that takes `[n, 3, input_size, input_size]` to `[n, features]`, saved as TorchScript. A file of that
    /// kind is a program and runs as one.
    #[serde(rename = "torchscript")]
    TorchScript(TorchScriptSettings),
}

/// CLIP's image tower, and what stands on it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ClipImageSettings {
    /// The folder in the Hugging Face layout: `model.safetensors`, `config.json`.
    pub folder: Location,
    /// Which vector: CLIP's own, or a layer of the aesthetics model on it (Paper: `laion_layer_1`, App. B.3).
    pub image_embedding: ImageVector,
    /// The LAION aesthetics model, `.pth` as published or `.safetensors`.
    pub laion_head: Option<Location>,
    /// Whether to write the aesthetics model's score of each image, into the table `aesthetic_scores`.
    #[serde(default)]
    pub aesthetic_score: bool,
    /// The numbers to compute with.
    #[serde(default)]
    pub precision: Precision,
}

/// A vector of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum ImageVector {
    /// `clip`: the projection, of any length, as `get_image_features` of `transformers`.
    Clip,
    /// `laion_layer_N`: the output of the aesthetics model's Nth layer, counted from 1.
    LaionLayer(usize),
}

impl TryFrom<String> for ImageVector {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let layer = text.strip_prefix("laion_layer_").and_then(|layer| layer.parse().ok()).filter(|layer| *layer > 0);
        match (text.as_str(), layer) {
            ("clip", _) => Ok(Self::Clip),
            (_, Some(layer)) => Ok(Self::LaionLayer(layer)),
            _ => {
                Err(format!("unknown image embedding `{text}`, expected `clip` or `laion_layer_1`, `laion_layer_2`, …"))
            }
        }
    }
}

impl From<ImageVector> for String {
    fn from(vector: ImageVector) -> Self {
        match vector {
            ImageVector::Clip => "clip".to_owned(),
            ImageVector::LaionLayer(layer) => format!("laion_layer_{layer}"),
        }
    }
}

/// A TorchScript image encoder, and the pixels that it takes: (x / 255 − mean) / std.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TorchScriptSettings {
    /// The TorchScript file.
    pub path: Location,
    /// Side of the square that goes in, in pixels.
    pub input_size: usize,
    /// What the short side is resized to before the centre is cut out; left out, `input_size`.
    pub short_side: Option<usize>,
    /// Resize both sides to `input_size` instead, as SigLIP does.
    #[serde(default)]
    pub squash: bool,
    /// Mean of red, green and blue.
    pub mean: [f32; 3],
    /// Standard deviation of red, green and blue.
    pub std: [f32; 3],
    /// The numbers to compute with.
    #[serde(default)]
    pub precision: Precision,
}

impl TorchScriptSettings {
    /// What is done to an 8-bit value.
    pub(crate) fn scaling(&self) -> Scaling {
        Scaling { mean: self.mean, standard_deviation: self.std }
    }
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
    /// CLIP: the projection, of any length, as `get_text_features` of `transformers`.
    Clip {
        /// The folder in the Hugging Face layout: `model.safetensors`, `config.json`.
        folder: Location,
        /// The numbers to compute with.
        #[serde(default)]
        precision: Precision,
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
        let wrong = |setting, problem: &str| Err(EmbedError::Setting { setting, problem: problem.to_owned() });
        if self.batch_size == 0 {
            return wrong("batch_size", "must be at least 1");
        }
        match &self.image_encoder {
            Some(ImageEncoderSettings::Clip(clip)) => {
                let needs_head = clip.image_embedding != ImageVector::Clip || clip.aesthetic_score;
                if needs_head && clip.laion_head.is_none() {
                    return wrong("image_encoder.laion_head", "is missing: the aesthetics model's file");
                }
                if !needs_head && clip.laion_head.is_some() {
                    return wrong("image_encoder.laion_head", "is not used by `image_embedding: clip` without a score");
                }
            }
            Some(ImageEncoderSettings::TorchScript(script)) => {
                if !(1..=4096).contains(&script.input_size) {
                    return wrong("image_encoder.input_size", "must be in 1..=4096");
                }
                if script.short_side.is_some_and(|side| side < script.input_size || side > 4096 || script.squash) {
                    return wrong("image_encoder.short_side", "must be in input_size..=4096, and absent with `squash`");
                }
                if !script.scaling().is_sound() {
                    return wrong("image_encoder.std", "and `mean` must be finite, `std` positive");
                }
            }
            Some(ImageEncoderSettings::EfficientnetLite0 { .. }) | None => {}
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
