"""`bash` and the file tools on the real workspace: real processes in the real sandbox, real files beneath the root."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tools_kit import Desk, complaint, text

from forkcli.errors import ForkError
from forkcli.tools.bash import bash_tool
from forkcli.tools.edit import edit_tool
from forkcli.tools.output import LIMIT_CHARS
from forkcli.tools.read import read_tool
from forkcli.tools.write import write_tool
from forkcli.workspace.base import open_workspace

BASH, READ, WRITE, EDIT = bash_tool(), read_tool(), write_tool(), edit_tool()


@pytest.fixture
async def real(project: Path) -> AsyncIterator[Desk]:
    (project / ".fork/notes").mkdir(parents=True)
    workspace = open_workspace(project)
    assert workspace.contained, workspace.sandbox
    desk = Desk(workspace)
    yield desk
    await desk.jobs.close()
    await workspace.close()


async def said(desk: Desk, command: str, **args: object) -> str:
    return text(await desk.call(BASH, command=command, **args))


async def refused(desk: Desk, path: str) -> str:
    with pytest.raises(ForkError) as caught:
        await desk.call(WRITE, path=path, content="x")
    return complaint(caught.value)


async def test_a_command_writes_in_the_project_and_its_output_is_heard_live(real: Desk) -> None:
    assert await said(real, "echo one; echo two >&2; echo three > made; cat made") == "one\ntwo\nthree"
    assert (real.root / "made").read_text() == "three\n"
    assert "".join(real.heard) == "one\ntwo\nthree\n"


async def test_the_directory_carries_over_by_what_the_result_says(real: Desk) -> None:
    outcome = await real.call(BASH, command="cd src && pwd")
    assert text(outcome) == f"{real.root}/src\n[cwd: src]"
    real.cwd = outcome.facts.cwd or ""
    assert await said(real, "cat hello.py") == 'print("hello")'


async def test_exit_codes_signals_and_silence_are_told(real: Desk) -> None:
    assert await said(real, "exit 3") == "[no output]\n[exit 3]"
    assert await said(real, "kill -TERM $$") == "[no output]\n[exit 143: SIGTERM]"
    assert "command not found\n[exit 127]" in await said(real, "no-such-command-anywhere")
    assert (await said(real, "if")).endswith("[exit 2]")


async def test_a_timeout_ends_the_command_and_keeps_what_it_wrote(real: Desk) -> None:
    outcome = await real.call(BASH, command="echo begun; sleep 60 & sleep 60", timeout_s=1)
    assert text(outcome).startswith("begun\n[timed out after 1 s: ")
    assert outcome.is_error


async def test_a_program_that_asks_gets_end_of_file(real: Desk) -> None:
    assert await said(real, "read -p 'sure? ' x; echo \"got[$x] $?\"; cat") == "got[] 1"
    assert "[exit " in await said(real, "cat < /dev/tty")


async def test_a_long_output_is_kept_whole_in_a_file_that_the_next_command_can_read(real: Desk) -> None:
    outcome = await real.call(BASH, command="seq 1 50000")
    shown = text(outcome)
    assert len(shown) < LIMIT_CHARS + 200
    assert shown.startswith("1\n2\n3\n")
    assert shown.endswith("\n49999\n50000")
    name = outcome.facts.output_file
    assert name is not None
    assert f"left out; all of it: {name} …]" in shown
    assert (real.root / name).read_bytes() == b"".join(b"%d\n" % number for number in range(1, 50_001))
    assert await said(real, f"wc -l < {name}; sed -n 25000p {name}") == "50000\n25000"
    first, _, last = shown.partition("[… ")
    gone = int(last.split(" lines")[0].replace(",", ""))
    assert first.count("\n") + gone + last.count("\n") == 50_000


async def test_a_short_output_leaves_no_file(real: Desk) -> None:
    await said(real, "echo short")
    assert list((real.root / ".fork").rglob("*.txt")) == []


async def test_a_hundred_megabytes_of_output_end_in_a_capped_file_and_a_short_result(real: Desk) -> None:
    outcome = await real.call(BASH, command="head -c 100000000 /dev/zero | tr '\\0' 'x'")
    assert text(outcome).endswith("\n[killed: output over 64 MiB]")
    assert outcome.is_error
    assert len(text(outcome)) < LIMIT_CHARS + 300
    name = outcome.facts.output_file
    assert name is not None
    assert 60 << 20 <= (real.root / name).stat().st_size <= 65 << 20


async def test_binary_output_is_not_shown(real: Desk) -> None:
    assert (await said(real, "head -c 5000 /bin/ls")).startswith("[binary output, 5,000 bytes, not shown; redirect it")
    outcome = await real.call(BASH, command="head -c 100000 /bin/ls")
    assert text(outcome).startswith("[binary output, 97.7 KiB, not shown; all of it: ")
    assert outcome.facts.output_file is not None
    assert (real.root / outcome.facts.output_file).read_bytes() == Path("/bin/ls").read_bytes()[:100_000]


async def test_the_sandbox_refuses_and_the_hint_says_how_to_ask(real: Desk) -> None:
    outside = await said(real, "touch /etc/here")
    assert "Read-only file system" in outside
    assert "repeat the call with `why`" in outside
    commit = await said(real, "touch new && git add new")
    assert "repeat the call with `why`" in commit
    network = await said(real, "exec 3<>/dev/tcp/192.0.2.1/80")
    assert "repeat the call with `net: true`" in network


async def test_with_access_read_a_command_writes_nothing(real: Desk) -> None:
    real.access = "read"
    answer = await said(real, "cat README.md; echo x > made")
    assert answer.startswith("# A project\n")
    assert answer.endswith("[sandbox: your access is `read`: only `.fork/notes/` and /tmp can be written]")
    assert not (real.root / "made").exists()


async def test_what_the_user_agreed_to_runs_outside(real: Desk) -> None:
    assert "Not run" in await said(real, "git commit -q --allow-empty -m x", why="you asked for it")
    real.agrees = True
    assert await said(real, "git commit -q --allow-empty -m x", why="you asked for it") == "[no output]"
    assert [question.command for question in real.asked] == ["git commit -q --allow-empty -m x"] * 2
    assert await said(real, "git log --oneline | wc -l") == "2"


async def test_a_background_server_answers_the_next_command_and_is_stopped(real: Desk) -> None:
    serve = "python3 -u -m http.server 8765 --bind 127.0.0.1"
    outcome = await real.call(BASH, command=serve, background=True)
    job, name = outcome.facts.job, outcome.facts.output_file
    assert job == "j1"
    assert name is not None
    fetch = "for i in $(seq 50); do (exec 3<>/dev/tcp/127.0.0.1/8765) 2>/dev/null && break; sleep 0.1; done; "
    fetch += (
        "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:8765/README.md').read().decode())\""
    )
    assert await said(real, fetch) == "# A project"
    assert "GET /README.md" in await said(real, f"cat {name}")
    stopped = text(await real.call(BASH, stop=job))
    assert stopped.startswith("[job j1 stopped after ")
    assert "GET /README.md" in stopped
    assert real.jobs.running == {}


async def test_a_job_that_ends_by_itself_is_told_and_its_output_is_whole(real: Desk) -> None:
    outcome = await real.call(BASH, command="sleep 0.5; seq 1 20000", background=True)
    for _ in range(100):
        if real.told:
            break
        await asyncio.sleep(0.1)
    assert [(message.sender, message.job) for message in real.told] == [("j1", "j1")]
    assert "ended with exit code 0" in real.told[0].text
    assert (real.root / str(outcome.facts.output_file)).read_text().endswith("\n20000\n")


async def test_a_job_that_dies_at_once_is_told_at_once(real: Desk) -> None:
    answer = text(await real.call(BASH, command="echo oh no; exit 4", background=True))
    assert answer.startswith("[job j1 has already ended")
    assert answer.endswith("oh no\n[exit 4]")


async def test_a_cut_call_leaves_nothing_running(real: Desk) -> None:
    task = asyncio.create_task(real.call(BASH, command="echo $$; while :; do echo tick >> ticks; sleep 0.05; done"))
    for _ in range(100):
        if (real.root / "ticks").exists():
            break
        await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    size = (real.root / "ticks").stat().st_size
    await asyncio.sleep(0.3)
    assert (real.root / "ticks").stat().st_size == size


async def test_scripts_with_any_characters_run_as_they_are(real: Desk) -> None:
    assert await said(real, "cat <<'EOF'\n$x `y` \"z\" \\ é\nEOF") == '$x `y` "z" \\ é'
    assert await said(real, "-x") != ""
    assert await said(real, "echo " + "a" * 200_000 + " | wc -c") == "200001"


async def test_the_file_tools_work_beneath_the_root_and_nowhere_else(real: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("outside")
    os.symlink(tmp_path, real.root / "out")
    os.symlink("src/hello.py", real.root / "link")
    assert text(await real.call(READ, path="link")) == '     1\tprint("hello")'
    await real.call(EDIT, path="link", old_str="hello", new_str="goodbye")
    assert (real.root / "src/hello.py").read_text() == 'print("goodbye")\n'
    assert (real.root / "link").is_symlink()
    for path in ("out/secret", "../secret", str(tmp_path / "secret"), "/etc/passwd"):
        with pytest.raises(ForkError):
            await real.call(READ, path=path)
        await refused(real, path)
    assert (tmp_path / "secret").read_text() == "outside"


async def test_write_and_edit_refuse_git_and_fork_but_for_the_notes(real: Desk) -> None:
    for path in (".git/config", ".git/hooks/pre-commit", ".fork/config.toml", ".fork/sessions/x"):
        await refused(real, path)
    assert text(await real.call(WRITE, path=".fork/notes/a.md", content="note\n")).startswith("Created")
    with pytest.raises(ForkError):
        await real.call(EDIT, path=".git/HEAD", old_str="ref", new_str="xyz")


async def test_strange_names_are_only_names(real: Desk) -> None:
    for name in ("-x", "a b", "$(touch y)", "é\u202etxt", "new\nline", "*"):
        await real.call(WRITE, path=name, content="one\n")
        await real.call(EDIT, path=name, old_str="one", new_str="two")
        assert text(await real.call(READ, path=name)) == "     1\ttwo"
    for name in ("x" * 1000, "a/" * 3000 + "b", "README.md/x"):
        with pytest.raises(ForkError):
            await real.call(READ, path=name)
        await refused(real, name)


async def test_devices_and_fifos_are_refused_at_once(real: Desk) -> None:
    os.mkfifo(real.root / "pipe")
    with pytest.raises(ForkError):
        await asyncio.wait_for(real.call(READ, path="pipe"), 5)
    await refused(real, "pipe")


async def test_replacing_keeps_the_mode_of_a_script(real: Desk) -> None:
    (real.root / "run.sh").write_text("#!/bin/sh\necho old\n")
    (real.root / "run.sh").chmod(0o755)
    await real.call(EDIT, path="run.sh", old_str="old", new_str="new")
    assert await said(real, "./run.sh") == "new"
