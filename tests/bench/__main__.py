"""`python -m tests.bench [--write] [ROW …]`: measures rows, prints a table, exits with 1 if a bar fails."""

import argparse
import os
import platform
import re
import sys
from pathlib import Path

from tests.bench import forks, startup, steady
from tests.bench.lab import ROOT, Figure, Row, lab

BUSY = 0.5  # load average from which the figures are doubtful
PAGE = ROOT / "docs/benchmarks.md"
ROWS = (*startup.ROWS, *steady.ROWS, *forks.ROWS)


def table(figures: list[tuple[Row, Figure]], load: float) -> str:
    """The figures as a Markdown table, with where they were taken."""
    lines = ["| what | bar | measured | kept | command |", "|---|---|---|---|---|"]
    for row, figure in figures:
        kept = "yes" if figure.kept else "**no**"
        lines.append(f"| {row.what} | {row.bar} | {figure.text} | {kept} | `python -m tests.bench {row.key}` |")
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores"
    where = f"Python {platform.python_version()}, {machine}, load {load:.1f} at the start."
    return "\n".join([*lines, "", where])


def write(text: str, page: Path = PAGE) -> None:
    """Put the table into the page, between its marks."""
    old = page.read_text(encoding="utf-8")
    new = re.sub(
        r"(<!-- table -->\n).*?(<!-- /table -->)", lambda mark: f"{mark[1]}{text}\n{mark[2]}", old, flags=re.DOTALL
    )
    page.write_text(new, encoding="utf-8")


def main() -> int:
    """Measure and print; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(row.key for row in ROWS))
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given = parser.parse_args()
    known = {row.key: row for row in ROWS}
    if unknown := [key for key in given.rows if key not in known]:
        parser.error(f"no such row: {', '.join(unknown)}")
    if given.write and given.rows:
        parser.error("--write needs all rows: give none")
    load = os.getloadavg()[0]
    if load > BUSY:
        sys.stderr.write(f"the machine is busy (load {load:.1f}): the figures will say more of that than of fork\n")
    figures = []
    for row in [known[key] for key in given.rows] or ROWS:
        with lab() as place:
            figures.append((row, row.measure(place)))
        sys.stderr.write(f"{row.key}: {figures[-1][1].text}\n")
    text = table(figures, load)
    sys.stdout.write(text + "\n")
    if given.write:
        write(text)
    return 0 if all(figure.kept for _, figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
