//! Pairs and prompts from files of one's own: what the annotation page shows when no data root has them.

use std::collections::HashMap;

use sources::{Selected, SourceError, Sources, WantedColumn};
use tables::{Location, SxsPair};

use crate::error::EvaluateError;

/// Pairs, as `finegrain sxs select --out` writes them; a CSV made by hand needs `pair_id`, `prompt_id`,
/// `coarse_image_id` and `fine_image_id`.
///
/// # Errors
/// [`EvaluateError::Source`] for another kind of file or other columns; [`EvaluateError::Page`] for a pair that comes twice.
pub fn pairs(location: &Location) -> Result<Vec<SxsPair>, EvaluateError> {
    let text = WantedColumn::text;
    let number = |name| WantedColumn::number(name).optional();
    let wanted = [
        text("pair_id"),
        text("prompt_id"),
        text("coarse_run_id").optional(),
        text("fine_run_id").optional(),
        text("coarse_image_id"),
        text("fine_image_id"),
        number("coarse_margin"),
        number("fine_margin"),
        number("disagreement"),
    ];
    let rows = select(location, "SELECT * FROM file", "the pairs", &wanted)?;
    let column = |name: &str| rows.text(name).into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
    let numbers = |name: &str| rows.number(name).into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
    let (pair_ids, prompt_ids) = (column("pair_id"), column("prompt_id"));
    let (coarse_runs, fine_runs) = (column("coarse_run_id"), column("fine_run_id"));
    let (coarse_images, fine_images) = (column("coarse_image_id"), column("fine_image_id"));
    let (coarse_margins, fine_margins) = (numbers("coarse_margin"), numbers("fine_margin"));
    let disagreements = numbers("disagreement");
    let pairs: Vec<SxsPair> = (0..rows.n_rows())
        .map(|at| SxsPair {
            pair_id: pair_ids[at].clone(),
            prompt_id: prompt_ids[at].clone(),
            coarse_run_id: coarse_runs[at].clone(),
            fine_run_id: fine_runs[at].clone(),
            coarse_image_id: coarse_images[at].clone(),
            fine_image_id: fine_images[at].clone(),
            coarse_margin: coarse_margins[at],
            fine_margin: fine_margins[at],
            disagreement: disagreements[at],
        })
        .collect();
    let mut seen = std::collections::HashSet::new();
    match pairs.iter().position(|pair| !seen.insert(pair.pair_id.as_str())) {
        None => Ok(pairs),
        Some(at) => {
            let reason = format!("`{location}`, row {}: the pair `{}` comes twice", at + 1, pairs[at].pair_id);
            Err(EvaluateError::Page { reason })
        }
    }
}

/// Where images lie, by `image_id`, from a file with the columns `image_id` and `path`.
///
/// # Errors
/// [`EvaluateError::Source`] for another kind of file or other columns.
pub fn paths(location: &Location) -> Result<HashMap<String, String>, EvaluateError> {
    let wanted = [WantedColumn::text("image_id"), WantedColumn::text("path")];
    let rows = select(location, "SELECT image_id, path FROM file", "the images", &wanted)?;
    Ok(rows.required_text("image_id").into_iter().zip(rows.required_text("path")).collect())
}

/// The texts of prompts, by `prompt_id`, from a file with the columns `prompt_id` and `prompt`.
///
/// # Errors
/// [`EvaluateError::Source`].
pub fn prompts(location: &Location) -> Result<HashMap<String, String>, EvaluateError> {
    let wanted = [WantedColumn::text("prompt_id"), WantedColumn::text("prompt")];
    let rows = select(location, "SELECT prompt_id, prompt FROM file", "the prompts", &wanted)?;
    Ok(rows.required_text("prompt_id").into_iter().zip(rows.required_text("prompt")).collect())
}

fn select(
    location: &Location,
    sql: &str,
    what: &'static str,
    wanted: &[WantedColumn],
) -> Result<Selected, SourceError> {
    Sources([("file".to_owned(), location.clone())].into()).select(sql, what, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, Location) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.csv");
        std::fs::write(&path, text).unwrap();
        let location = Location::from(path.as_path());
        (folder, location)
    }

    #[test]
    fn pairs_made_by_hand_need_four_columns_and_names_of_their_own() {
        let (_folder, location) = file("pair_id,prompt_id,coarse_image_id,fine_image_id\n1,p,a,b\n2,p,a,c\n");
        let read = pairs(&location).unwrap();
        assert_eq!((read.len(), read[1].pair_id.as_str(), read[1].fine_image_id.as_str()), (2, "2", "c"));
        let (_folder, location) = file("pair_id,prompt_id,coarse_image_id,fine_image_id\n1,p,a,b\n1,p,a,c\n");
        assert!(pairs(&location).unwrap_err().to_string().contains("row 2: the pair `1` comes twice"));
        let (_folder, location) = file("pair_id,prompt_id,coarse_image_id\n1,p,a\n");
        assert!(pairs(&location).unwrap_err().to_string().contains("fine_image_id"));
    }

    #[test]
    fn one_list_may_hold_paths_and_prompts() {
        let (_folder, location) = file("image_id,path,prompt_id,prompt\na,x/1.png,p,\"a dog, green\"\n");
        assert_eq!(prompts(&location).unwrap()["p"], "a dog, green");
        assert_eq!(paths(&location).unwrap()["a"], "x/1.png");
    }
}
