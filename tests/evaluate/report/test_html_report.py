"""The sections of the report that are about the data."""

from typing import Any

from tasks.evaluate.report.provenance import FunnelStep
from tasks.evaluate.report.rendering import render_template


def render_funnel(steps: list[FunnelStep], **data: Any) -> str:
    return render_template(
        "data_funnel.html", data={"funnel": steps, "crawl": [], "rules": []} | data, max_funnel_count=1234
    )


def test_a_funnel_shows_its_counts() -> None:
    html = render_funnel([FunnelStep("pages", 1234, ""), FunnelStep("kept", 617, "dropped: <5")])
    assert '<span>pages</span><i><b style="width:100.0%"></b></i><span>1,234</span>' in html
    assert '<i><b style="width:50.0%"></b></i><span>617</span><small>dropped: &lt;5</small>' in html


def test_without_counts_there_is_no_funnel() -> None:
    assert render_funnel([]).strip() == ""


def test_figures_of_the_crawl_are_text() -> None:
    html = render_funnel([FunnelStep("pages", 1, "")], crawl=[("pages by host", "<b>.org 3")])
    assert "<td>pages by host</td><td>&lt;b&gt;.org 3</td>" in html
