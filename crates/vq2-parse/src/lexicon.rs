//! Small word lists that the tagger and the rules share: closed classes, colours, materials, prepositions.

/// Whether a list has a word.
pub fn has(list: &[&str], word: &str) -> bool {
    list.contains(&word)
}

/// Articles, demonstratives, quantifiers that stand before a noun.
pub const DETERMINERS: &[&str] = &[
    "a", "an", "the", "this", "that", "these", "those", "some", "any", "each", "every", "another", "no", "both",
    "all", "his", "her", "its", "their", "my", "your", "our", "several", "many", "few", "various", "multiple",
    "numerous", "either", "neither", "such",
];

/// Determiners that say "more than one" without a number.
pub const VAGUE_QUANTITIES: &[&str] = &[
    "several", "many", "few", "various", "multiple", "numerous", "some", "all", "any",
];

/// Number words from two to the thousands, with "one" as the first.
pub const NUMBERS: &[&str] = &[
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty",
    "sixty", "seventy", "eighty", "ninety", "hundred", "thousand", "dozen",
];

/// Adverbs that the tagger takes for something else.
pub const ADVERBS: &[&str] = &[
    "there", "here", "very", "too", "also", "just", "slightly", "almost", "forward", "forwards", "backward",
    "backwards", "upward", "upwards", "downward", "downwards", "sideways", "together", "apart", "away",
    "back-to-back", "side-by-side", "straight", "outdoors", "indoors",
];

/// Pronouns that stand for a thing or a person.
pub const PRONOUNS: &[&str] = &[
    "it", "they", "them", "he", "him", "she", "i", "me", "we", "us", "you", "itself", "themselves", "himself",
    "herself", "someone", "something", "everyone", "everything", "anyone", "nothing", "who", "whom", "which", "what",
    "each other", "one another", "another one", "others",
];

/// Pronouns that point back into the same phrase and can stay as they are in a question.
pub const RECIPROCALS: &[&str] = &[
    "each other", "one another", "itself", "themselves", "himself", "herself",
];

/// Colours and what modifies them into one.
pub const COLOURS: &[&str] = &[
    "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "grey", "gray",
    "golden", "gold", "silver", "beige", "tan", "turquoise", "teal", "cyan", "magenta", "maroon", "navy", "crimson",
    "scarlet", "indigo", "lavender", "ivory", "cream", "olive", "lime", "peach", "coral", "burgundy", "bronze",
    "multicolored", "multi-colored", "multicoloured", "colorful", "colourful", "rainbow", "reddish", "bluish",
    "greenish", "yellowish", "blond", "blonde", "pastel", "neon", "monochrome", "chartreuse", "fuchsia", "khaki",
];

/// Nouns that name what a thing is made of; before another noun they describe it.
pub const MATERIALS: &[&str] = &[
    "wood", "metal", "plastic", "glass", "stone", "brick", "leather", "paper", "steel", "iron", "concrete", "marble",
    "ceramic", "clay", "cotton", "wool", "silk", "velvet", "denim", "rubber", "cardboard", "bamboo", "porcelain",
    "copper", "brass", "aluminum", "aluminium", "mahogany", "oak", "granite", "wicker", "straw", "tin", "chrome",
    "felt", "foam", "wire", "crystal", "jade", "titanium", "fabric", "cobblestone", "pine",
];

