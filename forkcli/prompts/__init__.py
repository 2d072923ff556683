"""The words the model is told, one Markdown file each; tools keep theirs beside their code in `tools/`."""

from pathlib import Path
from string import Template


def text(name: str) -> str:
    """The file `name`.md, without surrounding white space."""
    return (Path(__file__).parent / f"{name}.md").read_text(encoding="utf-8").strip()


def filled(name: str, **values: str) -> str:
    """The file `name`.md with its `$placeholders` replaced; KeyError names one that is missing."""
    return Template(text(name)).substitute(values)
