//! The whole stage on a small data set: tables in, tables out.

use std::collections::{BTreeMap, BTreeSet};

use rand::Rng;
use safetensors::SafeTensors;
use tables::{
    AggregatorWeight, AttributeScore, ConceptPrediction, Counts, Image, ImageEmbedding, ImageFiles, Label, OVERALL,
    Prediction, Preference, ProgressStyle, Rating, RewardModel, ScoreSource, Split, Stage, StageError, StageName,
    StageRun, Staging, Storage, Table, Tables, recover,
};
use tch::Device;

use crate::aggregator::sigmoid;
use crate::concept_predictor::predict;
use crate::network::Network;
use crate::random::stream;
use crate::settings::Settings;
use crate::stage::Train;

mod controlled;
mod variants;

const N_PROMPTS: usize = 12;
const IMAGE_DIM: usize = 6;

/// Twelve prompts with four images each. An image is good if it is bright and not distorted; its embedding shows it.
struct World {
    folder: tempfile::TempDir,
    images: Vec<Image>,
    preferences: Vec<Preference>,
    scores: Vec<AttributeScore>,
    ratings: Vec<Rating>,
    embeddings: Option<Vec<ImageEmbedding>>,
}

impl World {
    fn new() -> Self {
        let mut random = stream(0, "stage tests");
        let (mut images, mut preferences, mut scores, mut embeddings) = (vec![], vec![], vec![], vec![]);
        let mut ratings = vec![];
        for at in 0..4 * N_PROMPTS {
            let image_id = format!("i{at:02}");
            let prompt = at / 4;
            let split = [Split::Train, Split::Train, Split::Validation, Split::Test][prompt % 4];
            images.push(Image {
                image_id: image_id.clone(),
                prompt_id: format!("p{prompt:02}"),
                generator: None,
                path: None,
                sha256: None,
                width: None,
                height: None,
                bytes: None,
                split,
            });
            let (bright, distorted): (f64, f64) = (random.random(), random.random());
            let goodness = 2.5 + bright - distorted + 0.2 * (random.random::<f64>() - 0.5);
            preferences.push(Preference {
                image_id: image_id.clone(),
                aspect: OVERALL.into(),
                mean_rating: goodness,
                n_ratings: 3,
                std_rating: None,
                mean_seconds: None,
            });
            ratings.push(Rating {
                image_id: image_id.clone(),
                rater_id: "r".into(),
                aspect: OVERALL.into(),
                context: None,
                rating: goodness,
                seconds: Some(if at % 2 == 0 { 4.0 } else { 6.0 }),
            });
            let verb = if prompt % 3 == 0 { None } else { Some(random.random::<f64>()) };
            for (attribute, score) in [("bright", Some(bright)), ("distorted", Some(distorted)), ("verb", verb)] {
                scores.push(AttributeScore {
                    image_id: image_id.clone(),
                    attribute: attribute.into(),
                    source: ScoreSource::Vlm,
                    score,
                    n_questions: i64::from(score.is_some()),
                    n_answered: i64::from(score.is_some()),
                });
            }
            let mut vector: Vec<f32> = (0..IMAGE_DIM).map(|_| random.random::<f32>() - 0.5).collect();
            vector[0] = bright as f32 * 4.0 - 2.0;
            vector[1] = distorted as f32 * 4.0 - 2.0;
            embeddings.push(ImageEmbedding {
                image_id,
                image_embedding: Some(vector),
                text_embedding: Some(vec![prompt as f32 / 12.0, 1.0]),
            });
        }
        let folder = tempfile::tempdir().unwrap();
        Self { folder, images, preferences, scores, ratings, embeddings: Some(embeddings) }
    }

    fn storage(&self) -> Storage {
        Storage::open(&self.folder.path().into()).unwrap()
    }

    fn write_inputs(&self) {
        let mut staging = Staging::new(self.storage(), StageName::Embed);
        staging.write(&self.images, &[]).unwrap();
        staging.write(&self.preferences, &[]).unwrap();
        staging.write(&self.scores, &[]).unwrap();
        staging.write(&self.ratings, &[]).unwrap();
        if let Some(embeddings) = &self.embeddings {
            staging.write(embeddings, &[("image_encoder".into(), "tiny".into())]).unwrap();
        }
        staging.commit("runs/embed.json", "{}").unwrap();
    }

