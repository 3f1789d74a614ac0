//! Passages in quotation marks, absences, style notes, names, comparisons, frames. On the right all questions of the prompt.

use super::check_all;

#[rustfmt::skip]
const TEXT: &[(&str, &str)] = &[
    ("a sign that says \"STOP\"", "is there a sign? does the sign say \"STOP\"?"),
    ("a sign saying 'no entry'", "is there a sign? does the sign say \"no entry\"?"),
    ("a sign reading \"Fresh Eggs\"", "is there a sign? does the sign say \"Fresh Eggs\"?"),
    ("a sign with \"Fresh Eggs\" written on it", "is there a sign? does the sign say \"Fresh Eggs\"?"),
    ("the word \"hope\" on a wall", "is there a word? does the word say \"hope\"? is there a wall? is the word on the wall?"),
    ("the words \"good night\" above a bed", "are there words? do the words say \"good night\"? is there a bed? are the words above the bed?"),
    ("a 'keep out' sign", "does the sign say \"keep out\"? is there a sign?"),
    ("a shirt with the text \"I love maths\"", "does the shirt have text? is there a shirt? does the shirt's text say \"I love maths\"?"),
    ("a cake with the message 'happy birthday Ann'", "is there a cake? is there a message? does the message say \"happy birthday Ann\"? is the cake with the message?"),
    ("a poster with the title \"Moon\"", "is there a poster? is there a title? does the title say \"Moon\"? is the poster with the title?"),
    ("a neon sign in the shape of a cat with the word \"open\"", "is there a sign? is there a word? does the word say \"open\"? is the sign in the shape of a cat? is the sign neon?"),
    ("a blackboard on which \"2+2=4\" is written", "is there a blackboard? is there text that reads \"2+2=4\"?"),
    ("\"hello\"", "is there text that reads \"hello\"?"),
    ("a mug that says ‘best dad’ and a plate", "is there a mug? does the mug say \"best dad\"? is there a plate?"),
    ("a newspaper with the headline “Aliens land”", "is there a newspaper? is there a headline? does the headline say \"Aliens land\"? is the newspaper with the headline?"),
    ("a t-shirt with 'run' on it", "is there a t-shirt? does the t-shirt say \"run\"?"),
    ("graffiti that reads \"yes\"", "is there graffiti? does the graffiti say \"yes\"?"),
];

#[test]
fn text_is_asked_of_what_bears_it() {
    check_all(TEXT);
}

#[rustfmt::skip]
const NEGATION: &[(&str, &str)] = &[
    ("a street without people", "is there a street? is the street without people?"),
    ("a street with no people", "is there a street? is the street without people?"),
    ("a house without a roof", "is there a house? is the house without a roof?"),
    ("a kitchen without windows or doors", "is there a kitchen? is the kitchen without windows? is the kitchen without doors?"),
    ("no cats", "is the image without cats?"),
    ("a table with no food on it", "is there a table? is the table without food?"),
    ("a dog that is not running", "is there a dog?"),
    ("The lamp is not lit.", "is there a lamp?"),
    ("a man without a hat on a horse", "is there a man? is there a horse? is the man without a hat? is the man on the horse?"),
    ("a bridge but no river", "is there a bridge? is the image without a river?"),
    ("a garden with nothing in it", "is there a garden?"),
    ("a bicycle without wheels", "is there a bicycle? is the bicycle without wheels?"),
    ("a car with no wheels and a dog", "is there a car? is there a dog? is the car without wheels?"),
    ("there are no clouds in the sky", "is there sky? is the image without clouds?"),
    ("a bowl with no fruit", "is there a bowl? is the bowl without fruit?"),
];

#[test]
fn what_is_absent_is_never_asked_as_if_it_were_there() {
    check_all(NEGATION);
}

