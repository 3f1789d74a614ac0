//! The stage: opens `prompts`, makes or imports questions, writes `questions`.

use std::collections::HashSet;

use rayon::prelude::*;
use tables::{
    Counts, InputFile, Prompt, Question, QuestionSource, Stage, StageError, StageName, StageRun, Table, TableError,
    Tables,
};

use crate::error::Vq2ParseError;
use crate::import::{WANTED, imported_questions, imported_rows};
use crate::settings::{Generator, ImportSettings, Settings, T5Settings};
#[cfg(feature = "t5")]
use crate::t5::T5Generator;
use crate::tally::Tally;
use crate::template::{NoQuestion, TemplateQuestion, template_questions};

/// The stage `vq2-parse`: prompts to questions in four buckets.
#[derive(Debug, Clone)]
pub struct Vq2Parse {
    settings: Settings,
    work: Work,
}

/// What the generator needs.
#[derive(Debug, Clone)]
enum Work {
    Template,
    Import(ImportSettings),
    #[cfg(feature = "t5")]
    T5(T5Settings),
}

impl Vq2Parse {
    /// The stage under these settings.
    ///
    /// # Errors
    /// [`Vq2ParseError::NoImport`], [`Vq2ParseError::UnusedImport`] and the like if generator and files do not fit
    /// together; [`Vq2ParseError::T5Setting`] for a value out of its range.
    pub fn new(settings: Settings) -> Result<Self, Vq2ParseError> {
        if settings.import.is_some() && settings.generator != Generator::Import {
            return Err(Vq2ParseError::UnusedImport);
        }
        if settings.t5.is_some() && settings.generator != Generator::T5 {
            return Err(Vq2ParseError::UnusedT5);
        }
        let work = match settings.generator {
            Generator::Template => Work::Template,
            Generator::Import => Work::Import(settings.import.clone().ok_or(Vq2ParseError::NoImport)?),
            Generator::T5 => t5_work(settings.t5.as_ref().ok_or(Vq2ParseError::NoT5)?)?,
        };
        Ok(Self { settings, work })
    }
}

#[cfg(feature = "t5")]
fn t5_work(settings: &T5Settings) -> Result<Work, Vq2ParseError> {
    settings.validate()?;
    Ok(Work::T5(settings.clone()))
}

#[cfg(not(feature = "t5"))]
fn t5_work(settings: &T5Settings) -> Result<Work, Vq2ParseError> {
    settings.validate()?;
    Err(Vq2ParseError::WithoutLibTorch)
}

impl Stage for Vq2Parse {
    fn name(&self) -> StageName {
        StageName::Vq2Parse
    }

    fn version(&self) -> u32 {
        3
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
        Ok(match &self.work {
            Work::Template => Vec::new(),
            Work::Import(import) => import.sources.input_files("import.sources"),
            #[cfg(feature = "t5")]
            Work::T5(settings) => crate::t5::input_files(settings),
        })
    }

    fn run(&self, run: &mut StageRun) -> Result<Counts, StageError> {
        let tally = match &self.work {
            Work::Template => write_template_questions(run)?,
            Work::Import(import) => write_imported_questions(run, import)?,
            #[cfg(feature = "t5")]
            Work::T5(settings) => return write_t5_questions(run, settings),
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
        let of_each: Vec<Result<Vec<Question>, NoQuestion>> = prompts.par_iter().map(template_rows).collect();
        for (prompt, made) in prompts.iter().zip(&of_each) {
            match made {
                Ok(questions) => tally.add(&prompt.prompt_id, questions),
                Err(reason) => tally.add_without(&prompt.prompt_id, *reason),
            }
        }
        progress.add(prompts.len());
        let rows: Vec<Question> = of_each.into_iter().flatten().flatten().collect();
        writer.append(&rows)
    })?;
    run.finish(writer)?;
    Ok(tally)
}

/// Generates and writes questions some prompts at a time.
#[cfg(feature = "t5")]
fn write_t5_questions(run: &mut StageRun, settings: &T5Settings) -> Result<Counts, StageError> {
    // Enough to fill batches of equal length, few enough to show that it moves.
    const PROMPTS_AT_ONCE: usize = 64;
    let mut generator = T5Generator::open(settings).map_err(Vq2ParseError::from)?;
    let prompts = run.reader::<Prompt>()?;
    let progress = run.progress(prompts.n_rows(), "prompts");
    let mut writer = run.writer::<Question>(&[], &[])?;
    let mut tally = Tally::default();
    prompts.try_for_each_chunk(|prompts| -> Result<(), T5StageError> {
        for prompts in prompts.chunks(PROMPTS_AT_ONCE) {
            let of_each = generator.questions(prompts)?;
            for (prompt, questions) in prompts.iter().zip(&of_each) {
                tally.add(&prompt.prompt_id, questions);
            }
            progress.add(prompts.len());
            writer.append(&of_each.concat())?;
        }
        Ok(())
    })?;
    run.finish(writer)?;
    let mut counts = tally.counts();
    counts.extend(generator.counts().named());
    Ok(counts)
}

