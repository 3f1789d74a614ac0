//! What `finegrain score` writes: a file of its own, outside the data root.

use crate::table;

table! {
    /// The reward that one model gives one new image. Written by `finegrain score --out`, with the columns of any table
    /// but no place among a run's.
    "image_scores" version 1 by Train key [run_id, image_id]
    pub struct ImageScore {
        /// The reward model, as its card names it.
        run_id: String where NotEmpty,
        /// The image: as the list of pictures names it, or its path in the folder.
        image_id: String where NotEmpty,
        /// The prompt it was generated from, if the list says so.
        prompt_id: Option<String>,
        /// Probability that the image is good.
        reward: f64 where Between(0.0, 1.0),
    }
}

table! {
    /// What the concept predictor of one model says of one attribute of one new image. Written by `finegrain score
    /// --concepts`.
    "image_concepts" version 1 by Train key [run_id, image_id, attribute]
    pub struct ImageConcept {
        /// The reward model, as its card names it.
        run_id: String where NotEmpty,
        /// The image.
        image_id: String where NotEmpty,
        /// The attribute.
        attribute: String where NotEmpty,
        /// Probability that the image shows it.
        p: f64 where Between(0.0, 1.0),
    }
}
