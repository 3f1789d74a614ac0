//! The enums that stand in string columns: strings only at the first and the last line that touch them.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// Declares an enum whose variants are the values a string column may hold.
macro_rules! vocabulary {
    ($(#[$about:meta])+ $Name:ident { $($(#[$doc:meta])+ $Variant:ident),+ $(,)? }) => {
        $(#[$about])+
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Display, EnumString, IntoStaticStr, VariantNames,
            serde::Serialize, serde::Deserialize,
        )]
        #[strum(serialize_all = "snake_case")]
        #[serde(rename_all = "snake_case")]
        pub enum $Name { $($(#[$doc])+ $Variant),+ }

        impl $Name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The value as it stands in tables and settings.
            pub fn as_str(self) -> &'static str {
                self.into()
            }
        }

        impl crate::cell::Word for $Name {
            fn words() -> &'static [&'static str] {
                Self::VARIANTS
            }
        }
    };
}

vocabulary! {
    /// Which part of the data a prompt, and so every image of it, belongs to. Paper: 50/25/25 by prompt (App. B.6).
    Split {
        /// Reward models are fitted on it, thresholds are computed on it.
        Train,
        /// Choices are made on it.
        Validation,
        /// Results are reported on it.
        Test,
    }
}

vocabulary! {
    /// What part of speech an alignment question checks (App. B.5.2).
    Bucket {
        /// Objects: "is there a dog?"
        Noun,
        /// Attributes: "is the dog green?"
        Adjective,
        /// Actions: "is the dog running?"
        Verb,
        /// Relations: "is the dog to the left of the river?"
        Relation,
    }
}

vocabulary! {
    /// Where a question came from.
    QuestionSource {
        /// Made from the prompt by part-of-speech rules.
        Template,
        /// Made by T5 question generation, as in VQ².
        T5,
        /// Read from a question file.
        Import,
    }
}

vocabulary! {
    /// What an answer is about.
    AnswerKind {
        /// A quality attribute of the image: "is the image distorted".
        Quality,
        /// An alignment question of the prompt.
        Alignment,
    }
}

vocabulary! {
    /// How an answer came out. Only `ok` and `censored` carry a probability; a missing answer is never a "no".
    AnswerStatus {
        /// Both "yes" and "no" were read.
        Ok,
        /// Only one side was listed; the smallest listed logprob bounds the other.
        Censored,
        /// The model's first token was neither yes nor no.
        NoYesNoToken,
        /// The model declined, or left the answer blank.
        Refused,
        /// The call failed.
        Error,
    }
}

vocabulary! {
    /// How an answer's probability was read.
    AnswerReadout {
        /// From the log-probabilities of the most probable first tokens.
        TopLogprobs,
        /// From the log-probabilities of exactly the tokens that spell yes and no (vLLM).
        TokenIds,
        /// Several answers were sampled: the share of yes among those that say yes or no.
        Sample,
        /// It was not: the answer comes from a file.
        Import,
    }
}

vocabulary! {
    /// Who gave an attribute score.
    ScoreSource {
        /// A vision-language model's yes-probability.
        Vlm,
        /// People's ratings of this attribute, on the rating scale.
        Human,
        /// Answers or scores read from a file.
        Import,
    }
}

vocabulary! {
    /// Which of an image's attributes are replaced by true labels first.
    InterventionOrder {
        /// One after another as a seed draws them, for each image anew.
        Random,
        /// The one of which stage 1 is least sure.
        Uncertainty,
    }
}

vocabulary! {
    /// What a rater chose of two images side by side: the one that the coarse reward model likes best, the one that the
    /// fine-grained model likes best, or neither (App. B.10).
    SxsChoice {
        /// The coarse model's image.
        Coarse,
        /// The fine-grained model's image.
        Fine,
        /// "Unsure".
        Unsure,
    }
}

vocabulary! {
    /// What two arms have in common where they are compared.
    ComparedAt {
        /// As many training pairs.
        NTrain,
        /// The same cost if every label costs 1.
        CostEqual,
        /// The same seconds of raters' time.
        CostSeconds,
    }
}

vocabulary! {
    /// What a question without an answer counts as.
    MissingAnswerPolicy {
        /// It is left out.
        Null,
        /// A "no", as published numbers have it.
        No,
    }
}

vocabulary! {
    /// Where the seconds of a label come from.
    SecondsSource {
        /// Measured: the ratings have answer times.
        Ratings,
        /// Stated in the pipeline file (default: the paper's Table 2).
        Settings,
    }
}

vocabulary! {
    /// The six stages, in the order they run.
    StageName {
        /// Raw files to prompts, images, ratings, preferences.
        Ingest,
        /// Prompts to questions.
        Vq2Parse,
        /// Questions and images to answers and attribute scores.
        SynthFeedback,
        /// Images and prompts to embeddings.
        Embed,
        /// Embeddings and scores to labels, reward models, predictions.
        Train,
        /// Predictions to metrics, figures, report.
        Evaluate,
    }
}

impl StageName {
    /// The name in commands, settings and run records: `vq2-parse`, `synth-feedback`, …
    pub fn command(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Vq2Parse => "vq2-parse",
            Self::SynthFeedback => "synth-feedback",
            Self::Embed => "embed",
            Self::Train => "train",
            Self::Evaluate => "evaluate",
        }
    }

    /// The stage that a command-line word names.
    pub fn from_command(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|stage| stage.command() == word)
    }
}

/// The overall aspect of a rating: the paper's "goodness" (§5.1).
pub const OVERALL: &str = "overall";

/// The attribute that averages over all alignment questions of an image (VQ², App. B.5.2).
pub const VQ2: &str = "vq2";