    /// Runs the stage without committing what it wrote.
    fn run_uncommitted(&self, settings: &Settings) -> Result<(StageRun, Counts), StageError> {
        self.write_inputs();
        let images = ImageFiles::open(&self.folder.path().into()).unwrap();
        let mut run = StageRun::new(self.storage(), StageName::Train, images, ProgressStyle::Silent);
        let counts = Train::new(settings.clone())?.run(&mut run)?;
        Ok((run, counts))
    }

    fn run(&self, settings: &Settings) -> Result<Results, StageError> {
        let (run, counts) = self.run_uncommitted(settings)?;
        run.into_staging().commit("runs/train.json", "{}").unwrap();
        Ok(Results { tables: Tables::new(self.storage()), counts })
    }

    fn score_mut(&mut self, image: usize, attribute: &str) -> &mut AttributeScore {
        let image_id = &self.images[image].image_id;
        self.scores.iter_mut().find(|s| s.image_id == *image_id && s.attribute == attribute).unwrap()
    }

    fn of_split(&self, split: Split) -> impl Iterator<Item = usize> {
        self.images.iter().enumerate().filter(move |(_, image)| image.split == split).map(|(at, _)| at)
    }
}

struct Results {
    tables: Tables,
    counts: Counts,
}

impl Results {
    fn rows<T: Table>(&self) -> Vec<T> {
        self.tables.read().unwrap()
    }

    fn model(&self, run_id: &str) -> RewardModel {
        self.rows::<RewardModel>().into_iter().find(|model| model.run_id == run_id).unwrap()
    }

    fn rewards(&self, run_id: &str) -> BTreeMap<String, f64> {
        let of_run = |row: &Prediction| row.run_id == run_id;
        self.rows::<Prediction>().into_iter().filter(of_run).map(|row| (row.image_id, row.reward)).collect()
    }

    fn file(&self, key: &str) -> Vec<u8> {
        self.tables.storage().get_bytes(key).unwrap().unwrap().to_vec()
    }

    fn card(&self, run_id: &str) -> serde_json::Value {
        serde_json::from_slice(&self.file(&format!("models/{run_id}/card.json"))).unwrap()
    }

    /// The digests of all tables that it wrote.
    fn digests(&self) -> Vec<String> {
        fn digest<T: Table>(tables: &Tables) -> String {
            tables.reader::<T>().unwrap().digest().unwrap().0
        }
        vec![
            digest::<Label>(&self.tables),
            digest::<RewardModel>(&self.tables),
            digest::<Prediction>(&self.tables),
            digest::<ConceptPrediction>(&self.tables),
            digest::<AggregatorWeight>(&self.tables),
        ]
    }
}

const SETTINGS: &str = r"
device: cpu
mlp: { hidden: [8, 8], epochs: 40, batch_size: 8, learning_rate: 1.0e-2, init: kaiming_uniform }
seeds: [0, 1]
n_train: [8, 16, 400]
aggregator_c: 1.0
thresholds:
  default: { policy: median }
  verb: { policy: fixed, value: 0.5 }
no_question: aligned
seconds_per_label: { target: 50, bright: 10, distorted: 20 }
experiments:
  preferences:
    target: { aspect: overall, threshold: { policy: balance } }
    inputs: image+text
    source: vlm
    arms:
      coarse: { feedback: coarse }
      fine: { attributes: [distorted, bright] }
      alignment: { attributes: [verb] }
      checklist: { inputs: scores, attributes: [distorted, bright, verb] }
  controlled:
    target: { tree: { if: bright, yes: { if: distorted, yes: bad, no: good }, no: bad } }
    inputs: image
    source: vlm
    arms:
      coarse: { feedback: coarse }
      not in tree: { attributes: [verb] }
";

fn settings() -> Settings {
    parse(SETTINGS).unwrap()
}

fn parse(yaml: &str) -> Result<Settings, String> {
    serde_yaml::from_str(yaml).map_err(|error| error.to_string())
}

/// Only these arms of `preferences`, one size, one seed.
fn few(arms: &[&str], n_train: &str) -> Settings {
    let mut settings = settings();
    settings.experiments.remove("controlled");
    settings.experiments.get_mut("preferences").unwrap().arms.retain(|arm, _| arms.contains(&arm.as_str()));
    let used_verb = settings.experiments["preferences"].attributes().contains("verb");
    settings.thresholds.of_attribute.retain(|_, _| used_verb);
    settings.n_train = serde_yaml::from_str(n_train).unwrap();
    settings.seeds = vec![0];
    settings
}

