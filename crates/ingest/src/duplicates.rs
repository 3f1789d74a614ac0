//! The same picture under prompts of different parts: a leak from training into the test.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tables::Image;

/// One file content that stands in more than one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// SHA-256 of the content.
    pub sha256: String,
    /// Its images with the part each is in: `i1 (train)`.
    pub images: Vec<String>,
}

impl fmt::Display for Duplicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the same file: {}", self.images.join(", "))
    }
}

/// Contents that stand in more than one part, sorted by their digest.
pub fn duplicates_across_splits(images: &[Image]) -> Vec<Duplicate> {
    let mut by_content: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for image in images {
        if let Some(sha256) = &image.sha256 {
            by_content.entry(sha256).or_default().push(image);
        }
    }
    let crosses = |images: &[&Image]| images.iter().map(|image| image.split).collect::<BTreeSet<_>>().len() > 1;
    let named = |image: &&Image| format!("`{}` ({})", image.image_id, image.split);
    by_content
        .into_iter()
        .filter(|(_, images)| crosses(images))
        .map(|(sha256, images)| Duplicate { sha256: sha256.to_owned(), images: images.iter().map(named).collect() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tables::Split;

    fn image(image_id: &str, sha256: Option<&str>, split: Split) -> Image {
        Image {
            image_id: image_id.into(),
            prompt_id: "p".into(),
            generator: None,
            path: None,
            sha256: sha256.map(str::to_owned),
            width: None,
            height: None,
            bytes: None,
            split,
        }
    }

    #[test]
    fn a_content_in_two_parts_is_found_and_one_twice_in_a_part_is_not() {
        let images = [
            image("a", Some("x"), Split::Train),
            image("b", Some("x"), Split::Test),
            image("c", Some("y"), Split::Train),
            image("d", Some("y"), Split::Train),
            image("e", None, Split::Train),
            image("f", None, Split::Test),
        ];
        let found = duplicates_across_splits(&images);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "the same file: `a` (train), `b` (test)");
        assert_eq!(duplicates_across_splits(&[]), []);
    }
}
