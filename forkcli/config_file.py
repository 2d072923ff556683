"""The keys of configuration files, flags and the environment: what each takes, and who may say it.

A project's file is read without following links and may only hold inert keys; all else in it is told and ignored. It
never writes and never prints. Mistakes are raised as ForkError for the user's own file, returned as warnings otherwise.
"""

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from forkcli.errors import ForkError, Kind

EFFORTS = ("low", "medium", "high", "xhigh", "max")
ACCESSES = ("read", "write", "full")  # from narrow to wide
MAX_CONFIG_BYTES = 16 * 1024  # a hostile key of this size takes half a second to parse, one of 64 KiB ten
MOST_AGENTS = 1000  # in a session, or at the same time
MAX_WARNINGS = 5  # of one file: a hostile project must not fill the screen

Convert = Callable[[Any], Any]


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value


def _one_of(*allowed: str) -> Convert:
    def convert(value: Any) -> str:
        if value not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return cast("str", value)

    return convert


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number, 1 or more")
    return value


def _few(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_AGENTS:
        raise ValueError(f"a whole number from 1 to {MOST_AGENTS}")
    return value


def _amount(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError("a number above 0")
    return float(value)


def _switch(value: Any) -> bool:
    if value is True or value is False:
        return bool(value)
    raise ValueError("true or false")


def _paths(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) and item for item in value):
        raise ValueError("a list of paths")
    return tuple(value)


def _url(value: Any) -> str:
    problem = "a URL that begins with http:// or https:// and names a host"
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(_text(value).strip())
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError(problem)
    return cast("str", value).strip().rstrip("/")


@dataclass(frozen=True, slots=True)
class Key:
    """A setting as files and the environment name it."""

    field: str
    convert: Convert
    inert: bool = False  # harmless in a project's file


KEYS: Mapping[str, Key] = {
    "model": Key("model", _text, inert=True),
    "effort": Key("effort", _one_of(*EFFORTS), inert=True),
    "max_steps": Key("max_steps", _count, inert=True),
    "max_cost": Key("max_cost", _amount, inert=True),
    "max_agents": Key("max_agents", _few),
    "parallel": Key("parallel", _few),
    "timeout": Key("timeout_s", _amount, inert=True),
    "max_rounds": Key("max_rounds", _few),
    "access": Key("access", _one_of(*ACCESSES), inert=True),
    "idle_timeout": Key("idle_timeout_s", _amount),
    "base_url": Key("base_url", _url),
    "net": Key("net", _switch),
    "add_dirs": Key("add_dirs", _paths),
}
INERT = tuple(name for name, key in KEYS.items() if key.inert)
ENVIRONMENT: Mapping[str, Key] = {
    "FORK_MODEL": Key("model", _text),
    "ANTHROPIC_BASE_URL": Key("base_url", _url),
    "ANTHROPIC_API_KEY": Key("api_key", _text),
    "ANTHROPIC_AUTH_TOKEN": Key("auth_token", _text),
}
# What a flag may say: every key, and what is a matter of one run.
BY_FIELD = {
    **{key.field: key for key in KEYS.values()},
    "output_format": Key("output_format", _one_of("text", "json", "stream-json")),
    "until": Key("until", _text),
    "review": Key("review", _few),
    "at": Key("at", _count),
}


def number(text: str) -> int | float | str:
    """The number that a flag's text says; the text itself if it says none."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def at_least(option: str, text: str | None, least: int) -> int | None:
    """A flag's whole number. Raises ForkError(USAGE) for anything else, or for less than `least`."""
    value = None if text is None else number(text)
    if value is not None and (not isinstance(value, int) or value < least):
        raise ForkError(f"{option} takes a whole number, {least} or more, not {text!r}", kind=Kind.USAGE)
    return value


def user_values(path: Path) -> dict[str, Any]:
    """The user's own file: a mistake in it is an error, since it would be obeyed."""
    hint = f"allowed keys: {', '.join(KEYS)}"
    try:
        table = _read(path, follow=True)
    except ValueError as problem:
        raise ForkError(f"{path}: {problem}", kind=Kind.USAGE) from None
    values: dict[str, Any] = {}
    for name, value in table.items():
        key = KEYS.get(name)
        if key is None:
            from difflib import get_close_matches

            close = get_close_matches(name, KEYS, 1)
            meant = (f"did you mean {close[0]}?",) if close else ()
            raise ForkError(f"{path}: unknown key {name!r}", *meant, hint, kind=Kind.USAGE)
        try:
            values[key.field] = key.convert(value)
        except ValueError as problem:
            raise ForkError(f"{path}: {name} takes {problem}, not {value!r:.80}", kind=Kind.USAGE) from None
    return values


def project_values(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The project's file: whoever wrote it is not trusted, so all but inert keys is told and ignored."""
    try:
        table = _read(path, follow=False)
    except ValueError as problem:
        return {}, [f"{path} is ignored: {problem}"]
    values: dict[str, Any] = {}
    warnings: list[str] = []
    for name, value in table.items():
        key = KEYS.get(name)
        if key is None or not key.inert:
            why = "only your own file or a flag may set it" if key else f"allowed here: {', '.join(INERT)}"
            warnings.append(f"{path}: {name[:60]!r} is ignored; {why}")
        elif name == "access" and value == "full":
            warnings.append(f"{path}: access = 'full' is ignored; a project may only narrow access")
        else:
            try:
                values[key.field] = key.convert(value)
            except ValueError as problem:
                warnings.append(f"{path}: {name} is ignored; it takes {problem}, not {value!r:.80}")
    if len(warnings) > MAX_WARNINGS:
        warnings[MAX_WARNINGS:] = [f"{path}: {len(warnings) - MAX_WARNINGS} more keys are ignored"]
    return values, warnings


def _read(path: Path, *, follow: bool) -> dict[str, Any]:
    """The table in a file, empty where there is none. Raises ValueError saying what is wrong with it."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        fd = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ValueError(f"it cannot be read ({(error.strerror or str(error)).lower()})") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ValueError("it is not a regular file")
    with os.fdopen(fd, "rb") as file:
        data = file.read(MAX_CONFIG_BYTES + 1)
    if len(data) > MAX_CONFIG_BYTES:
        raise ValueError(f"it is larger than {MAX_CONFIG_BYTES // 1024} KiB")
    import tomllib  # 14 ms that a run without any file need not pay

    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"it is not valid TOML ({error})") from None
