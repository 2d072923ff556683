"""Shows hidden characters in the input line, where pasted text may bring them. What is sent is the text itself."""

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from forkcli.ui.sanitize import sanitize


class ShowHidden(Processor):
    """Replaces what must not reach the terminal on the way to it, and keeps the cursor where it belongs."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        """One line of the input."""
        fragments = transformation_input.fragments
        if all(sanitize(fragment[1]) == fragment[1] for fragment in fragments):
            return Transformation(fragments)
        shown: StyleAndTextTuples = []
        starts = [0]  # column on the screen at which each character of the line begins
        for style, text, *_ in fragments:
            for char in text:
                clean = sanitize(char)
                shown.append((style if clean == char else f"{style} reverse", clean))
                starts.append(starts[-1] + len(clean))

        def to_display(column: int) -> int:
            return starts[min(column, len(starts) - 1)] + max(0, column - len(starts) + 1)

        def to_source(column: int) -> int:
            return (
                max(at for at, start in enumerate(starts) if start <= column)
                if column < starts[-1]
                else len(starts) - 1
            )

        return Transformation(shown, to_display, to_source)
