"""A flow of two stages: run as the command line runs one (python -m tests.flows.outage_program), or by a worker.

At MOMENT (start, begin, crawl, between, extract, end, failure) it creates FOLDER/here and waits for FOLDER/go. At
`failure` its second stage fails.
"""

import os
import time
from pathlib import Path

from prefect import flow

import flows.flow_runs  # noqa: F401 - as every flow does
from flows.cli.start_flows import prepare_prefect
from tasks.block import Block
from tasks.errors import StageFailure
from tasks.stage import Stage, stage
from tasks.store import Artifact, Draft

FOLDER, MOMENT = Path(os.environ["OUTAGE_FOLDER"]), os.environ["OUTAGE_MOMENT"]


class Nothing(Block):
    """Settings of stages that write their names."""


def wait_at(moment: str) -> None:
    if moment == MOMENT:
        (FOLDER / "here").touch()
        while not (FOLDER / "go").exists():
            time.sleep(0.05)


def make_stage(name: str) -> Stage[Nothing]:
    def build(settings: Nothing, draft: Draft, *inputs: Artifact) -> None:
        wait_at(name)
        if name == "extract" and MOMENT == "failure":
            wait_at("failure")
            raise StageFailure("no document came in", "Crawl more pages")
        with draft.write("summary.md") as path:
            path.write_text(name)

    build.__module__ = f"tasks.{'clean' if name == 'extract' else name}.task"  # whose code is in the fingerprint
    return stage(name, version=1)(build)


crawl, extract = make_stage("crawl"), make_stage("extract")


@flow(name="outage", log_prints=True)
def outage() -> list[Artifact]:
    wait_at("begin")
    pages = crawl(Nothing())
    wait_at("between")
    documents = extract(Nothing(), pages)
    wait_at("end")
    print("done:", pages.stage, documents.stage)
    return [pages, documents]


if __name__ == "__main__":
    prepare_prefect()
    outage()
