//! Every table of the pipeline: one row type each, in the order the stages write them.

use std::sync::Arc;

use crate::cell::Embedding;
use crate::contract::{Contract, Table};
pub use crate::results::*;
use crate::table;
use crate::vocabulary::{
    AnswerKind, AnswerReadout, AnswerStatus, Bucket, InterventionOrder, QuestionSource, ScoreSource, Split, SxsChoice,
};

/// The contracts of all tables, in the order the stages write them.
pub fn all_contracts() -> Vec<Arc<Contract>> {
    vec![
        Prompt::contract(),
        Image::contract(),
        Rating::contract(),
        Preference::contract(),
        Question::contract(),
        Answer::contract(),
        AttributeScore::contract(),
        ImageEmbedding::contract(),
        AestheticScore::contract(),
        Label::contract(),
        RewardModel::contract(),
        Prediction::contract(),
        ConceptPrediction::contract(),
        AggregatorWeight::contract(),
        Intervention::contract(),
        MetricValue::contract(),
        ArmMetric::contract(),
        ArmDifference::contract(),
        HumanCeiling::contract(),
        AnnotationSeconds::contract(),
        AttributeValidity::contract(),
        AttributeAgreement::contract(),
        AnswerCoverage::contract(),
        MissingAnswerEffect::contract(),
        SxsPair::contract(),
        SxsVote::contract(),
        SxsSummary::contract(),
        SxsTest::contract(),
    ]
}

/// The contract of that name.
pub fn contract_of(name: &str) -> Option<Arc<Contract>> {
    all_contracts().into_iter().find(|contract| contract.name == name)
}

table! {
    /// One text prompt.
    "prompts" version 1 by Ingest key [prompt_id]
    pub struct Prompt {
        /// Names the prompt.
        prompt_id: String where NotEmpty,
        /// Its text, as the generator was given it.
        prompt: String where NotEmpty,
        /// The data set's own category, if it has one.
        category: Option<String>,
        /// What the prompt is hard about, if the data set says so.
        challenge: Option<String>,
        /// Its part of the data; every image of a prompt is in the prompt's part (App. B.6).
        split: Split,
    }
}

table! {
    /// One generated image. An image without pixels (only its ratings and answers are known) has null path, sha256,
    /// width, height and bytes.
    "images" version 1 by Ingest key [image_id]
    pub struct Image {
        /// Names the image.
        image_id: String where NotEmpty,
        /// The prompt it was generated from.
        prompt_id: String where References("prompts", "prompt_id"),
        /// The model that generated it.
        generator: Option<String>,
        /// The file, relative to the image root of the pipeline file.
        path: Option<String> where NotEmpty,
        /// SHA-256 of the file.
        sha256: Option<String> where Sha256,
        /// Width in pixels.
        width: Option<i64> where AtLeast(1.0),
        /// Height in pixels.
        height: Option<i64> where AtLeast(1.0),
        /// Size of the file in bytes.
        bytes: Option<i64> where AtLeast(1.0),
        /// The split of its prompt.
        split: Split,
    }
}

table! {
    /// One rating by one person of one aspect of one image, in one context.
    "ratings" version 1 by Ingest key [image_id, rater_id, aspect, context]
    pub struct Rating {
        /// The image.
        image_id: String where References("images", "image_id"),
        /// Who rated.
        rater_id: String where NotEmpty,
        /// `overall`, or the name of an attribute.
        aspect: String where NotEmpty,
        /// What the image was to be used for, if raters were told (App. B.6).
        context: Option<String>,
        /// The rating on the data set's own scale; higher is more of the aspect.
        rating: f64,
        /// How long the answer took, in seconds.
        seconds: Option<f64> where AtLeast(0.0),
    }
}

table! {
    /// The ratings of one aspect of one image, averaged with equal weights (App. B.6).
    "preferences" version 1 by Ingest key [image_id, aspect]
    pub struct Preference {
        /// The image.
        image_id: String where References("images", "image_id"),
        /// `overall`, or the name of an attribute.
        aspect: String where NotEmpty,
        /// Mean rating on the data set's own scale; for `overall` this is the goodness.
        mean_rating: f64,
        /// How many ratings it averages.
        n_ratings: i64 where AtLeast(1.0),
        /// Sample standard deviation (n - 1); null for one rating.
        std_rating: Option<f64> where AtLeast(0.0),
        /// Mean answer time in seconds over the ratings that have one.
        mean_seconds: Option<f64> where AtLeast(0.0),
    }
}

