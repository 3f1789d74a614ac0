//! Stage `embed`: images and prompts to the vectors that reward models read.
//!
//! Reads `prompts` and `images`; writes `embeddings`, one row per image that has a file. The encoders are frozen
//! (App. B.3; the paper's are CLIP ViT-L/14 and the first layer of the LAION aesthetics model): EfficientNet-Lite0 for images and all-MiniLM-L6-v2 for prompts, which registry packages
//! carry. A vector is kept under the SHA-256 of its image file or prompt as soon as it is made, so a killed run loses
//! little and a grown data set costs only what is new.

mod cores;
mod efficientnet;
mod error;
mod images;
mod minilm;
mod preprocess;
mod resize;
mod settings;
mod stage;
mod store;
#[cfg(test)]
mod testing;
mod texts;

pub use error::{AnyError, EmbedError};
pub use settings::{ImageEncoderSettings, OnBadImage, Settings, TextEncoderSettings};
pub use stage::Embed;
