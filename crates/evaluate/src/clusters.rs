//! Prompts as the bootstrap's clusters: numbered from 0, in the order of their ids.

use std::collections::{BTreeSet, HashMap};

use tables::Image;

/// The number of the prompt of every image that counts.
pub struct Clusters<'a> {
    by_image: HashMap<&'a str, u32>,
    n_clusters: usize,
}

impl<'a> Clusters<'a> {
    /// The prompts of these images.
    pub fn new(images: impl Iterator<Item = &'a Image> + Clone) -> Self {
        let prompts: BTreeSet<&str> = images.clone().map(|image| image.prompt_id.as_str()).collect();
        let numbers: HashMap<&str, u32> = prompts.iter().copied().zip(0..).collect();
        let by_image = images.map(|image| (image.image_id.as_str(), numbers[image.prompt_id.as_str()])).collect();
        Self { by_image, n_clusters: prompts.len() }
    }

    /// The prompt of an image, if the image counts.
    pub fn of(&self, image_id: &str) -> Option<u32> {
        self.by_image.get(image_id).copied()
    }

    /// How many prompts there are.
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }
}
