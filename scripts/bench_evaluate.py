"""The clustered bootstrap of ROC-AUC beside scikit-learn and the best numpy form we know, side by side in one run.

    python scripts/bench_evaluate.py BINARY [--runs 288] [--images 1340] [--replicates 1000] [--loop-replicates 40]

BINARY is the built example `bootstrap_aucs`. Four images a prompt. numpy: the win matrix of each run (good x bad), summed by
prompt on both sides, then one product with all replicates' weights a run. scikit-learn: a loop of roc_auc_score over resampled
rows, timed on `--loop-replicates` replicates of one run and scaled. Both peers' intervals are checked against ours: same AUCs,
ends within what 1,000 other draws change."""

import argparse, pathlib, subprocess, tempfile, time

import numpy as np
from sklearn.metrics import roc_auc_score


def best_numpy(labels, clusters, scores, weights):
    good, bad = np.flatnonzero(labels), np.flatnonzero(~labels)
    w_good = weights[:, clusters[good]].astype(np.float32)
    w_bad = weights[:, clusters[bad]].astype(np.float32)
    pairs = w_good.sum(1, dtype=np.float64) * w_bad.sum(1, dtype=np.float64)
    out = []
    for run in scores:
        high, low = run[good][:, None], run[bad][None, :]
        wins = (high > low).astype(np.float32)
        wins += np.float32(0.5) * (high == low)
        aucs = np.einsum("rb,rb->r", w_good @ wins, w_bad) / pairs
        out.append((wins.mean(dtype=np.float64), *np.percentile(aucs, [2.5, 97.5])))
    return np.array(out)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("binary")
    for name, default in [("runs", 288), ("images", 1340), ("replicates", 1000), ("loop-replicates", 40)]:
        p.add_argument(f"--{name}", type=int, default=default)
    a = p.parse_args()
    rng = np.random.default_rng(0)
    clusters = (np.arange(a.images) // 4).astype(np.uint32)
    n_prompts = int(clusters.max()) + 1
    labels = rng.random(a.images) < 0.5
    scores = rng.random((a.runs, a.images)) + 0.3 * labels
    weights = np.array([np.bincount(rng.integers(0, n_prompts, n_prompts), minlength=n_prompts) for _ in range(a.replicates)])

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        labels.astype(np.uint8).tofile(folder / "labels.u8")
        clusters.tofile(folder / "clusters.u32")
        scores.tofile(folder / "scores.f64")
        rounds = [float(subprocess.check_output([a.binary, folder, str(a.replicates)])) for _ in range(5)]
        ours = np.fromfile(folder / "intervals.f64").reshape(a.runs, 3)
    ours_s = float(np.median(rounds))

    numpy_rounds = []
    for _ in range(3):
        start = time.perf_counter()
        peer = best_numpy(labels, clusters, scores, weights)
        numpy_rounds.append(time.perf_counter() - start)
    numpy_s = float(np.median(numpy_rounds))

    rows = [np.flatnonzero(clusters == c) for c in range(n_prompts)]
    start = time.perf_counter()
    for _ in range(a.loop_replicates):
        drawn = np.concatenate([rows[c] for c in rng.integers(0, n_prompts, n_prompts)])
        roc_auc_score(labels[drawn], scores[0][drawn])
    loop_s = (time.perf_counter() - start) / a.loop_replicates * a.replicates * a.runs

    exact = max(abs(roc_auc_score(labels, run) - auc) for run, auc in zip(scores, ours[:, 0]))
    ends = np.abs(ours[:, 1:] - peer[:, 1:]).max()
    assert exact < 1e-12 and ends < 0.01, (exact, ends)
    print(f"{a.runs} runs x {a.images} images x {a.replicates} replicates, {n_prompts} prompts")
    print(f"finegrain        {ours_s:8.4f} s (median of 5: {', '.join(f'{s:.4f}' for s in rounds)})")
    print(f"best numpy       {numpy_s:8.3f} s (median of 3)   {numpy_s / ours_s:8.1f} times ours")
    print(f"scikit-learn loop{loop_s:8.1f} s (scaled from {a.loop_replicates} replicates)   {loop_s / ours_s:8.0f} times ours")
    print(f"AUCs differ by at most {exact:.1e}; interval ends, other draws, by at most {ends:.4f}")


main()
