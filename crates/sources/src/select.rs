//! Named raw files, and one SELECT from them.

use std::collections::BTreeMap;

use polars::prelude::{DataFrame, PolarsError};
use polars::sql::{SQLContext, extract_table_identifiers};
use serde::{Deserialize, Serialize};
use tables::{InputFile, Location};

use crate::error::SourceError;
use crate::raw_file::{MAX_FETCHED_BYTES, RawFile};
use crate::selected::{Selected, WantedColumn};

/// Named raw files that SQL selects from: CSV, TSV (in which a quote is a letter), JSON (one array of objects), JSON lines or Parquet, by the ending
/// of the name; each a path or a URL (`s3://`, `https://`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Sources(pub BTreeMap<String, Location>);

impl Sources {
    /// Runs one SELECT; the result has exactly the columns of `wanted`. `what` names the SELECT in messages
    /// (`ingest.ratings`).
    ///
    /// Only the sources that the SQL names are read. A nullable column that the SELECT does not give is null throughout.
    /// An empty cell of a CSV or TSV file is a missing value. Its types are inferred over the whole file: see
    /// [`Selected`] for what becomes text and numbers. The rows come in the order that Polars gives them.
    ///
    /// # Errors
    /// [`SourceError`]: a file that cannot be read; SQL that fails; a column too few or too many; a value that is not
    /// of the wanted type, with its row.
    pub fn select(&self, sql: &str, what: &'static str, wanted: &[WantedColumn]) -> Result<Selected, SourceError> {
        let failed = |opened: &[Opened], source: PolarsError| SourceError::Sql {
            what,
            sql: sql.split_whitespace().collect::<Vec<_>>().join(" "),
            known: self.described(opened),
            source: source.into(),
        };
        let named = extract_table_identifiers(sql, false, true).map_err(|error| failed(&[], error))?;
        if let Some(function) =
            FILE_FUNCTIONS.iter().find(|function| named.iter().any(|name| name.to_lowercase() == **function))
        {
            return Err(SourceError::TableFunction { what, function });
        }
        let mut opened = Vec::new();
        let mut context = SQLContext::new();
        for (name, location) in self.0.iter().filter(|(name, _)| named.contains(name)) {
            let file = RawFile::open(name, location, MAX_FETCHED_BYTES)?;
            context.register(name, file.frame.clone());
            opened.push(Opened { name: name.clone(), location: location.clone(), file });
        }
        let frame = run(&mut context, sql).map_err(|error| failed(&opened, error))?;
        let files = opened.iter().map(|one| format!("`{}`", one.location)).collect::<Vec<_>>().join(", ");
        Selected::new(&frame, what, wanted, &files)
    }

    /// The names of a source's columns, in its order; none if there is no such source.
    ///
    /// # Errors
    /// [`SourceError`]: a file that cannot be read.
    pub fn columns(&self, source: &str) -> Result<Vec<String>, SourceError> {
        let Some(location) = self.0.get(source) else { return Ok(Vec::new()) };
        let mut file = RawFile::open(source, location, MAX_FETCHED_BYTES)?;
        let schema = file.frame.collect_schema();
        Ok(schema.map(|schema| schema.iter_names().map(|name| name.to_string()).collect()).unwrap_or_default())
    }

    /// The files, named `{prefix}.{source}`, for the digests that decide whether a stage is fresh.
    pub fn input_files(&self, prefix: &str) -> Vec<InputFile> {
        let named = |(name, location): (&String, &Location)| InputFile {
            name: format!("{prefix}.{name}"),
            location: location.clone(),
        };
        self.0.iter().map(named).collect()
    }

    /// `ratings (user_ID, stimuli_file, …), prompts`: with the columns of those that were opened.
    fn described(&self, opened: &[Opened]) -> String {
        let one = |name: &String| match opened.iter().find(|one| one.name == *name).map(|one| one.columns()) {
            Some(columns) => format!("`{name}` ({columns})"),
            None => format!("`{name}`"),
        };
        if self.0.is_empty() { "none".to_owned() } else { self.0.keys().map(one).collect::<Vec<_>>().join(", ") }
    }
}

