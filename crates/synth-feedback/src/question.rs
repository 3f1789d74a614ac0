//! What is asked about each image: the quality questions, the same for all, and the alignment questions of its prompt.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tables::{AnswerKind, Bucket, Prompt, Question};

use crate::asked_image::AskedImage;
use crate::settings::{Quality, VqaScore};

/// One question about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageQuestion {
    /// What it is about.
    pub kind: AnswerKind,
    /// The question's name among its prompt's; for a quality question the attribute.
    pub question_id: Arc<str>,
    /// The text that is asked.
    pub query: Arc<str>,
    /// The bucket of an alignment question.
    pub bucket: Option<Bucket>,
    /// The questions of its prompt that rule it out when they are answered "no".
    pub depends_on: Arc<[String]>,
    /// Whether its score is P(yes) itself, not divided by P(yes) + P(no).
    pub is_vqascore: bool,
}

/// The questions about every image.
#[derive(Debug, Default)]
pub struct Questions {
    quality: Vec<ImageQuestion>,
    by_prompt: HashMap<String, Vec<ImageQuestion>>,
    names: HashSet<Arc<str>>,
    vqascore: HashMap<String, ImageQuestion>,
    instruction: Option<String>,
}

impl Questions {
    /// The quality questions, in the order of the attributes, and the alignment questions in the order of the table.
    pub fn new(quality: Option<&Quality>, alignment: &[Question]) -> Self {
        let mut questions = Self::of_quality(quality);
        questions.add(alignment);
        questions
    }

    /// The quality questions alone.
    pub fn of_quality(quality: Option<&Quality>) -> Self {
        let quality_question = |quality: &Quality, attribute: &String| ImageQuestion {
            kind: AnswerKind::Quality,
            question_id: attribute.as_str().into(),
            query: quality.query(attribute).into(),
            bucket: None,
            depends_on: Arc::default(),
            is_vqascore: false,
        };
        let quality =
            quality.map(|quality| quality.attributes.iter().map(|name| quality_question(quality, name)).collect());
        Self { quality: quality.unwrap_or_default(), ..Self::default() }
    }

    /// The quality questions' texts as they are asked, by `question.<attribute>`: metadata of `attribute_scores`.
    pub fn texts(&self) -> Vec<(String, String)> {
        let text =
            |question: &ImageQuestion| (format!("question.{}", question.question_id), question.query.to_string());
        self.quality.iter().map(text).collect()
    }

    /// With an instruction after every text, those that are added later too.
    pub fn with_instruction(mut self, instruction: Option<&str>) -> Self {
        self.instruction = instruction.map(str::to_owned);
        for question in self.quality.iter_mut().chain(self.by_prompt.values_mut().flatten()) {
            question.query = with_instruction(&question.query, instruction).into();
        }
        self
    }

    /// With the question of VQAScore about every prompt, which is a quality question by its kind. It has its instruction in
    /// itself.
    pub fn with_vqascore(mut self, vqascore: &VqaScore, prompts: &[Prompt]) -> Self {
        let question = |prompt: &Prompt| ImageQuestion {
            kind: AnswerKind::Quality,
            question_id: vqascore.attribute.as_str().into(),
            query: vqascore.query(&prompt.prompt).into(),
            bucket: None,
            depends_on: Arc::default(),
            is_vqascore: true,
        };
        self.vqascore = prompts.iter().map(|prompt| (prompt.prompt_id.clone(), question(prompt))).collect();
        self
    }

    /// Adds rows of the table of questions: it may be read piece by piece.
    pub fn add(&mut self, alignment: &[Question]) {
        for question in alignment {
            // A million questions have few names.
            let question_id = match self.names.get(question.question_id.as_str()) {
                Some(name) => Arc::clone(name),
                None => {
                    let name: Arc<str> = question.question_id.as_str().into();
                    self.names.insert(Arc::clone(&name));
                    name
                }
            };
            self.by_prompt.entry(question.prompt_id.clone()).or_default().push(ImageQuestion {
                kind: AnswerKind::Alignment,
                question_id,
                query: with_instruction(&question.query, self.instruction.as_deref()).into(),
                bucket: Some(question.bucket),
                depends_on: match &question.depends_on[..] {
                    [] => Arc::default(),
                    some => some.into(),
                },
                is_vqascore: false,
            });
        }
    }

