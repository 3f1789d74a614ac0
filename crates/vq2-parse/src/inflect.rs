//! English word forms: articles, plurals, present participles, past participles.

use std::collections::HashMap;
use std::sync::LazyLock;

/// "a" or "an" before a word, by its first sound.
pub fn article(word: &str) -> &'static str {
    let lower = word.trim_start_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|p| lower.starts_with(p));
    // A capital abbreviation is spelled out: "an FBI van", "a UFO".
    let first = word.split(' ').next().unwrap_or(word);
    let letters = first.chars().take_while(|c| c.is_alphabetic()).count();
    if letters >= 2 && first.chars().take(letters).all(char::is_uppercase) && !first.contains('-') && letters <= 4 {
        return if "AEFHILMNORSX".contains(word.chars().next().unwrap_or(' ')) { "an" } else { "a" };
    }
    if starts(&["hour", "honest", "honor", "honour", "heir", "8", "11", "18", "x-"]) {
        return "an";
    }
    if starts(&["uni", "use", "usu", "usa", "euro", "one", "once", "ufo", "ukulele", "uku", "ute", "ewe", "eu"])
        && !starts(&["unin", "unim", "unid"])
    {
        return "a";
    }
    if lower.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Plural nouns that do not end in -s.
#[rustfmt::skip]
const IRREGULAR_PLURALS: &[&str] = &[
    "people", "men", "women", "children", "feet", "teeth", "geese", "mice", "oxen", "wolves", "leaves", "knives",
    "police", "cattle", "firemen", "policemen", "snowmen", "businessmen", "fishermen", "salesmen", "cacti", "fungi",
    "dice", "grandchildren", "both", "these", "those", "they", "many", "several", "octopi", "postmen", "gentlemen",
    "policewomen", "businesswomen", "cowboys", "sportsmen", "craftsmen", "workmen", "paparazzi", "criteria", "larvae",
];

/// Singular nouns that end in -s.
#[rustfmt::skip]
const SINGULARS_IN_S: &[&str] = &[
    "bus", "glass", "grass", "dress", "cactus", "octopus", "platypus", "virus", "lens", "circus", "canvas", "campus",
    "chess", "tennis", "gas", "class", "mess", "hippopotamus", "walrus", "mattress", "princess", "actress",
    "waitress", "fortress", "cross", "boss", "moss", "bass", "mass", "pass", "business", "christmas", "chaos",
    "cosmos", "iris", "pelvis", "oasis", "crisis", "paris", "texas", "venus", "mars", "zeus", "jesus", "darkness",
    "happiness", "brass", "compass", "harness", "wilderness", "process", "abacus", "lotus", "hibiscus", "eucalyptus",
    "asparagus", "papyrus", "citrus", "bonus", "status", "focus", "genius", "series", "species", "news", "physics",
    "mathematics", "gymnastics", "politics", "athletics", "always", "this", "his", "its", "is", "was", "has", "las",
    "los", "angeles", "illness", "witness", "goddess", "hostess", "stewardess", "albatross", "fiberglass",
    "hourglass", "eyeglass", "loss", "success", "address", "press", "kiss", "gloss", "triceratops", "cyclops",
    "tyrannosaurus", "stegosaurus", "brontosaurus", "colossus", "pegasus", "uranus", "ibis", "cannabis", "corps",
    "bliss", "abyss", "truss", "plus", "us", "rhinoceros", "atlas", "colosseum", "kansas", "dallas", "hercules", "ss",
    "less", "wireless", "stainless", "endless", "celsius", "aquarius", "james", "thomas", "chris",
];

/// Whether a noun reads as a plural; without a lexicon entry an -s decides.
pub fn is_plural(noun: &str) -> bool {
    let lower = noun.to_lowercase();
    let last = lower.rsplit([' ', '-']).next().unwrap_or(&lower);
    IRREGULAR_PLURALS.contains(&last)
        || (last.len() > 2
            && last.ends_with('s')
            && !last.ends_with("ss")
            && !last.ends_with("us")
            && !last.ends_with("'s")
            && !SINGULARS_IN_S.contains(&last))
}

