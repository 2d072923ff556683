import os
from pathlib import Path

import pytest

from forkcli.workspace.project import project_context


def _told(root: Path, cwd: Path | None = None, config: Path | None = None) -> dict[str, str | None]:
    return {file.path: file.text for file in project_context(root, cwd or root, config)}


def test_the_users_come_first_then_those_on_the_way_then_the_paths_of_others(tmp_path: Path) -> None:
    root, config = tmp_path / "p", tmp_path / "config"
    for folder, text in ((config, "user"), (root, "root"), (root / "a", "a"), (root / "a/b", "b"), (root / "z", "z")):
        folder.mkdir(parents=True)
        (folder / "AGENTS.md").write_text(text)
    files = project_context(root, root / "a/b", config)
    assert [(file.path, file.text) for file in files] == [
        (f"{config}/AGENTS.md", "user"),
        ("AGENTS.md", "root"),
        ("a/AGENTS.md", "a"),
        ("a/b/AGENTS.md", "b"),
        ("z/AGENTS.md", None),
    ]


def test_both_names_are_read_and_different_texts_are_both_told(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("one")
    (tmp_path / "CLAUDE.md").write_text("two")
    assert _told(tmp_path) == {"AGENTS.md": "one", "CLAUDE.md": "two"}


@pytest.mark.parametrize("how", ["copy", "symlink", "hardlink", "import", "import-dot", "reversed"])
def test_the_same_text_is_told_once(tmp_path: Path, how: str) -> None:
    agents, claude = tmp_path / "AGENTS.md", tmp_path / "CLAUDE.md"
    agents.write_text("same\n")
    if how == "copy":
        claude.write_text("same")
    elif how == "symlink":
        claude.symlink_to("AGENTS.md")
    elif how == "hardlink":
        claude.hardlink_to(agents)
    elif how == "reversed":
        claude.write_text("same\n")
        agents.write_text("@CLAUDE.md\n")
    else:
        claude.write_text("@./AGENTS.md\n" if how == "import-dot" else "@AGENTS.md\n")
    assert list(_told(tmp_path).values()) == ["same\n"]


def test_what_is_not_a_regular_file_of_the_project_is_not_read(tmp_path: Path) -> None:
    root = tmp_path / "p"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    (root / "AGENTS.md").symlink_to("../secret")
    os.mkfifo(root / "CLAUDE.md")
    assert _told(root) == {}


def test_a_long_file_is_cut_at_a_whole_character_and_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("x" + "ä" * 20_000)
    (file,) = project_context(tmp_path, tmp_path, None)
    assert file.truncated
    assert file.text is not None
    assert 32_000 < len(file.text.encode()) <= 32 * 1024
    assert "\ufffd" not in file.text


def test_empty_files_and_undecodable_bytes_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text(" \n")
    (tmp_path / "CLAUDE.md").write_bytes(b"a\xffb")
    assert _told(tmp_path) == {"CLAUDE.md": "a\ufffdb"}


def test_the_search_for_others_is_bounded_and_passes_over_heavy_folders(tmp_path: Path) -> None:
    for name in ("node_modules/x", ".hidden", "real"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "AGENTS.md").write_text("x")
    for number in range(400):
        (tmp_path / f"folder{number:03}/deep").mkdir(parents=True)
    (tmp_path / "zzz").mkdir()
    (tmp_path / "zzz/AGENTS.md").write_text("far")
    (tmp_path / "loop").symlink_to(".")
    told = _told(tmp_path)
    assert "node_modules/x/AGENTS.md" not in told
    assert ".hidden/AGENTS.md" not in told
    assert len(told) <= 2


def test_a_directory_outside_the_root_and_a_missing_configuration_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("x")
    assert _told(tmp_path, Path("/"), tmp_path / "none") == {"AGENTS.md": "x"}
