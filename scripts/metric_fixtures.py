"""Writes crates/evaluate/src/metric_fixtures.json: metrics as scikit-learn, scipy and statsmodels compute them.

    python -m venv /tmp/v && /tmp/v/bin/pip install scikit-learn scipy statsmodels && /tmp/v/bin/python scripts/metric_fixtures.py
"""

import json, math, pathlib

import numpy as np
import scipy, sklearn, statsmodels
from scipy.stats import norm, spearmanr
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, brier_score_loss, cohen_kappa_score, log_loss, roc_auc_score
from statsmodels.stats.multitest import multipletests


def calibration_error(labels, rewards, n_bins):
    good, mean = calibration_curve(labels, rewards, n_bins=n_bins, strategy="uniform")
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    counts = np.bincount(np.searchsorted(edges[1:-1], rewards), minlength=n_bins)
    return float(np.sum(np.abs(good - mean) * counts[counts > 0]) / len(labels))


def case(name, labels, rewards, ratings):
    labels, rewards, ratings = np.asarray(labels, bool), np.asarray(rewards, float), np.asarray(ratings, float)
    number = lambda value: None if math.isnan(value) else float(value)
    two = len(set(labels.tolist())) == 2
    varies = len(set(rewards.tolist())) > 1 and len(set(ratings.tolist())) > 1
    yes, rated = rewards >= np.median(rewards), ratings >= np.median(ratings)
    return {
        "name": name, "labels": labels.tolist(), "rewards": rewards.tolist(), "ratings": ratings.tolist(),
        "roc_auc": float(roc_auc_score(labels, rewards)) if two else None,
        "average_precision": float(average_precision_score(labels, rewards)) if labels.any() else None,
        "brier": float(brier_score_loss(labels, rewards)),
        "log_loss": float(log_loss(labels, rewards, labels=[False, True])),
        "calibration_error": {str(n): calibration_error(labels, rewards, n) for n in (1, 7, 10, 15)},
        "spearman": float(spearmanr(rewards, ratings).statistic) if varies else None,
        "agreement": float(np.mean(yes == rated)),
        "kappa": number(cohen_kappa_score(yes, rated)) if len(set(yes)) + len(set(rated)) > 2 else None,
    }


rng = np.random.default_rng(7)
cases = []
for n in (2, 3, 10, 97, 400):
    for name, rewards in [
        ("distinct", rng.random(n)),
        ("tied", np.round(rng.random(n), 1)),
        ("zeros and ones", rng.integers(0, 2, n).astype(float)),
        ("constant", np.full(n, 0.3)),
        ("tiny", rng.random(n) * 1e-12),
    ]:
        labels = rng.random(n) < 0.4
        labels[0], labels[1] = True, False
        cases.append(case(f"{name}, {n}", labels, rewards, np.round(1 + 3 * rng.random(n) + labels)))
cases.append(case("one good image", [True], [0.7], [3]))
cases.append(case("one bad image", [False], [0.7], [3]))
cases.append(case("all good", [True] * 5, [0.1, 0.5, 0.5, 0.9, 1.0], [1, 2, 3, 4, 4]))

holm = []
for n in (1, 2, 5, 40):
    p = (rng.random(n) ** 3).tolist() + [0.05] * (n > 2) * 2
    holm.append({"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()})
tails = [{"z": z, "p": float(2 * norm.sf(z))} for z in (0.0, 0.1, 1.0, 1.96, 3.0, 5.0, 8.0)]
out = {
    "made_with": f"scikit-learn {sklearn.__version__}, scipy {scipy.__version__}, statsmodels {statsmodels.__version__}, numpy {np.__version__}",
    "cases": cases, "holm": holm, "two_sided_p": tails,
}
path = pathlib.Path(__file__).parents[1] / "crates/evaluate/src/metric_fixtures.json"
path.write_text(json.dumps(out, separators=(",", ":")) + "\n")
print(path, len(cases), path.stat().st_size)
