//! A batch against its contract: every failure, with its count, first row and value.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;

use crate::cell::ColumnType;
use crate::contract::{Check, Column, Contract};
use crate::unique_keys::UniqueKeys;

/// One promise that a table breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Violation {
    /// A promised column is not there.
    #[error("`{table}`: column `{column}` is missing")]
    MissingColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A column stands there that the contract does not know.
    #[error("`{table}`: column `{column}` is not in the contract")]
    UnknownColumn {
        /// The table.
        table: &'static str,
        /// The column.
        column: String,
    },
    /// A column has another type than promised.
    #[error("`{table}`: column `{column}` is {found}, not {expected:?}")]
    WrongType {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The promised type.
        expected: ColumnType,
        /// The Arrow type found.
        found: String,
    },
    /// Some values of a column are not what they must be.
    #[error("`{table}`: `{column}` {rule} in {n_rows} row(s), first at row {first_row}: {first_value}")]
    Values {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What is wrong with them.
        rule: String,
        /// How many rows.
        n_rows: usize,
        /// The first of them, counted from 1.
        first_row: usize,
        /// Its value.
        first_value: String,
    },
    /// Some rows have the same key.
    #[error("`{table}`: {n_rows} row(s) repeat a key ({key}), first at row {first_row}: {first_value}")]
    RepeatedKey {
        /// The table.
        table: &'static str,
        /// The key's columns.
        key: String,
        /// How many rows repeat an earlier one's key.
        n_rows: usize,
        /// The first of them, counted from 1.
        first_row: usize,
        /// Its key.
        first_value: String,
    },
    /// Whether keys repeat could not be found out.
    #[error("`{table}`: cannot read the scratch file of its keys: {reason}")]
    KeysUnchecked {
        /// The table.
        table: &'static str,
        /// What the system says.
        reason: String,
    },
}