/// Polars' SQL functions that read a file by its path.
const FILE_FUNCTIONS: &[&str] = &["read_csv", "read_parquet", "read_ipc", "read_json"];

struct Opened {
    name: String,
    location: Location,
    file: RawFile,
}

impl Opened {
    fn columns(&self) -> String {
        match self.file.frame.clone().collect_schema() {
            Ok(schema) => schema.iter_names().map(|name| name.as_str()).collect::<Vec<_>>().join(", "),
            Err(_) => String::new(),
        }
    }
}

fn run(context: &mut SQLContext, sql: &str) -> Result<DataFrame, PolarsError> {
    context.execute(sql)?.collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// Files in a folder of their own, selected from by their names without the ending.
    struct Raw {
        folder: tempfile::TempDir,
        sources: Sources,
    }

    impl Raw {
        fn new(files: &[(&str, &str)]) -> Self {
            let mut raw = Self { folder: tempfile::tempdir().unwrap(), sources: Sources::default() };
            for (name, content) in files {
                std::fs::write(raw.path(name), content).unwrap();
                let stem = name.split('.').next().unwrap().to_owned();
                raw.sources.0.insert(stem, raw.path(name).as_path().into());
            }
            raw
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn select(&self, sql: &str, wanted: &[WantedColumn]) -> Result<Selected, SourceError> {
            self.sources.select(sql, "ingest.ratings", wanted)
        }

        fn message(&self, sql: &str, wanted: &[WantedColumn]) -> String {
            self.select(sql, wanted).unwrap_err().to_string()
        }
    }

    const RATER: WantedColumn = WantedColumn::text("rater_id");
    const RATING: WantedColumn = WantedColumn::number("rating");
    const SECONDS: WantedColumn = WantedColumn::number("seconds").optional();

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn nested_json_is_unfolded_by_sql() {
        let text = r#"[{"who": "ann", "marks": [{"of": "a", "stars": 3}, {"of": "b", "stars": 4}]},
                       {"who": "bob", "marks": [{"of": "c", "stars": 5}]}]"#;
        let raw = Raw::new(&[("raw.json", text)]);
        let sql = "SELECT who AS rater_id, mark.stars AS rating FROM (SELECT who, UNNEST(marks) AS mark FROM raw)";
        let selected = raw.select(sql, &[RATER, RATING]).unwrap();
        assert_eq!(selected.text("rater_id"), some(&["ann", "ann", "bob"]));
        assert_eq!(selected.number("rating"), [Some(3.0), Some(4.0), Some(5.0)]);
    }

    #[test]
    fn every_kind_of_file_gives_the_same_columns() {
        let mut raw = Raw::new(&[
            ("c.csv", "rater_id,rating\n1,3\n2,4.5\n"),
            ("t.tsv", "rater_id\trating\n1\t3\n2\t4.5\n"),
            ("j.jsonl", "{\"rater_id\": 1, \"rating\": 3}\n\n{\"rater_id\": 2, \"rating\": 4.5}\n"),
            ("a.json", "[{\"rater_id\": 1, \"rating\": 3},\n {\"rater_id\": 2, \"rating\": 4.5}]"),
        ]);
        let path = raw.path("p.parquet");
        write_parquet(&path);
        raw.sources.0.insert("p".into(), path.as_path().into());
        for source in ["c", "t", "j", "a", "p"] {
            let rows =
                raw.select(&format!("SELECT rater_id, rating FROM {source}"), &[RATER, RATING, SECONDS]).unwrap();
            assert_eq!(rows.n_rows(), 2);
            assert_eq!(rows.required_text("rater_id"), ["1", "2"], "{source}");
            assert_eq!(rows.required_number("rating"), [3.0, 4.5], "{source}");
            assert_eq!(rows.number("seconds"), [None, None], "{source}");
        }
    }

    /// Columns of small integers and of dictionaries, as pandas and Hugging Face write them.
    fn write_parquet(path: &std::path::Path) {
        use arrow::array::{ArrayRef, Float32Array, Int8Array, RecordBatch};
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("rater_id", std::sync::Arc::new(Int8Array::from(vec![1, 2]))),
            ("rating", std::sync::Arc::new(Float32Array::from(vec![3.0, 4.5]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    #[test]
    fn a_text_rating_in_row_7_is_named() {
        let mut csv = "who,stars\n".to_owned();
        (1..=9).for_each(|row| csv.push_str(&format!("{row},{}\n", if row == 7 { "good" } else { "3" })));
        let raw = Raw::new(&[("raw.csv", &csv)]);
        let error = raw.select("SELECT who AS rater_id, stars AS rating FROM raw", &[RATER, RATING]).unwrap_err();
        assert!(matches!(&error, SourceError::NotANumber { row: 7, column: "rating", value, .. } if value == "good"));
        let message = error.to_string();
        assert!(message.starts_with("ingest.ratings: `rating` is `good` in row 7 of the SELECT from"), "{message}");
        assert!(message.contains("raw.csv`, which is not a number"), "{message}");
    }

    #[test]
    fn a_missing_value_is_named_unless_the_column_is_nullable() {
        let raw = Raw::new(&[("raw.csv", "rater_id,rating\na,1\nb,\nc,\n")]);
        let sql = "SELECT rater_id, rating FROM raw";
        let error = raw.select(sql, &[RATER, RATING]).unwrap_err();
        assert!(matches!(error, SourceError::Missing { row: 2, n_rows: 2, column: "rating", .. }), "{error}");
        assert_eq!(raw.select(sql, &[RATER, RATING.optional()]).unwrap().number("rating"), [Some(1.0), None, None]);
    }

    #[test]
    fn columns_too_few_and_too_many_are_named() {
        let raw = Raw::new(&[("raw.csv", "rater_id,rating,note\na,1,x\n")]);
        let message = raw.message("SELECT rater_id FROM raw", &[RATER, RATING]);
        assert_eq!(message, "ingest.ratings: the SELECT gives no column `rating`; it gives `rater_id`");
        let message = raw.message("SELECT * FROM raw", &[RATER, RATING, SECONDS]);
        assert!(message.contains("gives `note`") && message.contains("`rater_id`, `rating`, `seconds`"), "{message}");
    }

    #[test]
    fn failing_sql_is_shown_with_the_sources_and_their_columns() {
        let raw = Raw::new(&[("raw.csv", "who,stars\na,1\n"), ("other.csv", "x\n1\n")]);
        for sql in ["SELECT rater FROM raw", "SELEC who FROM raw", "SELECT who FROM", "SELECT who FROM nowhere", ""] {
            let error = raw.select(sql, &[RATER]).unwrap_err();
            let SourceError::Sql { known, .. } = &error else { panic!("{sql}: {error}") };
            assert!(known.contains("`other`") && known.contains("`raw`"), "{known}");
        }
        let message = raw.message("SELECT\n  rater\nFROM raw", &[RATER]);
        assert!(message.contains("`raw` (who, stars); the SQL is: SELECT rater FROM raw"), "{message}");
    }

    #[test]
    fn odd_sql_is_an_error_and_no_panic() {
        let mut raw = Raw::new(&[("raw.csv", "rater_id,rating\na,1\n")]);
        let quoted = raw.path("raw.csv").as_path().into();
        raw.sources.0.insert("raw-2023".into(), quoted);
        for sql in [
            "DROP TABLE raw",
            "SELECT * FROM raw; SELECT * FROM raw",
            "SELECT SUM() AS rating FROM raw",
            "SELECT rater_id - rating AS rating FROM raw",
            "SELECT CAST(rater_id AS DOUBLE) AS rating FROM raw",
            "SELECT STRPTIME(rating, '%Y') AS rating FROM raw",
            "SELECT STRPTIME(rater_id, '%Q') AS rating FROM raw",
            "SELECT rating, rating FROM raw",
            "SELECT a.rating FROM raw AS b",
            "SELECT ROW_NUMBER(1) OVER () AS rating FROM raw",
            "SELECT rating FROM raw WHERE rater_id",
            "SELECT rating FROM raw GROUP BY rater_id HAVING",
            "SELECT rating FROM raw-2023",
        ] {
            assert!(raw.select(sql, &[RATING]).is_err(), "{sql}");
        }
        let quoted = raw.select("SELECT rating FROM \"raw-2023\"", &[RATING]).unwrap();
        assert_eq!(quoted.required_number("rating"), [1.0]);
    }

    #[test]
    fn sql_reads_no_file_that_is_not_among_the_sources() {
        let raw = Raw::new(&[("raw.csv", "rater_id\na\n")]);
        let hidden = raw.path("raw.csv");
        let message = raw.message(&format!("SELECT * FROM read_csv('{}')", hidden.display()), &[RATER]);
        assert!(message.contains("`read_csv` is not available"), "{message}");
        let nested = format!("SELECT * FROM raw JOIN READ_CSV('{}') AS x ON true", hidden.display());
        assert!(raw.select(&nested, &[RATER]).is_err());
    }

    #[test]
    fn only_the_named_sources_are_read_and_a_broken_one_is_named() {
        let mut raw = Raw::new(&[
            ("raw.csv", "rater_id\na\n"),
            ("bad.csv", "a,b\n1\n"),
            ("bad_lines.jsonl", "{\"a\": 1}\n{\"a\""),
        ]);
        raw.sources.0.insert("gone".into(), raw.path("gone.csv").as_path().into());
        raw.sources.0.insert("folder".into(), raw.folder.path().join("x.csv").as_path().into());
        std::fs::create_dir(raw.path("x.csv")).unwrap();
        raw.sources.0.insert("sheet".into(), raw.path("a.xlsx").as_path().into());
        std::fs::write(raw.path("half.parquet"), b"PAR1 and then nothing").unwrap();
        raw.sources.0.insert("half".into(), raw.path("half.parquet").as_path().into());
        assert_eq!(raw.select("SELECT rater_id FROM raw", &[RATER]).unwrap().text("rater_id"), some(&["a"]));
        for (source, file) in [
            ("bad", "bad.csv"),
            ("bad_lines", "bad_lines.jsonl"),
            ("gone", "gone.csv"),
            ("folder", "x.csv"),
            ("sheet", "a.xlsx"),
            ("half", "half.parquet"),
        ] {
            let message = raw.message(&format!("SELECT * FROM {source}"), &[RATER]);
            assert!(message.starts_with(&format!("source `{source}`")) && message.contains(file), "{message}");
        }
    }

    #[test]
    fn values_become_the_wanted_types_and_nothing_is_rounded() {
        let raw = Raw::new(&[
            ("raw.csv", "big,half,word,yes\n9007199254740993,0.5, 7 ,true\n"),
            ("lines.jsonl", "{\"yes\": true, \"list\": [1]}\n"),
        ]);
        let one = |sql: &str, wanted: WantedColumn| raw.select(sql, &[wanted]);
        let (text, number, whole) = (WantedColumn::text("x"), WantedColumn::number("x"), WantedColumn::integer("x"));
        assert_eq!(one("SELECT big AS x FROM raw", text).unwrap().required_text("x"), ["9007199254740993"]);
        assert_eq!(one("SELECT big AS x FROM raw", whole).unwrap().required_integer("x"), [9_007_199_254_740_993]);
        assert_eq!(one("SELECT half AS x FROM raw", text).unwrap().required_text("x"), ["0.5"]);
        assert_eq!(one("SELECT half * 2 AS x FROM raw", whole).unwrap().required_integer("x"), [1]);
        assert_eq!(one("SELECT word AS x FROM raw", number).unwrap().required_number("x"), [7.0]);
        assert_eq!(one("SELECT half > 0 AS x FROM raw", number).unwrap().required_number("x"), [1.0]);
        assert_eq!(one("SELECT yes AS x FROM lines", text).unwrap().required_text("x"), ["true"]);
        assert_eq!(one("SELECT NULL AS x FROM raw", number.optional()).unwrap().number("x"), [None]);
        assert_eq!(one("SELECT NULL AS x FROM raw", text.optional()).unwrap().text("x"), [None]);
        assert!(matches!(one("SELECT half AS x FROM raw", whole), Err(SourceError::NotANumber { .. })));
        assert!(matches!(one("SELECT list AS x FROM lines", text), Err(SourceError::Type { .. })));
        assert!(matches!(one("SELECT list AS x FROM lines", number), Err(SourceError::Type { .. })));
    }

    #[test]
    fn no_rows_and_one_row_are_fine() {
        let raw = Raw::new(&[("raw.csv", "rater_id,rating\n"), ("one.csv", "rater_id,rating\na,1")]);
        assert_eq!(raw.select("SELECT * FROM raw", &[RATER, RATING]).unwrap().n_rows(), 0);
        assert_eq!(raw.select("SELECT * FROM one", &[RATER, RATING]).unwrap().required_number("rating"), [1.0]);
    }

    #[test]
    fn answer_seconds_come_from_two_time_stamps() {
        let raw = Raw::new(&[(
            "raw.csv",
            "who,kind,value,ended\n\
             1,stars,4,2022-09-26 15:42:06 615170\n\
             1,start,\"Mon, 26 Sep 2022 15:41:55 GMT\",2022-09-26 15:42:06 615170\n",
        )]);
        let sql = "
            SELECT s.who AS rater_id, s.value AS rating,
                   STRPTIME(s.ended, '%Y-%m-%d %H:%M:%S %6f') - STRPTIME(b.value, '%a, %d %b %Y %H:%M:%S GMT') AS seconds
            FROM (SELECT * FROM raw WHERE kind = 'stars') AS s
            JOIN (SELECT * FROM raw WHERE kind = 'start') AS b ON s.who = b.who";
        let rows = raw.select(sql, &[RATER, RATING, SECONDS]).unwrap();
        assert_eq!(rows.number("seconds"), [Some(11.615_17)]);
        assert_eq!(rows.required_number("rating"), [4.0]);
    }

    #[test]
    fn json_lines_of_mixed_types_late_keys_and_nulls_are_read() {
        let mut lines = "{\"rater_id\": 1}\n".repeat(3_000);
        lines.push_str("{\"rater_id\": \"ann\", \"rating\": 2}\n{\"rating\": \"high\", \"rater_id\": null}\n");
        let raw = Raw::new(&[("raw.jsonl", &lines)]);
        let rows = raw.select("SELECT rater_id FROM raw", &[RATER.optional()]).unwrap();
        assert_eq!(rows.text("rater_id")[2_999..], [Some("1".into()), Some("ann".into()), None]);
        let error = raw.select("SELECT rating FROM raw", &[RATING.optional()]).unwrap_err();
        assert!(matches!(error, SourceError::NotANumber { row: 3_002, .. }), "{error}");
    }

    /// Answers each request on a free port with the same response.
    fn serve(response: String) -> String {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(response.as_bytes());
            }
        });
        format!("http://{address}/data/raw%20ratings.csv")
    }

    #[test]
    fn a_url_is_fetched_within_its_bound() {
        let csv = "rater_id,rating\na,1\n";
        let url = serve(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{csv}", csv.len()));
        let sources = Sources([("raw".to_owned(), Location::new(&url))].into());
        let rows = sources.select("SELECT * FROM raw", "ingest.ratings", &[RATER, RATING]).unwrap();
        assert_eq!(rows.required_text("rater_id"), ["a"]);
        let Err(error) = RawFile::open("raw", &Location::new(&url), 10) else { panic!("20 bytes pass a bound of 10") };
        assert!(matches!(error, SourceError::Fetch { source: tables::StorageError::TooLarge { bytes: 20, .. }, .. }));
    }

    #[test]
    fn a_url_with_nothing_there_is_named() {
        let url = serve("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
        let sources = Sources([("raw".to_owned(), Location::new(&url))].into());
        let error = sources.select("SELECT * FROM raw", "ingest.ratings", &[RATER]).unwrap_err();
        assert_eq!(error.to_string(), format!("source `raw`: `{url}` is not there"));
        let sources = Sources([("raw".to_owned(), Location::new("gopher://host/raw.csv"))].into());
        let error = sources.select("SELECT * FROM raw", "ingest.ratings", &[RATER]).unwrap_err();
        assert!(matches!(error, SourceError::Fetch { .. }) && !error.retry_later(), "{error}");
    }

    #[test]
    fn input_files_are_named_by_source() {
        let raw = Raw::new(&[("b.csv", ""), ("a.csv", "")]);
        let names: Vec<String> = raw.sources.input_files("sources").into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["sources.a", "sources.b"]);
    }
}
