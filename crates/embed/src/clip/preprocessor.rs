//! A checkpoint's `preprocessor_config.json`: what is done to a picture before the image tower sees it.
//!
//! Older files write sizes as numbers, later ones as objects. What is absent is OpenAI's, and so is all of it where there
//! is no such file. `do_convert_rgb` is not looked at: every picture becomes RGB.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::clip::config::VisionConfig;
use crate::error::{EmbedError, read_json, unfit};
use crate::network::Scaling;
use crate::preprocess::{Fit, Frame};

/// What OpenAI's models were trained with.
pub const SCALING: Scaling = Scaling {
    mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
    standard_deviation: [0.268_629_54, 0.261_302_6, 0.275_777_1],
};

/// Pillow's number of the bicubic filter.
const BICUBIC: i64 = 3;

/// What is done to a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessor {
    /// The pixels that the tower sees.
    pub frame: Frame,
    /// What is done to an 8-bit value of them.
    pub scaling: Scaling,
}

/// The keys that are read, as they stand in the file.
#[derive(Debug, Default, Deserialize)]
struct Written {
    image_mean: Option<[f32; 3]>,
    image_std: Option<[f32; 3]>,
    size: Option<Size>,
    crop_size: Option<Size>,
    resample: Option<i64>,
    rescale_factor: Option<f64>,
    do_resize: Option<bool>,
    do_center_crop: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(untagged)]
enum Size {
    Side(usize),
    ShortestEdge { shortest_edge: usize },
    Both { height: usize, width: usize },
}

impl Preprocessor {
    /// The file, if the folder has one.
    pub fn file(folder: &Path) -> Option<PathBuf> {
        Some(folder.join("preprocessor_config.json")).filter(|file| file.exists())
    }

    /// What a folder says of the pictures of its image tower.
    ///
    /// # Errors
    /// [`EmbedError::Weights`] for a file that is none, or that asks for what is not done here.
    pub fn read(folder: &Path, vision: &VisionConfig) -> Result<Self, EmbedError> {
        let side = vision.image_size as usize;
        match Self::file(folder) {
            None => Ok(Self { frame: Frame::centre(side), scaling: SCALING }),
            Some(file) => read_json::<Written>(&file)?.understood(side).map_err(unfit(&file)),
        }
    }
}

impl Written {
    fn understood(self, side: usize) -> Result<Preprocessor, String> {
        let steps = [
            ("do_resize", self.do_resize),
            ("do_center_crop", self.do_center_crop),
            ("do_rescale", self.do_rescale),
            ("do_normalize", self.do_normalize),
        ];
        if let Some((step, _)) = steps.iter().find(|(_, done)| *done == Some(false)) {
            return Err(format!("`{step}` is false, and only CLIP's own steps are done here"));
        }
        if let Some(filter) = self.resample.filter(|filter| *filter != BICUBIC) {
            return Err(format!("`resample` is {filter}, expected {BICUBIC} (bicubic)"));
        }
        if let Some(factor) = self.rescale_factor.filter(|factor| (factor * 255.0 - 1.0).abs() > 1e-6) {
            return Err(format!("`rescale_factor` is {factor}, expected 1/255"));
        }
        match self.crop_size {
            None | Some(Size::ShortestEdge { .. }) => {}
            Some(Size::Side(height) | Size::Both { height, .. }) if height != side => {
                return Err(format!("`crop_size` is {height}, but the tower sees {side}"));
            }
            Some(Size::Both { height, width }) if height != width => {
                return Err(format!("`crop_size` is {height} × {width}, expected a square"));
            }
            Some(_) => {}
        }
        let short = match self.size {
            None => side,
            Some(Size::Side(short) | Size::ShortestEdge { shortest_edge: short }) => short,
            Some(Size::Both { height, width }) => {
                return Err(format!("`size` is {height} × {width}, expected `shortest_edge`"));
            }
        };
        if !(side..=4096).contains(&short) {
            return Err(format!("`size` is {short}, expected {side}..=4096"));
        }
        let scaling = Scaling {
            mean: self.image_mean.unwrap_or(SCALING.mean),
            standard_deviation: self.image_std.unwrap_or(SCALING.standard_deviation),
        };
        if !scaling.is_sound() {
            return Err("`image_mean` and `image_std` must be finite, `image_std` positive".to_owned());
        }
        Ok(Preprocessor { frame: Frame { fit: Fit::Crop(short), ..Frame::centre(side) }, scaling })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Preprocessor, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("preprocessor_config.json"), text).unwrap();
        Preprocessor::read(folder.path(), &VisionConfig { image_size: 224, ..VisionConfig::default() })
            .map_err(|error| std::error::Error::source(&error).unwrap().to_string())
    }

    #[test]
    fn both_forms_of_openais_file_and_none_say_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let without = Preprocessor::read(folder.path(), &VisionConfig::default()).unwrap();
        assert_eq!(without, Preprocessor { frame: Frame::centre(224), scaling: SCALING });
        // openai/clip-vit-large-patch14, as it is published and as a later `transformers` saves it.
        for text in [
            r#"{"crop_size": 224, "do_center_crop": true, "do_normalize": true, "do_resize": true,
                "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
                "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224}"#,
            r#"{"crop_size": {"height": 224, "width": 224}, "do_convert_rgb": true, "do_rescale": true,
                "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 224}}"#,
            "{}",
        ] {
            assert_eq!(read(text).unwrap(), without, "{text}");
        }
    }

    #[test]
    fn another_size_mean_and_deviation_are_taken() {
        let read = read(r#"{"size": {"shortest_edge": 256}, "image_mean": [0, 0.5, 1], "image_std": [1, 0.5, 2]}"#);
        let scaling = Scaling { mean: [0.0, 0.5, 1.0], standard_deviation: [1.0, 0.5, 2.0] };
        let frame = Frame { fit: Fit::Crop(256), ..Frame::centre(224) };
        assert_eq!(read.unwrap(), Preprocessor { frame, scaling });
    }

    #[test]
    fn what_is_not_done_here_is_refused() {
        for (text, expect) in [
            (r#"{"do_normalize": false}"#, "`do_normalize` is false"),
            (r#"{"do_center_crop": false}"#, "`do_center_crop` is false"),
            (r#"{"resample": 2}"#, "`resample` is 2"),
            (r#"{"rescale_factor": 0.5}"#, "`rescale_factor` is 0.5"),
            (r#"{"crop_size": 256}"#, "`crop_size` is 256, but the tower sees 224"),
            (r#"{"crop_size": {"height": 224, "width": 256}}"#, "224 × 256"),
            (r#"{"size": {"height": 224, "width": 224}}"#, "expected `shortest_edge`"),
            (r#"{"size": 100}"#, "`size` is 100"),
            (r#"{"image_std": [0, 1, 1]}"#, "`image_std` positive"),
            (r#"{"image_mean": [0, 1]}"#, ""),
            ("[", ""),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }
}