fn auc(rewards: &BTreeMap<String, f64>, good: &BTreeMap<String, bool>, ids: &BTreeSet<&str>) -> f64 {
    let of = |class: bool| rewards.iter().filter(move |(id, _)| ids.contains(id.as_str()) && good[*id] == class);
    let pairs: Vec<f64> = of(true)
        .flat_map(|(_, good)| {
            of(false).map(move |(_, bad)| if good > bad { 1.0 } else { f64::from(good == bad) / 2.0 })
        })
        .collect();
    pairs.iter().sum::<f64>() / pairs.len() as f64
}

#[test]
fn the_default_pipeline_file_parses_and_serialises_to_what_it_was() {
    let yaml: serde_yaml::Value = serde_yaml::from_str(include_str!("../../../pipeline.yaml")).unwrap();
    let settings: Settings = serde_yaml::from_value(yaml["train"].clone()).unwrap();
    let stage = Train::new(settings.clone()).unwrap();
    assert_eq!(serde_json::from_value::<Settings>(stage.settings()).unwrap(), settings);
    assert_eq!(settings.experiments["preferences"].arms.len(), 5);
    assert_eq!(stage.reads(), ["images", "preferences", "ratings", "attribute_scores", "embeddings"]);
    let expect =
        ["labels", "reward_models", "predictions", "concept_predictions", "aggregator_weights", "interventions"];
    assert_eq!(stage.writes(), expect);
}

#[test]
fn every_run_of_the_plan_has_its_row_its_predictions_and_its_costs() {
    let world = World::new();
    let results = world.run(&settings()).unwrap();
    let models: Vec<RewardModel> = results.rows();
    // 24 training pairs: 400 means all of them.
    let expect: BTreeSet<String> = [("controlled", "coarse"), ("controlled", "not in tree")]
        .into_iter()
        .chain(["alignment", "checklist", "coarse", "fine"].map(|arm| ("preferences", arm)))
        .flat_map(|(experiment, arm)| [8, 16, 24].map(|n| (experiment, arm, n)))
        .flat_map(|(experiment, arm, n)| [0, 1].map(|seed| format!("{experiment}/{arm}/n{n}/s{seed}")))
        .collect();
    let found: Vec<String> = models.iter().map(|model| model.run_id.clone()).collect();
    assert_eq!(found, expect.into_iter().collect::<Vec<_>>(), "and sorted");
    assert_eq!(results.counts["models"] + results.counts["models_without"], 36);
    assert!(models.iter().all(|model| model.reason.is_none() && model.device == "cpu"), "{models:?}");

    let fine = results.model("preferences/fine/n16/s1");
    assert_eq!((fine.attributes, fine.n_train, fine.seed), (vec!["distorted".into(), "bright".into()], 16, 1));
    assert_eq!((fine.cost_equal, fine.cost_seconds), (32.0, Some(16.0 * 30.0)), "from the pipeline file");
    assert_eq!(results.model("preferences/coarse/n8/s0").cost_seconds, Some(8.0 * 5.0), "measured: 4 s and 6 s");
    let alignment = results.model("preferences/alignment/n8/s0");
    assert_eq!((alignment.cost_equal, alignment.cost_seconds), (8.0, None), "nobody knows what a verb costs");

    let predictions: Vec<Prediction> = results.rows();
    assert_eq!(predictions.len(), 36 * 48, "every image of every split");
    assert!(predictions.is_sorted_by_key(|row| (&row.run_id, &row.image_id)));
    let concepts: Vec<ConceptPrediction> = results.rows();
    // fine has two heads, alignment and "not in tree" one each; three sizes and two seeds.
    assert_eq!(concepts.len(), (2 + 1 + 1) * 6 * 48);
    assert!(concepts.is_sorted_by_key(|row| (&row.run_id, &row.image_id, &row.attribute)));
    let weights: Vec<AggregatorWeight> = results.rows();
    assert!(weights.is_sorted_by_key(|row| (&row.run_id, &row.attribute)));
    let of_checklist = weights.iter().filter(|row| row.run_id == "preferences/checklist/n24/s0");
    let names: Vec<&str> = of_checklist.map(|row| row.attribute.as_str()).collect();
    assert_eq!(names, ["bright", "distorted", "intercept", "verb"]);
    let labels: Vec<Label> = results.rows();
    assert_eq!(labels.len(), 48 * (4 + 4), "target and three attributes; target, the tree's two and verb");
    assert!(labels.is_sorted_by_key(|row| (&row.experiment, &row.image_id, &row.attribute)));
}

