//! The columns that a SELECT gave, each checked to be of the type that was wanted.

use std::collections::BTreeMap;

use polars::prelude::{Column, DataFrame, DataType, TimeUnit};
use tables::ColumnType;

use crate::error::SourceError;

/// A column that a SELECT must give, or may give if it is nullable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedColumn {
    /// Its name.
    pub name: &'static str,
    /// Its type: text, numbers or whole numbers; nothing else can be selected.
    pub column_type: ColumnType,
    /// Whether the SELECT may leave it out, or give nulls.
    pub nullable: bool,
}

impl WantedColumn {
    /// A text column without nulls.
    pub const fn text(name: &'static str) -> Self {
        Self { name, column_type: ColumnType::Utf8, nullable: false }
    }

    /// A column of numbers without nulls.
    pub const fn number(name: &'static str) -> Self {
        Self { name, column_type: ColumnType::Float64, nullable: false }
    }

    /// A column of whole numbers without nulls.
    pub const fn integer(name: &'static str) -> Self {
        Self { name, column_type: ColumnType::Int64, nullable: false }
    }

    /// The same column, but the SELECT may leave it out, or give nulls.
    pub const fn optional(self) -> Self {
        Self { nullable: true, ..self }
    }
}

/// The rows that a SELECT gave, as columns of the wanted types.
///
/// - Text: text as it is; numbers as their shortest text (7, not 7.0); true and false; dates as Polars writes them.
/// - Numbers: numbers; text that is one, spaces around it aside (`nan` and `inf` too: whether they make sense is for
///   the caller to say); true and false as 1 and 0; a duration in seconds.
/// - Whole numbers: the same, without a fraction.
#[derive(Debug, Clone, PartialEq)]
pub struct Selected {
    n_rows: usize,
    columns: BTreeMap<&'static str, Values>,
}

#[derive(Debug, Clone, PartialEq)]
enum Values {
    Text(Vec<Option<String>>),
    Number(Vec<Option<f64>>),
    Integer(Vec<Option<i64>>),
}

impl Selected {
    pub(crate) fn new(
        frame: &DataFrame,
        what: &'static str,
        wanted: &[WantedColumn],
        files: &str,
    ) -> Result<Self, SourceError> {
        let given = frame.get_column_names();
        let known = |name: &str| wanted.iter().any(|column| column.name == name);
        let extra: Vec<&str> = given.iter().map(|name| name.as_str()).filter(|name| !known(name)).collect();
        let missing = wanted.iter().find(|column| !column.nullable && !given.iter().any(|name| *name == column.name));
        if let Some(column) = missing {
            let columns = listed(given.iter().map(|name| name.as_str()));
            return Err(SourceError::MissingColumn { what, column: column.name, columns });
        }
        if !extra.is_empty() {
            let wanted = listed(wanted.iter().map(|column| column.name));
            return Err(SourceError::ExtraColumns { what, extra: listed(extra.into_iter()), wanted });
        }
        let mut columns = BTreeMap::new();
        for column in wanted {
            let reader = Reader { what, column: *column, files };
            let values = match frame.column(column.name) {
                Ok(found) => reader.read(found)?,
                Err(_) => reader.all_null(frame.height())?,
            };
            columns.insert(column.name, values);
        }
        Ok(Self { n_rows: frame.height(), columns })
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// A text column, in the order of the rows.
    ///
    /// # Panics
    /// If it was not wanted as text; so do the others for their types.
    pub fn text(&self, name: &str) -> Vec<Option<String>> {
        match &self.columns[name] {
            Values::Text(values) => values.clone(),
            _ => panic!("`{name}` was not wanted as text"),
        }
    }

    /// A text column that is not nullable.
    ///
    /// # Panics
    /// If it was wanted as nullable.
    pub fn required_text(&self, name: &str) -> Vec<String> {
        required(name, self.text(name))
    }

    /// A column of numbers; NaN and infinities are as they were.
    pub fn number(&self, name: &str) -> Vec<Option<f64>> {
        match &self.columns[name] {
            Values::Number(values) => values.clone(),
            _ => panic!("`{name}` was not wanted as numbers"),
        }
    }

    /// A column of numbers that is not nullable.
    ///
    /// # Panics
    /// If it was wanted as nullable.
    pub fn required_number(&self, name: &str) -> Vec<f64> {
        required(name, self.number(name))
    }

    /// A column of whole numbers.
    pub fn integer(&self, name: &str) -> Vec<Option<i64>> {
        match &self.columns[name] {
            Values::Integer(values) => values.clone(),
            _ => panic!("`{name}` was not wanted as whole numbers"),
        }
    }

    /// A column of whole numbers that is not nullable.
    ///
    /// # Panics
    /// If it was wanted as nullable.
    pub fn required_integer(&self, name: &str) -> Vec<i64> {
        required(name, self.integer(name))
    }
}

fn required<T>(name: &str, values: Vec<Option<T>>) -> Vec<T> {
    values.into_iter().map(|value| value.unwrap_or_else(|| panic!("`{name}` was wanted as nullable"))).collect()
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Reads one column as the type that is wanted.
struct Reader<'a> {
    what: &'static str,
    column: WantedColumn,
    files: &'a str,
}

impl Reader<'_> {
    fn all_null(&self, n_rows: usize) -> Result<Values, SourceError> {
        Ok(match self.column.column_type {
            ColumnType::Utf8 => Values::Text(vec![None; n_rows]),
            ColumnType::Float64 => Values::Number(vec![None; n_rows]),
            ColumnType::Int64 => Values::Integer(vec![None; n_rows]),
            other => return Err(self.unsupported(other)),
        })
    }

