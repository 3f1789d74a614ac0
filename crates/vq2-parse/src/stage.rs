//! The stage: opens `prompts`, makes or imports questions, writes `questions`.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use tables::{
    Bucket, Counts, InputFile, Prompt, Question, QuestionSource, Stage, StageError, StageName, StageRun, Table,
    TableError, Tables,
};
use tracing::{info, warn};

use crate::error::Vq2ParseError;
use crate::import::{WANTED, imported_questions, imported_rows};
use crate::settings::{Generator, ImportSettings, Settings};
use crate::template::{TemplateQuestion, template_questions};

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
        2
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
        let tally = match &self.import {
            None => write_template_questions(run)?,
            Some(import) => write_imported_questions(run, import)?,
        };
        Ok(tally.counts())
    }
}

/// Makes and writes questions a few thousand prompts at a time: the memory does not grow with their number.
fn write_template_questions(run: &mut StageRun) -> Result<Tally, StageError> {
    let prompts = run.reader::<Prompt>()?;
    let progress = run.progress(prompts.n_rows(), "prompts");
    let mut writer = run.writer::<Question>(&[], &[])?;
    let mut tally = Tally::default();
    prompts.try_for_each_chunk(|prompts| -> Result<(), TableError> {
        let of_each: Vec<Vec<Question>> = prompts.par_iter().map(template_rows).collect();
        for (prompt, questions) in prompts.iter().zip(&of_each) {
            tally.add(&prompt.prompt_id, questions);
        }
        progress.add(prompts.len());
        writer.append(&of_each.concat())
    })?;
    run.finish(writer)?;
    Ok(tally)
}

fn template_rows(prompt: &Prompt) -> Vec<Question> {
    let row = |q: TemplateQuestion| Question {
        prompt_id: prompt.prompt_id.clone(),
        question_id: q.question_id,
        query: q.question.clone(),
        question: q.question,
        answer: "yes".to_owned(),
        bucket: q.bucket,
        span_start: i64::try_from(q.span.0).ok(),
        span_end: i64::try_from(q.span.1).ok(),
        source: QuestionSource::Template,
        depends_on: Vec::new(),
    };
    template_questions(&prompt.prompt).unwrap_or_default().into_iter().map(row).collect()
}

fn write_imported_questions(run: &mut StageRun, import: &ImportSettings) -> Result<Tally, StageError> {
    let selected =
        import.sources.select(&import.questions, "vq2-parse.import.questions", WANTED).map_err(Vq2ParseError::from)?;
    let mut prompt_ids: Vec<String> = Vec::new();
    run.reader::<Prompt>()?.for_each_chunk(|prompts| prompt_ids.extend(prompts.into_iter().map(|p| p.prompt_id)))?;
    let known: HashSet<&str> = prompt_ids.iter().map(String::as_str).collect();
    let questions = imported_questions(&imported_rows(&selected), &known)?;
    run.write(&questions)?;
    let mut tally = Tally::default();
    questions.chunk_by(|a, b| a.prompt_id == b.prompt_id).for_each(|of_one| tally.add(&of_one[0].prompt_id, of_one));
    let asked: HashSet<&str> = questions.iter().map(|q| q.prompt_id.as_str()).collect();
    prompt_ids.iter().filter(|id| !asked.contains(id.as_str())).for_each(|id| tally.add(id, &[]));
    Ok(tally)
}

/// What a run counts, prompt by prompt.
#[derive(Default)]
struct Tally {
    n_prompts: u64,
    n_without: u64,
    /// The first few of them.
    without: Vec<String>,
    by_bucket: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, prompt_id: &str, questions: &[Question]) {
        self.n_prompts += 1;
        if questions.is_empty() {
            self.n_without += 1;
            if self.without.len() < 5 {
                self.without.push(prompt_id.to_owned());
            }
        }
        for question in questions {
            *self.by_bucket.entry(question.bucket.as_str()).or_default() += 1;
        }
    }

    fn counts(self) -> Counts {
        let n_questions = self.by_bucket.values().sum();
        if self.n_without > 0 {
            warn!(
                n_prompts = self.n_without,
                first = self.without.join(", "),
                "prompts without a question: their images count as aligned, or are missing"
            );
        }
        info!(n_prompts = self.n_prompts, n_questions, "questions written");
        let mut counts = Counts::from([
            ("prompts", self.n_prompts),
            ("questions", n_questions),
            ("prompts_without_question", self.n_without),
        ]);
        counts.extend(Bucket::ALL.iter().map(|b| (b.as_str(), self.by_bucket.get(b.as_str()).copied().unwrap_or(0))));
        counts
    }
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
