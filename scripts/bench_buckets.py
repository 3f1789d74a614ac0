"""Buckets of questions, finegrain beside spaCy 3.8, in one run on the same questions.

    make bench-buckets [DSG_DATA=…]     or     tests/.python-bench/bin/python scripts/bench_buckets.py

Speed: 8,000 yes/no questions. finegrain's classification alone on one core, and the whole command
`finegrain run vq2-parse` on an imported file of them (process start, tables in and out included); spaCy's parse with
the rules of spacy_buckets.py, one process, its model loaded beforehand. Medians of several rounds, taken in turn.
Accuracy: both on DSG's gold questions if DSG_DATA names their folder, and on our own slice in any case.
"""

import argparse
import csv
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import spacy

import spacy_buckets

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
FINEGRAIN = REPOSITORY / "target" / "debug" / "finegrain"
CLASSIFY = REPOSITORY / "target" / "debug" / "examples" / "classify_questions"
SLICE = REPOSITORY / "crates" / "vq2-parse" / "src" / "bucket" / "slice"
BUCKETS = ["noun", "adjective", "verb", "relation"]
PER_PROMPT = 10

PIPELINE = """\
data_root: run
image_root: .
ingest:
  sources: { prompts: prompts.csv, images: images.csv, ratings: ratings.csv }
  prompts: SELECT prompt_id, prompt FROM prompts
  images: SELECT image_id, prompt_id FROM images
  ratings: SELECT image_id, 'r' AS rater_id, 'overall' AS aspect, rating FROM ratings
  split: { train: 0.5, validation: 0.25, test: 0.25, seed: 0 }
  on_bad_image: fail
  max_image_bytes: 67108864
  max_image_pixels: 100000000
vq2-parse:
  generator: import
  import:
    sources: { questions: questions.csv }
    questions: SELECT prompt_id, question_id, question, 'yes' AS answer, question AS query FROM questions
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    gold_files = {"our own slice": slice_rows()}
    if os.environ.get("DSG_DATA"):
        gold_files["DSG, six source sets"] = dsg_rows(pathlib.Path(os.environ["DSG_DATA"]) / "buckets_dev.tsv")
    rows = list(gold_files.values())[-1]
    questions = [question for question, _ in itertools.islice(itertools.cycle(rows), arguments.questions)]

    nlp = spacy_buckets.load()
    spacy_classify(nlp, questions[:200])  # warm
    with tempfile.TemporaryDirectory(prefix="finegrain-bench-") as folder:
        project = Project(pathlib.Path(folder), questions)
        rounds = [
            (classify(questions)[1], *project.run(), timed(lambda: spacy_classify(nlp, questions)))
            for _ in range(arguments.rounds)
        ]
    alone, command, stage, parser_seconds = (statistics.median(column) for column in zip(*rounds))

    n = len(questions)
    print(f"{n} questions, medians of {arguments.rounds} rounds, {os.cpu_count()} cores, spaCy {spacy.__version__}\n")
    print("| what | seconds | questions/s | times spaCy |\n|---|---:|---:|---:|")
    for what, seconds in [
        ("finegrain, classification alone, one core", alone),
        ("finegrain, the whole command `run vq2-parse`", command),
        ("finegrain, the stage in that command, by its run record", stage),
        ("spaCy parse and rules, one process", parser_seconds),
    ]:
        print(f"| {what} | {seconds:.3f} | {n / seconds:,.0f} | {parser_seconds / seconds:.1f} |")

    print("\n| gold | n | finegrain accuracy | macro-F1 | spaCy accuracy | macro-F1 |\n|---|---:|---:|---:|---:|---:|")
    for name, rows in gold_files.items():
        texts, gold = [question for question, _ in rows], [bucket for _, bucket in rows]
        ours, theirs = figures(gold, classify(texts)[0]), figures(gold, spacy_classify(nlp, texts))
        print(f"| {name} | {len(rows)} | {ours[0]:.4f} | {ours[1]:.4f} | {theirs[0]:.4f} | {theirs[1]:.4f} |")


def slice_rows():
    lines = [line for path in sorted(SLICE.glob("*.tsv")) for line in path.read_text().splitlines()]
    return [tuple(line.split("\t")) for line in lines if line and not line.startswith("#")]


def dsg_rows(path):
    with path.open(newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(row["question"], row["gold_bucket"]) for row in rows if row["gold_bucket"] in BUCKETS]


def spacy_classify(nlp, questions):
    return [spacy_buckets.bucket(doc) for doc in nlp.pipe(questions, batch_size=256)]


def classify(questions):
    """finegrain's buckets, and the seconds of the classification alone."""
    ended = subprocess.run([CLASSIFY], input="\n".join(questions), capture_output=True, text=True, check=True)
    return [line.split("\t")[0] for line in ended.stdout.splitlines()], json.loads(ended.stderr)["seconds"]


def timed(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def figures(gold, chosen):
    """Accuracy and macro-F1."""
    f1 = []
    for bucket in BUCKETS:
        hits = sum(g == c == bucket for g, c in zip(gold, chosen))
        f1.append(2 * hits / (gold.count(bucket) + chosen.count(bucket)))
    return sum(g == c for g, c in zip(gold, chosen)) / len(gold), statistics.mean(f1)


class Project:
    """A data set of which only the prompts and an imported question file matter."""

    def __init__(self, folder, questions):
        self.folder = folder
        n_prompts = -(-len(questions) // PER_PROMPT)
        self.write("prompts.csv", ["prompt_id", "prompt"], ((f"p{i}", "a prompt") for i in range(n_prompts)))
        self.write("images.csv", ["image_id", "prompt_id"], ((f"i{i}", f"p{i}") for i in range(n_prompts)))
        self.write("ratings.csv", ["image_id", "rating"], ((f"i{i}", 1 + i % 4) for i in range(n_prompts)))
        rows = ((f"p{i // PER_PROMPT}", f"q{i}", question) for i, question in enumerate(questions))
        self.write("questions.csv", ["prompt_id", "question_id", "question"], rows)
        (folder / "pipeline.yaml").write_text(PIPELINE)
        self.finegrain("run", "ingest")

    def write(self, name, header, rows):
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def finegrain(self, *arguments):
        subprocess.run([FINEGRAIN, *arguments], cwd=self.folder, check=True, capture_output=True)

    def run(self):
        """Seconds of the whole command, and those that its run record gives the stage."""
        command = timed(lambda: self.finegrain("run", "vq2-parse", "--force"))
        return command, json.loads((self.folder / "run" / "runs" / "vq2-parse.json").read_text())["seconds"]


if __name__ == "__main__":
    main()
