//! A hundred one-line questions about three scenes.

use super::*;
use crate::factors::Factors;
use crate::query::parse;

fn object(kind: Kind, colour: Colour, action: Option<Action>, (x, y): (f64, f64)) -> DrawnObject {
    DrawnObject { kind, colour, action, target: None, x, y, radius: 30.0, faces_right: false }
}

fn scene(objects: Vec<DrawnObject>, setting: Option<Setting>) -> Scene {
    Scene { objects, setting, factors: Factors::all(0.5) }
}

/// A red cat sitting to the left of a blue ball, in a field.
fn cat_and_ball() -> Scene {
    let cat = object(Kind::Cat, Colour::Red, Some(Action::Sitting), (50.0, 110.0));
    scene(vec![cat, object(Kind::Ball, Colour::Blue, None, (142.0, 112.0))], Some(Setting::Field))
}

/// A brown dog chasing a yellow bird that is to its right.
fn chase() -> Scene {
    let mut dog = object(Kind::Dog, Colour::Brown, Some(Action::Chasing), (55.0, 110.0));
    dog.target = Some(1);
    scene(vec![dog, object(Kind::Bird, Colour::Yellow, None, (135.0, 110.0))], None)
}

/// Three apples on a table, two green and one red, and a flying fish far above.
fn apples() -> Scene {
    let apple = |colour, x| object(Kind::Apple, colour, None, (x, 150.0));
    let mut all = vec![apple(Colour::Green, 40.0), apple(Colour::Green, 96.0), apple(Colour::Red, 150.0)];
    all.push(object(Kind::Fish, Colour::Orange, Some(Action::Jumping), (96.0, 20.0)));
    scene(all, Some(Setting::Table))
}

fn check(scene: &Scene, cases: &[(&str, bool)]) {
    for (text, expect) in cases {
        match judge(scene, &parse(text)) {
            Verdict::Told { holds, .. } => assert_eq!(holds, *expect, "{text}"),
            Verdict::Unclear => panic!("not understood: {text}"),
        }
    }
}

fn vq2(scene: &Scene, cases: &[(&str, &str, bool)]) {
    for (answer, question, expect) in cases {
        check(scene, &[(&format!("is \"{answer}\" true for \"{question}\" in this image?"), *expect)]);
    }
}

#[test]
fn plain_questions_about_a_cat_and_a_ball() {
    check(
        &cat_and_ball(),
        &[
            ("is there a cat?", true),
            ("is there a dog?", false),
            ("are there cats?", true),
            ("is there any ball", true),
            ("Is there a Cat in the image?", true),
            ("is there a cat and a ball?", true),
            ("is there a cat and a dog?", false),
            ("is there an elephant?", false),
            ("is there a blue cat?", false),
            ("is there a red cat?", true),
            ("is there a red ball?", false),
            ("is the cat red?", true),
            ("is the cat blue?", false),
            ("is the ball blue?", true),
            ("is the red cat sitting?", true),
            ("is the cat sitting?", true),
            ("is the cat sleeping?", false),
            ("is the ball sitting?", false),
            ("is the cat to the left of the ball?", true),
            ("is the cat to the right of the ball?", false),
            ("is the ball to the right of the cat?", true),
            ("is the ball to the left of the cat?", false),
            ("is the cat sitting to the left of the ball?", true),
            ("is the red cat to the left of the blue ball?", true),
            ("is the blue cat to the left of the red ball?", false),
            ("is the cat on the left of the ball?", true),
            ("is the cat on the left side of the ball?", true),
            ("is the cat left of the ball?", true),
            ("is the cat above the ball?", false),
            ("is the cat below the ball?", false),
            ("is the cat next to the ball?", true),
            ("is the cat to the left of the dog?", false),
            ("is the cat on the left?", true),
            ("is the cat on the right?", false),
            ("is the cat in a field?", true),
            ("is the cat in the field?", true),
            ("is the cat on a beach?", false),
            ("is there a field?", true),
            ("is there a table?", false),
            ("is there one cat?", true),
            ("are there two cats?", false),
            ("is there an animal?", true),
            ("is the cat grey?", false),
            ("is there a cat sitting in a field?", true),
            ("a red cat sitting to the left of a blue ball", true),
            ("a blue cat sitting to the left of a red ball", false),
        ],
    );
}

#[test]
fn plain_questions_about_a_chase() {
    check(
        &chase(),
        &[
            ("is the dog chasing the bird?", true),
            ("is the bird chasing the dog?", false),
            ("is the dog chasing a yellow bird?", true),
            ("is the dog chasing a red bird?", false),
            ("is the dog chasing a cat?", false),
            ("is the dog chasing?", true),
            ("is the dog running?", true),
            ("is the dog eating the bird?", false),
            ("is the bird flying?", false),
            ("is the bird being chased by the dog?", true),
            ("is the dog being chased by the bird?", false),
            ("is the bird chased by a cat?", false),
            ("is the bird being chased?", true),
            ("is the bird yellow?", true),
            ("is the dog yellow?", false),
            ("is the brown dog chasing the yellow bird?", true),
            ("is the dog and the bird running?", false),
        ],
    );
}