table! {
    /// One yes/no question about one prompt's images.
    "questions" version 2 by Vq2Parse key [prompt_id, question_id]
    pub struct Question {
        /// The prompt.
        prompt_id: String where References("prompts", "prompt_id"),
        /// Names the question among its prompt's.
        question_id: String where NotEmpty,
        /// The question.
        question: String where NotEmpty,
        /// The answer that holds for an aligned image.
        answer: String where NotEmpty,
        /// The yes/no text that is asked of a VLM.
        query: String where NotEmpty,
        /// What it checks (App. B.5.2).
        bucket: Bucket,
        /// First byte of the part of the prompt it came from.
        span_start: Option<i64> where AtLeast(0.0),
        /// One past the last byte of that part.
        span_end: Option<i64> where AtLeast(0.0),
        /// Where it came from.
        source: QuestionSource,
        /// The `question_id`s of the same prompt that must hold for this one to make sense: if one of them is answered
        /// "no", this one counts as a "no" (DSG, Cho et al. 2024). Empty if it stands alone.
        depends_on: Vec<String>,
    }
}

table! {
    /// One answer to one question about one image, or the fact that there is none.
    "answers" version 2 by SynthFeedback key [image_id, kind, question_id, model]
    pub struct Answer {
        /// The image.
        image_id: String where References("images", "image_id"),
        /// The question of the image's prompt; for a quality question the attribute's name.
        question_id: String where NotEmpty,
        /// What it is about.
        kind: AnswerKind,
        /// How it came out; only `ok` and `censored` have a probability.
        status: AnswerStatus,
        /// Probability of "yes": the softmax over the two answers (App. B.5.1), or the share of yes among sampled answers;
        /// for a VQAScore question the probability of "yes" among all first tokens. Null is not a "no".
        p_yes: Option<f64> where Between(0.0, 1.0),
        /// Log of the summed probability of the first token's "yes" variants.
        logit_yes: Option<f64>,
        /// Log of the summed probability of the first token's "no" variants.
        logit_no: Option<f64>,
        /// Probability that the first token is a yes or a no at all; of sampled answers the share that says one of them.
        label_mass: Option<f64> where Between(0.0, 1.000001),
        /// How the probability was read.
        readout: AnswerReadout,
        /// The model that answered, or the name of the imported file's.
        model: String where NotEmpty,
        /// How often the endpoint was asked, retries included; 0 for an imported answer.
        attempts: i64 as measured where AtLeast(0.0),
        /// How long the last call took, in seconds.
        seconds: Option<f64> as measured where AtLeast(0.0),
    }
}

table! {
    /// One score of one image: how much of an attribute it shows, or how well it agrees with its prompt.
    "attribute_scores" version 1 by SynthFeedback key [image_id, attribute, source]
    pub struct AttributeScore {
        /// The image.
        image_id: String where References("images", "image_id"),
        /// A quality attribute, a bucket, or `vq2`: the mean over all alignment questions.
        attribute: String where NotEmpty,
        /// Who gave it.
        source: ScoreSource,
        /// Mean yes-probability in [0, 1], or for people's scores the mean on the rating scale; null if nothing answered.
        score: Option<f64>,
        /// Questions that bear on it; 0 means that none was asked.
        n_questions: i64 where AtLeast(0.0),
        /// Those of them that were answered.
        n_answered: i64 where AtLeast(0.0),
    }
}

table! {
    /// The frozen vectors of one image and its prompt (App. B.3). The file's metadata names the encoders, the digests
    /// of their weights and the preprocessing.
    "embeddings" version 1 by Embed key [image_id]
    pub struct ImageEmbedding {
        /// The image.
        image_id: String where References("images", "image_id"),
        /// The image encoder's vector; null if the image could not be read and bad images are skipped.
        image_embedding: Option<Embedding>,
        /// The text encoder's vector of the image's prompt; null if no text encoder is set.
        text_embedding: Option<Embedding>,
    }
}

table! {
    /// The LAION aesthetics model's score of one image (about 1 to 10), if `embed` is set to write it. Images that could
    /// not be read have no row.
    "aesthetic_scores" version 1 by Embed key [image_id]
    pub struct AestheticScore {
        /// The image.
        image_id: String where References("images", "image_id"),
        /// The score.
        score: f64,
    }
}

