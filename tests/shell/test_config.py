"""Settings: who wins, what a project's file may not say, and how mistakes are told."""

import os
from pathlib import Path
from typing import Any

import pytest

from forkcli.config import Flags, Settings, load
from forkcli.config_file import INERT, KEYS, MAX_WARNINGS
from forkcli.errors import ForkError, Kind


class Place:
    """A home and a project with files that a test writes."""

    def __init__(self, base: Path) -> None:
        self.home, self.project = base / "home", base / "project"
        (self.project / ".fork").mkdir(parents=True)
        (self.home / ".config/fork").mkdir(parents=True)
        self.user_file = self.home / ".config/fork/config.toml"
        self.project_file = self.project / ".fork/config.toml"

    def load(self, env: dict[str, str] | None = None, **flags: Any) -> Settings:
        return load(Flags(**flags), {"HOME": str(self.home), **(env or {})}, cwd=self.project, project=self.project)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_any_file_the_defaults_hold(place: Place) -> None:
    settings = place.load()
    assert settings.access == "write"
    assert (settings.model, settings.base_url, settings.net, settings.max_steps) == (None, None, False, None)
    assert settings.idle_timeout_s == 90
    assert settings.config_dir == place.home / ".config/fork"
    assert settings.warnings == ()


def test_flags_win_over_the_environment_over_the_user_over_the_project(place: Place) -> None:
    place.project_file.write_text('model = "project"\neffort = "low"\nmax_steps = 1\n')
    assert place.load().model == "project"
    place.user_file.write_text('model = "user"\neffort = "high"\n')
    assert (place.load().model, place.load().effort, place.load().max_steps) == ("user", "high", 1)
    assert place.load({"FORK_MODEL": "env"}).model == "env"
    assert place.load({"FORK_MODEL": "env"}, model="flag", max_steps="9").model == "flag"
    assert place.load(max_steps="9").max_steps == 9


def test_what_was_named_for_this_run_is_known(place: Place) -> None:
    place.user_file.write_text('effort = "high"\n')
    assert place.load({"FORK_MODEL": "env"}, max_steps="3").given == {"model", "max_steps"}


def test_keys_come_from_the_environment_alone_and_are_never_printed(place: Place) -> None:
    settings = place.load({"ANTHROPIC_API_KEY": " sk-secret ", "ANTHROPIC_AUTH_TOKEN": "tok-secret"})
    assert (settings.api_key, settings.auth_token) == ("sk-secret", "tok-secret")
    assert "secret" not in repr(settings)
    assert place.load({"ANTHROPIC_API_KEY": ""}).api_key is None


@pytest.mark.parametrize(
    "line",
    [
        'base_url = "https://evil.example"',
        "net = true",
        'add_dirs = ["/"]',
        "idle_timeout = 1",
        'api_key = "x"',
        'command = "rm -rf /"',
        "[env]\nANTHROPIC_BASE_URL = 'https://evil.example'",
    ],
)
def test_a_project_cannot_say_anything_but_inert_keys(place: Place, line: str) -> None:
    place.project_file.write_text(f'model = "m"\n{line}\n')
    settings = place.load()
    assert (settings.base_url, settings.net, settings.add_dirs, settings.api_key) == (None, False, (), None)
    assert settings.idle_timeout_s == 90
    assert settings.model == "m"
    (warning,) = settings.warnings
    assert str(place.project_file) in warning
    assert line.partition(" ")[0].partition("]")[0].strip("[") in warning


@pytest.mark.parametrize(
    ("project", "user", "flag", "access"),
    [
        ("read", None, None, "read"),
        ("full", None, None, "write"),
        ("write", None, None, "write"),
        ("read", "full", None, "read"),
        ("write", "full", None, "write"),
        (None, "full", None, "full"),
        ("full", "read", None, "read"),
        ("read", None, "full", "full"),
        ("write", "read", None, "read"),
    ],
)
def test_a_project_narrows_access_and_never_widens_it(
    place: Place, project: str | None, user: str | None, flag: str | None, access: str
) -> None:
    for file, value in ((place.project_file, project), (place.user_file, user)):
        if value:
            file.write_text(f'access = "{value}"\n')
    assert place.load(access=flag).access == access


def test_a_wrong_value_in_a_project_is_told_and_ignored(place: Place) -> None:
    place.project_file.write_text('max_steps = "many"\neffort = 3\nmax_cost = -1\nmodel = "ok"\n')
    settings = place.load()
    assert settings.model == "ok"
    assert (settings.max_steps, settings.effort, settings.max_cost) == (None, None, None)
    assert len(settings.warnings) == 3
    assert "max_steps" in settings.warnings[0]
    assert "a whole number" in settings.warnings[0]


def test_a_hostile_project_cannot_fill_the_screen(place: Place) -> None:
    place.project_file.write_text("".join(f"{'k' * 500}{n} = 1\n" for n in range(25)))
    warnings = place.load().warnings
    assert len(warnings) == MAX_WARNINGS + 1
    assert max(map(len, warnings)) < 400 + len(str(place.project_file))