#[test]
fn plain_questions_about_numbers() {
    check(
        &apples(),
        &[
            ("are there three apples?", true),
            ("are there 3 apples?", true),
            ("are there two apples?", false),
            ("are there four apples on the table?", false),
            ("are there three apples on a table?", true),
            ("are there two green apples?", true),
            ("are there three green apples?", false),
            ("is there one red apple?", true),
            ("are the apples green?", false),
            ("is there a green apple?", true),
            ("is the apple red?", true),
            ("are there apples?", true),
            ("are the apples on a table?", true),
            ("is there one fish?", true),
            ("is the fish jumping?", true),
            ("is the fish swimming?", false),
            ("is the fish above the apples?", true),
            ("are the apples below the fish?", true),
            ("are the apples above the fish?", false),
            ("are the apples next to the fish?", false),
            ("is the fish over an apple", true),
        ],
    );
}

#[test]
fn questions_in_the_form_of_vq2() {
    vq2(
        &cat_and_ball(),
        &[
            ("red", "what color is the cat?", true),
            ("blue", "what color is the cat?", false),
            ("blue", "what colour is the ball to the right of the cat?", true),
            ("red", "what is the color of the ball?", false),
            ("a cat", "what is to the left of the ball?", true),
            ("a dog", "what is to the left of the ball?", false),
            ("a red cat", "what is sitting to the left of a blue ball?", true),
            ("to the left of", "where is the cat relative to the ball?", true),
            ("to the right of the ball", "where is the cat?", false),
            ("sitting", "what is the cat doing?", true),
            ("running", "what is the cat doing?", false),
            ("a ball", "what is the cat to the left of?", true),
            ("a cat", "what animal is red?", true),
            ("cat", "what is the red animal?", true),
            ("yes", "is there a cat?", true),
            ("no", "is there a cat?", false),
            ("no", "is there a dog?", true),
            ("in a field", "where is the cat?", true),
            ("a cat", "what is in the image?", true),
            ("a car", "what is in the image?", false),
            ("a red cat", "what is sitting in the field?", true),
        ],
    );
    vq2(
        &chase(),
        &[
            ("a dog", "who is chasing the bird?", true),
            ("a cat", "what is chasing the bird?", false),
            ("a yellow bird", "what is the dog chasing?", true),
            ("a red bird", "what is the dog chasing?", false),
            ("chasing a bird", "what is the dog doing?", true),
            ("chasing", "what is the dog doing to the bird?", true),
            ("one", "how many dogs are chasing a bird?", true),
        ],
    );
    vq2(
        &apples(),
        &[
            ("three", "how many apples are there?", true),
            ("3", "how many apples are on the table?", true),
            ("two", "how many apples are on the table?", false),
            ("three apples", "what is on the table?", true),
            ("three apples", "what is on a table?", true),
            ("a table", "what are the apples on?", true),
            ("on a table", "where are the apples?", true),
        ],
    );
}

#[test]
fn what_is_outside_the_vocabulary_is_unclear() {
    for text in ["", "is it?", "is \"photo\" true for \"what is this?\" in this image?", "what about wisdom"] {
        assert_eq!(judge(&chase(), &parse(text)), Verdict::Unclear, "{text}");
    }
}

#[test]
fn a_claim_turns_on_the_hardest_thing_that_it_says() {
    let turn = |text: &str| match judge(&chase(), &parse(text)) {
        Verdict::Told { turn, .. } => turn,
        Verdict::Unclear => panic!("{text}"),
    };
    assert_eq!(turn("is there a dog?"), Turn::Object);
    assert_eq!(turn("is the dog brown?"), Turn::Colour);
    assert_eq!(turn("are there two brown dogs?"), Turn::Count);
    assert_eq!(turn("is the dog running?"), Turn::Action);
    assert_eq!(turn("is the brown dog to the left of a bird?"), Turn::Relation);
}

#[test]
fn a_prompt_holds_in_a_faithful_picture_of_itself() {
    for prompt in crate::prompt::prompts(150, 8).unwrap() {
        let scene = crate::generator::GENERATORS[0].paint(&prompt, &mut crate::seeded::rng(8, &prompt.prompt_id));
        let (_, omissions) = scene.compare(&prompt);
        match judge(&scene, &parse(&prompt.text)) {
            Verdict::Told { holds, .. } => {
                assert_eq!(holds, omissions.is_empty(), "{}: {omissions:?}", prompt.text);
            }
            Verdict::Unclear => panic!("{}", prompt.text),
        }
    }
}
