//! Words that decide how a prompt is read.

/// Parts of bodies. Without an owner of their own they belong to the prompt's only person or animal.
#[rustfmt::skip]
pub const BODY_PARTS: &[&str] = &[
    "arm", "arms", "leg", "legs", "hand", "hands", "foot", "feet", "head", "face", "eye", "eyes", "ear", "ears",
    "nose", "mouth", "mouths", "lips", "tongue", "teeth", "hair", "beard", "mustache", "moustache", "neck", "shoulder",
    "shoulders", "elbow", "elbows", "wrist", "wrists", "finger", "fingers", "thumb", "thumbs", "palm", "palms", "fist",
    "fists", "knee", "knees", "ankle", "ankles", "toe", "toes", "heel", "heels", "thigh", "thighs", "calf", "hip",
    "hips", "waist", "chest", "torso", "back", "belly", "stomach", "body", "bodies", "skin", "forearm", "forearms",
    "lap", "chin", "cheek", "cheeks", "forehead", "tail", "tails", "paw", "paws", "fur", "wings", "wing", "beak",
    "horn", "horns", "antlers", "trunk", "tusks", "mane", "whiskers", "snout", "hooves", "claws", "feathers", "fins",
    "spine", "eyebrow", "eyebrows", "piercings", "tattoo", "tattoos", "freckles", "wrinkles", "dreadlocks", "bangs",
];

/// What is worn.
#[rustfmt::skip]
pub const CLOTHES: &[&str] = &[
    "hat", "hats", "cap", "shirt", "shirts", "t-shirt", "jacket", "jackets", "coat", "coats", "dress", "dresses",
    "skirt", "pants", "trousers", "jeans", "shorts", "shoes", "shoe", "boots", "socks", "gloves", "scarf", "tie",
    "glasses", "sunglasses", "goggles", "helmet", "helmets", "mask", "masks", "crown", "crowns", "uniform", "uniforms",
    "suit", "robe", "cape", "armor", "armour", "vest", "sweater", "hoodie", "apron", "necklace", "earrings",
    "belt", "costume", "costumes", "wig", "turban", "headphones", "spectacles", "collar", "backpack", "watch",
    "jewelry", "jewellery", "makeup", "spacesuit", "tuxedo", "kimono", "gown", "bikini", "swimsuit", "sandals", "sneakers",
    "outfit", "clothes", "clothing", "overalls", "beret", "fedora", "sombrero", "sari", "toga", "cloak", "top hat",
    "cowboy hat", "bow tie", "neck tie", "blouse", "cardigan", "poncho", "mittens", "visor", "bandana", "plugsuit",
];

/// Parts of things: had more than stood next to.
#[rustfmt::skip]
pub const PARTS: &[&str] = &[
    "wheel", "wheels", "tire", "tires", "handle", "handles", "handlebars", "door",
    "doors", "window", "windows", "roof", "roofs", "wall", "walls", "floor", "ceiling", "chimney", "porch", "balcony",
    "lid", "cover", "label", "labels", "button", "buttons", "screen", "keyboard", "seat", "seats", "cushion",
    "cushions", "headlights", "headlight", "bumper", "windshield", "engine", "engines", "propeller", "propellers",
    "sail", "sails", "mast", "deck", "hull", "stripes", "spots", "pattern", "patterns", "stripe", "dots", "polka dots",
    "logo", "text", "border", "frame", "background", "edges", "edge", "corner", "corners", "surface", "base", "branch",
    "branches", "leaf", "leaves", "petals", "petal", "stem", "stems", "bark", "roots", "thorns", "flowers", "blossoms",
    "frosting", "icing", "toppings", "topping", "filling", "crust", "legs", "armrests", "backrest", "drawers",
    "drawer", "shelves", "steps", "stairs", "columns", "arches", "arch", "tower", "towers", "dome", "turrets",
    "sleeves", "sleeve", "pocket", "pockets", "zipper", "laces", "hood", "lens", "strap", "straps", "string",
    "strings", "blade", "blades", "tip", "spout", "nozzle", "antenna", "antennae", "hands", "rim", "spokes", "pedals",
    "saddle", "basket", "lights", "cockpit", "texture", "reflection", "shadow", "letters", "words", "design",
    "insert", "cord", "shell", "headband", "bow", "ribbon", "handlebar", "license plate", "number plate", "curtains",
    "curtain", "expression", "smile", "grin", "frown", "accents", "trim", "details", "gradients", "lines",
];

