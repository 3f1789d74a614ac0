//! Counts of (gold, chosen), and the figures that follow from them.

use std::collections::BTreeMap;

use tables::Bucket;

use crate::Scored;

/// How often each gold bucket was given each bucket.
#[derive(Default)]
pub struct Confusion(BTreeMap<(Bucket, Bucket), usize>);

impl<'a> FromIterator<&'a Scored> for Confusion {
    fn from_iter<I: IntoIterator<Item = &'a Scored>>(rows: I) -> Self {
        let mut confusion = Self::default();
        for row in rows {
            *confusion.0.entry((row.gold, row.chosen)).or_default() += 1;
        }
        confusion
    }
}

impl Confusion {
    /// Questions of `gold` that were given `chosen`.
    pub fn count(&self, gold: Bucket, chosen: Bucket) -> usize {
        self.0.get(&(gold, chosen)).copied().unwrap_or_default()
    }

    /// All questions.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Questions of a gold bucket.
    pub fn n_gold(&self, gold: Bucket) -> usize {
        Bucket::ALL.iter().map(|&chosen| self.count(gold, chosen)).sum()
    }

    /// Questions that were given a bucket.
    pub fn n_chosen(&self, chosen: Bucket) -> usize {
        Bucket::ALL.iter().map(|&gold| self.count(gold, chosen)).sum()
    }

    /// Share of questions that were given their gold bucket.
    pub fn accuracy(&self) -> f64 {
        let right: usize = Bucket::ALL.iter().map(|&b| self.count(b, b)).sum();
        right as f64 / self.total() as f64
    }

    /// F1 of one bucket; NaN if it is neither gold nor chosen anywhere.
    pub fn f1(&self, bucket: Bucket) -> f64 {
        2.0 * self.count(bucket, bucket) as f64 / (self.n_gold(bucket) + self.n_chosen(bucket)) as f64
    }

    /// Mean F1 of the four buckets.
    pub fn macro_f1(&self) -> f64 {
        Bucket::ALL.iter().map(|&b| self.f1(b)).sum::<f64>() / Bucket::ALL.len() as f64
    }
}
