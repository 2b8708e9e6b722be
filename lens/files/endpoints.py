"""OpenAI-compatible endpoints: their address, the API key from the environment, their errors."""

import os
import re
import textwrap
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lens.core.errors import LensError, printable

if TYPE_CHECKING:
    from openai import OpenAI

HERE = ("localhost", "127.0.0.1", "::1")
LATER = (408, 409, 429)  # statuses that pass, besides those from 500


def check_address(base_url: str) -> None:
    address = urlsplit(base_url)
    if "@" in base_url or address.query or address.fragment:
        raise LensError(
            "base_url: it holds a user name, a password or a query, which configs and logs would "
            "show. Put the key into the environment instead."
        )
    if address.scheme not in ("http", "https") or not address.hostname:
        raise LensError(
            f"base_url {base_url!r}: not the address of an endpoint. Write it as "
            "https://api.openai.com/v1 or http://localhost:8000/v1."
        )


def on_this_machine(base_url: str) -> bool:
    return urlsplit(base_url).hostname in HERE


def host(base_url: str) -> str:
    """The host of an address, without a user name or password."""
    return urlsplit(base_url).netloc.rpartition("@")[2]


def read_key(variable: str, base_url: str) -> str | None:
    """The API key; None where none is set and the endpoint is on this machine."""
    if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", variable):  # probably a key: not shown
        raise LensError(
            "key_variable: not the name of an environment variable. Put the key into one, and give "
            "its name here."
        )
    key = os.environ.get(variable, "").strip()
    if not key and not on_this_machine(base_url):
        raise LensError(
            f"{variable}: not set, but {host(base_url)} needs an API key. Put it into that "
            "environment variable; LENS reads it from nowhere else."
        )
    if not key.isascii() or not key.isprintable():
        # A header cannot hold it, and the client's own message would quote it.
        raise LensError(f"{variable}: has characters that no API key has. Copy the key again.")
    return key or None


def client(base_url: str, secret: str | None, timeout: float, retries: int) -> "OpenAI":
    try:
        from openai import OpenAI
    except ImportError:
        raise LensError(
            'an endpoint needs the package openai. Run `pip install "lens-rm[endpoint]"`.'
        ) from None
    return OpenAI(base_url=base_url, api_key=secret or "none", timeout=timeout, max_retries=retries)


def hide(text: str, secret: str | None) -> str:
    """A server's message without the key, which some servers repeat."""
    return text.replace(secret, "[API key]") if secret else text


def error_line(error: Exception, secret: str | None, limit: int) -> str:
    """An error's message without the key, as one line of at most `limit` characters."""
    return printable(textwrap.shorten(hide(str(error), secret), limit))
