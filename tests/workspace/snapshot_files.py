"""Files as values for the tests of snapshots, merges and restores: a dict from path to kind and content."""

import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

from forkcli.workspace.snapshots import Snapshots

# "-" a file, "x" an executable one, "l" a symbolic link (its content is where it points)
Files = dict[bytes, tuple[str, bytes]]
MODES = {"-": b"100644", "x": b"100755", "l": b"120000"}
OURS = (b".git", b".fork")


def file(text: str | bytes) -> tuple[str, bytes]:
    """An ordinary file."""
    return "-", text.encode() if isinstance(text, str) else text


def write_files(folder: Path, files: Files) -> None:
    """Make the files in a folder; what is there already stays."""
    for path, (kind, data) in files.items():
        target = os.path.join(os.fsencode(folder), path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if kind == "l":
            os.symlink(data, target)
            continue
        with open(target, "wb") as out:
            out.write(data)
        os.chmod(target, 0o755 if kind == "x" else 0o644)


def read_files(folder: Path) -> Files:
    """All files in a folder but git's and fork's own."""
    root = os.fsencode(folder)
    found: Files = {}
    for upper, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not (upper == root and name in OURS)]
        links = [name for name in folders if os.path.islink(os.path.join(upper, name))]
        for name in (*names, *links):
            path = os.path.join(upper, name)
            if upper == root and name in OURS:
                continue
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                found[os.path.relpath(path, root)] = ("l", os.readlink(path))
            elif stat.S_ISREG(mode):
                with open(path, "rb") as inside:
                    found[os.path.relpath(path, root)] = ("x" if mode & 0o100 else "-", inside.read())
    return found


def store_files(snapshots: Snapshots, files: Files) -> str:
    """The id of the tree with these files, made without any file."""
    where = snapshots.where
    where.ready()
    index = where.folder / "indexes/made-by-a-test"
    index.unlink(missing_ok=True)
    lines = []
    for path, (kind, data) in files.items():
        lines.append(b"%s %s 0\t%s\0" % (MODES[kind], _blob(snapshots, data), path))
    if lines:
        where.git("update-index", "-z", "--index-info", stdin=b"".join(lines), GIT_INDEX_FILE=str(index))
    return where.git("write-tree", GIT_INDEX_FILE=str(index)).decode().strip()


def _blob(snapshots: Snapshots, data: bytes) -> bytes:
    blob = hashlib.sha1(b"blob %d\0%s" % (len(data), data)).hexdigest()
    if not (snapshots.where.folder / "objects" / blob[:2] / blob[2:]).exists():
        snapshots.where.git("hash-object", "-w", "--stdin", stdin=data)
    return blob.encode("ascii")


def clear_files(folder: Path) -> None:
    """Remove everything but git's and fork's own directories."""
    for path in folder.iterdir():
        if os.fsencode(path.name) not in OURS:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def load_files(snapshots: Snapshots, tree: str) -> Files:
    """The files of a snapshot."""
    kinds = {value: kind for kind, value in MODES.items()}
    out = snapshots.where.git("ls-tree", "-r", "-z", tree)
    found: Files = {}
    for line in out.split(b"\0"):
        head, _, path = line.partition(b"\t")
        if path:
            mode, _, blob = head.split(b" ")
            found[path] = (kinds[mode], snapshots.where.git("cat-file", "blob", blob.decode()))
    return found


def git(folder: Path, *words: str) -> str:
    """Real git, as a user would run it."""
    options = ["-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *options, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def new_snapshots(project: Path) -> Snapshots:
    """The snapshots of a project, whose scratch directory is made as the store makes it."""
    scratch = project / ".fork"
    scratch.mkdir(mode=0o700, exist_ok=True)
    return Snapshots(scratch, project)
