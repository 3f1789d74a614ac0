//! Questions whose bucket is relation, of our own writing; mistakes met in real data join as sentences of our own.

use super::all;
use tables::Bucket::Relation;

#[test]
fn a_place_is_a_relation_question() {
    all(
        Relation,
        &[
            "is the dog to the left of the river?",
            "Is the vase on the piano?",
            "Are the ducks in the pond?",
            "Is the bench next to the fountain?",
            "Are the houses next to each other?",
            "Is the kite above the trees?",
            "is the lamp in front of the mirror?",
            "Is the moon behind the clouds?",
            "Is the spoon inside the cup?",
            "Is the ladder against the wall?",
            "Is the goat between the two fences?",
            "Are the statues at the entrance?",
            "Is the hat on top of the snowman?",
            "Is the summit of the mountain?",
            "Is the shadow under the left foot?",
            "Is the man at home?",
            "Is the library across from the school?",
            "are the elephants on top of each other?",
            "Is the cow outside?",
            "Is the bottle between the plates?",
            "Is the traffic light above the crossing?",
            "Is the lighthouse at the end of the pier?",
            "Is the desk lamp on the left side of the desk?",
            "Is the well in the middle of the village?",
            "Is the cathedral in the background?",
            "Is the wheelbarrow by the shed?",
            "Is the frog in water?",
            "Is the astronaut in space?",
            "Are the cups, plates, and forks on the tray?",
            "Is the spider under the leaf?",
            "Are the swans along the shore?",
            "Are the tents around the campfire?",
            "Is the raft off the coast?",
            "Is the cellar beneath the kitchen?",
            "Is the letter among the books?",
            "Is the star atop the tree?",
            "Is the subway entrance right beside the bank?",
            "Is the child in the red boots behind the sled?",
            "Is the key in the drawer of the cabinet?",
            "Are the people at the water cooler?",
            "Is the orange on the scale?",
            "Is the kite in sky?",
            "Is the goat by haystacks?",
            "Is the crown of the king?",
            "Does the cloud appear behind the hill?",
        ],
    );
}

#[test]
fn company_and_lack_are_relation_questions() {
    all(
        Relation,
        &[
            "Is the boy with the kite?",
            "is the street without vehicles?",
            "Is the shepherd with his flock?",
            "Is the cyclist without a helmet?",
            "Are the children part of the choir?",
        ],
    );
}

#[test]
fn a_tie_to_another_thing_is_a_relation_question() {
    all(
        Relation,
        &[
            "Is the wreath attached to the door?",
            "Is the island surrounded by water?",
            "Is the field covered with snow?",
            "Is the clock mounted on the wall?",
            "Is the graffiti written on the train?",
            "Are the bicycles parked near the station?",
            "Is the gondola tied to the post?",
            "Is the goat chained to the tree?",
            "Is the poster pinned to the board?",
            "Is the handle bolted onto the chest?",
            "Is the avenue lined with poplars?",
            "Is the jar filled with marbles?",
            "Is the roof overgrown with ivy?",
            "Is the cat curled up on the windowsill?",
            "Is the barn reflected in the pond?",
            "Is the letter tucked under the doormat?",
            "Is the garden enclosed by a hedge?",
            "Is the shore littered with shells?",
            "Is the castle perched on the cliff?",
            "Is the coin embedded in the ice?",
            "Is the mailbox nailed to the fence?",
            "Is the carpet rolled up against the wall?",
            "Is the path hidden behind the reeds?",
            "Is the hammock strung between two palms?",
            "Is the lamp plugged into the socket?",
            "Is the old map framed above the stove?",
            "Is the cake decorated with strawberries?",
        ],
    );
}

#[test]
fn rest_at_a_place_is_a_relation_question() {
    all(
        Relation,
        &[
            "Is the hermit sitting on the rock?",
            "Is the hammock hanging between the trees?",
            "Is the scarecrow standing in the field?",
            "Are the goats lying in the shade?",
            "Is the kitten sleeping on the keyboard?",
            "Is the ladder leaning against the barn?",
            "Is the towel hanging from the hook?",
            "Is the tramp lounging on the bench?",
            "Is the guard standing next to the gate?",
            "Is the frog crouching behind the stone?",
            "Is the girl kneeling in front of the altar?",
            "Is the man wearing a hat sitting on the wall?",
            "Is the bat hanging upside down from the beam?",
            "Does the vase stand on the shelf?",
            "Does the painting hang above the fireplace?",
            "Does the cat sit under the stove?",
        ],
    );
}

#[test]
fn a_comparison_is_a_relation_question() {
    all(
        Relation,
        &[
            "Is the tower taller than the church?",
            "Is the left cup bigger than the right cup?",
            "Is the red kite higher than the blue kite?",
            "Is the pony smaller than the dog?",
            "Is the shed close to the river?",
            "Is the buoy far from the shore?",
            "Is the pillar parallel to the wall?",
            "Is the hat similar to the bowl?",
            "Is the crane visible behind the houses?",
            "Is the sun low over the sea?",
            "Is the mill nearest to the bridge?",
            "Is the fence more colorful than the house?",
            "Does the collar belong to the dog?",
        ],
    );
}
