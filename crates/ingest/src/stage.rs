//! The stage: reads the SELECTs and the images, writes the four tables.

use std::collections::{HashMap, HashSet};

use tables::{
    Counts, Image, ImageFiles, InputFile, Preference, Prompt, Rating, Split, Stage, StageError, StageName, StageRun,
    Table, Tables,
};
use tracing::{info, warn};

use crate::duplicates::duplicates_across_splits;
use crate::error::{IngestError, Listed};
use crate::image_check::{BadImage, ImageBounds, Pixels, check_all};
use crate::preferences::preferences;
use crate::raw_rows::{self, RawImage, RawPrompt};
use crate::references;
use crate::settings::{OnBadImage, Settings};
use crate::split::split_by_hash;

/// Raw files to prompts, images, ratings, preferences.
pub struct Ingest {
    settings: Settings,
    images: Option<ImageFiles>,
}

impl Ingest {
    /// A stage with these settings.
    ///
    /// # Errors
    /// [`IngestError::Shares`] or [`IngestError::ZeroBound`] for settings that make no sense.
    pub fn new(settings: Settings) -> Result<Self, IngestError> {
        settings.check()?;
        Ok(Self { settings, images: None })
    }

    /// Says where the images lie, so that [`files`](Stage::files) can name those of an earlier run.
    #[must_use]
    pub fn with_images(self, images: ImageFiles) -> Self {
        Self { images: Some(images), ..self }
    }
}

impl Stage for Ingest {
    fn name(&self) -> StageName {
        StageName::Ingest
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!(self.settings)
    }

    fn reads(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn writes(&self) -> Vec<&'static str> {
        vec![Prompt::NAME, Image::NAME, Rating::NAME, Preference::NAME]
    }

    fn files(&self, tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        let mut files = self.settings.sources.input_files("sources");
        if let (Some(images), Some(table)) = (&self.images, tables.open::<Image>()?) {
            let paths: std::collections::BTreeSet<String> =
                table.rows()?.into_iter().filter_map(|image| image.path).collect();
            let file = |path: String| InputFile { location: images.location(&path), name: format!("images/{path}") };
            files.extend(paths.into_iter().map(file));
        }
        Ok(files)
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        let raw = Raw::read(&self.settings)?;
        let splits = raw.splits(&self.settings)?;
        let checked = self.check_images(&raw.images, run)?;
        let images = image_rows(&raw, &splits, &checked);
        let skipped = checked.iter().filter(|checked| checked.is_err()).count();
        let prompts = prompt_rows(&raw, &splits);
        let ratings = rating_rows(&raw.ratings, &images);
        let skipped_ratings = raw.ratings.len() - ratings.len();
        let preferences = preferences(&ratings);
        let n_duplicates = report_duplicates(&images);
        run.write(&prompts)?;
        run.write(&images)?;
        run.write(&ratings)?;
        run.write(&preferences)?;
        info!(n_prompts = prompts.len(), n_images = images.len(), n_ratings = ratings.len(), "raw files read");
        Ok(Counts::from([
            ("prompts", prompts.len() as u64),
            ("images", images.len() as u64),
            ("ratings", ratings.len() as u64),
            ("skipped_images", skipped as u64),
            ("skipped_ratings", skipped_ratings as u64),
            ("duplicates_across_splits", n_duplicates as u64),
        ]))
    }
}

/// What the SELECTs gave, fitting together.
struct Raw {
    prompts: Vec<RawPrompt>,
    images: Vec<RawImage>,
    ratings: Vec<Rating>,
}

impl Raw {
    fn read(settings: &Settings) -> Result<Self, IngestError> {
        let prompts = raw_rows::prompts(settings)?;
        references::check_prompts(&prompts)?;
        let images = raw_rows::images(settings)?;
        references::check_images(&images, &prompts)?;
        let ratings = raw_rows::ratings(settings)?;
        references::check_ratings(&ratings, &images)?;
        Ok(Self { prompts, images, ratings })
    }

    /// The part of each prompt: from the column if there is one, else by the shares.
    fn splits(&self, settings: &Settings) -> Result<HashMap<&str, Split>, IngestError> {
        let ids: Vec<&str> = self.prompts.iter().map(|prompt| prompt.prompt_id.as_str()).collect();
        let given: Option<Vec<Split>> = self.prompts.iter().map(|prompt| prompt.split).collect();
        let splits = match (given, &settings.split) {
            (Some(given), _) => given,
            (None, Some(shares)) => split_by_hash(&ids, shares),
            (None, None) => return Err(IngestError::NoSplit),
        };
        Ok(ids.into_iter().zip(splits).collect())
    }
}

