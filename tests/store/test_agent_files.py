"""One agent's files: numbered entries, and derived files that always come to what the history says."""

import json
import re
import stat
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from store_help import begun, line_1, lines_of, made, record, turn

from forkcli.core import entries as e
from forkcli.core.history import History
from forkcli.core.messages import text_block
from forkcli.errors import ForkError, Kind
from forkcli.store.agent_files import CONTEXT, HISTORY, TRANSCRIPT, create_agent, open_agent
from forkcli.store.check import check_agent, check_session
from forkcli.store.reading import read_history


def test_entries_are_numbered_and_timed_in_utc(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 10, 25, 1, 7999, tzinfo=timezone(timedelta(hours=1)))
    scratch = made(tmp_path)
    files = create_agent(scratch.agent_folder(scratch.new_session(), "main"), clock=lambda: now)
    first = files.append([line_1(), e.Notice("a")], sync=False)
    second = files.append([e.Notice("b")], sync=True)

    assert [entry.seq for entry in first + second] == [1, 2, 3]
    assert {entry.at for entry in first + second} == {"2026-11-22T09:25:01.007Z"}
    assert read_history(files.folder / HISTORY).entries == first + second


def test_what_is_handed_out_is_what_will_be_read_again(tmp_path: Path) -> None:
    files = begun(made(tmp_path))
    [entry] = files.append([e.Notice("half \ud83d and half \ude00 and both \ud83d" + "\ude00 \\ud800")], sync=True)

    assert read_history(files.folder / HISTORY).entries[-1] == entry
    assert "both 😀" in entry.body.text