/// Adjectives that the tagger takes for something else, or does not know.
pub const ADJECTIVES: &[&str] = &[
    "wooden", "golden", "empty", "open", "closed", "round", "square", "rectangular", "triangular", "oval", "fluffy",
    "furry", "fuzzy", "shiny", "rusty", "blurry", "cloudy", "sunny", "rainy", "snowy", "foggy", "stormy", "misty",
    "anthropomorphic", "photorealistic", "realistic", "futuristic", "cute", "barefoot", "bald", "asleep", "awake",
    "alone", "upright", "vertical", "horizontal", "transparent", "translucent", "steampunk", "cyberpunk", "vintage",
    "antique", "ornate", "tiny", "huge", "giant", "gigantic", "enormous", "massive", "miniature", "chubby", "slender",
    "plain", "striped", "spotted", "checkered", "clean", "dirty", "wet", "dry", "dark", "light", "bright", "live",
    "high", "low", "deep", "shallow", "sharp", "dull", "tropical", "surreal", "abstract", "minimalist", "isometric",
    "symmetrical", "front-facing", "full", "half", "upside-down", "fresh", "stuffed", "dreamy", "scary", "spooky",
    "male", "female", "elderly", "young", "old", "calm", "warm", "cool", "cold", "clear", "intricate", "elegant",
    "majestic", "epic", "cinematic", "handwritten", "medieval", "gothic", "sad", "happy", "angry", "serene", "cozy",
    "lush", "vibrant", "moody", "hazy", "smooth", "rough", "soft", "fantastic", "magical", "mystical", "overcast",
];

/// Words that say where in a phrase, or which of two; they belong to the name ("left arm", "front door").
pub const NAME_PARTS: &[&str] = &[
    "left", "right", "front", "rear", "upper", "lower", "inner", "outer", "top", "bottom", "middle", "first",
    "second", "third", "last", "next", "other", "main", "own", "back", "ice", "teddy", "polar", "living", "dining",
];

/// Adjectives that make no question: they compare with something unsaid, or quantify.
pub const NOT_PREDICATIVE: &[&str] = &[
    "other", "same", "such", "own", "certain", "only", "very", "more", "most", "less", "much", "else", "further",
    "another", "single", "entire", "whole", "former", "next", "last", "similar",
];

/// Prepositions of one word.
pub const PREPOSITIONS: &[&str] = &[
    "on", "in", "at", "under", "underneath", "beneath", "below", "above", "over", "behind", "beside", "besides",
    "between", "among", "amongst", "near", "inside", "outside", "within", "by", "with", "without", "of", "from", "to",
    "into", "onto", "through", "across", "along", "around", "against", "toward", "towards", "past", "off", "out",
    "up", "down", "for", "as", "like", "about", "during", "after", "before", "beyond", "upon", "atop", "amid",
    "amidst", "alongside", "throughout", "opposite", "via", "per", "than", "aboard", "until", "except", "despite",
    "surrounding", "upside",
];

/// Prepositions of several words, and phrases that work like one. Longer ones come before their beginnings.
pub const MULTIWORD_PREPOSITIONS: &[&str] = &[
    "on the left hand side of", "on the right hand side of", "to the left side of", "to the right side of",
    "on the left side of", "on the right side of", "on the other side of", "on the opposite side of",
    "on either side of", "on both sides of", "on each side of", "on the far side of", "to the side of",
    "to the left of", "to the right of", "on the left of", "on the right of", "in the middle of", "in the center of",
    "in the centre of", "at the center of", "in the corner of", "at the bottom of", "on the bottom of",
    "at the top of", "on the top of", "at the edge of", "on the edge of", "at the end of", "at the base of",
    "at the foot of", "on the side of", "on the back of", "on the front of", "at the front of", "at the back of",
    "in the back of", "in the front of", "in the background of", "in the foreground of", "on the surface of",
    "on the inside of", "on the outside of", "inside of", "outside of", "in the style of", "in style of",
    "in the shape of", "in the form of", "in the midst of", "made out of", "made up of", "made of", "made from",
    "composed of", "built out of", "built of", "formed of", "on top of", "in front of", "in back of", "in between",
    "in the direction of", "next to", "close to", "adjacent to", "far from", "away from", "out of", "off of",
    "ahead of", "left of", "right of", "left to", "right to", "up against", "together with", "along with",
    "instead of", "because of", "due to", "such as", "full of", "part of",
];

/// Phrases that say what a thing is made of.
pub const MADE_OF: &[&str] = &[
    "made out of", "made up of", "made of", "made from", "composed of", "built out of", "built of", "formed of",
];

