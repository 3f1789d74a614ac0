//! CSV and TSV to typed columns; types are inferred over the whole file.
//!
//! Read by the `csv` crate and not by Polars, which fills a short row with nulls and turns the key `007` into 7.

use std::collections::HashSet;
use std::error::Error;
use std::io::Read;

use csv::StringRecord;
use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, Series};

type Failure = Box<dyn Error + Send + Sync>;

/// Reads comma-separated values with quoting (`quoted`), or tab-separated ones in which a quote is a letter.
///
/// An empty cell is a missing value. A column is whole numbers if every value is one in its usual form, else numbers
/// if every value is one, else text: so `007`, or an id too long for 64 bits, keeps its column as text.
///
/// # Errors
/// No header, a header name twice, a row with more or fewer cells than the header, text that is not UTF-8; with the line.
pub(crate) fn read_delimited(input: impl Read, quoted: bool) -> Result<DataFrame, Failure> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(if quoted { b',' } else { b'\t' }).quoting(quoted).from_reader(input);
    let header = reader.headers()?.clone();
    check_header(&header)?;
    let mut cells: Vec<Vec<Option<String>>> = vec![Vec::new(); header.len()];
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        for (column, cell) in cells.iter_mut().zip(&record) {
            column.push((!cell.is_empty()).then(|| cell.to_owned()));
        }
    }
    let n_rows = cells.first().map_or(0, Vec::len);
    let columns = header.iter().zip(&cells).map(|(name, cells)| typed(name, cells)).collect();
    Ok(DataFrame::new(n_rows, columns)?)
}

fn check_header(header: &StringRecord) -> Result<(), Failure> {
    if header.is_empty() {
        return Err("it is empty; the first line names the columns".into());
    }
    let mut seen = HashSet::new();
    match header.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(format!("the header names `{twice}` twice").into()),
        None => Ok(()),
    }
}

fn typed(name: &str, cells: &[Option<String>]) -> Column {
    let values = || cells.iter().flatten();
    let series = if values().next().is_none() {
        Series::new(name.into(), cells)
    } else if values().all(|value| whole_number(value).is_some()) {
        Series::new(name.into(), cells.iter().map(|cell| whole_number(cell.as_deref()?)).collect::<Vec<_>>())
    } else if values().all(|value| number(value).is_some()) {
        Series::new(name.into(), cells.iter().map(|cell| number(cell.as_deref()?)).collect::<Vec<_>>())
    } else {
        Series::new(name.into(), cells)
    };
    series.into_column()
}

/// The number, if it is written as numbers usually are: `7`, not `007`, `+7` or `-0`.
fn whole_number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let usual = digits == "0" && !text.starts_with('-') || !digits.starts_with(['0', '+', '-']);
    text.parse().ok().filter(|_| usual)
}

fn number(text: &str) -> Option<f64> {
    let only_digits = text.trim_start_matches(['+', '-']).bytes().all(|byte| byte.is_ascii_digit());
    match whole_number(text) {
        Some(_) => text.parse().ok(),
        // Digits that are no whole number in its usual form are an id.
        None if only_digits => None,
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::DataType;

    use super::*;

    fn types_of(text: &str) -> Vec<DataType> {
        read_delimited(text.as_bytes(), true).unwrap().dtypes()
    }

    fn failure(bytes: &[u8]) -> String {
        read_delimited(bytes, true).unwrap_err().to_string()
    }

    #[test]
    fn types_are_inferred_over_the_whole_file() {
        let (whole, number, text) = (DataType::Int64, DataType::Float64, DataType::String);
        assert_eq!(types_of("a,b,c\n1,1,1\n-2,2.5,2\n0,,x\n"), [whole, number.clone(), text]);
        assert_eq!(types_of("a\n1e-3\nNaN\n"), [number]);
        let mut late = "a\n".to_owned() + &"1\n".repeat(5_000);
        late.push_str("good\n");
        assert_eq!(types_of(&late), [DataType::String]);
    }

    #[test]
    fn keys_that_only_look_like_numbers_stay_as_they_are() {
        for key in ["007", "00", "+7", "-0", "-01", "123456789012345678901234567890", "1_000", "0x1f", "1 "] {
            assert_eq!(types_of(&format!("a\n{key}\n1\n")), [DataType::String], "{key}");
        }
    }

    #[test]
    fn an_empty_cell_is_missing_quoted_or_not() {
        let frame = read_delimited("a,b\n1,\n\"\",x\n".as_bytes(), true).unwrap();
        assert_eq!(frame.columns().iter().map(Column::null_count).collect::<Vec<_>>(), [1, 1]);
        assert_eq!(types_of("a,b\n1,\n"), [DataType::Int64, DataType::String]);
    }

    #[test]
    fn quotes_commas_line_breaks_and_a_byte_order_mark_are_read() {
        let frame = read_delimited("\u{feff}a,b\r\n\"x, \"\"y\"\"\nz\",2\r\n".as_bytes(), true).unwrap();
        assert_eq!(frame.column("a").unwrap().str().unwrap().get(0), Some("x, \"y\"\nz"));
        let tabs = read_delimited("a\tb\n\"Oh\", he said\t\"\n".as_bytes(), false).unwrap();
        assert_eq!(tabs.column("a").unwrap().str().unwrap().get(0), Some("\"Oh\", he said"));
        assert_eq!(tabs.column("b").unwrap().str().unwrap().get(0), Some("\""));
    }

    #[test]
    fn a_broken_file_says_where() {
        assert!(failure(b"").contains("empty"));
        assert!(failure(b"a,b,a\n").contains("`a` twice"));
        let ragged = failure(b"a,b\n1,2\n3\n");
        assert!(ragged.contains("line: 3") && ragged.contains("1 fields"), "{ragged}");
        let binary = failure(b"a,b\n1,2\n\xff,4\n");
        assert!(binary.contains("line 3"), "{binary}");
        assert_eq!(read_delimited(b"a,b\n".as_slice(), true).unwrap().height(), 0);
    }
}
