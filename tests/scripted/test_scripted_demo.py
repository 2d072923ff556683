"""The demo's project has a real bug, and its script claims only what the tools have shown."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from demo_kit import TOOLS, answer, called, git, last, run, tools
from scripted_wire import ask, assistant, events, result, sdk, user

from forkcli.core.messages import Json
from forkcli.errors import ForkError
from forkcli.models.scripted import Reply, ScriptedServer
from forkcli.models.scripted.demo import DEMO_PROMPT, TOKENS_PER_S, Outcome, demo_script, make_project, read_test_run
from forkcli.models.scripted.script import calls_of


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return make_project(tmp_path / "tally")


# --- the project ------------------------------------------------------------------------------------------------------


def test_the_project_is_a_clean_repository_with_one_failing_test(demo: Path) -> None:
    assert git(demo, "status", "--porcelain") == ""
    assert len(git(demo, "log", "--oneline").splitlines()) == 2
    outcome = read_test_run(tools(demo)["bash"]("python3 -m unittest")[0])
    assert (outcome.passed, outcome.failed) == (False, ("test_no_cent_is_lost",))
    assert outcome.count >= 8
    assert git(demo, "status", "--porcelain") == ""


def test_the_users_git_is_neither_read_nor_written(tmp_path: Path, sealed: Path) -> None:
    config = sealed / ".gitconfig"
    config.write_text("[core]\n\thooksPath = /nowhere\n[commit]\n\tgpgSign = true\n[user]\n\tname = Somebody\n")
    before = config.read_text()
    folder = make_project(tmp_path / "x")
    assert config.read_text() == before
    assert "Somebody" not in git(folder, "log")
    assert list((folder / ".git/hooks").glob("*")) == []


def test_git_can_be_handed_in_and_can_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Sequence[str]] = []
    make_project(tmp_path / "a", lambda words, folder: calls.append([*words, str(folder)]))
    assert [c[0] for c in calls] == ["init", "add", "commit", "add", "commit"]
    monkeypatch.setenv("PATH", f".:{tmp_path / 'empty'}")
    assert (make_project(tmp_path / "b") / "tally/split.py").is_file()
    assert not (tmp_path / "b/.git").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ForkError, match="not empty"):
        make_project(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_git_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'fatal: no luck' >&2\nexit 128\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent))
    with pytest.raises(ForkError, match="git init failed in the demo's project: fatal: no luck"):
        make_project(tmp_path / "x")


# --- the script -------------------------------------------------------------------------------------------------------


def test_it_finds_fixes_and_verifies_the_bug(demo: Path) -> None:
    messages = run(demo)
    assert messages[1]["content"][0]["text"].startswith("**I am a script, not a model**")
    assert called(messages)[:9] == ["read"] * 6 + ["bash", "edit", "bash"]
    assert last(messages).startswith("**Done.** The bug is fixed, the three wishes are granted, and all 11 tests pass.")
    assert read_test_run(tools(demo)["bash"]("python3 -m unittest")[0]) == Outcome(True, 11)
    assert git(demo, "diff", "--name-only").split() == ["tally/money.py", "tally/split.py", "tests/test_money.py"]


def test_each_answer_follows_from_the_request_alone(demo: Path) -> None:
    messages = run(demo)
    for end in range(1, len(messages), 2):
        again = demo_script()(ask(*messages[:end], tools=TOOLS)).content
        bare = [{k: v for k, v in b.items() if k != "id"} for b in again]
        assert bare == [{k: v for k, v in b.items() if k != "id"} for b in messages[end]["content"]]


def test_it_does_not_claim_what_the_second_run_denies(demo: Path) -> None:
    messages = run(demo, edit=lambda **_: ("edited tally/split.py", False))
    assert "**not fixed**" in last(messages)
    assert "`test_no_cent_is_lost`" in last(messages)


def test_it_says_so_when_no_command_may_run(demo: Path) -> None:
    messages = run(demo, bash=lambda **_: ("bash is refused: there is no sandbox", True))
    assert "I cannot say whether the tests pass" in last(messages)
    assert "> bash is refused: there is no sandbox" in last(messages)


def test_it_says_so_when_the_edit_is_refused(demo: Path) -> None:
    messages = run(demo, edit=lambda **_: ("the project is read-only", True))
    assert "nothing is fixed" in last(messages)
    assert "read-only" in last(messages)


def test_it_has_nothing_to_do_when_all_passes(demo: Path) -> None:
    run(demo)
    messages = run(demo)
    assert "nothing to fix" in last(messages)
    assert "fork" not in called(messages)


def test_it_does_not_touch_a_file_that_it_does_not_know(demo: Path) -> None:
    path = demo / "tally/split.py"
    path.write_text(path.read_text().replace("whole for weight", "(whole) for weight"))
    assert "not the file that this script was written for" in last(run(demo))


def test_after_the_demo_and_for_other_prompts_it_has_nothing_to_say(demo: Path) -> None:
    assert "I am a script" in last(run(demo, prompt="What is the meaning of life?"))
    messages = [*run(demo), user("and now?")]
    assert "I am a script" in demo_script()(ask(*messages)).content[0]["text"]


def test_the_prompt_can_be_given_twice(demo: Path) -> None:
    messages = [*run(demo), user(DEMO_PROMPT)]
    assert len(calls_of(demo_script()(ask(*messages)).content)) == 6


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        ("....\n----\nRan 4 tests in 0.001s\n\nOK\n", Outcome(True, 4)),
        ("Ran 1 test in 0.001s\n\nOK (skipped=1)", Outcome(True, 1)),
        ("Ran 0 tests in 0.000s\n\nNO TESTS RAN\n", Outcome(None, 0)),
        ("Ran 0 tests in 0.000s\n\nOK\n", Outcome(None, 0)),
        (
            "ERROR: test_x (m.T)\nImportError: no m\nRan 2 tests in 0s\n\nFAILED (errors=1)",
            Outcome(False, 2, ("test_x",), "no m"),
        ),
        ("everything is OK\n", Outcome(None)),
        ("Ran 4 tests in 0.001s", Outcome(None, 4)),
        ("", Outcome(None)),
    ],
)
def test_an_outcome_is_read_strictly(output: str, outcome: Outcome) -> None:
    assert read_test_run(output) == outcome


async def test_the_main_agent_streams_in_under_ten_seconds(demo: Path) -> None:
    have, messages = {**tools(demo), "forks": {}}, [user(DEMO_PROMPT)]
    seconds = 0.0

    def at_once(request: Json) -> Reply:
        """The script without its pace, which is added up."""
        nonlocal seconds
        paced = demo_script()(request)
        assert paced.tokens_per_s == TOKENS_PER_S
        said = [block.get("text") or block.get("thinking") or json.dumps(block["input"]) for block in paced.content]
        seconds += paced.delay_s + len("".join(said)) / 4 / TOKENS_PER_S
        return replace(paced, tokens_per_s=None)

    with ScriptedServer(at_once) as server:
        async with sdk(server) as client:
            while len(messages) < 24:
                await events(client, ask(*messages, tools=TOOLS))
                content = server.requests[-1].sent
                messages.append(assistant(*content))
                if not calls_of(content):
                    break
                answers = [(c["id"], answer(demo, messages, c, have)[0]) for c in calls_of(content)]
                messages.append(user(*(result(name, text) for name, text in answers)))
        assert server.refusals == []
    assert "**Done.**" in last(messages)
    assert 2 < seconds < 9
