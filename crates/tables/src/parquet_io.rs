//! Checked Parquet: nothing that breaks its contract is written, and nothing that breaks it is read.

use std::fs::File;
use std::marker::PhantomData;
use std::sync::Arc;

use arrow::array::Array;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::cell::null_embeddings;
use crate::check::{Checker, Violations};
use crate::contract::{Contract, Table};
use crate::digest::RowDigest;
use crate::storage::{Content, StorageError};

/// What was wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A stage wants a table that no stage has written yet.
    #[error("table `{table}` is not there yet (`{place}`); run `{written_by}` first")]
    Missing {
        /// The table.
        table: &'static str,
        /// Where it would stand.
        place: String,
        /// The stage that writes it.
        written_by: &'static str,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A file is no Parquet file, or not a whole one.
    #[error("`{file}` is not a readable Parquet file; delete it and rerun `{written_by}`")]
    Unreadable {
        /// The file.
        file: String,
        /// The stage that writes it.
        written_by: &'static str,
        /// What Parquet says.
        #[source]
        source: ParquetError,
    },
    /// A file was written under another version of the contract.
    #[error("`{file}` is version {found} of `{table}`, this program knows version {expected}; rerun `{written_by}`")]
    Version {
        /// The file.
        file: String,
        /// The table.
        table: &'static str,
        /// The version this program knows.
        expected: u32,
        /// The version in the file.
        found: String,
        /// The stage that writes it.
        written_by: &'static str,
    },
    /// A table breaks its contract.
    #[error("{file}: {violations}")]
    Broken {
        /// The file, or the stage that was about to write it.
        file: String,
        /// All that is wrong.
        violations: Violations,
    },
    /// A table could not be written.
    #[error("cannot write table `{table}`")]
    Write {
        /// The table.
        table: &'static str,
        /// What Parquet says.
        #[source]
        source: ParquetError,
    },
}

/// Rows as one batch, unchecked.
pub fn encode<T: Table>(rows: &[T]) -> RecordBatch {
    let contract = T::contract();
    let arrays = T::encode_columns(rows);
    let fields: Vec<Field> = contract
        .columns
        .iter()
        .zip(&arrays)
        .map(|(column, array)| Field::new(column.name, array.data_type().clone(), column.nullable))
        .collect();
    // A non-null column whose rows hold null cannot be made: the row types have no null there.
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .unwrap_or_else(|error| unreachable!("`{}`: {error}", T::NAME))
}

/// The rows of a batch, checked as a whole table.
///
/// # Errors
/// All [`Violations`].
pub fn decode<T: Table>(batch: &RecordBatch) -> Result<Vec<T>, Violations> {
    crate::check::check(T::contract(), batch)?;
    Ok(T::decode_batch(batch))
}

const NAME_KEY: &str = "finegrain.table";
const VERSION_KEY: &str = "finegrain.version";
const ROWS_PER_GROUP: usize = 65_536;
/// What a writer holds in memory until a group is full: embeddings are some kilobytes a row.
const BYTES_PER_GROUP: usize = 64 << 20;

/// Writes a table's rows to a file as they come, checking each batch before it is written.
pub struct TableWriter<T: Table, W: std::io::Write + Send> {
    contract: Arc<Contract>,
    /// What the first rows fixed.
    schema: Arc<Schema>,
    writer: ArrowWriter<W>,
    checker: Checker,
    digest: RowDigest,
    n_rows: usize,
    rows: PhantomData<T>,
}

