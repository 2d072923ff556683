import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from forkcli.errors import ForkError
from forkcli.workspace.files import Files


@pytest.fixture
def files(project: Path) -> Iterator[Files]:
    made = Files([project])
    yield made
    made.close()


def test_a_path_is_relative_to_the_root_or_absolute_in_it(files: Files, project: Path) -> None:
    for path in ("README.md", "./README.md", "src/../README.md", str(project / "README.md"), f"{project}//README.md"):
        assert files.read(path, 100) == b"# A project\n"
        assert files.relative(path) == "README.md"


def test_reading_starts_at_an_offset_and_stops_at_a_limit(files: Files, project: Path) -> None:
    (project / "big").write_bytes(bytes(range(256)) * 8192)
    assert files.read("big", 3, 256) == b"\0\1\2"
    assert len(files.read("big", 10**9)) == 256 * 8192
    assert files.read("big", 10, 10**9) == b""


def test_an_added_directory_is_reached_by_its_absolute_path(project: Path, tmp_path: Path) -> None:
    added = tmp_path / "added"
    added.mkdir()
    (added / "note").write_text("n")
    files = Files([project, added])
    assert files.read(str(added / "note"), 10) == b"n"
    assert files.relative(str(added / "note")) == str(added / "note")
    files.write(str(added / "new"), b"x")
    assert (added / "new").read_bytes() == b"x"
    with pytest.raises(ForkError, match="leads out"):
        files.read(f"{added}/../project/README.md", 10)
    files.close()


def test_a_root_reached_by_another_name_is_the_root(project: Path, tmp_path: Path, files: Files) -> None:
    (tmp_path / "alias").symlink_to(project)
    assert files.read(str(tmp_path / "alias/README.md"), 100) == b"# A project\n"


def test_the_root_of_the_file_system_is_not_the_project_whatever_the_directory_of_the_process(
    files: Files, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    for path in ("/", "//"):
        assert files.relative(path) == path
        with pytest.raises(ForkError, match="lies outside the project"):
            files.listdir(path)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "src/../../x", "~/x", "/", ""])
def test_what_lies_outside_is_refused_in_a_sentence(files: Files, path: str) -> None:
    with pytest.raises(ForkError) as caught:
        files.read(path, 10)
    assert caught.value.sentence
    assert not caught.value.sentence.endswith(".")


@pytest.mark.parametrize("path", ["a\0b", "\ud800x"])
def test_paths_that_are_no_paths_are_refused(files: Files, path: str) -> None:
    for act in (lambda: files.read(path, 1), lambda: files.write(path, b""), lambda: files.stat(path)):
        with pytest.raises(ForkError, match=r"null byte|valid text"):
            act()