/// All promises that a table breaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, violation) in self.0.iter().enumerate() {
            write!(f, "{}{violation}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Checks the batches of one table one after another; keys are unique across them.
pub(crate) struct Checker {
    contract: Arc<Contract>,
    /// `None` where keys may come back.
    keys: Option<UniqueKeys>,
    n_rows: usize,
    found: Vec<Violation>,
}

impl Checker {
    pub(crate) fn new(contract: Arc<Contract>) -> Self {
        Self { contract, keys: Some(UniqueKeys::default()), n_rows: 0, found: Vec::new() }
    }

    /// The same, but a key may come back.
    pub(crate) fn of_rows_alone(contract: Arc<Contract>) -> Self {
        Self { contract, keys: None, n_rows: 0, found: Vec::new() }
    }

    /// Checks one more batch; `Err` at once if its columns are not the contract's.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), Violations> {
        let wrong = self.wrong_columns(batch);
        if !wrong.is_empty() {
            return Err(Violations(wrong));
        }
        for column in &Arc::clone(&self.contract).columns {
            if let Some(array) = batch.column_by_name(column.name) {
                self.check_values(column, array);
            }
        }
        self.check_keys(batch);
        self.n_rows += batch.num_rows();
        Ok(())
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn finish(self) -> Result<(), Violations> {
        if self.found.is_empty() { Ok(()) } else { Err(Violations(self.found)) }
    }

    fn wrong_columns(&self, batch: &RecordBatch) -> Vec<Violation> {
        let table = self.contract.name;
        let mut wrong = Vec::new();
        for column in &self.contract.columns {
            match batch.column_by_name(column.name) {
                None => wrong.push(Violation::MissingColumn { table, column: column.name }),
                Some(array) if !column.column_type.accepts(array.data_type()) => wrong.push(Violation::WrongType {
                    table,
                    column: column.name,
                    expected: column.column_type,
                    found: array.data_type().to_string(),
                }),
                Some(_) => {}
            }
        }
        for field in batch.schema().fields() {
            if self.contract.column(field.name()).is_none() {
                wrong.push(Violation::UnknownColumn { table, column: field.name().clone() });
            }
        }
        wrong
    }

    fn check_values(&mut self, column: &Column, array: &ArrayRef) {
        if !column.nullable && array.null_count() > 0 {
            self.note(column, "is null", array, |at| array.is_null(at));
        }
        if !column.words.is_empty() {
            let rule = format!("is not one of {}", column.words.join(", "));
            let words = array.as_string::<i32>();
            self.note(column, &rule, array, |at| words.is_valid(at) && !column.words.contains(&words.value(at)));
        }
        match column.column_type {
            ColumnType::Float64 => {
                let numbers = array.as_primitive::<Float64Type>();
                self.note(column, "is not finite", array, |at| numbers.is_valid(at) && !numbers.value(at).is_finite());
                self.check_range(column, array, |at| numbers.value(at));
            }
            ColumnType::Int64 => {
                let numbers = array.as_primitive::<Int64Type>();
                #[allow(clippy::cast_precision_loss, reason = "only compared with the bound of a range")]
                self.check_range(column, array, |at| numbers.value(at) as f64);
            }
            ColumnType::Embedding => {
                let vectors = array.as_fixed_size_list();
                let size = usize::try_from(vectors.value_length()).unwrap_or(0);
                let items = vectors.values().as_primitive::<Float32Type>();
                self.note(column, "is not finite", array, |at| {
                    vectors.is_valid(at)
                        && items.values()[at * size..(at + 1) * size].iter().any(|item| !item.is_finite())
                });
            }
            ColumnType::Utf8 => self.check_text(column, array),
            ColumnType::Boolean | ColumnType::Utf8List => {}
        }
    }

    fn check_range(&mut self, column: &Column, array: &ArrayRef, value: impl Fn(usize) -> f64) {
        let (rule, low, high) = match column.check {
            Check::Between(low, high) => (format!("is outside [{low}, {high}]"), low, high),
            Check::AtLeast(low) => (format!("is below {low}"), low, f64::INFINITY),
            _ => return,
        };
        self.note(column, &rule, array, |at| {
            array.is_valid(at) && !(low..=high).contains(&value(at)) && value(at).is_finite()
        });
    }

    fn check_text(&mut self, column: &Column, array: &ArrayRef) {
        let texts = array.as_string::<i32>();
        match column.check {
            Check::NotEmpty => {
                self.note(column, "is empty", array, |at| texts.is_valid(at) && texts.value(at).is_empty());
            }
            Check::Sha256 => {
                self.note(column, "is not a SHA-256", array, |at| texts.is_valid(at) && !is_sha256(texts.value(at)));
            }
            _ => {}
        }
    }

    /// Notes the rows for which `is_wrong`, adding to the count if earlier batches broke the same rule.
    fn note(&mut self, wrong_column: &Column, wrong_rule: &str, array: &ArrayRef, is_wrong: impl Fn(usize) -> bool) {
        let wrong: Vec<usize> = (0..array.len()).filter(|&at| is_wrong(at)).collect();
        let Some(&first) = wrong.first() else { return };
        for earlier in &mut self.found {
            if let Violation::Values { column, rule, n_rows, .. } = earlier
                && *column == wrong_column.name
                && rule == wrong_rule
            {
                *n_rows += wrong.len();
                return;
            }
        }
        self.found.push(Violation::Values {
            table: self.contract.name,
            column: wrong_column.name,
            rule: wrong_rule.to_owned(),
            n_rows: wrong.len(),
            first_row: self.n_rows + first + 1,
            first_value: shown(array, first),
        });
    }

    fn check_keys(&mut self, batch: &RecordBatch) {
        let Some(keys) = &mut self.keys else { return };
        let key: Vec<&ArrayRef> = self.contract.key.iter().filter_map(|name| batch.column_by_name(name)).collect();
        for at in 0..batch.num_rows() {
            match keys.insert(&key, at) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    let table = self.contract.name;
                    return self.found.push(Violation::KeysUnchecked { table, reason: error.to_string() });
                }
            }
            let repeated = self.found.iter_mut().find_map(|found| match found {
                Violation::RepeatedKey { n_rows, .. } => Some(n_rows),
                _ => None,
            });
            match repeated {
                Some(n_rows) => *n_rows += 1,
                None => self.found.push(Violation::RepeatedKey {
                    table: self.contract.name,
                    key: self.contract.key.join(", "),
                    n_rows: 1,
                    first_row: self.n_rows + at + 1,
                    first_value: key.iter().map(|array| shown(array, at)).collect::<Vec<_>>().join(", "),
                }),
            }
        }
    }
}

