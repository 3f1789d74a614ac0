//! One rater against the mean of the others: what people themselves reach.

use std::collections::HashMap;

/// One rating beside what the other raters of its image said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgainstOthers<'a> {
    /// The image.
    pub image_id: &'a str,
    /// Who rated.
    pub rater_id: &'a str,
    /// The rating.
    pub rating: f64,
    /// Mean rating of the image's other raters.
    pub others_mean: f64,
}

/// Each rating (image, rater, rating) of an image that others rated too, in the order given.
pub fn each_against_the_others<'a>(ratings: &[(&'a str, &'a str, f64)]) -> Vec<AgainstOthers<'a>> {
    let mut of_image: HashMap<&str, (f64, usize)> = HashMap::new();
    let mut of_rater: HashMap<(&str, &str), (f64, usize)> = HashMap::new();
    for &(image_id, rater_id, rating) in ratings {
        for (sum, n) in [of_image.entry(image_id).or_default(), of_rater.entry((image_id, rater_id)).or_default()] {
            *sum += rating;
            *n += 1;
        }
    }
    let against = |&(image_id, rater_id, rating): &(&'a str, &'a str, f64)| {
        // One rater may rate an image in several contexts: all of those are left out of the others' mean.
        let ((sum, n), (own_sum, own_n)) = (of_image[image_id], of_rater[&(image_id, rater_id)]);
        let others_mean = (sum - own_sum) / (n - own_n) as f64;
        (n > own_n).then_some(AgainstOthers { image_id, rater_id, rating, others_mean })
    };
    ratings.iter().filter_map(against).collect()
}