@pytest.mark.parametrize("content", [b"model = ", b"\xff\xfe", b"x = 1\n" * 20_000, b"a = " + b"[" * 5000])
def test_a_broken_project_file_is_told_and_ignored(place: Place, content: bytes) -> None:
    place.project_file.write_bytes(content)
    (warning,) = place.load().warnings
    assert str(place.project_file) in warning


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_a_project_file_that_is_no_file_is_never_followed_or_waited_for(
    place: Place, kind: str, tmp_path: Path
) -> None:
    target = tmp_path / "elsewhere.toml"
    target.write_text('model = "elsewhere"\n')
    if kind == "link":
        place.project_file.symlink_to(target)
    elif kind == "fifo":
        os.mkfifo(place.project_file)
    else:
        place.project_file.mkdir()
    settings = place.load()
    assert settings.model is None
    assert len(settings.warnings) == 1


def test_the_users_file_may_be_a_link_and_may_say_everything(place: Place, tmp_path: Path) -> None:
    target = tmp_path / "dotfiles.toml"
    target.write_text(
        'model = "m"\nbase_url = "http://localhost:8000/"\nnet = true\naccess = "full"\n'
        f'add_dirs = ["{tmp_path}"]\nidle_timeout = 30\ntimeout = 2.5\nmax_cost = 1\n'
    )
    place.user_file.symlink_to(target)
    settings = place.load()
    assert (settings.base_url, settings.net, settings.access) == ("http://localhost:8000", True, "full")
    assert (settings.idle_timeout_s, settings.timeout_s, settings.max_cost) == (30.0, 2.5, 1.0)
    assert settings.add_dirs == (tmp_path.resolve(),)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("modle = 'x'", ["modle", "did you mean model?", "max_steps"]),
        ("model = 3", ["model", "a text"]),
        ("net = 1", ["net", "true or false"]),
        ("max_steps = true", ["max_steps", "a whole number"]),
        ("max_cost = inf", ["max_cost", "a number above 0"]),
        ("effort = 'huge'", ["effort", "low, medium, high"]),
        ("base_url = 'ftp://x'", ["base_url", "http://"]),
        ("base_url = 'http://[x'", ["base_url", "http://"]),
        ("add_dirs = 'x'", ["add_dirs", "a list of paths"]),
        ("model =", ["TOML"]),
    ],
)
def test_a_mistake_in_the_users_file_is_one_sentence_that_names_it(
    place: Place, content: str, words: list[str]
) -> None:
    place.user_file.write_text(content)
    with pytest.raises(ForkError) as caught:
        place.load()
    assert caught.value.kind is Kind.USAGE
    told = " ".join([caught.value.sentence, *caught.value.hints])
    assert str(place.user_file) in told
    assert [word for word in words if word not in told] == []


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        ({"max_steps": "0"}, "--max-steps"),
        ({"timeout_s": "-1.0"}, "--timeout"),
        ({"idle_timeout_s": "soon"}, "--idle-timeout"),
        ({"max_cost": "nan"}, "--max-cost"),
        ({"max_agents": "0"}, "--max-agents"),
        ({"parallel": "1001"}, "--parallel"),
        ({"base_url": "localhost:80"}, "--base-url"),
        ({"add_dirs": ("nowhere",)}, "--add-dir"),
        ({"model": " "}, "--model"),
        ({"output_format": "xml"}, "--output-format takes one of text, json, stream-json, not 'xml'"),
        ({"effort": "huge"}, "--effort"),
        ({"access": "admin"}, "--access"),
    ],
)
def test_a_wrong_flag_is_named(place: Place, flags: dict[str, Any], word: str) -> None:
    with pytest.raises(ForkError, match=word) as caught:
        place.load(**flags)
    assert caught.value.kind is Kind.USAGE


def test_a_wrong_variable_is_named(place: Place) -> None:
    with pytest.raises(ForkError, match="ANTHROPIC_BASE_URL"):
        place.load({"ANTHROPIC_BASE_URL": "nonsense"})


def test_a_relative_config_home_is_ignored(place: Place) -> None:
    (place.project / "fork").mkdir()
    (place.project / "fork/config.toml").write_text('access = "full"\n')
    settings = place.load({"XDG_CONFIG_HOME": "."})
    assert settings.access == "write"
    assert settings.config_dir == place.home / ".config/fork"


def test_without_a_home_there_is_no_user_file(place: Place) -> None:
    assert load(Flags(), {}, cwd=place.project, project=place.project).config_dir is None


def test_inert_keys_are_exactly_those_that_need_no_consent() -> None:
    assert set(INERT) == {"model", "effort", "max_steps", "max_cost", "timeout", "access"}
    assert set(KEYS) - set(INERT) == {
        "base_url",
        "net",
        "add_dirs",
        "idle_timeout",
        "max_agents",
        "max_rounds",
        "parallel",
    }
