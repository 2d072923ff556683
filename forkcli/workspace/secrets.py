"""Which files with secrets exist on this machine and must not be seen by a sandboxed command.

It never opens one. Invariant: every path returned exists, with its symbolic links followed, so that hiding it makes no
new file anywhere.
"""

import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from forkcli.workspace.environment import words

IN_HOME = words("""
    .ssh .aws .gnupg .netrc .docker .kube .npmrc .pypirc .git-credentials .azure .password-store .pgpass .my.cnf
    .vault-token .boto .s3cfg .cargo/credentials .cargo/credentials.toml .gem/credentials
    .terraform.d/credentials.tfrc.json .claude/.credentials.json .codex/auth.json
    .bash_history .zsh_history .python_history
""")
IN_CONFIG = words(
    "gcloud gh git/credentials containers/auth.json op rclone hub glab-cli doctl anthropic fork/input-history"
)
IN_DATA = words("keyrings kwalletd")
BY_VARIABLE = words("""
    AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE CLOUDSDK_CONFIG GH_CONFIG_DIR GNUPGHOME KUBECONFIG DOCKER_CONFIG NETRC
    NPM_CONFIG_USERCONFIG GOOGLE_APPLICATION_CREDENTIALS AZURE_CONFIG_DIR PASSWORD_STORE_DIR PGPASSFILE
""")


@dataclass(frozen=True, slots=True)
class Secrets:
    """Directories and files to hide."""

    dirs: tuple[Path, ...]
    files: tuple[Path, ...]


def homes(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The home directories of the user: as HOME says and as the user database says."""
    found = [environ.get("HOME", "")]
    with suppress(KeyError):  # a container may run as a user that has no entry
        found.append(pwd.getpwuid(os.getuid()).pw_dir)
    return tuple(dict.fromkeys(Path(home) for home in found if home.startswith("/") and home != "/"))


def _candidates(environ: Mapping[str, str]) -> Iterator[Path]:
    for home in homes(environ):
        yield from (home / name for name in IN_HOME)
        yield from (home / ".config" / name for name in IN_CONFIG)
        yield from (home / ".local/share" / name for name in IN_DATA)
    for variable, names in (("XDG_CONFIG_HOME", IN_CONFIG), ("XDG_DATA_HOME", IN_DATA)):
        base = environ.get(variable, "")
        if base.startswith("/"):
            yield from (Path(base) / name for name in names)


def _named(environ: Mapping[str, str], root: Path) -> Iterator[Path]:
    """Paths that variables name, less those so wide that hiding them would hide the work itself."""
    wide = {root, *root.parents, *homes(environ)}
    for variable in BY_VARIABLE:
        for value in environ.get(variable, "").split(os.pathsep):
            path = Path(os.path.realpath(value)) if value.startswith("/") else None
            if path is not None and path not in wide and root not in path.parents:
                yield path


def find_secrets(environ: Mapping[str, str], root: Path) -> Secrets:
    """What to hide from a command that works in `root`."""
    dirs: dict[Path, None] = {}
    files: dict[Path, None] = {}
    for candidate in (*_candidates(environ), *_named(environ, root)):
        try:
            mode = candidate.stat().st_mode
        except OSError:
            continue  # absent, or not ours to see: then a command cannot see it either
        real = Path(os.path.realpath(candidate))
        if stat.S_ISDIR(mode):
            dirs[real] = None
        elif stat.S_ISREG(mode):
            files[real] = None
    return Secrets(tuple(dirs), tuple(files))