/// What owns the body parts of a prompt.
#[rustfmt::skip]
pub const BODIES: &[&str] = &[
    "person", "man", "woman", "boy", "girl", "child", "kid", "baby", "someone", "somebody", "subject", "figure",
    "human", "guy", "lady", "gentleman", "character", "individual", "model", "player", "dancer", "robot", "athlete", "skateboarder",
    "dog", "cat", "horse", "bird", "bear", "elephant", "lion", "tiger", "monkey", "rabbit", "cow", "sheep", "bride",
    "mannequin", "soldier", "king", "queen", "warrior", "wizard", "knight", "toddler", "teenager", "doll",
];

/// Verbs that a body part does itself: "with her tongue hanging out".
#[rustfmt::skip]
pub const PART_VERBS: &[&str] = &[
    "facing", "hanging", "pointing", "touching", "reaching", "bending", "stretching", "resting", "crossing",
    "extending", "flowing", "blowing", "sticking", "raising", "covering", "showing", "supporting", "dangling",
    "glowing", "spreading", "waving", "flapping", "shining", "dragging", "forming", "making", "leaning", "coming",
    "going", "pushing", "holding", "protruding", "growing", "falling", "sprouting", "spinning", "twisting",
];

/// Nouns that gather what follows "of" in some arrangement: the members act, and they are "in a row".
#[rustfmt::skip]
pub const ARRANGEMENTS: &[&str] = &[
    "group", "groups", "row", "rows", "line", "pile", "piles", "stack", "stacks", "flock", "herd", "crowd", "swarm",
    "circle", "cluster", "bunch", "bundle", "heap", "grid", "queue", "pack", "school", "arrangement", "array",
];

/// Nouns that gather what follows "of": the members act, and they are "a set".
pub const COLLECTIONS: &[&str] =
    &["set", "collection", "series", "assortment", "trio", "duo", "team", "family", "pair"];

/// Nouns that say how the things after "of" look: "different colors of balloons".
pub const QUALITIES: &[&str] =
    &["colors", "colours", "sizes", "shapes", "styles", "kinds", "types", "varieties", "shades"];

/// Nouns that measure or cut out what follows "of": "a section of the wall" is the wall.
#[rustfmt::skip]
pub const PORTIONS: &[&str] = &[
    "section", "portion", "part", "piece", "pieces", "slice", "slices", "expanse", "kind", "type", "sort", "bit",
    "view", "image", "close-up", "closeup", "variety", "composition", "front", "back", "side", "top", "bottom",
    "rest", "middle", "center", "interior", "exterior", "inside", "outside", "edge", "corner", "end",
];

/// Verbs whose "at", "on" or "in" belongs to them: "looking at the camera".
#[rustfmt::skip]
pub const VERBS_WITH_PREPOSITION: &[&str] = &[
    "looking", "staring", "gazing", "pointing", "barking", "laughing", "smiling", "waving", "shouting", "peering",
    "glaring", "aiming", "throwing", "shooting", "glancing", "growling", "pouring", "walking", "running", "flying",
    "jumping", "driving", "climbing", "leaping", "moving", "crawling", "sailing", "traveling", "travelling", "coming",
    "going", "howling", "yelling", "screaming", "roaring", "hissing", "winking", "nodding", "snarling", "grinning",
    "firing", "meowing", "heading", "crashing", "shopping", "watching", "tumbling", "turning",
];

/// Prepositions of place that do not belong to a verb of motion: "running in the park" is in the park.
pub const STAYING: &[&str] =
    &["in", "on", "near", "next to", "beside", "behind", "under", "in front of", "inside", "with"];

/// Participles that bind to what follows their preposition: "surrounded by trees".
#[rustfmt::skip]
pub const BINDING: &[&str] = &[
    "surrounded", "covered", "attached", "connected", "filled", "topped", "followed", "chased", "held", "carried",
    "tied", "wrapped", "decorated", "lit", "inhabited", "separated", "driven", "ridden", "pulled", "crowned", "worn",
    "eaten", "loaded", "seen", "locked", "crossed", "folded", "reflected", "written", "painted", "printed", "drawn",
    "propelled", "dressed", "adorned", "illuminated", "lined", "hidden", "stuck", "tucked", "raised", "stretched",
    "extended", "pressed", "placed", "parked", "balanced", "perched", "mounted", "hung", "draped", "stacked",
    "sprinkled", "dipped", "soaked", "framed", "garnished", "served", "arranged", "kept", "located", "positioned", "set",
    "seated", "inspired",
];

