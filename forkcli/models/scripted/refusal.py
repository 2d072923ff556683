"""Error answers in the API's shape. It decides nothing: whoever finds the error says what it is."""

from collections.abc import Iterable

from forkcli.core.messages import Json
from forkcli.models.scripted.faults import ERROR_TYPES


class RefusalError(Exception):
    """A request that the API would answer with an error."""

    def __init__(self, message: str, status: int = 400, kind: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind or ERROR_TYPES.get(status, "api_error")


def error_body(kind: str, message: str, request_id: str) -> Json:
    """The JSON of an error answer, and of an `error` event."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


def among(value: object, options: Iterable[str]) -> bool:
    """Whether a value out of a request, of whatever type, is one of these strings."""
    return isinstance(value, str) and value in options


def need(fine: object, message: str) -> None:
    """Refuse with 400 unless `fine`."""
    if not fine:
        raise RefusalError(message)
