"""Asks a faulty VLM thousands of questions, kills the program with SIGKILL on the way, and checks every answer.

    python3 scripts/fault_test.py [--questions 20000] [--kills 10] [--seed 0] [--fault http_500=0.05,…]

Two runs of the demo world: one undisturbed, one against a simulated VLM that misbehaves, killed again and again at
moments spread over its work, and then run to its end. It checks that

- every answer equals the undisturbed run's to the last bit, or has another status than `ok`, and for `error` the answer
  store holds the reason;
- nothing was asked more often than retries explain, by the log of the simulated VLM, which has every request with its
  fault: no question more often than `max_attempts` in one run; in the last run, which nobody killed, each question just as
  often as the store says; and no answer was asked for again, but for those under way at a kill (`concurrency` each);
- merging the store's parts (`finegrain answers compact`), killed at any moment too, loses and doubles no answer, and
  reading all answers anew (`answers rescore`) changes none.

Needs tests/.python (`make test` installs it). Takes some minutes, most of them waits for stalled connections.
"""

import argparse
import json
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
QUESTIONS_A_PROMPT = 47  # of the demo world's four images a prompt; never fewer in the mean
CONCURRENCY, TIMEOUT_SECONDS, MAX_ATTEMPTS = 64, 3, 6
FAULTS = ",".join([
    "http_429=0.05:1s", "http_429_bare=0.05", "http_500=0.05", "http_503=0.05", "drop_connection=0.05",
    "stall=0.05:60s", "drip=0.05:100ms", "half_json=0.05", "wrong_type=0.05", "no_logprobs=0.05", "no_token=0.05",
])
KEY = ["image_id", "kind", "question_id"]
READ = ["p_yes", "logit_yes", "logit_no", "label_mass"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fault", default=FAULTS)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="finegrain-fault-") as scratch:
        folder = pathlib.Path(scratch)
        shutil.copy(REPOSITORY / "pipeline.yaml", folder)
        n_prompts = -(-arguments.questions // QUESTIONS_A_PROMPT)
        finegrain(folder, "demo", "data/demo", "--prompts", str(n_prompts))
        start = time.monotonic()
        finegrain(folder, *run("undisturbed"))
        undisturbed = answers(folder, "undisturbed")
        print(f"undisturbed: {undisturbed.height} questions in {time.monotonic() - start:.1f} s", flush=True)
        if undisturbed.height < arguments.questions or set(undisturbed["status"]) != {"ok"}:
            sys.exit("the undisturbed run is too small, or has an answer that is not `ok`")

        start = time.monotonic()
        kill_on_the_way(folder, run("faulty", arguments.fault), undisturbed.height, arguments.kills, draw)
        finegrain(folder, *run("faulty", arguments.fault))
        print(f"faulty: {arguments.kills} kills, then to the end, in {time.monotonic() - start:.1f} s", flush=True)
        check_answers(undisturbed, answers(folder, "faulty"), stored(folder))
        check_asked(folder, stored(folder), arguments.kills)
        check_compaction(folder, draw)
        print("ok")


def run(name, fault=""):
    """The arguments of a run up to the answers, on a data root of its own."""
    serve = ["finegrain", "demo-vlm", "--data", "data/demo", "--port", "{port}", "--fault", fault,
             "--log", f"{name}.log", "--exit-with-parent"]
    endpoint = {"serve": serve, "concurrency": CONCURRENCY, "timeout_seconds": TIMEOUT_SECONDS,
                "max_attempts": MAX_ATTEMPTS}
    sets = [f"--set=synth-feedback.endpoint.{key}={json.dumps(value)}" for key, value in endpoint.items()]
    return ["run", "--until", "synth-feedback", "--data-root", f"data/{name}", *sets]


def finegrain(folder, *arguments):
    done = subprocess.run([PROGRAM, *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"finegrain {' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def kill_on_the_way(folder, arguments, n_questions, n_kills, draw):
    """Kills runs when so many answers have been sent, spread over all of them."""
    for number in range(n_kills):
        running = subprocess.Popen([PROGRAM, *arguments], cwd=folder, stderr=subprocess.DEVNULL)
        due = int(n_questions * (number + draw.uniform(0.1, 0.9)) / (n_kills + 1))
        while n_answered(folder / "faulty.log") < due:
            if running.poll() is not None:
                sys.exit(f"the run ended ({running.returncode}) before it could be killed at {due} answers")
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        running.wait()
        print(f"kill {number + 1} after {n_answered(folder / 'faulty.log')} answers", flush=True)


def n_answered(path):
    return path.read_bytes().count(b'"fault":null') if path.exists() else 0


def answers(folder, name):
    return polars.read_parquet(folder / "data" / name / "tables" / "answers" / "answers.parquet")


def stored(folder):
    return polars.read_parquet(folder / "data" / "faulty" / "store" / "answers" / "*.parquet")


def check_answers(undisturbed, faulty, kept):
    both = faulty.join(undisturbed, on=KEY, suffix="_undisturbed", how="full", coalesce=True)
    if both.height != undisturbed.height or faulty.height != undisturbed.height:
        sys.exit(f"{faulty.height} answers, the undisturbed run has {undisturbed.height}")
    for column in READ:
        differs = (both["status"] == "ok") & both[column].ne_missing(both[f"{column}_undisturbed"])
        if differs.any():
            sys.exit(f"{differs.sum()} answers have another `{column}`:\n{both.filter(differs).head()}")
    invented = both.filter((both["status"] != "ok") & both["status"].is_in(["error", "refused", "no_yes_no_token"])
                           & both["p_yes"].is_not_null())
    if invented.height:
        sys.exit(f"{invented.height} answers have a probability that nobody gave")
    without_reason = kept.filter((kept["status"] == "error") & kept["reason"].is_null())
    n_errors = kept.filter(kept["status"] == "error").unique(["sha256", "query"]).height
    if without_reason.height or n_errors < (faulty["status"] == "error").sum():
        sys.exit(f"{without_reason.height} errors have no reason; {n_errors} are stored")
    counts = faulty["status"].value_counts(sort=True).iter_rows()
    print("answers:", ", ".join(f"{n} {status}" for status, n in counts))


def check_asked(folder, kept, n_kills):
    requests = polars.read_ndjson(folder / "faulty.log", schema={
        "server": polars.Int64, "sha256": polars.String, "query": polars.String, "fault": polars.String})
    question = ["sha256", "query"]
    of_a_run = requests.group_by("server", *question, maintain_order=True).agg(
        n=polars.len(), answered=polars.col("fault").is_null().any())
    if of_a_run["n"].max() > MAX_ATTEMPTS:
        sys.exit(f"questions were asked more than {MAX_ATTEMPTS} times in one run:\n{of_a_run.sort('n').tail()}")
    # What could not be read is rightly asked again in the next run.
    errors = kept.filter(polars.col("status") == "error").select(question).unique()
    n_runs = of_a_run.filter("answered").join(errors, on=question, how="anti").group_by(question).len()["len"]
    n_again = int((n_runs - 1).sum())
    print(f"asked: {requests.height} requests for {requests.select(question).n_unique()} questions, at most "
          f"{of_a_run['n'].max()} a run; {n_again} answers asked for again after {n_kills} kills")
    if n_again > n_kills * CONCURRENCY:
        sys.exit(f"{n_again} answers were asked for again, more than were under way at the kills")
    last = of_a_run.filter(polars.col("server") == requests["server"][-1])
    newest = kept.sort("answered_at").unique(question, keep="last")
    differs = last.join(newest, on=question, how="left").filter(polars.col("n").ne_missing(polars.col("attempts")))
    if differs.height:
        sys.exit(f"the last run asked {differs.height} questions more or less often than is on record:\n{differs}")


def check_compaction(folder, draw):
    tool = lambda *action: finegrain(folder, "answers", *action, "--data-root", "data/faulty")  # noqa: E731
    before = tool("inspect").splitlines()[1:]
    for _ in range(10):
        merging = subprocess.Popen([PROGRAM, "answers", "compact", "--data-root", "data/faulty"], cwd=folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, 0.5))
        merging.kill()
        merging.wait()
        if tool("inspect").splitlines()[1:] != before:
            sys.exit("the store is another one after a merge was killed")
    tool("compact")
    if tool("inspect").splitlines()[1:] != before or stored(folder).height != sum(counted(before)):
        sys.exit("the store is another one after its parts were merged")
    rescored = tool("rescore")
    if ": 0 come out otherwise" not in rescored:
        sys.exit(f"answers come out otherwise when they are read anew: {rescored}")
    print(f"store: {rescored.strip()}")


def counted(lines):
    """The numbers of answers in the lines of `finegrain answers inspect`."""
    return [int(line.split()[0]) for line in lines if " answers, " in line]


if __name__ == "__main__":
    main()
