"""The state in which a flow ends, as Prefect's API has it, with toy stages on a real Prefect server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound

import flows.clean
import flows.crawl
from flows import pipeline
from flows.recipe import Recipe
from tasks.block import Block
from tasks.clean.settings import Clean
from tasks.crawl.settings import Crawl
from tasks.server_outage.clients import limit_outages
from tasks.server_outage.outage import OUTAGE, ServerLost
from tasks.stage import Stage, stage
from tasks.store import Artifact, Draft, Store

pytestmark = pytest.mark.prefect
missing: dict[str, str] = {}
"""Toy stage → what is missing of its artifact"""


class Toy(Block):
    """Settings of the toy stages."""


def make_stage(name: str) -> Stage[Toy]:
    def build(settings: Toy, draft: Draft, *inputs: Artifact) -> None:
        if name in missing:
            draft.report_incomplete(missing[name])
        with draft.write("data.txt") as path:
            path.write_text(name)

    build.__module__ = f"tasks.{'clean' if name == 'extract' else name}.task"  # whose code is in the fingerprint
    return stage(name, version=1)(build)


TOYS = {name: make_stage(name) for name in ("crawl", "extract", "clean")}


@pytest.fixture(autouse=True)
def _toy_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: None) -> Iterator[None]:
    monkeypatch.setenv("TEXTMILL_STORE", str(tmp_path / "store"))
    monkeypatch.setattr(flows.crawl, "crawl_stage", lambda _, force: TOYS["crawl"](Toy(), force=force))
    monkeypatch.setattr(flows.clean, "extract", lambda _, pages: TOYS["extract"](Toy(), pages))
    monkeypatch.setattr(flows.clean, "clean_stage", lambda _, scored, force: TOYS["clean"](Toy(), scored, force=force))
    monkeypatch.setattr(pipeline, "check_evaluation", lambda *_: None)
    monkeypatch.setattr(
        pipeline, "walk_artifacts", lambda _, step, *__: step(TOYS["clean"], Toy(), step(TOYS["crawl"], Toy()))
    )
    missing.clear()
    yield
    OUTAGE.note_success()


def read_state(flow: Any, *args: Any) -> tuple[str, str, str]:
    """Run a flow; type, name and message of its state on the server."""
    run = flow(*args, return_state=True).state_details.flow_run_id
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(run).state
    assert state is not None
    return state.type.value, state.name, state.message or ""


def test_a_complete_run_is_completed() -> None:
    assert read_state(flows.crawl.crawl, Crawl())[:2] == ("COMPLETED", "Completed")
    assert read_state(pipeline.pipeline, Recipe())[:2] == ("COMPLETED", "Completed")


def test_an_incomplete_crawl_is_named_so_with_what_is_missing() -> None:
    missing["crawl"] = "113 pages of example.org got no answer"
    kind, name, message = read_state(flows.crawl.crawl, Crawl())
    (manifest,) = Store.current().manifests()
    assert (kind, name) == ("COMPLETED", "Incomplete")
    assert message == (
        f"crawl {manifest.key} is incomplete: 113 pages of example.org got no answer; the next run asks again"
    )


def test_the_first_half_of_clean_counts_too() -> None:
    flows.crawl.crawl(Crawl())
    missing["extract"] = "one page is undecided"
    kind, name, message = read_state(flows.clean.clean, Clean())
    assert (kind, name) == ("COMPLETED", "Incomplete")
    assert "one page is undecided" in message


def test_a_pipeline_names_every_incomplete_artifact() -> None:
    missing.update(crawl="a host got no answer", clean="a list could not be had")
    kind, name, message = read_state(pipeline.pipeline, Recipe())
    assert (kind, name) == ("COMPLETED", "Incomplete")
    assert "a host got no answer" in message
    assert "a list could not be had" in message
    missing.clear()
    assert read_state(pipeline.pipeline, Recipe())[:2] == ("COMPLETED", "Completed")


def test_the_date_of_a_worker_s_run_is_today_when_its_server_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "7f1d0a51-95e2-4a0c-8c6e-0d6b7f1f0c11")
    limit_outages()
    with pytest.raises(ObjectNotFound):
        flows.crawl.get_planned_date()
    OUTAGE.give_up("it was stopped")
    assert flows.crawl.get_planned_date() == str(datetime.now(UTC).date())


def lose_server_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.flow_engine import FlowRunEngine

    set_state = FlowRunEngine.set_state

    def set_unless_final(self: Any, state: Any, **named: Any) -> Any:
        if state.is_final():
            raise ServerLost("lost")
        return set_state(self, state, **named)

    monkeypatch.setattr(FlowRunEngine, "set_state", set_unless_final)


@pytest.mark.parametrize("is_incomplete", [False, True])
@pytest.mark.parametrize("moment", ["never", "start", "end"])
def test_whatever_the_state_and_the_server_a_flow_returns_its_artifacts(
    moment: str, is_incomplete: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_incomplete:
        missing["crawl"] = "a host got no answer"
    if moment == "start":
        OUTAGE.give_up("it was stopped")
    elif moment == "end":
        lose_server_at_the_end(monkeypatch)
    artifacts = pipeline.pipeline(Recipe())
    assert [artifact.stage for artifact in artifacts] == ["crawl", "clean"]
    assert OUTAGE.is_lost == (moment != "never")
    assert flows.crawl.crawl(Crawl()) == artifacts[0]
