"""Credentials of a crawl: never in URLs, which are stored; as headers from the environment, which are not."""

import json
import os
from urllib.parse import urlsplit, urlunsplit

from tasks.errors import BadSetting

HEADERS_VARIABLE = "TEXTMILL_CRAWL_HEADERS"
HINT = (
    f"""Take it out of the URL and give it in the environment: {HEADERS_VARIABLE}='{{"docs.example.org": """
    """{"Authorization": "Basic dXNlcjpwYXNz"}}' (the part after Basic is user:password in base64)"""
)
FILES_HINT = "Fetch the files first and give the folder, or, for S3, give the credentials in the environment (AWS_…)"
HostHeaders = dict[str, dict[str, str]]  # by host, with its port where that is not the default: name → value


def has_credentials(url: str) -> bool:
    """Return whether a URL holds a user name or a password."""
    try:
        return "@" in urlsplit(url.strip()).netloc
    except ValueError:  # no URL at all: it is refused elsewhere
        return "@" in url.partition("://")[2].partition("/")[0]


def refuse_credentials(urls: list[str], setting: str, hint: str = HINT) -> None:
    """Raise BadSetting for a URL that holds a user name or a password; the message does not repeat them."""
    for url in filter(has_credentials, urls):
        try:
            parts = urlsplit(url.strip())
            shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        except ValueError:
            shown = "a URL"
        raise BadSetting(
            f"{setting}: {shown} is given with a user name or a password, which would be stored in clear with the "
            "settings",
            hint,
        )


def read_host_headers() -> HostHeaders:
    """Read the headers that single hosts are sent, from the environment. Raises BadSetting when they are malformed."""
    text = os.environ.get(HEADERS_VARIABLE, "")
    if not text:
        return {}
    try:
        hosts = json.loads(text)
        headers = {
            host.lower(): {str(name): str(value) for name, value in fields.items()} for host, fields in hosts.items()
        }
        "".join(f"{name}{value}" for fields in headers.values() for name, value in fields.items()).encode("latin-1")
    except (ValueError, AttributeError):  # the value is a secret, so no message repeats it
        raise BadSetting(
            f"{HEADERS_VARIABLE} is no JSON object of hosts and their headers",
            """Write it as '{"docs.example.org": {"Authorization": "Basic dXNlcjpwYXNz"}}'""",
        ) from None
    return headers
