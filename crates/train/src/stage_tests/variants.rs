//! Every kind of model through the whole stage.

use tables::{Intervention, InterventionOrder, Rating};

use super::*;
use crate::label::number;
use crate::roc::roc_auc;
use crate::scoring::ScoringModel;
use crate::settings::{EarlyStopping, Mlp};

const ARMS: &str = r"
      coarse: { feedback: coarse }
      coarse soft: { feedback: coarse, labels: soft }
      coarse pairs: { feedback: coarse, loss: pairwise }
      probe: { feedback: coarse, hidden: [] }
      fine: { attributes: [distorted, bright] }
      validation: { attributes: [distorted, bright], stage2_on: validation }
      out of fold: { attributes: [distorted, bright], stage2_on: out_of_fold }
      independent: { attributes: [distorted, bright], bottleneck: independent }
      joint: { attributes: [distorted, bright], bottleneck: joint, lambda: 1.0 }
      soft: { attributes: [distorted, bright], labels: soft }
      balanced: { attributes: [distorted, bright], class_weights: balanced }
      pairs: { attributes: [distorted, bright], loss: pairwise }
      soft pairs: { attributes: [distorted, bright], loss: pairwise, labels: soft }
      checklist: { inputs: scores, attributes: [distorted, bright] }
      hard checklist: { inputs: scores, attributes: [distorted, bright], labels: hard }
";

/// The experiment `preferences` with these arms, all 24 pairs and one seed.
fn with_arms(arms: &str) -> Settings {
    let mut settings = few(&[], "all");
    // Not half and half, so that class weights differ from 1.
    settings.thresholds.of_attribute.insert("distorted".into(), crate::Policy::Quantile { q: 0.4 });
    settings.folds = Some(3);
    settings.comparisons_per_image = Some(3);
    settings.interventions = Some(crate::Interventions { seed: 0 });
    settings.experiments.get_mut("preferences").unwrap().arms = serde_yaml::from_str(arms).unwrap();
    settings
}

fn good(results: &Results, experiment: &str) -> BTreeMap<String, bool> {
    let of_target = |row: &Label| row.experiment == experiment && row.attribute == "target";
    let rows = results.rows::<Label>().into_iter().filter(of_target);
    rows.filter_map(|row| Some((row.image_id, row.label?))).collect()
}

fn run_id(arm: &str) -> String {
    format!("preferences/{arm}/n24/s0")
}

