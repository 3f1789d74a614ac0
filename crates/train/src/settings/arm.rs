//! One arm of an experiment: what its models learn from, and how they are built.

use serde::{Deserialize, Serialize};

use super::Inputs;

/// One feedback set, and the kind of model that is made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ArmFields", into = "ArmFields")]
pub struct Arm {
    /// What its models learn from.
    pub feedback: Feedback,
    /// What they read, if not what the experiment says.
    pub inputs: Option<Inputs>,
    /// How stages 1 and 2 hang together; [`Bottleneck::Sequential`] (the paper's) if it is not said. Fine feedback alone.
    pub bottleneck: Option<Bottleneck>,
    /// What stage 1 learns; labels if it is not said. Models that read scores read them as they are if it is not said.
    pub labels: Option<LabelKind>,
    /// What stage 1 is trained on; [`Loss::Pointwise`] (the paper's) if it is not said.
    pub loss: Option<Loss>,
    /// Width of each hidden layer, if not that of `mlp`; `[]` is a linear probe.
    pub hidden: Option<Vec<usize>>,
    /// What stage 2 is fitted on, if not what the section says.
    pub stage2_on: Option<Stage2On>,
    /// What each label counts, if not what the section says.
    pub class_weights: Option<ClassWeights>,
}

/// What a reward model learns from besides the target.
#[derive(Debug, Clone, PartialEq)]
pub enum Feedback {
    /// Nothing: the network predicts the target itself.
    Coarse,
    /// These attributes: the network predicts them, the aggregator the target from them.
    Fine(Vec<String>),
}

impl Feedback {
    /// The attributes; none for coarse.
    pub fn attributes(&self) -> &[String] {
        match self {
            Self::Coarse => &[],
            Self::Fine(attributes) => attributes,
        }
    }
}

/// How a concept bottleneck is trained; the names are those of Koh et al. 2020, §3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bottleneck {
    /// Stage 1 on the attributes, then stage 2 on what stage 1 says (the paper's, §3).
    Sequential,
    /// Stage 1 on the attributes; stage 2 on the attributes' true labels.
    Independent,
    /// Both at once: the loss of the target plus `lambda` times that of the attributes.
    Joint {
        /// What the attributes count beside the target.
        lambda: f64,
    },
}

impl Bottleneck {
    /// The word in the pipeline file and in `reward_models`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Independent => "independent",
            Self::Joint { .. } => "joint",
        }
    }
}

/// Declares a word of the pipeline file that is also a word in `reward_models`.
macro_rules! words {
    ($(#[$about:meta])+ $Name:ident { $($(#[$doc:meta])+ $Variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $Name { $($(#[$doc])+ #[serde(rename = $word)] $Variant),+ }

        impl $Name {
            /// The word in the pipeline file and in `reward_models`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word),+ }
            }
        }
    };
}

words! {
    /// What stage 1 learns of each attribute, or of the target.
    LabelKind {
        /// Yes or no, by the threshold (Paper, App. B.6).
        Hard = "hard",
        /// The score itself in `[0, 1]`: a yes-probability as it is, a rating scaled from the training split's lowest to
        /// its highest. What a tree says stays yes or no.
        Soft = "soft",
    }
}

words! {
    /// What stage 1 is trained on.
    Loss {
        /// Single images and their labels (Paper, App. B.4).
        Pointwise = "pointwise",
        /// Pairs of images of one prompt: which has more of it (Bradley–Terry). Equal scores are a tie and count half for
        /// each. Hard: 1, 0 or ½; soft: ½ + half the difference of the soft labels.
        Pairwise = "pairwise",
    }
}

words! {
    /// The pairs that a sequential bottleneck's stage 2 is fitted on. The paper does not say.
    Stage2On {
        /// Those that stage 1 was trained on, with what it says of them.
        InSample = "in_sample",
        /// The validation split, whose target labels are paid for, and on which the model then is not judged.
        Validation = "validation",
        /// Those that stage 1 was trained on, each with what a stage 1 says that was trained on the other prompts' pairs
        /// (`folds` parts).
        OutOfFold = "out_of_fold",
    }
}

words! {
    /// What each label of a head counts.
    ClassWeights {
        /// The same.
        None = "none",
        /// As much as makes yes and no count alike in each head, scikit-learn's `balanced`.
        Balanced = "balanced",
    }
}

words! {
    /// What a missing label of an attribute does. A pair without a target label is never drawn.
    Missing {
        /// The pair teaches the other attributes, not this one.
        DropHead = "drop_head",
        /// The pair teaches an arm nothing that uses the attribute.
        DropRow = "drop_row",
        /// It counts as a no.
        Negative = "negative",
        /// It counts as a yes.
        Positive = "positive",
    }
}

impl Missing {
    /// The label that takes a missing one's place.
    pub fn label(self) -> Option<bool> {
        match self {
            Self::DropHead | Self::DropRow => None,
            Self::Negative => Some(false),
            Self::Positive => Some(true),
        }
    }
}

/// An arm as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArmFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feedback: Option<FeedbackWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attributes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inputs: Option<Inputs>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bottleneck: Option<BottleneckWord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lambda: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<LabelKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loss: Option<Loss>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<Vec<usize>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stage2_on: Option<Stage2On>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    class_weights: Option<ClassWeights>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FeedbackWord {
    Coarse,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BottleneckWord {
    Sequential,
    Independent,
    Joint,
}

impl TryFrom<ArmFields> for Arm {
    type Error = &'static str;

    fn try_from(fields: ArmFields) -> Result<Self, Self::Error> {
        let feedback = match (fields.feedback, fields.attributes) {
            (Some(FeedbackWord::Coarse), None) => Feedback::Coarse,
            (None, Some(attributes)) => Feedback::Fine(attributes),
            _ => return Err("an arm is either {feedback: coarse} or {attributes: […]}"),
        };
        let bottleneck = match (fields.bottleneck, fields.lambda) {
            (Some(BottleneckWord::Joint), Some(lambda)) => Some(Bottleneck::Joint { lambda }),
            (Some(BottleneckWord::Joint), None) => return Err("`bottleneck: joint` needs `lambda`"),
            (_, Some(_)) => return Err("`lambda` belongs to `bottleneck: joint`"),
            (Some(BottleneckWord::Sequential), None) => Some(Bottleneck::Sequential),
            (Some(BottleneckWord::Independent), None) => Some(Bottleneck::Independent),
            (None, None) => None,
        };
        let ArmFields { inputs, labels, loss, hidden, stage2_on, class_weights, .. } = fields;
        Ok(Self { feedback, inputs, bottleneck, labels, loss, hidden, stage2_on, class_weights })
    }
}

impl From<Arm> for ArmFields {
    fn from(arm: Arm) -> Self {
        let (feedback, attributes) = match arm.feedback {
            Feedback::Coarse => (Some(FeedbackWord::Coarse), None),
            Feedback::Fine(attributes) => (None, Some(attributes)),
        };
        let (bottleneck, lambda) = match arm.bottleneck {
            None => (None, None),
            Some(Bottleneck::Sequential) => (Some(BottleneckWord::Sequential), None),
            Some(Bottleneck::Independent) => (Some(BottleneckWord::Independent), None),
            Some(Bottleneck::Joint { lambda }) => (Some(BottleneckWord::Joint), Some(lambda)),
        };
        let Arm { inputs, labels, loss, hidden, stage2_on, class_weights, .. } = arm;
        Self { feedback, attributes, inputs, bottleneck, lambda, labels, loss, hidden, stage2_on, class_weights }
    }
}
