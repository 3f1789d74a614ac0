//! The closed vocabulary: what a prompt can name, a picture can show and a question can ask.

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have a word each.
macro_rules! words {
    ($(#[$about:meta])+ $Name:ident { $($(#[$doc:meta])+ $Variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $Name { $($(#[$doc])+ #[serde(rename = $word)] $Variant),+ }

        impl $Name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The value in prompts and files.
            pub fn word(self) -> &'static str {
                match self { $(Self::$Variant => $word),+ }
            }
        }
    };
}

words! {
    /// A kind of object.
    Kind {
        /// An animal.
        Cat = "cat",
        /// An animal.
        Dog = "dog",
        /// An animal.
        Bird = "bird",
        /// An animal.
        Fish = "fish",
        /// A machine with a face.
        Robot = "robot",
        /// A fruit.
        Apple = "apple",
        /// A toy.
        Ball = "ball",
        /// A vessel.
        Cup = "cup",
        /// A vehicle.
        Car = "car",
        /// A building.
        House = "house",
        /// A plant.
        Tree = "tree",
        /// A plant.
        Flower = "flower",
    }
}

words! {
    /// A colour of an object.
    Colour {
        /// Red.
        Red = "red",
        /// Blue.
        Blue = "blue",
        /// Green.
        Green = "green",
        /// Yellow.
        Yellow = "yellow",
        /// Orange.
        Orange = "orange",
        /// Purple.
        Purple = "purple",
        /// Pink.
        Pink = "pink",
        /// White.
        White = "white",
        /// Black.
        Black = "black",
        /// Brown.
        Brown = "brown",
    }
}

words! {
    /// What an object does.
    Action {
        /// Lying with closed eyes.
        Sleeping = "sleeping",
        /// Legs apart, speed lines.
        Running = "running",
        /// Off the ground, legs tucked in.
        Jumping = "jumping",
        /// On its haunches.
        Sitting = "sitting",
        /// Wings spread.
        Flying = "flying",
        /// In waves.
        Swimming = "swimming",
        /// Running after another object.
        Chasing = "chasing",
        /// Biting another object, crumbs.
        Eating = "eating",
    }
}

words! {
    /// How one object stands to another.
    Relation {
        /// Its centre is further left.
        LeftOf = "to the left of",
        /// Its centre is further right.
        RightOf = "to the right of",
        /// Its centre is higher.
        Above = "above",
        /// Its centre is lower.
        Below = "below",
        /// They nearly touch.
        NextTo = "next to",
    }
}

words! {
    /// Where the picture plays.
    Setting {
        /// A brown table top.
        Table = "table",
        /// A meadow.
        Field = "field",
        /// Sand and sea.
        Beach = "beach",
        /// A road with a line.
        Street = "street",
    }
}

impl Kind {
    /// The noun for more than one.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Cat => "cats",
            Self::Dog => "dogs",
            Self::Bird => "birds",
            Self::Fish => "fish",
            Self::Robot => "robots",
            Self::Apple => "apples",
            Self::Ball => "balls",
            Self::Cup => "cups",
            Self::Car => "cars",
            Self::House => "houses",
            Self::Tree => "trees",
            Self::Flower => "flowers",
        }
    }

    /// The colour it has when nobody names one.
    pub fn natural_colour(self) -> Colour {
        match self {
            Self::Cat | Self::Fish => Colour::Orange,
            Self::Dog => Colour::Brown,
            Self::Bird | Self::Cup => Colour::Blue,
            Self::Robot => Colour::White,
            Self::Apple | Self::House => Colour::Red,
            Self::Ball => Colour::Yellow,
            Self::Car => Colour::Purple,
            Self::Tree => Colour::Green,
            Self::Flower => Colour::Pink,
        }
    }

    /// What it can do alone.
    pub fn own_actions(self) -> &'static [Action] {
        use Action::{Flying, Jumping, Running, Sitting, Sleeping, Swimming};
        match self {
            Self::Cat | Self::Dog => &[Sleeping, Running, Jumping, Sitting],
            Self::Bird => &[Flying, Sleeping, Sitting],
            Self::Fish => &[Swimming, Jumping],
            Self::Robot => &[Running, Jumping, Sitting],
            _ => &[],
        }
    }

    /// Whether it can chase something.
    pub fn chases(self) -> bool {
        matches!(self, Self::Cat | Self::Dog | Self::Robot)
    }

    /// Whether it can be chased.
    pub fn can_be_chased(self) -> bool {
        matches!(self, Self::Cat | Self::Dog | Self::Bird | Self::Robot | Self::Ball | Self::Car)
    }

    /// Whether it can eat something.
    pub fn eats(self) -> bool {
        matches!(self, Self::Cat | Self::Dog | Self::Bird)
    }

    /// Whether it can be eaten.
    pub fn can_be_eaten(self) -> bool {
        matches!(self, Self::Apple | Self::Fish)
    }

    /// Whether it stands on a table in a believable way.
    pub fn fits_on_a_table(self) -> bool {
        matches!(self, Self::Apple | Self::Ball | Self::Cup | Self::Flower | Self::Cat)
    }
}

impl Action {
    /// Whether it is done to another object.
    pub fn is_transitive(self) -> bool {
        matches!(self, Self::Chasing | Self::Eating)
    }
}

impl Relation {
    /// The relation that the picture shows when the two are exchanged.
    pub fn opposite(self) -> Self {
        match self {
            Self::LeftOf => Self::RightOf,
            Self::RightOf => Self::LeftOf,
            Self::Above => Self::Below,
            Self::Below => Self::Above,
            Self::NextTo => Self::NextTo,
        }
    }
}

impl Setting {
    /// "on a table", "in a field", …
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Table => "on a table",
            Self::Field => "in a field",
            Self::Beach => "on a beach",
            Self::Street => "on a street",
        }
    }
}

/// The word for a number of objects, up to ten.
pub fn number_word(n: u8) -> &'static str {
    const WORDS: [&str; 11] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    WORDS.get(usize::from(n)).copied().unwrap_or("many")
}

/// The number that a word or a numeral stands for; the largest that a picture shows is far below ten.
pub fn number_of(word: &str) -> Option<u8> {
    (1..=10).find(|&n| number_word(n) == word || word.parse() == Ok(n))
}
