"""A fork's workspace: the files as the fork sees them, and commands among them.

Which files these are was settled before: here they are only reached, through the root directory of the holder and by
descriptors; never by resolving a path there, which would lead back to the parent's files. Invariant: every command
starts in the fork's own view, sandboxed or not; without a view none is sandboxed, and the notes say so.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forkcli.core.entries import Access
from forkcli.engine.ports import Command
from forkcli.errors import ForkError
from forkcli.workspace.containment import Containment
from forkcli.workspace.environment import own_environment, sandbox_environment
from forkcli.workspace.files import Files
from forkcli.workspace.gitrun import GitResult, execute
from forkcli.workspace.holder import Holder
from forkcli.workspace.plain import PlainWorkspace
from forkcli.workspace.policy import cache_directory, ensure_scratch_dir, make_policy
from forkcli.workspace.process import OnOutput, Running
from forkcli.workspace.protect import pins
from forkcli.workspace.sandbox import Launch, Policy
from forkcli.workspace.upper import Touched, touched
from forkcli.workspace.view import Layer, Plan, open_view

if TYPE_CHECKING:
    from concurrent.futures import Future

    from forkcli.workspace.probe import Capability

Kind = Literal["view", "overlay", "worktree"]
_GIT_S = 300.0
_GIT_BYTES = 512 * 1024 * 1024

# the argv prefix that leads into the namespaces in which the paths of a view's layers are meant
Enter = Callable[[], Sequence[str]]


class ForkContainment(Containment):
    """The sandbox of a fork: as its parent's, but in the fork's own view."""

    def __init__(
        self, plan: Plan, add_dirs: tuple[Path, ...], environ: Mapping[str, str], base: Containment | None, enter: Enter
    ) -> None:
        super().__init__((plan.root,), environ)
        self._plan = plan
        self._add_dirs = add_dirs
        self._base = base
        self._from = enter
        self.opened: Callable[[Holder], None] = lambda _: None  # told of every holder that is started

    def begin(self) -> "Future[Capability]":
        """What works for the parent works here."""
        return super().begin() if self._base is None else self._base.begin()

    def holder(self) -> Holder:
        """The holder, started if there is none that lives. Raises ForkError."""
        holder = self._living_holder()
        if holder is None:
            raise ForkError(f"this fork's view of the files could not be opened: {self._why_no_holder}")
        return holder

    def launch(self, *, access: Access, net: bool) -> tuple[Policy, Launch, dict[str, str]]:
        """Policy, start and environment of one command. Raises ForkError when it cannot be contained."""
        capability = self.capability
        if capability.launch is None:
            raise ForkError(f"there is no working sandbox here: {capability.why}")
        if not capability.holder:
            raise ForkError(f"the sandbox does not work in a fork's view of the files: {capability.why_no_holder}")
        holder = self.holder()
        root = self._plan.root
        ensure_scratch_dir(root)
        cache = cache_directory(root, self._environ)
        found = make_policy((root,), self._environ, access=access, net=net, cache=cache, scratch=holder.scratch)
        policy = self._own(found, access)
        launch = replace(capability.launch, enter=holder.enter(net=net), own_net=False)
        env = sandbox_environment(self._environ, (root, *self._add_dirs), cache, net=net)
        return policy, launch, env

    def _own(self, policy: Policy, access: Access) -> Policy:
        """The policy for files that are the fork's own: all but `.fork` and what is not layered."""
        readable = (*policy.readable, *self._add_dirs)
        dirs, files = self._present(policy.secret_dirs), self._present(policy.secret_files)
        policy = replace(policy, readable=readable, secret_dirs=dirs, secret_files=files)
        if access == "read":
            return policy
        root = self._plan.root
        own = (root, *(layer.target for layer in self._plan.layers if not _within(layer.target, root)))
        kept = tuple(
            path
            for path in policy.protected
            if _within(path, root / ".fork") or not any(_within(path, place) for place in own)
        )
        writable = (*own, *self._present(pins((root,), (*kept, *dirs, *files))))
        return replace(policy, writable=writable, protected=kept)

    def _present(self, paths: Sequence[Path]) -> tuple[Path, ...]:
        """Those that exist in the fork: it may have removed some, and nothing is mounted on what is not there."""
        root = self._plan.root
        with_files = [path for path in paths if _within(path, root)]
        if not with_files:
            return tuple(paths)
        seen = Files((root,), {root: seen_by(self.holder(), root)})
        try:
            gone = {path for path in with_files if seen.stat(str(path)).kind == "absent"}
        finally:
            seen.close()
        return tuple(path for path in paths if path not in gone)

    def _new_holder(self) -> Holder | None:
        try:
            holder = open_view(self._plan, self._environ, enter=self._from(), used=self._add_dirs)
        except ForkError as error:
            self._why_no_holder = error.sentence
            return None
        for layer in self._plan.layers:
            if layer.work is not None:
                with suppress(
                    OSError
                ):  # the kernel leaves it without permission bits, which upsets a search through it
                    (layer.work / "work").chmod(0o700)
        self.opened(holder)
        return holder


def seen_by(holder: Holder, path: Path) -> Path:
    """Where a path of the holder's is visible from here. It is to be opened, and never to be resolved."""
    return Path(f"/proc/{holder.pid}/root{path}")


