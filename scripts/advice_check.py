"""Is budget advice right where the truth is known? python3 scripts/advice_check.py FOLDER [advise|truth|compare]

In the demo world pictures are free, so what an arm would really reach for a budget can be tried. `advise` makes a world of 400
prompts, runs the default sweep on it and asks for advice at several budgets; `truth` makes another world of 1,200 prompts, half
of them for testing, and trains each arm that advice was given for at the advised number of images, ten times, each on other
images; `compare` says whether the advised arm is the one whose mean AUC there is the highest, or one whose interval holds that AUC.
Without a last word it does all three.
"""

import csv
import json
import os
import pathlib
import subprocess
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
BUDGETS = [("seconds", 3000), ("seconds", 10000), ("seconds", 40000), ("labels", 100), ("labels", 400), ("labels", 1600)]
EXPERIMENT = "preferences"
TARGET = "target: {aspect: overall, threshold: {policy: median}}, inputs: image+text, source: vlm"
QUALITY = "distorted, photorealistic, bright, captivating, chaotic, visually compelling, disturbing, funny"
BUCKETS = "noun, adjective, verb, relation"
ARMS = {
    "coarse": "{feedback: coarse}",
    "quality": f"{{attributes: [{QUALITY}]}}",
    "alignment": f"{{attributes: [{BUCKETS}]}}",
    "all": f"{{attributes: [{QUALITY}, {BUCKETS}]}}",
    "checklist": f"{{inputs: scores, attributes: [{QUALITY}, {BUCKETS}]}}",
}
SEEDS = list(range(10))


def finegrain(folder, *words):
    """The program's stdout, in a folder that looks like a checkout."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in [".deps", "pipeline.yaml"]:
        if not (folder / name).exists():
            (folder / name).symlink_to(CHECKOUT / name)
    program = os.environ.get("FINEGRAIN", CHECKOUT / "target/debug/finegrain")
    return subprocess.run([program, *words], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout


def world(folder, n_prompts, seed):
    """A demo world, made once."""
    if not (folder / "data/demo/ratings.csv").exists():
        finegrain(folder, "demo", "data/demo", "--prompts", str(n_prompts), "--seed", str(seed))


def advise(folder):
    """Advice at every budget, into advice.json."""
    here = folder / "advice"
    world(here, 400, 0)
    finegrain(here, "run")
    advice = []
    for unit, budget in BUDGETS:
        words = ["advise", "--budget", str(budget), "--in", unit, "--experiment", EXPERIMENT, "--json"]
        advice += json.loads(finegrain(here, *words))
    (folder / "advice.json").write_text(json.dumps(advice, indent=1))


def truth(folder):
    """The mean test AUC over ten draws of every (arm, number of images) that was advised, into truth.json."""
    here = folder / "truth"
    world(here, 1200, 1)
    split = ["--set", "ingest.split={train: 0.45, validation: 0.05, test: 0.5, seed: 0}"]
    wanted = {}
    for one in json.loads((folder / "advice.json").read_text()):
        for arm in one["arms"]:
            if arm["expected_auc"]:
                wanted.setdefault(arm["n_images"], set()).add(arm["arm"])
    file = folder / "truth.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for n_images, arms in sorted(wanted.items()):
        arms = sorted(arm for arm in arms if f"{arm},{n_images}" not in found)
        if not arms:
            continue
        of_arms = ", ".join(f"{arm}: {ARMS[arm]}" for arm in arms)
        settings = [
            f"train.experiments={{{EXPERIMENT}: {{{TARGET}, arms: {{{of_arms}}}}}}}", f"train.n_train=[{n_images}]",
            f"train.seeds={SEEDS}", "train.interventions=null", "evaluate.sxs=null", "evaluate.bootstrap.replicates=2",
            "evaluate.report.contact_sheets=null",
        ]
        finegrain(here, "run", *split, *[word for setting in settings for word in ("--set", setting)])
        for arm in arms:
            found[f"{arm},{n_images}"] = mean_auc(here, arm)
        file.write_text(json.dumps(found, indent=1))


def mean_auc(here, arm):
    """The mean over draws, from the numbers behind the figure."""
    figure = next((here / "data/run/report").glob("*auc-by-images*.csv"))
    with open(figure, newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["arm"] == arm and row["row"] == "one seed"]
    assert len(rows) == len(SEEDS), (arm, len(rows))
    return sum(float(row["auc"]) for row in rows) / len(rows)


def compare(folder):
    """Advice beside the truth; fails if an advised arm is neither the best nor holds the best in its interval."""
    known = json.loads((folder / "truth.json").read_text())
    n_wrong = n_held = n_intervals = 0
    for one in json.loads((folder / "advice.json").read_text()):
        judged = [arm for arm in one["arms"] if arm["expected_auc"]]
        true = {arm["arm"]: known[f"{arm['arm']},{arm['n_images']}"] for arm in judged}
        if not judged:
            print(f"{one['budget']:.0f} {one['unit']}: refused")
            continue
        best = max(true, key=true.get)
        advised, interval = judged[0]["arm"], judged[0]["expected_auc"]
        is_right = advised == best or interval["ci_low"] <= true[best] <= interval["ci_high"]
        n_wrong += not is_right
        print(f"{one['budget']:.0f} {one['unit']}: advised {advised} ({one['verdict']}), truly best {best}: {'right' if is_right else 'WRONG'}")
        for arm in judged:
            auc, value = arm["expected_auc"], true[arm["arm"]]
            holds = auc["ci_low"] <= value <= auc["ci_high"]
            n_held, n_intervals = n_held + holds, n_intervals + 1
            print(f"    {arm['arm']:<10} {arm['n_images']:>5} images: expected {auc['value']:.3f} [{auc['ci_low']:.3f}, {auc['ci_high']:.3f}], truly {value:.3f}")
    print(f"{n_held} of {n_intervals} intervals hold the truth; {n_wrong} pieces of advice are wrong")
    sys.exit(n_wrong > 0)


def main():
    """One step, or all."""
    folder = pathlib.Path(sys.argv[1]).resolve()
    steps = sys.argv[2:] or ["advise", "truth", "compare"]
    for step in steps:
        {"advise": advise, "truth": truth, "compare": compare}[step](folder)


if __name__ == "__main__":
    main()
