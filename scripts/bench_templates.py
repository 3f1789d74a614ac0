"""Template questions at scale: seconds, prompts/s and peak memory of `finegrain run vq2-parse` on generated prompts.

    python3 scripts/bench_templates.py [N …]        # default 10000 100000 1000000

Writes only into a temporary folder. The memory must not grow with N.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

FINEGRAIN = Path(__file__).resolve().parent.parent / "target/debug/finegrain"

CONFIG = """\
data_root: root
image_root: .
ingest:
  sources: { prompts: prompts.jsonl, images: images.csv, ratings: ratings.csv }
  prompts: SELECT prompt_id, prompt FROM prompts
  images: SELECT image_id, prompt_id FROM images
  ratings: SELECT image_id, 'r' AS rater_id, 'overall' AS aspect, rating FROM ratings
  split: { train: 0.5, validation: 0.25, test: 0.25, seed: 0 }
  on_bad_image: fail
  max_image_bytes: 67108864
  max_image_pixels: 100000000
vq2-parse:
  generator: template
"""

SIZES = ["", "small ", "tall ", "tiny ", "huge "]
COLOURS = ["red", "green", "striped", "wooden", "silver", "pale blue", "rusty"]
THINGS = ["dog", "kettle", "bicycle", "lighthouse", "violin", "turtle", "ladder", "teapot", "tractor", "owl", "piano"]
PLACES = ["on a beach", "behind the fence", "next to a fountain", "under an old bridge", "in the snow"]
ACTIONS = ["sleeping", "chasing a ball", "looking at the moon", "holding an umbrella", "jumping over a puddle"]
COUNTS = ["two", "three", "five", "a pair of", "a flock of"]
STYLES = ["", "an oil painting of ", "a photo of ", "a sketch of "]


def prompt(rng):
    first = f"{rng.choice(SIZES)}{rng.choice(COLOURS)} {rng.choice(THINGS)}"
    second = f"{rng.choice(COLOURS)} {rng.choice(THINGS)}"
    form = rng.randrange(4)
    if form == 0:
        return f"{rng.choice(STYLES)}a {first} {rng.choice(ACTIONS)} {rng.choice(PLACES)}"
    if form == 1:
        return f"a {first} and a {second} {rng.choice(PLACES)}"
    if form == 2:
        return f"{rng.choice(COUNTS)} {rng.choice(COLOURS)} {rng.choice(THINGS)}s {rng.choice(PLACES)}, {rng.choice(ACTIONS)}"
    return f"the {first}'s owner is {rng.choice(ACTIONS)} while a {second} stands {rng.choice(PLACES)}"


def measure(n, folder):
    rng = random.Random(n)
    with open(folder / "prompts.jsonl", "w") as out:
        for i in range(n):
            out.write(json.dumps({"prompt_id": f"p{i:08}", "prompt": prompt(rng)}) + "\n")
    (folder / "images.csv").write_text("image_id,prompt_id\ni,p00000000\n")
    (folder / "ratings.csv").write_text("image_id,rating\ni,1\n")
    (folder / "pipeline.yaml").write_text(CONFIG)
    for stage in ["ingest", "vq2-parse"]:
        subprocess.run([FINEGRAIN, "run", stage], cwd=folder, check=True, stderr=subprocess.DEVNULL)
    return json.loads((folder / "root/runs/vq2-parse.json").read_text())


def main():
    print(f"{os.cpu_count()} cores\n{'prompts':>9} {'questions':>9} {'seconds':>8} {'prompts/s':>9} {'peak MiB':>8}")
    for n in [int(arg) for arg in sys.argv[1:]] or [10_000, 100_000, 1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            record = measure(n, Path(folder))
        counts, seconds = record["counts"], record["seconds"]
        peak = record["peak_memory_bytes"] / 2**20
        print(f"{counts['prompts']:>9} {counts['questions']:>9} {seconds:>8.2f} {n / seconds:>9.0f} {peak:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
