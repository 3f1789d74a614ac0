//! The parts that sections of the report are made of.

use serde::Serialize;

use super::figures::Numbers;

/// One section: words, figures, tables, in this order.
#[derive(Debug, Default, Serialize)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// What it shows and how to read it.
    pub lead: Vec<String>,
    /// What the marks of its figures mean.
    pub legend: Vec<Legend>,
    /// Its figures, side by side where there is room.
    pub panels: Vec<Panel>,
    /// What is not there, and which table lacks it.
    pub lacking: Vec<String>,
    /// Its tables.
    pub sheets: Vec<Sheet>,
}

/// One entry of a legend.
#[derive(Debug, Clone, Serialize)]
pub struct Legend {
    /// The mark, an `<svg>` element.
    pub mark: String,
    /// Its name.
    pub name: String,
    /// More about it.
    pub detail: String,
}

impl Legend {
    /// Its name with what more there is to say.
    pub fn label(&self) -> String {
        if self.detail.is_empty() { self.name.clone() } else { format!("{} ({})", self.name, self.detail) }
    }

    /// The shapes of the mark, around its middle, without the `<svg>` element.
    pub fn mark_shapes(&self) -> &str {
        let inside = self.mark.split_once('>').map_or("", |(_, rest)| rest);
        inside.strip_suffix("</svg>").unwrap_or(inside)
    }
}

/// One figure.
#[derive(Debug, Default, Serialize)]
pub struct Panel {
    /// What it shows.
    pub heading: String,
    /// Which of the paper's figures it is like: `Fig. 2, left`; empty if none.
    pub paper: &'static str,
    /// An `<svg>` element.
    pub svg: String,
    /// Its width and height.
    pub size: (u32, u32),
    /// Needs more room than a chart.
    pub wide: bool,
    /// The name of its files without the ending; made plain and unique when they are written.
    pub file: String,
    /// Whether the section's legend is about this figure.
    pub with_legend: bool,
    /// What it shows, for its CSV file.
    #[serde(skip)]
    pub numbers: Numbers,
}

/// One table.
#[derive(Debug, Default, Serialize)]
pub struct Sheet {
    /// What it lists.
    pub caption: String,
    /// Closed until it is opened: for long ones.
    pub folded: bool,
    /// The names of its columns.
    pub columns: Vec<Column>,
    /// Its cells, row by row.
    pub rows: Vec<Vec<Cell>>,
}

/// One column.
#[derive(Debug, Serialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Set flush right.
    pub is_number: bool,
}

/// One cell.
#[derive(Debug, Serialize)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// Where it leads to, relative to the report.
    pub link: Option<String>,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), link: None }
    }
}

impl Sheet {
    /// An empty table. A column whose name begins with `#` holds numbers; the `#` is not shown.
    pub fn new(caption: impl Into<String>, columns: &[&str]) -> Self {
        let column = |name: &&str| match name.strip_prefix('#') {
            Some(name) => Column { name: name.to_owned(), is_number: true },
            None => Column { name: (*name).to_owned(), is_number: false },
        };
        Self { caption: caption.into(), columns: columns.iter().map(column).collect(), ..Self::default() }
    }

    /// With these rows.
    #[must_use]
    pub fn with_rows(mut self, rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        self.rows = rows.into_iter().map(|row| row.into_iter().map(Cell::from).collect()).collect();
        self
    }

    /// Closed until it is opened.
    #[must_use]
    pub fn folded(mut self) -> Self {
        self.folded = true;
        self
    }
}
