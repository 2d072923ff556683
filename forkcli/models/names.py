"""The names of models: the one that is used unless another is named, and short names for some.

Pure, and light enough for the first moment of a run. Invariant: a short name is never sent.
"""

DEFAULT_MODEL = "claude-opus-5-5"
ALIASES = {
    "opus": "claude-opus-5-5",
    "sonnet": "claude-sonnet-5-5",
    "haiku": "claude-haiku-5-5",
    "fable": "claude-fable-5-2",
    "mythos": "claude-mythos-5-2",
}


def full_name(model: str) -> str:
    """The id that is sent: a short name such as `opus` is put into full, any other name stays as it is."""
    return ALIASES.get(model.strip().lower(), model.strip())