#[test]
fn models_learn_what_the_embeddings_show() {
    let world = World::new();
    let results = world.run(&settings()).unwrap();
    let good: BTreeMap<String, bool> = results
        .rows::<Label>()
        .into_iter()
        .filter(|row| row.experiment == "preferences" && row.attribute == "target")
        .map(|row| (row.image_id, row.label.unwrap()))
        .collect();
    let unseen: BTreeSet<&str> =
        world.images.iter().filter(|i| i.split != Split::Train).map(|i| i.image_id.as_str()).collect();
    for (arm, at_least) in [("coarse", 0.85), ("fine", 0.85), ("checklist", 0.9)] {
        let auc = auc(&results.rewards(&format!("preferences/{arm}/n24/s0")), &good, &unseen);
        assert!(auc >= at_least, "{arm}: {auc}");
    }
    let weights: BTreeMap<String, f64> = results
        .rows::<AggregatorWeight>()
        .into_iter()
        .filter(|row| row.run_id == "preferences/fine/n24/s0")
        .map(|row| (row.attribute, row.weight))
        .collect();
    assert!(weights["bright"] > 0.3 && weights["distorted"] < -0.3, "{weights:?}");
}

#[test]
fn predictions_can_be_recomputed_from_a_model_s_folder() {
    let world = World::new();
    let results = world.run(&settings()).unwrap();
    for run_id in ["preferences/coarse/n16/s0", "preferences/fine/n16/s0", "preferences/checklist/n16/s0"] {
        let bytes = results.file(&format!("models/{run_id}/model.safetensors"));
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let card = results.card(run_id);
        assert_eq!((card["run_id"].as_str(), card["training_data"]["n"].as_u64()), (Some(run_id), Some(16)));
        let rewards = results.rewards(run_id);
        for (at, embedding) in world.embeddings.as_ref().unwrap().iter().enumerate() {
            let image = embedding.image_embedding.as_ref().unwrap();
            let text = embedding.text_embedding.as_ref().unwrap();
            let features = if run_id.contains("checklist") {
                let score = |attribute: &str| {
                    let row =
                        world.scores.iter().find(|s| s.image_id == embedding.image_id && s.attribute == attribute);
                    row.unwrap().score.unwrap_or(1.0)
                };
                card["attributes"].as_array().unwrap().iter().map(|name| score(name.as_str().unwrap())).collect()
            } else {
                let network = Network::from_tensors(&file).unwrap();
                assert_eq!(card["input_dim"].as_u64(), Some(network.n_in() as u64));
                assert_eq!(card["embeddings"]["image_encoder"], "tiny");
                predict(&network, &[&image[..], text].concat(), 1, Device::Cpu).unwrap()
            };
            let reward = if run_id.contains("coarse") {
                features[0]
            } else {
                let doubles = |name: &str| -> Vec<f64> {
                    let tensor = file.tensor(name).unwrap();
                    tensor.data().as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
                };
                let weights = doubles("aggregator.weight");
                let logit = features.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>();
                sigmoid(doubles("aggregator.intercept")[0] + logit)
            };
            assert!((reward - rewards[&world.images[at].image_id]).abs() < 1e-6, "{run_id}");
        }
    }
}

#[test]
fn a_second_run_and_one_after_a_kill_give_equal_tables_and_models() {
    let settings = Settings { seeds: vec![0, 1], ..few(&["fine", "coarse", "checklist"], "[8, 400]") };
    let undisturbed = World::new();
    let expect = undisturbed.run(&settings).unwrap();
    let model = |results: &Results| results.file("models/preferences/fine/n24/s1/model.safetensors");

    let again = World::new();
    let results = again.run(&settings).unwrap();
    assert_eq!((results.digests(), model(&results)), (expect.digests(), model(&expect)), "on another root");

    // Killed after some networks were kept: nothing is visible, and the next run takes them up.
    let killed = World::new();
    drop(killed.run_uncommitted(&few(&["fine", "checklist"], "[8, 400]")).unwrap());
    recover(&killed.storage()).unwrap();
    assert!(Tables::new(killed.storage()).open::<Label>().unwrap().is_none());
    let kept = killed.storage().list("store/train").unwrap();
    assert_eq!(kept.len(), 2);
    let torn = killed.storage();
    torn.put(&kept[0], "cut short").unwrap();
    let before = torn.get_bytes(&kept[1]).unwrap();
    let results = killed.run(&settings).unwrap();
    assert_eq!((results.digests(), model(&results)), (expect.digests(), model(&expect)));
    assert_eq!(torn.get_bytes(&kept[1]).unwrap(), before, "not trained again");

    // What no run asks for any more goes.
    killed.run(&few(&["coarse"], "[8]")).unwrap();
    assert_eq!(killed.storage().list("store/train").unwrap().len(), 1);
}