impl<T: Table, W: std::io::Write + Send> TableWriter<T, W> {
    /// Starts a file with its first rows, which fix the size of embedding columns. `metadata` goes into the file's
    /// own, after the contract's name and version.
    ///
    /// # Errors
    /// [`TableError::Broken`] or [`TableError::Write`].
    pub fn create(out: W, metadata: &[(String, String)], first: &[T]) -> Result<Self, TableError> {
        let contract = T::contract();
        let batch = encode(first);
        let own = [(NAME_KEY.to_owned(), T::NAME.to_owned()), (VERSION_KEY.to_owned(), contract.version.to_string())];
        let key_values =
            own.iter().chain(metadata).map(|(key, value)| KeyValue::new(key.clone(), value.clone())).collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_created_by("finegrain".to_owned())
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .set_max_row_group_bytes(Some(BYTES_PER_GROUP))
            .set_key_value_metadata(Some(key_values))
            .build();
        let writer = ArrowWriter::try_new(out, batch.schema(), Some(properties)).map_err(cannot_write::<T>)?;
        let mut digest = RowDigest::new(contract.clone());
        metadata.iter().for_each(|(key, value)| digest.add_metadata(key, value));
        let checker = Checker::new(contract.clone());
        let schema = batch.schema();
        let mut table = Self { writer, checker, contract, schema, digest, n_rows: 0, rows: PhantomData };
        table.append_batch(&batch)?;
        Ok(table)
    }

    /// Appends rows.
    ///
    /// # Errors
    /// [`TableError::Broken`] or [`TableError::Write`].
    pub fn append(&mut self, rows: &[T]) -> Result<(), TableError> {
        rows.chunks(ROWS_PER_GROUP).try_for_each(|chunk| self.append_batch(&sized(encode(chunk), &self.schema)))
    }

    fn append_batch(&mut self, batch: &RecordBatch) -> Result<(), TableError> {
        self.checker.add(batch).map_err(|violations| self.broken(violations))?;
        self.digest.add(batch);
        self.n_rows += batch.num_rows();
        self.writer.write(batch).map_err(cannot_write::<T>)
    }

    /// Ends the file; gives what it was written to, the number of rows and their digest.
    ///
    /// # Errors
    /// [`TableError::Broken`] with all that was wrong, or [`TableError::Write`].
    pub fn finish(self) -> Result<(W, usize, String), TableError> {
        let stage = self.contract.written_by.command();
        let out = self.writer.into_inner().map_err(cannot_write::<T>)?;
        self.checker
            .finish()
            .map_err(|violations| TableError::Broken { file: format!("rows made by `{stage}`"), violations })?;
        Ok((out, self.n_rows, self.digest.finish()))
    }

    fn broken(&self, violations: Violations) -> TableError {
        TableError::Broken { file: format!("rows made by `{}`", self.contract.written_by.command()), violations }
    }
}

/// Rows whose embeddings are all null do not know their size; the file does.
fn sized(batch: RecordBatch, schema: &Arc<Schema>) -> RecordBatch {
    if batch.schema() == *schema {
        return batch;
    }
    let columns = batch.columns().iter().zip(schema.fields()).map(|(array, field)| match field.data_type() {
        DataType::FixedSizeList(_, size) if array.null_count() == array.len() => null_embeddings(*size, array.len()),
        _ => array.clone(),
    });
    // What still differs is an embedding of another size, which Parquet refuses.
    RecordBatch::try_new(schema.clone(), columns.collect()).unwrap_or(batch)
}

fn cannot_write<T: Table>(source: ParquetError) -> TableError {
    TableError::Write { table: T::NAME, source }
}

/// A table's file, opened: its batches come checked, whatever their row type.
pub struct TableFile {
    contract: Arc<Contract>,
    file: String,
    batches: ParquetRecordBatchReader,
    n_rows: usize,
    metadata: Vec<(String, String)>,
}

impl TableFile {
    pub(crate) fn open(contract: Arc<Contract>, content: Content, file: String) -> Result<Self, TableError> {
        let opened = match content {
            Content::File(source) => open_batches::<File>(source),
            Content::Bytes(source) => open_batches::<Bytes>(source),
        };
        let (batches, n_rows, metadata) = opened.map_err(|source| unreadable(&contract, &file, source))?;
        let found = metadata.iter().find(|(key, _)| key == VERSION_KEY).map_or("none", |(_, value)| value.as_str());
        if found != contract.version.to_string() {
            let (found, written_by) = (found.to_owned(), contract.written_by.command());
            return Err(TableError::Version {
                file,
                table: contract.name,
                expected: contract.version,
                found,
                written_by,
            });
        }
        Ok(Self { contract, file, batches, n_rows, metadata })
    }

