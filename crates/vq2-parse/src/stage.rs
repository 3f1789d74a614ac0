//! The stage: opens `prompts`, makes or imports questions, writes `questions`.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use tables::{
    Bucket, Counts, InputFile, Prompt, Question, QuestionSource, Stage, StageError, StageName, StageRun, Table, Tables,
};
use tracing::{info, warn};

use crate::error::Vq2ParseError;
use crate::import::{WANTED, imported_questions, imported_rows};
use crate::settings::{Generator, ImportSettings, Settings};
use crate::template::template_questions;

/// The stage `vq2-parse`: prompts to questions in four buckets.
#[derive(Debug, Clone)]
pub struct Vq2Parse {
    settings: Settings,
    /// Given if and only if questions are imported.
    import: Option<ImportSettings>,
}

impl Vq2Parse {
    /// The stage under these settings.
    ///
    /// # Errors
    /// [`Vq2ParseError::NoImport`] or [`Vq2ParseError::UnusedImport`] if generator and files do not fit together.
    pub fn new(settings: Settings) -> Result<Self, Vq2ParseError> {
        let import = match (settings.generator, settings.import.clone()) {
            (Generator::Import, None) => return Err(Vq2ParseError::NoImport),
            (Generator::Template, Some(_)) => return Err(Vq2ParseError::UnusedImport),
            (_, import) => import,
        };
        Ok(Self { settings, import })
    }
}

impl Stage for Vq2Parse {
    fn name(&self) -> StageName {
        StageName::Vq2Parse
    }

    fn version(&self) -> u32 {
        1
    }

    fn settings(&self) -> serde_json::Value {
        serde_json::json!(self.settings)
    }

    fn reads(&self) -> Vec<&'static str> {
        vec![Prompt::contract().name]
    }

    fn writes(&self) -> Vec<&'static str> {
        vec![Question::contract().name]
    }

    fn files(&self, _tables: &Tables) -> Result<Vec<InputFile>, StageError> {
        Ok(self.import.as_ref().map_or_else(Vec::new, |import| import.sources.input_files("import.sources")))
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        let mut prompts: Vec<Prompt> = run.read()?;
        prompts.sort_by(|a, b| a.prompt_id.cmp(&b.prompt_id));
        let questions = match &self.import {
            None => questions_of_prompts(&prompts),
            Some(import) => {
                let selected = import
                    .sources
                    .select(&import.questions, "vq2-parse.import.questions", WANTED)
                    .map_err(Vq2ParseError::from)?;
                let prompt_ids: HashSet<&str> = prompts.iter().map(|p| p.prompt_id.as_str()).collect();
                imported_questions(&imported_rows(&selected), &prompt_ids)?
            }
        };
        run.write(&questions)?;
        Ok(counts(&prompts, &questions))
    }
}

/// Template questions of all prompts, in the order of the prompts.
fn questions_of_prompts(prompts: &[Prompt]) -> Vec<Question> {
    let of_one = |prompt: &Prompt| -> Vec<Question> {
        let row = |q: crate::template::TemplateQuestion| Question {
            prompt_id: prompt.prompt_id.clone(),
            question_id: q.question_id,
            query: q.question.clone(),
            question: q.question,
            answer: "yes".to_owned(),
            bucket: q.bucket,
            span_start: i64::try_from(q.span.0).ok(),
            span_end: i64::try_from(q.span.1).ok(),
            source: QuestionSource::Template,
        };
        template_questions(&prompt.prompt).into_iter().map(row).collect()
    };
    prompts.par_iter().flat_map_iter(of_one).collect()
}