class ForkWorkspace(PlainWorkspace):
    """The files of a fork. Made by `open_fork`."""

    kind: Kind
    notes: tuple[str, ...]  # what is not as in the parent, in sentences for the model
    _sandbox: ForkContainment | None

    def __init__(
        self,
        kind: Kind,
        parent: PlainWorkspace,
        plan: Plan,
        *,
        notes: Sequence[str] = (),
        enter: Enter = tuple,
        access: Access = "write",
        apart: Path | None = None,
    ) -> None:
        """`apart` is where the files lie, when they cannot be shown at the project's own path."""
        self.kind = kind
        self.notes = tuple(notes)
        self.plan = plan
        self.entered_from = enter
        self._access = access
        self._sandbox = None
        self._apart = apart
        if apart is not None:
            super().__init__(parent.roots, parent.environ, None, Files(parent.roots, {plan.root: apart}))
            return
        if kind == "view" and not isinstance(parent, ForkWorkspace):  # the project's own files, as they are
            sandbox = None if parent.containment is None else Containment(parent.roots, parent.environ)
            super().__init__(parent.roots, parent.environ, sandbox)
            return
        add_dirs = parent.roots[1:]
        self._sandbox = ForkContainment(plan, add_dirs, parent.environ, parent.containment, enter)
        try:
            files = Files(parent.roots, {plan.root: seen_by(self._sandbox.holder(), plan.root)})
        except ForkError:
            self._sandbox.close()
            raise
        super().__init__(parent.roots, parent.environ, self._sandbox, files)
        self._sandbox.opened = self._reopen

    @property
    def seen(self) -> Path:
        """The fork's root as this process can open it. Not a path to resolve, nor to give to git."""
        return self._home if self._sandbox is None else seen_by(self._sandbox.holder(), self.root)

    @property
    def sandbox(self) -> str:
        """How commands are contained."""
        return super().sandbox if self._apart is None else "none (the fork's files lie apart)"

    @property
    def holder_pid(self) -> int | None:
        """The process that keeps the fork's view; None for a view that is the project itself."""
        return None if self._sandbox is None else self._sandbox.holder().pid

    def enter(self) -> tuple[str, ...]:
        """The argv prefix that runs a program among the fork's files, with the machine's network."""
        return () if self._sandbox is None else self._sandbox.holder().enter(net=True)

    def git_run(self, argv: Sequence[str], env: Mapping[str, str], stdin: bytes = b"") -> GitResult:
        """Run a git (program first, by its absolute path) where the fork's files have their own paths.

        `env` is its whole environment. Raises ForkError when it does not start or does not end.
        """
        inside = [*self.enter(), *argv]
        if self._apart is not None:
            here, there = str(self.root), str(self._apart)
            inside = [there if word == here else word for word in inside]
            env = {name: there if value == here else value for name, value in env.items()}
        return execute(self._home, inside, env, timeout_s=_GIT_S, most_bytes=_GIT_BYTES, stdin=stdin)

    def changed_paths(self) -> tuple[Touched, ...] | None:
        """Which paths of the project the fork touched so far; None where only a comparison can tell."""
        if self.kind == "view":
            return ()
        layer = self.layer(self.root)
        return None if layer is None or layer.work is None else tuple(touched(layer.own))

    def layer(self, target: Path) -> Layer | None:
        """The layer that stands at a path."""
        return next((layer for layer in self.plan.layers if layer.target == target), None)

    def write(self, path: str, data: bytes) -> None:
        """Create or replace a file of the fork's own."""
        if self._access == "read":
            raise ForkError(f"{path} was not written: this fork has read access", "report what should be changed")
        if self._files.root_of(path) != self.root:
            raise ForkError(f"{path} was not written: an added directory is read-only in a fork", "report the change")
        super().write(path, data)

    async def start(self, command: Command, on_output: OnOutput | None = None) -> Running:
        """Start a command in the fork's view. Raises ForkError when it cannot be contained as asked."""
        if self._access == "read":
            if not command.sandboxed:
                raise ForkError("a fork with read access runs no command outside of the sandbox")
            command = replace(command, access="read")
        return await super().start(command, on_output)

    @property
    def _home(self) -> Path:
        return self._apart or self.root

    async def _start_free(self, command: Command, on_output: OnOutput | None) -> Running:
        inside = self.enter()
        command = replace(command, cwd=str(self._really(command.cwd)))

        def wrap(shell: list[str]) -> list[str]:
            return [*inside, *shell]

        env = own_environment(self._environ, self.roots)
        return await self._launch(command, on_output, wrap, env, (), contained=False)

    def _really(self, cwd: str) -> Path:
        """Where a directory of the project is, when the fork's files lie apart."""
        path = Path(os.path.normpath(cwd))
        if self._apart is None or not _within(path, self.root) or _within(path, self._apart):
            return Path(cwd)
        return self._apart / path.relative_to(self.root)

    def _reopen(self, holder: Holder) -> None:
        """A new holder has mounted the same files again: reach them through it."""
        old = self._files
        self._files = Files(self.roots, {self.root: seen_by(holder, self.root)})
        old.close()


def _within(path: Path, place: Path) -> bool:
    return path == place or place in path.parents
