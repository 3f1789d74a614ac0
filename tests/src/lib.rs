//! What the end-to-end tests share: a small project folder like a checkout, and the program run in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tables::{Storage, Table, Tables};

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/")).to_owned()
}

/// The program, as `cargo build` or `cargo test` left it beside the tests.
///
/// # Panics
/// If it was not built.
pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let program = test.ancestors().nth(2).unwrap_or(Path::new("")).join("finegrain");
    assert!(program.exists(), "{} is not there: run `cargo build --workspace` (or `make test`)", program.display());
    program
}

/// Whether there is a headless Chromium with its driver: as `CHROMIUM` and `CHROMEDRIVER` name them, or on the path.
///
/// # Panics
/// If there is none and `BROWSER_TESTS` is `required`, as `make test-browser` sets it; else a test may say so and pass.
pub fn has_chromium() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = |variable: &str, name: &str| {
        let named = std::env::var_os(variable).filter(|named| !named.is_empty());
        named.is_some() || std::env::split_paths(&folders).any(|folder| folder.join(name).exists())
    };
    let has = found("CHROMIUM", "chromium") && found("CHROMEDRIVER", "chromedriver");
    let is_required = std::env::var_os("BROWSER_TESTS").is_some_and(|value| value == "required");
    assert!(has || !is_required, "no chromium and chromedriver here, and BROWSER_TESTS=required");
    if !has {
        println!("SKIPPED: no chromium and chromedriver here; `make test-browser` installs them");
    }
    has
}

/// Runs a script of `tests/browser/` with these words.
///
/// # Panics
/// If it fails.
#[allow(clippy::unwrap_used, reason = "a helper of tests: a panic names the failing line")]
pub fn in_chromium(script: &str, words: &[&str]) {
    let mut command = Command::new(std::env::var_os("PYTHON").unwrap_or("python3".into()));
    command.env("PYTHONDONTWRITEBYTECODE", "1").arg(repository().join("tests/browser").join(script)).args(words);
    let ended = Ended(command.output().unwrap());
    assert_eq!(ended.code(), Some(0), "{}", ended.text());
}

/// A folder that looks like a checkout to the program: `pipeline.yaml`, `.deps`, and a small demo world.
pub struct Project {
    _scratch: tempfile::TempDir,
    folder: PathBuf,
}

/// Makes the default run small: what it does stays, how long it trains does not.
pub const SMALL: &[&str] = &[
    "--set",
    "train.mlp.epochs=5",
    "--set",
    "train.seeds=[0]",
    "--set",
    "train.n_train=[16]",
    "--set",
    "evaluate.bootstrap.replicates=50",
];

#[allow(clippy::unwrap_used, reason = "a test fixture: a panic names the failing line")]
impl Project {
    /// A project with the default pipeline file and a demo world of `n_prompts`.
    pub fn new(n_prompts: usize) -> Self {
        let project = Self::empty();
        let n_prompts = n_prompts.to_string();
        project.succeeds(&["demo", "data/demo", "--prompts", &n_prompts]);
        project
    }

    /// A project with the default pipeline file and no data.
    pub fn empty() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("checkout");
        std::fs::create_dir(&folder).unwrap();
        std::fs::copy(repository().join("pipeline.yaml"), folder.join("pipeline.yaml")).unwrap();
        std::os::unix::fs::symlink(repository().join(".deps"), folder.join(".deps")).unwrap();
        Self { _scratch: scratch, folder }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Moves the whole checkout elsewhere.
    pub fn move_away(&mut self) {
        let moved = self.folder.with_file_name("moved");
        std::fs::rename(&self.folder, &moved).unwrap();
        self.folder = moved;
    }

    /// A file's text.
    pub fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.join(path)).unwrap()
    }

    /// Replaces a file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The program with these words, ready to start.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(words).current_dir(&self.folder).stdin(Stdio::null()).env_remove("RUST_LOG");
        command
    }

    /// Runs the program to its end.
    pub fn finegrain(&self, words: &[&str]) -> Ended {
        Ended(self.command(words).output().unwrap())
    }

    /// Runs the program, which must end with 0; gives what it wrote to stdout and stderr.
    pub fn succeeds(&self, words: &[&str]) -> String {
        let ended = self.finegrain(words);
        assert_eq!(ended.code(), Some(0), "finegrain {}\n{}", words.join(" "), ended.text());
        ended.text()
    }

    /// `finegrain run` on the small settings, which must end with 0.
    pub fn runs(&self, words: &[&str]) -> String {
        self.succeeds(&[&["run"], SMALL, words].concat())
    }

    /// Starts the program with its output thrown away.
    pub fn start(&self, words: &[&str]) -> Child {
        self.command(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The tables of the default data root.
    pub fn tables(&self) -> Tables {
        let root = self.folder.join("data/run");
        Tables::new(Storage::open(&root.as_path().into()).unwrap())
    }

    /// All rows of a table of the default data root.
    pub fn rows<T: Table>(&self) -> Vec<T> {
        self.tables().read().unwrap()
    }

    /// A run record of the default data root.
    pub fn record(&self, stage: &str) -> serde_json::Value {
        serde_json::from_str(&self.text(&format!("data/run/runs/{stage}.json"))).unwrap()
    }

    /// The digest of every table's content, without what is measured.
    pub fn contents(&self) -> Vec<(&'static str, String)> {
        let content = |contract: std::sync::Arc<tables::Contract>| {
            let file = self.tables().open_file(&contract).unwrap();
            (contract.name, file.map_or("not there".to_owned(), |file| file.digest().unwrap().0))
        };
        tables::all_contracts().into_iter().map(content).collect()
    }
}

/// A program that has ended.
pub struct Ended(pub Output);

impl Ended {
    /// Its exit code.
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    /// What it wrote to stdout and then to stderr.
    pub fn text(&self) -> String {
        format!("{}{}", String::from_utf8_lossy(&self.0.stdout), String::from_utf8_lossy(&self.0.stderr))
    }
}
