//! Table `attribute_agreement`: the share of images on which two attributes' labels agree (Fig. 5).
//!
//! Each pair of attributes has one row per experiment and split, the attribute that is first in the alphabet as
//! `attribute_a`. Images where either label is missing do not count.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tables::{AttributeAgreement, Split};

use crate::inputs::Inputs;

/// Every row, by key.
pub fn agreement(inputs: &Inputs) -> Vec<AttributeAgreement> {
    let images = inputs.images_by_id();
    let mut groups: BTreeMap<(&str, Split), BTreeMap<&str, HashMap<&str, bool>>> = BTreeMap::new();
    let mut attributes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for label in &inputs.labels {
        let Some(image) = images.get(label.image_id.as_str()) else { continue };
        attributes.entry(&label.experiment).or_default().insert(&label.attribute);
        let of_attribute = groups.entry((&label.experiment, image.split)).or_default();
        if let Some(value) = label.label {
            of_attribute.entry(&label.attribute).or_default().insert(&label.image_id, value);
        }
    }
    let mut rows = Vec::new();
    let none = HashMap::new();
    for ((experiment, split), labels) in &groups {
        for a in &attributes[experiment] {
            for b in attributes[experiment].iter().filter(|b| a < *b) {
                let (of_a, of_b) = (labels.get(a).unwrap_or(&none), labels.get(b).unwrap_or(&none));
                let both: Vec<bool> = of_a.iter().filter_map(|(image, a)| of_b.get(image).map(|b| a == b)).collect();
                let equal = both.iter().filter(|equal| **equal).count();
                rows.push(AttributeAgreement {
                    experiment: (*experiment).to_owned(),
                    split: *split,
                    attribute_a: (*a).to_owned(),
                    attribute_b: (*b).to_owned(),
                    agreement: (!both.is_empty()).then(|| equal as f64 / both.len() as f64),
                    n: both.len() as i64,
                });
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{image, labelled};

    #[test]
    fn pairs_stand_once_and_missing_labels_do_not_count() {
        let images = ["p1-0", "p1-1", "p1-2", "p1-3"].map(|id| image(id, Split::Train)).to_vec();
        let labels = |attribute: &str, values: [Option<bool>; 4]| {
            images
                .iter()
                .zip(values)
                .map(|(image, value)| labelled("e", &image.image_id, attribute, value))
                .collect::<Vec<_>>()
        };
        let (yes, no) = (Some(true), Some(false));
        let labels = [
            labels("target", [yes, yes, no, no]),
            labels("bright", [yes, no, no, None]),
            labels("chaotic", [None, None, None, yes]),
        ]
        .concat();
        let rows = agreement(&Inputs { images, labels, ..Inputs::default() });
        let found: Vec<_> =
            rows.iter().map(|row| (row.attribute_a.as_str(), row.attribute_b.as_str(), row.agreement, row.n)).collect();
        let two_thirds = Some(2.0 / 3.0);
        let expected =
            [("bright", "chaotic", None, 0), ("bright", "target", two_thirds, 3), ("chaotic", "target", Some(0.0), 1)];
        assert_eq!(found, expected);
    }
}
