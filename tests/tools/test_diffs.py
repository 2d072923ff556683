"""Diffs: what git says of the same two texts, for any texts, and bounded time for the worst of them."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forkcli.tools.diffs import MAX_LINES, unified

texts = st.lists(st.sampled_from(["a", "b", "c", "", "d"]), max_size=40).flatmap(
    lambda lines: st.sampled_from(["\n".join(lines), "".join(f"{line}\n" for line in lines)])
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(old=texts, new=texts)
def test_git_applies_every_diff_and_gets_the_new_text(old: str, new: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text(old)
    diff = unified(old, new, "x")
    assert bool(diff) == (old != new)
    if diff:
        subprocess.run(["git", "apply", "--unsafe-paths", "-"], input=diff.encode(), cwd=tmp_path, check=True)
    found = (tmp_path / "x").read_text() if (tmp_path / "x").exists() else ""
    assert found == new


def test_near_changes_share_a_hunk_and_far_ones_do_not() -> None:
    old = [f"{number}\n" for number in range(40)]
    new = [*old]
    new[3], new[9], new[30] = "x\n", "y\n", "z\n"
    diff = unified("".join(old), "".join(new), "f")
    assert [line for line in diff.splitlines() if line.startswith("@@")] == ["@@ -1,13 +1,13 @@", "@@ -28,7 +28,7 @@"]


def test_a_long_line_is_cut() -> None:
    assert max(map(len, unified("", "x" * 100_000, "f").splitlines())) < 600


@pytest.mark.timeout(45)  # unbounded, each of these would take minutes
def test_the_worst_texts_take_little_time() -> None:
    same, other = "\n".join(["a", ""] * 400), "\n".join(["", "b", "a"] * 300)
    unified(same, other, "f")
    unified("".join(f"{n}\n" for n in range(200_000)), "".join(f"{n}\n" for n in range(1, 200_001)), "f")
    assert unified("x\n" * 500_000, "y\n" * 500_000, "f").count("\n") < 2 * MAX_LINES


def test_a_cut_diff_says_how_much_it_leaves_out() -> None:
    diff = unified("a\n" * 1000, "b\n" * 1500, "f").splitlines()
    assert len(diff) == 2 + MAX_LINES + 1
    assert diff[-1] == "[… the diff goes on: +1500 -601]"
    assert not unified("a\n", "b\n" * (MAX_LINES - 2), "f").endswith("]\n")
