"""Render the report's Jinja templates. All text is escaped, and an undefined name is an error."""

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tasks.evaluate.report.number_formats import format_percent

FOLDER = Path(__file__).parent
NO_BREAK_SPACE = "\u00a0"


def render_template(name: str, **values: Any) -> str:
    """Render a file of `templates/` as HTML."""
    return load_environment().get_template(name).render(values)


@cache
def load_environment() -> Environment:
    """Return the Jinja environment of the report, whose templates are compiled once a process."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        # Texts come from the web: a page that was crawled must not run scripts in the report.
        autoescape=True,
        undefined=StrictUndefined,
        # A line of a template that holds only a statement leaves no line in the page.
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "breakable": make_breakable,
        "emphasise": render_emphasis,
        "percent": format_percent,
        "short_number": format_short_number,
        "thousands": format_thousands,
        "unbroken": keep_together,
    }
    environment.globals["css"] = (FOLDER / "report.css").read_text(encoding="utf-8")
    return environment


def make_breakable(name: str) -> Markup:
    """Let a browser break a long name after `_` and `/`, as it does between words."""
    return escape(name).replace("_", Markup("_<wbr>")).replace("/", Markup("/<wbr>"))


def render_emphasis(text: str) -> Markup:
    """Render `**words**` in bold; everything else is text."""
    # The pattern has a group, so `split` also returns what was between the asterisks: every second part.
    parts = re.split(r"\*\*(.+?)\*\*", text)
    return Markup("").join(
        Markup("<b>{}</b>").format(part) if index % 2 else escape(part) for index, part in enumerate(parts)
    )


def keep_together(text: str) -> str:
    """Keep `56.5 ± 1.2 %` on one line."""
    return text.replace(" ± ", f"{NO_BREAK_SPACE}±{NO_BREAK_SPACE}").replace(" %", f"{NO_BREAK_SPACE}%")


def format_thousands(count: int) -> str:
    """Format a count as `1,234,567`."""
    return f"{count:,}"


def format_short_number(value: float) -> str:
    """Format four digits of a number, or all of a large one."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
