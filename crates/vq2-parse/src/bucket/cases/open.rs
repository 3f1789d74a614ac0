//! VQ²'s form: an open question and its answer; the answer beside the question, behind it, or both in one query.

use tables::Bucket::{self, Adjective, Noun, Relation, Verb};

use crate::bucket::bucket;

/// The pair gets one bucket in all three forms in which it comes.
#[track_caller]
fn all(expect: Bucket, pairs: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for &(question, answer) in pairs {
        let behind = format!("{question} {answer}?");
        let query = format!("is \"{answer}\" true for \"{question}\" in this image?");
        for (text, answer) in [(question, Some(answer)), (&behind, None), (&behind, Some("yes")), (&query, Some("yes"))]
        {
            let decision = bucket(text, answer);
            if decision.bucket != expect {
                wrong.push(format!("{text} {answer:?} ({} by {})", decision.bucket, decision.rule));
            }
        }
    }
    assert!(wrong.is_empty(), "not {expect}: {wrong:#?}");
}

#[test]
fn how_many_what_color_and_of_what_are_adjective_questions() {
    all(
        Adjective,
        &[
            ("What color is the backpack?", "green"),
            ("What is the color of the sky?", "pink"),
            ("What colors are the balloons?", "red and white"),
            ("What colour are the tiles?", "turquoise"),
            ("How many dogs are there?", "two"),
            ("How many spoons lie on the napkin?", "three spoons"),
            ("How old is the man?", "young"),
            ("How tall is the tower?", "very tall"),
            ("How does the soup taste?", "salty"),
            ("How is the weather?", "rainy"),
            ("How is the window?", "cracked"),
            ("What is the cup made of?", "glass"),
            ("What is the sled made from?", "wood"),
            ("What kind of dog is it?", "poodle"),
            ("What type of bread is on the board?", "rye"),
            ("What breed is the horse?", "Arabian"),
            ("What shape is the table?", "round"),
            ("What size are the shoes?", "huge"),
            ("What does the cloud look like?", "a rabbit"),
            ("What is the material of the bench?", "wood"),
            ("What is the texture of the wall?", "rough"),
            ("What is the mood of the scene?", "gloomy"),
            ("What is the condition of the roof?", "leaky"),
            ("What style is the poster in?", "art deco"),
            ("In what style is the chapel built?", "baroque"),
            ("What time of day is it?", "dusk"),
            ("What season is it?", "winter"),
            ("What pattern does the tie have?", "stripes"),
            ("What is the weather like?", "stormy"),
            ("What is the expression on the mask?", "angry"),
            ("When does the scene take place?", "at night"),
            ("Why is the child happy?", "a gift"),
            ("The lamp is what?", "bright"),
            ("The curtain is what color?", "purple"),
            ("What is the lamp?", "broken"),
            ("What are the windows?", "dusty and small"),
            ("Besides blue, what color is the kite?", "yellow"),
            ("What number is on the jersey?", "seven"),
            ("What is the number of boats?", "four"),
            ("How much milk is in the glass?", "half"),
            ("What flavor is the ice cream?", "pistachio"),
            ("Which color are the ribbons?", "teal"),
        ],
    );
}

#[test]
fn who_and_what_are_noun_questions_when_a_thing_answers() {
    all(
        Noun,
        &[
            ("What kind of animal is on the sofa?", "a cat"),
            ("What type of vehicle is at the pump?", "a van"),
            ("What kind of building is behind the trees?", "a mill"),
            ("What is on the plate?", "pasta"),
            ("Who is riding the horse?", "a knight"),
            ("What is the man holding?", "an umbrella"),
            ("Which fruit is it?", "a banana"),
            ("What is next to the lamp?", "books"),
            ("What animal is drinking?", "zebra"),
            ("What instrument is the girl playing?", "the harp"),
            ("What is the sailor wearing?", "a striped shirt"),
            ("What is the bridge over?", "a canal"),
            ("Who is behind the counter?", "the grocer"),
            ("Whose hat is on the bench?", "the clown's hat"),
            ("What is hanging on the wall?", "a clock"),
            ("What was the farmer feeding?", "geese"),
            ("What does the sign say?", "stop"),
            ("What does the wagon carry?", "hay bales"),
            ("What can be seen in the window?", "a candle"),
            ("What is the boy afraid of?", "the goose"),
            ("The goat stands on what?", "a rock"),
            ("Besides cups, what is on the tray?", "a teapot"),
            ("What else is in the basket?", "plums"),
            ("What do the tourists photograph?", "the cathedral"),
            ("What is the name of the ship?", "Aurora"),
            ("What is used to open the bottle?", "a corkscrew"),
            ("What is topped with snow?", "the roof"),
            ("What is there of the castle?", "a sketch"),
            ("Who sits in the carriage?", "two nuns"),
        ],
    );
}

#[test]
fn what_is_done_is_a_verb_question() {
    all(
        Verb,
        &[
            ("What is the boy doing?", "swimming"),
            ("What activity is shown?", "skiing"),
            ("What are the dogs doing?", "playing"),
            ("What is happening?", "a parade"),
            ("What does the bird seem to do?", "singing"),
            ("What is the crowd doing in the square?", "dancing"),
            ("What are the cooks doing to the dough?", "kneading it"),
            ("What sport are they playing?", "hockey"),
            ("What action is the acrobat performing?", "a somersault"),
            ("What pose is the dancer in?", "kneeling"),
            ("What does the mechanic do?", "repair a car"),
            ("What is the kettle doing?", "boiling"),
            ("What about the toddler?", "laughing"),
            ("What game are the men playing?", "chess"),
            ("What happens to the ball?", "bouncing"),
        ],
    );
}

#[test]
fn where_is_a_relation_question() {
    all(
        Relation,
        &[
            ("Where is the cat?", "under the bed"),
            ("Where are the keys?", "on the table"),
            ("Where did the ball land?", "in the pond"),
            ("Where does the path lead?", "to the chapel"),
            ("Where is the tram going?", "downtown"),
            ("Which side of the road is the truck on?", "left"),
            ("On which side of the house is the garage?", "the right"),
            ("What is the position of the bird?", "above the house"),
            ("What is the location of the tent?", "beside the stream"),
            ("In which direction does the boat sail?", "west"),
            ("What direction is the arrow pointing?", "up"),
            ("The book is where?", "on the shelf"),
            ("What about the book?", "on the shelf"),
            ("In what place do the geese rest?", "by the mill"),
            ("On which end of the pier is the lamp?", "the far end"),
            ("From where does the light come?", "behind the door"),
        ],
    );
}

#[test]
fn a_yes_no_question_keeps_its_bucket_with_its_answer() {
    assert_eq!(bucket("is the dog green?", Some("yes")).bucket, Adjective);
    assert_eq!(bucket("is the dog running?", Some("no")).bucket, Verb);
    assert_eq!(bucket("is the dog on the bed? is it asleep?", None).bucket, Relation);
    assert_eq!(bucket("is there a \"Why?\" on the wall?", None).bucket, Noun);
}