#[test]
fn thresholds_come_from_the_training_split_alone() {
    let mut world = World::new();
    let thresholds = |world: &World| -> BTreeSet<String> {
        let results = world.run(&few(&["fine"], "[8]")).unwrap();
        let rows: Vec<Label> = results.rows();
        rows.into_iter().map(|row| format!("{} {}", row.attribute, row.threshold.unwrap())).collect()
    };
    let before = thresholds(&world);
    let elsewhere: Vec<usize> = world.of_split(Split::Test).chain(world.of_split(Split::Validation)).collect();
    for at in elsewhere {
        world.score_mut(at, "bright").score = Some(1.0);
        world.preferences[at].mean_rating = 4.0;
    }
    assert_eq!(thresholds(&world), before);
    let training = world.of_split(Split::Train).next().unwrap();
    world.score_mut(training, "bright").score = Some(1.0);
    world.preferences[training].mean_rating = 4.0;
    assert_ne!(thresholds(&world), before);
}

#[test]
fn missing_is_never_no() {
    let mut world = World::new();
    let train: Vec<usize> = world.of_split(Split::Train).collect();
    let (unanswered, not_asked, no_row, unrated) = (train[5], train[0], train[6], train[7]);
    let row = world.score_mut(unanswered, "verb");
    (row.score, row.n_questions, row.n_answered) = (None, 2, 0);
    assert_eq!(world.score_mut(not_asked, "verb").n_questions, 0);
    let gone = world.images[no_row].image_id.clone();
    world.scores.retain(|row| row.image_id != gone || row.attribute != "bright");
    let no_rating = world.images[unrated].image_id.clone();
    world.preferences.retain(|row| row.image_id != no_rating);
    let label_of = |results: &Results, image: usize, attribute: &str| {
        let id = &world.images[image].image_id;
        let found = results
            .rows::<Label>()
            .into_iter()
            .find(|row| row.experiment == "preferences" && row.image_id == *id && row.attribute == attribute);
        let row = found.unwrap();
        (row.score, row.threshold.is_some(), row.label)
    };

    let results = world.run(&settings()).unwrap();
    assert_eq!(label_of(&results, unanswered, "verb"), (None, true, None));
    assert_eq!(label_of(&results, not_asked, "verb"), (None, true, Some(true)), "counts as aligned");
    assert_eq!(label_of(&results, no_row, "bright"), (None, true, None));
    assert_eq!(label_of(&results, unrated, "target"), (None, true, None));
    assert_eq!(results.model("preferences/coarse/n23/s0").n_train, 23, "a pair without a target label is not drawn");
    let tree = results
        .rows::<Label>()
        .into_iter()
        .find(|row| row.experiment == "controlled" && row.image_id == gone && row.attribute == "target");
    let tree = tree.unwrap();
    assert_eq!((tree.score, tree.threshold, tree.label), (None, None, None));

    let mut missing = settings();
    missing.no_question = crate::NoQuestion::Missing;
    let results = world.run(&missing).unwrap();
    assert_eq!(label_of(&results, not_asked, "verb"), (None, true, None));
}

#[test]
fn arms_on_scores_alone_need_no_embeddings() {
    let mut world = World::new();
    world.embeddings = None;
    let mut only_scores = few(&["checklist"], "all");
    assert!(!Train::new(only_scores.clone()).unwrap().reads().contains(&"embeddings"));
    // An image without any score gets no reward; one without some of them does.
    world.score_mut(3, "bright").score = None;
    world.score_mut(3, "bright").n_questions = 1;
    for attribute in ["bright", "distorted", "verb"] {
        let row = world.score_mut(13, attribute);
        (row.score, row.n_questions) = (None, 1);
    }
    let results = world.run(&only_scores).unwrap();
    let model = results.model("preferences/checklist/n24/s0");
    assert_eq!((model.reason, model.inputs.as_str()), (None, "scores"));
    let rewards = results.rewards(&model.run_id);
    assert!(rewards.len() == 47 && rewards.contains_key("i03") && !rewards.contains_key("i13"));
    assert_eq!(results.rows::<ConceptPrediction>(), []);
    let card = results.card(&model.run_id);
    assert!(card["missing_scores"]["bright"].as_f64().unwrap() > 0.0 && card["embeddings"].is_null());

    only_scores.experiments.get_mut("preferences").unwrap().arms = settings().experiments["preferences"].arms.clone();
    let error = world.run(&only_scores).err().unwrap().source.to_string();
    assert!(error.contains("embeddings") && error.contains("embed"), "{error}");
}

