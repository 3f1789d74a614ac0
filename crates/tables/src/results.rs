//! What `evaluate` concludes: arms and their differences, what people can do, what labels cost, what was answered.

use crate::table;
use crate::vocabulary::{AnswerKind, ComparedAt, MissingAnswerPolicy, SecondsSource, Split};

table! {
    /// One metric of one arm at one size: the mean over its seeds. Its interval holds the chance of prompts
    /// (bootstrap) and of seeds (Student's t); with one seed that of prompts alone.
    "arm_metrics" version 2 by Evaluate key [experiment, arm, n_train, split, metric]
    pub struct ArmMetric {
        /// The experiment of the pipeline file.
        experiment: String where NotEmpty,
        /// The arm.
        arm: String where NotEmpty,
        /// Training pairs.
        n_train: i64 where AtLeast(0.0),
        /// The part of the data.
        split: Split,
        /// `roc_auc`, `average_precision`, `brier`, `log_loss` or `calibration_error`.
        metric: String where NotEmpty,
        /// Mean over the seeds that have a value; null with a reason if none has.
        value: Option<f64>,
        /// Lower end of the 95 % interval of that mean, within the values that the metric can have.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// Sample standard deviation (n - 1) of the seeds' values; null for fewer than two.
        std_over_seeds: Option<f64> where AtLeast(0.0),
        /// Seeds that have a value.
        n_seeds: i64 where AtLeast(0.0),
        /// Labelled images that the arm's models gave a reward (where seeds differ in that, any of them).
        n_images: i64 where AtLeast(0.0),
        /// Prompts of those images.
        n_prompts: i64 where AtLeast(0.0),
        /// Attributes of its feedback set; 0 for coarse.
        n_attributes: i64 where AtLeast(0.0),
        /// Annotation cost when every label costs 1: N times d, mean over seeds.
        cost_equal: f64 where AtLeast(0.0),
        /// Annotation cost in rater seconds, mean over seeds; null if some label's seconds are not known.
        cost_seconds: Option<f64> where AtLeast(0.0),
        /// Why a value or its interval is missing.
        reason: Option<String>,
    }
}

table! {
    /// Two arms of one experiment compared on the images both predict, with equally many pairs or at equal cost. The
    /// difference is paired: both sides see the same redrawn prompts, and their seeds are paired. Between two sizes of an arm its value at a
    /// cost is interpolated, linear in the logarithm of the cost; never beyond its sizes.
    "arm_differences" version 2 by Evaluate key [experiment, split, metric, compared_at, arm_a, arm_b, at]
    pub struct ArmDifference {
        /// The experiment of the pipeline file.
        experiment: String where NotEmpty,
        /// The part of the data.
        split: Split,
        /// As in `arm_metrics`.
        metric: String where NotEmpty,
        /// What the two have in common.
        compared_at: ComparedAt,
        /// One arm; never the coarse one if the other is fine.
        arm_a: String where NotEmpty,
        /// The other arm.
        arm_b: String where NotEmpty,
        /// The pairs, labels or seconds that both have; null with a reason where the arms have none in common.
        at: Option<f64> where AtLeast(0.0),
        /// Training pairs of `arm_a` there; with a fraction if interpolated.
        n_train_a: Option<f64> where AtLeast(0.0),
        /// Training pairs of `arm_b` there.
        n_train_b: Option<f64> where AtLeast(0.0),
        /// Value of `arm_a`, mean over seeds.
        value_a: Option<f64>,
        /// Value of `arm_b`.
        value_b: Option<f64>,
        /// `value_a` less `value_b`; for Brier score, log loss and calibration error negative is better.
        difference: Option<f64>,
        /// Lower end of the 95 % interval of the difference, by the chance of prompts and, of arms with several seeds,
        /// of seeds. Not corrected.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// The chance that the sign of `difference` is right: 1 less half of `p_value`; one half for 0.
        p_sign: Option<f64> where Between(0.0, 1.0),
        /// Two-sided p of no difference: the level at which the interval would end at 0, prompts' part normal, seeds' part
        /// Student's t. It has no floor of 1/replicates.
        p_value: Option<f64> where Between(0.0, 1.0),
        /// The same by Holm's correction over all rows of one experiment, split, metric and `compared_at`.
        p_adjusted: Option<f64> where Between(0.0, 1.0),
        /// How many comparisons were corrected for.
        n_comparisons: i64 where AtLeast(0.0),
        /// Labelled images that both arms predict.
        n_images: i64 where AtLeast(0.0),
        /// Why a value is missing.
        reason: Option<String>,
    }
}

