"""A list of unwanted hosts and addresses, given by the user."""

from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from tasks.clean.filters import Filter
from tasks.clean.filters._lists import digest_files, read_entries

SETTING = "clean.filters.url_blocklist.path"
MAX_PARTS = 8  # labels of a host name, and segments of a path, that an entry may have; longer entries never match


class UrlBlocklist(Filter):
    """Drop documents from the sites and addresses of your list.

    Source: RefinedWeb, arXiv:2306.01116, 3.1 and G.1, blocks domains and URLs of the UT1 lists before anything else;
    Textmill brings no list. An entry without a slash blocks a host and all hosts below it, one with a slash an address
    and all below it.
    """

    scored_in_clean: ClassVar[bool] = True

    enabled: bool = False
    """whether this rule may drop documents"""
    path: str = Field("", description="a file, or a folder of files, with a host or address a line; # begins a comment")

    def semantic(self) -> dict[str, Any]:
        """Return the settings with a digest of the list's content in place of its path."""
        return {**super().semantic(), "path": digest_files(self.path, SETTING) if self.enabled else ""}

    def score(self) -> pl.Expr:
        entries = [normalise_entry(entry) for entry in read_entries(self.path, SETTING)] if self.enabled else []
        blocklist = pl.lit(pl.Series(entries, dtype=pl.String)).implode()
        # without scheme, user, port, query and fragment
        address = pl.col("url").str.extract(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/?#@]*@)?([^?#]*)")
        host = address.str.extract(r"^([^/:]*)").str.to_lowercase().str.strip_chars_end(".")
        path = address.str.extract(r"^[^/]*(/.*)$").fill_null("")
        labels, segments = host.str.split("."), (host + path.str.strip_chars_end("/")).str.split("/")
        parent_hosts = [labels.list.tail(count).list.join(".") for count in range(1, MAX_PARTS + 1)]
        prefixes = [segments.list.head(count).list.join("/") for count in range(1, MAX_PARTS + 1)]
        return pl.any_horizontal(part.is_in(blocklist) for part in (host, *parent_hosts, *prefixes)).fill_null(
            value=False
        )

    def margin(self, score: pl.Expr) -> pl.Expr:
        return (
            pl.when(score > 0).then(-score).otherwise(float("nan"))
        )  # an address is on the list or not: none is nearer to the bound

    @property
    def bounds(self) -> str:
        return "not on the list"


def normalise_entry(entry: str) -> str:
    """Return a list entry in the form that addresses are compared with: `https://Example.org/a/` → `example.org/a`."""
    address = entry.partition("://")[2] or entry
    host, slash, path = address.partition("/")
    return host.lower().strip(".") + (slash + path).rstrip("/")
