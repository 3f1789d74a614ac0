"""Kills a default run with SIGKILL at random moments, and checks that nothing is lost.

    python3 scripts/kill_test.py [--kills 20] [--seed 0] [--prompts 40]

After every kill, before the program sees the folder again, each table must not be there yet or equal the undisturbed
run's (without the measured columns), and then pass its contract (`finegrain check`). At the end the run finishes, its
tables equal those of the undisturbed run, and no finished answer was asked for twice: what the simulated VLM answered
again is at most what was in flight at each kill. Needs tests/.python (`make test` installs it).
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "tests" / ".python"))
import polars  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = REPOSITORY / "target" / "debug" / "finegrain"
CONCURRENCY = 32  # synth-feedback.endpoint.concurrency, which pipeline.yaml leaves to be found
MEASURED = {"answers": ["attempts", "seconds"], "reward_models": ["seconds", "device"]}
STAGES = ["ingest", "vq2-parse", "synth-feedback", "embed", "train", "evaluate"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prompts", type=int, default=40)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="finegrain-kill-") as scratch:
        scratch = pathlib.Path(scratch)
        undisturbed, killed = scratch / "undisturbed", scratch / "killed"
        for folder in (undisturbed, killed):
            prepare(folder, arguments.prompts)
        start = time.monotonic()
        subprocess.run(command(undisturbed), cwd=undisturbed, check=True, stderr=subprocess.DEVNULL)
        whole = time.monotonic() - start
        print(f"undisturbed run: {whole:.1f} s")

        # Moments are drawn over the length of a whole run, each run taking up the work where the last one was killed.
        n_done = n_again = 0
        while n_done < arguments.kills:
            run = subprocess.Popen(command(killed), cwd=killed, stderr=subprocess.DEVNULL)
            time.sleep(draw.uniform(0.02, whole))
            if run.poll() is not None:  # it had come to its end: start another run from nothing
                compare(undisturbed, killed, all_there=True)
                n_again += answered_again(killed)
                shutil.rmtree(killed / "data" / "run")
                continue
            run.send_signal(signal.SIGKILL)
            run.wait()
            n_done += 1
            there = compare(undisturbed, killed, all_there=False)
            check(killed)
            print(f"kill {n_done}: {there} tables, each whole", flush=True)
        subprocess.run(command(killed), cwd=killed, check=True, stderr=subprocess.DEVNULL)
        check(killed)
        print(f"all {compare(undisturbed, killed, all_there=True)} tables equal those of the undisturbed run")
        n_again += answered_again(killed)
        print(f"{n_done} kills; {n_again} answers given again after a kill")
        limit = n_done * CONCURRENCY
        if n_again > limit:
            sys.exit(f"{n_again} answers were asked for again, more than the {limit} that were in flight at {n_done} kills")
        print("ok")


def answered_again(folder):
    """How many answers the simulated VLM gave more than once; forgets them."""
    log = folder / "asked.log"
    lines = map(json.loads, log.read_text().splitlines())
    answered = [(line["sha256"], line["query"]) for line in lines if line["fault"] is None]
    log.unlink()
    return len(answered) - len(set(answered))


def prepare(folder, n_prompts):
    folder.mkdir()
    shutil.copy(REPOSITORY / "pipeline.yaml", folder)
    (folder / ".deps").symlink_to(REPOSITORY / ".deps")
    subprocess.run([PROGRAM, "demo", "data/demo", "--prompts", str(n_prompts), "--quiet"], cwd=folder, check=True)


def command(folder):
    serve = ["finegrain", "demo-vlm", "--data", "data/demo", "--port", "{port}", "--latency-ms", "5",
             "--log", "asked.log", "--exit-with-parent"]
    return [PROGRAM, "run", "--set", f"synth-feedback.endpoint.serve={json.dumps(serve)}",
            "--set", f"synth-feedback.endpoint.concurrency={CONCURRENCY}", "--set", "train.mlp.epochs=20"]


def check(folder):
    checked = subprocess.run([PROGRAM, "check"], cwd=folder, capture_output=True, text=True)
    if checked.returncode != 0:
        sys.exit(f"after a kill, `finegrain check` says:\n{checked.stdout}{checked.stderr}")


def compare(undisturbed, killed, all_there):
    """How many tables are there, each of them equal to the undisturbed run's."""
    folders = sorted((undisturbed / "data" / "run" / "tables").iterdir())
    there = 0
    for folder in folders:
        other = killed / "data" / "run" / "tables" / folder.name / f"{folder.name}.parquet"
        if not other.exists() and not all_there:
            continue
        there += 1
        left = [entry.name for entry in other.parent.iterdir() if entry != other]
        if left or not table(folder / other.name).equals(table(other)):
            sys.exit(f"table `{folder.name}` differs from the undisturbed run's, or has other files beside it: {left}")
    return there


def table(path):
    return polars.read_parquet(path).drop(MEASURED.get(path.stem, []))


if __name__ == "__main__":
    os.environ.pop("RUST_LOG", None)
    main()
