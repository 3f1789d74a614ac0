//! Vote files: the JSON lines or CSV that the annotation page exports, or that any other tool writes.
//!
//! A vote says `rater_id`, `pair_id`, `aspect` and `choice`. The page's choices are `left`, `right` and `unsure`, with the
//! images that stood `left` and `right`; other tools may say `coarse` or `fine` outright. `seconds` and `answered_at` are
//! optional; other columns are left alone. A vote that cannot be read is an error with its place, never skipped.

use serde_json::{Map, Value};

/// The largest file that is read: some hundred thousand votes.
pub const MAX_FILE_BYTES: u64 = 128 << 20;
const MAX_LINE_BYTES: usize = 64 << 10;
const MAX_TEXT_CHARS: usize = 2_000;

/// What is wrong with a vote file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    /// One value.
    #[error("`{file}`, line {line}: `{column}` {problem}")]
    Value {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// The column, or key.
        column: &'static str,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
    /// A whole line.
    #[error("`{file}`, line {line}: {problem}")]
    Line {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A whole file.
    #[error("`{file}` {problem}")]
    File {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What was chosen, as the file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// The image on the left.
    Left,
    /// The image on the right.
    Right,
    /// The coarse model's image.
    Coarse,
    /// The fine-grained model's image.
    Fine,
    /// "Unsure".
    Unsure,
}

/// One line of a vote file.
#[derive(Debug, Clone, PartialEq)]
pub struct Vote {
    /// Where it stands, counted from 1.
    pub line: u64,
    /// Who chose.
    pub rater_id: String,
    /// The pair that was shown.
    pub pair_id: String,
    /// `overall`, or the attribute asked about.
    pub aspect: String,
    /// What was chosen.
    pub chosen: Chosen,
    /// The image that stood on the left, and the one on the right.
    pub sides: Option<(String, String)>,
    /// How long it took, in seconds.
    pub seconds: Option<f64>,
    /// When: `2026-11-26T21:04:46.123Z`, so that text sorts by time.
    pub answered_at: Option<String>,
}

/// A file with its votes.
#[derive(Debug, Clone, PartialEq)]
pub struct VoteFile {
    /// Its name, for messages.
    pub file: String,
    /// Its votes.
    pub votes: Vec<Vote>,
}

/// How votes are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    JsonLines,
    /// Comma-separated with a header.
    Csv,
}

impl Format {
    /// The ending of such a file.
    pub fn ending(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
        }
    }

    /// By the first character, for raters rename files: a JSON object opens with a brace.
    pub fn of(bytes: &[u8]) -> Self {
        let first = without_mark(bytes).iter().find(|byte| !byte.is_ascii_whitespace());
        if first == Some(&b'{') { Self::JsonLines } else { Self::Csv }
    }
}

impl VoteFile {
    /// Reads a whole file; an empty one has no votes.
    ///
    /// # Errors
    /// [`VoteError`] for the first line that is no vote.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, VoteError> {
        if bytes.len() as u64 > MAX_FILE_BYTES {
            let problem = format!("has {} bytes, more than the {MAX_FILE_BYTES} that are read", bytes.len());
            return Err(VoteError::File { file: file.to_owned(), problem });
        }
        let text = std::str::from_utf8(without_mark(bytes)).map_err(|error| {
            let before = &without_mark(bytes)[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count() as u64;
            VoteError::Line { file: file.to_owned(), line, problem: "is not UTF-8 text".to_owned() }
        })?;
        let votes = match Format::of(bytes) {
            Format::JsonLines => json_lines(file, text)?,
            Format::Csv => csv_rows(file, text)?,
        };
        Ok(Self { file: file.to_owned(), votes })
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn json_lines(file: &str, text: &str) -> Result<Vec<Vote>, VoteError> {
    let mut votes = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let wrong = |problem: String| VoteError::Line { file: file.to_owned(), line, problem };
        if text.len() > MAX_LINE_BYTES {
            return Err(wrong(format!("has {} bytes, more than a vote can need", text.len())));
        }
        let object: Map<String, Value> =
            serde_json::from_str(text).map_err(|error| wrong(format!("is not one JSON object ({error})")))?;
        let cell = |column: &'static str| match object.get(column) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => {
                let problem = format!("is {other}, expected text or a number");
                Err(VoteError::Value { file: file.to_owned(), line, column, problem })
            }
        };
        votes.push(vote(file, line, cell)?);
    }
    Ok(votes)
}