/// Prepositions that say where something is, so that "is the dog … the house?" is a whole question.
pub const PLACE_PREPOSITIONS: &[&str] = &[
    "on", "in", "at", "under", "underneath", "beneath", "below", "above", "over", "behind", "beside", "between",
    "among", "amongst", "near", "inside", "outside", "within", "by", "around", "against", "atop", "amid", "amidst",
    "alongside", "along", "across", "beyond", "upon", "opposite", "on top", "surrounding", "without", "aboard",
    "across from",
];

/// Words after a verb that belong to it: "standing up".
pub const PARTICLES: &[&str] = &[
    "up", "down", "out", "away", "back", "forward", "backward", "backwards", "forwards", "together", "apart",
    "around", "over", "off", "along", "upright", "sideways", "upside", "straight", "upward", "upwards", "downward",
    "downwards",
];

/// Words for the picture itself: "a photo of …".
pub const PICTURE_WORDS: &[&str] = &[
    "photo", "photograph", "picture", "image", "painting", "drawing", "sketch", "portrait", "illustration", "render",
    "rendering", "cartoon", "view", "close-up", "closeup", "shot", "depiction", "diagram", "watercolor",
    "watercolour", "doodle", "scene", "poster", "snapshot", "artwork", "engraving", "woodcut", "collage", "mural",
    "graphic", "clipart", "selfie", "print", "photography", "still", "wallpaper", "footage", "screenshot", "emoji",
    "concept art", "art", "animation", "caricature",
];

/// "a couple of dogs": the noun after "of" is the thing, the noun before it only counts.
pub const MEASURES: &[&str] = &[
    "couple", "number", "lot", "lots", "bunch", "variety", "plenty", "dozens", "hundreds", "thousands", "kind",
    "type", "sort",
];

/// Nouns without a plural: "is there water?"
pub const MASS_NOUNS: &[&str] = &[
    "water", "lava", "grass", "snow", "sand", "ice", "fire", "smoke", "fog", "mist", "rain", "hair", "fur", "food",
    "furniture", "clothing", "jewelry", "luggage", "bread", "rice", "pasta", "spaghetti", "cheese", "butter", "meat",
    "beef", "chicken", "bacon", "ham", "fruit", "lettuce", "broccoli", "spinach", "corn", "wheat", "sugar", "salt",
    "pepper", "mustard", "ketchup", "mayonnaise", "sauce", "soup", "coffee", "tea", "milk", "juice", "wine", "beer",
    "soda", "oil", "gold", "silver", "metal", "wood", "paper", "plastic", "glass", "leather", "cotton", "wool",
    "marble", "granite", "dirt", "mud", "dust", "soil", "gravel", "greenery", "foliage", "vegetation", "ivy", "moss",
    "sunlight", "moonlight", "light", "lighting", "lightning", "darkness", "sunshine", "weather", "space", "traffic",
    "graffiti", "text", "writing", "art", "music", "tennis", "toast", "research", "homework", "photography", "magic",
    "lemonade", "champagne", "plumage", "bark", "debris", "rubble", "sand", "baseball", "basketball", "football",
    "soccer", "chess", "poker", "golf", "hockey", "laundry", "garbage", "trash", "equipment", "machinery", "armor",
    "armour", "makeup", "hay", "seaweed", "honey", "chocolate", "cake", "pizza-dough", "dough", "flour", "cream",
    "gravity", "love", "happiness", "freedom", "peace", "protein", "derision", "energy", "time", "pollen", "fabric",
    "lace", "silk", "denim", "velvet", "concrete", "steel", "seafood", "sushi", "tofu", "salad", "cereal", "popcorn",
    "candy", "steam", "air", "wind", "blood", "sky", "scenery", "wildlife", "money", "cash", "electricity", "shade",
    "autumn", "winter", "summer", "spring", "sunset", "sunrise", "night", "daytime", "midnight", "dusk", "dawn",
    "stuff", "paint", "ink", "cloth", "yarn", "string", "rope",
];