table! {
    /// One score turned into the label that an experiment's models train on.
    "labels" version 1 by Train key [experiment, image_id, attribute]
    pub struct Label {
        /// The experiment of the pipeline file.
        experiment: String where NotEmpty,
        /// The image.
        image_id: String where References("images", "image_id"),
        /// The attribute, or `target`.
        attribute: String where NotEmpty,
        /// The score that was compared with the threshold; null if it is missing, or if a rule made the label.
        score: Option<f64>,
        /// The threshold, computed on the training split by the policy of the pipeline file; null where a rule made the label.
        threshold: Option<f64>,
        /// Good (or: shows the attribute); null if the score is missing.
        label: Option<bool>,
    }
}

table! {
    /// One trained reward model, or the reason why there is none.
    "reward_models" version 3 by Train key [run_id]
    pub struct RewardModel {
        /// Names the model: experiment, arm, n_train and seed.
        run_id: String where NotEmpty,
        /// The experiment of the pipeline file.
        experiment: String where NotEmpty,
        /// The feedback it was given: `coarse`, or a set of attributes.
        arm: String where NotEmpty,
        /// The attributes of that set; empty for coarse.
        attributes: Vec<String>,
        /// What it reads: `image`, `text`, `image+text`, or `scores`.
        inputs: String where NotEmpty,
        /// How a concept bottleneck was trained: `sequential`, `independent` or `joint`; null for coarse feedback and for
        /// models that read scores.
        bottleneck: Option<String>,
        /// What it learned (or, of scores, read): `hard` labels, or `soft` ones, the scores themselves.
        labels: String where NotEmpty,
        /// What stage 1 was trained on: `pointwise`, single images, or `pairwise`, pairs of images of one prompt.
        loss: String where NotEmpty,
        /// Widths of its hidden layers, such as `256-256`; `linear` for none; null without stage 1.
        hidden: Option<String>,
        /// What a sequential bottleneck's stage 2 was fitted on: `in_sample`, `validation` or `out_of_fold`; else null.
        stage2_on: Option<String>,
        /// What each label of stage 1 counted: `none`, the same, or `balanced`, by its class.
        class_weights: String where NotEmpty,
        /// Training pairs that it was given.
        n_train: i64 where AtLeast(0.0),
        /// Those of them that it was fitted on: fewer if pairs with missing labels are dropped.
        n_used: i64 where AtLeast(0.0),
        /// Comparisons of two of them that a pairwise stage 1 learned from; null for others and without a network.
        n_comparisons: Option<i64> where AtLeast(0.0),
        /// The attributes whose labels in these pairs are all the same: stage 1 learns nothing of them.
        degenerate: Vec<String>,
        /// Epochs that stage 1 was trained for; null without stage 1.
        epochs_run: Option<i64> where AtLeast(0.0),
        /// Seeds the draw of its pairs, its weights and its shuffles.
        seed: i64,
        /// Annotation cost when every label costs 1: N times d, and the target labels of the validation split if stage 2 was
        /// fitted on those.
        cost_equal: f64 where AtLeast(0.0),
        /// The same in rater seconds, if the seconds of every label it used are known.
        cost_seconds: Option<f64> where AtLeast(0.0),
        /// How long the training took, in seconds.
        seconds: f64 as measured where AtLeast(0.0),
        /// Where it was trained: `cpu` or `cuda:N`.
        device: String as measured where NotEmpty,
        /// Why there is no model (one class only, too few labels); null if there is one.
        reason: Option<String>,
    }
}

table! {
    /// The reward that one model gives one image; of the validation split none where stage 2 was fitted on it.
    "predictions" version 1 by Train key [run_id, image_id]
    pub struct Prediction {
        /// The reward model.
        run_id: String where References("reward_models", "run_id"),
        /// The image.
        image_id: String where References("images", "image_id"),
        /// The image's part of the data.
        split: Split,
        /// Probability that the image is good.
        reward: f64 where Between(0.0, 1.0),
    }
}

table! {
    /// What the concept predictor of one model says of one attribute of one image (stage 1).
    "concept_predictions" version 1 by Train key [run_id, image_id, attribute]
    pub struct ConceptPrediction {
        /// The reward model.
        run_id: String where References("reward_models", "run_id"),
        /// The image.
        image_id: String where References("images", "image_id"),
        /// The attribute.
        attribute: String where NotEmpty,
        /// Probability that the image shows it.
        p: f64 where Between(0.0, 1.0),
    }
}

table! {
    /// One weight of one model's linear aggregator (stage 2; App. B.11).
    "aggregator_weights" version 1 by Train key [run_id, attribute]
    pub struct AggregatorWeight {
        /// The reward model.
        run_id: String where References("reward_models", "run_id"),
        /// The attribute, or `intercept`.
        attribute: String where NotEmpty,
        /// The logistic regression's coefficient.
        weight: f64,
    }
}

