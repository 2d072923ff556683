"""The sandbox of one agent: which one works here, its holder, and how each command is started in it.

It never falls back to running without a sandbox: others ask about that. Invariant: when `launch` answers, that
very way of starting a sandbox has worked in this process.
"""

import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from forkcli.core.entries import Access
from forkcli.errors import ForkError
from forkcli.workspace.environment import find_program, sandbox_environment
from forkcli.workspace.holder import Holder, scratch_place, start_holder
from forkcli.workspace.policy import cache_directory, ensure_scratch_dir, make_policy
from forkcli.workspace.probe import Capability, probe, remember
from forkcli.workspace.sandbox import Launch, Policy
from forkcli.workspace.secrets import homes

_READY_S = 60.0


class Containment:
    """Finds the sandbox in a thread of its own while fork starts, and describes it for each command."""

    def __init__(self, roots: tuple[Path, ...], environ: Mapping[str, str], *, use_holder: bool = True) -> None:
        self._roots = roots
        self._environ = dict(environ)
        self._use_holder = use_holder
        self._holder: Holder | None = None
        self._closed = False
        self._why_no_holder = "" if use_holder else "switched off"
        self._lock = threading.RLock()
        self._found: Future[Capability] | None = None

    def begin(self) -> "Future[Capability]":
        """Start to find out, if that has not been done."""
        with self._lock:
            if self._found is None:
                worker = ThreadPoolExecutor(1, thread_name_prefix="sandbox-probe")
                self._found = worker.submit(self._find)
                worker.shutdown(wait=False)
            return self._found

    @property
    def capability(self) -> Capability:
        """What works here; waits until it is known."""
        return self.begin().result(_READY_S)

    def launch(self, *, access: Access, net: bool) -> tuple[Policy, Launch, dict[str, str]]:
        """Policy, start and environment of one command. Raises ForkError when it cannot be contained."""
        capability = self.capability
        if capability.launch is None:
            raise ForkError(f"there is no working sandbox here: {capability.why}")
        holder = self._living_holder() if capability.holder else None
        if access != "read":
            ensure_scratch_dir(self._roots[0])
        cache = cache_directory(self._roots[0], self._environ)
        scratch = holder.scratch if holder is not None else None
        policy = make_policy(self._roots, self._environ, access=access, net=net, cache=cache, scratch=scratch)
        enter = () if holder is None else holder.enter(net=net)
        launch = replace(capability.launch, enter=enter, own_net=holder is None)
        return policy, launch, sandbox_environment(self._environ, self._roots, cache, net=net)

    def close(self) -> None:
        """End the holder."""
        if self._found is not None:
            self._found.exception(_READY_S)  # the thread may just be starting the holder
        with self._lock:
            self._closed = True  # whoever still works in a thread gets no new one
            holder, self._holder = self._holder, None
        if holder is not None:
            holder.close()

    def _find(self) -> Capability:
        if not sys.platform.startswith("linux"):
            return Capability(None, why=f"bubblewrap does not exist for {sys.platform}")
        bwrap = find_program("bwrap", self._roots, self._environ)
        shell = find_program("bash", self._roots, self._environ)
        if bwrap is None or shell is None:
            return Capability(None, why=f"{'bubblewrap' if bwrap is None else 'bash'} is not installed")
        try:
            policy = make_policy(self._roots, self._environ, access="write", net=False)
        except ForkError as error:
            return Capability(None, why=error.sentence)
        env = sandbox_environment(self._environ, self._roots, None, net=False)
        with self._lock:
            if self._use_holder:
                self._holder = self._new_holder()
            holder, why = self._holder, self._why_no_holder
        found = remember(bwrap, "held" if holder else "free", lambda: probe(bwrap, shell, policy, env, holder, why))
        if holder is not None and not found.holder:
            self._holder = None
            holder.close()
        return found

    def _living_holder(self) -> Holder | None:
        with self._lock:
            if self._closed:
                self._why_no_holder = "it was closed"
                return None
            if self._holder is None or not self._holder.alive:
                if self._holder is not None:
                    self._holder.close()
                self._holder = self._new_holder()
            return self._holder

    def _new_holder(self) -> Holder | None:
        nsenter = find_program("nsenter", self._roots, self._environ)
        waiter = find_program("cat", self._roots, self._environ)
        if nsenter is None or waiter is None:
            self._why_no_holder = f"{'nsenter' if nsenter is None else 'cat'} is not installed"
            return None
        used = [*self._roots, *homes(self._environ), Path(sys.prefix), Path(sys.base_prefix)]
        env = sandbox_environment(self._environ, self._roots, None, net=False)
        try:
            return start_holder(nsenter, waiter, scratch_place(used), env)
        except ForkError as error:
            self._why_no_holder = error.sentence
            return None
