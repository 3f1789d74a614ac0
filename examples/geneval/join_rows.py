"""GenEval's annotation files with their broken rows joined: python3 examples/geneval/join_rows.py FROM TO

In `annotations_if-xl.csv` four answers hold a line break without quotes around it, so that their rows end early and go on in
the next line. finegrain refuses such a file instead of guessing. This writes both files to the folder TO: a row that is too short
is joined with the line after it, by a space; nothing else changes.
"""

import csv
import pathlib
import sys


def joined(lines):
    """The rows, each as long as the first."""
    rows = iter(csv.reader(lines))
    header = next(rows)
    yield header
    for row in rows:
        while len(row) < len(header):
            more = next(rows)
            row = [*row[:-1], f"{row[-1]} {more[0]}", *more[1:]]
        if len(row) > len(header):
            sys.exit(f"a row has {len(row)} cells, not {len(header)}: {row}")
        yield row


def main():
    """Both files."""
    source, target = map(pathlib.Path, sys.argv[1:])
    target.mkdir(parents=True, exist_ok=True)
    for name in ["annotations_clip.csv", "annotations_if-xl.csv"]:
        with open(source / name, newline="") as lines, open(target / name, "w", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows(joined(lines))


if __name__ == "__main__":
    main()
