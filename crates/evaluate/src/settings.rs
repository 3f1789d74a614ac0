//! The section `evaluate` of the pipeline file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tables::Location;

use crate::error::EvaluateError;

/// Every number of the evaluation that changes a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How intervals are made.
    pub bootstrap: Bootstrap,
    /// Bins of the calibration error, of equal width; between 1 and 1,000. 10 and 15 are usual.
    pub calibration_bins: usize,
    /// What budget advice may say.
    pub advice: Advice,
    /// The report.
    pub report: Report,
    /// The pairs to show side by side; without it the tables `sxs_…` are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sxs: Option<SideBySide>,
    /// `train.seconds_per_label`, for what the ratings do not tell; the pipeline fills it in.
    #[serde(default, skip_deserializing)]
    pub seconds_per_label: BTreeMap<String, f64>,
}

/// When budget advice (`finegrain advise`) refuses to speak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// A learning curve needs at least so many sizes (`n_train`) with a value; at least 3, the numbers in the curve.
    pub min_sizes: usize,
    /// Nothing is said beyond so many times an arm's largest size; at least 1.
    pub furthest: f64,
}

/// The percentile bootstrap, clustered by prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// Resamples; at least 2. The paper has no intervals; 1,000 is usual.
    pub replicates: usize,
    /// Seeds the resamples.
    pub seed: u64,
}

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// Its title. Say here if images, raters or the VLM are simulated.
    pub title: String,
    /// Contact sheets of the best and worst images of each attribute (Fig. 9); none without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_sheets: Option<ContactSheets>,
}

/// How many pictures the report embeds, and how large.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContactSheets {
    /// Images at either end of an attribute; 1 to 12.
    pub images: usize,
    /// Longest side of a small copy, in pixels; 16 to 512.
    pub side: u32,
    /// Bytes of all small copies together; what would go beyond is left out, and the report says so.
    pub max_bytes: u64,
}

/// Best-of-n by a coarse and a fine-grained reward model, to be compared by people (App. B.7-B.10).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SideBySide {
    /// The experiment both models belong to.
    pub experiment: String,
    /// The coarse arm; of its models the one with the largest `n_train`, then the lowest seed. Or one model's run id.
    pub coarse: String,
    /// The fine-grained arm; likewise.
    pub fine: String,
    /// How many pairs are kept, most disputed first. Paper: 194 (App. B.9).
    pub pairs: usize,
    /// In which unit a model's preference of one image over another is counted. Not stated in the paper.
    pub disagreement: Disagreement,
    /// Scores of fresh generations, as `finegrain score` writes them; without it the test split's predictions are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Location>,
}

/// The unit of a model's preference of one image over another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disagreement {
    /// Share of all images that the model puts between the two: the same for models that spread their rewards differently.
    Ranks,
    /// Difference of the rewards.
    Rewards,
}

impl Settings {
    /// Refuses what cannot work, before any table is read.
    ///
    /// # Errors
    /// [`EvaluateError::Setting`].
    pub fn validate(&self) -> Result<(), EvaluateError> {
        let wrong = |setting, value: String, expected| Err(EvaluateError::Setting { setting, value, expected });
        if !(2..=1_000_000).contains(&self.bootstrap.replicates) {
            let value = self.bootstrap.replicates.to_string();
            return wrong("bootstrap.replicates", value, "between 2 and 1,000,000; 1,000 is usual");
        }
        if !(1..=1_000).contains(&self.calibration_bins) {
            let value = self.calibration_bins.to_string();
            return wrong("calibration_bins", value, "between 1 and 1,000; 10 is usual");
        }
        if self.advice.min_sizes < 3 {
            let value = self.advice.min_sizes.to_string();
            return wrong("advice.min_sizes", value, "at least 3: a curve has three numbers");
        }
        if !(1.0..=1e6).contains(&self.advice.furthest) {
            let value = self.advice.furthest.to_string();
            return wrong("advice.furthest", value, "between 1 (never beyond the largest size) and 1,000,000");
        }
        if self.report.title.trim().is_empty() {
            return wrong("report.title", "empty".to_owned(), "a title for the report");
        }
        if let Some(sheets) = &self.report.contact_sheets {
            if !(1..=12).contains(&sheets.images) {
                return wrong("report.contact_sheets.images", sheets.images.to_string(), "between 1 and 12");
            }
            if !(16..=512).contains(&sheets.side) {
                return wrong("report.contact_sheets.side", sheets.side.to_string(), "between 16 and 512 pixels");
            }
        }
        if let Some(sxs) = &self.sxs {
            if sxs.pairs == 0 {
                return wrong("sxs.pairs", "0".to_owned(), "at least 1; leave `sxs` out for no pairs");
            }
            if sxs.coarse == sxs.fine {
                return wrong("sxs.fine", format!("`{}`", sxs.fine), "another arm than `sxs.coarse`");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Result<Settings, String> {
        let settings: Settings = serde_json::from_str(json).map_err(|error| error.to_string())?;
        settings.validate().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    #[test]
    fn the_default_pipeline_files_section_is_read() {
        let file = include_str!("../../../pipeline.yaml");
        let sections: serde_yaml::Value = serde_yaml::from_str(file).unwrap();
        let settings: Settings = serde_yaml::from_value(sections["evaluate"].clone()).unwrap();
        settings.validate().unwrap();
        assert_eq!(settings.bootstrap, Bootstrap { replicates: 1_000, seed: 0 });
        assert!(settings.report.title.contains("simulated"));
    }

    #[test]
    fn a_misspelt_key_is_refused_and_the_known_ones_are_named() {
        let error = parsed(r#"{"bootstrap": {"replicate": 1000, "seed": 0}, "report": {"title": "t"}}"#).unwrap_err();
        assert!(error.contains("unknown field `replicate`, expected `replicates` or `seed`"), "{error}");
    }

    #[test]
    fn values_that_cannot_work_are_refused() {
        let with = |replicates: &str, title: &str, more: &str| {
            let mut more = more.to_owned();
            for (key, usual) in [("calibration_bins", "10"), ("advice", r#"{"min_sizes": 4, "furthest": 4.0}"#)] {
                if !more.contains(key) {
                    more += &format!(r#", "{key}": {usual}"#);
                }
            }
            parsed(&format!(
                r#"{{"bootstrap": {{"replicates": {replicates}, "seed": 0}}, "report": {{"title": "{title}"}}{more}}}"#
            ))
        };
        let sxs = |coarse: &str, fine: &str, pairs: usize| {
            format!(
                r#", "sxs": {{"experiment": "e", "coarse": "{coarse}", "fine": "{fine}", "pairs": {pairs}, "disagreement": "ranks"}}"#
            )
        };
        assert!(with("1000", "t", "").is_ok());
        assert!(with("1000", "t", &sxs("coarse", "all", 194)).is_ok());
        let refused = [
            with("1", "t", ""),
            with("1000", " ", ""),
            with("1000", "t", &sxs("all", "all", 194)),
            with("1000", "t", &sxs("coarse", "all", 0)),
            with("1000", "t", r#", "calibration_bins": 0"#),
            with("1000", "t", r#", "advice": {"min_sizes": 2, "furthest": 4.0}"#),
            with("1000", "t", r#", "advice": {"min_sizes": 4, "furthest": 0.5}"#),
        ];
        for error in refused.map(Result::unwrap_err) {
            assert!(error.starts_with("`evaluate."), "{error}");
        }
    }
}
