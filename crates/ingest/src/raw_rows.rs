//! What the three SELECTs give, as rows. Row `at` (from 0) of a vector is row `at + 1` of the SELECT's result.

use std::str::FromStr;

use sources::WantedColumn;
use tables::{Rating, Split};

use crate::error::IngestError;
use crate::settings::Settings;

/// A prompt before it has a split, unless the raw file says it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawPrompt {
    pub(crate) prompt_id: String,
    pub(crate) prompt: String,
    pub(crate) category: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) split: Option<Split>,
}

/// An image before its file has been looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RawImage {
    pub(crate) image_id: String,
    pub(crate) prompt_id: String,
    pub(crate) generator: Option<String>,
    pub(crate) path: Option<String>,
}

pub(crate) fn prompts(settings: &Settings) -> Result<Vec<RawPrompt>, IngestError> {
    let wanted = [
        WantedColumn::text("prompt_id"),
        WantedColumn::text("prompt"),
        WantedColumn::text("category").optional(),
        WantedColumn::text("challenge").optional(),
        WantedColumn::text("split").optional(),
    ];
    let selected = settings.sources.select(&settings.prompts, "ingest.prompts", &wanted)?;
    if selected.n_rows() == 0 {
        return Err(IngestError::NoPrompts);
    }
    let splits = splits(selected.text("split"), settings.split.is_some())?;
    let rows = selected
        .required_text("prompt_id")
        .into_iter()
        .zip(selected.required_text("prompt"))
        .zip(selected.text("category").into_iter().zip(selected.text("challenge")))
        .zip(splits)
        .map(|(((prompt_id, prompt), (category, challenge)), split)| RawPrompt {
            prompt_id,
            prompt,
            category,
            challenge,
            split,
        });
    Ok(rows.collect())
}

/// The column decides for all prompts or for none.
fn splits(texts: Vec<Option<String>>, have_shares: bool) -> Result<Vec<Option<Split>>, IngestError> {
    if texts.iter().all(Option::is_none) {
        return if have_shares { Ok(vec![None; texts.len()]) } else { Err(IngestError::NoSplit) };
    }
    let one = |(at, text): (usize, Option<String>)| {
        let split = text.as_deref().map(Split::from_str);
        let unknown = || IngestError::UnknownSplit {
            row: at + 1,
            value: text.as_ref().map_or("missing".to_owned(), |text| format!("`{text}`")),
        };
        split.and_then(Result::ok).map(Some).ok_or_else(unknown)
    };
    texts.into_iter().enumerate().map(one).collect()
}

pub(crate) fn images(settings: &Settings) -> Result<Vec<RawImage>, IngestError> {
    let Some(sql) = &settings.images else { return Ok(Vec::new()) };
    let wanted = [
        WantedColumn::text("image_id"),
        WantedColumn::text("prompt_id"),
        WantedColumn::text("generator").optional(),
        WantedColumn::text("path").optional(),
    ];
    let selected = settings.sources.select(sql, "ingest.images", &wanted)?;
    let rows = selected
        .required_text("image_id")
        .into_iter()
        .zip(selected.required_text("prompt_id"))
        .zip(selected.text("generator").into_iter().zip(selected.text("path")))
        .map(|((image_id, prompt_id), (generator, path))| RawImage { image_id, prompt_id, generator, path });
    Ok(rows.collect())
}

pub(crate) fn ratings(settings: &Settings) -> Result<Vec<Rating>, IngestError> {
    let Some(sql) = &settings.ratings else { return Ok(Vec::new()) };
    let wanted = [
        WantedColumn::text("image_id"),
        WantedColumn::text("rater_id"),
        WantedColumn::text("aspect"),
        WantedColumn::text("context").optional(),
        WantedColumn::number("rating"),
        WantedColumn::number("seconds").optional(),
    ];
    let selected = settings.sources.select(sql, "ingest.ratings", &wanted)?;
    let rows = selected
        .required_text("image_id")
        .into_iter()
        .zip(selected.required_text("rater_id").into_iter().zip(selected.required_text("aspect")))
        .zip(selected.text("context"))
        .zip(selected.required_number("rating").into_iter().zip(selected.number("seconds")))
        .map(|(((image_id, (rater_id, aspect)), context), (rating, seconds))| Rating {
            image_id,
            rater_id,
            aspect,
            context,
            rating,
            seconds,
        });
    Ok(rows.collect())
}
