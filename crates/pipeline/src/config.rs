//! The pipeline file: `${VAR}` expanded, `--set` applied, one section a stage, and no key that nobody reads.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};
use tables::{Location, StageName};

/// What is wrong with the pipeline file or with what was set on the command line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the pipeline file `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no YAML.
    #[error("`{}` is not YAML", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_yaml::Error,
    },
    /// A key at the top is no section.
    #[error("unknown key `{key}` in the pipeline file, expected one of {known}")]
    UnknownSection {
        /// The key.
        key: String,
        /// The keys that there are.
        known: String,
    },
    /// A required key is not there.
    #[error("the pipeline file has no `{key}`")]
    MissingKey {
        /// The key.
        key: &'static str,
    },
    /// A section does not fit its stage's settings.
    #[error("`{path}`: {message}")]
    Setting {
        /// The key, such as `train.mlp.epochs`.
        path: String,
        /// What is wrong, with the keys or values that would fit.
        message: String,
    },
    /// A variable has neither value nor default.
    #[error("`{key}` needs the environment variable {name}: set it, or write ${{{name}:-default}}")]
    UnsetVariable {
        /// The key whose value names it.
        key: String,
        /// The variable.
        name: String,
    },
    /// A `${` without its `}`.
    #[error("`{key}`: `${{` without `}}` in `{text}`")]
    OpenVariable {
        /// The key.
        key: String,
        /// Its value.
        text: String,
    },
    /// `--set` without a key or value, or into something that has no keys.
    #[error("`--set {argument}`: {message}")]
    Set {
        /// The argument.
        argument: String,
        /// What is wrong with it.
        message: String,
    },
}

const DATA_ROOT: &str = "data_root";
const IMAGE_ROOT: &str = "image_root";

/// A pipeline file, ready for the stages to take their sections from.
#[derive(Debug, Clone)]
pub struct Config {
    top: Mapping,
}

impl Config {
    /// Reads a pipeline file and applies `--data-root` and each `--set`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(path: &Path, data_root: Option<&str>, sets: &[String]) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let yaml = serde_yaml::from_str(&text).map_err(|source| ConfigError::Yaml { path: path.to_owned(), source })?;
        Self::new(yaml, data_root, sets, &|name| std::env::var(name).ok())
    }

    /// As [`load`](Self::load), from parsed YAML and any set of variables.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(
        yaml: Value,
        data_root: Option<&str>,
        sets: &[String],
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let mut yaml = yaml;
        sets.iter().try_for_each(|argument| set(&mut yaml, argument))?;
        if let (Some(root), Some(top)) = (data_root, yaml.as_mapping_mut()) {
            top.insert(DATA_ROOT.into(), root.into());
        }
        expand(&mut yaml, "", variable)?;
        let Value::Mapping(top) = yaml else {
            return Err(ConfigError::MissingKey { key: DATA_ROOT });
        };
        let known: Vec<&str> =
            [DATA_ROOT, IMAGE_ROOT].into_iter().chain(StageName::ALL.iter().map(|s| s.command())).collect();
        for key in top.keys() {
            if !key.as_str().is_some_and(|key| known.contains(&key)) {
                let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
                return Err(ConfigError::UnknownSection { key, known: known.join(", ") });
            }
        }
        Ok(Self { top })
    }

    /// Where tables, records, models and reports lie.
    ///
    /// # Errors
    /// [`ConfigError::MissingKey`] or [`ConfigError::Setting`].
    pub fn data_root(&self) -> Result<Location, ConfigError> {
        self.parse(DATA_ROOT)?.ok_or(ConfigError::MissingKey { key: DATA_ROOT })
    }

    /// What `images.path` is relative to; the data root itself if the file does not say.
    ///
    /// # Errors
    /// [`ConfigError::Setting`].
    pub fn image_root(&self) -> Result<Location, ConfigError> {
        match self.parse(IMAGE_ROOT)? {
            Some(root) => Ok(root),
            None => self.data_root(),
        }
    }

    /// The settings of a stage, or `None` if the file has no section for it.
    ///
    /// # Errors
    /// [`ConfigError::Setting`] with the path of the key that does not fit.
    pub fn section<S: DeserializeOwned>(&self, stage: StageName) -> Result<Option<S>, ConfigError> {
        self.parse(stage.command())
    }

    /// Whether the file has a section for a stage.
    pub fn has(&self, stage: StageName) -> bool {
        self.top.contains_key(stage.command())
    }

    fn parse<S: DeserializeOwned>(&self, key: &str) -> Result<Option<S>, ConfigError> {
        let Some(value) = self.top.get(key) else { return Ok(None) };
        serde_path_to_error::deserialize(value.clone()).map(Some).map_err(|error| {
            let inner = error.path().to_string();
            let path = if inner == "." { key.to_owned() } else { format!("{key}.{inner}") };
            ConfigError::Setting { path, message: error.inner().to_string() }
        })
    }
}