fn csv_rows(file: &str, text: &str) -> Result<Vec<Vote>, VoteError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::None).from_reader(text.as_bytes());
    let broken = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        VoteError::Line {
            file: file.to_owned(),
            line,
            problem: format!("is not a row of the header's length ({error})"),
        }
    };
    let header = reader.headers().map_err(broken)?.clone();
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    for column in REQUIRED {
        if !header.iter().any(|name| name == column) {
            let problem = format!("is missing in the header; a vote file has {}", REQUIRED.join(", "));
            return Err(VoteError::Value { file: file.to_owned(), line: 1, column, problem });
        }
    }
    let mut votes = Vec::new();
    // Where lines end in \r\n, the reader says that a row begins between the two, and so on the line before.
    let (mut line, mut counted) = (1, 0);
    for row in reader.records() {
        let row = row.map_err(broken)?;
        let said = row.position().map_or(0, |position| position.byte() as usize).min(text.len());
        let ends = text.as_bytes()[said..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        line += text.as_bytes()[counted..said + ends].iter().filter(|&&byte| byte == b'\n').count() as u64;
        counted = said + ends;
        let cell = |column: &'static str| {
            let at = header.iter().position(|name| name == column);
            Ok(at.and_then(|at| row.get(at)).filter(|cell| !cell.is_empty()).map(str::to_owned))
        };
        votes.push(vote(file, line, cell)?);
    }
    Ok(votes)
}

const REQUIRED: [&str; 4] = ["rater_id", "pair_id", "aspect", "choice"];

