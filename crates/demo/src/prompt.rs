//! Prompts: what should be in the picture, and the sentence that says so.
//!
//! Seven categories take turns; a text is never made twice.

use std::collections::HashSet;

use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::error::DemoError;
use crate::seeded;
use crate::words::{Action, Colour, Kind, Relation, Setting, number_word};

/// Objects of one kind that the prompt names together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What they are.
    pub kind: Kind,
    /// How many, from 1.
    pub count: u8,
    /// The colour that the prompt names.
    pub colour: Option<Colour>,
    /// What the prompt says that they do; a transitive action is done to the second group.
    pub action: Option<Action>,
}

/// One prompt and its meaning. Two groups are always of different kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// `p0001`, …
    pub prompt_id: String,
    /// The sentence.
    pub text: String,
    /// What it is mostly about.
    pub category: &'static str,
    /// What makes it hard.
    pub challenge: &'static str,
    /// One or two groups.
    pub groups: Vec<Group>,
    /// How the first group stands to the second.
    pub relation: Option<Relation>,
    /// Where it plays.
    pub setting: Option<Setting>,
}

const CATEGORIES: [&str; 7] = ["objects", "colors", "counts", "actions", "relations", "interactions", "mixed"];

// A text that cannot be made new in so many draws: its category is used up.
const DRAWS: usize = 200;

/// The prompts of a world: `n` different texts.
///
/// # Errors
/// [`DemoError::TooManyPrompts`] if the vocabulary does not hold that many.
pub fn prompts(n: usize, seed: u64) -> Result<Vec<Prompt>, DemoError> {
    let mut rng = seeded::rng(seed, "prompts");
    let mut texts = HashSet::new();
    let mut prompts: Vec<Prompt> = Vec::with_capacity(n);
    let mut open: Vec<&'static str> = CATEGORIES.to_vec();
    let mut turn = 0;
    while prompts.len() < n {
        if open.is_empty() {
            return Err(DemoError::TooManyPrompts { asked: n, made: prompts.len() });
        }
        let category = open[turn % open.len()];
        let draw = (0..DRAWS).map(|_| draw(category, &mut rng)).find(|prompt| !texts.contains(&prompt.text));
        match draw {
            Some(mut prompt) => {
                texts.insert(prompt.text.clone());
                prompt.prompt_id = format!("p{:04}", prompts.len() + 1);
                prompts.push(prompt);
                turn += 1;
            }
            None => open.retain(|&other| other != category),
        }
    }
    Ok(prompts)
}

fn draw(category: &'static str, rng: &mut ChaCha8Rng) -> Prompt {
    let (groups, relation, setting) = match category {
        "objects" => objects(rng),
        "colors" => colors(rng),
        "counts" => counts(rng),
        "actions" => actions(rng),
        "interactions" => interactions(rng),
        "relations" => relations(rng, false),
        _ => relations(rng, true),
    };
    Prompt {
        prompt_id: String::new(),
        text: text(&groups, relation, setting),
        category,
        challenge: challenge(category, &groups),
        groups,
        relation,
        setting,
    }
}

type Meaning = (Vec<Group>, Option<Relation>, Option<Setting>);

fn objects(rng: &mut ChaCha8Rng) -> Meaning {
    let groups = pair_of_kinds(rng, |_, _| true).map(plain).to_vec();
    match rng.random_range(0..3) {
        0 => (groups, None, None),
        1 => {
            let setting = setting_for(&groups[..1], rng);
            (groups[..1].to_vec(), None, Some(setting))
        }
        _ => {
            let setting = setting_for(&groups, rng);
            (groups, None, Some(setting))
        }
    }
}

fn colors(rng: &mut ChaCha8Rng) -> Meaning {
    let mut groups = pair_of_kinds(rng, |_, _| true).map(plain).to_vec();
    let colours: Vec<Colour> = Colour::ALL.choose_multiple(rng, 2).copied().collect();
    for (group, colour) in groups.iter_mut().zip(&colours) {
        group.colour = Some(*colour);
    }
    if rng.random_bool(0.3) {
        groups.truncate(1);
    }
    let setting = rng.random_bool(0.3).then(|| setting_for(&groups, rng));
    (groups, None, setting)
}

