"""Strip URLs of parts that name the reader and not the page, such as session ids, and sort their parameters."""

import functools
import re
from collections.abc import Iterable
from fnmatch import translate

from pydantic import Field

from tasks.block import Block

TRACKING_REMOVED, SESSION_REMOVED = "tracking parameters removed", "session ids removed"
# A value too long to be the number of a thing: `session=12` may be a session of a conference.
SESSION_TOKEN = re.compile(r"[0-9A-Za-z_.!-]{16,}")
SESSION_NAME = re.compile(r"(php|j|asp)sess|oscsid|cftoken", re.IGNORECASE)
# After a semicolon as servlets write it, or in parentheses as ASP.NET does.
SESSION_IN_PATH = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;]*|/\(S\([0-9a-z]{24}\)\)(?=/)", re.IGNORECASE)


class Parameters(Block):
    """Query parameters that do not belong to a page's URL."""

    tracking: list[str] = Field(
        [
            "utm_*", "mtm_*", "pk_*", "piwik_*", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "fbclid", "msclkid",
            "yclid", "ysclid", "twclid", "ttclid", "igshid", "mc_cid", "mc_eid", "mkt_tok", "vero_id", "oly_enc_id",
            "oly_anon_id", "_ga", "_gl", "_hsenc", "_hsmi", "_openstat", "spm",
        ]
    )  # fmt: skip
    """names of parameters that only say where a reader came from, which are removed; * stands for any letters"""
    sessions: list[str] = Field(
        ["phpsessid", "jsessionid", "aspsessionid*", "oscsid", "cftoken", "sid", "sessid", "session", "sessionid",
         "session_id"]
    )  # fmt: skip
    """names of parameters that identify a visit, which are removed; where the name may mean something else, only values of at least 16 letters"""  # noqa: E501 - it becomes one line of help
    sort: bool = True
    """sort parameters by their names, so that one page has one URL"""

    @functools.cached_property
    def patterns(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        return compile_names(self.tracking), compile_names(self.sessions)

    def find_rule(self, parameter: str) -> str | None:
        """Return the rule by which a parameter `name=value` is removed, or None when it is kept."""
        name, _, value = parameter.partition("=")
        tracking, sessions = self.patterns
        if tracking.match(name):
            return TRACKING_REMOVED
        if sessions.match(name) and (SESSION_NAME.match(name) or SESSION_TOKEN.fullmatch(value)):
            return SESSION_REMOVED
        return None

    def strip_url(self, url: str) -> tuple[str, set[str]]:
        """Return the URL without these parameters, and the rules that removed something."""
        path, _, query = url.partition("?")
        clean_path = SESSION_IN_PATH.sub("", path) if self.sessions else path
        parts = [part for part in query.split("&") if part]
        rules = {part: self.find_rule(part) for part in parts}
        kept = [part for part in parts if rules[part] is None]
        if self.sort:
            kept.sort(key=lambda part: part.partition("=")[0])  # stable: values of one name keep their order
        applied_rules = {rule for rule in rules.values() if rule} | ({SESSION_REMOVED} if clean_path != path else set())
        return clean_path + ("?" + "&".join(kept) if kept else ""), applied_rules


def compile_names(names: Iterable[str]) -> re.Pattern[str]:
    """Compile names with `*` in them to one pattern, which ignores case."""
    # (?!) matches nothing; an empty pattern would match every name
    return re.compile("|".join(translate(name) for name in names) or r"(?!)", re.IGNORECASE)
