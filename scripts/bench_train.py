"""`make bench-train`: the sweep engine beside PyTorch and JAX on one machine, one after another, in one run.

    PEERS=/path/to/python make bench-train     a Python with torch 2.11, jax and optax; without it the engine alone
    ARGS="--epochs 100"                        the whole of it (some ten minutes); default 5 epochs of the same grid

Each is given all cores. Peers run in random order, the engine before and after them. The engine's time is of both
stages, the peers' of the first alone.
"""

import argparse
import json
import os
import pathlib
import random
import resource
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = [128, 256, 512, 1024, 2048, 2676]


def run(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    result = json.loads(lines[-1])
    # Of the whole program, start and (for JAX) compiling included.
    result["cpu_seconds"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    result["load"] = os.getloadavg()[0]
    print(json.dumps(result), flush=True)
    return result


def main():
    parser = argparse.ArgumentParser()
    for name, value in (("epochs", 5), ("seeds", 3), ("dim", 1792)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--engine", default="target/debug/examples/bench_sweep")
    args = parser.parse_args()
    sizes = [str(size) for size in args.sizes]
    engine = lambda precision: run([args.engine, str(args.epochs), str(args.seeds), str(args.dim), precision, *sizes])

    ours = [engine("f32")]
    peers = []
    if python := os.environ.get("PEERS"):
        names = ["PyTorch eager", "PyTorch batched", "JAX"]
        random.shuffle(names)
        settings = ["--epochs", str(args.epochs), "--seeds", str(args.seeds), "--dim", str(args.dim), "--sizes", *sizes]
        peers = [run([python, "scripts/bench_train_peers.py", name, *settings]) for name in names]
    ours.append(engine("f32"))
    bf16 = engine("bf16")
    slowest = max(ours, key=lambda result: result["seconds"])
    print(f"engine, slower of two: {slowest['seconds']:.1f} s, {slowest['share_of_peak']:.0%} of the f32 peak by the wall clock, "
          f"{slowest['share_of_peak_by_cpu']:.0%} by a core's own time, {slowest['share_of_mean']:.0%} of the mean product")
    print("of its time: " + ", ".join(f"{part} {share:.1%}" for part, share in slowest["profile"].items()))
    print(f"bf16: {slowest['seconds'] / bf16['seconds']:.2f} times as fast as f32")
    for peer in peers:
        print(f"{peer['peer']}: {peer['seconds'] / slowest['seconds']:.2f} times the engine's time"
              + (f", and {peer['compile_seconds']:.0f} s of compiling" if peer["compile_seconds"] else ""))


if __name__ == "__main__":
    main()
