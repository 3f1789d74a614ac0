//! What joins and owns: coordination, possessives, parts of bodies. On the right all questions of the prompt.

use super::check_all;

#[rustfmt::skip]
const COORDINATION: &[(&str, &str)] = &[
    ("a black apple and a green backpack", "is there an apple? is there a backpack? is the apple black? is the backpack green?"),
    ("a black apple, a green backpack and a red sock", "is there an apple? is there a backpack? is there a sock? is the apple black? is the backpack green? is the sock red?"),
    ("a cat and a dog on a sofa", "is there a cat? is there a dog? is there a sofa? is the cat on the sofa? is the dog on the sofa?"),
    ("a cat and a dog sleeping on a sofa", "is there a cat? is there a dog? is there a sofa? is the cat sleeping? is the dog sleeping? is the cat on the sofa? is the dog on the sofa?"),
    ("an old man and woman", "is there a man? is there a woman? is the man old?"),
    ("a boy wearing a cap and boots", "is the boy wearing a cap? is the boy wearing boots? is there a boy?"),
    ("bread and butter on a plate", "is there bread? is there butter? is there a plate? is the bread on the plate? is the butter on the plate?"),
    ("a pear, orange, and two plums in a bowl", "is there a pear? is there an orange? are there plums? is there a bowl? are there two plums? is the pear in the bowl? is the orange in the bowl? are the plums in the bowl?"),
    ("a fork or a spoon", "is there a fork? is there a spoon?"),
    ("a lion as well as a tiger", "is there a lion? is there a tiger?"),
    ("a house with a chimney and a porch", "does the house have a chimney? does the house have a porch? is there a house?"),
    ("a goat eats grass and a hen eats corn", "is there a goat? is there grass? is there a hen? is there corn? is the goat eating grass? is the hen eating corn?"),
    ("a table, on which there is a candle", "is there a table? is there a candle?"),
    ("red and yellow tulips", "are there tulips? are the tulips red? are the tulips yellow?"),
    ("the king and queen", "is there a king? is there a queen?"),
    ("a nurse and two doctors holding clipboards", "is there a nurse? are there doctors? are there clipboards? are there two doctors? is the nurse holding clipboards? are the doctors holding clipboards?"),
];

#[test]
fn what_and_joins_is_asked_one_by_one() {
    check_all(COORDINATION);
}

#[rustfmt::skip]
const POSSESSIVES: &[(&str, &str)] = &[
    ("the man's hat", "does the man have a hat? is there a man?"),
    ("a dog's tail", "does the dog have a tail? is there a dog?"),
    ("the elephant's back", "does the elephant have a back? is there an elephant?"),
    ("the horses' hooves", "do the horses have hooves? are there horses?"),
    ("a girl's red shoes", "does the girl have shoes? is there a girl? are the girl's shoes red?"),
    ("a woman and her cat", "does the woman have a cat? is there a woman?"),
    ("a man with his hands up", "does the man have hands? is there a man? are the man's hands up?"),
    ("a boy and his kite on a beach", "does the boy have a kite? is there a boy? is there a beach? is the boy on the beach? is the boy's kite on the beach?"),
    ("a bird in its nest", "does the bird have a nest? is there a bird? is the bird in the nest?"),
    ("children with their teacher", "are there children? do the children have a teacher? are the children with the teacher?"),
    ("a witch stirring her cauldron", "does the witch have a cauldron? is there a witch? is the witch stirring the cauldron?"),
    ("the dog's owner is smiling", "does the dog have an owner? is there a dog? is the dog's owner smiling?"),
    ("a children's book", "is there a children's book?"),
    ("the robot's left arm is raised", "does the robot have a left arm? is there a robot? is the robot's left arm raised?"),
    ("a girl whose hair is blue", "does the girl have hair? is there a girl? is the girl's hair blue?"),
];

#[test]
fn what_belongs_to_someone_is_asked_with_its_owner() {
    check_all(POSSESSIVES);
}

#[rustfmt::skip]
const BODIES: &[(&str, &str)] = &[
    ("The person is leaning forward with their arms raised above the head.", "does the person have arms? does the person have a head? is there a person? are the person's arms raised above the person's head? is the person leaning forward?"),
    ("left arm is bent, right arm is straight up", "is there a left arm? is there a right arm? is the left arm bent? is the right arm straight up?"),
    ("subject is squatting, head is tilted to the left", "is there a subject? does the subject have a head? is the subject's head tilted to the left? is the subject squatting?"),
    ("Someone is standing. Their left leg is bent back.", "is there someone? does someone have a left leg? is someone's left leg bent back? is someone standing?"),
    ("both knees bent, hands on hips", "are there knees? are there hands? are there hips? are the knees bent? are the hands on hips?"),
    ("arms out to the side, head down", "are there arms? is there a head? are the arms out to the side? is the head down?"),
    ("the person's right hand is on their hip", "does the person have a right hand? does the person have a hip? is there a person? is the person's right hand on the person's hip?"),
    ("legs spread apart left arm is raised", "are there legs? is there a left arm? are the legs spread apart? is the left arm raised?"),
    ("a figure with its arms folded across the chest", "does the figure have arms? does the figure have a chest? is there a figure? are the figure's arms folded across the figure's chest?"),
    ("The head is turned slightly to the right.", "is there a head? is the head turned slightly to the right?"),
];

#[test]
fn parts_of_a_body_are_asked_with_their_posture() {
    check_all(BODIES);
}
