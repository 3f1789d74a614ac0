//! Questions whose bucket is noun, of our own writing; mistakes met in real data join as sentences of our own.

use super::all;
use tables::Bucket::Noun;

#[test]
fn whether_a_thing_is_there_is_a_noun_question() {
    all(
        Noun,
        &[
            "is there a dog?",
            "is there a fire hydrant?",
            "is there an hourglass?",
            "Are there wooden chairs?",
            "Is there water?",
            "Are there any trees?",
            "is there a left paw?",
            "Is there a dog running?",
            "is there a cup on the shelf?",
            "Is there one lamp?",
            "Is there an accordion?",
            "Is there a grandfather clock?",
            "Is there a rocking horse?",
            "Are there dandelions?",
            "Are there clothes on the line?",
            "Is there a sewing machine on the desk?",
            "Is there somebody behind the curtain?",
            "Is there nobody in the canteen?",
            "Is there a wooden spoon in the jar?",
            "Is there a red and white barber pole?",
            "Is there steam above the kettle?",
            "Is there moss on the gravestone?",
            "Is there a second chimney?",
            "Is there any graffiti?",
            "Are there some pebbles?",
            "Are there other climbers?",
            "Is there a pair of scissors?",
            "Is there a pair of binoculars?",
            "Is there a set of drums?",
            "Is there a bunch of keys?",
            "Is there a bowl of walnuts?",
            "Is there a piece of toast?",
            "Is there a slice of melon?",
            "Is there a swimming pool?",
            "Is there a vending machine?",
            "Is there a landing strip?",
            "Are there sleeping bags?",
            "Is there a man riding a camel?",
            "Is there an umbrella stand?",
            "Is there a half-eaten pretzel?",
            "Is there text on the blackboard?",
            "Isn't there a lighthouse?",
            "Aren't there any swans?",
        ],
    );
}

#[test]
fn a_named_thing_that_is_present_is_a_noun_question() {
    all(
        Noun,
        &[
            "Is Big Ben there?",
            "Is Napoleon there?",
            "Is the Brandenburg Gate there?",
            "Is a moose visible?",
            "Is the moon visible?",
            "Are the twins present?",
            "Is a saxophone present?",
            "Is Mount Fuji visible?",
            "Is the harbor master here?",
            "is the Eiffel Tower in the image?",
            "is Yoda in the picture?",
            "Is a wheelbarrow in the photo?",
            "Are two llamas in the picture?",
            "Is the Loch Ness monster in the image?",
            "Is Sherlock Holmes in the scene?",
        ],
    );
}

#[test]
fn what_this_is_is_a_noun_question() {
    all(
        Noun,
        &[
            "Is this a lighthouse?",
            "Is this a tram stop?",
            "Is that a hedgehog?",
            "Is it a cello?",
            "Is this a parking garage?",
        ],
    );
}

#[test]
fn a_part_that_something_has_is_a_noun_question() {
    all(
        Noun,
        &[
            "Does the robot have antennas?",
            "Do the houses have chimneys?",
            "does the tiger have stripes?",
            "Does the violin have a bow?",
            "Has the kettle a lid?",
            "Does the jar contain honey?",
            "does the image show hate?",
            "Does the poster feature a rocket?",
            "Does the teapot have a spout?",
            "Does the pirate have a wooden leg?",
            "Does the cottage have a thatched roof?",
            "Does the goat have curved horns?",
            "Does the coat have brass buttons?",
            "Do the twins have freckles?",
            "Does one of the donkeys have a bridle?",
            "Does the fire engine have a ladder?",
            "Does the stew contain carrots?",
            "Does the picture include a bridge?",
            "Does the mural depict a harvest?",
            "Does the painting show a shipwreck?",
            "Does the tray have cookies on it?",
            "Does the wall have a mirror with a gilded frame?",
            "Do the spoons have handles made of bone?",
            "Can you see a windmill?",
            "Do you see a rainbow?",
            "Does the church have a bell tower?",
            "Does the snowman have a carrot for a nose?",
            "Does the banner feature an eagle?",
            "Has the wagon four wheels?",
            "Does the bishop have a long white beard?",
        ],
    );
}

#[test]
fn a_text_that_something_bears_is_a_noun_question() {
    all(
        Noun,
        &[
            "Does the sign say \"no fishing\"?",
            "Do the letters spell \"welcome\"?",
            "Does the cover read \"Volume Two\"?",
            "Does the balloon say \"happy birthday\"?",
        ],
    );
}

#[test]
fn a_garment_that_somebody_wears_is_a_noun_question() {
    all(
        Noun,
        &[
            "Is the juggler wearing a helmet?",
            "Are the twins wearing raincoats?",
            "Is the parrot wearing glasses?",
            "Is the clown wearing a wig?",
            "Are the nuns wearing sandals?",
            "Is the groom wearing a bow tie?",
            "Is the llama wearing a knitted scarf?",
            "Are all the fencers wearing masks?",
            "Are both wearing gloves?",
            "Is the bride wearing a dress with a train?",
            "Is the snowman wearing a top hat?",
            "Is the mascot wearing the jersey?",
            "Is the diver wearing an orange wetsuit?",
        ],
    );
}
