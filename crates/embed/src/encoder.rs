//! The encoders that the settings name, before their weights are loaded.

use std::path::PathBuf;

use tch::{Device, Kind};

use crate::aesthetics::Aesthetics;
use crate::clip::{self, ClipTexts, Config, ImageTower, Preprocessor};
use crate::efficientnet::{self, EfficientNetLite0};
use crate::error::{AnyError, EmbedError};
use crate::minilm::{self, MiniLm};
use crate::network::ImageNetwork;
use crate::precision::{Precision, name_of};
use crate::preprocess::{ExifOrientation, Fit, Frame};
use crate::settings::{
    ClipImageSettings, ImageEncoderSettings, ImageVector, TextEncoderSettings, TorchScriptSettings, local,
};
use crate::torchscript::TorchScript;

/// An image encoder.
pub struct ImageEncoder {
    settings: ImageEncoderSettings,
    exif_orientation: ExifOrientation,
    /// Its folder or file.
    path: PathBuf,
    head: Option<PathBuf>,
}

impl ImageEncoder {
    /// The encoder of the settings.
    ///
    /// # Errors
    /// [`EmbedError::Setting`] if its files are not on this machine.
    pub fn new(settings: &ImageEncoderSettings, exif_orientation: ExifOrientation) -> Result<Self, EmbedError> {
        let (path, head) = match settings {
            ImageEncoderSettings::EfficientnetLite0 { weights } => (local("image_encoder.weights", weights)?, None),
            ImageEncoderSettings::Clip(clip) => {
                let head = clip.laion_head.as_ref().map(|head| local("image_encoder.laion_head", head)).transpose()?;
                (local("image_encoder.folder", &clip.folder)?, head)
            }
            ImageEncoderSettings::TorchScript(script) => (local("image_encoder.path", &script.path)?, None),
        };
        Ok(Self { settings: settings.clone(), exif_orientation, path, head })
    }

    /// Its kind, as in the settings.
    pub fn kind(&self) -> &'static str {
        match &self.settings {
            ImageEncoderSettings::EfficientnetLite0 { .. } => "efficientnet_lite0",
            ImageEncoderSettings::Clip(_) => "clip",
            ImageEncoderSettings::TorchScript(_) => "torchscript",
        }
    }

    /// The files that decide the network's vectors, each with the setting or name that it goes by.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        match &self.settings {
            ImageEncoderSettings::EfficientnetLite0 { .. } => vec![("weights".to_owned(), self.path.clone())],
            ImageEncoderSettings::Clip(_) => named(clip::image_files(&self.path)),
            ImageEncoderSettings::TorchScript(_) => vec![("path".to_owned(), self.path.clone())],
        }
    }

    /// The aesthetics model's file.
    pub fn head_file(&self) -> Option<&PathBuf> {
        self.head.as_ref()
    }

    /// The numbers that it computes with on a device.
    pub fn precision(&self, device: Device) -> Kind {
        match &self.settings {
            ImageEncoderSettings::EfficientnetLite0 { .. } => Precision::Fp32,
            ImageEncoderSettings::Clip(ClipImageSettings { precision, .. })
            | ImageEncoderSettings::TorchScript(TorchScriptSettings { precision, .. }) => *precision,
        }
        .kind(device)
    }

    /// The pixels that it sees.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`]: CLIP's stand in its folder.
    pub fn frame(&self) -> Result<Frame, EmbedError> {
        let frame = match &self.settings {
            ImageEncoderSettings::EfficientnetLite0 { .. } => Frame::centre(efficientnet::SIDE),
            ImageEncoderSettings::Clip(_) => self.clip_preprocessor()?.frame,
            ImageEncoderSettings::TorchScript(script) => Frame {
                fit: match script.squash {
                    true => Fit::Squash,
                    false => Fit::Crop(script.short_side.unwrap_or(script.input_size)),
                },
                ..Frame::centre(script.input_size)
            },
        };
        Ok(Frame { exif_orientation: self.exif_orientation, ..frame })
    }

    fn clip_preprocessor(&self) -> Result<Preprocessor, EmbedError> {
        Preprocessor::read(&self.path, &Config::read(&self.path.join("config.json"))?.vision_config)
    }

    /// What is done to the pixels and with which numbers, for the table's metadata.
    ///
    /// # Errors
    /// As [`frame`](Self::frame).
    pub fn preprocessing(&self, device: Device) -> Result<String, EmbedError> {
        let scaling = match &self.settings {
            ImageEncoderSettings::EfficientnetLite0 { .. } => efficientnet::SCALING.to_owned(),
            ImageEncoderSettings::Clip(_) => self.clip_preprocessor()?.scaling.to_string(),
            ImageEncoderSettings::TorchScript(script) => script.scaling().to_string(),
        };
        let precision = match self.precision(device) {
            Kind::Float => String::new(),
            kind => format!(", {}", name_of(kind)),
        };
        Ok(format!("{}, {scaling}{precision}", self.frame()?))
    }

    /// Loads its network.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
    pub fn load(&self, device: Device) -> Result<Box<dyn ImageNetwork>, EmbedError> {
        let precision = self.precision(device);
        Ok(match &self.settings {
            ImageEncoderSettings::EfficientnetLite0 { .. } => Box::new(EfficientNetLite0::load(&self.path, device)?),
            ImageEncoderSettings::Clip(_) => Box::new(ImageTower::load(&self.path, device, precision)?),
            ImageEncoderSettings::TorchScript(script) => {
                let (side, scaling) = (script.input_size, script.scaling());
                Box::new(TorchScript::load(&self.path, side, scaling, device, precision)?)
            }
        })
    }

    /// Loads what stands on it.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`], [`EmbedError::Setting`] for a layer that is not there.
    pub fn load_head(&self) -> Result<Head, EmbedError> {
        let (ImageEncoderSettings::Clip(clip), Some(file)) = (&self.settings, &self.head) else {
            return Ok(Head::default());
        };
        let config = Config::read(&self.path.join("config.json"))?;
        let model = Aesthetics::load(file, config.projection_dim as usize)?;
        let n_layers = match clip.image_embedding {
            ImageVector::Clip => None,
            ImageVector::LaionLayer(layer) if layer <= model.n_layers() => Some(layer),
            ImageVector::LaionLayer(layer) => {
                let problem = format!("layer {layer} of a model of {}", model.n_layers());
                return Err(EmbedError::Setting { setting: "image_encoder.image_embedding", problem });
            }
        };
        Ok(Head { model: Some(model), n_layers, has_score: clip.aesthetic_score })
    }
}