/// Of these, the ones that are asked for by themselves as well when a place follows: "is the car parked?"
#[rustfmt::skip]
pub const STATES_OF_PLACE: &[&str] = &[
    "parked", "perched", "mounted", "hung", "stacked", "raised", "stretched", "extended", "written",
    "painted", "printed", "drawn", "crossed", "folded", "stuck", "tucked", "hidden", "balanced", "served", "draped",
];

/// Prepositions that make no picture: "for", "about".
#[rustfmt::skip]
pub const UNSEEN: &[&str] = &[
    "for", "as", "about", "during", "after", "before", "than", "such as", "instead of", "because of", "due to", "per",
    "via", "until", "except", "despite", "part of", "to",
];

/// Prepositions of places that hold whatever is in them.
pub const CONTAINING: &[&str] = &["in", "at", "inside", "within"];

/// Nouns that say where in the image, and are no objects: "in the background".
#[rustfmt::skip]
pub const FRAME_PLACES: &[&str] = &[
    "background", "foreground", "distance", "middle", "center", "centre", "corner", "left", "right", "top", "bottom",
    "side", "front", "back", "air", "scene", "sides", "half", "level", "way", "end", "position", "order", "direction",
    "directions", "angle", "degree", "degrees", "rest",
];

/// Who these participles name made the picture: "painted by".
#[rustfmt::skip]
pub const MAKING: &[&str] = &[
    "painted", "drawn", "illustrated", "photographed", "designed", "created", "directed", "filmed", "rendered",
    "made",
];

/// Nouns that the whole image answers to when they come with "the" or "this".
pub const FRAME_NOUNS: &[&str] = &["image", "picture", "photo", "photograph", "frame", "scene"];

/// Nouns that name no thing to be seen; what is said of them may be asked, not whether they are there.
#[rustfmt::skip]
pub const ABSTRACT: &[&str] = &[
    "background", "foreground", "style", "styles", "function", "direction", "directions", "position", "positions",
    "level", "distance", "way", "ways", "part", "manner", "color", "colors", "colour", "colours", "size", "sizes",
    "shape", "shapes", "concept", "idea", "ideas", "walk", "ride", "look", "looks", "time", "times", "front", "lot",
    "angle", "pose", "poses", "order", "formation", "case", "fact", "reason", "purpose", "degree", "degrees", "half",
    "middle", "center", "detail", "details", "quality", "resolution", "theme", "name", "life", "love", "air", "kind",
    "type", "types", "variety", "varieties", "attempt", "use", "rest", "other", "others", "font", "fonts", "calligraphy",
    "cursive", "dark", "distance", "moment", "side", "sides", "inspiration", "mood", "vibe", "feel", "atmosphere",
];

/// Units: "a few feet in front of" says nothing of feet.
pub const LENGTHS: &[&str] = &["feet", "foot", "meters", "metres", "inches", "miles", "yards", "steps", "kilometers"];

/// Nouns for what holds or measures something: "the cup of tea" keeps its name.
#[rustfmt::skip]
pub const CONTAINERS: &[&str] = &[
    "glass", "glasses", "cup", "cups", "bowl", "bowls", "bag", "bags", "bottle", "bottles", "plate", "plates", "can",
    "cans", "box", "boxes", "basket", "baskets", "jar", "jars", "mug", "mugs", "bucket", "buckets", "pot", "pots",
    "slice", "slices", "drop", "drops", "sea", "ball", "loaf", "tray", "pitcher", "carton", "vase", "vases", "field",
    "sheet", "bouquet", "blob", "crate", "crates", "barrel", "barrels", "tub", "pool", "puddle", "cloud", "wall", "pack",
];

/// Nouns that bear text: a quoted passage next to them is what they say.
#[rustfmt::skip]
pub const BEARERS: &[&str] = &[
    "sign", "signs", "word", "words", "text", "message", "caption", "title", "label", "letters", "letter", "slogan",
    "banner", "billboard", "poster", "board", "blackboard", "chalkboard", "whiteboard", "note", "logo", "headline",
    "inscription", "graffiti", "quote", "phrase", "sentence", "name", "lettering", "writing", "storefront", "screen",
    "shirt", "t-shirt", "mug", "cover", "page", "book", "newspaper", "plaque", "sticker", "card", "map", "bubble",
    "speech bubble", "thought bubble", "marquee", "heart", "license plate", "cake", "flag", "circle", "billboards",
];

/// Verbs before a quoted passage: "a sign that says …".
#[rustfmt::skip]
pub const SAYING: &[&str] = &[
    "says", "saying", "say", "reads", "reading", "read", "spells", "spelling", "spell", "spelled", "titled",
    "labeled", "labelled", "captioned", "written", "displaying", "displays", "states", "stating", "shows", "showing",
    "reading",
];
