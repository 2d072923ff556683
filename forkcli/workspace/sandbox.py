"""The command line of the sandbox: a policy in, an argument list for bubblewrap out.

Pure: it looks at no file. Invariant: of what lies outside `/tmp` and `/run` a command can write the workspace, less its
`protected` paths, and the cache directory; mounts are made from the root downwards, so that a deeper rule always wins.
Nothing is mounted on a path that does not exist: bubblewrap would create it in the project.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["bind", "ro-bind", "dev-bind", "tmpfs", "dev", "proc", "symlink"]

PRIVATE = (Path("/tmp"), Path("/var/tmp"), Path("/run"))


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount: `source` is a path of the host (of `symlink`: its text); dev, proc and tmpfs have none."""

    kind: Kind
    target: Path
    source: Path | None = None

    def argv(self) -> tuple[str, ...]:
        """The mount as bubblewrap's options."""
        option = f"--{self.kind}"
        return (option, str(self.target)) if self.source is None else (option, str(self.source), str(self.target))


@dataclass(frozen=True, slots=True)
class Policy:
    """What a command may see and do. All paths exist and are absolute and free of symbolic links."""

    root: Path
    writable: tuple[Path, ...] = ()  # the root and added directories, where the access is `write`
    readable: tuple[Path, ...] = ()  # the same, where it is `read`: named because they may lie beneath /tmp
    protected: tuple[Path, ...] = ()  # read-only again: .git, .fork
    opened: tuple[Path, ...] = ()  # writable again beneath these: .fork/notes, the cache directory
    secret_dirs: tuple[Path, ...] = ()
    secret_files: tuple[Path, ...] = ()
    kernel: tuple[Path, ...] = ()  # what root could set in /proc without any capability, by owning it
    net: bool = False
    private: tuple[Path, ...] = PRIVATE  # those that are directories here
    scratch: Path | None = None  # holds `tmp` and `var-tmp`, an agent's own, kept between its commands
    extra: tuple[Mount, ...] = ()  # what must be seen of a private directory, such as the resolver's configuration


@dataclass(frozen=True, slots=True)
class Launch:
    """How the sandbox is started here: programs by absolute path, and what this bubblewrap can do."""

    bwrap: str
    uid: int
    gid: int
    disable_userns: bool = True  # an option of bubblewrap since 0.8; before, the seccomp filter does it
    enter: tuple[str, ...] = ()  # the argv prefix that enters the holder's namespaces
    own_net: bool = True  # a network namespace for each command; false where the holder's is entered


NAMESPACES = ("--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try")


def mounts(policy: Policy) -> list[Mount]:
    """All mounts in the order in which they are made."""
    found: dict[Path, Mount] = {}
    for mount in _rules(policy):
        found[mount.target] = mount  # a later rule for the same path replaces the earlier one
    return sorted(found.values(), key=lambda mount: len(mount.target.parts))


def _rules(policy: Policy) -> Iterator[Mount]:
    yield Mount("ro-bind", Path("/"), Path("/"))
    yield Mount("dev", Path("/dev"))
    yield Mount("proc", Path("/proc"))
    for path in policy.kernel:
        yield Mount("ro-bind", path, path)
    for path in policy.private:
        if policy.scratch is not None and path != Path("/run"):
            yield Mount("bind", path, policy.scratch / path.relative_to("/").as_posix().replace("/", "-"))
        else:
            yield Mount("tmpfs", path)
    yield from policy.extra
    for path in policy.secret_dirs:
        yield Mount("tmpfs", path)
    for path in policy.secret_files:
        yield Mount("dev-bind", path, Path("/dev/null"))  # reads as empty
    for path in policy.readable:
        yield Mount("ro-bind", path, path)
    for path in policy.writable:
        yield Mount("bind", path, path)
    for path in policy.protected:
        yield Mount("ro-bind", path, path)
    for path in policy.opened:
        yield Mount("bind", path, path)


def sandbox_argv(policy: Policy, launch: Launch, seccomp_fd: int, command: Sequence[str]) -> list[str]:
    """The whole argument list that runs `command` (absolute program first) under `policy`.

    `seccomp_fd` is an inherited descriptor with the filter. The environment is that of whoever starts it: bubblewrap
    is PID 1 inside, and its own environment can be read there.
    """
    argv = [*launch.enter, launch.bwrap, *NAMESPACES]
    if launch.disable_userns:
        argv.append("--disable-userns")
    if launch.own_net and not policy.net:
        argv.append("--unshare-net")
    argv += ["--uid", str(launch.uid), "--gid", str(launch.gid), "--cap-drop", "ALL"]
    argv += ["--die-with-parent", "--new-session"]
    for mount in mounts(policy):
        argv += mount.argv()
    argv += ["--seccomp", str(seccomp_fd), "--chdir", str(policy.root), "--", *command]
    return argv
