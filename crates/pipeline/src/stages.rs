//! The six stages, made from their sections of the pipeline file.

use std::collections::BTreeMap;

use tables::{ImageFiles, Stage, StageName};

use crate::config::Config;
use crate::exit::{Failure, usage};

/// Every stage that the pipeline file has a section for, in the order they run.
///
/// # Errors
/// [`Failure::Usage`] for settings that do not fit.
pub fn from_config(config: &Config) -> Result<Vec<Box<dyn Stage>>, Failure> {
    let mut stages: Vec<Box<dyn Stage>> = Vec::new();
    for &name in StageName::ALL {
        if config.has(name) {
            stages.push(stage(name, config)?);
        }
    }
    Ok(stages)
}

fn stage(name: StageName, config: &Config) -> Result<Box<dyn Stage>, Failure> {
    /// One line a stage: its settings' type and its constructor.
    macro_rules! made {
        ($Stage:path, $Settings:path) => {{
            let settings = config.section::<$Settings>(name).map_err(usage)?;
            let settings = settings.unwrap_or_else(|| unreachable!("`{}` has a section", name.command()));
            <$Stage>::new(settings).map_err(|error| in_section(name, error))?
        }};
    }
    Ok(match name {
        StageName::Ingest => {
            let images = config.image_root().map_err(usage)?;
            let images = ImageFiles::open(&images).map_err(usage)?;
            Box::new(made!(ingest::Ingest, ingest::Settings).with_images(images))
        }
        StageName::Vq2Parse => Box::new(made!(vq2_parse::Vq2Parse, vq2_parse::Settings)),
        StageName::SynthFeedback => Box::new(made!(synth_feedback::SynthFeedback, synth_feedback::Settings)),
        #[cfg(feature = "torch")]
        StageName::Embed => Box::new(made!(embed::Embed, embed::Settings)),
        #[cfg(feature = "torch")]
        StageName::Train => Box::new(made!(train::Train, train::Settings)),
        #[cfg(not(feature = "torch"))]
        StageName::Embed | StageName::Train => {
            return Err(usage(anyhow::anyhow!(
                "`{}` needs LibTorch, and this program was built without it",
                name.command()
            )));
        }
        StageName::Evaluate => {
            let evaluate = made!(evaluate::Evaluate, evaluate::Settings);
            Box::new(evaluate.with_seconds_per_label(seconds_per_label(config)?))
        }
    })
}

/// What `train` is told that labels take; `evaluate` reports it where the ratings have no times.
fn seconds_per_label(config: &Config) -> Result<BTreeMap<String, f64>, Failure> {
    #[derive(serde::Deserialize)]
    struct Train {
        #[serde(default)]
        seconds_per_label: BTreeMap<String, f64>,
    }
    let train = config.section::<Train>(StageName::Train).map_err(usage)?;
    Ok(train.map(|train| train.seconds_per_label).unwrap_or_default())
}

fn in_section(name: StageName, error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    usage(anyhow::Error::new(error).context(format!("in section `{}` of the pipeline file", name.command())))
}
