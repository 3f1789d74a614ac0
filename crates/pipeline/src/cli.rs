//! The commands and their arguments.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::logging::{self, LogFormat};
use crate::run::Selection;

/// From images, prompts and ratings to reward models, and to an answer: which feedback is worth its cost?
#[derive(Debug, Parser)]
#[command(name = "finegrain", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Only warnings and errors
    #[arg(long, short, global = true)]
    quiet: bool,
}

/// What every command that works on a pipeline takes; the same words mean the same everywhere.
#[derive(Debug, Clone, Args)]
struct PipelineArgs {
    /// The pipeline file
    #[arg(long, global = true, default_value = "pipeline.yaml")]
    config: PathBuf,
    /// Where tables, records, models and reports lie, instead of the pipeline file's `data_root`
    #[arg(long, global = true, value_name = "URL")]
    data_root: Option<String>,
    /// Another value for one key of the pipeline file, such as train.seeds=[0,1]; may be given many times
    #[arg(long = "set", global = true, value_name = "KEY.PATH=VALUE")]
    sets: Vec<String>,
}

impl PipelineArgs {
    fn load(&self) -> Result<Config, Failure> {
        Config::load(&self.config, self.data_root.as_deref(), &self.sets).map_err(usage)
    }

    /// The arguments as one would type them.
    fn typed(&self) -> String {
        let mut words = Vec::new();
        if self.config != *"pipeline.yaml" {
            words.push(format!(" --config {}", shell_word(&self.config.to_string_lossy())));
        }
        let root = self.data_root.iter().map(|root| tables::Location::new(root.as_str()).to_string());
        words.extend(root.map(|root| format!(" --data-root {}", shell_word(&root))));
        words.extend(self.sets.iter().map(|set| format!(" --set {}", shell_word(set))));
        words.concat()
    }
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the stages that are stale
    Run {
        #[command(flatten)]
        selection: Selection,
        /// Run them even if they are fresh
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Say what would run and why, and what it would ask of a VLM
    Plan {
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Check the configuration, and every table against its contract
    Check {
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Write the data contracts of schemas/, or check that they are the program's
    Schemas {
        #[command(flatten)]
        action: SchemasAction,
        /// Their folder
        #[arg(long, default_value = "schemas")]
        dir: PathBuf,
    },
    /// Look at LibTorch, CUDA, encoder weights, disk and the VLM endpoint
    Doctor {
        #[command(flatten)]
        endpoint: EndpointArgs,
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Score new pictures with trained reward models
    #[cfg(feature = "torch")]
    Score {
        #[command(flatten)]
        arguments: crate::score::ScoreArgs,
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Write a trained reward model as a TorchScript module, for PyTorch
    #[cfg(feature = "torch")]
    Export {
        #[command(flatten)]
        arguments: crate::export::ExportArgs,
    },
    /// Look through, prune or merge the answers that are kept, or read them anew
    Answers {
        #[command(subcommand)]
        action: crate::answers::Action,
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Say which feedback to collect, and how much of it, for a budget
    Advise {
        #[command(flatten)]
        request: crate::advise::Request,
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Side by side: pairs on which two models disagree, a page for raters, and their votes
    Sxs {
        #[command(subcommand)]
        action: crate::sxs::Action,
        #[command(flatten)]
        pipeline: PipelineArgs,
    },
    /// Say which bucket a question falls in, and by which rule
    ExplainQuestion {
        /// A yes/no question, or any question with --answer
        question: String,
        /// The answer that goes with it
        #[arg(long)]
        answer: Option<String>,
    },
    /// Write the demo world: images, prompts and ratings whose truth is known
    Demo {
        /// Where to
        dir: PathBuf,
        /// How many prompts; four images each
        #[arg(long, default_value_t = 200)]
        prompts: usize,
        /// What makes it this world and no other
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
    /// Serve the demo world's simulated VLM (OpenAI chat-completions protocol) on 127.0.0.1
    DemoVlm {
        #[command(flatten)]
        serve: DemoVlmArgs,
    },
}

#[derive(Debug, Args)]
struct EndpointArgs {
    /// Only the VLM endpoint, but all of it: what it is, how its answers can be read, one real answer. Another one than
    /// the pipeline file's may be named by its URL up to /v1
    #[arg(long, value_name = "URL", num_args = 0..=1)]
    endpoint: Option<Option<String>>,
    /// The model to ask at that URL; the first that it lists if it is not said
    #[arg(long, requires = "endpoint")]
    model: Option<String>,
    /// The environment variable that holds the API key for that URL
    #[arg(long, requires = "endpoint", value_name = "VARIABLE")]
    api_key_env: Option<String>,
}

impl EndpointArgs {
    fn doctor(&self, config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
        let Some(url) = &self.endpoint else { return crate::doctor::doctor(config, out) };
        let named = url.clone().map(|url| {
            let (model, api_key_env) = (self.model.clone(), self.api_key_env.clone());
            crate::doctor::NamedEndpoint { url, model, api_key_env }
        });
        crate::doctor::doctor_endpoint(config, named.as_ref(), out)
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SchemasAction {
    /// Write them
    #[arg(long)]
    write: bool,
    /// Fail if one differs
    #[arg(long)]
    check: bool,
}

#[derive(Debug, Args)]
struct DemoVlmArgs {
    /// The demo world's folder
    #[arg(long)]
    data: PathBuf,
    /// The port; 0 takes any that is free
    #[arg(long, default_value_t = 8642)]
    port: u16,
    /// Which server it passes for: openai, vllm or llama-server
    #[arg(long, default_value = "openai")]
    dialect: String,
    /// What goes wrong, and how often: http_429=0.05,half_json=0.01,drip=0.05:50ms,… (`--fault ?` lists all faults)
    #[arg(long, default_value = "")]
    fault: String,
    /// The environment variable that holds the API key that it wants; none: it wants no key
    #[arg(long, value_name = "VARIABLE")]
    api_key_env: Option<String>,
    /// Answer 503 for so long at first, as a server that loads its model
    #[arg(long, default_value_t = 0)]
    loading_ms: u64,
    /// Wait this long before each answer
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Append a line to this file for each question, with the fault that it met
    #[arg(long)]
    log: Option<PathBuf>,
    /// End when the program that started this one ends
    #[arg(long)]
    exit_with_parent: bool,
}

/// The whole program: parses the command line, does it, and says how it went.
pub fn main() -> ExitCode {
    // Help and version end here with 0, a wrong command line with 2.
    let cli = Cli::parse();
    let progress = logging::start(cli.log_format, cli.quiet);
    let out = &mut std::io::stdout().lock();
    let result = match &cli.command {
        Command::Run { selection, force, pipeline } => {
            pipeline.load().and_then(|config| crate::run::run(&config, selection, *force, progress))
        }
        Command::Plan { selection, pipeline } => {
            pipeline.load().and_then(|config| crate::plan::plan(&config, selection, out))
        }
        Command::Check { pipeline } => pipeline.load().and_then(|config| crate::check::check(&config, out)),
        Command::Schemas { action, dir } if action.write => crate::schemas::write(dir),
        Command::Schemas { dir, .. } => crate::schemas::check(dir),
        Command::Doctor { endpoint, pipeline } => pipeline.load().and_then(|config| endpoint.doctor(&config, out)),
        #[cfg(feature = "torch")]
        Command::Score { arguments, pipeline } => {
            pipeline.load().and_then(|config| crate::score::score(&config, arguments, progress))
        }
        #[cfg(feature = "torch")]
        Command::Export { arguments } => crate::export::export(arguments),
        Command::Answers { action, pipeline } => {
            pipeline.load().and_then(|config| crate::answers::answers(&config, action, out))
        }
        Command::Advise { request, pipeline } => {
            pipeline.load().and_then(|config| crate::advise::advise(&config, request, out))
        }
        Command::Sxs { action, pipeline } => {
            pipeline.load().and_then(|config| crate::sxs::sxs(&config, action, progress, out))
        }
        Command::ExplainQuestion { question, .. } if question.trim().is_empty() => {
            Err(crate::exit::usage(anyhow::anyhow!("the question is empty")))
        }
        Command::ExplainQuestion { question, answer } => {
            writeln!(out, "{}", vq2_parse::explain(question, answer.as_deref())).map_err(failed)
        }
        Command::Demo { dir, prompts, seed } => demo(dir, *prompts, *seed),
        Command::DemoVlm { serve } => demo_vlm(serve),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Who reads no further, as `head` does, has what was wanted.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            tracing::error!("{failure}");
            if let (Command::Run { pipeline, selection, force }, Failure::Failed(_) | Failure::RetryLater(_)) =
                (&cli.command, &failure)
            {
                let program = std::env::args().next().unwrap_or_else(|| "finegrain".to_owned());
                tracing::error!(
                    "what was computed is kept; resume with: {} run{}{}{}",
                    shell_word(&program),
                    selection.typed(),
                    if *force { " --force" } else { "" },
                    pipeline.typed()
                );
            }
            failure.exit_code()
        }
    }
}

fn demo(dir: &std::path::Path, prompts: usize, seed: u64) -> Result<(), Failure> {
    let summary = demo::write_world(dir, &demo::WorldSettings { prompts, seed }).map_err(failed)?;
    let demo::WorldSummary { n_prompts, n_images, n_ratings, written, .. } = summary;
    let how = if written { "written" } else { "is there" };
    tracing::info!("demo world `{}` {how}: {n_prompts} prompts, {n_images} images, {n_ratings} ratings", dir.display());
    Ok(())
}

fn demo_vlm(arguments: &DemoVlmArgs) -> Result<(), Failure> {
    let faults = demo::Faults::parse(&arguments.fault).map_err(usage)?;
    let from_environment = |variable: &String| std::env::var(variable).with_context(|| format!("`{variable}`"));
    let settings = demo::ServeSettings {
        port: arguments.port,
        dialect: arguments.dialect.parse::<demo::Dialect>().map_err(usage)?,
        api_key: arguments.api_key_env.as_ref().map(from_environment).transpose().map_err(usage)?,
        loading: std::time::Duration::from_millis(arguments.loading_ms),
        faults,
        latency: std::time::Duration::from_millis(arguments.latency_ms),
        log: arguments.log.clone(),
        exit_with_parent: arguments.exit_with_parent,
        ..demo::ServeSettings::new(&arguments.data)
    };
    let runtime = tokio::runtime::Runtime::new().map_err(failed)?;
    runtime.block_on(demo::serve(settings)).map_err(failed)
}
