//! Questions whose bucket is adjective, of our own writing; mistakes met in real data join as sentences of our own.

use super::all;
use tables::Bucket::Adjective;

#[test]
fn a_count_is_an_adjective_question() {
    all(
        Adjective,
        &[
            "are there three apples?",
            "Are there exactly two doors?",
            "are there several cars?",
            "are there a couple of glasses?",
            "Are there 12 candles?",
            "Are there many beehives?",
            "Are there only four chess pieces?",
            "Are there a dozen roses?",
            "Are there lots of pigeons?",
            "Are there thousands of bees?",
            "Are there a lot of footprints?",
        ],
    );
}

#[test]
fn a_quality_is_an_adjective_question() {
    all(
        Adjective,
        &[
            "is the dog green?",
            "Are the kites yellow?",
            "Is the street lamp rusty?",
            "is the dining table round?",
            "Is the sleeping bag blue?",
            "Is the washing machine old?",
            "Is the lantern very bright?",
            "Is the sheep fluffy and white?",
            "is the man sad?",
            "Is the shrub scraggly?",
            "Is the stew not salty?",
            "Are the shirts striped?",
            "Is the forest dark and foggy?",
            "Is the soup hot or cold?",
            "Is one of the balloons purple?",
            "Are the boxes different sizes?",
            "Are the mittens the same color?",
            "Is the bucket full of sand?",
            "is the street wet?",
            "Is the roof of the barn red?",
            "Is the handle of the umbrella curved?",
            "Is the lamp on the left broken?",
            "Is the mug on the shelf blue?",
            "Is the dog on the rug brown?",
            "Is the traffic light green?",
            "Is the goldfish tiny?",
            "Are all of the windows dusty?",
            "Are both of the candles tall?",
            "Is the giant's beard tangled?",
            "Is the rope too short?",
            "Is the ravine about ten meters deep?",
            "Is the player ready to serve?",
            "Is the tablecloth white with red dots?",
            "Is the hat too big for the boy?",
            "Is the path leading to the mill muddy?",
            "Is it dark outside?",
            "Is the shed behind the barn painted?",
            "Is the cake thick with icing?",
            "Is the bay crowded and noisy?",
            "Is the scarf hand-knitted?",
            "Is the wall waist-high?",
            "Are the sails of the ship torn?",
        ],
    );
}

#[test]
fn a_state_named_by_a_participle_is_an_adjective_question() {
    all(
        Adjective,
        &[
            "Is the cottage abandoned?",
            "Are the curtains closed?",
            "is the car parked?",
            "Is the door open?",
            "Is the elbow bent?",
            "Is the left knee bent at a right angle?",
            "Is the chin slightly raised?",
            "Is the shirt tucked in?",
            "Are the sleeves rolled up?",
            "Is the parcel wrapped?",
            "Is the candle lit?",
            "Is the engine turned off?",
            "Is the apple cut into quarters?",
            "Is the figure's arm stretched out to the side?",
            "Is the acrobat bent at the waist?",
            "Is the face turned to the left?",
            "Is the actor dressed as a knight?",
            "Is the child dressed in yellow?",
            "Is this painted by hand?",
            "Does the boy have his eyes closed?",
        ],
    );
}

#[test]
fn a_kind_or_a_name_is_an_adjective_question() {
    all(
        Adjective,
        &[
            "Is the vehicle a tractor?",
            "Is the bird an owl?",
            "Is the shoe a wedding shoe?",
            "Are the pigeons a flock?",
            "Is the tree an evergreen?",
            "Is the evergreen a tree?",
            "Is the set of mugs enamel?",
            "Is the pair of boots leather?",
            "Is this watercolor?",
        ],
    );
}

#[test]
fn material_style_and_maker_are_adjective_questions() {
    all(
        Adjective,
        &[
            "Is the mug made of clay?",
            "Are the statues made out of ice?",
            "Is the bridge built of stone?",
            "is the cloud in the shape of an elephant?",
            "is the image in the style of Van Gogh?",
            "is the image an oil painting?",
            "Is the portrait painted by a child?",
            "Is the mural by Banksy?",
            "Is the poster designed by a student?",
            "Is the lettering done in chalk?",
            "Is the logo drawn in crayon?",
            "Is the chair carved from oak?",
            "Is the etching of a harbor?",
            "Is the print in black and white?",
            "Is the banner in red and gold?",
            "Is the photograph in sepia?",
            "Is the picture in high resolution?",
            "Is the shot from above?",
            "Is the postcard from the 1950s?",
            "Is the clip in slow motion?",
        ],
    );
}

#[test]
fn arrangements_states_and_times_after_a_preposition_are_adjective_questions() {
    all(
        Adjective,
        &[
            "Are the stools in a row?",
            "Are the dancers in a circle?",
            "Is the city in ruins?",
            "Is the meadow in bloom?",
            "Is the barn on fire?",
            "Is the bridge under construction?",
            "Is the orchestra at rest?",
            "Is the girl's hair in braids?",
            "Is the porter in uniform?",
            "Is the harbor at night?",
            "Is the scene at dusk?",
            "Is the statue in two pieces?",
            "is it night?",
            "is it a sunny day?",
            "Is it during the day?",
            "Are the ribbons of different lengths?",
        ],
    );
}

#[test]
fn an_appearance_is_an_adjective_question() {
    all(
        Adjective,
        &[
            "Does the wizard look tired?",
            "Do the clouds look like sheep?",
            "Does the robot seem friendly?",
            "Does the water look cold?",
            "Does the fabric feel soft?",
            "Does the attic appear empty?",
            "Does the boulder resemble a face?",
        ],
    );
}

#[test]
fn a_direction_without_a_place_is_an_adjective_question() {
    all(
        Adjective,
        &[
            "Is the right wrist up?",
            "Are the hands down?",
            "Is the back straight?",
            "Is the left arm out to the side?",
            "Is the blind halfway down?",
            "Is the trapdoor up?",
        ],
    );
}