/// (base, past, past participle) where the rules would go wrong.
#[rustfmt::skip]
const IRREGULAR_VERBS: &[(&str, &str, &str)] = &[
    ("beat", "beat", "beaten"), ("begin", "began", "begun"), ("bend", "bent", "bent"), ("bite", "bit", "bitten"),
    ("blow", "blew", "blown"), ("break", "broke", "broken"), ("bring", "brought", "brought"),
    ("build", "built", "built"), ("buy", "bought", "bought"), ("catch", "caught", "caught"),
    ("choose", "chose", "chosen"), ("come", "came", "come"), ("cut", "cut", "cut"), ("dig", "dug", "dug"),
    ("draw", "drew", "drawn"), ("drink", "drank", "drunk"), ("drive", "drove", "driven"), ("eat", "ate", "eaten"),
    ("fall", "fell", "fallen"), ("feed", "fed", "fed"), ("fight", "fought", "fought"), ("fly", "flew", "flown"),
    ("freeze", "froze", "frozen"), ("get", "got", "gotten"), ("give", "gave", "given"), ("go", "went", "gone"),
    ("grow", "grew", "grown"), ("hang", "hung", "hung"), ("hide", "hid", "hidden"), ("hit", "hit", "hit"),
    ("hold", "held", "held"), ("keep", "kept", "kept"), ("lay", "laid", "laid"), ("lead", "led", "led"),
    ("lean", "leant", "leant"), ("leave", "left", "left"), ("lie", "lay", "lain"), ("light", "lit", "lit"),
    ("make", "made", "made"), ("meet", "met", "met"), ("put", "put", "put"), ("read", "read", "read"),
    ("ride", "rode", "ridden"), ("ring", "rang", "rung"), ("rise", "rose", "risen"), ("run", "ran", "run"),
    ("say", "said", "said"), ("see", "saw", "seen"), ("sell", "sold", "sold"), ("set", "set", "set"),
    ("shake", "shook", "shaken"), ("shine", "shone", "shone"), ("shoot", "shot", "shot"), ("show", "showed", "shown"),
    ("shut", "shut", "shut"), ("sing", "sang", "sung"), ("sink", "sank", "sunk"), ("sit", "sat", "sat"),
    ("sleep", "slept", "slept"), ("speak", "spoke", "spoken"), ("spill", "spilt", "spilt"), ("spin", "spun", "spun"),
    ("split", "split", "split"), ("spread", "spread", "spread"), ("spring", "sprang", "sprung"),
    ("stand", "stood", "stood"), ("steal", "stole", "stolen"), ("stick", "stuck", "stuck"),
    ("sweep", "swept", "swept"), ("swim", "swam", "swum"), ("swing", "swung", "swung"), ("take", "took", "taken"),
    ("teach", "taught", "taught"), ("tear", "tore", "torn"), ("tell", "told", "told"), ("throw", "threw", "thrown"),
    ("wake", "woke", "woken"), ("wear", "wore", "worn"), ("weave", "wove", "woven"), ("win", "won", "won"),
    ("wind", "wound", "wound"), ("write", "wrote", "written"),
];

static VERB_OF_FORM: LazyLock<HashMap<&'static str, &'static str>> = LazyLock::new(|| {
    IRREGULAR_VERBS.iter().flat_map(|&(base, past, participle)| [(past, base), (participle, base)]).collect()
});

/// The base of an irregular past form: "rode" → "ride"; `None` for any other word.
pub fn verb_base(form: &str) -> Option<&'static str> {
    VERB_OF_FORM.get(form).copied()
}

/// Whether a word looks like a past participle.
pub fn is_past_participle(word: &str) -> bool {
    (word.len() > 4 && word.ends_with("ed") && !word.ends_with("eed"))
        || IRREGULAR_VERBS.iter().any(|&(base, _, participle)| participle == word && base != participle)
}

/// The present participle of a verb in any finite form: "chases" → "chasing", "sat" → "sitting".
pub fn present_participle(verb: &str) -> String {
    if verb.ends_with("ing") && verb.len() > 4 {
        return verb.to_owned();
    }
    let base = base_form(verb);
    match base.as_str() {
        "be" => return "being".to_owned(),
        "see" | "flee" | "dye" | "free" | "agree" => return format!("{base}ing"),
        _ => {}
    }
    if let Some(stem) = base.strip_suffix("ie") {
        return format!("{stem}ying");
    }
    if let Some(stem) = base.strip_suffix('e')
        && !base.ends_with("ee")
        && !base.ends_with("oe")
    {
        return format!("{stem}ing");
    }
    if doubles_its_last_letter(&base) {
        let last = base.chars().next_back().unwrap_or_default();
        return format!("{base}{last}ing");
    }
    format!("{base}ing")
}