#[rustfmt::skip]
const STYLE: &[(&str, &str)] = &[
    ("an oil painting of a fox", "is there a fox? is the image an oil painting?"),
    ("a watercolor of two boats", "are there boats? is the image a watercolor? are there two boats?"),
    ("a black and white photo of a pier", "is there a pier? is the image a black and white photo?"),
    ("a pencil sketch of a hand", "is there a hand? is the image a pencil sketch?"),
    ("a photo of a cat, 4k", "is there a cat? is the image a photo? is the photo in 4k?"),
    ("a castle, digital art", "is there a castle? is the image digital art?"),
    ("a castle, highly detailed, trending on artstation", "is there a castle? is the image highly detailed? is the image trending on artstation?"),
    ("a forest spirit, by Jane Doe, volumetric lighting, 8 k", "is there a forest spirit? is the image by Jane Doe? does the image have volumetric lighting? is the image in 8 k?"),
    ("a robot, concept art, octane render, sharp focus", "is there a robot? is the render concept art? is the image an octane render? does the render have sharp focus?"),
    ("a river in the style of Monet", "is there a river? is the image in the style of Monet?"),
    ("a painting of a river in the style of Monet", "is there a river? is the image a painting? is the painting in the style of Monet?"),
    ("a portrait of a baker by Anna Ancher", "is there a baker? is the image a portrait? is the portrait by Anna Ancher?"),
    ("photorealistic dragon", "is there a photorealistic dragon? is the dragon photorealistic?"),
    ("a ship, cinematic lighting, wide-angle", "is there a ship? does the image have cinematic lighting? is the image wide-angle?"),
    ("a cottage painted by Carl Larsson, soft colours", "is there a cottage? is the image by Carl Larsson? is the image in soft colours?"),
    ("a close-up photo of a bee", "is there a bee? is the image a close-up photo?"),
    ("an illustration of a whale, intricate, elegant", "is there a whale? is the image an illustration? is the illustration intricate? is the illustration elegant?"),
    ("a dog, anime style", "is there a dog? is the image in anime style?"),
];

#[test]
fn style_words_are_asked_of_the_picture() {
    check_all(STYLE);
}

#[rustfmt::skip]
const NAMES: &[(&str, &str)] = &[
    ("the Eiffel Tower", "is the Eiffel Tower in the image?"),
    ("the Statue of Liberty", "is the Statue of Liberty in the image?"),
    ("Mount Fuji at sunset", "is Mount Fuji in the image? is it sunset?"),
    ("a photo of Barack Obama", "is Barack Obama in the image? is the image a photo?"),
    ("Barack Obama riding a bicycle", "is Barack Obama in the image? is there a bicycle? is Barack Obama riding the bicycle?"),
    ("the Great Wall of China", "is the Great Wall of China in the image?"),
    ("a cat in front of the Taj Mahal", "is there a cat? is the Taj Mahal in the image? is the cat in front of the Taj Mahal?"),
    ("Times Square", "is Times Square in the image?"),
    ("a Boeing 747", "is there a Boeing 747?"),
    ("Van Gogh's bedroom", "is Van Gogh in the image? does Van Gogh have a bedroom?"),
    ("a VW van", "is there a VW van?"),
    ("Easter eggs", "are there Easter eggs?"),
    ("an NBA player", "is there an NBA player?"),
    ("Paris in the rain", "is Paris in the image? is there rain? is Paris in the rain?"),
    ("Queen Victoria and a corgi", "is Queen Victoria in the image? is there a corgi?"),
    ("Ha Long Bay", "is Ha Long Bay in the image?"),
];

#[test]
fn names_keep_their_capitals() {
    check_all(NAMES);
}

#[rustfmt::skip]
const COMPARATIVES: &[(&str, &str)] = &[
    ("a dog taller than a horse", "is there a dog? is there a horse? is the dog taller than the horse?"),
    ("the left tree is taller than the right tree", "is there a left tree? is there a right tree? is the left tree taller than the right tree?"),
    ("a mouse as large as a cat", "is there a mouse? is there a cat? is the mouse as large as the cat?"),
    ("The apple is smaller than the pear.", "is there an apple? is there a pear? is the apple smaller than the pear?"),
    ("a boy older than his sister", "does the boy have a sister? is there a boy? is the boy older than the sister?"),
    ("a spoon longer than a sword", "is there a spoon? is there a sword? is the spoon longer than the sword?"),
    ("two candles brighter than a lamp", "are there candles? is there a lamp? are there two candles? are the candles brighter than the lamp?"),
    ("a less colorful flag than the others", "is there a flag? is the flag less colorful?"),
];

#[test]
fn comparisons_are_relations() {
    check_all(COMPARATIVES);
}

#[rustfmt::skip]
const FRAMES: &[(&str, &str)] = &[
    ("In this image we can see a man and a dog.", "is there a man? is there a dog?"),
    ("In this picture there is a bus on the road.", "is there a bus? is there a road? is the bus on the road?"),
    ("I can see a kettle on a stove.", "is there a kettle? is there a stove? is the kettle on the stove?"),
    ("There are two windows and a door.", "are there windows? is there a door? are there two windows?"),
    ("This image consists of a bench.", "is there a bench?"),
    ("The picture shows a harbour.", "is there a harbour?"),
    ("This is a red barn.", "is there a barn? is the barn red?"),
    ("Here we can see cups and plates.", "are there cups? are there plates?"),
    ("In the foreground, I can see a fence. In the background, I can see hills.", "is there a fence? are there hills? is the fence in the foreground? are the hills in the background?"),
    ("we can see the wall is white", "is there a wall? is the wall white?"),
];

#[test]
fn words_that_lead_to_a_description_are_no_part_of_it() {
    check_all(FRAMES);
}
