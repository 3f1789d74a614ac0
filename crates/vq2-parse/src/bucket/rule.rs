//! The rules that sort questions: a closed set, each with the bucket it gives and what it means.

use tables::Bucket;

/// Declares the rules once: variant, bucket, meaning.
macro_rules! rules {
    ($($Variant:ident => $bucket:ident, $meaning:literal;)+) => {
        /// A rule of the bucket classifier. Its name in text is the variant's in kebab case (`is-there`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::IntoStaticStr)]
        #[strum(serialize_all = "kebab-case")]
        pub enum Rule { $(#[doc = $meaning] $Variant),+ }

        impl Rule {
            /// Every rule, by bucket.
            pub const ALL: &'static [Self] = &[$(Self::$Variant),+];

            /// The bucket that the rule gives.
            pub fn bucket(self) -> Bucket {
                match self { $(Self::$Variant => Bucket::$bucket),+ }
            }

            /// What the rule saw, in one line.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$Variant => $meaning),+ }
            }
        }
    };
}

rules! {
    // Yes/no questions.
    IsThereA => Noun, "\"is there a …\": whether a thing is in the image";
    IsPresent => Noun, "\"is X there\", \"is X visible\": whether a thing is in the image";
    InTheImage => Noun, "\"is X in the image\": whether a thing is in it, not where";
    IsThisA => Noun, "\"is this a X\": what the thing is that one sees";
    HasPart => Noun, "\"does X have, show, contain a Y\": whether Y is there";
    HasText => Noun, "\"does X say …\": whether the text is there";
    Wears => Noun, "\"is X wearing a Y\": whether the garment is there";
    CountOf => Adjective, "\"are there three X\": how many there are";
    IsA => Adjective, "\"is X a Y\": which kind of thing X is";
    IsAdjective => Adjective, "an adjective is said of the subject";
    IsBare => Adjective, "nouns or adjectives follow the subject without an article";
    IsOfKind => Adjective, "the subject of a set, a picture or a measure: \"is the set of cups blue\"";
    AdjectiveWith => Adjective, "an adjective with its complement: \"black with white spots\"";
    IsDone => Adjective, "a past participle that names a state: \"is the door closed\"";
    MadeBy => Adjective, "\"painted by X\", \"by X\": whose work it is";
    MadeOf => Adjective, "\"made of X\": the material";
    InStyleOf => Adjective, "\"in the style of\", \"in the shape of\"";
    InState => Adjective, "a preposition and a noun that name a state, a look or a time: \"in a row\", \"on fire\", \"at night\"";
    IsLike => Adjective, "\"like\", \"as\", \"for\", \"full of\": a comparison, a purpose or a content";
    Direction => Adjective, "a direction or posture with no place: \"up\", \"out to the side\"";
    Looks => Adjective, "\"does X look, seem …\": an appearance";
    HasState => Adjective, "\"does X have its Y closed\": a state of a part";
    IsDoing => Verb, "a verb in -ing is said of the subject";
    Does => Verb, "\"does X run\": a finite verb";
    DoneBy => Verb, "an action told from its goal: \"ridden by the boy\"";
    IsPlaced => Relation, "a preposition and its noun are said of the subject";
    RestsAt => Relation, "a verb of rest and a place: \"sitting on the bench\"";
    BoundTo => Relation, "a participle that binds the subject to another thing: \"attached to\", \"surrounded by\"";
    DonePlaced => Relation, "a participle and a place: \"written on the wall\"";
    Compares => Relation, "\"taller than X\", \"close to X\": the subject measured against another thing";
    BelongsTo => Relation, "\"is X of Y\": what it belongs to";
    // Open questions, with or without an answer.
    AsksThing => Noun, "\"what is …\", \"who is …\": the answer is a thing";
    AsksWhichThing => Noun, "\"what kind of animal\": the noun is so wide that the answer is the thing itself";
    AsksCount => Adjective, "\"how many\"";
    AsksHow => Adjective, "\"how old\", \"how does it look\"";
    AsksWhen => Adjective, "\"when\", \"why\"";
    AsksKind => Adjective, "\"what kind of dog\": a kind of a known thing";
    AsksDescription => Adjective, "\"what color\", \"what is it made of\", \"what does it look like\"";
    AsksAction => Verb, "\"what is X doing\"";
    AsksWhere => Relation, "\"where\", \"which side\"";
    AnswerIsThing => Noun, "the question leaves it open; the answer is a noun";
    AnswerIsCount => Adjective, "the question leaves it open; the answer is a number";
    AnswerIsDescription => Adjective, "the question leaves it open; the answer is an adjective or a participle";
    AnswerIsAction => Verb, "the question leaves it open; the answer is a verb";
    AnswerIsPlace => Relation, "the question leaves it open; the answer opens with a preposition";
    // No question at all.
    StatementVerb => Verb, "no question, but a verb in -ing: \"a dog running\"";
    StatementPreposition => Relation, "no question, but a preposition: \"a dog on a table\"";
    Fallback => Noun, "nothing was understood: taken as the name of a thing";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_name_of_its_own_and_a_meaning() {
        let names: std::collections::BTreeSet<&'static str> = Rule::ALL.iter().map(|&r| r.into()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
        assert!(Rule::ALL.iter().all(|r| r.meaning().len() > 8));
        assert_eq!(Rule::IsThereA.to_string(), "is-there-a");
    }

    #[test]
    fn every_bucket_has_rules() {
        for bucket in Bucket::ALL {
            assert!(Rule::ALL.iter().any(|r| r.bucket() == *bucket));
        }
    }
}
