"""`fork demo`: the real REPL or pipe, the real tools, a scripted model; in a temporary repository with a real bug."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from forkcli.config import Settings
from forkcli.models.scripted.demo import DEMO_PROMPT, demo_script, make_project
from forkcli.models.scripted.server import ScriptedServer
from forkcli.store.scratch import Scratch