/// A table or a model failed.
#[cfg(feature = "t5")]
#[derive(Debug, thiserror::Error)]
enum T5StageError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    T5(#[from] crate::t5::T5Error),
}

fn template_rows(prompt: &Prompt) -> Result<Vec<Question>, NoQuestion> {
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
    Ok(template_questions(&prompt.prompt)?.into_iter().map(row).collect())
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use sources::Sources;
    use tables::{Bucket, ImageFiles, Location, ProgressStyle, Split, Staging, Storage};

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
        Vq2Parse::new(Settings { generator: Generator::Template, import: None, t5: None }).unwrap()
    }

    fn import(folder: &tempfile::TempDir, csv: &str, sql: &str) -> Vq2Parse {
        let path = folder.path().join("questions.csv");
        fs::write(&path, csv).unwrap();
        let sources = Sources(BTreeMap::from([("raw".to_owned(), Location::from(path.as_path()))]));
        let import = Some(ImportSettings { sources, questions: sql.to_owned() });
        Vq2Parse::new(Settings { generator: Generator::Import, import, t5: None }).unwrap()
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
        assert_eq!(counts["prompts_without_words"], 1);
        assert_eq!((counts["noun"], counts["adjective"], counts["verb"], counts["relation"]), (3, 1, 1, 1));
    }

    #[test]
    fn odd_prompts_are_counted_by_reason() {
        let long = "a red dog ".repeat(1_000);
        let odd =
            [("a", "  \n "), ("b", "🐶🐱"), ("c", "одна собака на траве"), ("d", long.as_str()), ("e", "of the and")];
        let prompts: Vec<Prompt> = odd.iter().map(|(id, text)| prompt(id, text)).collect();
        let (counts, questions) = run(&template(), &prompts).unwrap();
        assert_eq!(questions, []);
        for reason in ["empty", "without_words", "in_other_script", "too_long", "without_content_word"] {
            assert_eq!(counts.get(format!("prompts_{reason}").as_str()), Some(&1), "{reason}: {counts:?}");
        }
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

    #[cfg(feature = "t5")]
    #[test]
    fn t5_questions_are_written_prompt_by_prompt_and_their_models_are_inputs() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/t5");
        let settings = serde_json::json!({"generator": "t5", "t5": {
            "device": "cpu", "batch_size": 4, "candidates": ["noun_chunks"], "max_input_tokens": 128, "max_new_tokens": 24,
            "question_generation": format!("{folder}/t5-relu"),
            "decoding": {"kind": "greedy", "no_repeat_ngram_size": 0},
            "filter": {"kind": "q2_equality", "question_answering": {"folder": format!("{folder}/bert-uncased"),
                "max_tokens": 64, "stride": 16, "max_answer_tokens": 15, "no_answer": true}},
        }});
        let stage = Vq2Parse::new(serde_json::from_value(settings.clone()).unwrap()).unwrap();
        let prompts: Vec<Prompt> = (0..70)
            .map(|i| {
                prompt(
                    &format!("p{i:02}"),
                    if i % 2 == 0 { "two children watch a red kite from the wall" } else { "🐶" },
                )
            })
            .collect();
        let (counts, questions) = run(&stage, &prompts).unwrap();
        assert_eq!((counts["prompts"], counts["prompts_without_question"]), (70, 35));
        assert_eq!(counts["candidates"], 3 * 35);
        assert_eq!(
            counts["questions"],
            counts["questions_generated"] - counts["questions_disagreeing"] - counts["questions_repeated"]
        );
        assert!(questions.is_sorted_by_key(|question| &question.prompt_id));
        let kept =
            |question: &Question| question.question == "Who watches a red kite?" && question.answer == "two children";
        assert_eq!(questions.iter().filter(|q| kept(q)).count(), 35);
        let files = stage.files(&Tables::new(Storage::open(&Location::new("/tmp")).unwrap())).unwrap();
        assert_eq!(files.len(), 7);
        // Where the models lie decides nothing; what the files hold does.
        assert!(!stage.settings().to_string().contains("fixtures"), "{}", stage.settings());
        let mut unused = settings;
        unused["generator"] = "template".into();
        assert!(matches!(Vq2Parse::new(serde_json::from_value(unused).unwrap()), Err(Vq2ParseError::UnusedT5)));
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
        assert_eq!(template, Settings { generator: Generator::Template, import: None, t5: None });
        assert!(read(r#"{"generator": "gpt"}"#).unwrap_err().to_string().contains("`template`, `import`, `t5`"));
        assert!(matches!(Vq2Parse::new(read(r#"{"generator": "t5"}"#).unwrap()), Err(Vq2ParseError::NoT5)));
        assert!(read(r#"{"generator": "template", "imports": 1}"#).unwrap_err().to_string().contains("unknown field"));
        let import = read(r#"{"generator": "import"}"#).unwrap();
        assert!(matches!(Vq2Parse::new(import), Err(Vq2ParseError::NoImport)));
        let unused = read(r#"{"generator": "template", "import": {"sources": {"a": "a.csv"}, "questions": "SELECT"}}"#);
        assert!(matches!(Vq2Parse::new(unused.unwrap()), Err(Vq2ParseError::UnusedImport)));
    }
}