fn vote(
    file: &str,
    line: u64,
    cell: impl Fn(&'static str) -> Result<Option<String>, VoteError>,
) -> Result<Vote, VoteError> {
    let wrong = |column, problem: String| VoteError::Value { file: file.to_owned(), line, column, problem };
    let text = |column: &'static str| -> Result<Option<String>, VoteError> {
        let Some(text) = cell(column)? else { return Ok(None) };
        if text.chars().count() > MAX_TEXT_CHARS {
            return Err(wrong(column, format!("has more than {MAX_TEXT_CHARS} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong(column, "holds a control character".to_owned()));
        }
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    };
    let required = |column: &'static str| text(column)?.ok_or_else(|| wrong(column, "is missing".to_owned()));
    let sides = match (text("left")?, text("right")?) {
        (Some(left), Some(right)) => Some((left, right)),
        (None, None) => None,
        (None, _) => return Err(wrong("left", "is missing, though `right` is there".to_owned())),
        (_, None) => return Err(wrong("right", "is missing, though `left` is there".to_owned())),
    };
    let chosen = match required("choice")?.as_str() {
        "left" => Chosen::Left,
        "right" => Chosen::Right,
        "coarse" => Chosen::Coarse,
        "fine" => Chosen::Fine,
        "unsure" => Chosen::Unsure,
        other => {
            return Err(wrong("choice", format!("is `{other}`, expected left, right or unsure (or coarse, fine)")));
        }
    };
    if matches!(chosen, Chosen::Left | Chosen::Right) && sides.is_none() {
        return Err(wrong(
            "left",
            "is missing: which image stood there? (or say coarse or fine as `choice`)".to_owned(),
        ));
    }
    let seconds = match text("seconds")? {
        None => None,
        Some(text) => {
            let number = text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
            Some(number.ok_or_else(|| wrong("seconds", format!("is `{text}`, expected a number of at least 0")))?)
        }
    };
    let answered_at = match text("answered_at")? {
        None => None,
        Some(time) => Some(in_milliseconds(&time).ok_or_else(|| {
            wrong("answered_at", format!("is `{time}`, expected a time in UTC such as 2026-11-26T21:04:46.123Z"))
        })?),
    };
    Ok(Vote {
        line,
        rater_id: required("rater_id")?,
        pair_id: required("pair_id")?,
        aspect: required("aspect")?,
        chosen,
        sides,
        seconds,
        answered_at,
    })
}

/// The time with exactly three decimals, so that texts sort as times do; `None` if it is no such time.
fn in_milliseconds(time: &str) -> Option<String> {
    let (whole, rest) = time.split_at_checked(19)?;
    let pattern = b"dddd-dd-ddTdd:dd:dd";
    let fits = |(byte, wanted): (u8, &u8)| if *wanted == b'd' { byte.is_ascii_digit() } else { byte == *wanted };
    let number = |range: std::ops::Range<usize>| whole.get(range).and_then(|text| text.parse::<u32>().ok());
    let in_range = |range, least, most| number(range).is_some_and(|number| (least..=most).contains(&number));
    let is_time = whole.bytes().zip(pattern).all(fits)
        && in_range(5..7, 1, 12)
        && in_range(8..10, 1, 31)
        && in_range(11..13, 0, 23)
        && in_range(14..16, 0, 59)
        && in_range(17..19, 0, 60);
    let fraction = rest.strip_suffix('Z')?;
    let digits = if fraction.is_empty() { "" } else { fraction.strip_prefix('.')? };
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit()) && (fraction.is_empty() || !digits.is_empty());
    (is_time && are_digits).then(|| format!("{whole}.{digits:0<3.3}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"page":"ab","rater_id":"ann","pair_id":"a~b","aspect":"overall","left":"b","right":"a","choice":"left","seconds":2.5,"answered_at":"2026-11-26T21:04:46.123Z"}"#;

    fn error(text: impl AsRef<[u8]>) -> String {
        VoteFile::read("v.jsonl", text.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn json_lines_and_csv_hold_the_same_vote() {
        let json = VoteFile::read("v", format!("\u{feff}{JSON}\r\n\n").as_bytes()).unwrap();
        let csv = "rater_id,seconds,pair_id,aspect,choice,left,right,answered_at,note\r\n\
                   ann,2.5,a~b,overall,left,b,a,2026-11-26T21:04:46.123Z,\"x, \"\"y\"\"\"\r\n";
        let csv = VoteFile::read("v", csv.as_bytes()).unwrap();
        let [vote] = &json.votes[..] else { panic!("one vote") };
        assert_eq!((vote.chosen, vote.seconds, vote.line), (Chosen::Left, Some(2.5), 1));
        assert_eq!(vote.sides, Some(("b".to_owned(), "a".to_owned())));
        assert_eq!(csv.votes, [Vote { line: 2, ..vote.clone() }]);
    }

    #[test]
    fn a_short_vote_of_another_tool_is_enough() {
        let file = VoteFile::read("v", b"rater_id,pair_id,aspect,choice\nann,a~b,bright,fine\nbob,a~b,bright,unsure\n")
            .unwrap();
        assert_eq!(file.votes.iter().map(|vote| vote.chosen).collect::<Vec<_>>(), [Chosen::Fine, Chosen::Unsure]);
        assert_eq!(VoteFile::read("v", b"").unwrap().votes, []);
        assert_eq!(VoteFile::read("v", b" \n").unwrap().votes, []);
    }

    #[test]
    fn what_is_no_vote_is_named_with_file_line_and_column() {
        let broken = |from: &str, to: &str| error(format!("{JSON}\n{}\n", JSON.replace(from, to)));
        assert_eq!(
            broken("\"left\",\"sec", "\"both\",\"sec"),
            "`v.jsonl`, line 2: `choice` is `both`, expected left, right or unsure (or coarse, fine)"
        );
        assert_eq!(broken("\"rater_id\":\"ann\",", ""), "`v.jsonl`, line 2: `rater_id` is missing");
        assert_eq!(broken("\"ann\"", "\"  \""), "`v.jsonl`, line 2: `rater_id` is missing");
        assert!(broken("\"ann\"", "[1]").contains("`rater_id` is [1], expected text"));
        assert!(broken("\"ann\"", "\"a\\u0000n\"").contains("`rater_id` holds a control character"));
        assert!(broken("2.5", "-1").contains("`seconds` is `-1`, expected a number of at least 0"));
        assert!(broken("2.5", "\"NaN\"").contains("`seconds` is `NaN`"));
        assert!(broken("\"left\":\"b\",", "").contains("`left` is missing, though `right` is there"));
        assert!(broken("\"left\":\"b\",\"right\":\"a\",", "").contains("which image stood there?"));
        assert!(broken("}", "").contains("line 2: is not one JSON object"));
        assert!(broken("ann", &"a".repeat(MAX_LINE_BYTES)).contains("more than a vote can need"));
        for time in
            ["2026-11-26", "2026-13-26T21:04:46Z", "2026-11-26T21:04:46+01:00", "2026-11-26T21:04:46.Z", "gestern"]
        {
            assert!(broken("2026-11-26T21:04:46.123Z", time).contains("`answered_at` is"), "{time}");
        }
        let latin = [JSON.as_bytes(), b"\n{\"rater_id\":\"\xe9\"}"].concat();
        assert_eq!(error(latin), "`v.jsonl`, line 2: is not UTF-8 text");
        assert!(error("rater_id,pair_id,choice\nann,a~b,fine\n").contains("line 1: `aspect` is missing in the header"));
        let ragged = error("rater_id,pair_id,aspect,choice\nann,a~b,bright,fine\nbob,a~b,bright\n");
        assert!(ragged.contains("line 3: is not a row of the header's length"), "{ragged}");
    }

    #[test]
    fn times_sort_as_text() {
        let times =
            ["2026-11-26T21:04:46Z", "2026-11-26T21:04:46.1Z", "2026-11-26T21:04:46.123456Z"].map(in_milliseconds);
        let times: Vec<String> = times.into_iter().flatten().collect();
        assert_eq!(times, ["2026-11-26T21:04:46.000Z", "2026-11-26T21:04:46.100Z", "2026-11-26T21:04:46.123Z"]);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = VoteFile::read("v", &bytes);
            let _ = VoteFile::read("v", &[b"rater_id,pair_id,aspect,choice\n".as_slice(), &bytes].concat());
        }
    }
}