    /// The digest of the content, as [`TableWriter::finish`] gave it, and the number of rows.
    ///
    /// # Errors
    /// [`TableError::Unreadable`] or [`TableError::Broken`].
    pub fn digest(self) -> Result<(String, usize), TableError> {
        let mut digest = RowDigest::new(self.contract.clone());
        let own =
            self.metadata.iter().filter(|(key, _)| key != NAME_KEY && key != VERSION_KEY && key != "ARROW:schema");
        own.for_each(|(key, value)| digest.add_metadata(key, value));
        let mut n_rows = 0;
        self.for_each_batch(|batch| {
            digest.add(batch);
            n_rows += batch.num_rows();
        })?;
        Ok((digest.finish(), n_rows))
    }

    /// Calls `take` with each batch, checked; keys are unique across all of them.
    ///
    /// # Errors
    /// [`TableError::Unreadable`] or [`TableError::Broken`].
    pub fn for_each_batch(self, mut take: impl FnMut(&RecordBatch)) -> Result<(), TableError> {
        self.try_for_each_batch(|batch| {
            take(batch);
            Ok(())
        })
    }

    fn try_for_each_batch<E: From<TableError>>(self, take: impl FnMut(&RecordBatch) -> Result<(), E>) -> Result<(), E> {
        let checker = Checker::new(self.contract.clone());
        self.try_for_each_checked(checker, take)
    }

    fn try_for_each_checked<E: From<TableError>>(
        self,
        mut checker: Checker,
        mut take: impl FnMut(&RecordBatch) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { contract, file, batches, .. } = self;
        let broken = |violations| TableError::Broken { file: file.clone(), violations };
        for batch in batches {
            let batch = batch.map_err(|error| unreadable(&contract, &file, error.into()))?;
            checker.add(&batch).map_err(broken)?;
            // A cell is only decoded when all earlier ones kept their promises.
            if checker.is_clean() {
                take(&batch)?;
            }
        }
        Ok(checker.finish().map_err(broken)?)
    }
}

/// A table's file, opened to read rows of one type.
pub struct TableReader<T: Table> {
    file: TableFile,
    rows: PhantomData<T>,
}

impl<T: Table> TableReader<T> {
    pub(crate) fn open(content: Content, file: String) -> Result<Self, TableError> {
        Ok(Self { file: TableFile::open(T::contract(), content, file)?, rows: PhantomData })
    }

    /// The entries of the file's metadata, the contract's own among them.
    pub fn metadata(&self) -> &[(String, String)] {
        &self.file.metadata
    }

    /// All rows.
    ///
    /// # Errors
    /// [`TableError::Unreadable`] or [`TableError::Broken`].
    pub fn rows(self) -> Result<Vec<T>, TableError> {
        // A file may say anything of its size.
        let mut rows = Vec::with_capacity(self.n_rows().min(MOST_RESERVED));
        self.for_each_chunk(|chunk| rows.extend(chunk))?;
        Ok(rows)
    }

    /// As [`TableFile::digest`].
    ///
    /// # Errors
    /// [`TableError::Unreadable`] or [`TableError::Broken`].
    pub fn digest(self) -> Result<(String, usize), TableError> {
        self.file.digest()
    }

    /// How many rows the file says it has.
    pub fn n_rows(&self) -> usize {
        self.file.n_rows
    }

    /// Calls `take` with some thousand rows at a time.
    ///
    /// # Errors
    /// [`TableError::Unreadable`] or [`TableError::Broken`].
    pub fn for_each_chunk(self, mut take: impl FnMut(Vec<T>)) -> Result<(), TableError> {
        self.file.for_each_batch(|batch| take(T::decode_batch(batch)))
    }

