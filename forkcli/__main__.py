"""The door: `fork` and `python -m forkcli`. Whatever goes wrong leaves here as a sentence and an exit code.

Nothing but what the interpreter has loaded already is imported above `main`: until then the project's own directory may
stand on the module path, and a file there that is named like a module must never run. It never shows a traceback: one
that no sentence was written for goes to a file.
"""

import gc
import io
import os
import sys

FAILED = 1
LONGEST_LINE = 2000
INTERRUPTED = 130
TERMINATED = 143
# Objects made before the first search for garbage: more than all imports make, which stays. With Python's own number
# these searches are a tenth of all that starting costs. Whoever has imported everything sets the number for the run.
GARBAGE = (1_000_000, 20, 50)


def enter() -> None:
    """The command `fork`: `main`, with nothing of this process to be kept. It does not return."""
    gc.set_threshold(*GARBAGE)
    _leave(main())


def main() -> int:
    """Run the command line of this process; returns its exit code."""
    try:
        return _main()
    except KeyboardInterrupt:
        return INTERRUPTED


def _main() -> int:
    _forget_the_project(sys.path)
    _fill_closed_streams()
    if sys.argv[1:2] == ["--version"]:
        from forkcli import __version__

        sys.stdout.write(f"fork {__version__}\n")
        return 0
    sys.excepthook = _unexpected
    _die_tidily()
    try:
        code = _run()
    except BrokenPipeError:
        code = FAILED
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads: how the run went is another matter
        _drop_output()
    return code


def _leave(code: int) -> None:
    """End the process here and now. Taking the SDK's modules apart first would take a quarter of a second.

    Whatever had to be kept, ended or put back has been by now. A thread that still works is waited for, as ever.
    """
    threads = sys.modules.get("threading")
    if threads is None or all(thread.daemon or thread is threads.main_thread() for thread in threads.enumerate()):
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:  # what nobody can read, or no disk takes: the interpreter knows what to say and to exit with
            sys.exit(code)
        os._exit(code)
    sys.exit(code)


def _run() -> int:
    from forkcli.cli import run
    from forkcli.errors import ForkError

    try:
        return run(sys.argv[1:])
    except ForkError as error:
        _say(f"error: {error.sentence}", *(f"hint: {hint}" for hint in error.hints))
        return error.exit_code


def _forget_the_project(path: list[str]) -> None:
    """Take the working directory off the module path (in place), however it got there: `-m`, `PYTHONPATH=` or `.`.

    Of what PYTHONPATH names, the directories above it too: one of them may be the project's root.
    """
    try:
        here = os.path.realpath(".")
    except OSError:  # it was deleted: no module can come from there
        here = ""
    own = os.path.realpath(f"{__file__}/../..")
    said = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    named = {os.path.realpath(entry) for entry in said} if here else set()

    def foreign(entry: str) -> bool:
        real = os.path.realpath(entry)
        above = real in named and real != own and f"{here}{os.sep}".startswith(f"{real.rstrip(os.sep)}{os.sep}")
        return real == here or above

    path[:] = [entry for entry in path if entry.startswith(os.sep) and not foreign(entry)]


def _fill_closed_streams() -> None:
    """Open /dev/null where a standard stream is closed, so that no file of ours gets its number."""
    for fd, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is `fd`
            setattr(sys, name, os.fdopen(fd, "w" if fd else "r", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the locale cannot say must not fail


def _die_tidily() -> None:
    """SIGTERM and SIGHUP unwind like an exit, so that the terminal is restored and children end.

    One that is ignored (`nohup`) stays ignored.
    """
    import signal

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(TERMINATED)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, leave)


def _drop_output() -> None:
    """Nobody reads any more: what is still buffered must not fail again at exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(null, stream.fileno())


def _say(*lines: str) -> None:
    from forkcli.ui.sanitize import one_line

    for line in lines:
        sys.stderr.write(one_line(line, LONGEST_LINE) + "\n")


def _unexpected(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    """The hook for what nobody wrote a sentence for; the interpreter exits with 1 after it."""
    import tempfile
    import traceback

    _say(f"error: fork itself failed: {kind.__name__}: {error}")
    try:
        fd, name = tempfile.mkstemp(prefix="fork-failure-", suffix=".txt")
        with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError as problem:
        _say(f"hint: the details could not be kept ({problem})")
        return
    _say(f"hint: the details are in {name}", "hint: what a session had recorded is safe; `fork -c` goes on with it")


if __name__ == "__main__":
    enter()
