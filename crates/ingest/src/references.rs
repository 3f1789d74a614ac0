//! Whether the rows of the three SELECTs fit together: keys once, references to what is there, numbers in range.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use tables::Rating;

use crate::error::{IngestError, Listed};
use crate::raw_rows::{RawImage, RawPrompt};

pub(crate) fn check_prompts(prompts: &[RawPrompt]) -> Result<(), IngestError> {
    let (what, key) = ("ingest.prompts", "prompt_id");
    once(what, key, prompts.iter().map(|prompt| &prompt.prompt_id), |prompt_id| format!("`{prompt_id}`"))
}

pub(crate) fn check_images(images: &[RawImage], prompts: &[RawPrompt]) -> Result<(), IngestError> {
    let what = "ingest.images";
    once(what, "image_id", images.iter().map(|image| &image.image_id), |image_id| format!("`{image_id}`"))?;
    let known: HashSet<&str> = prompts.iter().map(|prompt| prompt.prompt_id.as_str()).collect();
    let unknown = images.iter().enumerate().filter(|(_, image)| !known.contains(image.prompt_id.as_str()));
    let line = |(at, image): (usize, &RawImage)| {
        format!("row {}: image `{}` of prompt `{}`", at + 1, image.image_id, image.prompt_id)
    };
    let lines: Vec<String> = unknown.map(line).collect();
    none_is("images of unknown prompts", &lines, |rows| IngestError::Unknown {
        what,
        wanted: "prompt",
        column: "prompt_id",
        rows,
    })
}

pub(crate) fn check_ratings(ratings: &[Rating], images: &[RawImage]) -> Result<(), IngestError> {
    let what = "ingest.ratings";
    let lines = |wrong: &dyn Fn(&Rating) -> bool, value: &dyn Fn(&Rating) -> String| -> Vec<String> {
        let wrong = ratings.iter().enumerate().filter(|(_, rating)| wrong(rating));
        wrong.map(|(at, rating)| format!("row {}: {}", at + 1, value(rating))).collect()
    };
    let known: HashSet<&str> = images.iter().map(|image| image.image_id.as_str()).collect();
    let unknown = lines(&|rating| !known.contains(rating.image_id.as_str()), &|rating| {
        format!("image `{}`, rated by `{}`", rating.image_id, rating.rater_id)
    });
    none_is("ratings of unknown images", &unknown, |rows| IngestError::Unknown {
        what,
        wanted: "image",
        column: "image_id",
        rows,
    })?;
    let infinite = lines(&|rating| !rating.rating.is_finite(), &|rating| {
        format!("{} for image `{}`, by `{}`", rating.rating, rating.image_id, rating.rater_id)
    });
    none_is("ratings", &infinite, |rows| IngestError::OutOfRange { column: "rating", range: "a finite number", rows })?;
    let plausible = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
    let negative = lines(&|rating| rating.seconds.is_some_and(|seconds| !plausible(seconds)), &|rating| {
        let seconds = rating.seconds.unwrap_or(f64::NAN);
        format!("{seconds} s for image `{}`, by `{}`", rating.image_id, rating.rater_id)
    });
    none_is("answer times", &negative, |rows| IngestError::OutOfRange {
        column: "seconds",
        range: "null, or a finite number of at least 0",
        rows,
    })?;
    let key = |rating: &Rating| {
        let Rating { image_id, rater_id, aspect, context, .. } = rating.clone();
        (image_id, rater_id, aspect, context)
    };
    once(
        what,
        "image_id, rater_id, aspect, context",
        ratings.iter().map(key),
        |(image_id, rater_id, aspect, context)| {
            let context = context.as_ref().map_or(String::new(), |context| format!(", context `{context}`"));
            format!("image `{image_id}`, rater `{rater_id}`, aspect `{aspect}`{context}")
        },
    )
}

