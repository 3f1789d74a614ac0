//! The section `ingest` of the pipeline file.

use serde::{Deserialize, Serialize};
use sources::Sources;

use crate::error::IngestError;

/// The section `ingest` of the pipeline file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Name → raw file; the SQL below selects from these names.
    pub sources: Sources,
    /// SELECT that gives prompt_id, prompt, category?, challenge?, split? (train, validation or test).
    pub prompts: String,
    /// SELECT that gives image_id, prompt_id, generator?, path?. Without path an image has no pixels.
    pub images: Option<String>,
    /// SELECT that gives image_id, rater_id, aspect, context?, rating, seconds?.
    pub ratings: Option<String>,
    /// The shares of the prompts in each part; not needed if the prompts have a column `split`, which then decides.
    pub split: Option<Shares>,
    /// What a broken, missing, too large or escaping image does.
    pub on_bad_image: OnBadImage,
    /// An image file of more bytes is bad, and is not read.
    pub max_image_bytes: u64,
    /// An image of more pixels is bad, and is not decoded.
    pub max_image_pixels: u64,
}

/// How prompts are shared out. Paper: 50/25/25 (App. B.6).
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// Share of the training part, in [0, 1].
    pub train: f64,
    /// Share of the validation part, in [0, 1].
    pub validation: f64,
    /// Share of the test part, in [0, 1]. The three sum to 1.
    pub test: f64,
    /// Chooses which prompts go where.
    pub seed: u64,
}

/// What a bad image does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadImage {
    /// The stage fails, and lists them.
    Fail,
    /// It is left out with its ratings, and counted.
    Skip,
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), IngestError> {
        if let Some(shares) = &self.split {
            let all = [shares.train, shares.validation, shares.test];
            let sum: f64 = all.iter().sum();
            // NaN is in no range. The sum of decimal shares such as 0.8 + 0.1 + 0.1 is not exactly 1.
            if !all.iter().all(|share| (0.0..=1.0).contains(share)) || (sum - 1.0).abs() > 1e-9 {
                return Err(IngestError::Shares { train: all[0], validation: all[1], test: all[2] });
            }
        }
        for (name, value) in [("max_image_bytes", self.max_image_bytes), ("max_image_pixels", self.max_image_pixels)] {
            if value == 0 {
                return Err(IngestError::ZeroBound { name });
            }
        }
        Ok(())
    }
}
