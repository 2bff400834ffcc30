"""URLs that records, rows and files bring: escaped, or refused when no later stage could parse them."""

from urllib.parse import urlsplit

from w3lib.url import safe_url_string

from tasks.crawl.web.credentials import refuse_credentials
from tasks.errors import BadSetting

BAD_ADDRESS = "bad address"
# Of an escaped URL. It becomes a header of a WARC record, and FastWARC refuses records with over 32 KiB of headers.
MAX_URL_BYTES = 1 << 13


def escape_url(url: str | bytes) -> str | None:
    """Return a URL with its unsafe characters escaped; None for one that cannot be parsed, such as `http://[x]/`.

    Bytes that are not UTF-8 are escaped as they are. Lone surrogates of a text become question marks.
    """
    try:
        escaped = str(safe_url_string(url.encode("utf-8", "replace").decode() if isinstance(url, str) else url))
        # urlsplit checks brackets and characters of the host, its attribute `port` the range
        _ = urlsplit(escaped).port
    # UnicodeError too, which is a ValueError: a host that no DNS accepts
    except ValueError:
        return None
    # a host that IDNA does not know stays as it is
    return escaped if escaped.isascii() and len(escaped) <= MAX_URL_BYTES else None


def check_url_prefix(prefix: str, section: str) -> None:
    """Raise BadSetting when no URL can begin with a prefix."""
    refuse_credentials([prefix], f"{section}.url_prefix", "Take it out: it would stand in the URL of each page")
    if escape_url(f"{prefix}x") is None:
        raise BadSetting(f"{section}.url_prefix is {prefix!r}, with which no URL begins", "Correct it")