fn counts(rng: &mut ChaCha8Rng) -> Meaning {
    let mut groups = pair_of_kinds(rng, |_, _| true).map(plain).to_vec();
    groups[0].count = rng.random_range(2..=5);
    if rng.random_bool(0.5) {
        groups[0].colour = Colour::ALL.choose(rng).copied();
    }
    if rng.random_bool(0.5) {
        groups.truncate(1);
    } else if rng.random_bool(0.4) {
        groups[1].count = rng.random_range(2..=3);
    }
    let setting = (groups.len() == 1 || rng.random_bool(0.3)).then(|| setting_for(&groups, rng));
    (groups, None, setting)
}

fn actions(rng: &mut ChaCha8Rng) -> Meaning {
    let mut group = plain(actor(rng));
    group.action = group.kind.own_actions().choose(rng).copied();
    if rng.random_bool(0.5) {
        group.colour = Colour::ALL.choose(rng).copied();
    }
    if rng.random_bool(0.35) {
        group.count = rng.random_range(2..=3);
    }
    let setting = rng.random_bool(0.6).then(|| outdoors(rng));
    (vec![group], None, setting)
}

fn interactions(rng: &mut ChaCha8Rng) -> Meaning {
    let chasing = rng.random_bool(0.6);
    let kinds = pair_of_kinds(rng, |agent, patient| {
        if chasing { agent.chases() && patient.can_be_chased() } else { agent.eats() && patient.can_be_eaten() }
    });
    let mut groups = kinds.map(plain).to_vec();
    groups[0].action = Some(if chasing { Action::Chasing } else { Action::Eating });
    for (group, p) in groups.iter_mut().zip([0.4, 0.7]) {
        if rng.random_bool(p) {
            group.colour = Colour::ALL.choose(rng).copied();
        }
    }
    let setting = rng.random_bool(0.2).then(|| outdoors(rng));
    (groups, None, setting)
}

fn relations(rng: &mut ChaCha8Rng, mixed: bool) -> Meaning {
    let mut groups = pair_of_kinds(rng, |_, _| true).map(plain).to_vec();
    for group in &mut groups {
        if rng.random_bool(if mixed { 0.9 } else { 0.6 }) {
            group.colour = Colour::ALL.choose(rng).copied();
        }
    }
    if mixed && rng.random_bool(0.5) {
        groups[0].count = rng.random_range(2..=3);
    }
    if rng.random_bool(if mixed { 0.8 } else { 0.3 }) {
        groups[0].action = groups[0].kind.own_actions().choose(rng).copied();
    }
    let relation = Relation::ALL.choose(rng).copied();
    (groups, relation, None)
}

fn plain(kind: Kind) -> Group {
    Group { kind, count: 1, colour: None, action: None }
}

fn actor(rng: &mut ChaCha8Rng) -> Kind {
    const ACTORS: [Kind; 5] = [Kind::Cat, Kind::Dog, Kind::Bird, Kind::Fish, Kind::Robot];
    ACTORS[rng.random_range(0..ACTORS.len())]
}

fn outdoors(rng: &mut ChaCha8Rng) -> Setting {
    const OUTDOORS: [Setting; 3] = [Setting::Field, Setting::Beach, Setting::Street];
    OUTDOORS[rng.random_range(0..OUTDOORS.len())]
}

fn setting_for(groups: &[Group], rng: &mut ChaCha8Rng) -> Setting {
    let small = groups.iter().all(|group| group.kind.fits_on_a_table());
    if small && rng.random_bool(0.7) { Setting::Table } else { outdoors(rng) }
}

fn pair_of_kinds(rng: &mut ChaCha8Rng, allowed: impl Fn(Kind, Kind) -> bool) -> [Kind; 2] {
    loop {
        let (a, b) = (rng.random_range(0..Kind::ALL.len()), rng.random_range(0..Kind::ALL.len()));
        if a != b && allowed(Kind::ALL[a], Kind::ALL[b]) {
            return [Kind::ALL[a], Kind::ALL[b]];
        }
    }
}

fn challenge(category: &str, groups: &[Group]) -> &'static str {
    let unusual = |group: &Group| group.colour.is_some_and(|colour| colour != group.kind.natural_colour());
    match category {
        "objects" => "basic",
        "colors" if groups.len() == 2 => "color binding",
        "colors" if groups.iter().any(unusual) => "unusual color",
        "colors" => "basic",
        "counts" => "counting",
        "actions" => "pose",
        "interactions" => "who does what",
        "relations" => "position",
        _ => "many constraints at once",
    }
}

