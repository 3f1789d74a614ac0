//! Questions whose bucket is verb, of our own writing; mistakes met in real data join as sentences of our own.

use super::all;
use tables::Bucket::Verb;

#[test]
fn a_deed_without_an_object_is_a_verb_question() {
    all(
        Verb,
        &[
            "is the dog running?",
            "Is the cow lying?",
            "Are the otters swimming?",
            "Is the balloon floating?",
            "Is the queen sitting?",
            "Are the guests standing?",
            "Is the toddler smiling?",
            "Is the acrobat leaning forward?",
            "Is the hen not moving?",
            "Is the kettle boiling?",
            "Are the flags fluttering?",
            "Is the bell ringing?",
            "Is it snowing?",
            "Is it raining?",
            "Is the volcano erupting?",
            "Is the sun setting behind the hills?",
            "Are people clapping?",
            "Are the leaves falling?",
            "Is the goldfish jumping?",
            "Is the woman drawing?",
            "Are the children painting?",
            "Is the man cooking?",
            "Are they shopping?",
            "Is the crossing guard whistling?",
            "Is the flying fish leaping?",
            "Is the river flowing quickly?",
            "Are the twins both laughing?",
            "Is the marathon runner slowing down?",
            "Is the pony's tail swishing?",
            "Is light pouring in?",
            "Is the owl on the branch hooting?",
            "Is the man with the cane limping?",
            "Is the girl in the striped shirt laughing?",
            "Are all three kittens sleeping?",
        ],
    );
}

#[test]
fn a_deed_with_an_object_is_a_verb_question() {
    all(
        Verb,
        &[
            "is the dog chasing the bird?",
            "Is the nurse holding a clipboard?",
            "Are the children playing football?",
            "Is the painter painting a fence?",
            "Is the poet writing the letter?",
            "is the sloth playing checkers?",
            "Are the chefs having lunch?",
            "Are the lions facing each other?",
            "Is the train crossing the bridge?",
            "Is the goldfish driving a taxi?",
            "Is the barber cutting hair?",
            "Is the tailor measuring the cloth?",
            "Is the sheriff blowing out the candle?",
            "Is the crane lifting a container?",
            "Are the ants carrying a crumb?",
            "Is the fisherman mending his net?",
            "Is the woman in the apron peeling potatoes?",
            "Is the boy behind the fence throwing snowballs?",
            "Is the dog next to the bench licking its paw?",
            "Is the man wearing a hat feeding a duck?",
            "Is the woman sitting on the steps peeling an orange?",
            "Is the clerk standing behind the desk reading a ledger?",
            "Is the ivy covering the gate?",
            "Is the crossing guard stopping the traffic?",
            "Is the sailor wearing green?",
            "Is the jester wearing a bucket as a hat?",
            "Are both holding torches?",
            "Is the widow pouring tea into a cup?",
            "Is the boy giving the goat a carrot?",
            "Is the beaver building a dam?",
        ],
    );
}

#[test]
fn a_deed_with_a_direction_is_a_verb_question() {
    all(
        Verb,
        &[
            "Is the fox looking at the camera?",
            "Is the pilot waving at the crowd?",
            "Are the geese flying over the lake?",
            "Is the monk walking down the stairs?",
            "Is the baby crying in the crib?",
            "Is the canoe drifting toward the waterfall?",
            "Is the smoke rising from the chimney?",
            "Is the skater gliding across the ice?",
            "Is the lizard crawling out of the pipe?",
            "Is the bus driving past the bakery?",
            "Is the mole digging under the lawn?",
            "Is the kite flying above the pier?",
            "Is the cowboy shopping at the market?",
            "Is the grandmother cooking in the kitchen?",
            "Is the couple dancing on the terrace?",
            "Is the pianist playing in the lobby?",
            "Is the hiker pointing to the summit?",
            "Is the rider falling off the horse?",
            "Is the child hiding from the bear?",
            "Is the waiter talking to the guest?",
        ],
    );
}

#[test]
fn a_finite_verb_is_a_verb_question() {
    all(
        Verb,
        &[
            "Does the wolf howl?",
            "Does the girl ride the pony?",
            "Do the bells ring?",
            "Does the clown juggle torches?",
            "Does the rooster crow?",
            "Does the boy look at the puddle?",
            "Do the sisters look into the mirror?",
            "Does the smith hammer the horseshoe?",
            "Do the runners cross the bridge?",
            "Does the lamp flicker?",
            "Does the cat drink milk?",
            "Does the tram stop?",
            "Does the puppy have its tongue hanging out?",
        ],
    );
}

#[test]
fn a_deed_told_from_its_goal_is_a_verb_question() {
    all(
        Verb,
        &[
            "Is the sled pulled by dogs?",
            "Is the parcel being opened?",
            "Is the mouse being chased by an owl?",
            "Is the camel ridden by a boy?",
            "Is the stroller pushed by the nurse?",
            "Is the tractor driven by a scarecrow?",
            "Is the bone chewed and eaten by the terrier?",
            "Is the ball kicked by the goalkeeper?",
            "Are the sheep herded by a collie?",
        ],
    );
}
