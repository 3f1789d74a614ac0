//! The section `evaluate` of the pipeline file.

use serde::{Deserialize, Serialize};

use crate::error::EvaluateError;

/// Every number of the evaluation that changes a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How intervals are made.
    pub bootstrap: Bootstrap,
    /// The report.
    pub report: Report,
    /// The pairs to show side by side; without it the tables `sxs_…` are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sxs: Option<SideBySide>,
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
    /// The coarse arm; of its models the one with the largest `n_train`, then the lowest seed.
    pub coarse: String,
    /// The fine-grained arm; likewise.
    pub fine: String,
    /// How many pairs are kept, most disputed first. Paper: 194 (App. B.9).
    pub pairs: usize,
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
        let with = |replicates: &str, title: &str, sxs: &str| {
            parsed(&format!(
                r#"{{"bootstrap": {{"replicates": {replicates}, "seed": 0}}, "report": {{"title": "{title}"}}{sxs}}}"#
            ))
        };
        let sxs = |coarse: &str, fine: &str, pairs: usize| {
            format!(r#", "sxs": {{"experiment": "e", "coarse": "{coarse}", "fine": "{fine}", "pairs": {pairs}}}"#)
        };
        assert!(with("1000", "t", "").is_ok());
        assert!(with("1000", "t", &sxs("coarse", "all", 194)).is_ok());
        let refused = [
            with("1", "t", ""),
            with("1000", " ", ""),
            with("1000", "t", &sxs("all", "all", 194)),
            with("1000", "t", &sxs("coarse", "all", 0)),
        ];
        for error in refused.map(Result::unwrap_err) {
            assert!(error.starts_with("`evaluate."), "{error}");
        }
    }
}