#[test]
fn every_kind_of_model_learns_says_what_it_is_and_scores_from_its_folder_as_in_the_tables() {
    let world = World::new();
    let settings = with_arms(ARMS);
    let results = world.run(&settings).unwrap();
    let good = good(&results, "preferences");
    let unseen: BTreeSet<&str> =
        world.images.iter().filter(|i| i.split != Split::Train).map(|i| i.image_id.as_str()).collect();
    for arm in settings.experiments["preferences"].arms.keys() {
        let model = results.model(&run_id(arm));
        assert_eq!((&model.reason, &model.degenerate, model.n_used), (&None, &vec![], 24), "{arm}");
        let rewards = results.rewards(&run_id(arm));
        let auc = auc(&rewards, &good, &unseen);
        assert!(auc >= 0.8, "{arm}: {auc}");
        if model.inputs == "scores" {
            continue;
        }
        // Where stage 2 was fitted on the validation split, its rewards there say nothing of how good it is.
        let n_rewards = if arm == "validation" { 36 } else { 48 };
        assert_eq!(rewards.len(), n_rewards, "{arm}");
        let card = results.card(&run_id(arm));
        assert_eq!(card["metrics"]["validation"]["roc_auc"].is_null(), arm == "validation", "{arm}");
        let is_pairwise = arm.contains("pairs");
        assert_eq!(model.n_comparisons, is_pairwise.then_some(36), "{arm}: six prompts of four");
        let folder = world.folder.path().join("models").join(run_id(arm));
        let scoring = ScoringModel::open(&folder).unwrap();
        for row in world.embeddings.as_ref().unwrap() {
            let vector = [&row.image_embedding.clone().unwrap()[..], row.text_embedding.as_ref().unwrap()].concat();
            let scores = scoring.score(&vector, 1).unwrap();
            let reward = rewards.get(&row.image_id);
            assert!(reward.is_none_or(|reward| (scores.rewards[0] - reward).abs() < 1e-6), "{arm}");
        }
    }
    let kind = |arm: &str| {
        let model = results.model(&run_id(arm));
        let words = [model.bottleneck, Some(model.labels), Some(model.loss), model.hidden, model.stage2_on];
        words.map(|word| word.unwrap_or("-".into())).join(" ")
    };
    assert_eq!(kind("coarse"), "- hard pointwise 8-8 -");
    assert_eq!(kind("probe"), "- hard pointwise linear -");
    assert_eq!(kind("coarse pairs"), "- hard pairwise 8-8 -");
    assert_eq!(kind("fine"), "sequential hard pointwise 8-8 in_sample");
    assert_eq!(kind("out of fold"), "sequential hard pointwise 8-8 out_of_fold");
    assert_eq!(kind("independent"), "independent hard pointwise 8-8 -");
    assert_eq!(kind("joint"), "joint hard pointwise 8-8 -");
    assert_eq!(kind("soft pairs"), "sequential soft pairwise 8-8 in_sample");
    assert_eq!(kind("checklist"), "- soft pointwise - -");
    assert_eq!(kind("hard checklist"), "- hard pointwise - -");
    // fine, validation, out of fold and independent share one network; out of fold has three more.
    assert_eq!(world.storage().list("store/train").unwrap().len(), 4 + 1 + 3 + 1 + 4);
    let cost = |arm: &str| {
        let model = results.model(&run_id(arm));
        (model.cost_equal, model.cost_seconds)
    };
    assert_eq!(cost("fine"), (48.0, Some(24.0 * 30.0)));
    assert_eq!(cost("validation"), (48.0 + 12.0, Some(24.0 * 30.0 + 12.0 * 5.0)), "twelve target labels more");
    let card = results.card(&run_id("joint"));
    assert_eq!((&card["variant"]["lambda"], &card["aggregator"]["c"]), (&1.0.into(), &serde_json::Value::Null));
    assert!(card["metrics"]["test"]["roc_auc"].as_f64().unwrap() > 0.7);
}

#[test]
fn what_stage_2_is_fitted_on_changes_its_weights_alone() {
    let world = World::new();
    let results = world.run(&with_arms(ARMS)).unwrap();
    let concepts = |arm: &str| -> Vec<f64> {
        let of_run = |row: &ConceptPrediction| row.run_id == run_id(arm);
        results.rows::<ConceptPrediction>().into_iter().filter(of_run).map(|row| row.p).collect()
    };
    let weights = |arm: &str| -> Vec<f64> {
        let of_run = |row: &AggregatorWeight| row.run_id == run_id(arm);
        results.rows::<AggregatorWeight>().into_iter().filter(of_run).map(|row| row.weight).collect()
    };
    for arm in ["validation", "out of fold", "independent"] {
        assert_eq!(concepts(arm), concepts("fine"), "{arm}");
        assert_ne!(weights(arm), weights("fine"), "{arm}");
    }
    // Independent: the plain logistic regression on the labels themselves.
    let labels: Vec<Label> = results.rows();
    let label = |image: &str, attribute: &str| {
        let found = labels.iter().find(|row| row.image_id == image && row.attribute == attribute);
        found.unwrap().label.unwrap()
    };
    let train: Vec<&str> = world.of_split(Split::Train).map(|at| world.images[at].image_id.as_str()).collect();
    let features: Vec<f64> =
        train.iter().flat_map(|id| [number(label(id, "distorted")), number(label(id, "bright"))]).collect();
    let target: Vec<bool> = train.iter().map(|id| label(id, "target")).collect();
    let fit = crate::aggregator::Aggregator::fit(&features, &target, 1.0).unwrap();
    assert_eq!(weights("independent"), [fit.weights[1], fit.weights[0], fit.intercept], "sorted by name");
}

