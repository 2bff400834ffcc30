"""Everything that a child of `benchmarks/chaos.py` uses, imported once by the process that it is forked from."""

import tasks.evaluate.steps
import tasks.pretrain.__main__  # noqa: F401
from benchmarks.faults import chain  # noqa: F401
from flows import graph  # noqa: F401