def test_links_that_lead_out_are_refused_for_every_act(files: Files, project: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    (project / "link").symlink_to("../secret")
    (project / "dir").symlink_to("..")
    for path in ("link", "dir/secret"):
        with pytest.raises(ForkError, match="leads out"):
            files.read(path, 10)
        with pytest.raises(ForkError, match="leads out"):
            files.stat(path)
        with pytest.raises(ForkError, match="leads out"):
            files.write(path, b"x")
    with pytest.raises(ForkError, match="leads out"):
        files.listdir("dir")
    assert (tmp_path / "secret").read_text() == "s"


def test_pipes_sockets_and_devices_are_refused_at_once_and_named(files: Files, project: Path) -> None:
    os.mkfifo(project / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(project)
        listening.bind("sock")
        os.chdir(here)
        for path, name in (("pipe", "named pipe"), ("sock", "socket"), ("src", "directory")):
            with pytest.raises(ForkError, match=name):
                files.read(path, 10)
        for path in ("pipe", "sock", "src"):
            with pytest.raises(ForkError, match=r"regular file|directory"):
                files.write(path, b"x")
    assert files.stat("pipe").kind == "other"


def test_stat_says_what_lies_there(files: Files, project: Path) -> None:
    (project / "run.sh").write_text("x")
    (project / "run.sh").chmod(0o755)
    found = files.stat("run.sh")
    assert (found.kind, found.size, found.mode) == ("file", 1, 0o755)
    assert files.stat("src").kind == "dir"
    assert files.stat("none").kind == "absent"
    assert files.stat("README.md/none").kind == "absent"


def test_a_listing_marks_directories_and_takes_any_name(files: Files, project: Path) -> None:
    (project / "b\nc").touch()
    (project / "out").symlink_to("/etc")
    os.mkdir(os.fsencode(project) + b"/\xff")
    assert files.listdir(".") == [".git/", "README.md", "b\nc", "out", "src/", "\udcff/"]
    with pytest.raises(ForkError, match="not a directory"):
        files.listdir("README.md")


def test_writing_makes_parents_and_follows_the_umask(files: Files, project: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write("a/b/c.txt", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((project / "a/b/c.txt").stat().st_mode) == 0o640


def test_replacing_keeps_the_mode_and_leaves_nothing_behind(files: Files, project: Path) -> None:
    script = project / "run.sh"
    script.write_text("old")
    script.chmod(0o751)
    inode = script.stat().st_ino
    files.write("run.sh", b"new")
    assert (script.read_text(), stat.S_IMODE(script.stat().st_mode)) == ("new", 0o751)
    assert script.stat().st_ino != inode
    assert not [name for name in os.listdir(project) if name.endswith(".tmp")]


def test_a_link_in_the_tree_stays_a_link_and_its_target_is_replaced(files: Files, project: Path) -> None:
    (project / "link").symlink_to("src/hello.py")
    files.write("link", b"new")
    assert (project / "link").is_symlink()
    assert (project / "src/hello.py").read_bytes() == b"new"


def test_a_link_to_nothing_and_a_read_only_file_are_not_replaced(files: Files, project: Path) -> None:
    (project / "dangling").symlink_to("nowhere")
    with pytest.raises(ForkError, match="symbolic link to nothing"):
        files.write("dangling", b"x")
    (project / "kept").write_text("k")
    (project / "kept").chmod(0o444)
    with pytest.raises(ForkError, match="read-only"):
        files.write("kept", b"x")


PROTECTED = [".git/config", ".git/hooks/pre-commit", ".git", ".GIT/config", ".Git/x", "src/.git/config", "src/.git"]
PROTECTED += [".fork/config.toml", ".fork", ".FORK/x", ".fork/notes", ".fork/notes/../config.toml", ".fork/sessions/x"]
PROTECTED += [
    "src/../.git/config",
    "./.git/config",
    ".g\u200cit/config",
    "git~1/config",
    ".git./config",
    ".git /config",
]
PROTECTED += [".fork/notes/.git/config", "src/.fork/notes/x", "GIT~1/x"]


@pytest.mark.parametrize("path", PROTECTED)
def test_git_and_forks_own_files_are_never_written(files: Files, project: Path, path: str) -> None:
    (project / ".fork/notes").mkdir(parents=True)
    before = sorted(str(found) for found in project.rglob("*"))
    with pytest.raises(ForkError, match=r"belongs to git|fork's own record"):
        files.write(path, b"x")
    assert sorted(str(found) for found in project.rglob("*")) == before


def test_links_do_not_lead_into_git_or_forks_files(files: Files, project: Path) -> None:
    (project / ".fork/notes").mkdir(parents=True)
    (project / ".fork/config.toml").write_text("")
    (project / "g").symlink_to(".git")
    (project / "h").symlink_to(".git/config")
    (project / "f").symlink_to(".fork")
    (project / "c").symlink_to(".fork/config.toml")
    (project / ".fork/notes/up").symlink_to("../sessions")
    for path in ("g/config", "h", "f/config.toml", "c", "g/hooks/post-commit", "f/new"):
        with pytest.raises(ForkError, match=r"belongs to git|fork's own record"):
            files.write(path, b"x")
    with pytest.raises(ForkError, match=r"fork's own record|does not exist|not a directory"):
        files.write(".fork/notes/up/x", b"x")


def test_an_added_directory_that_is_a_git_directory_is_not_written(project: Path) -> None:
    files = Files([project / "src", project / ".git"])
    with pytest.raises(ForkError, match="belongs to git"):
        files.write(str(project / ".git/config"), b"x")
    files.close()


def test_notes_are_written(files: Files, project: Path) -> None:
    files.write(".fork/notes/a.md", b"n")
    files.write(".fork/notes/deep/b.md", b"n")
    files.write(str(project / ".fork/notes/c.md"), b"n")
    assert sorted(path.name for path in (project / ".fork/notes").rglob("*.md")) == ["a.md", "b.md", "c.md"]


def test_names_like_those_of_git_are_free(files: Files) -> None:
    for path in (".gitignore", ".github/x.yml", "-x", ":(glob)x", "a b", "ä\n", "git", ".forks"):
        files.write(path, b"x")
        assert files.read(path, 1) == b"x"


def test_a_name_of_the_longest_length_can_be_replaced(files: Files) -> None:
    name = "n" * 255
    files.write(name, b"1")
    files.write(name, b"2")
    assert files.read(name, 5) == b"2"
    with pytest.raises(ForkError, match="too long"):
        files.write("n" * 256, b"x")


def test_a_directory_is_not_a_file_to_write(files: Files) -> None:
    for path in ("src", "src/", "new/", "."):
        with pytest.raises(ForkError, match="directory"):
            files.write(path, b"x")


def test_a_root_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(ForkError, match="not a directory that can be opened"):
        Files([tmp_path / "none"])
