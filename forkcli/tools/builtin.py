"""What the built-in tools have in common: a name and an input that follow from their schema."""

from dataclasses import dataclass

from forkcli.core.messages import Block, Json
from forkcli.tools.schema import checked


@dataclass(frozen=True, slots=True)
class Builtin:
    """The `Tool` port but for `run`, for a tool that may change something and whose schema says all of its input.

    Who checks more calls `Builtin.check` by name: in a class that `slots=True` makes anew, `super()` finds nothing.
    """

    schema: Block

    @property
    def name(self) -> str:
        """As the model calls it."""
        return str(self.schema["name"])

    def only_reads(self, args: Json) -> bool:
        """Whether a call with this input may run beside others: no."""
        del args
        return False

    def check(self, args: Json) -> Json:
        """The input with its defaults. Raises ForkError naming the field that is wrong."""
        return checked(self.schema, args)