    /// The same, a thousand rows at a time, for a part of a store: a reader of parts knows what to do with a key that comes
    /// back, so nobody remembers the keys.
    pub(crate) fn for_each_part_chunk(self, mut take: impl FnMut(Vec<T>)) -> Result<(), TableError> {
        let checker = Checker::of_rows_alone(self.file.contract.clone());
        self.file.try_for_each_checked(checker, |batch| {
            for start in (0..batch.num_rows()).step_by(PART_CHUNK) {
                take(T::decode_batch(&batch.slice(start, PART_CHUNK.min(batch.num_rows() - start))));
            }
            Ok(())
        })
    }

    /// The same as [`for_each_chunk`](Self::for_each_chunk), ended by the first error of `take`.
    ///
    /// # Errors
    /// [`TableError::Unreadable`] or [`TableError::Broken`], or what `take` gave.
    pub fn try_for_each_chunk<E: From<TableError>>(
        self,
        mut take: impl FnMut(Vec<T>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.file.try_for_each_batch(|batch| take(T::decode_batch(batch)))
    }
}

const MOST_RESERVED: usize = 1_000_000;
const PART_CHUNK: usize = 1_024;

fn open_batches<R: parquet::file::reader::ChunkReader + 'static>(
    source: R,
) -> Result<(ParquetRecordBatchReader, usize, Vec<(String, String)>), ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(source)?;
    let stored = builder.metadata().file_metadata().key_value_metadata().cloned().unwrap_or_default();
    let metadata = stored.into_iter().map(|entry| (entry.key, entry.value.unwrap_or_default())).collect();
    let n_rows = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    Ok((builder.with_batch_size(8_192).build()?, n_rows, metadata))
}