#[test]
fn a_run_without_a_model_has_a_reason_and_no_predictions() {
    let mut world = World::new();
    let reason = |world: &World, settings: &Settings, run_id: &str| {
        let results = world.run(settings).unwrap();
        assert_eq!(results.rewards(run_id).len(), 0);
        assert_eq!((results.counts["models"], results.counts["models_without"]), (0, 1));
        assert!(results.tables.storage().list(&format!("models/{run_id}")).unwrap().is_empty());
        results.model(run_id).reason.unwrap()
    };
    for row in world.scores.iter_mut().filter(|row| row.attribute == "bright") {
        (row.score, row.n_questions) = (None, 1);
    }
    let fine = reason(&world, &few(&["fine"], "all"), "preferences/fine/n24/s0");
    assert_eq!(fine, "attribute `bright` has no label in the training pairs");
    let checklist = reason(&world, &few(&["checklist"], "all"), "preferences/checklist/n24/s0");
    assert_eq!(checklist, "attribute `bright` has no score in the training pairs");

    world.preferences.iter_mut().for_each(|row| row.mean_rating = 3.0);
    let coarse = reason(&world, &few(&["coarse"], "all"), "preferences/coarse/n24/s0");
    assert_eq!(coarse, "all 24 training pairs are good");

    world.embeddings.iter_mut().flatten().for_each(|row| row.text_embedding = None);
    let coarse = reason(&world, &few(&["coarse"], "[8]"), "preferences/coarse/n0/s0");
    assert!(coarse.starts_with("no training pair has"), "{coarse}");
}

#[test]
fn a_head_with_one_class_is_trained_all_the_same() {
    let mut world = World::new();
    world.scores.iter_mut().filter(|row| row.attribute == "bright").for_each(|row| row.score = Some(0.5));
    let results = world.run(&few(&["fine"], "all")).unwrap();
    assert_eq!(results.model("preferences/fine/n24/s0").reason, None);
}

#[test]
fn what_the_tables_do_not_have_is_named_before_anything_is_trained() {
    let world = World::new();
    let error = |edit: &dyn Fn(String) -> String| {
        let settings = parse(&edit(SETTINGS.to_owned())).unwrap();
        world.run(&settings).err().unwrap().source.to_string()
    };
    let aspect = error(&|yaml| yaml.replace("aspect: overall", "aspect: appeal"));
    assert!(aspect.contains("`appeal`") && aspect.contains("overall") && aspect.contains("preferences"), "{aspect}");
    let attribute = error(&|yaml| yaml.replace("[verb]", "[verbs]"));
    assert!(attribute.contains("`verbs`") && attribute.contains("bright, distorted, verb"), "{attribute}");
    let source = error(&|yaml| yaml.replace("source: vlm", "source: human"));
    assert!(source.contains("`human`"), "{source}");
}

