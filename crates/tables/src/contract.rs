//! A table is a type; its columns are spelled once, with [`table!`](crate::table).

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;

use crate::cell::{Cell, ColumnType};
use crate::vocabulary::StageName;

/// What a column's values must satisfy beyond their type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Check {
    /// Nothing more.
    Any,
    /// A number in `[min, max]`.
    Between(f64, f64),
    /// A number of at least this.
    AtLeast(f64),
    /// Text that is not empty.
    NotEmpty,
    /// 64 lower-case hexadecimal digits.
    Sha256,
    /// A value of this column of this table (checked by `finegrain check`, across tables).
    References(&'static str, &'static str),
}

/// One column of a contract.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the file.
    pub name: &'static str,
    /// What it means, with unit and range; from the row type's doc comment.
    pub description: String,
    /// Its type.
    pub column_type: ColumnType,
    /// Whether null is allowed.
    pub nullable: bool,
    /// The words it may hold; empty unless it is an enum.
    pub words: &'static [&'static str],
    /// What its values must satisfy.
    pub check: Check,
    /// Whether it is a measurement of the run itself (seconds, device), which two equal runs need not share.
    pub measured: bool,
}

/// Everything that is promised about a table.
#[derive(Debug, Clone)]
pub struct Contract {
    /// The table's name: its folder under `<data-root>/tables/`.
    pub name: &'static str,
    /// Raised when a column's meaning changes.
    pub version: u32,
    /// What one row is.
    pub description: String,
    /// The stage that writes it.
    pub written_by: StageName,
    /// The columns whose values together name a row.
    pub key: &'static [&'static str],
    /// Its columns in file order.
    pub columns: Vec<Column>,
}

impl Contract {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A row type with a contract. Implemented by [`table!`](crate::table).
pub trait Table: Sized + Clone + Send + Sync {
    /// The table's name: its folder under `<data-root>/tables/`.
    const NAME: &'static str;
    /// The whole contract.
    fn contract() -> Arc<Contract>;
    /// The rows' columns as arrays, in file order.
    fn encode_columns(rows: &[Self]) -> Vec<ArrayRef>;
    /// The rows of a batch that passed the contract's check.
    fn decode_batch(batch: &RecordBatch) -> Vec<Self>;
}

/// Declares a table: one row type, its contract and its way to and from Arrow.
///
/// The doc comments become the descriptions in `schemas/`. After a column's type may stand `as measured`, for what
/// two equal runs need not share, and `where` with a [`Check`].
///
/// ```
/// tables::table! {
///     /// One page of a book.
///     "pages" version 1 by Ingest key [page_id]
///     pub struct Page {
///         /// Names the page.
///         page_id: String where NotEmpty,
///         /// Words on it, if they were counted.
///         n_words: Option<i64> where AtLeast(0.0),
///         /// How long the counting took.
///         seconds: f64 as measured where AtLeast(0.0),
///     }
/// }
/// use tables::Table;
/// let contract = Page::contract();
/// assert_eq!(contract.description, "One page of a book.");
/// assert!(contract.columns[1].nullable && contract.columns[2].measured);
/// ```
#[macro_export]
macro_rules! table {
    (
        $(#[doc = $about:literal])+
        $name:literal version $version:literal by $stage:ident key [$($key:ident),+]
        pub struct $Row:ident {
            $($(#[doc = $doc:literal])+ $column:ident: $cell:ty $(as $measured:ident)? $(where $check:expr)?),+ $(,)?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $Row {
            $($(#[doc = $doc])+ pub $column: $cell),+
        }

        impl $crate::Table for $Row {
            const NAME: &'static str = $name;

            fn contract() -> ::std::sync::Arc<$crate::Contract> {
                static CONTRACT: ::std::sync::OnceLock<::std::sync::Arc<$crate::Contract>> = ::std::sync::OnceLock::new();
                CONTRACT
                    .get_or_init(|| {
                        ::std::sync::Arc::new($crate::Contract {
                            name: $name,
                            version: $version,
                            description: $crate::joined_doc(&[$($about),+]),
                            written_by: $crate::StageName::$stage,
                            key: &[$(stringify!($key)),+],
                            columns: vec![$($crate::Column {
                                name: stringify!($column),
                                description: $crate::joined_doc(&[$($doc),+]),
                                column_type: <$cell as $crate::Cell>::TYPE,
                                nullable: <$cell as $crate::Cell>::NULLABLE,
                                words: <$cell as $crate::Cell>::words(),
                                check: $crate::column_check!($($check)?),
                                measured: $crate::column_measured!($($measured)?),
                            }),+],
                        })
                    })
                    .clone()
            }

            fn encode_columns(rows: &[Self]) -> Vec<$crate::ArrayRef> {
                vec![$(<$cell as $crate::Cell>::encode(rows.iter().map(|row| &row.$column))),+]
            }

            fn decode_batch(batch: &$crate::RecordBatch) -> Vec<Self> {
                $(let mut $column = $crate::decoded_column::<$cell>(batch, stringify!($column)).into_iter();)+
                (0..batch.num_rows())
                    .map_while(|_| Some(Self { $($column: $column.next()?),+ }))
                    .collect()
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! column_check {
    () => {
        $crate::Check::Any
    };
    ($check:expr) => {{
        #[allow(unused_imports)]
        use $crate::Check::*;
        $check
    }};
}

#[doc(hidden)]
#[macro_export]
macro_rules! column_measured {
    () => {
        false
    };
    (measured) => {
        true
    };
}

/// Doc comment lines as one paragraph.
#[doc(hidden)]
pub fn joined_doc(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The cells of one column of a checked batch.
#[doc(hidden)]
pub fn decoded_column<C: Cell>(batch: &RecordBatch, name: &str) -> Vec<C> {
    C::decode(batch.column_by_name(name).unwrap_or_else(|| unreachable!("the check found column `{name}`")))
}