table! {
    /// How well one model tells good images from bad ones when some of what its stage 1 says of them is replaced by true
    /// labels (Koh et al. 2020, §5), if `train` is set to try it.
    "interventions" version 1 by Train key [run_id, split, order, n_replaced]
    pub struct Intervention {
        /// The reward model.
        run_id: String where References("reward_models", "run_id"),
        /// The part of the data.
        split: Split,
        /// Which attributes were replaced first.
        order: InterventionOrder,
        /// Attributes of each image that were replaced; 0 is the model as it is. An image without so many true labels has
        /// all that it has replaced.
        n_replaced: i64 where AtLeast(0.0),
        /// ROC-AUC of the rewards that come out; null with a reason where it is not defined.
        roc_auc: Option<f64> where Between(0.0, 1.0),
        /// Images it was computed on.
        n_images: i64 where AtLeast(0.0),
        /// Labels that were put in, per image.
        labels_per_image: f64 where AtLeast(0.0),
        /// Rater seconds of these labels, per image, if the seconds of each are known.
        seconds_per_image: Option<f64> where AtLeast(0.0),
        /// Why there is no value.
        reason: Option<String>,
    }
}

table! {
    /// One metric of one reward model on one part of the data, with its interval.
    "metrics" version 2 by Evaluate key [run_id, split, metric]
    pub struct MetricValue {
        /// The reward model.
        run_id: String where References("reward_models", "run_id"),
        /// The part of the data.
        split: Split,
        /// `roc_auc`, `average_precision`, `brier`, `log_loss` or `calibration_error`.
        metric: String where NotEmpty,
        /// Its value; null with a reason where it is not defined.
        value: Option<f64>,
        /// Lower end of the 95 % bootstrap interval, clustered by prompt.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// Good images it was computed on.
        n_positive: i64 where AtLeast(0.0),
        /// Bad images it was computed on.
        n_negative: i64 where AtLeast(0.0),
        /// Why there is no value, or no interval.
        reason: Option<String>,
    }
}

table! {
    /// How far one attribute's score alone agrees with people; and one rater with the mean of the others, as the ceiling.
    "attribute_validity" version 3 by Evaluate key [attribute, source, model, aspect]
    pub struct AttributeValidity {
        /// The attribute whose score it is; `one rater` for the ceiling.
        attribute: String where NotEmpty,
        /// Who gave the score: `vlm`, `human` or `import`.
        source: ScoreSource,
        /// `all`: the score in `attribute_scores`; or one of several models that answered, scored by its answers alone.
        model: String where NotEmpty,
        /// The aspect that people rated.
        aspect: String where NotEmpty,
        /// Images (for the ceiling: ratings) that it was computed on.
        n: i64 where AtLeast(0.0),
        /// Spearman's rank correlation of the score with the mean rating, ties by mean ranks.
        spearman: Option<f64> where Between(-1.000001, 1.000001),
        /// ROC-AUC of the score for a mean rating of at least `rating_threshold`.
        roc_auc: Option<f64> where Between(0.0, 1.0),
        /// Lower end of the 95 % bootstrap interval of the AUC, clustered by prompt.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// A score of at least this is a "yes": the attribute's threshold in `labels`, or the median score where there is none.
        score_threshold: Option<f64>,
        /// A mean rating of at least this is a "yes": the threshold of that aspect in `labels`, or the median rating.
        rating_threshold: Option<f64>,
        /// Share of the images on which the two "yes" or "no" are equal.
        agreement: Option<f64> where Between(0.0, 1.0),
        /// Cohen's kappa of the two: agreement beyond what their shares alone would give.
        kappa: Option<f64> where Between(-1.000001, 1.000001),
        /// Why a value is missing.
        reason: Option<String>,
    }
}

table! {
    /// The share of images on which two attributes' labels agree (Fig. 5).
    "attribute_agreement" version 1 by Evaluate key [experiment, split, attribute_a, attribute_b]
    pub struct AttributeAgreement {
        /// The experiment whose labels they are.
        experiment: String where NotEmpty,
        /// The part of the data.
        split: Split,
        /// One attribute.
        attribute_a: String where NotEmpty,
        /// The other.
        attribute_b: String where NotEmpty,
        /// Share of the images where both labels are known on which they are equal; null if there is none.
        agreement: Option<f64> where Between(0.0, 1.0),
        /// Images where both labels are known.
        n: i64 where AtLeast(0.0),
    }
}

