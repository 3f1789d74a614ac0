//! Pairs from a file of scored fresh generations (App. B.8, B.9), as `finegrain score` writes it.
//!
//! One row a model and image: `run_id`, `image_id`, `prompt_id`, `reward`; CSV, TSV, JSON lines or Parquet. Any other tool
//! may have written it.

use std::collections::{BTreeMap, BTreeSet};

use sources::{Sources, WantedColumn};
use tables::Location;

use super::select::Candidate;
use crate::error::EvaluateError;

const SELECT: &str = "SELECT run_id, image_id, prompt_id, reward FROM scores";

/// The images that two models scored.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// Those with a reward of both.
    pub candidates: Vec<Candidate>,
    /// How many have a reward of one of them only; they take no part.
    pub n_of_one_model: usize,
}

/// A score file.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    file: String,
    /// Image to prompt and reward, of each model.
    by_run: BTreeMap<String, BTreeMap<String, (String, f64)>>,
}

impl Scores {
    /// Reads a file.
    ///
    /// # Errors
    /// [`EvaluateError::Source`] if it cannot be read or has other columns; [`EvaluateError::Score`] for a row whose
    /// reward is not finite, that has no prompt, or that comes twice.
    pub fn read(location: &Location) -> Result<Self, EvaluateError> {
        let sources = Sources([("scores".to_owned(), location.clone())].into());
        let (text, number) = (WantedColumn::text, WantedColumn::number);
        let wanted = [text("run_id"), text("image_id"), text("prompt_id").optional(), number("reward")];
        let rows = sources.select(SELECT, "evaluate.sxs.scores", &wanted)?;
        let file = location.to_string();
        let mut by_run: BTreeMap<String, BTreeMap<String, (String, f64)>> = BTreeMap::new();
        let columns = rows.required_text("run_id").into_iter().zip(rows.required_text("image_id"));
        let columns = columns.zip(rows.text("prompt_id")).zip(rows.required_number("reward"));
        for (at, (((run_id, image_id), prompt_id), reward)) in columns.enumerate() {
            let wrong =
                |column, problem: String| EvaluateError::Score { file: file.clone(), row: at + 1, column, problem };
            let Some(prompt_id) = prompt_id.filter(|id| !id.is_empty()) else {
                return Err(wrong(
                    "prompt_id",
                    "is missing; the best image of a prompt needs to know the prompt".to_owned(),
                ));
            };
            if image_id.is_empty() || run_id.is_empty() {
                return Err(wrong("image_id", "is empty, or `run_id` is".to_owned()));
            }
            if !reward.is_finite() {
                return Err(wrong("reward", format!("is {reward}, which is no number that can be compared")));
            }
            let of_run = by_run.entry(run_id.clone()).or_default();
            if of_run.insert(image_id.clone(), (prompt_id, reward)).is_some() {
                return Err(wrong(
                    "image_id",
                    format!("`{image_id}` has a reward of `{run_id}` in an earlier row already"),
                ));
            }
        }
        Ok(Self { file, by_run })
    }

    /// The models that gave scores.
    pub fn run_ids(&self) -> BTreeSet<&str> {
        self.by_run.keys().map(String::as_str).collect()
    }

    /// The images that both of two models scored.
    ///
    /// # Errors
    /// [`EvaluateError::NotScored`] if the file has no score of one of them; [`EvaluateError::TwoPrompts`] if they name
    /// different prompts for one image.
    pub fn of(&self, coarse_run_id: &str, fine_run_id: &str) -> Result<Scored, EvaluateError> {
        let of_run = |run_id: &str| {
            self.by_run.get(run_id).ok_or_else(|| EvaluateError::NotScored {
                file: self.file.clone(),
                run_id: run_id.to_owned(),
                known: self.run_ids().into_iter().collect::<Vec<_>>().join(", "),
            })
        };
        let (coarse, fine) = (of_run(coarse_run_id)?, of_run(fine_run_id)?);
        let mut candidates = Vec::new();
        for (image_id, (prompt_id, by_coarse)) in coarse {
            let Some((other_prompt, by_fine)) = fine.get(image_id) else { continue };
            if other_prompt != prompt_id {
                let (file, image_id) = (self.file.clone(), image_id.clone());
                return Err(EvaluateError::TwoPrompts {
                    file,
                    image_id,
                    prompts: format!("`{prompt_id}` and `{other_prompt}`"),
                });
            }
            let (prompt_id, image_id) = (prompt_id.clone(), image_id.clone());
            candidates.push(Candidate { prompt_id, image_id, by_coarse: *by_coarse, by_fine: *by_fine });
        }
        let n_of_one_model = coarse.len() + fine.len() - 2 * candidates.len();
        Ok(Scored { candidates, n_of_one_model })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(csv: &str) -> Result<Scores, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.csv");
        std::fs::write(&path, csv).unwrap();
        Scores::read(&path.as_path().into()).map_err(|error| error.to_string())
    }

    const HEADER: &str = "run_id,image_id,prompt_id,reward\n";

    #[test]
    fn images_of_both_models_are_candidates_and_the_others_are_counted() {
        let scores = read(&format!("{HEADER}c,a,p,0.5\nc,b,p,0.25\nf,a,p,0.75\nf,d,p,1\nx,a,p,0\n")).unwrap();
        assert_eq!(scores.run_ids().into_iter().collect::<Vec<_>>(), ["c", "f", "x"]);
        let scored = scores.of("c", "f").unwrap();
        let (prompt_id, image_id) = ("p".to_owned(), "a".to_owned());
        assert_eq!(scored.candidates, [Candidate { prompt_id, image_id, by_coarse: 0.5, by_fine: 0.75 }]);
        assert_eq!(scored.n_of_one_model, 2);
        let error = scores.of("c", "g").unwrap_err().to_string();
        assert!(error.contains("no score of `g`") && error.contains("c, f, x"), "{error}");
    }

    #[test]
    fn a_row_that_cannot_count_is_named() {
        let error = |rows: &str| read(&format!("{HEADER}{rows}")).unwrap_err();
        let named = error("c,a,p,0.5\nc,b,,0.5\n");
        assert!(named.contains("row 2") && named.contains("`prompt_id` is missing"), "{named}");
        let named = error("c,a,p,0.5\nc,b,p,nan\n");
        assert!(named.contains("row 2") && named.contains("`reward`"), "{named}");
        let named = error("c,a,p,0.5\nc,a,p,0.6\n");
        assert!(named.contains("row 2") && named.contains("in an earlier row already"), "{named}");
        let named = error("c,a,p,many\n");
        assert!(named.contains("many"), "{named}");
        assert!(read("run_id,image_id,reward\nc,a,1\n").unwrap_err().contains("evaluate.sxs.scores"));
        let two = read(&format!("{HEADER}c,a,p,1\nf,a,q,1\n")).unwrap().of("c", "f").unwrap_err().to_string();
        assert!(two.contains("`p` and `q`"), "{two}");
    }
}