    /// The questions about quality.
    pub fn quality(&self) -> &[ImageQuestion] {
        &self.quality
    }

    /// The questions about a prompt's images.
    pub fn alignment(&self, prompt_id: &str) -> &[ImageQuestion] {
        self.by_prompt.get(prompt_id).map_or(&[], Vec::as_slice)
    }

    /// The question of VQAScore about a prompt's images.
    pub fn vqascore(&self, prompt_id: &str) -> Option<&ImageQuestion> {
        self.vqascore.get(prompt_id)
    }

    /// All questions about an image.
    pub fn about(&self, image: &AskedImage) -> impl Iterator<Item = &ImageQuestion> {
        self.quality.iter().chain(self.vqascore(&image.prompt_id)).chain(self.alignment(&image.prompt_id))
    }
}

/// A question's text with the instruction after it.
pub(crate) fn with_instruction(query: &str, instruction: Option<&str>) -> String {
    let Some(instruction) = instruction else { return query.to_owned() };
    // Two sentences: a question without its mark would run into the instruction.
    let mark = if query.ends_with(|c: char| c.is_alphanumeric()) { "?" } else { "" };
    format!("{query}{mark} {}", instruction.trim())
}

#[cfg(test)]
pub(crate) mod tests {
    use tables::{Image, QuestionSource, Split};

    use super::*;

    /// An image whose file has this digest.
    pub(crate) fn image(image_id: &str, prompt_id: &str, digest: Option<u8>) -> AskedImage {
        let row = Image {
            image_id: image_id.into(),
            prompt_id: prompt_id.into(),
            generator: None,
            path: digest.map(|_| format!("{image_id}.png")),
            sha256: digest.map(sha256),
            width: digest.map(|_| 1),
            height: digest.map(|_| 1),
            bytes: digest.map(|_| 9),
            split: Split::Train,
        };
        let mut images = Vec::new();
        crate::asked_image::take(&mut images, &[row]);
        images.remove(0)
    }

    /// A digest of the same byte all over, as tables spell it.
    pub(crate) fn sha256(byte: u8) -> String {
        hex::encode([byte; 32])
    }

    pub(crate) fn question(prompt_id: &str, question_id: &str, query: &str, bucket: Bucket) -> Question {
        Question {
            prompt_id: prompt_id.into(),
            question_id: question_id.into(),
            question: query.into(),
            answer: "yes".into(),
            query: query.into(),
            bucket,
            span_start: None,
            span_end: None,
            source: QuestionSource::Template,
            depends_on: Vec::new(),
        }
    }

    pub(crate) fn quality(attributes: &[&str]) -> Quality {
        Quality {
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            question: "is the image {attribute}".into(),
            questions: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn an_instruction_follows_every_question_and_vqascore_has_its_own_in_it() {
        let asked = [question("p1", "q1", "is there a dog?", Bucket::Noun)];
        let prompt = Prompt {
            prompt_id: "p1".into(),
            prompt: "a red dog".into(),
            category: None,
            challenge: None,
            split: Split::Train,
        };
        let vqascore =
            VqaScore { attribute: "vqascore".into(), question: "Does this figure show \"{prompt}\"?".into() };
        let mut questions = Questions::of_quality(Some(&quality(&["bright"])))
            .with_instruction(Some("Answer yes or no. "))
            .with_vqascore(&vqascore, &[prompt]);
        questions.add(&asked);
        let about = |prompt_id| -> Vec<String> {
            let image = image("i", prompt_id, Some(1));
            questions.about(&image).map(|question| question.query.as_ref().to_owned()).collect()
        };
        let expected = [
            "is the image bright? Answer yes or no.",
            "Does this figure show \"a red dog\"?",
            "is there a dog? Answer yes or no.",
        ];
        assert_eq!(about("p1"), expected);
        assert_eq!(about("p2"), expected[..1], "a prompt that is not there has no question");
        assert!(questions.vqascore("p1").unwrap().is_vqascore && questions.vqascore("p2").is_none());
    }
}
