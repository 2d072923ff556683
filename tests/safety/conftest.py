"""What an attack stands on: a project that a hostile model works in, through the real command and its real sandbox."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from safety_kit import Attack, Strike, results_in, run_fork, text

from forkcli.core.messages import Block
from forkcli.models.scripted import ScriptedServer, reply

PROBE = ("bwrap", "--unshare-user", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "true")


@pytest.fixture(scope="session")
def sandbox_works() -> bool:
    return shutil.which("bwrap") is not None and subprocess.run(PROBE, capture_output=True, check=False).returncode == 0


@pytest.fixture
def needs_sandbox(sandbox_works: bool) -> None:
    """Asked for by attacks on the sandbox: where there is none they say so instead of failing."""
    if not sandbox_works:
        pytest.skip("bubblewrap is missing, or user namespaces are forbidden here")


@pytest.fixture
def strike(project: Path, sealed: Path) -> Strike:
    """`strike(call(…), call(…))` runs `fork -p` in the project with a model that makes these calls, one a step."""

    def run(
        *calls: Block, words: tuple[str, ...] = ("-p", "go"), env: Mapping[str, str] | None = None, cwd: Path = project
    ) -> Attack:
        steps = [*(reply(one) for one in calls), reply("done")]
        with ScriptedServer(steps) as server:
            done = run_fork(cwd, server.base_url, words, env or {})
        return Attack(done.returncode, text(done.stdout), text(done.stderr), results_in(cwd))

    return run
