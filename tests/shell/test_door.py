"""The door: whatever goes wrong is a sentence and an exit code, and the project's own files are never imported."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TRAP = "raise SystemExit('the project was imported')\n"
# Names that fork imports (the SDK, dependencies, the standard library) and that anybody could plant in a project.
PLANTED = ("anthropic", "typer", "rich", "git", "tomllib", "signal", "asyncio", "json", "dataclasses", "sitecustomize")


def fork(*words: str, cwd: Path, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "forkcli", *words],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("words", [("--version",), ("ls",), ("--help",), ("doctor",), ("-p", "hello")])
def test_a_module_in_the_project_is_never_imported(project: Path, words: tuple[str, ...]) -> None:
    for name in PLANTED:
        (project / f"{name}.py").write_text(TRAP)
    done = fork(*words, cwd=project)
    assert "imported" not in done.stdout + done.stderr
    assert done.returncode in {0, 1, 2}


@pytest.mark.parametrize("path", ["", ".", ":", "./"])
def test_a_module_path_that_means_the_project_is_ignored(project: Path, path: str) -> None:
    (project / "typer.py").write_text(TRAP)
    (project / "anthropic.py").write_text(TRAP)
    value = f"{path}{os.pathsep}{os.environ['PYTHONPATH']}"
    done = fork("ls", cwd=project, env={"PYTHONPATH": value})
    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_told_without_loading_anything(project: Path) -> None:
    done = fork("--version", cwd=project)
    assert done.stdout.startswith("fork 0.")
    assert fork("-v", "--version", cwd=project).stdout == done.stdout


def test_a_working_directory_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    place = tmp_path / "gone"
    place.mkdir()
    script = f'cd "{place}" && rmdir "{place}" && exec "{sys.executable}" -m forkcli ls'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the working directory does not exist any more")
    assert "Traceback" not in done.stderr


def test_a_failure_of_our_own_is_a_sentence_and_a_file(project: Path, tmp_path: Path) -> None:
    program = "import forkcli.cli, forkcli.__main__ as door, sys\n"
    program += "def broken(argv): raise RuntimeError('bad\\x1b[31m luck')\n"
    program += "forkcli.cli.run = broken\nsys.exit(door.main())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stderr
    assert done.stderr.startswith("error: fork itself failed: RuntimeError: bad")
    file = Path(done.stderr.split("the details are in ")[1].splitlines()[0])
    assert "RuntimeError: bad" in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_its_exit_code_and_no_traceback(project: Path, number: signal.Signals) -> None:
    argv = [sys.executable, "-m", "forkcli", "tell", "main", "-"]
    process = subprocess.Popen(argv, cwd=project, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 10
    while _waiting_for_input(process.pid) is False and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=5)
    assert process.returncode == (130 if number is signal.SIGINT else 143)
    assert "Traceback" not in err


def _waiting_for_input(pid: int) -> bool:
    """Whether the process sleeps in a read of its standard input."""
    try:
        call = Path(f"/proc/{pid}/syscall").read_text().split()
    except OSError:
        return False
    return call[0] == "0" and call[1] == "0x0"


def test_a_closed_pipe_ends_it_quietly(project: Path) -> None:
    script = f'"{sys.executable}" -m forkcli show --diff | true; echo "${{PIPESTATUS[0]}}"'
    (project / "README.md").write_text("x\n" * 100_000)
    done = subprocess.run(["bash", "-c", script], cwd=project, capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "1"}


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_accident(project: Path, closed: str) -> None:
    script = f'"{sys.executable}" -m forkcli ls {closed}; echo "code $?" > out'
    done = subprocess.run(["bash", "-c", script], cwd=project, capture_output=True, text=True, check=False, timeout=30)
    assert (project / "out").read_text() == "code 0\n"
    assert "Traceback" not in done.stderr


def test_a_locale_that_cannot_say_it_does_not_fail(project: Path) -> None:
    env = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    done = fork("-C", "nirgendwo-ü", "ls", cwd=project, env=env)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_last_words_come_out_although_the_process_does_not_tidy_up(project: Path) -> None:
    done = fork("ls", "--json", cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_a_full_disk_behind_the_output_is_no_success(project: Path) -> None:
    script = f'"{sys.executable}" -m forkcli ls --json > /dev/full; echo "code $?" > out'
    subprocess.run(["bash", "-c", script], cwd=project, capture_output=True, text=True, check=False, timeout=30)
    assert (project / "out").read_text() != "code 0\n"


def test_a_thread_that_still_works_is_waited_for(project: Path) -> None:
    program = "import forkcli.cli, forkcli.__main__ as door, pathlib, threading, time\n"
    program += "def work():\n    time.sleep(0.3)\n    pathlib.Path('worked').touch()\n"
    program += "def begin(argv):\n    threading.Thread(target=work).start()\n    return 3\n"
    program += "forkcli.cli.run = begin\ndoor.enter()"
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, timeout=30, check=False)
    assert done.returncode == 3
    assert (project / "worked").exists()
