"""What a hostile command must not be able to do, as whoever runs the tests and as an ordinary user.

Each attack runs in the production sandbox, with the agent's holder and without it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent.parent
NOBODY = 65534


def _ordinary_python() -> str | None:
    """An interpreter that another user may run: root's own is often in a closed directory."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        code = "import sys; sys.exit(sys.version_info < (3, 11))"
        try:
            argv = [python, "-B", "-c", f"import sys; sys.path.insert(0, {str(PACKAGE)!r}); import forkcli; {code}"]
            done = subprocess.run(argv, user=NOBODY, group=NOBODY, extra_groups=[], capture_output=True, check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    return None


ORDINARY = _ordinary_python() if os.geteuid() == 0 else None
USERS = ["self", "ordinary"] if ORDINARY else ["self"]


@dataclass(frozen=True, slots=True)
class Place:
    """A project, a home and whoever attacks them."""

    user: str
    held: bool
    root: Path
    home: Path
    outside: Path

    def run(
        self, *scripts: str | dict[str, Any], env: dict[str, str] | None = None, **more: Any
    ) -> list[dict[str, Any]]:
        """Run scripts one after the other in one workspace."""
        commands = [{"script": script} if isinstance(script, str) else script for script in scripts]
        asked = {"root": str(self.root), "commands": commands, "use_holder": self.held, **more}
        python = ORDINARY if self.user == "ordinary" else sys.executable
        ids: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.user == "ordinary" else {}
        done = subprocess.run(
            [str(python), "-B", str(HERE / "drive.py")],
            input=json.dumps(asked).encode(),
            capture_output=True,
            env={**os.environ, "HOME": str(self.home), "PYTHONPATH": str(PACKAGE), **(env or {})},
            cwd="/",
            check=False,
            timeout=50,
            **ids,
        )
        assert done.returncode == 0, done.stderr.decode()
        answer = json.loads(done.stdout)
        assert answer["sandbox"].startswith("bubblewrap"), answer["sandbox"]
        assert ("network" not in answer["sandbox"]) == self.held, answer["sandbox"]
        ends: list[dict[str, Any]] = answer["ends"]
        return ends

    def say(self, script: str, **options: Any) -> str:
        """What one script printed."""
        end = self.run({"script": script, **options})[0]
        assert "head" in end, end
        return str(end["head"])


@pytest.fixture(
    params=[(user, held) for user in USERS for held in (True, False)],
    ids=lambda p: f"{p[0]}-{'held' if p[1] else 'free'}",
)
def place(request: pytest.FixtureRequest, needs_sandbox: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    user, held = request.param
    base = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="attack-"))
    root, home, outside = base / "home/project", base / "home", base / "outside"
    root.mkdir(parents=True)
    outside.mkdir()
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"):
        monkeypatch.delenv(name, raising=False)
    (home / ".gitconfig").write_text("[user]\n\tname = T\n\temail = t@example.invalid\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    (root / "file").write_text("file\n")
    (root / ".fork/notes").mkdir(parents=True)
    (root / ".fork/history.jsonl").write_text("h\n")
    (outside / "kept").write_text("kept\n")
    (home / ".bashrc").write_text("# rc\n")
    if user == "ordinary":
        for path in [base, *base.rglob("*")]:
            os.lchown(path, NOBODY, NOBODY)
    yield Place(user, held, root, home, outside)
    shutil.rmtree(base)


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_project_is_writable_and_nothing_else_is(place: Place) -> None:
    before = _files(place.outside)
    said = place.say(
        f"echo new > made && mkdir d && echo ok; echo x > {place.outside}/kept; echo x > {place.home}/.bashrc; "
        f"touch {place.home}/new /etc/new /usr/new; ln -s {place.outside}/kept link; echo x > link; echo x > ../up"
    )
    assert said.startswith("ok\n")
    refusals = ("Read-only file system", "Permission denied", "No such file")
    assert sum(said.count(word) for word in refusals) == 7, said
    assert _files(place.outside) == before
    assert (place.home / ".bashrc").read_text() == "# rc\n"
    assert not (place.home / "new").exists()
    assert (place.root / "made").read_text() == "new\n"


GIT_TRICKS = [
    "echo evil > .git/hooks/post-checkout",
    "git config core.fsmonitor ./evil",
    "mv .git .git2 && mkdir .git",
    "rm -rf .git",
    "echo ../evil > .git/commondir",
    "mount -o remount,rw,bind .git; echo x > .git/x",
    "umount .git; umount -l .git; echo x > .git/x",
    "mount --bind /tmp .git",
    "unshare -Urm sh -c 'mount -o remount,rw,bind .git; umount .git; echo x > .git/x'",
    "ln -sfn /tmp .git; ln -f .git/config stolen && echo x >> stolen",
    "chmod -R 777 .git; touch .git/x",
    "cd .. && mv project moved",
    "mkdir -p /tmp/g && cp -r .git /tmp/g && rm -rf .git && cp -r /tmp/g/.git .",
    "git commit -q --allow-empty -m x",
    "nsenter -t 1 -m sh -c 'echo x > .git/x'",
    "python3 -c 'import os; os.setns(os.open(\"/proc/1/ns/mnt\", 0))'",
    "chroot /proc/1/root sh -c 'echo x > {root}/.git/x'",
    "echo x > /proc/1/root{root}/.git/x; echo x > /proc/self/root{root}/.git/x",
    "mknod disk b 254 0 && cat disk | head -c 10",
]


def test_git_and_forks_records_cannot_be_changed_or_moved(place: Place) -> None:
    before = _files(place.root / ".git") | _files(place.root / ".fork")
    tricks = [trick.replace("{root}", str(place.root)) for trick in GIT_TRICKS]
    ends = place.run(*tricks)
    assert len(ends) == len(tricks)
    assert _files(place.root / ".git") | _files(place.root / ".fork") == before
    assert not (place.root / ".git2").exists()
    assert place.root.is_dir()


FORK_TRICKS = [
    "echo x >> .fork/history.jsonl",
    "rm -rf .fork",
    "mv .fork .fork2; mkdir .fork",
    "echo 'model = \"x\"' > .fork/config.toml",
    "rm -rf .fork/notes; ln -s ../../.. .fork/notes",
    "mv .fork/notes .fork/other; touch .fork/new",
]


def test_only_the_notes_of_forks_folder_are_writable_also_with_access_to_read(place: Place) -> None:
    before = _files(place.root / ".fork")
    place.run(*FORK_TRICKS)
    assert _files(place.root / ".fork") == before
    ends = place.run(
        "echo n > .fork/notes/a", {"script": "echo n > .fork/notes/b; echo x > file; touch new", "access": "read"}
    )
    assert [end["exit_code"] for end in ends] == [0, 1]
    assert sorted(os.listdir(place.root / ".fork/notes")) == ["a", "b"]
    assert (place.root / "file").read_text() == "file\n"
    assert not (place.root / "new").exists()


def test_fork_s_folder_cannot_be_made_by_a_command_that_comes_first(place: Place) -> None:
    shutil.rmtree(place.root / ".fork")
    place.run("mkdir -p .fork; echo 'model = \"x\"' > .fork/config.toml")
    assert not (place.root / ".fork/config.toml").exists()


def test_secrets_are_hidden_and_none_is_made_by_hiding(place: Place) -> None:
    for name in (".ssh/id", ".aws/credentials", ".netrc", ".config/gh/hosts.yml", ".docker/config.json", ".npmrc"):
        secret = place.home / name
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("SECRET")
    (place.home / ".kube").mkdir()
    (place.home / "dotfiles").mkdir()
    (place.home / "dotfiles/pypirc").write_text("SECRET")
    (place.home / ".pypirc").symlink_to("dotfiles/pypirc")
    if place.user == "ordinary":
        for path in place.home.rglob("*"):
            os.lchown(path, NOBODY, NOBODY)
    before = sorted(str(path) for path in place.home.rglob("*") if ".cache" not in path.parts)
    end = place.run(
        "grep -rs SECRET ~ ; find ~/.ssh ~/.aws ~/.kube -type f; "
        "cat ~/.netrc ~/.npmrc ~/.pypirc ~/dotfiles/pypirc; echo end",
        "echo x > ~/.ssh/authorized_keys; umount ~/.ssh; umount ~/.netrc; grep -rs SECRET ~; cat ~/.bashrc",
    )
    assert end[0]["head"] == "end\n"
    assert "SECRET" not in end[1]["head"]
    assert "# rc" in end[1]["head"]
    assert sorted(str(path) for path in place.home.rglob("*") if ".cache" not in path.parts) == before


def test_no_key_is_in_any_environment_that_can_be_read(place: Place) -> None:
    script = "env; cat /proc/*/environ /proc/$PPID/environ 2>/dev/null | tr '\\0' '\\n'; ps axe 2>/dev/null; set"
    end = place.run(
        script, env={"ANTHROPIC_API_KEY": "sk-SECRET", "GITHUB_TOKEN": "ghp-SECRET", "SSH_AUTH_SOCK": "/SECRET"}
    )
    assert "SECRET" not in end[0]["head"] + end[0]["tail"]
    assert "PAGER=cat" in end[0]["head"]


def test_processes_of_the_host_are_not_seen_nor_touched(place: Place) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        said = place.say(
            f"ls /proc | grep -c '^[0-9]'; cat /proc/{bystander.pid}/cmdline; kill -9 {bystander.pid}; echo"
        )
        assert bystander.poll() is None
        bystander.kill()
    assert int(said.split()[0]) < 12
    assert "sleep" not in said


PYTHON = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable


def test_sockets_of_the_host_are_out_of_reach(place: Place) -> None:
    address = place.home / "host.sock"
    datagrams = place.home / "host.dgram"
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiving:
        listening.bind(str(address))
        receiving.bind(str(datagrams))
        receiving.settimeout(0.2)
        for path in (address, datagrams):
            path.chmod(0o777)
        listening.listen()
        code = f"""
import ctypes, os, socket
def attempt(name, act):
    try: act(); print(name, "REACHED")
    except OSError as error: print(name, "refused")
attempt("connect", lambda: socket.socket(socket.AF_UNIX).connect({str(address)!r}))
attempt("datagram", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", {str(datagrams)!r}))
attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect("\\0x"))
attempt("pair", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b"x", {str(datagrams)!r}))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
print("ring", ctypes.CDLL(None).syscall(425, 1, 0))
a, b = socket.socketpair(); a.send(b"fine"); print(b.recv(9).decode())
"""
        (place.root / "attack.py").write_text(code)
        for net in (False, True):
            said = place.say(f"{PYTHON} attack.py", net=net)
            assert "REACHED" not in said
            assert said.count("refused") == 5
            assert "ring -1" in said
            assert said.endswith("fine\n")
        with pytest.raises(TimeoutError):
            receiving.recv(10)


def test_the_network_is_off_and_no_host_port_answers(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = place.say(
            f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo REACHED; cat /proc/net/dev | grep -vc lo:; "
            "echo x > /dev/udp/192.0.2.1/53 && echo SENT; getent hosts example.invalid && echo RESOLVED; true"
        )
        assert "REACHED" not in said
        assert "SENT" not in said
        assert "RESOLVED" not in said


def test_an_approved_network_is_the_hosts(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        said = place.say(f"exec 3<>/dev/tcp/127.0.0.1/{port} && echo REACHED", net=True)
        assert said == "REACHED\n"


def test_tmp_and_run_are_private(place: Place) -> None:
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="host-") as host:
        Path(host.name).chmod(0o666)
        said = place.say(
            f"cat {host.name}; ls /tmp /run | wc -l; echo x > /tmp/mine && echo x > /run/mine && echo wrote"
        )
        assert "wrote" in said
        assert "No such file" in said
        assert not Path("/tmp/mine").exists()
        assert not Path("/run/mine").exists()


def test_root_s_power_over_the_kernel_is_gone(place: Place) -> None:
    said = place.say(
        "cd /proc/sys/kernel; cat core_pattern > core_pattern && echo PATTERN; cat pid_max > pid_max && echo MAX; "
        "for file in /proc/sysrq-trigger /sys/power/state /sys/kernel/mm; do test -w $file && echo WRITABLE; done; "
        "mount -t tmpfs none /mnt && echo MOUNTED; mknod /tmp/d b 8 0 && echo MADE; "
        "grep -h ^CapEff /proc/self/status; grep -h ^NoNewPrivs /proc/self/status; "
        'unshare -U true && echo NESTED; date -s "$(date)" > /dev/null && echo CLOCK; true'
    )
    for word in ("PATTERN", "MAX", "WRITABLE", "MOUNTED", "MADE", "NESTED", "CLOCK"):
        assert word not in said, said
    assert "CapEff:\t0000000000000000" in said
    assert "NoNewPrivs:\t1" in said


def test_hundreds_of_processes_end_with_the_command_s_time(
    place: Place, survivors_of: Callable[[str], list[int]], nap: str
) -> None:
    # a real fork bomb is for a user whom the kernel's limit binds; root it does not
    crowd = f"for i in {{1..150}}; do sleep {nap} & done"
    bomb = "ulimit -u 150; f() { f | f & }; f" if place.user == "ordinary" else crowd
    said = place.run({"script": f"{bomb}; sleep {nap}", "timeout_s": 1.5})
    assert said[0]["timed_out"]
    assert survivors_of(f"sleep\0{nap}") == []
    assert place.say("echo fine") == "fine\n"


def test_a_limit_on_processes_holds_for_an_ordinary_user(place: Place) -> None:
    limit = place.say("ulimit -u; ulimit -c").split()
    assert limit[1] == "0"
    assert limit[0] != "unlimited"
    assert int(limit[0]) <= 4096


def test_a_git_file_s_directories_are_protected_where_they_lie(place: Place) -> None:
    main = place.root / "main"
    main.mkdir()
    git = ["git", "-C", str(main), "-c", "safe.directory=*"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", "--detach", str(place.root / "linked")], check=True)
    if place.user == "ordinary":
        for path in place.root.rglob("*"):
            os.lchown(path, NOBODY, NOBODY)
    before = _files(main / ".git") | {"file": (place.root / "linked/.git").read_bytes()}
    linked = Place(place.user, place.held, place.root / "linked", place.home, place.outside)
    ends = linked.run(
        "touch fine; git status --short; echo x > .git; rm .git; mv .git g",
        f"cd {main}; echo x > .git/config; echo x > .git/worktrees/linked/HEAD; echo x > y; touch .git/x",
        add_dirs=[str(main)],
    )
    assert "?? fine" in ends[0]["head"], ends[0]
    assert _files(main / ".git") | {"file": (linked.root / ".git").read_bytes()} == before
    assert (main / "y").exists()


def test_a_git_link_cannot_be_protected_and_so_nothing_runs(place: Place) -> None:
    (place.root / ".git").rename(place.root / "real")
    (place.root / ".git").symlink_to("real")
    asked = {"root": str(place.root), "commands": [{"script": "touch x"}], "use_holder": place.held}
    done = subprocess.run(
        [sys.executable, "-B", str(HERE / "drive.py")],
        input=json.dumps(asked).encode(),
        capture_output=True,
        env={**os.environ, "HOME": str(place.home), "PYTHONPATH": str(PACKAGE)},
        check=True,
        timeout=30,
    )
    answer = json.loads(done.stdout)
    assert "symbolic link" in answer["ends"][0]["error"]
    assert answer["sandbox"].startswith("none (")
    assert not (place.root / "x").exists()


def test_the_user_is_the_same_inside(place: Place) -> None:
    uid = NOBODY if place.user == "ordinary" else os.getuid()
    said = place.say("id -u; touch owned")
    assert said.strip() == str(uid)
    assert (place.root / "owned").stat().st_uid == uid


def test_the_home_directory_can_be_read(place: Place) -> None:
    assert place.say("cat ~/.bashrc; cd && pwd") == f"# rc\n{place.home}\n"
