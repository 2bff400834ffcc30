"""Parts of a URL that name the reader and not the page, such as session ids; and parameters in one order."""

import functools
import re
from collections.abc import Iterable
from fnmatch import translate

from pydantic import Field

from tasks.block import Block

TRACKING_REMOVED, SESSION_REMOVED = "tracking parameters removed", "session ids removed"
# A value that is too long for the number of a thing, for names that may mean one (a session of a conference).
SESSION_TOKEN = re.compile(r"[0-9A-Za-z_.!-]{16,}")
SESSION_NAME = re.compile(r"(php|j|asp)sess|oscsid|cftoken", re.IGNORECASE)
SESSION_IN_PATH = re.compile(
    r";(?:jsessionid|phpsessid|sid)=[^/;]*|/\(S\([0-9a-z]{24}\)\)(?=/)", re.IGNORECASE
)  # the latter: ASP.NET


class Parameters(Block):
    """Which query parameters do not belong to a page's address."""

    tracking: list[str] = Field(
        [
            "utm_*", "mtm_*", "pk_*", "piwik_*", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid",
            "yclid", "ysclid", "twclid", "ttclid", "igshid", "mc_cid", "mc_eid", "mkt_tok", "vero_id", "oly_enc_id",
            "oly_anon_id", "_ga", "_gl", "_hsenc", "_hsmi", "_openstat", "spm",
        ]
    )  # fmt: skip
    """parameters that only say where a reader came from: removed; * stands for any letters"""
    sessions: list[str] = Field(
        ["phpsessid", "jsessionid", "aspsessionid*", "oscsid", "cftoken", "sid", "sessid", "session", "sessionid",
         "session_id"]
    )  # fmt: skip
    """parameters that number a visit: removed; of those that may mean something else only values from 16 letters on"""
    sort: bool = True
    """put parameters in the order of their names, so that one page has one address"""

    @functools.cached_property
    def patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return compile_names(self.tracking), compile_names(self.sessions)

    def removes(self, parameter: str) -> str | None:
        """The rule by which `name=value` is removed, or None when it stays."""
        name, _, value = parameter.partition("=")
        tracking, sessions = self.patterns
        if tracking.match(name):
            return TRACKING_REMOVED
        if sessions.match(name) and (SESSION_NAME.match(name) or SESSION_TOKEN.fullmatch(value)):
            return SESSION_REMOVED
        return None

    def stripped(self, url: str) -> tuple[str, set[str]]:
        """The URL without them, and the rules that removed something."""
        path, _, query = url.partition("?")
        clean = SESSION_IN_PATH.sub("", path) if self.sessions else path
        parts = [part for part in query.split("&") if part]
        rules = {part: self.removes(part) for part in parts}
        kept = [part for part in parts if rules[part] is None]
        if self.sort:
            kept.sort(key=lambda part: part.partition("=")[0])  # stable: values of one name stay in their order
        applied = {rule for rule in rules.values() if rule} | ({SESSION_REMOVED} if clean != path else set())
        return clean + ("?" + "&".join(kept) if kept else ""), applied


def compile_names(names: Iterable[str]) -> re.Pattern[str]:
    """One pattern for names with `*` in them, in any case."""
    return re.compile("|".join(translate(name) for name in names) or r"(?!)", re.IGNORECASE)
