//! The quality of a picture as nine numbers, each of which visibly acts on its pixels.

use serde::{Deserialize, Serialize};

macro_rules! factors {
    ($($(#[$doc:meta])+ $field:ident $Variant:ident = $name:literal slope $slope:literal),+ $(,)?) => {
        /// How much of each quality attribute a picture shows, each in `[0, 1]`.
        #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
        pub struct Factors { $($(#[$doc])+ #[serde(rename = $name)] pub $field: f64),+ }

        /// The name of one quality attribute.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Factor { $($(#[$doc])+ $Variant),+ }

        impl Factor {
            /// Every attribute.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The attribute as it stands in questions and tables.
            pub fn name(self) -> &'static str {
                match self { $(Self::$Variant => $name),+ }
            }

            // How sharply people tell "is" from "is not".
            fn slope(self) -> f64 {
                match self { $(Self::$Variant => $slope),+ }
            }
        }

        impl Factors {
            /// The same amount of everything.
            pub fn all(amount: f64) -> Self {
                Self { $($field: amount),+ }
            }

            /// How much of one attribute the picture shows.
            pub fn get(&self, factor: Factor) -> f64 {
                match factor { $(Factor::$Variant => self.$field),+ }
            }

            /// Changes one attribute.
            pub fn set(&mut self, factor: Factor, amount: f64) {
                match factor { $(Factor::$Variant => self.$field = amount),+ }
            }
        }
    };
}

factors! {
    /// Bent out of shape.
    distorted Distorted = "distorted" slope 8.0,
    /// Shaded, textured and grainy rather than flat and outlined.
    photorealistic Photorealistic = "photorealistic" slope 6.0,
    /// Light.
    bright Bright = "bright" slope 9.0,
    /// A harmonious, colourful backdrop with a glow.
    captivating Captivating = "captivating" slope 5.0,
    /// Cluttered.
    chaotic Chaotic = "chaotic" slope 7.0,
    /// Saturated, contrasty, large subject, dark corners.
    visually_compelling VisuallyCompelling = "visually compelling" slope 5.0,
    /// Dark red drips and scratches.
    disturbing Disturbing = "disturbing" slope 9.0,
    /// Hats, moustaches and goggling eyes.
    funny Funny = "funny" slope 8.0,
    /// Out of focus.
    blurry Blurry = "blurry" slope 8.0,
}

impl Factor {
    /// The attribute of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|factor| factor.name() == name)
    }
}

impl Factors {
    /// Log-odds that a careful observer says that the picture shows the attribute.
    pub fn true_logit(&self, factor: Factor) -> f64 {
        factor.slope() * (self.get(factor) - 0.5)
    }

    /// The probability that belongs to [`Self::true_logit`].
    pub fn true_probability(&self, factor: Factor) -> f64 {
        sigmoid(self.true_logit(factor))
    }
}

/// The logistic function.
pub fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_is_read_back_by_its_name() {
        for &factor in Factor::ALL {
            assert_eq!(Factor::named(factor.name()), Some(factor));
            let mut factors = Factors::all(0.1);
            factors.set(factor, 0.9);
            assert_eq!(factors.get(factor), 0.9);
            assert_eq!(Factor::ALL.iter().filter(|&&other| factors.get(other) == 0.9).count(), 1);
            assert!(factors.true_probability(factor) > 0.8);
        }
        assert_eq!(Factor::named("green"), None);
    }
}
