//! A CLIP checkpoint's `config.json`: the numbers that decide its shapes.
//!
//! `transformers` writes only what differs from its own defaults (those of ViT-B/32), so every absent key has one here.

use std::path::Path;

use serde::Deserialize;

use crate::error::{EmbedError, read_json, unfit};

/// Both towers and the space they share.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// The text tower.
    #[serde(default)]
    pub text_config: TextConfig,
    /// The image tower.
    #[serde(default)]
    pub vision_config: VisionConfig,
    /// Length of the vectors of both towers.
    #[serde(default = "default_projection")]
    pub projection_dim: i64,
}

/// The text tower.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct TextConfig {
    /// Number of tokens that have an embedding.
    pub vocab_size: i64,
    /// Width of the residual stream.
    pub hidden_size: i64,
    /// Width inside the MLPs.
    pub intermediate_size: i64,
    /// Number of layers.
    pub num_hidden_layers: i64,
    /// Heads of each attention.
    pub num_attention_heads: i64,
    /// Longest text in tokens.
    pub max_position_embeddings: i64,
    /// Activation inside the MLPs.
    pub hidden_act: Activation,
    /// Added to variances.
    pub layer_norm_eps: f64,
    /// The token whose position gives the vector; 2 in older checkpoints means the greatest token.
    pub eos_token_id: i64,
}

/// The image tower.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct VisionConfig {
    /// Width of the residual stream.
    pub hidden_size: i64,
    /// Width inside the MLPs.
    pub intermediate_size: i64,
    /// Number of layers.
    pub num_hidden_layers: i64,
    /// Heads of each attention.
    pub num_attention_heads: i64,
    /// Colour channels; only 3 is built.
    pub num_channels: i64,
    /// Side of the square that goes in, in pixels.
    pub image_size: i64,
    /// Side of a patch, in pixels.
    pub patch_size: i64,
    /// Activation inside the MLPs.
    pub hidden_act: Activation,
    /// Added to variances.
    pub layer_norm_eps: f64,
}

/// The activation inside the MLPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x · sigmoid(1.702 x), OpenAI's.
    QuickGelu,
    /// x · Φ(x).
    Gelu,
}

fn default_projection() -> i64 {
    512
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
            eos_token_id: 49407,
        }
    }
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            num_channels: 3,
            image_size: 224,
            patch_size: 32,
            hidden_act: Activation::QuickGelu,
            layer_norm_eps: 1e-5,
        }
    }
}

/// Far beyond any CLIP; it keeps every product of two of them in range.
const MOST: i64 = 1 << 20;

impl Config {
    /// Reads `config.json` and checks that a network of such shapes can be.
    ///
    /// # Errors
    /// [`EmbedError::NoWeights`], [`EmbedError::Weights`].
    pub fn read(file: &Path) -> Result<Self, EmbedError> {
        let config: Self = read_json(file)?;
        match config.problem() {
            None => Ok(config),
            Some(problem) => Err(unfit(file)(problem)),
        }
    }

    fn problem(&self) -> Option<String> {
        let (text, vision) = (&self.text_config, &self.vision_config);
        let sizes = [
            ("projection_dim", self.projection_dim),
            ("text_config.vocab_size", text.vocab_size),
            ("text_config.hidden_size", text.hidden_size),
            ("text_config.intermediate_size", text.intermediate_size),
            ("text_config.num_hidden_layers", text.num_hidden_layers),
            ("text_config.num_attention_heads", text.num_attention_heads),
            ("vision_config.hidden_size", vision.hidden_size),
            ("vision_config.intermediate_size", vision.intermediate_size),
            ("vision_config.num_hidden_layers", vision.num_hidden_layers),
            ("vision_config.num_attention_heads", vision.num_attention_heads),
            ("vision_config.patch_size", vision.patch_size),
        ];
        if let Some((name, size)) = sizes.iter().find(|(_, size)| !(1..=MOST).contains(size)) {
            return Some(format!("`{name}` is {size}, outside 1..={MOST}"));
        }
        if !(3..=MOST).contains(&text.max_position_embeddings) {
            return Some(format!("`text_config.max_position_embeddings` is {}", text.max_position_embeddings));
        }
        if vision.num_channels != 3 {
            return Some(format!("`vision_config.num_channels` is {}, expected 3", vision.num_channels));
        }
        if !(vision.patch_size..=4096).contains(&vision.image_size) {
            return Some(format!("`vision_config.image_size` is {}", vision.image_size));
        }
        for (tower, width, heads, epsilon) in [
            ("text_config", text.hidden_size, text.num_attention_heads, text.layer_norm_eps),
            ("vision_config", vision.hidden_size, vision.num_attention_heads, vision.layer_norm_eps),
        ] {
            if width % heads != 0 {
                return Some(format!("`{tower}.hidden_size` {width} cannot be divided among {heads} heads"));
            }
            if !(epsilon.is_finite() && epsilon > 0.0) {
                return Some(format!("`{tower}.layer_norm_eps` is {epsilon}"));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, text).unwrap();
        Config::read(&file).map_err(|error| std::error::Error::source(&error).unwrap().to_string())
    }

    #[test]
    fn what_is_absent_is_vit_b_32s() {
        let config = read("{}").unwrap();
        assert_eq!(
            (config.projection_dim, config.vision_config.patch_size, config.text_config.vocab_size),
            (512, 32, 49408)
        );
        let config =
            read(r#"{"projection_dim": 768, "vision_config": {"patch_size": 14, "hidden_act": "gelu"}}"#).unwrap();
        assert_eq!((config.projection_dim, config.vision_config.patch_size), (768, 14));
        assert_eq!(config.vision_config.hidden_act, Activation::Gelu);
    }

    #[test]
    fn shapes_that_cannot_be_are_named() {
        for (text, expect) in [
            (r#"{"vision_config": {"hidden_size": 100, "num_attention_heads": 7}}"#, "100 cannot be divided among 7"),
            (r#"{"vision_config": {"num_attention_heads": 0}}"#, "num_attention_heads` is 0"),
            (r#"{"text_config": {"hidden_size": 9223372036854775807}}"#, "text_config.hidden_size"),
            (r#"{"text_config": {"hidden_act": "relu"}}"#, "unknown variant `relu`"),
            (r#"{"vision_config": {"image_size": 13, "patch_size": 14}}"#, "image_size` is 13"),
            (r#"{"vision_config": {"num_channels": 4}}"#, "expected 3"),
            (r#"{"text_config": {"layer_norm_eps": -1}}"#, "layer_norm_eps"),
            ("{", "EOF"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }
}
