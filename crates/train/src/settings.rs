//! The `train` section of the pipeline file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tables::ScoreSource;
use torch_device::DeviceSetting;

use crate::threshold::Policy;
use crate::tree::Tree;

mod arm;

pub use arm::{Arm, Bottleneck, ClassWeights, Feedback, LabelKind, Loss, Missing, Stage2On};

/// Everything that decides which reward models are trained, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where stage 1 is trained.
    pub device: DeviceSetting,
    /// Stage 1, the multi-layer perceptron.
    pub mlp: Mlp,
    /// One model for each; a seed decides the draw of its pairs, its initial weights and its shuffles.
    pub seeds: Vec<u32>,
    /// How many pairs the models train on.
    pub n_train: TrainSizes,
    /// Inverse L2 strength of stage 2, scikit-learn's `C`. Paper: scikit-learn's default, 1.
    pub aggregator_c: f64,
    /// What stage 2 is fitted on, unless an arm says otherwise. The paper does not say; absent: in-sample.
    #[serde(default = "in_sample")]
    pub stage2_on: Stage2On,
    /// Parts of `stage2_on: out_of_fold`, each of whole prompts; 2 or more. Needed where an arm uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// What each label counts, unless an arm says otherwise. Absent: the same (Paper: not stated).
    #[serde(default = "no_class_weights")]
    pub class_weights: ClassWeights,
    /// What a missing label of an attribute does. Absent: it teaches nothing, its pair's other labels do.
    #[serde(default = "drop_head")]
    pub missing: Missing,
    /// With how many others of its prompt an image is compared at most where `loss: pairwise`. Needed where an arm uses
    /// it; 3 or more means all where a prompt has four images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparisons_per_image: Option<usize>,
    /// Whether to replace what stage 1 says of test images by true labels, one attribute more at a time, and to score
    /// them again (Koh et al. 2020, §5). Absent: not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interventions: Option<Interventions>,
    /// How scores become labels.
    pub thresholds: Thresholds,
    /// What an image counts as whose prompt has no question in a bucket.
    pub no_question: NoQuestion,
    /// Rater seconds of one label, by attribute, and `target`; used where the ratings have no answer times.
    #[serde(default)]
    pub seconds_per_label: BTreeMap<String, f64>,
    /// The experiments by name.
    pub experiments: BTreeMap<String, Experiment>,
}

fn in_sample() -> Stage2On {
    Stage2On::InSample
}

fn no_class_weights() -> ClassWeights {
    ClassWeights::None
}

fn drop_head() -> Missing {
    Missing::DropHead
}

/// How labels are replaced in the table `interventions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interventions {
    /// Seeds the random order, each image's own.
    pub seed: u32,
}

/// The concept predictor's network and its training. Paper, App. B.4: two hidden layers of 256, 100 epochs, batches
/// of 128, learning rate 1e-4; the optimiser (here Adam), activation (ReLU) and loss (BCE) are not stated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// Width of each hidden layer; none at all is a linear probe.
    pub hidden: Vec<usize>,
    /// Passes over the drawn pairs.
    pub epochs: usize,
    /// Pairs in one step; the last step of an epoch takes those that are left.
    pub batch_size: usize,
    /// Adam's step size.
    pub learning_rate: f64,
    /// Initial weights.
    pub init: Init,
    /// Decoupled weight decay (AdamW): every step also takes this times the learning rate off each weight and bias,
    /// as optax's `adamw` and PyTorch's `AdamW` do. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Absent: every run makes all its epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// The numbers of the products; weights, moments and losses are f32 whichever it is.
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    pub precision: Precision,
}

/// When training ends before its last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without a smaller loss on the validation split after which it ends; the weights of the best epoch stay.
    /// At least 1.
    pub patience: usize,
}

/// What numbers are multiplied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Factors rounded to bfloat16, sums in f32.
    Bf16,
}

impl Precision {
    fn is_f32(&self) -> bool {
        *self == Self::F32
    }
}

/// How a layer's weights start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Init {
    /// `torch.nn.Linear`'s default: weights and biases uniform in ±1/sqrt(fan_in).
    KaimingUniform,
    /// flax's default: weights normal, cut off at two standard deviations, of variance 1/fan_in; biases zero.
    LecunNormal,
}

/// What "no question in this bucket" means for an alignment attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoQuestion {
    /// The image counts as aligned (App. B.5.2).
    Aligned,
    /// The label is missing.
    Missing,
}

/// The sizes of training sets: `all`, or a list of numbers and `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainSizes(pub Vec<TrainSize>);

