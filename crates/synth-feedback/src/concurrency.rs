//! The setting `concurrency`: a number, `auto`, or bounds for the limit that is found by trying.

use std::fmt;

use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How many requests are under way at once. In the file: `64`, `auto`, or `{ min: 4, max: 64 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// The fewest.
    pub min: usize,
    /// The most; equal to `min`, the number is fixed.
    pub max: usize,
}

/// The most that `auto` tries: more than most servers batch.
const AUTO_MAX: usize = 256;

impl Default for Concurrency {
    fn default() -> Self {
        Self { min: 1, max: AUTO_MAX }
    }
}

impl Concurrency {
    /// So many, whatever comes.
    pub fn fixed(n: usize) -> Self {
        Self { min: n, max: n }
    }
}

impl<'de> Deserialize<'de> for Concurrency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Setting;
        impl<'de> Visitor<'de> for Setting {
            type Value = Concurrency;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of requests, `auto`, or `{ min: …, max: … }`")
            }
            fn visit_u64<E: Error>(self, n: u64) -> Result<Concurrency, E> {
                usize::try_from(n).map(Concurrency::fixed).map_err(|_| E::invalid_value(Unexpected::Unsigned(n), &self))
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<Concurrency, E> {
                match word {
                    "auto" => Ok(Concurrency::default()),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Concurrency, M::Error> {
                let mut bounds = Concurrency::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "min" => bounds.min = map.next_value()?,
                        "max" => bounds.max = map.next_value()?,
                        other => return Err(M::Error::unknown_field(other, &["min", "max"])),
                    }
                }
                Ok(bounds)
            }
        }
        deserializer.deserialize_any(Setting)
    }
}

impl Serialize for Concurrency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        if self.min == self.max {
            return self.min.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("min", &self.min)?;
        map.serialize_entry("max", &self.max)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Concurrency, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn it_is_a_number_auto_or_bounds() {
        assert_eq!(read("32"), Ok(Concurrency { min: 32, max: 32 }));
        assert_eq!(read("auto"), Ok(Concurrency { min: 1, max: 256 }));
        assert_eq!(read("{ min: 4, max: 64 }"), Ok(Concurrency { min: 4, max: 64 }));
        assert_eq!(read("{ max: 64 }"), Ok(Concurrency { min: 1, max: 64 }));
        for wrong in ["-1", "fast", "1.5", "[1, 2]", "~"] {
            assert!(read(wrong).unwrap_err().contains("`auto`"), "{wrong}: {:?}", read(wrong));
        }
        assert!(read("{ least: 4 }").unwrap_err().contains("`min`"));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for setting in [Concurrency::fixed(7), Concurrency::default()] {
            let json = serde_json::to_string(&setting).unwrap();
            assert_eq!(serde_json::from_str::<Concurrency>(&json).unwrap(), setting);
        }
    }
}
