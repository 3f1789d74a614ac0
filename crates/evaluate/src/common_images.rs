//! Arms against each other on the images that all of them predict: an arm that lacks embeddings of some images must not win
//! by having the easier ones.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use tables::Split;

use crate::metrics::{Evaluation, Judging, PointMetrics, SplitMetrics};
use crate::predictions::ImageList;

/// What each of some points of one experiment reaches on the images that all their models predict: as it was judged if all
/// predict the same ones, else judged again.
pub fn on_common_images<'p>(
    evaluation: &Evaluation,
    points: &[&'p PointMetrics<'p>],
    split: Split,
) -> Vec<Cow<'p, SplitMetrics>> {
    let judged: Vec<&SplitMetrics> = points.iter().filter_map(|point| point.on(split)).collect();
    let lists = judged.iter().flat_map(|metrics| &metrics.lists);
    let Some(common) = common_images(lists, evaluation.predictions.n_images()) else {
        return judged.into_iter().map(Cow::Borrowed).collect();
    };
    let judging =
        Judging { predictions: evaluation.predictions, split, only: Some(&common), n_bins: evaluation.n_bins };
    let again = |point: &&PointMetrics| {
        let target = evaluation.targets.get(&(point.experiment, split));
        Cow::Owned(judging.point(&point.models, target).0)
    };
    points.iter().map(again).collect()
}

/// Which images every list has, by number; `None` if all lists are the same.
fn common_images<'l>(lists: impl Iterator<Item = &'l Arc<ImageList>>, n_images: usize) -> Option<Vec<bool>> {
    let mut distinct: Vec<&Arc<ImageList>> = Vec::new();
    let known = |list: &Arc<ImageList>, distinct: &[&Arc<ImageList>]| {
        distinct.iter().any(|other| Arc::ptr_eq(other, list) || other.images == list.images)
    };
    for list in lists {
        if !known(list, &distinct) {
            distinct.push(list);
        }
    }
    if distinct.len() < 2 {
        return None;
    }
    let mut counts = vec![0usize; n_images];
    for list in &distinct {
        list.images.iter().collect::<BTreeSet<_>>().into_iter().for_each(|image| counts[*image as usize] += 1);
    }
    Some(counts.into_iter().map(|count| count == distinct.len()).collect())
}
