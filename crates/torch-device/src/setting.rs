//! The `device` setting: `auto`, `cpu`, `cuda` or `cuda:N`, and nothing else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where LibTorch is to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceSetting {
    /// The first CUDA device if there is one, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// This CUDA device, counted from 0; `cuda` alone is the first.
    Cuda(usize),
}

/// A word that names no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no device; expected `auto`, `cpu`, `cuda` or `cuda:N`")]
pub struct UnknownDevice {
    /// The word.
    pub word: String,
}

impl FromStr for DeviceSetting {
    type Err = UnknownDevice;

    fn from_str(word: &str) -> Result<Self, UnknownDevice> {
        match word {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => word
                .strip_prefix("cuda:")
                .filter(|index| index.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|index| index.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| UnknownDevice { word: word.to_owned() }),
        }
    }
}

impl TryFrom<String> for DeviceSetting {
    type Error = UnknownDevice;

    fn try_from(word: String) -> Result<Self, UnknownDevice> {
        word.parse()
    }
}

impl From<DeviceSetting> for String {
    fn from(setting: DeviceSetting) -> Self {
        setting.to_string()
    }
}

impl fmt::Display for DeviceSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_four_forms_are_devices() {
        for (word, setting) in [
            ("auto", DeviceSetting::Auto),
            ("cpu", DeviceSetting::Cpu),
            ("cuda", DeviceSetting::Cuda(0)),
            ("cuda:0", DeviceSetting::Cuda(0)),
            ("cuda:11", DeviceSetting::Cuda(11)),
        ] {
            assert_eq!(word.parse(), Ok(setting));
            assert_eq!(setting.to_string().parse(), Ok(setting));
        }
        for word in [
            "",
            "gpu",
            "CPU",
            "cuda:",
            "cuda:-1",
            "cuda:+1",
            "cuda:1.0",
            "cuda:0,1",
            " cpu",
            "cuda:99999999999999999999",
        ] {
            let error = word.parse::<DeviceSetting>().unwrap_err();
            assert!(error.to_string().contains("`auto`, `cpu`, `cuda` or `cuda:N`"), "{word}: {error}");
        }
    }
}
