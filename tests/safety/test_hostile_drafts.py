"""What an agent that was to draft AGENTS.md leaves in the places of the file and of the draft."""

import os
from pathlib import Path

import pytest
from safety_kit import Strike

from forkcli.models.scripted import call

PLANTS = {
    "a pipe": "rm -f {0}; mkfifo {0}",
    "a folder": "rm -rf {0}; mkdir -p {0}/x",
    "no text": "rm -f {0}; printf '\\377\\376\\000' > {0}",
    "a link out": "rm -f {0}; ln -s /etc/hostname {0}",
    "a link within": "rm -f {0}; ln -s README.md {0}",
    "a link to nothing": "rm -f {0}; ln -s nowhere {0}",
    "too long a file": "head -c 400000 /dev/zero | tr '\\0' a > {0}",
    "a read-only file": "rm -f {0}; echo x > {0}; chmod 400 {0}",
}


@pytest.mark.parametrize("old", [None, "mine\n"])
@pytest.mark.parametrize("plant", PLANTS)
def test_agents_md_is_put_back_whatever_the_agent_made_of_it(
    needs_sandbox: None, strike: Strike, project: Path, plant: str, old: str | None
) -> None:
    agents = project / "AGENTS.md"
    if old is not None:
        agents.write_text(old)
    readme = (project / "README.md").read_bytes()
    done = strike(call("bash", command=PLANTS[plant].format("AGENTS.md")), words=("init",))
    assert "Traceback" not in done.stderr
    assert (project / "README.md").read_bytes() == readme
    if old is None:
        assert not os.path.lexists(agents)
    else:
        assert not agents.is_symlink()
        assert agents.read_text() == old


@pytest.mark.parametrize("plant", PLANTS)
def test_what_lies_in_the_draft_s_place_is_no_accident(
    needs_sandbox: None, strike: Strike, project: Path, plant: str
) -> None:
    (project / "AGENTS.md").write_text("mine\n")
    done = strike(call("bash", command=PLANTS[plant].format(".fork/notes/AGENTS.draft.md")), words=("init",))
    assert "Traceback" not in done.stderr
    assert (project / "AGENTS.md").read_text() == "mine\n"