/// The size of one training set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrainSize {
    /// This many pairs, or all if there are fewer.
    Pairs(usize),
    /// All pairs.
    All,
}

/// The threshold policies: `default`, and attributes that have their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// For every attribute without its own.
    pub default: Policy,
    /// By attribute.
    #[serde(flatten)]
    pub of_attribute: BTreeMap<String, Policy>,
}

impl Thresholds {
    /// The policy of an attribute.
    pub fn of(&self, attribute: &str) -> Policy {
        self.of_attribute.get(attribute).copied().unwrap_or(self.default)
    }
}

/// A target and the feedback sets that are compared on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// What good means.
    pub target: Target,
    /// What the models read, unless an arm says otherwise. Paper, App. B.3: image and text in Experiment 1, the image
    /// alone in Experiment 2.
    pub inputs: Inputs,
    /// Whose attribute scores are used.
    pub source: ScoreSource,
    /// The feedback sets by name.
    pub arms: BTreeMap<String, Arm>,
}

impl Experiment {
    /// Every attribute that its target or one of its arms uses, in alphabetical order.
    pub fn attributes(&self) -> BTreeSet<&str> {
        let of_arms = self.arms.values().flat_map(|arm| arm.feedback.attributes()).map(String::as_str);
        let of_target = match &self.target {
            Target::Aspect { .. } => BTreeSet::new(),
            Target::Tree(tree) => tree.attributes(),
        };
        of_arms.chain(of_target).collect()
    }

    /// What an arm's models read.
    pub fn inputs_of(&self, arm: &Arm) -> Inputs {
        arm.inputs.unwrap_or(self.inputs)
    }
}

/// What the reward models are to predict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TargetFields", into = "TargetFields")]
pub enum Target {
    /// The mean rating of an aspect, above a threshold.
    Aspect {
        /// `overall`, or another aspect that people rated.
        aspect: String,
        /// The ratings of this context alone (`ratings.context`, App. B.6); all if it is not said.
        context: Option<String>,
        /// How its threshold is found.
        threshold: Policy,
    },
    /// A known function of attribute labels.
    Tree(Tree),
}

/// What a model reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Inputs {
    /// The image's embedding.
    #[serde(rename = "image")]
    Image,
    /// The prompt's embedding.
    #[serde(rename = "text")]
    Text,
    /// Both, the image's first.
    #[serde(rename = "image+text")]
    ImageText,
    /// The attribute scores themselves: no embedding, no stage 1.
    #[serde(rename = "scores")]
    Scores,
}

impl Inputs {
    /// The word in the pipeline file and in `reward_models`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Text => "text",
            Self::ImageText => "image+text",
            Self::Scores => "scores",
        }
    }
}

/// A target as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    aspect: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<Policy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<Tree>,
}

impl TryFrom<TargetFields> for Target {
    type Error = &'static str;

    fn try_from(fields: TargetFields) -> Result<Self, Self::Error> {
        match fields {
            TargetFields { aspect: Some(aspect), context, threshold: Some(threshold), tree: None } => {
                Ok(Self::Aspect { aspect, context, threshold })
            }
            TargetFields { aspect: None, context: None, threshold: None, tree: Some(tree) } => Ok(Self::Tree(tree)),
            _ => Err("a target is either {aspect, threshold}, perhaps with {context}, or {tree}"),
        }
    }
}

impl From<Target> for TargetFields {
    fn from(target: Target) -> Self {
        match target {
            Target::Aspect { aspect, context, threshold } => {
                Self { aspect: Some(aspect), context, threshold: Some(threshold), tree: None }
            }
            Target::Tree(tree) => Self { aspect: None, context: None, threshold: None, tree: Some(tree) },
        }
    }
}

impl Serialize for TrainSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Pairs(n) => n.serialize(serializer),
            Self::All => serializer.serialize_str("all"),
        }
    }
}

impl<'de> Deserialize<'de> for TrainSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = TrainSize;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of training pairs of at least 1, or `all`")
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<TrainSize, E> {
                match usize::try_from(n) {
                    Ok(n) if n > 0 => Ok(TrainSize::Pairs(n)),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Unsigned(n), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<TrainSize, E> {
                match word {
                    "all" => Ok(TrainSize::All),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for TrainSizes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TrainSizes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = TrainSizes;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a list of numbers of training pairs, or `all`")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<TrainSizes, E> {
                match word {
                    "all" => Ok(TrainSizes(vec![TrainSize::All])),
                    other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, sizes: A) -> Result<TrainSizes, A::Error> {
                Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(sizes)).map(TrainSizes)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