#[test]
fn interventions_go_from_the_model_as_it_is_to_the_labels_themselves() {
    let world = World::new();
    let results = world.run(&with_arms("{ fine: { attributes: [distorted, bright] }, coarse: { feedback: coarse } }"));
    let results = results.unwrap();
    let rows: Vec<Intervention> = results.rows();
    assert!(rows.iter().all(|row| row.run_id == run_id("fine") && row.split == Split::Test && row.n_images == 12));
    assert_eq!(rows.len(), 2 * 3, "two orders; none, one or both replaced");
    let good = good(&results, "preferences");
    let test: Vec<&str> = world.of_split(Split::Test).map(|at| world.images[at].image_id.as_str()).collect();
    let is_good: Vec<bool> = test.iter().map(|id| good[*id]).collect();
    let rewards = results.rewards(&run_id("fine"));
    let as_it_is = roc_auc(&test.iter().map(|id| rewards[*id]).collect::<Vec<_>>(), &is_good);
    let labels: Vec<Label> = results.rows();
    let truth = |id: &str, attribute: &str| {
        let found = labels.iter().find(|row| row.image_id == id && row.attribute == attribute);
        number(found.unwrap().label.unwrap())
    };
    let weights: BTreeMap<String, f64> =
        results.rows::<AggregatorWeight>().into_iter().map(|row| (row.attribute, row.weight)).collect();
    let with_labels: Vec<f64> = test
        .iter()
        .map(|id| ["bright", "distorted"].iter().map(|name| weights[*name] * truth(id, name)).sum())
        .collect();
    for order in [InterventionOrder::Random, InterventionOrder::Uncertainty] {
        let of_order: Vec<&Intervention> = rows.iter().filter(|row| row.order == order).collect();
        assert_eq!(of_order[0].roc_auc, as_it_is);
        assert_eq!(of_order[2].roc_auc, roc_auc(&with_labels, &is_good));
        let paid: Vec<(f64, Option<f64>)> =
            of_order.iter().map(|row| (row.labels_per_image, row.seconds_per_image)).collect();
        assert_eq!((paid[0], paid[2]), ((0.0, Some(0.0)), (2.0, Some(30.0))));
        assert!(paid[1].0 == 1.0 && (10.0..=20.0).contains(&paid[1].1.unwrap()));
    }
}

#[test]
fn only_what_was_scored_is_put_in_for_what_stage_1_says_and_only_for_a_probability() {
    let world = World::new();
    let arms = "{ fine: { attributes: [bright, verb] }, pairs: { attributes: [bright, verb], loss: pairwise } }";
    let mut settings = with_arms(arms);
    settings.missing = crate::Missing::Negative;
    settings.thresholds.of_attribute.clear();
    let rows: Vec<Intervention> = world.run(&settings).unwrap().rows();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.run_id == run_id("fine")));
    // The verbs of one test prompt of three have no question, and so no label that anybody gave.
    let all_replaced = rows.iter().filter(|row| row.n_replaced == 2);
    assert!(
        all_replaced.clone().count() == 2 && all_replaced.into_iter().all(|row| row.labels_per_image == 20.0 / 12.0)
    );
}

#[test]
fn a_missing_rating_that_counts_as_a_yes_is_the_best_rating_for_a_model_that_reads_ratings() {
    let rewards = |stated: bool, missing: crate::Missing| {
        let mut world = World::new();
        for row in &mut world.scores {
            (row.source, row.score) = (ScoreSource::Human, row.score.map(|score| 1.0 + 4.0 * score));
        }
        let train: Vec<usize> = world.of_split(Split::Train).collect();
        let (lost, others) = train.split_first().unwrap();
        let ratings: Vec<f64> = others.iter().map(|&at| world.score_mut(at, "bright").score.unwrap()).collect();
        let end = match missing {
            crate::Missing::Positive => ratings.into_iter().fold(f64::MIN, f64::max),
            _ => ratings.into_iter().fold(f64::MAX, f64::min),
        };
        let row = world.score_mut(*lost, "bright");
        (row.score, row.n_questions) = (stated.then_some(end), 1);
        let mut settings = with_arms("{ checklist: { inputs: scores, attributes: [distorted, bright] } }");
        settings.experiments.get_mut("preferences").unwrap().source = ScoreSource::Human;
        settings.missing = missing;
        world.run(&settings).unwrap().rewards(&run_id("checklist"))
    };
    for missing in [crate::Missing::Positive, crate::Missing::Negative] {
        assert_eq!(rewards(false, missing), rewards(true, missing), "{missing:?}");
    }
}

