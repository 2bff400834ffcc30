"""Everything that a child of `benchmarks/chaos.py` uses, imported once by the process that it is forked from."""

import tasks.clean.measures.measures
import tasks.evaluate.steps
import tasks.pretrain.__main__  # noqa: F401
from benchmarks.faults import chain  # noqa: F401
from flows.graph import STAGES
from tasks.store.manifest import code_fingerprint

for stage in STAGES.values():
    code_fingerprint(*stage.code)