impl Ingest {
    fn check_images(
        &self,
        images: &[RawImage],
        run: &StageRun,
    ) -> Result<Vec<Result<Option<Pixels>, BadImage>>, StageError> {
        let Settings { max_image_bytes, max_image_pixels, on_bad_image, .. } = self.settings;
        let bounds = ImageBounds { max_bytes: max_image_bytes, max_pixels: max_image_pixels };
        let progress = run.progress(images.len(), "images");
        // A bucket that is down may be up again; an image that is broken stays so.
        let checked = check_all(images, run.images(), bounds, &progress)
            .map_err(|error| StageError::retry_later(IngestError::Images(error)))?;
        let bad: Vec<String> = checked
            .iter()
            .zip(images)
            .enumerate()
            .filter_map(|(at, (checked, image))| Some(bad_line(at, image, checked.as_ref().err()?)))
            .collect();
        if bad.is_empty() {
            return Ok(checked);
        }
        let rows = Listed::new("bad images", &bad);
        match on_bad_image {
            OnBadImage::Fail => Err(IngestError::BadImages { rows }.into()),
            OnBadImage::Skip => {
                warn!(n_skipped = bad.len(), "left out with their ratings: {rows}");
                Ok(checked)
            }
        }
    }
}

fn bad_line(at: usize, image: &RawImage, bad: &BadImage) -> String {
    let row = format!("ingest.images row {}, image `{}`", at + 1, image.image_id);
    match bad {
        // These name the path themselves.
        BadImage::Unreadable(error) => match std::error::Error::source(error) {
            Some(source) => format!("{row}: {error}: {source}"),
            None => format!("{row}: {error}"),
        },
        bad => format!("{row}: `{}`: {bad}", image.path.as_deref().unwrap_or_default()),
    }
}

fn prompt_rows(raw: &Raw, splits: &HashMap<&str, Split>) -> Vec<Prompt> {
    let row = |prompt: &RawPrompt| Prompt {
        prompt_id: prompt.prompt_id.clone(),
        prompt: prompt.prompt.clone(),
        category: prompt.category.clone(),
        challenge: prompt.challenge.clone(),
        split: splits[prompt.prompt_id.as_str()],
    };
    let mut rows: Vec<Prompt> = raw.prompts.iter().map(row).collect();
    rows.sort_by(|a, b| a.prompt_id.cmp(&b.prompt_id));
    rows
}

fn image_rows(raw: &Raw, splits: &HashMap<&str, Split>, checked: &[Result<Option<Pixels>, BadImage>]) -> Vec<Image> {
    let row = |(image, checked): (&RawImage, &Result<Option<Pixels>, BadImage>)| {
        let pixels = checked.as_ref().ok()?.as_ref();
        Some(Image {
            image_id: image.image_id.clone(),
            prompt_id: image.prompt_id.clone(),
            generator: image.generator.clone(),
            path: image.path.clone(),
            sha256: pixels.map(|pixels| pixels.sha256.clone()),
            width: pixels.map(|pixels| pixels.width.into()),
            height: pixels.map(|pixels| pixels.height.into()),
            bytes: pixels.and_then(|pixels| pixels.bytes.try_into().ok()),
            split: splits[image.prompt_id.as_str()],
        })
    };
    let mut rows: Vec<Image> = raw.images.iter().zip(checked).filter_map(row).collect();
    rows.sort_by(|a, b| a.image_id.cmp(&b.image_id));
    rows
}

/// The ratings of the images that were kept.
fn rating_rows(ratings: &[Rating], images: &[Image]) -> Vec<Rating> {
    let kept: HashSet<&str> = images.iter().map(|image| image.image_id.as_str()).collect();
    let mut rows: Vec<Rating> =
        ratings.iter().filter(|rating| kept.contains(rating.image_id.as_str())).cloned().collect();
    let key = |rating: &Rating| {
        let Rating { image_id, rater_id, aspect, context, .. } = rating.clone();
        (image_id, rater_id, aspect, context)
    };
    rows.sort_by_cached_key(key);
    rows
}

fn report_duplicates(images: &[Image]) -> usize {
    let duplicates = duplicates_across_splits(images);
    if !duplicates.is_empty() {
        let lines: Vec<String> = duplicates.iter().map(ToString::to_string).collect();
        let rows = Listed::new("files stand in more than one part of the split", &lines);
        warn!(n_duplicates = duplicates.len(), "{rows}");
    }
    duplicates.len()
}

#[cfg(test)]
mod tests;
