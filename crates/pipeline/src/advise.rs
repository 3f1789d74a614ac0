//! `finegrain advise`: which feedback, and how much of it, for a budget.

use std::io::Write;

use clap::{Args, ValueEnum};
use evaluate::{BudgetRequest, BudgetUnit, EvaluateError};
use tables::StageName;

use crate::config::Config;
use crate::exit::{Failure, failed, usage};
use crate::root::DataRoot;

/// What a budget is counted in.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Unit {
    /// Seconds of raters' time
    Seconds,
    /// Labels, each costing 1
    Labels,
    /// Money, at --per-hour
    Money,
}

/// What is asked.
#[derive(Debug, Args)]
pub struct Request {
    /// What may be spent
    #[arg(long, value_name = "AMOUNT", value_parser = parse_amount, allow_hyphen_values = true)]
    budget: f64,
    /// What it is counted in
    #[arg(long = "in", value_enum, default_value_t = Unit::Seconds)]
    unit: Unit,
    /// What an hour of a rater's time costs, for --in money
    #[arg(long, value_name = "MONEY", required_if_eq("unit", "money"), value_parser = parse_amount)]
    per_hour: Option<f64>,
    /// One experiment only
    #[arg(long)]
    experiment: Option<String>,
    /// How many images there are to be labelled at most
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    images: Option<u64>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

fn parse_amount(word: &str) -> Result<f64, String> {
    let amount = word.parse::<f64>().ok().filter(|amount| *amount > 0.0 && amount.is_finite());
    amount.ok_or_else(|| "it must be a plain number above 0, such as 2500: no comma, no unit".to_owned())
}

/// Reads the trained models' predictions, and writes the advice.
///
/// # Errors
/// [`Failure::Usage`] for the configuration, or an experiment that is not there; [`Failure::Failed`] where tables are missing, or nothing fits the request.
pub fn advise(config: &Config, request: &Request, out: &mut dyn Write) -> Result<(), Failure> {
    let settings = config.section::<evaluate::Settings>(StageName::Evaluate).map_err(usage)?;
    let Some(settings) = settings else {
        return Err(usage(anyhow::anyhow!(
            "the pipeline file has no section `evaluate`, which says how intervals are made"
        )));
    };
    settings.validate().map_err(usage)?;
    if request.per_hour.is_some() && !matches!(request.unit, Unit::Money) {
        return Err(usage(anyhow::anyhow!("--per-hour goes with --in money: what is --budget counted in?")));
    }
    let (budget, unit) = match (request.unit, request.per_hour) {
        (Unit::Seconds, _) => (request.budget, BudgetUnit::Seconds),
        (Unit::Labels, _) => (request.budget, BudgetUnit::Labels),
        (Unit::Money, per_hour) => (request.budget / per_hour.unwrap_or(f64::NAN) * 3_600.0, BudgetUnit::Seconds),
    };
    let root = DataRoot::open_existing(&config.data_root().map_err(usage)?)?;
    let asked = BudgetRequest { budget, unit, experiment: request.experiment.clone(), images: request.images };
    let advice = evaluate::advise(&root.tables, &settings, &asked).map_err(|error| match error {
        EvaluateError::UnknownExperiment { .. } => usage(error),
        _ => failed(error),
    })?;
    if request.json {
        let json = serde_json::to_string_pretty(&advice).map_err(failed)?;
        return writeln!(out, "{json}").map_err(failed);
    }
    if let (Unit::Money, Some(per_hour)) = (request.unit, request.per_hour) {
        writeln!(out, "{} at {per_hour} an hour are {} s of raters' time", request.budget, evaluate::rounded(budget))
            .map_err(failed)?;
    }
    advice.iter().try_for_each(|advice| write!(out, "{advice}")).map_err(failed)
}