def test_files_are_private(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    files.close()

    for path in [tmp_path / ".fork", *(tmp_path / ".fork").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_the_context_file_holds_what_the_next_request_sends(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    lines = (files.folder / CONTEXT).read_bytes().splitlines()
    context = History.of(read_history(files.folder / HISTORY).entries).context()

    assert list(json.loads(lines[0])) == ["system", "tools", "model"]
    assert lines[1:] == [message.raw for message in context.messages]
    assert [json.loads(line)["role"] for line in lines[1:]] == ["user", "assistant", "user", "assistant"]


def test_another_model_changes_the_first_line_alone(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    before = (files.folder / CONTEXT).read_bytes().splitlines()
    history = History.of(read_history(files.folder / HISTORY).entries)
    record(files, history, e.ModelChange("claude-sonnet-5", "high"))
    after = (files.folder / CONTEXT).read_bytes().splitlines()

    assert json.loads(after[0])["model"] == "claude-sonnet-5"
    assert after[1:] == before[1:]
    assert check_agent(files.folder) == []


def test_another_model_before_line_1_waits_for_it(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    files = create_agent(scratch.agent_folder(scratch.new_session(), "main"))
    history = History()
    record(files, history, e.ModelChange("claude-sonnet-5", None))
    assert (files.folder / CONTEXT).exists() is False
    record(files, history, line_1())

    assert json.loads((files.folder / CONTEXT).read_bytes())["model"] == "claude-opus-5-5"


def test_a_context_file_that_was_removed_meanwhile_is_no_obstacle(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    (files.folder / CONTEXT).unlink()
    history = History.of(read_history(files.folder / HISTORY).entries)
    record(files, history, e.ModelChange("claude-sonnet-5", None))

    assert [finding.severity for finding in check_agent(files.folder)] == ["note"]


def test_derived_files_cut_at_any_byte_come_back_whole(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    files.close()
    for name in (CONTEXT, TRANSCRIPT):
        path = files.folder / name
        whole = path.read_bytes()
        for size in range(0, len(whole), 41):
            path.write_bytes(whole[:size])
            assert [f.severity for f in check_agent(files.folder)] == ["note"]
            open_agent(files.folder)[0].close()
            assert path.read_bytes() == whole
    assert check_agent(files.folder) == []


@pytest.mark.parametrize("name", [CONTEXT, TRANSCRIPT])
def test_a_derived_file_that_was_changed_is_made_again(tmp_path: Path, name: str) -> None:
    files = begun(made(tmp_path), *turn())
    files.close()
    path = files.folder / name
    whole = path.read_bytes()
    target = tmp_path / "elsewhere"
    target.write_bytes(whole)

    for spoil in (
        lambda: path.write_bytes(whole.replace(b"README", b"readme")),
        lambda: path.write_bytes(whole + b"more\n"),
        lambda: path.symlink_to(target),
    ):
        path.unlink()
        spoil()
        open_agent(files.folder)[0].close()
        assert path.read_bytes() == whole
        assert not path.is_symlink()
    assert target.read_bytes() == whole


def test_a_transcript_that_only_lags_is_continued_in_place(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    files.close()
    path = files.folder / TRANSCRIPT
    whole = path.read_bytes()
    path.write_bytes(whole[:50])
    with path.open("rb") as follower:
        follower.read()
        open_agent(files.folder)[0].close()
        assert follower.read() == whole[50:]


def test_going_on_after_damage_at_the_end_gives_no_number_twice(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    files.close()
    path = files.folder / HISTORY
    path.write_bytes(path.read_bytes().replace(b"A README and", b"A readme and"))
    files, history, damage = open_agent(files.folder)

    assert [(d.line_no, d.reason) for d in damage] == [(9, "its checksum does not match")]
    assert history.entries[-1].seq == 10
    assert "line 9" in history.entries[-1].body.text
    assert files.append([e.Notice("on")], sync=True)[0].seq == history.next_seq == 11
    files.close()
    assert b"A readme" in (files.folder / "history.jsonl.damaged").read_bytes()

    _, again, damage = open_agent(files.folder)
    assert [d.line_no for d in damage] == [9]
    assert [entry.seq for entry in again.entries[-3:]] == [8, 10, 11]


def test_damage_in_the_middle_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    files.close()
    path = files.folder / HISTORY
    path.write_bytes(path.read_bytes().replace(b"The context is 71", b"The context is 17"))
    before = path.read_bytes()
    _, history, damage = open_agent(files.folder)

    assert [d.line_no for d in damage] == [7]
    assert len(history.entries) == 8
    assert path.read_bytes() == before
    assert [f.sentence for f in check_agent(files.folder)] == ["history.jsonl, line 7: its checksum does not match"]


def test_a_history_without_its_first_line_is_not_gone_on_with(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    path = files.folder / HISTORY
    path.write_bytes(path.read_bytes().replace(b'"v":1', b'"v":7'))
    with pytest.raises(ForkError, match="its first line, which says what the agent is, is damaged"):
        open_agent(files.folder)
    path.write_bytes(b"")
    with pytest.raises(ForkError, match="is empty: the agent never started"):
        open_agent(files.folder)
    findings = [(f.severity, f.sentence) for f in check_agent(files.folder)]
    assert findings == [("error", "history.jsonl does not say what the agent is")]


def test_a_check_reports_a_torn_tail_and_what_cannot_be_read_and_changes_nothing(tmp_path: Path) -> None:
    files = begun(made(tmp_path), *turn())
    session = files.folder.parents[1]
    path = files.folder / HISTORY
    assert check_session(session) == []

    with path.open("ab") as file:
        file.write(lines_of([e.Notice("torn")], 10)[0][:30])
    before = path.read_bytes()
    [finding] = check_session(session)
    assert (finding.agent, finding.severity) == ("main", "note")
    assert "a piece of a line" in finding.sentence
    assert path.read_bytes() == before

    (files.folder / CONTEXT).write_bytes(b"{}\n")
    (files.folder / TRANSCRIPT).unlink()
    assert [f.severity for f in check_session(session)] == ["note", "error", "note"]
    path.write_bytes(b"".join(lines_of([line_1(v=9)])))
    assert [f.severity for f in check_session(session)] == ["error"]
    with pytest.raises(ForkError, match="there is no session in"):
        check_session(session.parent / "20260101-0000-abc")


def test_outputs_get_names_that_no_file_has(tmp_path: Path) -> None:
    files = begun(made(tmp_path))
    names = [files.new_output(stem).name for stem in ("bash", "bash", "../../etc/passwd", "--rf *", "", "x" * 200)]

    assert names[:5] == ["0001-bash.txt", "0002-bash.txt", "0003-etc-passwd.txt", "0004-rf.txt", "0005-output.txt"]
    assert all(re.fullmatch(r"\d{4}-[\w.-]{1,60}\.txt", name) for name in names)
    files.new_output("image", ".png").write_bytes(b"x")
    files.close()
    again, _, _ = open_agent(files.folder)
    assert again.new_output("bash", "/../x").name == "0008-bash-..-x"
    assert again.new_output("bash").parent == files.folder / "outputs"


@pytest.mark.parametrize("part", ["outputs", "inbox", ".", "..", "../.."])
def test_a_folder_that_is_a_link_is_not_followed(tmp_path: Path, part: str) -> None:
    files = begun(made(tmp_path))
    files.close()
    place = (files.folder / part).resolve()
    elsewhere = tmp_path / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)

    with pytest.raises(ForkError, match="is a symbolic link") as caught:
        open_agent(files.folder)
    assert caught.value.kind is Kind.STORAGE


def test_a_thousand_steps_are_opened_in_well_under_half_a_second(tmp_path: Path) -> None:
    scratch = made(tmp_path)
    session = scratch.new_session()
    files = create_agent(scratch.agent_folder(session, "main"))
    files.append([line_1(session), e.Prompt("go", (text_block("go"),))], sync=False)
    for step in range(1000):
        files.append(
            [turn()[1], answer_of(step), e.ToolStart(e.CallId(f"t{step}"), "bash"), result_of(step)], sync=False
        )
    files.close()
    begin = time.process_time()
    _, history, _ = open_agent(files.folder)
    spent = time.process_time() - begin

    assert history.steps == 1000
    assert spent < 20  # seconds; a gross regression only: tests/bench measures
    assert check_agent(files.folder) == []


def answer_of(step: int) -> e.Assistant:
    call = {"type": "tool_use", "id": f"t{step}", "name": "bash", "input": {"command": f"echo {step}"}}
    return e.Assistant((text_block("Next. " * 20), call), "tool_use", e.Usage(900, 40), "claude-opus-5-5")


def result_of(step: int) -> e.ToolResult:
    return e.ToolResult(e.CallId(f"t{step}"), "bash", (text_block("line\n" * 100),), facts=e.ToolFacts(exit_code=0))


def test_the_time_is_the_real_one_unless_told(tmp_path: Path) -> None:
    [entry] = begun(made(tmp_path)).append([e.Notice("now")], sync=False)

    at = datetime.strptime(entry.at, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - at) < timedelta(seconds=30)
