//! Single rows for tests, with everything that a test does not care about filled in.

use tables::{
    Answer, AnswerKind, AnswerReadout, AnswerStatus, AttributeScore, Bucket, Image, Label, Prediction, Preference,
    Question, QuestionSource, Rating, RewardModel, ScoreSource, Split, SxsChoice, SxsPair, SxsVote,
};

use crate::metrics::TARGET;
use crate::settings::{Advice, Bootstrap, Disagreement, Report, Settings, SideBySide};

pub fn settings() -> Settings {
    Settings {
        bootstrap: Bootstrap { replicates: 200, seed: 0 },
        report: Report { title: "A made-up world (everything is simulated)".to_owned(), contact_sheets: None },
        sxs: None,
        calibration_bins: 10,
        advice: Advice { min_sizes: 4, furthest: 4.0 },
        seconds_per_label: std::collections::BTreeMap::new(),
    }
}

/// An image whose prompt is its id up to the dash.
pub fn image(image_id: &str, split: Split) -> Image {
    Image {
        image_id: image_id.to_owned(),
        prompt_id: image_id.split('-').next().unwrap_or_default().to_owned(),
        generator: None,
        path: None,
        sha256: None,
        width: None,
        height: None,
        bytes: None,
        split,
    }
}

pub fn target(experiment: &str, image_id: &str, label: Option<bool>) -> Label {
    labelled(experiment, image_id, TARGET, label)
}

pub fn labelled(experiment: &str, image_id: &str, attribute: &str, label: Option<bool>) -> Label {
    Label {
        experiment: experiment.to_owned(),
        image_id: image_id.to_owned(),
        attribute: attribute.to_owned(),
        score: None,
        threshold: None,
        label,
    }
}

/// A model of one arm; coarse without attributes.
pub fn model(experiment: &str, arm: &str, attributes: &[&str], n_train: i64, seed: i64) -> RewardModel {
    RewardModel {
        run_id: format!("{experiment}/{arm}/n{n_train}/s{seed}"),
        experiment: experiment.to_owned(),
        arm: arm.to_owned(),
        attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
        inputs: "image".to_owned(),
        bottleneck: None,
        labels: "hard".to_owned(),
        loss: "pointwise".to_owned(),
        hidden: None,
        stage2_on: None,
        class_weights: "none".to_owned(),
        n_used: n_train,
        n_comparisons: None,
        degenerate: Vec::new(),
        epochs_run: None,
        n_train,
        seed,
        cost_equal: (n_train * attributes.len().max(1) as i64) as f64,
        cost_seconds: None,
        seconds: 0.5,
        device: "cpu".to_owned(),
        reason: None,
    }
}

pub fn prediction(model: &RewardModel, image: &Image, reward: f64) -> Prediction {
    Prediction { run_id: model.run_id.clone(), image_id: image.image_id.clone(), split: image.split, reward }
}

pub fn score(image_id: &str, attribute: &str, source: ScoreSource, score: Option<f64>) -> AttributeScore {
    AttributeScore {
        image_id: image_id.to_owned(),
        attribute: attribute.to_owned(),
        source,
        score,
        n_questions: 1,
        n_answered: i64::from(score.is_some()),
    }
}

pub fn rating(image_id: &str, rater_id: &str, aspect: &str, rating: f64) -> Rating {
    Rating {
        image_id: image_id.to_owned(),
        rater_id: rater_id.to_owned(),
        aspect: aspect.to_owned(),
        context: None,
        rating,
        seconds: None,
    }
}

pub fn preference(image_id: &str, aspect: &str, mean_rating: f64) -> Preference {
    Preference {
        image_id: image_id.to_owned(),
        aspect: aspect.to_owned(),
        mean_rating,
        n_ratings: 2,
        std_rating: None,
        mean_seconds: None,
    }
}

pub fn sxs(experiment: &str, coarse: &str, fine: &str) -> SideBySide {
    SideBySide {
        experiment: experiment.to_owned(),
        coarse: coarse.to_owned(),
        fine: fine.to_owned(),
        pairs: 194,
        disagreement: Disagreement::Ranks,
        scores: None,
    }
}

pub fn sxs_pair(coarse_image_id: &str, fine_image_id: &str) -> SxsPair {
    SxsPair {
        pair_id: format!("{}~{}", coarse_image_id.min(fine_image_id), coarse_image_id.max(fine_image_id)),
        prompt_id: "p1".to_owned(),
        coarse_run_id: "e/coarse/n40/s0".to_owned(),
        fine_run_id: "e/all/n40/s0".to_owned(),
        coarse_image_id: coarse_image_id.to_owned(),
        fine_image_id: fine_image_id.to_owned(),
        coarse_margin: 0.5,
        fine_margin: 0.25,
        disagreement: 0.75,
    }
}

pub fn sxs_vote(pair_id: &str, rater_id: &str, aspect: &str, choice: SxsChoice) -> SxsVote {
    SxsVote {
        pair_id: pair_id.to_owned(),
        rater_id: rater_id.to_owned(),
        aspect: aspect.to_owned(),
        choice,
        left: None,
        seconds: None,
        answered_at: None,
    }
}

/// A question of a prompt and what it depends on.
pub fn question(prompt_id: &str, question_id: &str, bucket: Bucket, depends_on: &[&str]) -> Question {
    Question {
        prompt_id: prompt_id.to_owned(),
        question_id: question_id.to_owned(),
        question: "is it there?".to_owned(),
        answer: "yes".to_owned(),
        query: "is it there?".to_owned(),
        bucket,
        span_start: None,
        span_end: None,
        source: QuestionSource::Template,
        depends_on: depends_on.iter().map(|on| (*on).to_owned()).collect(),
    }
}

/// Model `m`'s answer to an alignment question; refused if it has none.
pub fn answer(image_id: &str, question_id: &str, p_yes: Option<f64>) -> Answer {
    Answer {
        image_id: image_id.to_owned(),
        question_id: question_id.to_owned(),
        kind: AnswerKind::Alignment,
        status: if p_yes.is_some() { AnswerStatus::Ok } else { AnswerStatus::Refused },
        p_yes,
        logit_yes: None,
        logit_no: None,
        label_mass: None,
        readout: AnswerReadout::TopLogprobs,
        model: "m".to_owned(),
        attempts: 1,
        seconds: None,
    }
}
