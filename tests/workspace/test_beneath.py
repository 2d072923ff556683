import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forkcli.workspace.beneath import O_PATH, make_directories, open_beneath, openat2_works, real_path, walk_beneath

Open = Callable[[int, str], int]


def _walked(base: int, path: str) -> int:
    return walk_beneath(base, os.fsencode(path), os.O_RDONLY | os.O_NONBLOCK)


def _kernel(base: int, path: str) -> int:
    return open_beneath(base, path, os.O_RDONLY | os.O_NONBLOCK)


@pytest.fixture
def base(tmp_path: Path) -> Iterator[int]:
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "file").write_text("in")
    (inside / "sub/deep").write_text("deep")
    (tmp_path / "outside").write_text("out")
    (inside / "to-file").symlink_to("file")
    (inside / "to-sub").symlink_to("sub")
    (inside / "sub/up").symlink_to("../file")
    (inside / "out-relative").symlink_to("../outside")
    (inside / "out-absolute").symlink_to(tmp_path / "outside")
    (inside / "in-absolute").symlink_to(inside / "file")
    (inside / "out-dir").symlink_to("..")
    (inside / "loop").symlink_to("loop")
    (inside / "magic").symlink_to("/proc/self/root")
    fd = os.open(inside, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.fixture(params=[_kernel, _walked], ids=["kernel", "walk"])
def opened(request: pytest.FixtureRequest) -> Open:
    return request.param


@pytest.mark.parametrize(
    "path", ["file", "./file", "sub/../file", "to-file", "to-sub/up", "sub//deep", "to-sub/../file"]
)
def test_what_lies_beneath_is_opened_also_through_links_and_dots(opened: Open, base: int, path: str) -> None:
    fd = opened(base, path)
    assert os.read(fd, 10) in {b"in", b"deep"}
    os.close(fd)


@pytest.mark.parametrize(
    "path",
    [
        "../outside",
        "..",
        "sub/../../outside",
        "/etc/passwd",
        "out-relative",
        "out-absolute",
        "in-absolute",
        "out-dir/outside",
        "magic/etc/passwd",
        "sub/../out-dir",
    ],
)
def test_nothing_leads_out(opened: Open, base: int, path: str) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EXDEV)):
        opened(base, path)


@pytest.mark.parametrize(
    ("path", "code"),
    [("none", errno.ENOENT), ("file/x", errno.ENOTDIR), ("loop", errno.ELOOP), ("none/x", errno.ENOENT)],
)
def test_errors_are_those_of_open(opened: Open, base: int, path: str, code: int) -> None:
    with pytest.raises(OSError, match=os.strerror(code)):
        opened(base, path)


def test_a_null_byte_is_not_cut_off(base: int) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        open_beneath(base, "file\0.txt", os.O_RDONLY)


def test_the_kernel_resolves_where_it_can() -> None:
    assert openat2_works() or os.uname().release < "5.6"


def test_parents_are_made_beneath_and_not_through_a_link_that_leads_out(base: int, tmp_path: Path) -> None:
    fd = make_directories(base, "a/b/../c")
    assert real_path(fd) == str(tmp_path / "inside/a/c")
    os.close(fd)
    with pytest.raises(OSError, match=os.strerror(errno.EXDEV)):
        make_directories(base, "out-dir/new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(OSError, match=os.strerror(errno.EXDEV)):
        make_directories(base, "../new")


_PIECES = st.sampled_from(["a", "b", "c", "..", "."])
_PATHS = st.lists(_PIECES, min_size=1, max_size=6).map("/".join)


def _answer(open_it: Open, base: int, path: str) -> tuple[str, int]:
    try:
        fd = open_it(base, path)
    except OSError as error:
        return "error", error.errno or 0
    try:
        return "opened", os.fstat(fd).st_ino
    finally:
        os.close(fd)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(st.tuples(_PATHS, st.sampled_from(["dir", "file", "link"]), _PATHS), max_size=10),
    path=_PATHS,
)
def test_walking_by_hand_gives_what_the_kernel_gives(
    made: list[tuple[str, str, str]], path: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path_factory.getbasetemp()) as folder:
        root = Path(folder, "r")
        root.mkdir()
        for where, kind, target in made:
            place = root / where
            if ".." in where or place.exists() or place.is_symlink() or not place.parent.is_dir():
                continue
            if kind == "dir":
                place.mkdir()
            elif kind == "file":
                place.touch()
            else:
                place.symlink_to(target)
        base = os.open(root, O_PATH | os.O_DIRECTORY)
        try:
            assert _answer(_walked, base, path) == _answer(_kernel, base, path)
        finally:
            os.close(base)
