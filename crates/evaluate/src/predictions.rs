//! Table `predictions`, held so that ten million rows fit: image ids as integers, and one list of images for all runs that
//! predict the same ones.
//!
//! Rows of one run that come together, as `train` writes them, cost 8 bytes each, and 5 more where the list differs from the
//! last run's.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tables::{Prediction, Split, TableError, TableReader};

/// All predictions, by run.
#[derive(Debug, Default, Clone)]
pub struct Predictions {
    ids: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    runs: BTreeMap<String, RunPredictions>,
    // The run whose rows are coming in; its name is not looked up again for each of them.
    current: Option<(String, RunPredictions)>,
    last_list: Arc<ImageList>,
    n_rows: usize,
}

/// Which images a run predicts, in table order, and the split each was in.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ImageList {
    /// Numbers of images; see [`Predictions::image_number`].
    pub images: Vec<u32>,
    /// One each.
    pub splits: Vec<Split>,
}

/// One run's predictions.
#[derive(Debug, Default, Clone)]
pub struct RunPredictions {
    /// The images.
    pub list: Arc<ImageList>,
    /// One reward each.
    pub rewards: Vec<f64>,
}

impl Predictions {
    /// Reads the table some thousand rows at a time.
    ///
    /// # Errors
    /// [`TableError`] for one that is broken.
    pub fn read(reader: TableReader<Prediction>) -> Result<Self, TableError> {
        let mut predictions = Self::default();
        reader.for_each_chunk(|chunk| predictions.extend(chunk))?;
        predictions.settle();
        Ok(predictions)
    }

    /// Adds one row.
    pub fn push(&mut self, row: Prediction) {
        if self.current.as_ref().is_none_or(|(run_id, _)| *run_id != row.run_id) {
            self.settle();
            let begun = self.runs.remove(&row.run_id).unwrap_or_default();
            self.current = Some((row.run_id, begun));
        }
        let number = self.number(&row.image_id);
        if let Some((_, run)) = &mut self.current {
            let at = run.rewards.len();
            run.rewards.push(row.reward);
            // As long as the images are those of the last run, its list is used.
            let expected = (self.last_list.images.get(at), self.last_list.splits.get(at));
            let follows = Arc::ptr_eq(&run.list, &self.last_list) || at == 0;
            if follows && expected == (Some(&number), Some(&row.split)) {
                if at == 0 {
                    run.list = self.last_list.clone();
                }
            } else {
                let list = Arc::make_mut(&mut run.list);
                list.images.truncate(at);
                list.splits.truncate(at);
                list.images.push(number);
                list.splits.push(row.split);
            }
        }
        self.n_rows += 1;
    }

    /// Files the run whose rows were coming in.
    pub fn settle(&mut self) {
        let Some((run_id, mut run)) = self.current.take() else { return };
        if run.list.images.len() > run.rewards.len() {
            let n = run.rewards.len();
            let list = Arc::make_mut(&mut run.list);
            list.images.truncate(n);
            list.splits.truncate(n);
        }
        run.rewards.shrink_to_fit();
        self.last_list = run.list.clone();
        self.runs.insert(run_id, run);
    }

    fn number(&mut self, image_id: &str) -> u32 {
        if let Some(&number) = self.numbers.get(image_id) {
            return number;
        }
        let number = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        let id: Arc<str> = image_id.into();
        self.ids.push(id.clone());
        self.numbers.insert(id, number);
        number
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.n_rows
    }

    /// Forgets them all.
    #[cfg(test)]
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many distinct images are predicted: their numbers are below this.
    pub fn n_images(&self) -> usize {
        self.ids.len()
    }

    /// The number of an image, if any run predicts it.
    pub fn image_number(&self, image_id: &str) -> Option<u32> {
        self.numbers.get(image_id).copied()
    }

    /// The predictions of one run.
    pub fn run(&self, run_id: &str) -> Option<&RunPredictions> {
        let current = self.current.as_ref().filter(|(current, _)| current == run_id).map(|(_, run)| run);
        current.or_else(|| self.runs.get(run_id))
    }