#[test]
fn early_stopping_looks_at_the_comparisons_that_there_are() {
    let mut world = World::new();
    let validation: Vec<usize> = world.of_split(Split::Validation).collect();
    for at in validation {
        world.score_mut(at, "bright").score = Some(0.5);
    }
    let mut settings = with_arms("{ pairs: { attributes: [distorted, bright], loss: pairwise } }");
    settings.mlp = Mlp { epochs: 1000, early_stopping: Some(EarlyStopping { patience: 2 }), ..settings.mlp };
    let epochs_run = world.run(&settings).unwrap().model(&run_id("pairs")).epochs_run.unwrap();
    assert!(epochs_run < 1000, "{epochs_run}");
}

#[test]
fn embeddings_near_the_largest_number_give_a_model_or_a_reason_and_never_break_the_stage() {
    for (size, has_model) in [(1e18, true), (3e38, false)] {
        let mut world = World::new();
        for row in world.embeddings.iter_mut().flatten() {
            row.image_embedding.iter_mut().flatten().for_each(|x| *x = x.signum() * size);
        }
        let results =
            world.run(&with_arms("{ a: { feedback: coarse }, b: { attributes: [bright, distorted] } }")).unwrap();
        for arm in ["a", "b"] {
            let reason = results.model(&run_id(arm)).reason;
            let expect = (!has_model).then(|| "stage 1 did not stay finite".to_owned());
            assert_eq!(reason.map(|reason| reason[..27].to_owned()), expect, "{arm} {size}");
        }
    }
}

#[test]
fn missing_labels_do_what_the_settings_say() {
    let mut world = World::new();
    let train: Vec<usize> = world.of_split(Split::Train).collect();
    for &at in &train[..5] {
        let row = world.score_mut(at, "bright");
        (row.score, row.n_questions, row.n_answered) = (None, 1, 0);
    }
    let first = world.images[train[0]].image_id.clone();
    let run = |missing: crate::Missing| {
        let mut settings = with_arms("{ fine: { attributes: [distorted, bright] } }");
        settings.missing = missing;
        let results = world.run(&settings).unwrap();
        let row = results.rows::<Label>().into_iter().find(|row| row.image_id == first && row.attribute == "bright");
        let row = row.unwrap();
        assert_eq!(row.score, None);
        (results.model(&run_id("fine")).n_used, row.label)
    };
    assert_eq!(run(crate::Missing::DropHead), (24, None));
    assert_eq!(run(crate::Missing::DropRow), (19, None));
    assert_eq!(run(crate::Missing::Negative), (24, Some(false)));
    assert_eq!(run(crate::Missing::Positive), (24, Some(true)));
}

#[test]
fn degenerate_labels_are_named_and_what_cannot_be_fitted_has_a_reason() {
    let mut world = World::new();
    world.scores.iter_mut().filter(|row| row.attribute == "bright").for_each(|row| row.score = Some(0.5));
    let results = world.run(&with_arms(ARMS)).unwrap();
    let fine = results.model(&run_id("fine"));
    assert_eq!((fine.reason, fine.degenerate), (None, vec!["bright".to_owned()]));
    let pairs = results.model(&run_id("pairs")).reason.unwrap();
    assert_eq!(pairs, "`bright` differs in none of the 36 pairs of images of one prompt");

    // The validation split has one class only.
    let validation: Vec<usize> = world.of_split(Split::Validation).collect();
    for &at in &validation {
        world.preferences[at].mean_rating = 9.0;
    }
    let results = world.run(&with_arms("{ a: { attributes: [distorted], stage2_on: validation } }")).unwrap();
    let reason = results.model(&run_id("a")).reason.unwrap();
    assert!(reason.starts_with("the validation split has 12 good and 0 bad"), "{reason}");

    for image in &mut world.images {
        if image.split == Split::Train {
            image.prompt_id = "p00".into();
        }
    }
    let results = world.run(&with_arms("{ a: { attributes: [distorted], stage2_on: out_of_fold } }")).unwrap();
    let reason = results.model(&run_id("a")).reason.unwrap();
    assert!(reason.starts_with("all training pairs are of one prompt"), "{reason}");
}