/// Nouns for when it is: with a preposition before them they say so of the whole image.
pub const TIMES: &[&str] = &[
    "day", "night", "morning", "evening", "afternoon", "dusk", "dawn", "noon", "midnight", "winter", "summer",
    "autumn", "spring", "daytime", "nighttime", "sunset", "sunrise", "twilight",
];

/// Colours that are things as well.
pub const COLOURS_AND_THINGS: &[&str] = &[
    "coral", "orange", "olive", "lime", "peach", "cream", "gold", "silver", "lavender", "tan", "rainbow", "rose",
    "violet",
];

/// What a thing before which it stands does ("smiling woman"), rather than what it is for ("recycling bin").
pub const SEEN_ACTIONS: &[&str] = &[
    "smiling", "sleeping", "running", "flying", "walking", "dancing", "jumping", "sitting", "standing", "laughing",
    "crying", "barking", "singing", "playing", "burning", "falling", "floating", "flowing", "glowing", "shining",
    "roaring", "exploding", "sparkling", "rolling", "spinning", "screaming", "howling", "grinning", "swimming",
    "galloping", "leaping", "charging", "melting", "blooming", "rising", "hanging", "crashing", "kneeling",
    "crouching", "yawning", "grazing", "soaring", "raging", "growling", "hovering", "dripping", "steaming",
    "swirling", "twinkling", "bubbling", "wandering", "frowning", "winking", "drinking",
];

/// Nouns in -ing.
pub const NOUNS_IN_ING: &[&str] = &[
    "building", "painting", "ceiling", "string", "king", "ring", "wing", "thing", "evening", "morning", "clothing",
    "lightning", "drawing", "sling", "swing", "spring", "wedding", "icing", "frosting", "pudding", "railing",
    "awning", "lighting", "earring", "something", "nothing", "everything", "sibling", "duckling", "gosling",
    "seedling", "engraving", "carving", "rigging", "scaffolding", "stocking", "dumpling", "viking", "topping",
    "stuffing", "rendering", "being", "offspring", "herring", "pilling", "wiring", "molding", "bedding", "flooring",
    "paneling", "shopping", "parking", "dwelling", "ping", "bing", "beijing", "boeing", "bowling", "lettering",
    "handwriting", "writing", "plaything", "underling", "fling", "darling", "feeling", "meaning", "setting",
    "opening", "greeting", "meeting", "housing", "piping", "roofing", "siding", "tubing", "filling", "coating",
    "cooking", "seating", "starling", "firefighting", "wing", "styling",
];

/// Nouns in -ed that are no participles.
pub const NOUNS_IN_ED: &[&str] = &[
    "flatbed", "flowerbed", "riverbed", "seabed", "daybed", "waterbed", "moped", "biped", "quadruped", "watershed",
    "woodshed", "bloodshed", "thoroughbred", "purebred", "crossbred", "cornbread", "hundred", "bobsled", "dogsled",
    "airbed", "testbed", "roadbed", "hotbed", "infrared", "shred", "kindred", "hatred", "mohamed", "undead",
];

/// Words in -ing that describe more than they say what happens.
pub const ADJECTIVES_IN_ING: &[&str] = &[
    "interesting", "amazing", "stunning", "charming", "boring", "exciting", "surprising", "appealing", "disgusting",
    "confusing", "striking", "outstanding", "oncoming", "missing", "matching", "long-lasting", "good-looking",
    "delicious-looking", "breathtaking", "disturbing", "captivating", "relaxing", "inspiring", "frightening",
    "terrifying", "fascinating", "embarrassing", "menacing", "imposing", "dazzling", "gleaming", "glistening",
    "contrasting", "surviving", "revealing", "compelling", "inviting", "existing", "towering", "sprawling", "soothing",
    "alarming", "intimidating", "welcoming", "appetizing", "mouthwatering", "eye-catching", "overwhelming",
    "astonishing", "thrilling", "cunning", "ongoing", "upcoming", "never-ending",
];