fn unreadable(contract: &Contract, file: &str, source: ParquetError) -> TableError {
    TableError::Unreadable { file: file.to_owned(), written_by: contract.written_by.command(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Answer, ImageEmbedding, Question, RewardModel};
    use crate::vocabulary::{AnswerKind, AnswerStatus};

    fn written<T: Table>(rows: &[T], metadata: &[(String, String)]) -> (Vec<u8>, String) {
        let (bytes, _, digest) = TableWriter::create(Vec::new(), metadata, rows).unwrap().finish().unwrap();
        (bytes, digest)
    }

    fn read<T: Table>(bytes: Vec<u8>) -> Result<Vec<T>, TableError> {
        TableReader::open(Content::Bytes(bytes.into()), "a.parquet".into()).and_then(TableReader::rows)
    }

    #[test]
    fn rows_without_any_vector_may_follow_rows_that_have_some() {
        let row = |image_id: &str, vector: Option<Vec<f32>>| ImageEmbedding {
            image_id: image_id.into(),
            image_embedding: vector,
            text_embedding: None,
        };
        let rows = [row("a", Some(vec![1.0, 2.0, 3.0])), row("b", None), row("c", None), row("d", Some(vec![0.5; 3]))];
        let mut table = TableWriter::create(Vec::new(), &[], &rows[..1]).unwrap();
        table.append(&rows[1..3]).unwrap();
        table.append(&rows[3..]).unwrap();
        let (bytes, n_rows, digest) = table.finish().unwrap();
        assert_eq!((n_rows, digest), (4, written(&rows, &[]).1));
        assert_eq!(read::<ImageEmbedding>(bytes).unwrap(), rows);
        let mut table = TableWriter::create(Vec::new(), &[], &rows[..1]).unwrap();
        assert!(table.append(&[row("e", Some(vec![1.0; 2]))]).is_err(), "vectors of another size are refused");
    }

    fn answer(image_id: &str, seconds: f64) -> Answer {
        Answer {
            image_id: image_id.into(),
            question_id: "bright".into(),
            kind: AnswerKind::Quality,
            status: AnswerStatus::Ok,
            p_yes: Some(0.25),
            logit_yes: Some(-1.5),
            logit_no: None,
            label_mass: Some(1.0),
            readout: crate::AnswerReadout::TopLogprobs,
            model: "m".into(),
            attempts: 1,
            seconds: Some(seconds),
        }
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        let rows = vec![answer("i1", 0.5), answer("i2", 0.25)];
        assert_eq!(read::<Answer>(written(&rows, &[]).0).unwrap(), rows);
        assert_eq!(read::<Answer>(written::<Answer>(&[], &[]).0).unwrap(), []);
        let vectors = vec![
            ImageEmbedding { image_id: "i1".into(), image_embedding: Some(vec![1.0, 2.0]), text_embedding: None },
            ImageEmbedding { image_id: "i2".into(), image_embedding: None, text_embedding: None },
        ];
        assert_eq!(read::<ImageEmbedding>(written(&vectors, &[]).0).unwrap(), vectors);
        let model = RewardModel {
            run_id: "r".into(),
            experiment: "e".into(),
            arm: "fine".into(),
            attributes: vec!["bright".into(), "noun".into()],
            inputs: "image".into(),
            bottleneck: None,
            labels: "hard".into(),
            loss: "pointwise".into(),
            hidden: None,
            stage2_on: None,
            class_weights: "none".into(),
            n_train: 2,
            n_used: 2,
            n_comparisons: None,
            degenerate: vec![],
            epochs_run: Some(100),
            seed: 0,
            cost_equal: 4.0,
            cost_seconds: None,
            seconds: 0.1,
            device: "cpu".into(),
            reason: None,
        };
        let models = [model];
        assert_eq!(read::<RewardModel>(written(&models, &[]).0).unwrap(), models);
    }

    #[test]
    fn the_digest_is_of_the_content_alone() {
        let digest = |rows: &[Answer]| written(rows, &[]).1;
        assert_eq!(digest(&[answer("i1", 0.5)]), digest(&[answer("i1", 9.0)]), "seconds are measured");
        assert_ne!(digest(&[answer("i1", 0.5)]), digest(&[answer("i2", 0.5)]));
        let rows = [answer("i1", 0.5), answer("i2", 0.5)];
        let mut in_two = TableWriter::create(Vec::new(), &[], &rows[..1]).unwrap();
        in_two.append(&rows[1..]).unwrap();
        let (bytes, n_rows, digest_in_two) = in_two.finish().unwrap();
        assert_eq!((n_rows, &digest_in_two), (2, &digest(&rows)), "batches do not matter");
        let reader = TableReader::<Answer>::open(Content::Bytes(bytes.into()), "a".into()).unwrap();
        assert_eq!(reader.digest().unwrap(), (digest_in_two, 2), "reading gives the same digest");
        let with_metadata = written(&rows, &[("encoder".into(), "clip".into())]);
        assert_ne!(with_metadata.1, digest(&rows));
        let reader = TableReader::<Answer>::open(Content::Bytes(with_metadata.0.into()), "a".into()).unwrap();
        assert_eq!(reader.digest().unwrap().0, with_metadata.1);
    }

    #[test]
    fn a_file_cut_in_half_an_empty_one_and_another_version_are_named() {
        let (bytes, _) = written(&[answer("i1", 0.5)], &[]);
        for cut in [0, 3, bytes.len() / 2, bytes.len() - 1] {
            let error = read::<Answer>(bytes[..cut].to_vec()).unwrap_err();
            assert!(matches!(error, TableError::Unreadable { .. }), "{error}");
            assert!(error.to_string().contains("rerun `synth-feedback`"), "{error}");
        }
        let error = read::<Question>(bytes.clone()).unwrap_err();
        assert!(matches!(error, TableError::Broken { .. }), "another table: {error}");
        let error = read::<ImageEmbedding>(bytes).unwrap_err();
        assert!(matches!(error, TableError::Version { .. }), "another version: {error}");
    }
}
