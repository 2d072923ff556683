"""Turns what a command wrote into text for the model: no escape sequences, no overwritten lines, no binaries.

Pure. It protects the model's reading, not a terminal: screens have a sanitizer of their own.
"""

import re

_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links; without an end, the line
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x9c\n]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"  # all other escapes
)
_CONTROLS = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_STRANGE = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")  # tab, line ends, form feed and escape are text

BINARY_SHARE = 0.1  # of characters that no text has, from which output counts as binary
SAMPLE = 8192


def is_binary(text: str) -> bool:
    """Whether decoded output is mostly not text. A few NULs (`find -print0`) do not make it binary."""
    sample = text[:SAMPLE]
    return bool(sample) and len(_STRANGE.findall(sample)) > BINARY_SHARE * len(sample)


def plain(text: str) -> str:
    """`text` as a terminal would have left it on paper: escapes gone, lines drawn over by `\\r` only in their last
    state, NUL shown as `␀`."""
    text = _ESCAPES.sub("", text) if "\x1b" in text or "\x9b" in text or "\x9d" in text else text
    if "\r" in text:
        text = "\n".join(map(_last_state, text.split("\n")))
    if "\x08" in text:
        text = _erased(text)
    return _CONTROLS.sub("", text).replace("\x00", "␀")


def _last_state(line: str) -> str:
    """What a line shows after its carriage returns: a progress bar's last state."""
    if "\r" not in line:
        return line
    states = [part for part in line.split("\r") if part]
    return states[-1] if states else ""


def _erased(text: str) -> str:
    """Backspaces carried out (manual pages print bold letters twice over themselves)."""
    kept: list[str] = []
    for char in text:
        if char != "\x08":
            kept.append(char)
        elif kept and kept[-1] != "\n":
            kept.pop()
    return "".join(kept)
