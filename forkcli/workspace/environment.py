"""Environments of commands, and where programs are found.

It never looks a program up in the project nor in a relative directory, whatever PATH holds. Invariant: what a sandboxed
command sees of the user's environment is on a list of names here, and no API key of fork's is in any environment.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from forkcli.workspace.looking import is_dir, is_file

DEFAULT_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def words(text: str) -> tuple[str, ...]:
    """A list of names written as text."""
    return tuple(text.split())


KEPT = frozenset(
    words("""
    HOME USER LOGNAME SHELL LANG LANGUAGE TZ HOSTNAME VIRTUAL_ENV CONDA_PREFIX CONDA_DEFAULT_ENV JAVA_HOME GOROOT GOPATH
    GOFLAGS GOTOOLCHAIN RUSTUP_HOME RUSTUP_TOOLCHAIN NVM_DIR PYENV_ROOT PYENV_VERSION RBENV_ROOT ASDF_DIR ASDF_DATA_DIR
    MISE_DATA_DIR VOLTA_HOME BUN_INSTALL DENO_DIR NIX_PATH NIX_PROFILES NIX_SSL_CERT_FILE LOCALE_ARCHIVE SSL_CERT_FILE
    SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS PIP_CERT GIT_SSL_CAINFO CUDA_HOME XDG_DATA_DIRS
    PIP_DISABLE_PIP_VERSION_CHECK PYTHONDONTWRITEBYTECODE XDG_CONFIG_DIRS
    """)
)
NET_KEPT = frozenset(
    words("""
    http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
    PIP_INDEX_URL PIP_EXTRA_INDEX_URL UV_INDEX_URL GOPROXY GONOSUMDB GOPRIVATE
    """)
)
QUIET = {
    "TERM": "dumb",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
    "EDITOR": "true",
    "VISUAL": "true",
    "GIT_EDITOR": "true",
    "GIT_TERMINAL_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
}
# Of the user's own environment, what would point git elsewhere, or make a shell read a file of the project's.
DROPPED = frozenset(words("GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX GIT_OBJECT_DIRECTORY BASH_ENV ENV CDPATH"))
DROPPED_PREFIXES = ("ANTHROPIC_", "FORK_")

# Where package managers that ignore XDG_CACHE_HOME write; used once a command with network has filled them.
TOOL_HOMES = {"CARGO_HOME": "cargo", "GOMODCACHE": "go-mod", "GRADLE_USER_HOME": "gradle", "NUGET_PACKAGES": "nuget"}


def _inside(path: Path, roots: Iterable[Path]) -> bool:
    return any(path == root or root in path.parents for root in roots if root != Path("/"))


def safe_path(value: str | None, roots: Iterable[Path]) -> tuple[str, ...]:
    """The directories of a PATH that are absolute and not beneath one of `roots`, also when links are followed."""
    roots = tuple(roots)
    entries = dict.fromkeys(value.split(os.pathsep) if value else DEFAULT_PATH)
    return tuple(
        entry
        for entry in entries
        if entry.startswith("/")
        and not _inside(Path(os.path.normpath(entry)), roots)
        and not _inside(Path(os.path.realpath(entry)), roots)
    )


def find_program(name: str, roots: Iterable[Path], environ: Mapping[str, str] | None = None) -> str | None:
    """The absolute path of a program outside of `roots`, None where there is none."""
    roots = tuple(roots)
    value = (os.environ if environ is None else environ).get("PATH")
    for directory in safe_path(value, roots):
        candidate = Path(directory) / name
        real = Path(os.path.realpath(candidate))
        if is_file(real) and os.access(real, os.X_OK) and not _inside(real, roots):
            return str(candidate)
    return None


def sandbox_environment(
    environ: Mapping[str, str], roots: Iterable[Path], cache: Path | None, *, net: bool
) -> dict[str, str]:
    """What a sandboxed command sees: an allow-list, no pagers, caches in the project's own cache directory.

    The `bin` of an activated virtual environment stays first on PATH, also inside the project: the sandbox holds
    whatever lies there.
    """
    env = {key: value for key, value in environ.items() if key in KEPT or key.startswith("LC_")}
    if net:  # an index address with a password in it is a secret; a proxy's is what makes it work
        env |= {
            key: value
            for key, value in environ.items()
            if key in NET_KEPT and ("@" not in value or key.lower().endswith("_proxy"))
        }
    path = list(safe_path(environ.get("PATH"), roots))
    for name in ("CONDA_PREFIX", "VIRTUAL_ENV"):
        prefix = env.get(name, "")
        if prefix.startswith("/"):
            first = str(Path(prefix) / "bin")
            path = [first, *(entry for entry in path if entry != first)]
    env["PATH"] = os.pathsep.join(path or DEFAULT_PATH)
    env.setdefault("LANG", "C.UTF-8")
    env.update(QUIET)
    if cache is not None:
        env.update(_cache_environment(cache, net=net))
    return env


def _cache_environment(cache: Path, *, net: bool) -> dict[str, str]:
    env = {
        "XDG_CACHE_HOME": str(cache),
        "npm_config_cache": str(cache / "npm"),
        "npm_config_store_dir": str(cache / "pnpm"),
    }
    for name, folder in TOOL_HOMES.items():
        if net or is_dir(cache / folder):
            env[name] = str(cache / folder)
    return env


def own_environment(environ: Mapping[str, str], roots: Iterable[Path]) -> dict[str, str]:
    """What a command outside the sandbox sees: the user's own, less fork's keys and the project's part of PATH."""
    env = {
        key: value
        for key, value in environ.items()
        if key not in DROPPED and not key.startswith((*DROPPED_PREFIXES, "BASH_FUNC_"))
    }
    env["PATH"] = os.pathsep.join(safe_path(environ.get("PATH"), roots) or DEFAULT_PATH)
    env.update(QUIET)
    return env
