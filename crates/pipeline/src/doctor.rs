//! `finegrain doctor`: what this machine has of what a run needs, one line a finding.

use std::io::Write;

use anyhow::anyhow;
use tables::{Image, ImageFiles, Stage, StageName};

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::root::DataRoot;

/// One finding: `None` is fine, `Some` says what to do.
struct Finding {
    about: String,
    found: String,
    mend: Option<String>,
}

impl Finding {
    fn good(about: &str, found: impl Into<String>) -> Self {
        Self { about: about.to_owned(), found: found.into(), mend: None }
    }

    fn bad(about: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { about: about.to_owned(), found: found.into(), mend: Some(mend.into()) }
    }
}

/// Looks at everything and writes what it finds.
///
/// # Errors
/// [`Failure::Usage`] for the configuration; [`Failure::Failed`] if something that the pipeline file asks for is missing.
pub fn doctor(config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
    let stages = crate::stages::from_config(config)?;
    let mut findings = vec![libtorch()];
    let root = DataRoot::open(&config.data_root().map_err(usage)?)?;
    findings.push(disk(&root));
    for stage in &stages {
        findings.extend(files(stage.as_ref(), &root));
    }
    if let Some(settings) = config.section::<synth_feedback::Settings>(StageName::SynthFeedback).map_err(usage)? {
        let images = ImageFiles::open(&config.image_root().map_err(usage)?).map_err(usage)?;
        findings.extend(
            settings
                .models()
                .into_iter()
                .flat_map(|model| model.endpoints)
                .map(|settings| endpoint(settings, &root, &images)),
        );
    }
    for Finding { about, found, mend } in &findings {
        let mark = if mend.is_none() { "ok  " } else { "MEND" };
        let mend = mend.as_ref().map(|mend| format!(": {mend}")).unwrap_or_default();
        writeln!(out, "{mark} {about:<26} {found}{mend}").map_err(failed)?;
    }
    match findings.iter().filter(|finding| finding.mend.is_some()).count() {
        0 => Ok(()),
        n_bad => Err(failed(anyhow!("{n_bad} findings to mend"))),
    }
}

#[cfg(feature = "torch")]
fn libtorch() -> Finding {
    let report = torch_device::describe();
    let version = report.version.unwrap_or_else(|| "of unknown version".to_owned());
    let folder = report.folder.map_or_else(|| "an unknown folder".to_owned(), |folder| folder.display().to_string());
    let cuda = match report.cuda {
        Ok(n_devices) => format!("{n_devices} CUDA device(s)"),
        Err(cause) => format!("no CUDA: {cause}"),
    };
    Finding::good("LibTorch", format!("{version} in {folder}; {} threads; {cuda}", report.n_threads))
}

#[cfg(not(feature = "torch"))]
fn libtorch() -> Finding {
    Finding::good("LibTorch", "built without it: no embed, no train")
}

const ENOUGH_BYTES: u64 = 1 << 30;

fn disk(root: &DataRoot) -> Finding {
    let Some(folder) = root.tables.storage().local_root() else {
        return Finding::good("data root", root.tables.storage().root().to_string());
    };
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail * disk.f_frsize;
            let found = format!("{}: {:.1} GiB free", folder.display(), free as f64 / f64::from(1 << 30));
            if free < ENOUGH_BYTES {
                Finding::bad("data root", found, "make room")
            } else {
                Finding::good("data root", found)
            }
        }
        Err(error) => Finding::bad("data root", error.to_string(), "check the folder's permissions"),
    }
}

/// The files that a stage reads and that are not there.
fn files(stage: &dyn Stage, root: &DataRoot) -> Vec<Finding> {
    let about = stage.name().command();
    let files = match stage.files(&root.tables) {
        Ok(files) => files,
        Err(error) => return vec![Finding::bad(about, error.source.to_string(), "see `finegrain check`")],
    };
    let missing = files.iter().filter(|file| file.location.local_path().is_some_and(|path| !path.exists()));
    let mend =
        if stage.name() == StageName::Embed { "run `make setup`" } else { "check the path in the pipeline file" };
    let mut findings: Vec<Finding> = missing
        .map(|file| Finding::bad(about, format!("`{}` ({}) is not there", file.location, file.name), mend))
        .collect();
    if findings.is_empty() && !files.is_empty() {
        findings.push(Finding::good(about, format!("{} input files are there", files.len())));
    }
    findings
}

/// What the VLM endpoint says to one real question about the first picture of the data set.
fn endpoint(endpoint: &synth_feedback::Endpoint, root: &DataRoot, images: &ImageFiles) -> Finding {
    const ABOUT: &str = "VLM endpoint";
    let first = root.tables.open::<Image>().ok().flatten().and_then(|table| table.rows().ok()).unwrap_or_default();
    let Some(path) = first.into_iter().find_map(|image| image.path) else {
        return Finding::good(ABOUT, "not asked: there is no picture yet, run `ingest` first");
    };
    let asked = images.read(&path, u64::MAX).map_err(anyhow::Error::new);
    match asked.and_then(|picture| synth_feedback::probe(endpoint, &picture).map_err(anyhow::Error::new)) {
        Ok(found) => Finding::good(ABOUT, found),
        Err(error) => Finding::bad(ABOUT, format!("{error:#}"), "start it, or correct `synth-feedback.endpoint`"),
    }
}
