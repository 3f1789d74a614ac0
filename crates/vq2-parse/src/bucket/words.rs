//! Word lists of the bucket rules: general English, grouped by what they do in a predicate.

/// Parts of a body: what is said of them is mostly a pose, and so a state.
pub const BODY_PARTS: &[&str] = &[
    "arm", "arms", "leg", "legs", "hand", "hands", "head", "knee", "knees", "elbow", "elbows", "foot", "feet",
    "torso", "body", "shoulder", "shoulders", "weight", "forearm", "forearms", "thigh", "thighs", "hip", "hips",
    "chest", "face", "ankle", "ankles", "wrist", "wrists", "toe", "toes", "neck", "spine", "waist", "gaze", "palm",
    "palms", "heel", "heels", "shin", "shins", "chin", "buttocks",
];

/// Verbs of rest in -ing: with a place they say where something is.
pub const RESTING: &[&str] = &[
    "sitting", "standing", "lying", "laying", "hanging", "resting", "kneeling", "balancing", "perching", "leaning",
    "sleeping", "napping", "lounging", "reclining", "dangling", "crouching", "squatting", "nestling", "slouching",
];

/// The same verbs as finite forms.
pub const RESTS: &[&str] = &[
    "sit", "sits", "stand", "stands", "lie", "lies", "lay", "lays", "hang", "hangs", "rest", "rests", "kneel",
    "kneels", "lean", "leans", "sleep", "sleeps", "perch", "perches", "recline", "dangle", "crouch",
];

/// Participles that bind the subject to another thing by whatever preposition follows.
pub const BINDING: &[&str] = &[
    "attached", "surrounded", "covered", "connected", "placed", "located", "mounted", "seated", "hung", "tied",
    "filled", "set", "positioned", "situated", "separated", "seen", "reflected", "perched", "wrapped", "stacked",
    "linked", "fastened", "held", "joined", "topped", "centered", "centred", "locked", "displayed", "stuck", "parked",
    "planted", "scattered", "crossed", "strapped", "suspended", "tucked", "nestled", "buried", "trapped", "caught",
    "submerged", "aligned", "printed", "chained", "bolted", "pinned", "glued", "taped", "nailed", "clipped", "hooked",
    "anchored", "welded", "moored", "leashed", "harnessed", "secured", "hitched", "docked", "embedded", "engulfed",
    "shrouded", "lined", "overgrown", "littered", "dotted", "strewn", "crowded", "packed", "stuffed", "framed",
    "bordered", "flanked", "encircled", "enclosed", "blocked", "hidden", "sandwiched", "wedged", "lodged", "draped",
    "laid", "spread", "propped", "piled", "arranged", "clustered", "huddled", "entwined", "intertwined", "immersed",
    "stationed", "stopped", "projected", "shown", "featured", "depicted", "engraved", "etched", "entangled",
];

/// Participles of works and their making: what follows tells how, of what, or by whom.
pub const MAKING: &[&str] = &[
    "painted", "drawn", "written", "rendered", "made", "done", "created", "designed", "inspired", "photographed",
    "illustrated", "sketched", "sculpted", "directed", "taken", "captured", "shot", "filmed", "crafted", "produced",
    "built", "carved", "colored", "coloured", "dressed", "clothed", "clad", "shaped", "styled", "dyed", "lit",
    "illuminated", "powered", "composed", "influenced", "cut", "sliced", "chopped", "divided", "split", "bathed",
];

/// Participles after which "into" names what the subject has become.
pub const BECOMING: &[&str] = &["folded", "turned", "shaped", "formed", "transformed", "woven", "arranged", "twisted"];

/// Participles of deeds: "by" brings in who does them.
pub const DEEDS: &[&str] = &[
    "ridden", "pulled", "pushed", "driven", "led", "carried", "held", "chased", "eaten", "kicked", "thrown", "hit",
    "fed", "walked", "flown", "attacked", "watched", "played", "used", "worn", "touched", "bitten", "caught",
    "lifted", "followed", "hunted", "pursued", "hugged", "kissed", "licked", "petted", "swung", "steered", "towed",
    "served", "read", "cooked", "washed", "brushed", "guarded", "herded", "milked", "operated", "piloted", "poured",
    "dragged", "tossed", "struck", "swallowed", "devoured", "crushed", "guided", "observed",
];

/// Words in -ing that name a thing and a deed: of a person they are the deed.
pub const DEEDS_AND_THINGS: &[&str] = &[
    "painting", "drawing", "building", "writing", "cooking", "shopping", "carving", "greeting", "meeting", "parking",
    "opening", "relaxing", "engraving", "bowling", "dwelling",
];

/// Who does deeds.
pub const PEOPLE: &[&str] = &[
    "man", "men", "woman", "women", "boy", "boys", "girl", "girls", "child", "children", "kid", "kids", "person",
    "persons", "people", "lady", "ladies", "guy", "guys", "baby", "toddler", "student", "students", "teacher", "chef",
    "cook", "painter", "worker", "workers", "player", "players", "couple", "family", "friends", "robot", "robots",
    "mother", "father", "son", "daughter", "king", "queen", "monk", "nurse", "doctor", "crowd", "team", "someone",
];

/// Prepositions that say where something is.
pub const PLACE: &[&str] = &[
    "on", "in", "at", "over", "under", "above", "below", "beside", "behind", "between", "near", "inside", "against",
    "along", "alongside", "among", "amongst", "amid", "amidst", "around", "atop", "by", "beneath", "underneath",
    "within", "outside", "upon", "across", "opposite", "aboard", "beyond", "off",
];

/// Prepositions that say direction or posture when nothing follows them.
pub const BARE: &[&str] =
    &["up", "down", "out", "off", "over", "behind", "around", "outside", "inside", "in", "on", "in front"];