#[test]
fn a_target_in_a_context_is_the_mean_of_the_ratings_given_in_it() {
    let mut world = World::new();
    let rating = |image: &Image, rater: usize, context: Option<&str>, rating: f64| Rating {
        image_id: image.image_id.clone(),
        rater_id: format!("r{rater}"),
        aspect: OVERALL.into(),
        context: context.map(str::to_owned),
        rating,
        seconds: None,
    };
    let ratings = world.images.iter().enumerate().flat_map(|(at, image)| {
        let in_ads = at as f64;
        [
            rating(image, 0, Some("ads"), in_ads - 1.0),
            rating(image, 1, Some("ads"), in_ads + 1.0),
            rating(image, 0, Some("news"), -in_ads),
            rating(image, 0, None, 77.0),
        ]
    });
    world.ratings = ratings.collect();
    let mut settings = few(&["coarse"], "all");
    let set = |settings: &mut Settings, context: &str| {
        let yaml = format!("{{ aspect: overall, context: {context}, threshold: {{ policy: fixed, value: 10 }} }}");
        settings.experiments.get_mut("preferences").unwrap().target = serde_yaml::from_str(&yaml).unwrap();
    };
    set(&mut settings, "ads");
    assert!(Train::new(settings.clone()).unwrap().reads().contains(&"ratings"));
    let results = world.run(&settings).unwrap();
    let rows: Vec<Label> = results.rows();
    let scores: Vec<f64> = rows.iter().map(|row| row.score.unwrap()).collect();
    assert_eq!(scores, (0..48).map(f64::from).collect::<Vec<_>>());
    assert!(rows.iter().all(|row| row.label == Some(row.score.unwrap() >= 10.0)));
    set(&mut settings, "posters");
    let error = world.run(&settings).err().unwrap().source.to_string();
    assert!(error.contains("`posters`") && error.contains("ads, news"), "{error}");
}

#[test]
fn variants_that_have_no_meaning_are_errors() {
    let error = |arm: &str| {
        let arms = format!("{{ a: {arm} }}");
        let parsed: Result<BTreeMap<String, crate::Arm>, _> = serde_yaml::from_str(&arms);
        match parsed {
            Err(error) => error.to_string(),
            Ok(arms) => {
                let mut settings = with_arms("{ a: { feedback: coarse } }");
                (settings.folds, settings.comparisons_per_image) = (None, None);
                settings.experiments.get_mut("preferences").unwrap().arms = arms;
                Train::new(settings).err().map(|error| error.to_string()).unwrap_or_default()
            }
        }
    };
    let cases = [
        ("{ attributes: [bright], bottleneck: joint }", "needs `lambda`"),
        ("{ attributes: [bright], lambda: 1 }", "belongs to `bottleneck: joint`"),
        ("{ attributes: [bright], bottleneck: joint, lambda: -1 }", "arms.a.lambda"),
        ("{ attributes: [bright], bottleneck: joined }", "unknown variant `joined`"),
        ("{ attributes: [bright], labels: medium }", "unknown variant `medium`, expected `hard` or `soft`"),
        ("{ attributes: [bright], bottleneck: independent, loss: pairwise }", "goes with `bottleneck: sequential`"),
        ("{ attributes: [bright], bottleneck: independent, stage2_on: validation }", "arms.a.stage2_on"),
        ("{ feedback: coarse, bottleneck: independent }", "no meaning with coarse"),
        ("{ inputs: scores, attributes: [bright], loss: pairwise }", "which has no stage 1"),
        ("{ feedback: coarse, hidden: [0] }", "arms.a.hidden"),
        ("{ attributes: [bright], stage2_on: out_of_fold }", "`train.folds`: must be 2 or more"),
        ("{ feedback: coarse, loss: pairwise }", "`train.comparisons_per_image`: must be 1 or more"),
    ];
    for (arm, expect) in cases {
        assert!(error(arm).contains(expect), "{arm}: {:?} lacks {expect:?}", error(arm));
    }
}
