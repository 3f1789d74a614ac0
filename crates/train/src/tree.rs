//! Decision trees over attribute labels: the target of Experiment 2 (§6.1).

use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A tree in the pipeline file: `good`, `bad`, or `{if: attribute, yes: tree, no: tree}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    /// The label itself: `good` is true.
    Leaf(bool),
    /// A question about one attribute's label.
    Branch(Box<Branch>),
}

/// One question of a tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// The attribute whose label decides.
    #[serde(rename = "if")]
    pub attribute: String,
    /// Where to go if the image shows the attribute.
    pub yes: Tree,
    /// Where to go if it does not.
    pub no: Tree,
}

impl Tree {
    /// The label that the tree gives; `None` if a label on the way to its leaf is missing.
    pub fn label(&self, attribute_label: &impl Fn(&str) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Leaf(good) => Some(*good),
            Self::Branch(branch) => {
                let next = if attribute_label(&branch.attribute)? { &branch.yes } else { &branch.no };
                next.label(attribute_label)
            }
        }
    }

    /// Every attribute that it asks about.
    pub fn attributes(&self) -> BTreeSet<&str> {
        match self {
            Self::Leaf(_) => BTreeSet::new(),
            Self::Branch(branch) => {
                let below = branch.yes.attributes().into_iter().chain(branch.no.attributes());
                below.chain([branch.attribute.as_str()]).collect()
            }
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(good) => serializer.serialize_str(if *good { "good" } else { "bad" }),
            Self::Branch(branch) => branch.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

/// Written by hand: what serde derives for a leaf or a branch says only that neither matched.
struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("`good`, `bad`, or `{if: attribute, yes: …, no: …}`")
    }

    fn visit_str<E: serde::de::Error>(self, leaf: &str) -> Result<Tree, E> {
        match leaf {
            "good" => Ok(Tree::Leaf(true)),
            "bad" => Ok(Tree::Leaf(false)),
            other => Err(E::invalid_value(serde::de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, branch: A) -> Result<Tree, A::Error> {
        Branch::deserialize(MapAccessDeserializer::new(branch)).map(|branch| Tree::Branch(Box::new(branch)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper() -> Tree {
        serde_json::from_str(
            r#"{"if": "photorealistic",
                "yes": {"if": "visually compelling", "yes": "good", "no": {"if": "chaotic", "yes": "bad", "no": "good"}},
                "no": "bad"}"#,
        )
        .unwrap()
    }

    fn label(photorealistic: Option<bool>, compelling: Option<bool>, chaotic: Option<bool>) -> Option<bool> {
        paper().label(&|attribute| match attribute {
            "photorealistic" => photorealistic,
            "visually compelling" => compelling,
            "chaotic" => chaotic,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn every_path_of_the_tree_ends_at_its_leaf() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(label(no, None, None), Some(false));
        assert_eq!(label(yes, yes, None), Some(true));
        assert_eq!(label(yes, no, yes), Some(false));
        assert_eq!(label(yes, no, no), Some(true));
    }

    #[test]
    fn a_missing_label_on_the_path_makes_the_target_missing_and_not_bad() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(label(None, yes, no), None);
        assert_eq!(label(yes, None, no), None);
        assert_eq!(label(yes, no, None), None);
        assert_eq!(label(yes, yes, None), Some(true), "a label off the path does not matter");
    }

    #[test]
    fn a_tree_knows_its_attributes_and_survives_a_round_trip() {
        assert_eq!(
            paper().attributes().into_iter().collect::<Vec<_>>(),
            ["chaotic", "photorealistic", "visually compelling"]
        );
        let text = serde_json::to_string(&paper()).unwrap();
        assert_eq!(serde_json::from_str::<Tree>(&text).unwrap(), paper());
    }

    #[test]
    fn a_misspelt_leaf_or_key_says_what_is_known() {
        let error = |json: &str| serde_json::from_str::<Tree>(json).unwrap_err().to_string();
        assert!(error(r#"{"if": "a", "yes": "god", "no": "bad"}"#).contains("`good`, `bad`, or `{if:"));
        assert!(error(r#"{"if": "a", "yes": "good", "else": "bad"}"#).contains("unknown field `else`"));
        assert!(error(r#"{"if": "a", "yes": "good"}"#).contains("missing field `no`"));
        assert!(error("true").contains("`good`, `bad`"));
    }
}
