"""What a run was asked to do: flags over environment over the user's file over the project's, joined into `Settings`.

A project's file may only hold inert keys, and its `access` can only narrow: nothing in a project directory redirects an
endpoint or widens a permission. It never writes a file and never prints; what it ignored is in `Settings.warnings`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from forkcli.config_file import ACCESSES, BY_FIELD, ENVIRONMENT, number, project_values, user_values
from forkcli.core.entries import Access
from forkcli.errors import ForkError, Kind

NUMBERS = frozenset(
    {"at", "max_steps", "max_cost", "max_agents", "parallel", "timeout_s", "idle_timeout_s", "max_rounds", "review"}
)
OutputFormat = Literal["text", "json", "stream-json"]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line said, as text. None (or empty, or false) where it said nothing."""

    prompt: str | None = None
    print_: bool = False
    continue_: bool = False
    resume: str | None = None
    agent: str | None = None
    fork: bool = False
    at: str | None = None
    model: str | None = None
    effort: str | None = None
    base_url: str | None = None
    output_format: str | None = None
    max_steps: str | None = None
    max_cost: str | None = None
    max_agents: str | None = None
    parallel: str | None = None
    timeout_s: str | None = None
    until: str | None = None
    max_rounds: str | None = None
    review: str | None = None
    idle_timeout_s: str | None = None
    access: str | None = None
    net: bool = False
    add_dirs: tuple[str, ...] = ()
    cwd: str | None = None
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything one run of fork was asked to do. Paths are absolute, times are in seconds, costs in US dollars."""

    cwd: Path
    project: Path
    prompt: str | None = None
    continue_: bool = False
    resume: str | None = None
    agent: str | None = None
    fork: bool = False  # go on in a new fork of that agent
    at: int | None = None  # the checkpoint that the fork begins at; None: the newest entry
    model: str | None = None  # None: the session's model, else the default one
    effort: str | None = None  # None: the session's, else the model's own default
    base_url: str | None = None  # None: the vendor's
    api_key: str | None = field(default=None, repr=False)
    auth_token: str | None = field(default=None, repr=False)
    output_format: OutputFormat = "text"
    max_steps: int | None = None  # None: no limit
    max_cost: float | None = None
    max_agents: int = 128  # in a session, the root counted
    parallel: int = 16  # forks that work at the same time
    timeout_s: float | None = None
    until: str | None = None  # a command that has to pass before a turn is done
    max_rounds: int = 5  # how often a failure of it sends the agent back
    review: int | None = None  # how often the findings of a reviewer do; None: no peer review
    idle_timeout_s: float = 90.0
    access: Access = "write"
    net: bool = False
    add_dirs: tuple[Path, ...] = ()
    verbose: bool = False
    config_dir: Path | None = None  # the user's own folder of fork; None without a home directory
    given: frozenset[str] = frozenset()  # fields named by a flag or the environment: they also hold on resume
    warnings: tuple[str, ...] = ()  # one sentence each, to be shown (sanitized) before anything else


def load(flags: Flags, env: Mapping[str, str], *, cwd: Path, project: Path) -> Settings:
    """Join everything that was said. Raises ForkError(USAGE) for a flag, a variable or a user's file that is wrong."""
    folder = user_config_dir(env)
    user = user_values(folder / "config.toml") if folder else {}
    inert, warnings = project_values(project / ".fork" / "config.toml")
    said = {**_environment_values(env), **_flag_values(flags)}
    values = {**inert, **user, **said}
    if "access" not in said:
        wishes = [v["access"] for v in (inert, user) if "access" in v]
        values["access"] = min([*wishes, *([] if "access" in user else ["write"])], key=ACCESSES.index)
    values["add_dirs"] = _directories(values.get("add_dirs", ()), cwd)
    return Settings(
        **{"cwd": cwd, "project": project, "config_dir": folder, **values},
        given=frozenset(said),
        warnings=tuple(warnings),
    )


def user_config_dir(env: Mapping[str, str]) -> Path | None:
    """The user's own folder of fork (`$XDG_CONFIG_HOME/fork`, else `~/.config/fork`); None without a home directory."""
    base = env.get("XDG_CONFIG_HOME", "")
    if base.startswith(os.sep):  # the XDG rules: a relative value is ignored
        return Path(base) / "fork"
    home = env.get("HOME", "")
    return Path(home) / ".config" / "fork" if home.startswith(os.sep) else None


def _flag_values(flags: Flags) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in (f.name for f in fields(Flags) if f.name not in {"cwd", "print_"}):
        value = getattr(flags, name)
        if value is None or value is False or value == ():
            continue
        key = BY_FIELD.get(name)
        try:
            values[name] = key.convert(number(value) if name in NUMBERS else value) if key else value
        except ValueError as problem:
            option = "--" + name.removesuffix("_s").replace("_", "-").removesuffix("s" if name == "add_dirs" else "")
            raise ForkError(f"{option} takes {problem}, not {value!r}", kind=Kind.USAGE) from None
    return values


def _environment_values(env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, key in ENVIRONMENT.items():
        if env.get(name, "").strip():
            try:
                values[key.field] = key.convert(env[name].strip())
            except ValueError as problem:
                raise ForkError(f"the variable {name} takes {problem}", kind=Kind.USAGE) from None
    return values


def _directories(paths: tuple[str, ...], cwd: Path) -> tuple[Path, ...]:
    found = []
    for text in paths:
        path = Path(os.path.realpath(cwd / Path(text).expanduser()))
        if not path.is_dir():
            raise ForkError(f"{text!r} of --add-dir is not a directory", kind=Kind.USAGE)
        found.append(path)
    return tuple(found)
