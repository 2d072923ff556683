from dataclasses import replace
from pathlib import Path

from forkcli.workspace.sandbox import Launch, Mount, Policy, mounts, sandbox_argv

ROOT = Path("/home/u/p")
LAUNCH = Launch("/usr/bin/bwrap", 1000, 1000)
POLICY = Policy(root=ROOT, writable=(ROOT,), protected=(ROOT / ".git",))


def _argv(policy: Policy = POLICY, launch: Launch = LAUNCH) -> list[str]:
    return sandbox_argv(policy, launch, 9, ["/bin/true"])


def test_every_sandbox_has_the_options_without_which_root_could_leave_it() -> None:
    argv = _argv()
    for option in ("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--die-with-parent"):
        assert option in argv
    assert argv[argv.index("--cap-drop") + 1] == "ALL"
    assert argv[argv.index("--seccomp") + 1] == "9"
    assert argv[-2:] == ["--", "/bin/true"]


def test_network_is_only_there_when_it_was_approved() -> None:
    assert "--unshare-net" not in _argv(replace(POLICY, net=True))
    held = replace(LAUNCH, enter=("/usr/bin/nsenter", "-n", "--"), own_net=False)
    assert "--unshare-net" not in _argv(launch=held)
    assert _argv(launch=held)[:4] == ["/usr/bin/nsenter", "-n", "--", "/usr/bin/bwrap"]


def test_deeper_rules_come_later_so_that_they_win() -> None:
    policy = replace(
        POLICY,
        opened=(ROOT / ".fork/notes",),
        protected=(ROOT / ".git", ROOT / ".fork"),
        secret_dirs=(Path("/home/u/.ssh"), Path("/home/u")),
    )
    order = [mount.target for mount in mounts(policy)]
    assert order == sorted(order, key=lambda path: len(path.parts))
    assert order.index(Path("/home/u")) < order.index(ROOT) < order.index(ROOT / ".git")
    assert order.index(ROOT / ".fork") < order.index(ROOT / ".fork/notes")


def test_a_secret_inside_the_project_stays_hidden_and_the_project_inside_a_secret_stays_seen() -> None:
    made = mounts(replace(POLICY, secret_dirs=(ROOT / "keys", ROOT.parent)))
    assert made.index(Mount("tmpfs", ROOT.parent)) < made.index(Mount("bind", ROOT, ROOT))
    assert made.index(Mount("bind", ROOT, ROOT)) < made.index(Mount("tmpfs", ROOT / "keys"))


def test_a_project_at_the_root_of_the_file_system_keeps_the_private_directories_private() -> None:
    made = mounts(Policy(root=Path("/"), writable=(Path("/"),)))
    assert made[0] == Mount("bind", Path("/"), Path("/"))
    assert Mount("tmpfs", Path("/tmp")) in made[1:]
    assert Mount("proc", Path("/proc")) in made[1:]


def test_reading_access_has_no_writable_place_but_the_private_ones_and_the_notes() -> None:
    policy = Policy(root=ROOT, readable=(ROOT,), opened=(ROOT / ".fork/notes",))
    assert [mount.target for mount in mounts(policy) if mount.kind == "bind"] == [ROOT / ".fork/notes"]


def test_an_agents_own_tmp_takes_the_place_of_an_empty_one() -> None:
    made = mounts(replace(POLICY, scratch=Path("/var/tmp")))
    assert Mount("bind", Path("/tmp"), Path("/var/tmp/tmp")) in made
    assert Mount("bind", Path("/var/tmp"), Path("/var/tmp/var-tmp")) in made
    assert Mount("tmpfs", Path("/run")) in made
