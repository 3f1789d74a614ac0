//! What kind of model an arm makes, with everything said that the pipeline file leaves to the section or to the paper.

use tables::Split;

use crate::settings::{
    Arm, Bottleneck, ClassWeights, Experiment, Feedback, Inputs, LabelKind, Loss, Settings, Stage2On,
};

/// The kind of model of one arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant<'a> {
    /// What it reads.
    pub inputs: Inputs,
    /// How its stages hang together; none with coarse feedback, and none where there is no stage 1.
    pub bottleneck: Option<Bottleneck>,
    /// What stage 1 learns; where there is none, what stage 2 reads.
    pub labels: LabelKind,
    /// What stage 1 is trained on.
    pub loss: Loss,
    /// Width of each hidden layer.
    pub hidden: &'a [usize],
    /// What stage 2 is fitted on; none where it is not fitted on what stage 1 says.
    pub stage2_on: Option<Stage2On>,
    /// What each label counts.
    pub class_weights: ClassWeights,
}

impl<'a> Variant<'a> {
    /// The kind of an arm.
    pub fn of(settings: &'a Settings, experiment: &Experiment, arm: &'a Arm) -> Self {
        let inputs = experiment.inputs_of(arm);
        let has_concepts = inputs != Inputs::Scores && arm.feedback != Feedback::Coarse;
        let bottleneck = has_concepts.then(|| arm.bottleneck.unwrap_or(Bottleneck::Sequential));
        let is_sequential = bottleneck == Some(Bottleneck::Sequential);
        let default_labels = if inputs == Inputs::Scores { LabelKind::Soft } else { LabelKind::Hard };
        Self {
            inputs,
            bottleneck,
            labels: arm.labels.unwrap_or(default_labels),
            loss: arm.loss.unwrap_or(Loss::Pointwise),
            hidden: arm.hidden.as_deref().unwrap_or(&settings.mlp.hidden),
            stage2_on: is_sequential.then(|| arm.stage2_on.unwrap_or(settings.stage2_on)),
            class_weights: arm.class_weights.unwrap_or(settings.class_weights),
        }
    }

    /// What of an arm has no meaning for its kind of model, as the key and what is wrong with it.
    pub fn problem(arm: &Arm, inputs: Inputs) -> Option<(&'static str, &'static str)> {
        let is_coarse = arm.feedback == Feedback::Coarse;
        let reads_scores = inputs == Inputs::Scores;
        let bottleneck = arm.bottleneck.unwrap_or(Bottleneck::Sequential);
        let is_pairwise = arm.loss == Some(Loss::Pairwise);
        let no_stage_1 = "has no meaning with `inputs: scores`, which has no stage 1";
        let cases = [
            (is_coarse && arm.bottleneck.is_some(), "bottleneck", "has no meaning with coarse feedback"),
            (is_coarse && arm.stage2_on.is_some(), "stage2_on", "has no meaning with coarse feedback"),
            (reads_scores && arm.bottleneck.is_some(), "bottleneck", no_stage_1),
            (reads_scores && arm.loss.is_some(), "loss", no_stage_1),
            (reads_scores && arm.hidden.is_some(), "hidden", no_stage_1),
            (reads_scores && arm.class_weights.is_some(), "class_weights", no_stage_1),
            (reads_scores && arm.stage2_on.is_some(), "stage2_on", no_stage_1),
            (
                arm.stage2_on.is_some() && bottleneck != Bottleneck::Sequential,
                "stage2_on",
                "is about `bottleneck: sequential`; `independent` is fitted on true labels, `joint` in one",
            ),
            (
                is_pairwise && bottleneck != Bottleneck::Sequential,
                "loss",
                "is `pairwise`, which goes with `bottleneck: sequential` alone: what stage 1 says is then how images \
                 compare, not a probability that true labels could take the place of",
            ),
            (
                matches!(bottleneck, Bottleneck::Joint { lambda } if !(lambda.is_finite() && lambda >= 0.0)),
                "lambda",
                "must be a number of at least 0",
            ),
            (arm.hidden.as_ref().is_some_and(|hidden| hidden.contains(&0)), "hidden", "must be above 0"),
        ];
        cases.into_iter().find(|(holds, ..)| *holds).map(|(_, key, problem)| (key, problem))
    }

    /// Whether its rewards on a split are of images that its stage 2 was fitted on beside the training pairs: they would
    /// flatter it.
    pub fn is_fitted_on(&self, split: Split) -> bool {
        split == Split::Validation && self.stage2_on == Some(Stage2On::Validation)
    }

    /// The widths as one word for tables: `256-256`, or `linear`.
    pub fn hidden_word(&self) -> String {
        match self.hidden {
            [] => "linear".to_owned(),
            widths => widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-"),
        }
    }
}
