"""Runs a flow of two stages as the command line does: python outage_program.py FOLDER MOMENT [engine].

At MOMENT (crawl, between, extract, end) it creates FOLDER/here and waits for FOLDER/go. With `engine` Prefect's engine
alone runs the flow, as for a worker.
"""

import sys
import time
from pathlib import Path

from prefect import flow

import flows  # noqa: F401 - sets what Prefect reads when it is first imported
from flows.cli.start_flows import prepare_prefect, run_flow
from tasks.block import Block
from tasks.stage import Stage, stage
from tasks.store import Artifact, Draft

FOLDER, MOMENT = Path(sys.argv[1]), sys.argv[2]


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
        with draft.write("summary.md") as path:
            path.write_text(name)

    build.__module__ = f"tasks.{'clean' if name == 'extract' else name}.task"  # whose code is in the fingerprint
    return stage(name, version=1)(build)


crawl, extract = make_stage("crawl"), make_stage("extract")


@flow(name="outage", log_prints=True)
def outage() -> list[Artifact]:
    pages = crawl(Nothing())
    wait_at("between")
    documents = extract(Nothing(), pages)
    wait_at("end")
    return [pages, documents]


if __name__ == "__main__":
    prepare_prefect()
    artifacts = outage() if "engine" in sys.argv else run_flow(outage)
    print("done:", *(artifact.stage for artifact in artifacts), flush=True)
