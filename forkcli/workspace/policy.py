"""The sandbox policy of a command, from what exists on this machine now.

It opens no file of the user's. The only things that it makes are `.fork` and the project's cache directory. Invariant:
every path in a policy exists and is free of symbolic links, or the policy is refused.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from forkcli.core.entries import Access
from forkcli.errors import ForkError
from forkcli.workspace.looking import is_real_dir, kind
from forkcli.workspace.protect import pins, protected_paths
from forkcli.workspace.sandbox import PRIVATE, Mount, Policy
from forkcli.workspace.secrets import find_secrets, homes


def make_policy(
    roots: tuple[Path, ...],
    environ: Mapping[str, str],
    *,
    access: Access,
    net: bool,
    cache: Path | None = None,
    scratch: Path | None = None,
) -> Policy:
    """The policy of one command. Raises ForkError when a part of the project cannot be protected."""
    root = roots[0]
    secrets = find_secrets(environ, root)
    private = tuple(path for path in PRIVATE if is_real_dir(path))
    may_write = access != "read"
    protected = protected_paths(roots, private, secrets.dirs) if may_write else ()
    opened = [] if cache is None else [cache]
    notes = root / ".fork" / "notes"
    if is_real_dir(notes) and is_real_dir(root / ".fork"):
        opened.append(notes)
    return Policy(
        root=root,
        writable=(*roots, *pins(roots, (*protected, *secrets.dirs, *secrets.files))) if may_write else (),
        readable=() if may_write else roots,
        protected=protected,
        opened=tuple(opened),
        secret_dirs=secrets.dirs,
        secret_files=secrets.files,
        kernel=kernel_settings(),
        net=net,
        private=private,
        scratch=scratch,
        extra=tuple(_seen(private, environ, net=net)),
    )


@cache
def kernel_settings() -> tuple[Path, ...]:
    """Parts of /proc that are not about processes and that their owner, root, can write.

    bubblewrap leaves them writable for root: it trusts in the mode of their directory.
    """
    found = []
    with suppress(OSError), os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit() or entry.is_symlink():
                continue
            with suppress(OSError):
                if entry.is_dir() or entry.stat().st_mode & 0o222:
                    found.append(Path(entry.path))
    return tuple(sorted(found))


def _seen(private: tuple[Path, ...], environ: Mapping[str, str], *, net: bool) -> Iterator[Mount]:
    """What a command needs to see of the directories that are private to it."""
    wanted = [Path(sys.prefix), Path(sys.base_prefix), *homes(environ)]
    wanted += [Path(environ[name]) for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if environ.get(name, "").startswith("/")]
    if net:
        wanted.append(Path("/etc/resolv.conf"))
    for path in wanted:
        real = Path(os.path.realpath(path))
        if any(place in real.parents for place in private) and kind(real) is not None:
            yield Mount("ro-bind", real, real)
    system = Path("/run/current-system")
    if Path("/run") in private and kind(system, follow=False) == stat.S_IFLNK:
        yield Mount("symlink", system, system.readlink())


def ensure_scratch_dir(root: Path) -> None:
    """Make `.fork`, so that a command finds it protected and cannot make one itself."""
    try:
        (root / ".fork").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise ForkError(f"{root / '.fork'} could not be made: {error.strerror}") from error


def cache_directory(root: Path, environ: Mapping[str, str]) -> Path | None:
    """The project's own cache directory for package managers, made if need be; None where that is impossible."""
    bases = [Path(environ.get("XDG_CACHE_HOME", ""))] + [home / ".cache" for home in homes(environ)]
    base = next((base for base in bases if base.is_absolute()), None)
    if base is None:
        return None
    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:12]
    folder = base / "fork" / "projects" / f"{root.name or 'root'}-{digest}"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        for made in (folder.parent.parent, folder.parent, folder):  # each: `parents` leaves the mode to the umask
            made.mkdir(mode=0o700, exist_ok=True)
    except OSError:
        return None
    return Path(os.path.realpath(folder))