fn counts(prompts: &[Prompt], questions: &[Question]) -> Counts {
    let asked: HashSet<&str> = questions.iter().map(|q| q.prompt_id.as_str()).collect();
    let without: Vec<&str> = prompts.iter().map(|p| p.prompt_id.as_str()).filter(|id| !asked.contains(id)).collect();
    if !without.is_empty() {
        let first = without.iter().take(5).copied().collect::<Vec<_>>().join(", ");
        warn!(
            n_prompts = without.len(),
            first, "prompts without a question: their images count as aligned, or are missing"
        );
    }
    let mut counts: Counts = BTreeMap::from([
        ("prompts", prompts.len() as u64),
        ("questions", questions.len() as u64),
        ("prompts_without_question", without.len() as u64),
    ]);
    for &bucket in Bucket::ALL {
        counts.insert(bucket.as_str(), questions.iter().filter(|q| q.bucket == bucket).count() as u64);
    }
    info!(n_prompts = prompts.len(), n_questions = questions.len(), "questions written");
    counts
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sources::Sources;
    use tables::{ImageFiles, Location, ProgressStyle, Split, Staging, Storage};

    use super::*;

    fn prompt(id: &str, text: &str) -> Prompt {
        Prompt { prompt_id: id.into(), prompt: text.into(), category: None, challenge: None, split: Split::Train }
    }

    /// Runs the stage on these prompts; gives its counts and the table that it wrote.
    fn run(stage: &Vq2Parse, prompts: &[Prompt]) -> Result<(Counts, Vec<Question>), StageError> {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&Location::from(folder.path())).unwrap();
        let mut ingested = Staging::new(storage.clone(), StageName::Ingest);
        ingested.write(prompts, &[]).unwrap();
        ingested.commit("runs/ingest.json", "{}").unwrap();
        let images = ImageFiles::open(&Location::from(folder.path())).unwrap();
        let mut stage_run = StageRun::new(storage.clone(), stage.name(), images, ProgressStyle::Silent);
        let counts = stage.run(&mut stage_run)?;
        stage_run.into_staging().commit("runs/vq2-parse.json", "{}").unwrap();
        Ok((counts, Tables::new(storage).read().unwrap()))
    }

    fn template() -> Vq2Parse {
        Vq2Parse::new(Settings { generator: Generator::Template, import: None }).unwrap()
    }

    fn import(folder: &tempfile::TempDir, csv: &str, sql: &str) -> Vq2Parse {
        let path = folder.path().join("questions.csv");
        fs::write(&path, csv).unwrap();
        let sources = Sources(BTreeMap::from([("raw".to_owned(), Location::from(path.as_path()))]));
        let import = Some(ImportSettings { sources, questions: sql.to_owned() });
        Vq2Parse::new(Settings { generator: Generator::Import, import }).unwrap()
    }

    #[test]
    fn template_questions_are_written_in_the_order_of_prompts_and_counted() {
        let prompts = [prompt("b", "a red dog on a table"), prompt("a", "🐶"), prompt("c", "a cat sleeping")];
        let (counts, questions) = run(&template(), &prompts).unwrap();
        let rows: Vec<_> = questions.iter().map(|q| (q.prompt_id.as_str(), q.question_id.as_str())).collect();
        assert_eq!(
            rows,
            [
                ("b", "noun-1"),
                ("b", "noun-2"),
                ("b", "adjective-1"),
                ("b", "relation-1"),
                ("c", "noun-1"),
                ("c", "verb-1")
            ]
        );
        assert_eq!(questions[3].query, "is the dog on the table?");
        assert!(questions.iter().all(|q| q.answer == "yes" && q.source == QuestionSource::Template));
        assert_eq!((counts["prompts"], counts["questions"], counts["prompts_without_question"]), (3, 6, 1));
        assert_eq!((counts["noun"], counts["adjective"], counts["verb"], counts["relation"]), (3, 1, 1, 1));
    }

    #[test]
    fn the_same_prompts_give_the_same_table() {
        let prompts: Vec<Prompt> =
            (0..200).map(|i| prompt(&format!("p{i:03}"), &format!("{i} red dogs chasing a cat on hill {i}"))).collect();
        assert_eq!(run(&template(), &prompts).unwrap().1, run(&template(), &prompts).unwrap().1);
    }

    #[test]
    fn imported_questions_are_mapped_by_sql() {
        let folder = tempfile::tempdir().unwrap();
        let csv = "item,n,q,a\np1,1,Is there a dog?,\np1,2,What color is the dog?,green\n";
        let stage =
            import(&folder, csv, "SELECT item AS prompt_id, n AS question_id, q AS question, a AS answer FROM raw");
        let (counts, questions) = run(&stage, &[prompt("p1", "a green dog")]).unwrap();
        assert_eq!(questions[1].query, "is \"green\" true for \"What color is the dog?\" in this image?");
        assert_eq!((questions[0].question_id.as_str(), questions[1].bucket), ("1", Bucket::Adjective));
        assert_eq!(counts["questions"], 2);
        assert_eq!(stage.files(&Tables::new(Storage::open(&Location::from(folder.path())).unwrap())).unwrap().len(), 1);
    }

    #[test]
    fn a_question_about_an_unknown_prompt_fails_the_stage() {
        let folder = tempfile::tempdir().unwrap();
        let stage = import(&folder, "prompt_id,question_id,question\nzz,1,Is it?\n", "SELECT * FROM raw");
        let error = run(&stage, &[prompt("p1", "a dog")]).unwrap_err();
        assert!(error.source.to_string().contains("first row 1 (prompt_id `zz`)"), "{}", error.source);
    }

    #[test]
    fn settings_read_from_the_pipeline_file_and_refuse_what_does_not_fit() {
        let read = |text: &str| serde_json::from_str::<Settings>(text);
        let template = read(r#"{"generator": "template"}"#).unwrap();
        assert_eq!(template, Settings { generator: Generator::Template, import: None });
        assert!(read(r#"{"generator": "t5"}"#).unwrap_err().to_string().contains("`template` or `import`"));
        assert!(read(r#"{"generator": "template", "imports": 1}"#).unwrap_err().to_string().contains("unknown field"));
        let import = read(r#"{"generator": "import"}"#).unwrap();
        assert!(matches!(Vq2Parse::new(import), Err(Vq2ParseError::NoImport)));
        let unused = read(r#"{"generator": "template", "import": {"sources": {"a": "a.csv"}, "questions": "SELECT"}}"#);
        assert!(matches!(Vq2Parse::new(unused.unwrap()), Err(Vq2ParseError::UnusedImport)));
    }
}