fn base_form(verb: &str) -> String {
    if let Some(base) = VERB_OF_FORM.get(verb) {
        return (*base).to_owned();
    }
    if IRREGULAR_VERBS.iter().any(|v| v.0 == verb) {
        return verb.to_owned();
    }
    if let Some(stem) = verb.strip_suffix("ies")
        && stem.len() > 1
    {
        return format!("{stem}y");
    }
    for ending in ["ches", "shes", "sses", "xes", "zzes", "oes"] {
        if verb.ends_with(ending) {
            return verb[..verb.len() - 2].to_owned();
        }
    }
    if let Some(stem) = verb.strip_suffix("ed").filter(|stem| stem.len() > 2) {
        return past_stem(stem);
    }
    if verb.ends_with('s') && !verb.ends_with("ss") && verb.len() > 2 {
        return verb[..verb.len() - 1].to_owned();
    }
    verb.to_owned()
}

/// The base of a regular past without its -ed: "chas" → "chase", "paint" stays, "hugg" → "hug".
fn past_stem(stem: &str) -> String {
    let letters: Vec<char> = stem.chars().collect();
    let vowel = |c: char| "aeiou".contains(c);
    if let Some(stem) = stem.strip_suffix('i') {
        return format!("{stem}y");
    }
    match letters[..] {
        [.., b, c] if b == c && !"lsfz".contains(c) => stem[..stem.len() - c.len_utf8()].to_owned(),
        [.., b, c] if (vowel(b) && "sczgvu".contains(c)) || (!vowel(b) && "cvgsu".contains(c)) => format!("{stem}e"),
        [.., a, b, c] if !vowel(a) && vowel(b) && "kdtlr".contains(c) && letters.len() < 5 => format!("{stem}e"),
        _ => stem.to_owned(),
    }
}

fn doubles_its_last_letter(base: &str) -> bool {
    let letters: Vec<char> = base.chars().collect();
    let [.., a, b, c] = letters[..] else { return false };
    let vowel = |c: char| "aeiou".contains(c);
    let short = letters.iter().filter(|&&c| vowel(c)).count() == 1
        || matches!(base, "begin" | "forget" | "permit" | "refer" | "admit" | "control" | "unwrap");
    short && !vowel(a) && vowel(b) && !vowel(c) && !"wxy".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_article_follows_the_sound() {
        for (word, expect) in [
            ("dog", "a"),
            ("apple", "an"),
            ("hour", "an"),
            ("unicorn", "a"),
            ("umbrella", "an"),
            ("European", "a"),
            ("one-eyed", "a"),
            ("UFO", "a"),
            ("FBI", "an"),
            ("honest", "an"),
            ("house", "a"),
            ("igloo", "an"),
            ("uninhabited", "an"),
            ("ukulele", "a"),
            ("owl", "an"),
            ("8", "an"),
            ("X-ray", "an"),
            ("eagle", "an"),
        ] {
            assert_eq!(article(word), expect, "{word}");
        }
    }

    #[test]
    fn plurals_are_recognised() {
        for word in ["dogs", "people", "men", "glasses", "geese", "buses", "teddy bears", "wolves"] {
            assert!(is_plural(word), "{word}");
        }
        for word in ["dog", "bus", "grass", "octopus", "tennis", "lens", "glass", "canvas", "gas"] {
            assert!(!is_plural(word), "{word}");
        }
    }

    #[test]
    fn present_participles_are_spelled_right() {
        for (verb, expect) in [
            ("chase", "chasing"),
            ("runs", "running"),
            ("sits", "sitting"),
            ("sat", "sitting"),
            ("lie", "lying"),
            ("flies", "flying"),
            ("watches", "watching"),
            ("eat", "eating"),
            ("stands", "standing"),
            ("swimming", "swimming"),
            ("dances", "dancing"),
            ("playing", "playing"),
            ("plays", "playing"),
            ("goes", "going"),
            ("rode", "riding"),
            ("jumps", "jumping"),
            ("looks", "looking"),
            ("sees", "seeing"),
            ("draws", "drawing"),
            ("hold", "holding"),
            ("opens", "opening"),
            ("hugs", "hugging"),
            ("chased", "chasing"),
            ("painted", "painting"),
            ("hugged", "hugging"),
            ("carried", "carrying"),
            ("kissed", "kissing"),
            ("danced", "dancing"),
            ("smiled", "smiling"),
            ("jumped", "jumping"),
        ] {
            assert_eq!(present_participle(verb), expect, "{verb}");
        }
    }
}