    fn read(&self, found: &Column) -> Result<Values, SourceError> {
        self.check_nulls(found)?;
        match self.column.column_type {
            ColumnType::Utf8 => self.text(found).map(Values::Text),
            ColumnType::Float64 => self.numbers(found, "a number").map(Values::Number),
            ColumnType::Int64 => self.whole_numbers(found).map(Values::Integer),
            other => Err(self.unsupported(other)),
        }
    }

    fn check_nulls(&self, found: &Column) -> Result<(), SourceError> {
        let n_rows = found.null_count();
        if self.column.nullable || n_rows == 0 {
            return Ok(());
        }
        let row = found.is_null().iter().position(|null| null == Some(true)).map_or(0, |at| at + 1);
        let (what, column, files) = (self.what, self.column.name, self.files.to_owned());
        Err(SourceError::Missing { what, column, row, n_rows, files })
    }

    fn text(&self, found: &Column) -> Result<Vec<Option<String>>, SourceError> {
        if found.dtype().is_float() {
            return Ok(self.floats(found, "text")?.into_iter().map(|value| Some(value?.to_string())).collect());
        }
        if found.dtype().is_nested() {
            return Err(self.wrong_type(found, "text"));
        }
        let cast = found.cast(&DataType::String).map_err(|_| self.wrong_type(found, "text"))?;
        let values = cast.str().map_err(|_| self.wrong_type(found, "text"))?;
        Ok(values.iter().map(|value| value.map(str::to_owned)).collect())
    }

    fn numbers(&self, found: &Column, expected: &'static str) -> Result<Vec<Option<f64>>, SourceError> {
        match found.dtype() {
            DataType::String => {
                let parse = |text: &str| text.trim().parse().ok();
                self.parsed(found, expected, parse)
            }
            DataType::Duration(unit) => {
                let per_second = match unit {
                    TimeUnit::Nanoseconds => 1e9,
                    TimeUnit::Microseconds => 1e6,
                    TimeUnit::Milliseconds => 1e3,
                };
                let ticks = found.cast(&DataType::Int64).map_err(|_| self.wrong_type(found, expected))?;
                Ok(self.floats(&ticks, expected)?.into_iter().map(|value| Some(value? / per_second)).collect())
            }
            number if number.is_numeric() || matches!(number, DataType::Boolean | DataType::Null) => {
                self.floats(found, expected)
            }
            _ => Err(self.wrong_type(found, expected)),
        }
    }

    fn whole_numbers(&self, found: &Column) -> Result<Vec<Option<i64>>, SourceError> {
        let expected = "a whole number";
        if found.dtype() == &DataType::String {
            return self.parsed(found, expected, |text| text.trim().parse().ok());
        }
        if found.dtype().is_integer() {
            // Not by way of f64, which holds whole numbers up to 2^53 only.
            let cast = found.strict_cast(&DataType::Int64).map_err(|_| self.wrong_type(found, expected))?;
            let values = cast.i64().map_err(|_| self.wrong_type(found, expected))?;
            return Ok(values.iter().collect());
        }
        let whole = |(at, value): (usize, Option<f64>)| match value {
            Some(value) if value.fract() != 0.0 || value.abs() > 9e15 => {
                Err(self.not_a_number(at, &value.to_string(), expected))
            }
            #[allow(clippy::cast_possible_truncation, reason = "the line above keeps only whole numbers in range")]
            value => Ok(value.map(|value| value as i64)),
        };
        self.numbers(found, expected)?.into_iter().enumerate().map(whole).collect()
    }

    fn floats(&self, found: &Column, expected: &'static str) -> Result<Vec<Option<f64>>, SourceError> {
        let cast = found.cast(&DataType::Float64).map_err(|_| self.wrong_type(found, expected))?;
        Ok(cast.f64().map_err(|_| self.wrong_type(found, expected))?.iter().collect())
    }

    fn parsed<T>(
        &self,
        found: &Column,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<Option<T>>, SourceError> {
        let texts = found.str().map_err(|_| self.wrong_type(found, expected))?;
        let one = |(at, text): (usize, Option<&str>)| match text {
            None => Ok(None),
            Some(text) => parse(text).map(Some).ok_or_else(|| self.not_a_number(at, text, expected)),
        };
        texts.iter().enumerate().map(one).collect()
    }

    fn not_a_number(&self, at: usize, value: &str, expected: &'static str) -> SourceError {
        let (what, column, files) = (self.what, self.column.name, self.files.to_owned());
        // A whole paragraph in the place of a rating helps nobody.
        let value = value.chars().take(60).collect();
        SourceError::NotANumber { what, column, row: at + 1, value, expected, files }
    }

    fn wrong_type(&self, found: &Column, expected: &'static str) -> SourceError {
        SourceError::Type { what: self.what, column: self.column.name, found: found.dtype().to_string(), expected }
    }

    fn unsupported(&self, column_type: ColumnType) -> SourceError {
        SourceError::Unsupported { what: self.what, column: self.column.name, column_type }
    }
}