/// What is made of an image encoder's vectors when the table is written.
#[derive(Default)]
pub struct Head {
    model: Option<Aesthetics>,
    n_layers: Option<usize>,
    has_score: bool,
}

impl Head {
    /// The vector for the table.
    pub fn vector(&self, encoded: Vec<f32>) -> Vec<f32> {
        match (&self.model, self.n_layers) {
            (Some(model), Some(n_layers)) => model.after(&encoded, n_layers),
            _ => encoded,
        }
    }

    /// The aesthetic score, where it is wanted.
    pub fn score(&self, encoded: &[f32]) -> Option<f64> {
        self.model.as_ref().filter(|_| self.has_score).map(|model| model.score(encoded))
    }
}

/// A text encoder.
pub struct TextEncoder {
    settings: TextEncoderSettings,
    folder: PathBuf,
}

impl TextEncoder {
    /// The encoder of the settings.
    ///
    /// # Errors
    /// [`EmbedError::Setting`] if its folder is not on this machine.
    pub fn new(settings: &TextEncoderSettings) -> Result<Self, EmbedError> {
        let (TextEncoderSettings::Minilm { folder } | TextEncoderSettings::Clip { folder, .. }) = settings;
        Ok(Self { settings: settings.clone(), folder: local("text_encoder.folder", folder)? })
    }

    /// Its kind, as in the settings.
    pub fn kind(&self) -> &'static str {
        match self.settings {
            TextEncoderSettings::Minilm { .. } => "minilm",
            TextEncoderSettings::Clip { .. } => "clip",
        }
    }

    /// The files that decide its vectors, each with its name below the folder.
    pub fn files(&self) -> Vec<(String, PathBuf)> {
        match self.settings {
            TextEncoderSettings::Minilm { .. } => {
                minilm::FILES.iter().map(|name| ((*name).to_owned(), self.folder.join(name))).collect()
            }
            TextEncoderSettings::Clip { .. } => named(clip::text_files(&self.folder)),
        }
    }

    /// The numbers that it computes with on a device.
    pub fn precision(&self, device: Device) -> Kind {
        match self.settings {
            TextEncoderSettings::Minilm { .. } => Kind::Float,
            TextEncoderSettings::Clip { precision, .. } => precision.kind(device),
        }
    }

    /// Loads its network.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
    pub fn load(&self, device: Device) -> Result<TextNetwork, EmbedError> {
        Ok(match self.settings {
            TextEncoderSettings::Minilm { .. } => TextNetwork::MiniLm(Box::new(MiniLm::load(&self.folder, device)?)),
            TextEncoderSettings::Clip { .. } => {
                TextNetwork::Clip(Box::new(ClipTexts::load(&self.folder, device, self.precision(device))?))
            }
        })
    }

    /// The longest text in tokens, if its tokenizer can say which texts it cuts.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
    pub fn max_tokens(&self) -> Result<Option<usize>, EmbedError> {
        Ok(match self.settings {
            TextEncoderSettings::Minilm { .. } => None,
            TextEncoderSettings::Clip { .. } => {
                let config = Config::read(&self.folder.join("config.json"))?;
                Some(config.text_config.max_position_embeddings as usize)
            }
        })
    }
}

/// A text encoder with its weights, ready to run on one device.
pub enum TextNetwork {
    /// all-MiniLM-L6-v2.
    MiniLm(Box<MiniLm>),
    /// CLIP's text tower.
    Clip(Box<ClipTexts>),
}

impl TextNetwork {
    /// The vectors of some texts, which run through the network together. `shape` pads the batch to that many texts of
    /// the greatest length, so that every call has the same shape.
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn embed(&self, texts: &[&str], shape: Option<usize>) -> Result<Vec<Vec<f32>>, AnyError> {
        match self {
            Self::MiniLm(network) => network.embed(texts, shape),
            Self::Clip(network) => network.embed(texts, shape),
        }
    }
}

fn named(files: Vec<PathBuf>) -> Vec<(String, PathBuf)> {
    let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    files.into_iter().map(|file| (name(&file), file)).collect()
}