    /// Image, split and reward of one run's predictions, in table order; nothing if it has none.
    pub fn of_run(&self, run_id: &str) -> impl Iterator<Item = (&str, Split, f64)> {
        self.run(run_id).into_iter().flat_map(|run| run.rows()).map(|(number, split, reward)| {
            let id: &str = &self.ids[number as usize];
            (id, split, reward)
        })
    }

    /// Every row, by run; for tests.
    #[cfg(test)]
    pub fn rows(&self) -> Vec<Prediction> {
        let mut all = self.clone();
        all.settle();
        let row = |run_id: &String, (image_id, split, reward): (&str, Split, f64)| Prediction {
            run_id: run_id.clone(),
            image_id: image_id.to_owned(),
            split,
            reward,
        };
        all.runs.keys().flat_map(|run_id| all.of_run(run_id).map(|of_run| row(run_id, of_run))).collect()
    }
}

impl RunPredictions {
    /// Image number, split and reward of each row.
    pub fn rows(&self) -> impl Iterator<Item = (u32, Split, f64)> {
        let images = self.list.images.iter().zip(&self.list.splits);
        images.zip(&self.rewards).map(|((&image, &split), &reward)| (image, split, reward))
    }
}

impl Extend<Prediction> for Predictions {
    fn extend<I: IntoIterator<Item = Prediction>>(&mut self, rows: I) {
        rows.into_iter().for_each(|row| self.push(row));
    }
}

impl FromIterator<Prediction> for Predictions {
    fn from_iter<I: IntoIterator<Item = Prediction>>(rows: I) -> Self {
        let mut predictions = Self::default();
        predictions.extend(rows);
        predictions.settle();
        predictions
    }
}

impl From<Vec<Prediction>> for Predictions {
    fn from(rows: Vec<Prediction>) -> Self {
        rows.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(run_id: &str, image_id: &str, reward: f64) -> Prediction {
        let split = if image_id.starts_with('v') { Split::Validation } else { Split::Test };
        Prediction { run_id: run_id.to_owned(), image_id: image_id.to_owned(), split, reward }
    }

    #[test]
    fn rows_come_back_whatever_the_runs_predict_and_in_whatever_order_they_come() {
        let cases: [&[(&str, &str)]; 6] = [
            &[("a", "1"), ("a", "v2"), ("b", "1"), ("b", "v2")],
            &[("a", "1"), ("a", "v2"), ("b", "1")],
            &[("a", "1"), ("b", "1"), ("b", "v2"), ("c", "v2")],
            &[("a", "1"), ("b", "1"), ("a", "v2"), ("b", "3"), ("a", "4")],
            &[("a", "1"), ("a", "2"), ("b", "1"), ("b", "3"), ("b", "2"), ("c", "1"), ("c", "3")],
            &[("a", "1"), ("a", "2"), ("b", "1"), ("a", "3"), ("b", "2"), ("b", "3")],
        ];
        for case in cases {
            let rows: Vec<Prediction> =
                case.iter().enumerate().map(|(at, (run, image))| row(run, image, at as f64 / 10.0)).collect();
            let predictions: Predictions = rows.clone().into();
            assert_eq!(predictions.len(), rows.len());
            for run in ["a", "b", "c"] {
                let expected: Vec<(&str, Split, f64)> = rows
                    .iter()
                    .filter(|row| row.run_id == run)
                    .map(|row| (row.image_id.as_str(), row.split, row.reward))
                    .collect();
                assert_eq!(predictions.of_run(run).collect::<Vec<_>>(), expected, "{case:?}, {run}");
            }
        }
    }

    #[test]
    fn runs_that_predict_the_same_images_share_one_list() {
        let rows = ["a", "b", "c"].into_iter().flat_map(|run| ["1", "2"].map(|image| row(run, image, 0.5)));
        let predictions: Predictions = rows.collect();
        let list = |run: &str| predictions.run(run).unwrap().list.clone();
        assert!(Arc::ptr_eq(&list("a"), &list("b")) && Arc::ptr_eq(&list("b"), &list("c")));
        assert_eq!((predictions.n_images(), predictions.image_number("2")), (2, Some(1)));
        assert_eq!(predictions.image_number("3"), None);
    }
}