table! {
    /// How well one rater tells good from bad where "good" is the mean of the other raters above the experiment's threshold:
    /// the ceiling beside an AUC of a human target. An experiment whose target is made by a rule has no row.
    "human_ceilings" version 2 by Evaluate key [experiment, split, metric]
    pub struct HumanCeiling {
        /// The experiment of the pipeline file.
        experiment: String where NotEmpty,
        /// The part of the data.
        split: Split,
        /// `roc_auc` or `average_precision`.
        metric: String where NotEmpty,
        /// The aspect that is the experiment's target.
        aspect: String where NotEmpty,
        /// The one context whose ratings it is made of; null for all of them.
        context: Option<String> where NotEmpty,
        /// Good is a mean of at least this.
        threshold: f64,
        /// The value; null with a reason where it is not defined.
        value: Option<f64>,
        /// Lower end of the 95 % bootstrap interval, clustered by prompt.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// Ratings it was computed on.
        n_ratings: i64 where AtLeast(0.0),
        /// Images they are of.
        n_images: i64 where AtLeast(0.0),
        /// People who gave them.
        n_raters: i64 where AtLeast(0.0),
        /// Why a value is missing.
        reason: Option<String>,
    }
}

table! {
    /// How long one label takes (Table 2).
    "annotation_seconds" version 1 by Evaluate key [aspect]
    pub struct AnnotationSeconds {
        /// `overall`, or the name of an attribute.
        aspect: String where NotEmpty,
        /// Measured or stated.
        source: SecondsSource,
        /// Ratings with an answer time; 0 if stated.
        n: i64 where AtLeast(0.0),
        /// People who gave them.
        n_raters: i64 where AtLeast(0.0),
        /// Mean seconds of a rating, or what the pipeline file states.
        mean_seconds: f64 where AtLeast(0.0),
        /// Median seconds of a rating; null if stated.
        median_seconds: Option<f64> where AtLeast(0.0),
        /// Lower end of the 95 % interval of the mean, raters and prompts redrawn at once (pigeonhole bootstrap, Owen 2007).
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// Why there is no interval.
        reason: Option<String>,
    }
}

table! {
    /// What was asked about one attribute, and how the answers came out.
    "answer_coverage" version 1 by Evaluate key [kind, attribute, model]
    pub struct AnswerCoverage {
        /// What the questions are about.
        kind: AnswerKind,
        /// The attribute; of alignment questions the bucket, or `unknown` if the table `questions` has no such question.
        attribute: String where NotEmpty,
        /// The model that was asked.
        model: String where NotEmpty,
        /// Images that it was asked about.
        n_images: i64 where AtLeast(0.0),
        /// Questions asked: the sum of the five below.
        n_asked: i64 where AtLeast(0.0),
        /// Answered, both sides read.
        n_ok: i64 where AtLeast(0.0),
        /// Answered, one side bounded.
        n_censored: i64 where AtLeast(0.0),
        /// Missing: neither yes nor no.
        n_no_yes_no_token: i64 where AtLeast(0.0),
        /// Missing: declined or blank.
        n_refused: i64 where AtLeast(0.0),
        /// Missing: the call failed.
        n_error: i64 where AtLeast(0.0),
        /// Share of the questions that were answered.
        share_answered: Option<f64> where Between(0.0, 1.0),
    }
}

table! {
    /// How far one model's scores agree with the overall rating when missing answers count as nothing, and as a "no".
    "missing_answer_effects" version 2 by Evaluate key [attribute, model, policy]
    pub struct MissingAnswerEffect {
        /// A quality attribute, a bucket, or `vq2`.
        attribute: String where NotEmpty,
        /// The model that answered.
        model: String where NotEmpty,
        /// What a missing answer counts as.
        policy: MissingAnswerPolicy,
        /// Questions asked about rated images, without those whose call failed.
        n_asked: i64 where AtLeast(0.0),
        /// Those without an answer, whether or not another answer rules them out.
        n_missing: i64 where AtLeast(0.0),
        /// Rated images that have a score under the policy.
        n_images: i64 where AtLeast(0.0),
        /// Spearman's rank correlation of the score with the mean overall rating.
        spearman: Option<f64> where Between(-1.000001, 1.000001),
        /// ROC-AUC of the score for an overall rating of at least the threshold in `labels`, or their median where there is none.
        roc_auc: Option<f64> where Between(0.0, 1.0),
        /// Lower end of the 95 % bootstrap interval of the AUC, clustered by prompt.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// Why a value is missing.
        reason: Option<String>,
    }
}
