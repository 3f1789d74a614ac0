//! What is asked about each image: the quality questions, the same for all, and the alignment questions of its prompt.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tables::{AnswerKind, Bucket, Image, Question};

use crate::settings::Quality;

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
}

/// The questions about every image.
#[derive(Debug, Default)]
pub struct Questions {
    quality: Vec<ImageQuestion>,
    by_prompt: HashMap<String, Vec<ImageQuestion>>,
    names: HashSet<Arc<str>>,
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
        };
        let quality =
            quality.map(|quality| quality.attributes.iter().map(|name| quality_question(quality, name)).collect());
        Self { quality: quality.unwrap_or_default(), ..Self::default() }
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
                query: question.query.as_str().into(),
                bucket: Some(question.bucket),
                depends_on: match &question.depends_on[..] {
                    [] => Arc::default(),
                    some => some.into(),
                },
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

    /// All questions about an image.
    pub fn about(&self, image: &Image) -> impl Iterator<Item = &ImageQuestion> {
        self.quality.iter().chain(self.alignment(&image.prompt_id))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tables::{QuestionSource, Split};

    use super::*;

    pub(crate) fn image(image_id: &str, prompt_id: &str, sha256: Option<&str>) -> Image {
        Image {
            image_id: image_id.into(),
            prompt_id: prompt_id.into(),
            generator: None,
            path: sha256.map(|_| format!("{image_id}.png")),
            sha256: sha256.map(str::to_owned),
            width: sha256.map(|_| 1),
            height: sha256.map(|_| 1),
            bytes: sha256.map(|_| 9),
            split: Split::Train,
        }
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
        }
    }
}