/// Applies one `key.path=value`; the value is read as YAML.
fn set(yaml: &mut Value, argument: &str) -> Result<(), ConfigError> {
    let wrong = |message: &str| ConfigError::Set { argument: argument.to_owned(), message: message.to_owned() };
    let (path, text) = argument.split_once('=').ok_or_else(|| wrong("expected key.path=value"))?;
    let value: Value = serde_yaml::from_str(text).map_err(|error| wrong(&format!("the value is not YAML: {error}")))?;
    let mut at = yaml;
    for key in path.split('.') {
        if key.is_empty() {
            return Err(wrong("expected key.path=value"));
        }
        if at.is_null() {
            *at = Value::Mapping(Mapping::new());
        }
        at = match at {
            Value::Mapping(map) => map.entry(key.into()).or_insert(Value::Null),
            Value::Sequence(items) => {
                let item = key.parse().ok().and_then(|index: usize| items.get_mut(index));
                item.ok_or_else(|| wrong(&format!("the list has no item `{key}`")))?
            }
            _ => return Err(wrong(&format!("there are no keys above `{key}`"))),
        };
    }
    *at = value;
    Ok(())
}

/// Expands `${VAR}` and `${VAR:-default}` in every string. What a variable holds stays one scalar, whatever is in it.
fn expand(yaml: &mut Value, key: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match yaml {
        Value::String(text) if text.contains("${") => {
            let whole = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
            let expanded = expand_text(text, key, variable)?;
            // `seeds: ${N}` is a number if N is one.
            *yaml = match serde_yaml::from_str::<Value>(&expanded) {
                Ok(scalar @ (Value::Number(_) | Value::Bool(_))) if whole => scalar,
                _ => Value::String(expanded),
            };
            Ok(())
        }
        Value::Sequence(items) => {
            items.iter_mut().enumerate().try_for_each(|(at, item)| expand(item, &below(&at.to_string()), variable))
        }
        Value::Mapping(map) => {
            map.iter_mut().try_for_each(|(name, value)| expand(value, &below(name.as_str().unwrap_or("?")), variable))
        }
        _ => Ok(()),
    }
}

fn expand_text(text: &str, key: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, ConfigError> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (inside, after) = after
            .split_once('}')
            .ok_or_else(|| ConfigError::OpenVariable { key: key.to_owned(), text: text.to_owned() })?;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (inside, None),
        };
        // As in a shell, `:-` stands in for an empty variable too.
        let value = variable(name).filter(|value| default.is_none() || !value.is_empty());
        let unset = || ConfigError::UnsetVariable { key: key.to_owned(), name: name.to_owned() };
        expanded.push_str(before);
        expanded.push_str(&value.or(default).ok_or_else(unset)?);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    fn config(yaml: &str, sets: &[&str]) -> Result<Config, ConfigError> {
        let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
        let variable = |name: &str| match name {
            "ROOT" => Some("/data".to_owned()),
            "N" => Some("7".to_owned()),
            "HOSTILE" => Some("x: [1, 2]\ntrain: {}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        Config::new(serde_yaml::from_str(yaml).unwrap(), None, &sets, &variable)
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Train {
        epochs: usize,
        #[serde(default)]
        mlp: Option<Mlp>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Mlp {
        hidden: Vec<usize>,
    }

    fn train(yaml: &str, sets: &[&str]) -> Result<Train, ConfigError> {
        config(yaml, sets)?.section(StageName::Train).map(|section| section.unwrap())
    }

    #[test]
    fn variables_expand_inside_scalars_and_nowhere_else() {
        let root =
            |yaml: &str| config(yaml, &[]).and_then(|config| config.data_root()).map(|root| root.as_str().to_owned());
        assert_eq!(root("data_root: ${ROOT}/a/${N}").unwrap(), "/data/a/7");
        assert_eq!(root("data_root: ${NONE:-b}").unwrap(), "b");
        assert_eq!(root("data_root: ${EMPTY:-b}").unwrap(), "b");
        assert_eq!(root("data_root: ${HOSTILE}").unwrap(), "x: [1, 2]\ntrain: {}");
        assert_eq!(train("train: {epochs: '${N}'}", &[]).unwrap().epochs, 7);
        let error = root("data_root: ${NONE}/a").unwrap_err().to_string();
        assert_eq!(error, "`data_root` needs the environment variable NONE: set it, or write ${NONE:-default}");
        assert!(matches!(root("data_root: ${ROOT"), Err(ConfigError::OpenVariable { .. })));
    }

    #[test]
    fn set_replaces_adds_and_says_what_it_cannot_do() {
        let yaml = "train: {epochs: 3, mlp: {hidden: [4, 5]}}";
        assert_eq!(train(yaml, &["train.epochs=9"]).unwrap().epochs, 9);
        assert_eq!(train(yaml, &["train.mlp.hidden.1=6"]).unwrap().mlp.unwrap().hidden, [4, 6]);
        assert_eq!(train(yaml, &["train.mlp={hidden: []}"]).unwrap().mlp.unwrap().hidden, [0; 0]);
        for wrong in ["train.epochs", "=3", "train.epochs.deeper=1", "train.mlp.hidden.9=1", "train.epochs=[1"] {
            assert!(matches!(train(yaml, &[wrong]), Err(ConfigError::Set { .. })), "{wrong}");
        }
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_path_and_the_known_ones() {
        let error = train("train: {epochs: 3, mlp: {hiden: [4]}}", &[]).unwrap_err().to_string();
        assert_eq!(error, "`train.mlp.hiden`: unknown field `hiden`, expected `hidden`");
        let error = config("data_rot: x", &[]).unwrap_err().to_string();
        assert!(
            error.starts_with(
                "unknown key `data_rot` in the pipeline file, expected one of data_root, image_root, ingest"
            ),
            "{error}"
        );
        let error = train("train: {epochs: many}", &[]).unwrap_err().to_string();
        assert!(error.starts_with("`train.epochs`: invalid type: string \"many\""), "{error}");
    }
}
