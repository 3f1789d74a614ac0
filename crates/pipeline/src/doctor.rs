//! `finegrain doctor`: what this machine has of what a run needs, one line a finding.

use std::io::Write;

use anyhow::anyhow;
use synth_feedback::{Endpoint, Found, WantedReadout, keep_endpoint_record, known_readout, probe_endpoint};
use tables::{InputFile, Stage, StageName};

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
    findings.extend(devices(config)?);
    let root = DataRoot::open(&config.data_root().map_err(usage)?)?;
    findings.push(disk(&root));
    for stage in &stages {
        findings.extend(files(stage.as_ref(), &root));
    }
    if let Some(settings) = config.section::<synth_feedback::Settings>(StageName::SynthFeedback).map_err(usage)? {
        let instruction = settings.instruction.as_deref();
        let endpoints = settings.models().into_iter().flat_map(|model| model.endpoints);
        findings.extend(endpoints.map(|endpoint| answers_of(endpoint, instruction)));
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

/// The devices that the pipeline file sets.
#[cfg(feature = "torch")]
fn devices(config: &Config) -> Result<Vec<Finding>, Failure> {
    let embed = config.section::<embed::Settings>(StageName::Embed).map_err(usage)?;
    let train = config.section::<train::Settings>(StageName::Train).map_err(usage)?;
    let embed = embed.map(|settings| device("embed.device", settings.device));
    Ok(embed.into_iter().chain(train.map(|settings| device("train.device", settings.device))).collect())
}

#[cfg(feature = "torch")]
fn device(about: &str, setting: torch_device::DeviceSetting) -> Finding {
    match torch_device::resolve(setting) {
        Ok(device) => Finding::good(about, format!("{setting}: {}", torch_device::name(device))),
        Err(error) => Finding::bad(about, setting.to_string(), format!("{:#}", anyhow!(error))),
    }
}

#[cfg(not(feature = "torch"))]
fn devices(_config: &Config) -> Result<Vec<Finding>, Failure> {
    Ok(Vec::new())
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
    let mend = |file: &InputFile| {
        let of_setup = file.location.local_path().is_some_and(|path| path.iter().any(|part| part == ".deps"));
        if of_setup { "run `make setup`" } else { "check the path in the pipeline file" }
    };
    let mut findings: Vec<Finding> = missing
        .map(|file| Finding::bad(about, format!("`{}` ({}) is not there", file.location, file.name), mend(file)))
        .collect();
    if findings.is_empty() && !files.is_empty() {
        findings.push(Finding::good(about, format!("{} input files are there", files.len())));
    }
    findings
}

const ENDPOINT: &str = "VLM endpoint";
const MEND_ENDPOINT: &str = "start it, or correct `synth-feedback.endpoint`; `finegrain doctor --endpoint` says more";

/// What the VLM endpoint says to one real question about a small drawn picture.
fn answers_of(endpoint: &Endpoint, instruction: Option<&str>) -> Finding {
    match probe_endpoint(endpoint, instruction) {
        Ok(found) => Finding::good(ENDPOINT, found.summary()),
        Err(error) => Finding::bad(ENDPOINT, format!("{:#}", anyhow::Error::new(error)), MEND_ENDPOINT),
    }
}

/// An endpoint named on the command line, in the place of the pipeline file's.
#[derive(Debug, Clone)]
pub struct NamedEndpoint {
    /// Its URL up to `/v1`.
    pub url: String,
    /// Its model.
    pub model: Option<String>,
    /// The environment variable that holds the API key.
    pub api_key_env: Option<String>,
}

/// Probes the endpoints of the pipeline file, or another one that is named, and writes all that was found. What was found of
/// the pipeline file's is kept in its data root, in the place of what was known.
///
/// # Errors
/// [`Failure::Usage`] for the configuration; [`Failure::Failed`] if an endpoint cannot be used, with the reason;
/// [`Failure::RetryLater`] if it is down.
pub fn doctor_endpoint(config: &Config, named: Option<&NamedEndpoint>, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config.section::<synth_feedback::Settings>(StageName::SynthFeedback).map_err(usage)?;
    if let (Some(settings), None) = (&settings, named) {
        settings.validate().map_err(|error| usage(anyhow::Error::new(error)))?;
    }
    let instruction = settings.as_ref().and_then(|settings| settings.instruction.as_deref());
    let models = settings.as_ref().map(synth_feedback::Settings::models).unwrap_or_default();
    if let Some(named) = named {
        let of_file = models.first().map(|model| model.endpoints[0].clone());
        return report(&at_url(of_file, named)?, instruction, out).map(|_| ());
    }
    if models.is_empty() {
        return Err(usage(anyhow!("the pipeline file has no `synth-feedback.endpoint`; name a URL")));
    }
    let root = DataRoot::open(&config.data_root().map_err(usage)?)?;
    let storage = root.tables.storage();
    for model in &models {
        for (at, endpoint) in model.endpoints.iter().enumerate() {
            let found = report(endpoint, instruction, out)?;
            // The others are read as the first is.
            if at > 0 {
                continue;
            }
            let known = known_readout(storage, endpoint).map_err(failed)?;
            keep_endpoint_record(storage, endpoint, &found).map_err(failed)?;
            if let Some(known) = known.filter(|known| known.key() != found.readout.key()) {
                let note = format!("was {} until now: its answers are not mixed with new ones", known.key());
                writeln!(out, "{:<28} {note}", "readout").map_err(failed)?;
            }
        }
    }
    Ok(())
}

/// Probes one endpoint and writes what was found.
fn report(endpoint: &Endpoint, instruction: Option<&str>, out: &mut dyn Write) -> Result<Found, Failure> {
    let found = probe_endpoint(endpoint, instruction)?;
    for (about, what) in found.lines() {
        writeln!(out, "{about:<28} {what}").map_err(failed)?;
    }
    Ok(found)
}

/// The pipeline file's endpoint, if it has one, at another URL: its patience and sampling, not its server or key.
fn at_url(of_file: Option<Endpoint>, named: &NamedEndpoint) -> Result<Endpoint, Failure> {
    let mut endpoint = match of_file {
        Some(endpoint) => endpoint,
        None => serde_yaml::from_str(
            "{ base_url: '', model: '', concurrency: 1, timeout_seconds: 60, max_attempts: 3,
               sample: { n: 10, temperature: 1, seed: 0, max_tokens: 8 } }",
        )
        .map_err(failed)?,
    };
    endpoint.base_url.clone_from(&named.url);
    endpoint.api_key_env.clone_from(&named.api_key_env);
    endpoint.serve = None;
    endpoint.readout = WantedReadout::Auto;
    endpoint.model = named.model.clone().unwrap_or_else(|| "the first that it lists".to_owned());
    endpoint.validate().map_err(|error| usage(anyhow::Error::new(error)))?;
    if named.model.is_none() {
        let models = synth_feedback::models_of(&endpoint)?;
        let none = || failed(anyhow!("`{}` lists no model: say --model, and end the URL in /v1", named.url));
        endpoint.model = models.into_iter().next().ok_or_else(none)?;
    }
    Ok(endpoint)
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_is_to_be_mended_and_its_cause_named() {
        assert!(device("embed.device", "cpu".parse().unwrap()).mend.is_none());
        let Finding { found, mend, .. } = device("embed.device", "cuda:99".parse().unwrap());
        let mend = mend.unwrap();
        assert_eq!(found, "cuda:99");
        match torch_device::describe().cuda {
            Ok(n_devices) => assert!(mend.contains(&format!("there are {n_devices} CUDA devices")), "{mend}"),
            Err(cause) => assert!(mend.contains(&cause.to_string()), "{mend}"),
        }
    }
}
