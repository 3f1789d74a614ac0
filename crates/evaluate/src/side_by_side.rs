//! Rejection sampling, judged by people (App. B.7-B.10): which of two models' favourites do raters prefer?
//!
//! - [`select`]: of each prompt's images the one that each of two models likes best, and the most disputed pairs
//! - [`scores`]: the same from a file of scored fresh generations
//! - [`pair_file`]: pairs and prompts from files of one's own
//! - [`page`]: the page on which raters choose
//! - [`votes`]: the files that the page exports, read strictly
//! - [`stored`]: the files that a data root keeps
//! - [`count`]: which votes count, and for whom
//! - [`summary`]: shares, tests and intervals (Table 1)

mod alpha;
mod binomial;
pub mod count;
pub mod page;
mod page_image;
pub mod pair_file;
pub mod scores;
pub mod select;
pub mod stored;
mod summary;
pub mod votes;

pub use summary::{Summary, summary};

use tables::{InputFile, Storage};

use self::count::{Counted, counted};
use self::scores::Scores;
use self::select::{Selection, from_predictions, most_disputed};
use crate::error::EvaluateError;
use crate::inputs::Inputs;
use crate::settings::{Settings, SideBySide};

/// The tables `sxs_…`, and what did not enter them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// The pairs to show.
    pub selection: Selection,
    /// The votes on them.
    pub counted: Counted,
    /// What the votes say.
    pub summary: Summary,
}

/// Pairs and votes of a run; nothing without the setting `sxs`.
///
/// # Errors
/// [`EvaluateError`]: names that no reward model has, a score file that does not fit, a vote whose images are not its pair's.
pub fn judged(inputs: &Inputs, settings: &Settings) -> Result<Judged, EvaluateError> {
    let Some(sxs) = &settings.sxs else { return Ok(Judged::default()) };
    let selection = match &inputs.scores {
        None => from_predictions(inputs, sxs)?,
        Some(scores) => from_scores(scores, inputs, sxs)?,
    };
    let counted = counted(&inputs.votes, &selection.pairs)?;
    let summary = summary(&counted.votes, &settings.bootstrap);
    Ok(Judged { selection, counted, summary })
}

fn from_scores(scores: &Scores, inputs: &Inputs, sxs: &SideBySide) -> Result<Selection, EvaluateError> {
    let known = scores.run_ids();
    // Models that other data roots hold may be named by run id.
    let (coarse, fine) = if known.contains(sxs.coarse.as_str()) && known.contains(sxs.fine.as_str()) {
        (sxs.coarse.as_str(), sxs.fine.as_str())
    } else {
        let Some((coarse, fine)) = select::models(&inputs.reward_models, sxs)? else { return Ok(Selection::default()) };
        (coarse.run_id.as_str(), fine.run_id.as_str())
    };
    let scored = scores.of(coarse, fine)?;
    if scored.n_of_one_model > 0 {
        tracing::warn!(n_images = scored.n_of_one_model, "images that only one of the two models scored take no part");
    }
    Ok(most_disputed(&scored.candidates, (coarse, fine), sxs.pairs, sxs.disagreement))
}

/// The files that pairs and votes are made from.
///
/// # Errors
/// [`EvaluateError::Storage`].
pub fn input_files(settings: &Settings, storage: &Storage) -> Result<Vec<InputFile>, EvaluateError> {
    let Some(sxs) = &settings.sxs else { return Ok(Vec::new()) };
    let scores =
        sxs.scores.iter().map(|location| InputFile { name: "sxs.scores".to_owned(), location: location.clone() });
    Ok(scores.chain(stored::input_files(storage)?).collect())
}

/// Reads them.
///
/// # Errors
/// [`EvaluateError`]: a score file or vote file with something else in it.
pub fn read(inputs: &mut Inputs, settings: &Settings, storage: &Storage) -> Result<(), EvaluateError> {
    let Some(sxs) = &settings.sxs else { return Ok(()) };
    inputs.scores = sxs.scores.as_ref().map(Scores::read).transpose()?;
    inputs.votes = stored::read(storage)?;
    Ok(())
}
