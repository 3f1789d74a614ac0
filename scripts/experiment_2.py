"""What Experiment 2 of a finished default run shows beside the paper (§6.2, Fig. 3), from the table `arm_differences`.

    python scripts/experiment_2.py data/run      needs pyarrow (tests/.python has it, after `make test`)

The paper: with the tree's attributes models do as well as with coarse labels of the same pairs, or better; with attributes
that are not in the tree far worse. Checked at the most pairs on the test split, each with its 95 % interval (prompts and
seeds redrawn): tree less coarse must not lie below 0, not in tree less either must, and by .05 at least.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/.python"))
import pyarrow.parquet as pq

FAR = 0.05


def main():
    rows = pq.read_table(f"{sys.argv[1]}/tables/arm_differences/arm_differences.parquet").to_pylist()
    rows = [row for row in rows if row["experiment"] == "controlled" and row["metric"] == "roc_auc" and row["split"] == "test"
            and row["compared_at"] == "n_train" and row["difference"] is not None]
    most = max(row["at"] for row in rows)
    of = {(row["arm_a"], row["arm_b"]): row for row in rows if row["at"] == most}
    of |= {(b, a): row | {"difference": -row["difference"], "ci_low": -row["ci_high"], "ci_high": -row["ci_low"],
                          "value_a": row["value_b"], "value_b": row["value_a"]} for (a, b), row in of.items()}
    holds = {("tree", "coarse"): lambda row: row["ci_high"] >= 0,
             ("all", "coarse"): lambda row: row["ci_high"] >= 0,
             ("not in tree", "coarse"): lambda row: row["ci_high"] < 0 and row["difference"] < -FAR,
             ("not in tree", "tree"): lambda row: row["ci_high"] < 0 and row["difference"] < -FAR}
    failed = False
    print(f"test AUC with {most:.0f} pairs")
    for (a, b), as_in_the_paper in holds.items():
        row = of[a, b]
        ok = as_in_the_paper(row)
        failed |= not ok
        print(f"{a} {row['value_a']:.3f}, {b} {row['value_b']:.3f}: difference {row['difference']:+.3f} "
              f"[{row['ci_low']:+.3f}, {row['ci_high']:+.3f}] {'as in the paper' if ok else 'NOT AS IN THE PAPER'}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