/// "in a row": arrangements, postures, looks, and what pictures and letters are done in.
pub const ARRANGEMENTS: &[&str] = &[
    "row", "rows", "line", "lines", "circle", "grid", "group", "groups", "stack", "stacks", "pile", "piles", "pose",
    "poses", "position", "formation", "pattern", "stance", "style", "styles", "font", "fonts", "letters", "shape",
    "shapes", "color", "colour", "colors", "colours", "calligraphy", "cursive", "handwriting", "motion", "flight",
    "bloom", "focus", "half", "pieces", "cluster", "clusters", "bundle", "bunch", "bunches", "heap", "column",
    "columns", "queue", "triangle", "spiral", "arc", "semicircle", "order", "pairs", "pair", "ponytail", "ponytails",
    "bun", "braid", "braids", "pigtails", "dreadlocks", "mess", "hurry", "crouch", "squat", "mood", "costume",
    "uniform", "suit", "suits", "tuxedo", "dress", "dresses", "swimsuit", "bikini", "attire", "clothes", "clothing",
    "outfit", "pajamas", "rags", "resolution", "definition", "detail", "quality", "contrast", "profile", "silhouette",
    "medium", "format", "perspective", "aesthetic", "palette", "tone", "tones", "hues", "shades", "size",
    "sizes", "slices", "layers", "strips", "ruins", "flames", "flame", "tears", "pain", "love", "disguise", "disrepair",
    "lighting", "daylight", "sunlight", "moonlight", "sync", "unison", "condition", "state", "fashion", "manner",
];

/// Substances and places without an article: "in water" is a place, "in bloom" is a state.
pub const PLACES_WITHOUT_ARTICLE: &[&str] = &[
    "water", "snow", "sand", "mud", "grass", "space", "air", "midair", "ice", "smoke", "fog", "rain", "bed", "dirt",
    "oil", "milk", "soup", "sauce", "syrup", "traffic", "town", "school", "church", "prison", "jail", "hand", "hands",
    "orbit", "sky", "lava", "honey", "court", "class", "clouds", "mist", "hay", "foliage",
];

/// "on fire", "at work", "under construction": nouns that name a state after a preposition.
pub const STATES: &[&str] = &[
    "fire", "sale", "duty", "guard", "strike", "edge", "alert", "vacation", "rest", "work", "play", "peace", "war",
    "attention", "construction", "repair", "attack", "control", "arrest", "pressure", "stress", "use", "tiptoe",
    "tiptoes", "fours", "knees", "risk", "ease", "scale", "sight", "shape", "breath", "balance", "stage-light",
];

/// "from above": points of view, and with a year the time of a thing.
pub const VIEWPOINTS: &[&str] = &[
    "above", "below", "angle", "perspective", "viewpoint", "view", "distance", "afar", "overhead", "era", "century",
    "decade", "period", "past", "future", "age", "ages", "times",
];

/// Nouns for how a picture looks: "with high contrast".
pub const LOOKS: &[&str] = &[
    "contrast", "lighting", "quality", "resolution", "focus", "shading", "bokeh", "saturation", "exposure", "aesthetic",
    "style", "vibe", "mood", "atmosphere", "tones", "colors", "colours", "hues", "definition",
];

/// Adjectives that place their subject against what follows.
pub const PLACING_ADJECTIVES: &[&str] = &[
    "near", "nearer", "nearest", "close", "closer", "closest", "adjacent", "far", "farther", "further", "visible",
    "present", "high", "low", "deep", "level", "parallel", "perpendicular", "opposite", "equidistant", "equal",
    "similar", "identical", "different", "same", "asleep", "awake", "alone", "upright", "afloat", "apart", "flush",
    "absent", "missing", "stuck", "halfway", "midway", "all",
];

/// Nouns that only gather what follows "of".
pub const GATHERING: &[&str] = &[
    "set", "sets", "pair", "pairs", "group", "groups", "collection", "bunch", "series", "pack", "number", "kind",
    "type", "sort", "couple", "variety", "lot", "lots", "array", "piece", "pieces", "assortment", "row", "stack",
    "one", "some", "most", "all", "many", "each", "half", "both", "none", "several", "two", "three", "part", "style",
    "time", "color", "colour", "size", "shape",
];

/// Works that show what follows "of".
pub const DEPICTIONS: &[&str] = &[
    "statue", "sculpture", "bust", "figurine", "map", "etching", "model", "symbol", "logo", "reproduction", "tattoo", "sticker", "cutout", "emblem",
];

/// "of different sizes": what a thing is like, not what it belongs to.
pub const SIZES_AND_COLOURS: &[&str] = &[
    "size", "sizes", "color", "colors", "colour", "colours", "shape", "shapes", "kinds", "types", "styles", "length",
    "lengths", "height", "heights", "ages", "age", "quality", "origin",
];

/// Verbs by which one says that something is there.
pub const SHOWING: &[&str] = &[
    "have", "has", "contain", "contains", "include", "includes", "show", "shows", "depict", "depicts", "feature",
    "features", "display", "portray", "see", "notice", "spot", "possess", "own", "bear", "carry-on",
];

/// Verbs by which text says what it says.
pub const SAYING: &[&str] = &["say", "says", "read", "spell", "spells", "state"];

/// Verbs of appearance.
pub const SEEMING: &[&str] = &["look", "looks", "seem", "seems", "appear", "appears", "feel", "feels", "resemble"];

/// "look at": with these the verb of appearance is a deed.
pub const GLANCING: &[&str] = &["at", "into", "out", "through", "toward", "towards", "over", "up", "down", "away", "back"];