/// Checks one batch that is a whole table.
///
/// # Errors
/// All [`Violations`].
pub fn check(contract: Arc<Contract>, batch: &RecordBatch) -> Result<(), Violations> {
    let mut checker = Checker::new(contract);
    checker.add(batch)?;
    checker.finish()
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// A value for a message: quoted, and no longer than a line.
fn shown(array: &ArrayRef, at: usize) -> String {
    let text = arrow::util::display::array_value_to_string(array, at).unwrap_or_default();
    let short: String = text.chars().take(80).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    if array.is_null(at) { "null".to_owned() } else { format!("`{short}{more}`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{AttributeScore, Prompt};
    use crate::contract::Table;
    use crate::parquet_io::encode;
    use crate::vocabulary::{ScoreSource, Split};

    fn prompt(prompt_id: &str, prompt: &str) -> Prompt {
        Prompt {
            prompt_id: prompt_id.into(),
            prompt: prompt.into(),
            category: None,
            challenge: None,
            split: Split::Train,
        }
    }

    #[test]
    fn every_failure_is_reported_with_its_count_first_row_and_value() {
        let rows = [prompt("p1", "a dog"), prompt("p1", ""), prompt("p2", ""), prompt("p1", "a cat")];
        let violations = check(Prompt::contract(), &encode(&rows)).unwrap_err();
        assert_eq!(
            violations.to_string(),
            "`prompts`: `prompt` is empty in 2 row(s), first at row 2: ``; \
             `prompts`: 2 row(s) repeat a key (prompt_id), first at row 2: `p1`"
        );
    }

    #[test]
    fn rows_are_counted_across_batches() {
        let mut checker = Checker::new(Prompt::contract());
        checker.add(&encode(&[prompt("p1", "a dog"), prompt("p2", "a cat")])).unwrap();
        checker.add(&encode(&[prompt("p3", "a cow"), prompt("p1", "")])).unwrap();
        let found = checker.finish().unwrap_err().0;
        assert!(matches!(&found[0], Violation::Values { first_row: 4, n_rows: 1, .. }), "{found:?}");
        assert!(matches!(&found[1], Violation::RepeatedKey { first_row: 4, .. }), "{found:?}");
    }

    #[test]
    fn a_number_that_is_no_number_is_found_and_a_missing_one_is_not() {
        let score = |image_id: &str, score| AttributeScore {
            image_id: image_id.into(),
            attribute: "bright".into(),
            source: ScoreSource::Vlm,
            score,
            n_questions: 1,
            n_answered: 0,
        };
        check(AttributeScore::contract(), &encode(&[score("i1", None), score("i2", Some(0.0))])).unwrap();
        for wrong in [f64::NAN, f64::INFINITY] {
            let violations = check(AttributeScore::contract(), &encode(&[score("i1", Some(wrong))])).unwrap_err();
            assert!(violations.to_string().contains("`score` is not finite in 1 row(s)"), "{violations}");
        }
    }

    #[test]
    fn a_word_outside_the_vocabulary_and_wrong_columns_are_named() {
        use arrow::array::StringArray;
        let good = encode(&[prompt("p1", "a dog")]);
        let mut columns = good.columns().to_vec();
        columns[4] = Arc::new(StringArray::from(vec!["tset"]));
        let violations = check(Prompt::contract(), &RecordBatch::try_new(good.schema(), columns).unwrap()).unwrap_err();
        assert!(violations.to_string().contains("`split` is not one of train, validation, test"), "{violations}");
        let short = good.project(&[0, 2, 3, 4]).unwrap();
        let violations = check(Prompt::contract(), &short).unwrap_err();
        assert_eq!(violations.to_string(), "`prompts`: column `prompt` is missing");
    }
}
