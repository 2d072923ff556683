"""Where requests go and with which key.

Pure. Invariant: a key is sent to the endpoint it was given for and nowhere else; a profile or a token that the SDK
might find by itself is never used, since an explicit credential is always passed.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from forkcli.errors import ForkError, Kind

ANTHROPIC_URL = "https://api.anthropic.com"
NO_KEY = "none"  # sent to a local server that was given no key


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint and its credentials. Made by `endpoint()`, which checks them."""

    url: str  # without a trailing slash or `/v1`
    api_key: str | None
    auth_token: str | None
    first_party: bool  # Anthropic's own API
    loopback: bool

    @property
    def shown(self) -> str:
        """The URL as people and files see it: without a user name and password."""
        return without_userinfo(self.url)

    @property
    def has_key(self) -> bool:
        """Whether there is something to authenticate with, or no need to."""
        return bool(self.api_key or self.auth_token or self.loopback)

    @property
    def sdk_key(self) -> str:
        """The credential that the SDK sends as a bearer token. At another host an auth token is the bearer's own."""
        if self.first_party:
            return self.api_key or self.auth_token or NO_KEY
        return self.auth_token or self.api_key or NO_KEY

    @property
    def headers(self) -> dict[str, str]:
        """Headers besides the SDK's: other servers look for the key in `X-Api-Key` or in the bearer token."""
        return {} if self.first_party else {"X-Api-Key": self.api_key or self.auth_token or NO_KEY}


def endpoint(base_url: str | None, api_key: str | None = None, auth_token: str | None = None) -> Endpoint:
    """The endpoint at `base_url`, or Anthropic's. Raises ForkError(USAGE) for what is no web address or no key."""
    url = (base_url or ANTHROPIC_URL).strip().rstrip("/").removesuffix("/v1/messages").removesuffix("/v1")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or not url.isprintable():
        raise ForkError(
            f"{without_userinfo(url)!r} is not a base URL",
            "give one such as http://localhost:11434 or https://api.anthropic.com",
            kind=Kind.USAGE,
        )
    official = parts.scheme == "https" and host == "api.anthropic.com"
    return Endpoint(url, _checked(api_key), _checked(auth_token), official, _is_loopback(host))


def no_key_error() -> ForkError:
    """What a person is told who has no key: the three ways on."""
    return ForkError(
        "there is no API key",
        "set ANTHROPIC_API_KEY to a key from https://platform.claude.com/settings/keys",
        "or point --base-url at a local server that speaks the Messages API (no key needed on localhost)",
        "or run `fork demo`, which needs neither",
        kind=Kind.USAGE,
    )


def without_userinfo(url: str) -> str:
    """The URL without a user name and password."""
    scheme, slashes, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{place.rpartition('@')[2]}{slash}{path}" if slashes else url.rpartition("@")[2]


def _checked(key: str | None) -> str | None:
    """A key without white space around it; None for an empty one."""
    key = (key or "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ForkError("the API key holds characters that no key has", "copy it again, in one line", kind=Kind.USAGE)
    return key or None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    if not (host[:1].isdecimal() or ":" in host):  # a name: no need of a module for addresses
        return False
    from ipaddress import ip_address

    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
