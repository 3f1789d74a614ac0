//! One key for all inflected forms of a word: what template questions and gold propositions are compared by.

use crate::inflect::verb_base;

/// Plurals and other forms that no ending tells.
#[rustfmt::skip]
const IRREGULAR: &[(&str, &str)] = &[
    ("people", "person"), ("men", "man"), ("women", "woman"), ("children", "child"), ("feet", "foot"),
    ("teeth", "tooth"), ("geese", "goose"), ("mice", "mouse"), ("oxen", "ox"), ("wolves", "wolf"),
    ("leaves", "leaf"), ("knives", "knife"), ("shelves", "shelf"), ("loaves", "loaf"), ("halves", "half"),
    ("calves", "calf"), ("scarves", "scarf"), ("hooves", "hoof"), ("lives", "life"), ("cacti", "cactus"),
    ("dice", "die"), ("fungi", "fungus"), ("wooden", "wood"), ("woollen", "wool"), ("woolen", "wool"),
    ("golden", "gold"), ("colored", "color"), ("coloured", "color"), ("colour", "color"), ("colours", "color"),
    ("gray", "grey"), ("centre", "center"), ("lay", "lie"), ("lays", "lie"), ("laying", "lie"), ("laid", "lie"),
];

/// The key of a word: lower case, without the endings of plurals, verb forms and a final -e.
///
/// "dogs" and "dog" share a key, as do "rode", "rides", "riding" and "ride", "lying" and "lie", "wooden" and "wood".
/// The key itself need not be a word ("rid"). Derived words differ: "rider" is not "ride". "Lay" counts as "lie": people
/// who describe images mix them up.
pub fn lemma(word: &str) -> String {
    let lower = word.to_lowercase();
    if let Some((_, base)) = IRREGULAR.iter().find(|(form, _)| *form == lower) {
        return (*base).to_owned();
    }
    let base = verb_base(&lower).map_or(lower, str::to_owned);
    stem(&base)
}

fn stem(word: &str) -> String {
    let vowel = |stem: &str| stem.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    let long = |stem: &&str| stem.len() > 2 && vowel(stem);
    if !word.is_ascii() {
        return word.to_owned();
    }
    if let Some(stem) = word.strip_suffix("ying").filter(|s| s.len() == 1) {
        return format!("{stem}ie"); // "lying" as "lie"
    }
    if let Some(stem) = word.strip_suffix("ies") {
        return if stem.len() > 1 { format!("{stem}y") } else { format!("{stem}ie") };
    }
    if let Some(stem) = word.strip_suffix("ied").filter(|s| s.len() > 1) {
        return format!("{stem}y");
    }
    if let Some(stem) = word
        .strip_suffix("ing")
        .filter(long)
        .or_else(|| word.strip_suffix("ed").filter(long).filter(|s| !s.ends_with('e')))
    {
        return undoubled(stem);
    }
    for ending in ["ches", "shes", "sses", "xes", "zzes", "oes"] {
        if word.ends_with(ending) {
            return undoubled(&word[..word.len() - 2]);
        }
    }
    let singular = word.strip_suffix('s').filter(|s| s.len() > 2 && !s.ends_with(['s', 'u', 'i'])).unwrap_or(word);
    undoubled(singular.strip_suffix('e').filter(|s| s.len() > 2).unwrap_or(singular))
}

/// "runn" → "run"; "ss" and "ll" too, so that "kissing", "kiss" and "fell", "fall" keep one key each.
fn undoubled(stem: &str) -> String {
    let stem = stem.strip_suffix('e').filter(|s| s.len() > 2).unwrap_or(stem);
    let bytes = stem.as_bytes();
    match bytes {
        [.., a, b] if a == b && stem.len() > 2 && !b"aeiou".contains(b) => stem[..stem.len() - 1].to_owned(),
        _ => stem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_word_share_a_key() {
        for forms in [
            &["dog", "dogs", "Dog"][..],
            &["box", "boxes"],
            &["person", "people"],
            &["ride", "rides", "riding", "rode", "ridden"],
            &["run", "runs", "running", "ran"],
            &["sit", "sits", "sitting", "sat"],
            &["lie", "lies", "lying", "lay"],
            &["carry", "carries", "carried", "carrying"],
            &["chase", "chased", "chasing", "chases"],
            &["kiss", "kisses", "kissing", "kissed"],
            &["jump", "jumped", "jumping"],
            &["stretch", "stretched", "stretches"],
            &["wood", "wooden"],
            &["leaf", "leaves"],
            &["raise", "raised", "raising"],
            &["bend", "bent", "bending"],
            &["hug", "hugged", "hugging"],
            &["bus", "buses"],
            &["city", "cities"],
            &["see", "seeing", "seen", "sees"],
            &["colour", "colored", "color"],
            &["glass", "glasses"],
        ] {
            let keys: std::collections::BTreeSet<String> = forms.iter().map(|form| lemma(form)).collect();
            assert_eq!(keys.len(), 1, "{forms:?} {keys:?}");
        }
    }

    #[test]
    fn other_words_have_other_keys() {
        for (a, b) in [("bus", "bush"), ("wing", "win"), ("king", "kin"), ("red", "re"), ("bed", "bee"), ("his", "hi")]
        {
            assert_ne!(lemma(a), lemma(b), "{a} {b}");
        }
        for text in ["", "s", "ing", "é", "ÉCLAIRS", "犬", "ies", "ed"] {
            let _ = lemma(text);
        }
    }
}