table! {
    /// Two images of one prompt to be shown side by side: one that each of two reward models likes best (App. B.9).
    /// Images and prompts of fresh generations (`evaluate.sxs.scores`) are not those of `images` and `prompts`.
    "sxs_pairs" version 3 by Evaluate key [pair_id]
    pub struct SxsPair {
        /// Names the pair: its two images in the order of their ids, which tells no rater which model likes which.
        pair_id: String where NotEmpty,
        /// The prompt of both images.
        prompt_id: String where NotEmpty,
        /// The coarse model.
        coarse_run_id: String where NotEmpty,
        /// The fine-grained model.
        fine_run_id: String where NotEmpty,
        /// The image that the coarse model likes best.
        coarse_image_id: String where NotEmpty,
        /// The image that the fine-grained model likes best.
        fine_image_id: String where NotEmpty,
        /// What the coarse model gives its own image more than the other's, in the unit of `evaluate.sxs.disagreement`.
        coarse_margin: f64 where AtLeast(0.0),
        /// What the fine-grained model gives its own image more than the other's, in the same unit.
        fine_margin: f64 where AtLeast(0.0),
        /// How much the models disagree on the two: both margins summed.
        disagreement: f64 where AtLeast(0.0),
    }
}

table! {
    /// One rater's choice for one pair (App. B.10): the last one, if the rater chose more than once.
    "sxs_votes" version 2 by Evaluate key [pair_id, rater_id, aspect]
    pub struct SxsVote {
        /// The pair.
        pair_id: String where References("sxs_pairs", "pair_id"),
        /// Who chose.
        rater_id: String where NotEmpty,
        /// `overall`, or the attribute asked about.
        aspect: String where NotEmpty,
        /// Whose image was chosen.
        choice: SxsChoice,
        /// Whose image stood on the left, `coarse` or `fine`; null if the votes do not say.
        left: Option<SxsChoice>,
        /// How long the choice took, in seconds.
        seconds: Option<f64> where AtLeast(0.0),
        /// When it was made, in UTC: `2026-11-26T21:04:46.123Z`.
        answered_at: Option<String> where NotEmpty,
    }
}

table! {
    /// The shares of the choices for one aspect (Table 1).
    "sxs_summary" version 2 by Evaluate key [aspect, choice]
    pub struct SxsSummary {
        /// `overall`, or the attribute asked about.
        aspect: String where NotEmpty,
        /// The choice.
        choice: SxsChoice,
        /// Votes for it.
        n_votes: i64 where AtLeast(0.0),
        /// Its share of the aspect's votes.
        share: f64 where Between(0.0, 1.0),
        /// Lower end of the share's 95 % bootstrap interval, clustered by pair.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// Why there is no interval.
        reason: Option<String>,
    }
}

table! {
    /// What the votes for one aspect say beyond their shares: which model's images people prefer, and whether they agree.
    "sxs_tests" version 1 by Evaluate key [aspect]
    pub struct SxsTest {
        /// `overall`, or the attribute asked about.
        aspect: String where NotEmpty,
        /// Pairs with a vote.
        n_pairs: i64 where AtLeast(0.0),
        /// Raters with a vote.
        n_raters: i64 where AtLeast(0.0),
        /// Votes.
        n_votes: i64 where AtLeast(0.0),
        /// Votes that are not `unsure`.
        n_decided: i64 where AtLeast(0.0),
        /// Of these, votes for the fine-grained model's image.
        n_fine: i64 where AtLeast(0.0),
        /// Their share of the decided votes.
        fine_share: Option<f64> where Between(0.0, 1.0),
        /// Lower end of that share's 95 % bootstrap interval, clustered by pair.
        ci_low: Option<f64>,
        /// Upper end of that interval.
        ci_high: Option<f64>,
        /// Two-sided exact binomial test of that share against one half. It takes votes for independent; those for one pair
        /// are not, which the interval heeds.
        p_value: Option<f64> where Between(0.0, 1.0),
        /// Krippendorff's alpha of all votes, nominal, `unsure` being a value of its own: 1 is full agreement, 0 is chance.
        alpha: Option<f64>,
        /// Of the decided votes whose side is known, the share for the image on the left; one half without a bias.
        left_share: Option<f64> where Between(0.0, 1.0),
        /// Mean seconds a vote, of those that say.
        mean_seconds: Option<f64> where AtLeast(0.0),
        /// Why values are missing.
        reason: Option<String>,
    }
}
