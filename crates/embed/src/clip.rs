//! CLIP (Radford et al. 2021) from a folder in the Hugging Face layout, and the heads that stand on it.

mod config;
mod image_tower;
mod layers;
mod preprocessor;
mod text_tower;
mod tokenizer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use tch::{Device, Kind};

pub use config::Config;
pub use image_tower::ImageTower;
pub use preprocessor::Preprocessor;
#[cfg(test)]
pub use preprocessor::SCALING;
pub use text_tower::TextTower;
pub use tokenizer::ClipTokenizer;

use crate::error::{AnyError, EmbedError, unfit};

/// The files of a folder that decide its texts' vectors.
pub fn text_files(folder: &Path) -> Vec<PathBuf> {
    ["model.safetensors", "config.json"].iter().map(|name| folder.join(name)).collect()
}

/// The files of a folder that decide its images' vectors.
pub fn image_files(folder: &Path) -> Vec<PathBuf> {
    text_files(folder).into_iter().chain(Preprocessor::file(folder)).collect()
}

/// The tokenizer and the text tower.
pub struct ClipTexts {
    tokenizer: ClipTokenizer,
    tower: TextTower,
}

impl ClipTexts {
    /// Loads both.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`]; [`EmbedError::Weights`], also for a network that knows fewer tokens than CLIP's
    /// tokenizer makes.
    pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Self, EmbedError> {
        let tower = TextTower::load(folder, device, kind)?;
        let tokenizer = ClipTokenizer::new();
        if tower.n_tokens() < tokenizer.n_tokens() {
            let problem = format!("`vocab_size` is {}, CLIP's is {}", tower.n_tokens(), tokenizer.n_tokens());
            return Err(unfit(&folder.join("config.json"))(problem));
        }
        Ok(Self { tokenizer, tower })
    }

    /// The vectors of texts; those that are too long are cut. `shape` as for [`TextTower::vectors`].
    ///
    /// # Errors
    /// What LibTorch says.
    pub fn embed(&self, texts: &[&str], shape: Option<usize>) -> Result<Vec<Vec<f32>>, AnyError> {
        let rows: Vec<Vec<i64>> =
            texts.iter().map(|text| self.tokenizer.tokens(text, self.tower.max_tokens()).ids).collect();
        Ok(self.tower.vectors(&rows, shape)?)
    }
}
