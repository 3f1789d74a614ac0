//! Stage `embed`: images and prompts to the vectors that reward models read.
//!
//! Reads `prompts` and `images`; writes `embeddings`, one row per image that has a file. The encoders are frozen: the
//! paper's are CLIP ViT-L/14 and the first layer of the LAION aesthetics model on it (App. B.3); the default ones,
//! EfficientNet-Lite0 and all-MiniLM-L6-v2, are those that registry packages carry; any other image encoder comes as
//! TorchScript. A vector is kept under the SHA-256 of its image file or prompt as soon as it is made, so a killed run
//! loses little and a grown data set costs only what is new.

mod aesthetics;
mod checkpoint;
mod clip;
mod cores;
mod efficientnet;
mod encoder;
mod error;
mod identity;
mod images;
mod jpeg;
mod minilm;
mod network;
mod orientation;
mod picture;
mod precision;
mod preprocess;
mod resize;
mod settings;
mod stage;
mod store;
#[cfg(test)]
mod testing;
mod texts;
mod torch_zip;
mod torchscript;

pub use error::{AnyError, EmbedError};
pub use identity::identity;
pub use precision::Precision;
pub use preprocess::ExifOrientation;
pub use settings::{
    ClipImageSettings, ImageEncoderSettings, ImageVector, OnBadImage, Settings, TextEncoderSettings,
    TorchScriptSettings,
};
pub use stage::Embed;