/// Every key comes once.
fn once<K: Eq + Hash>(
    what: &'static str,
    key: &'static str,
    keys: impl Iterator<Item = K>,
    text: impl Fn(&K) -> String,
) -> Result<(), IngestError> {
    let mut first = HashMap::new();
    let mut lines = Vec::new();
    for (at, key) in keys.enumerate() {
        match first.get(&key) {
            Some(before) => lines.push(format!("{} in row {} and again in row {}", text(&key), before + 1, at + 1)),
            None => {
                first.insert(key, at);
            }
        }
    }
    none_is("repeated rows", &lines, |rows| IngestError::Twice { what, key, rows })
}

fn none_is(things: &str, lines: &[String], error: impl Fn(Listed) -> IngestError) -> Result<(), IngestError> {
    if lines.is_empty() { Ok(()) } else { Err(error(Listed::new(things, lines))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(prompt_id: &str) -> RawPrompt {
        RawPrompt { prompt_id: prompt_id.into(), prompt: "a dog".into(), category: None, challenge: None, split: None }
    }

    fn image(image_id: &str, prompt_id: &str) -> RawImage {
        RawImage { image_id: image_id.into(), prompt_id: prompt_id.into(), generator: None, path: None }
    }

    fn rating(image_id: &str, rater_id: &str, rating: f64, seconds: Option<f64>) -> Rating {
        let (image_id, rater_id, aspect) = (image_id.into(), rater_id.into(), "overall".into());
        Rating { image_id, rater_id, aspect, context: None, rating, seconds }
    }

    #[test]
    fn a_key_twice_names_both_rows() {
        let error = check_prompts(&["p1", "p2", "p1", "p1"].map(prompt)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ingest.prompts: the key (prompt_id) comes more than once: 2 repeated rows\n  \
             `p1` in row 1 and again in row 3\n  `p1` in row 1 and again in row 4"
        );
        assert!(check_images(&[image("i", "p"), image("i", "p")], &[prompt("p")]).is_err());
        let mut other_context = rating("i", "r", 1.0, None);
        other_context.context = Some("slide deck".into());
        let ratings = [rating("i", "r", 1.0, None), other_context.clone(), rating("i", "s", 1.0, None)];
        assert!(check_ratings(&ratings, &[image("i", "p")]).is_ok());
        let error = check_ratings(&[other_context.clone(), other_context], &[image("i", "p")]).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("image `i`, rater `r`, aspect `overall`, context `slide deck` in row 1 and again in row 2")
        );
    }

    #[test]
    fn a_rating_of_an_unknown_image_and_an_image_of_an_unknown_prompt_are_named() {
        let error = check_ratings(&[rating("i", "r", 1.0, None), rating("j", "r", 1.0, None)], &[image("i", "p")]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "ingest.ratings: no image has this `image_id`: 1 ratings of unknown images\n  row 2: image `j`, rated by `r`"
        );
        let error = check_images(&[image("i", "q")], &[prompt("p")]).unwrap_err().to_string();
        assert!(error.contains("row 1: image `i` of prompt `q`"), "{error}");
    }

    #[test]
    fn ratings_and_seconds_are_finite_and_seconds_not_negative() {
        let images = [image("i", "p")];
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = check_ratings(&[rating("i", "r", bad, None)], &images).unwrap_err().to_string();
            assert!(error.starts_with("ingest.ratings: rating must be a finite number") && error.contains("row 1"));
            assert!(check_ratings(&[rating("i", "r", 1.0, Some(bad))], &images).is_err());
        }
        assert!(check_ratings(&[rating("i", "r", -5.0, Some(0.0))], &images).is_ok());
        let error = check_ratings(&[rating("i", "r", 1.0, Some(-0.5))], &images).unwrap_err().to_string();
        assert!(error.contains("row 1: -0.5 s for image `i`, by `r`"), "{error}");
    }

    #[test]
    fn of_many_wrong_rows_twenty_are_listed_and_all_are_counted() {
        let ratings: Vec<Rating> = (0..35).map(|at| rating(&format!("x{at}"), "r", 1.0, None)).collect();
        let message = check_ratings(&ratings, &[]).unwrap_err().to_string();
        assert!(message.contains("35 ratings") && message.ends_with("and 15 more"), "{message}");
        assert_eq!(message.lines().count(), 22);
    }
}