/// "three green apples", "an orange cat".
pub fn noun_phrase(group: &Group) -> String {
    let colour = group.colour.map(|colour| format!("{} ", colour.word())).unwrap_or_default();
    if group.count > 1 {
        return format!("{} {colour}{}", number_word(group.count), group.kind.plural());
    }
    let rest = format!("{colour}{}", group.kind.word());
    let article = if rest.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {rest}")
}

fn text(groups: &[Group], relation: Option<Relation>, setting: Option<Setting>) -> String {
    let mut text = noun_phrase(&groups[0]);
    if let Some(action) = groups[0].action {
        text = format!("{text} {}", action.word());
    }
    if let Some(second) = groups.get(1) {
        let link = match (groups[0].action, relation) {
            (Some(action), _) if action.is_transitive() => "",
            (_, Some(relation)) => relation.word(),
            _ => "and",
        };
        let space = if link.is_empty() { "" } else { " " };
        text = format!("{text}{space}{link} {}", noun_phrase(second));
    }
    if let Some(setting) = setting {
        text = format!("{text} {}", setting.phrase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(kind: Kind, count: u8, colour: Option<Colour>, action: Option<Action>) -> Group {
        Group { kind, count, colour, action }
    }

    #[test]
    fn prompts_are_unique_and_cover_every_category_kind_colour_action_and_relation() {
        let prompts = prompts(400, 0).unwrap();
        let texts: HashSet<&str> = prompts.iter().map(|prompt| prompt.text.as_str()).collect();
        assert_eq!(texts.len(), 400);
        for category in CATEGORIES {
            assert!(prompts.iter().any(|prompt| prompt.category == category), "{category}");
        }
        let all = prompts.iter().map(|prompt| format!(" {} ", prompt.text)).collect::<String>();
        let words = Kind::ALL.iter().map(|kind| kind.word()).chain(Colour::ALL.iter().map(|colour| colour.word()));
        let words = words.chain(Action::ALL.iter().map(|action| action.word()));
        for word in words.chain(Relation::ALL.iter().map(|relation| relation.word())) {
            assert!(all.contains(&format!(" {word} ")), "{word}");
        }
    }

    #[test]
    fn sentences_are_grammatical() {
        let check = |groups: &[Group], relation, setting, expect: &str| {
            assert_eq!(text(groups, relation, setting), expect);
        };
        let cat = group(Kind::Cat, 1, Some(Colour::Red), Some(Action::Sitting));
        let ball = group(Kind::Ball, 1, Some(Colour::Blue), None);
        check(&[cat, ball.clone()], Some(Relation::LeftOf), None, "a red cat sitting to the left of a blue ball");
        let apples = group(Kind::Apple, 3, Some(Colour::Green), None);
        check(&[apples], None, Some(Setting::Table), "three green apples on a table");
        let dog = group(Kind::Dog, 1, None, Some(Action::Chasing));
        let bird = group(Kind::Bird, 1, Some(Colour::Yellow), None);
        check(&[dog, bird], None, None, "a dog chasing a yellow bird");
        check(&[group(Kind::Apple, 1, None, None), ball], None, None, "an apple and a blue ball");
        check(&[group(Kind::Fish, 2, Some(Colour::Orange), None)], None, None, "two orange fish");
        check(&[group(Kind::Fish, 1, Some(Colour::Orange), None)], None, None, "an orange fish");
    }

    #[test]
    fn a_second_group_is_of_another_kind_and_a_transitive_action_has_a_patient() {
        for prompt in prompts(500, 3).unwrap() {
            if prompt.groups.len() == 2 {
                assert_ne!(prompt.groups[0].kind, prompt.groups[1].kind, "{}", prompt.text);
            }
            if prompt.groups[0].action.is_some_and(Action::is_transitive) {
                assert_eq!(prompt.groups.len(), 2, "{}", prompt.text);
            }
            assert!(prompt.relation.is_none() || prompt.groups.len() == 2);
        }
    }

    #[test]
    fn a_used_up_category_leaves_its_turns_to_the_others() {
        let prompts = prompts(4000, 0).unwrap();
        let texts: HashSet<&str> = prompts.iter().map(|prompt| prompt.text.as_str()).collect();
        assert_eq!(texts.len(), 4000);
        assert!(prompts[3999].category != "objects", "there are only some hundred of those");
    }
}
