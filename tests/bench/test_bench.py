"""The benchmarks can be run: their modules import, their cheapest row measures, their table is one."""

from pathlib import Path

import tests.bench.__main__ as bench
from tests.bench.lab import Figure, lab


def test_the_cheapest_row_measures() -> None:
    row = next(row for row in bench.ROWS if row.key == "version")
    with lab() as place:
        figure = row.measure(place)
    assert " × (" in figure.text


def test_every_row_has_a_key_of_its_own() -> None:
    assert len({row.key for row in bench.ROWS}) == len(bench.ROWS)


def test_the_table_replaces_the_old_one_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table -->\nold\n<!-- /table -->\nafter\n")
    bench.write(bench.table([(bench.ROWS[0], Figure("1.00 ×", kept=True))], 0.1), page)
    text = page.read_text()
    assert text.startswith("before\n<!-- table -->\n| what |")
    assert text.endswith("<!-- /table -->\nafter\n")
    assert "old" not in text
