"""What a refusal or a broken stream means: from status, headers and body to one `ModelError`.

Pure. It never shows a body whole: at most one line of the server's own words.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from forkcli.core.messages import Json
from forkcli.engine.ports import ModelError, ModelFault

LONGEST_SENTENCE = 400
_SPENT = (
    r"credit balance|usage limits?\b.*(?:reached|regain)|(?:reached|exceeded).*(?:usage|spend\w*) (?:limit|cap)"
    r"|spend(?:ing)?[ _-](?:limit|cap)|billing|insufficient[ _](?:balance|quota|credits?|funds)"
    r"|monthly (?:limit|budget)"
)
_TOO_LONG = (
    r"prompt is too long"
    r"|exceeds? (?:the )?(?:maximum )?(?:allowed |available )?(?:context|request)[ _](?:window|size|length)"
    r"|exceed\w* (?:the )?context limit|maximum context length|context[_ ]length[_ ]exceeded|too many (?:input )?tokens"
    r"|input is too long|request(?:_| is )too[_ ]large|exceed_context_size"
)
_NO_MODEL = (
    r"^model:|\bmodel_?not_?found|(?:unknown|invalid|no such|unsupported|unrecognized) model\b"
    r"|\bmodel\b[^.,;]{0,100}\b(?:not (?:found|exist|available)|doesn't exist|is unknown)"
)
_WHAT = {
    ModelFault.SPENT: "{place} has no credit left for this key",
    ModelFault.TOO_LONG: "the request is too long for {place}",
    ModelFault.NO_MODEL: "{place} does not have this model",
    ModelFault.OVERLOADED: "{place} cannot answer now",
}
_STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "overloaded_error": 529,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error. `place` is the endpoint as it is shown, `message` the server's own words."""

    place: str
    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case

    def error(self) -> ModelError:
        """The failure that it means."""
        fault = self._fault()
        wait = retry_after(self.headers) if fault is ModelFault.OVERLOADED else None
        return ModelError(fault, self._sentence(fault), status=self.status, retry_after=wait)

    def _fault(self) -> ModelFault:
        status, said = self.status, self.message
        waits = "retry-after" in self.headers or "retry-after-ms" in self.headers
        if status == 402 or (status in {400, 403, 429} and not waits and _says(_SPENT, said)):
            return ModelFault.SPENT
        if status in {401, 403}:
            return ModelFault.AUTH
        if status == 413 or (status in {400, 422, 500} and _says(_TOO_LONG, said)):
            return ModelFault.TOO_LONG
        if status in {400, 404, 422} and _says(_NO_MODEL, said):
            return ModelFault.NO_MODEL
        return self._by_status()

    def _by_status(self) -> ModelFault:
        advice = self.headers.get("x-should-retry")
        temporary = self.status in {408, 409, 425, 429} or self.status >= 500
        if advice == "true" or (temporary and advice != "false"):
            return ModelFault.OVERLOADED
        return ModelFault.REQUEST

    def _sentence(self, fault: ModelFault) -> str:
        said = f"{self.status}: {self.message}" if self.message else f"{self.status}, {_phrase(self.status)}"
        match fault:
            case ModelFault.AUTH if self.status == 401:
                return f"{self.place} refused the API key ({said}); check ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN"
            case ModelFault.AUTH:
                return f"{self.place} does not allow this key to do that ({said}); check the key's workspace"
            case ModelFault.REQUEST:
                return self._refused(said)
        return f"{_WHAT[fault].replace('{place}', self.place)} ({said})"

    def _refused(self, said: str) -> str:
        if 300 <= self.status < 400:
            target = one_line(self.headers.get("location", "elsewhere"))
            return f"{self.place} redirects to {target}, which is not followed with a key; check the base URL"
        if self.status == 404:
            return f"{self.place} has no Messages API ({said}); check the base URL"
        return f"{self.place} refused the request ({said})"


def refusal(place: str, status: int, headers: Mapping[str, str], body: bytes) -> Refusal:
    """The refusal in an HTTP response."""
    return Refusal(place, status, message_of(body), {name.lower(): value for name, value in headers.items()})


def event_error(place: str, event: Json) -> ModelError:
    """The failure that an `error` event in a stream tells: mostly a break, which is worth another try."""
    error = event.get("error")
    kind = error.get("type") if isinstance(error, dict) else None
    said = _said(event) or "no reason given"
    status = _STATUS_OF.get(kind) if isinstance(kind, str) else None
    if status is not None:
        return Refusal(place, status, said).error()
    return ModelError(ModelFault.BROKEN, f"{place} broke off its answer: {said}")


def message_of(body: bytes) -> str:
    """The server's own words in an error's body, in one line; empty when it says nothing that a person could read."""
    text = body[:100_000].decode("utf-8", "replace")
    try:
        said = _said(json.loads(text))
    except (ValueError, RecursionError):
        said = "" if "<" in text[:200] else text
    return one_line(said)


def _said(value: object) -> str:
    """The words in the shapes that servers use: `error.message`, `message`, `detail`, a bare string."""
    if isinstance(value, str):
        return one_line(value)
    if isinstance(value, list):
        return one_line("; ".join(filter(None, (_said(v) for v in value[:5]))))
    if not isinstance(value, dict):
        return ""
    if "msg" in value:  # a validator's finding: where, and what
        where = value.get("loc")
        path = ".".join(str(part) for part in where) if isinstance(where, list) else ""
        return one_line(f"{path}: {value['msg']}" if path else str(value["msg"]))
    for name in ("error", "message", "detail", "errors"):
        if said := _said(value.get(name)):
            return said
    return ""


def one_line(text: str) -> str:
    """`text` in one line without control characters, and not longer than a few lines on a screen."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: LONGEST_SENTENCE * 4]).split())
    line = line.removesuffix(".")
    return line if len(line) <= LONGEST_SENTENCE else line[: LONGEST_SENTENCE - 1] + "…"


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that the server asks to wait; None when it names none. `now` is for dates (timezone-aware)."""
    if (ms := _number(headers.get("retry-after-ms"))) is not None:
        return ms / 1000
    value = headers.get("retry-after")
    if value is None or (seconds := _number(value)) is not None:
        return None if value is None else seconds
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - (now or datetime.now(until.tzinfo))).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def _says(pattern: str, text: str) -> bool:
    """Whether the words are there; compiled when needed, since most runs meet no refusal."""
    return re.search(pattern, text, re.IGNORECASE | re.DOTALL) is not None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) and number >= 0 else None


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase.lower()
    except ValueError:
        return "overloaded" if status == 529 else "no reason given"