#[test]
fn settings_that_cannot_be_meant_are_errors() {
    let rejects = |from: &str, to: &str, expect: &str| {
        let yaml = SETTINGS.replacen(from, to, 1);
        assert_ne!(yaml, SETTINGS, "{from}");
        let error = match parse(&yaml) {
            Err(error) => error,
            Ok(settings) => Train::new(settings).err().map(|error| error.to_string()).unwrap_or_default(),
        };
        assert!(error.contains(expect), "{to}: {error:?} lacks {expect:?}");
    };
    rejects("epochs: 40", "epoch: 60", "unknown field `epoch`, expected one of `hidden`, `epochs`");
    rejects("epochs: 40", "epochs: 0", "`train.mlp.epochs`: must be above 0");
    rejects("learning_rate: 1.0e-2", "learning_rate: -1", "mlp.learning_rate");
    rejects("[8, 8]", "[8, 0]", "mlp.hidden");
    rejects("init: kaiming_uniform", "init: kaiming_uniform, weight_decay: -1", "`train.mlp.weight_decay`: is -1");
    rejects("init: kaiming_uniform", "init: kaiming_uniform, weight_decay: .inf", "mlp.weight_decay");
    rejects(
        "init: kaiming_uniform",
        "init: kaiming_uniform, early_stopping: { patience: 0 }",
        "patience`: must be above",
    );
    rejects("seeds: [0, 1]", "seeds: [0, 0]", "twice");
    rejects("seeds: [0, 1]", "seeds: []", "empty");
    rejects("[8, 16, 400]", "[0]", "at least 1, or `all`");
    rejects("[8, 16, 400]", "most", "or `all`");
    rejects("policy: balance", "policy: balanced", "unknown variant `balanced`");
    rejects("{ policy: median }", "{ policy: quantile, q: 2 }", "thresholds.default");
    rejects(
        "  verb: { policy: fixed, value: 0.5 }",
        "  verbs: { policy: fixed, value: 0.5 }",
        "bright, distorted, verb",
    );
    rejects("source: vlm", "source: vllm", "unknown variant `vllm`");
    rejects("inputs: image+text", "inputs: images", "`image+text`");
    rejects("{ feedback: coarse }", "{ feedback: coarse, attributes: [verb] }", "an arm is either");
    rejects("{ feedback: coarse }", "{ feedback: coarse, inputs: scores }", "coarse feedback has no scores");
    rejects("{ feedback: coarse }", "{ feedbak: coarse }", "unknown field `feedbak`");
    rejects("[verb]", "[]", "arms.alignment.attributes`: is empty");
    rejects("[verb]", "[verb, verb]", "names `verb` twice");
    rejects("[verb]", "[intercept]", "cannot be the name");
    rejects(
        "target: { aspect: overall, threshold",
        "target: { aspect: overall, tree: good, threshold",
        "a target is either",
    );
    rejects("  controlled:", "  ../controlled:", "part of the models' paths");
    rejects("not in tree", "not__in tree", "part of the models' paths");
    rejects("target: 50", "target: -50", "seconds_per_label.target");
}

/// `cargo nextest run -E 'package(train)' --run-ignored only --no-capture`
#[test]
#[ignore = "a measurement of about a minute"]
fn measure_the_default_sweep_at_the_demo_s_size() {
    let yaml: serde_yaml::Value = serde_yaml::from_str(include_str!("../../../pipeline.yaml")).unwrap();
    let settings: Settings = serde_yaml::from_value(yaml["train"].clone()).unwrap();
    let mut world = World::new();
    let mut random = stream(0, "measurement");
    let (images, scores) = (std::mem::take(&mut world.images), std::mem::take(&mut world.scores));
    world.preferences.clear();
    let attributes = settings.experiments["preferences"].attributes().into_iter().map(str::to_owned);
    let attributes: Vec<String> = attributes.collect();
    let mut embeddings = Vec::new();
    for at in 0..800 {
        let image_id = format!("i{at:03}");
        let split = [Split::Train, Split::Train, Split::Validation, Split::Test][at / 4 % 4];
        world.images.push(Image { image_id: image_id.clone(), split, ..images[0].clone() });
        world.scores.extend(attributes.iter().map(|attribute| AttributeScore {
            image_id: image_id.clone(),
            attribute: attribute.clone(),
            score: Some(random.random()),
            n_questions: 1,
            n_answered: 1,
            ..scores[0].clone()
        }));
        world.preferences.push(Preference {
            image_id: image_id.clone(),
            aspect: OVERALL.into(),
            mean_rating: random.random(),
            n_ratings: 9,
            std_rating: None,
            mean_seconds: None,
        });
        embeddings.push(ImageEmbedding {
            image_id,
            image_embedding: Some((0..1280).map(|_| random.random()).collect()),
            text_embedding: Some((0..384).map(|_| random.random()).collect()),
        });
    }
    world.embeddings = Some(embeddings);
    let start = std::time::Instant::now();
    let results = world.run(&settings).unwrap();
    let first = start.elapsed().as_secs_f64();
    let start = std::time::Instant::now();
    let again = world.run(&settings).unwrap();
    println!("{:?}: {first:.1} s, with kept networks {:.1} s", results.counts, start.elapsed().as_secs_f64());
    assert_eq!(again.counts["models"], 81);
}
