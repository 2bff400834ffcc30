"""Dedup against datatrove and rensa: signatures, the whole way from Parquet to Parquet, precision, recall, memory.

Signatures: from text to the MinHash of word 5-grams. datatrove does it by its own step (its default of 112 hashes;
spaCy's blank English tokenizer, which needs no data), rensa by its fastest call for bytes, on shingles of a regular
expression.
End to end: datatrove's four steps with one task, as its example wires them, and our stage with one worker, each in a
process of its own, after a small run that loads its libraries. rensa's `RMinHashDeduplicator` decides the same texts.

Truth: the exact Jaccard similarity of word 5-grams (tasks/dedup/words.py) of all pairs of documents, by brute force.
Precision is the share of pairs in one cluster that are at least .7 similar, recall the share of pairs of at least .8
that are in one cluster; `removed` is the share of the latter of which not both stay, which is what training sees. A
cluster of rensa is what its deduplicator counts as one: a document that stays and those that it is nearest to.
Each tool is used with its defaults at a threshold of .8, datatrove's bands have theirs near .72.
"""

import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import csr_matrix

from benchmarks.minhash import split
from benchmarks.pages import texts as real_texts
from benchmarks.report import (
    Scale,
    add_scale_options,
    installed,
    interleaved,
    print_result,
    print_table,
    print_versions,
    spread,
)
from tasks.dedup.minhash.signatures import sketch_texts
from tasks.dedup.minhash.words import iterate_shingles
from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup
from tasks.store import Artifact, Draft

Clusters = tuple[list[int], list[int]]  # which document stays for each, and the first of its cluster
DOCUMENTS = {Scale.FULL: 20_000, Scale.QUICK: 1_000, Scale.SMOKE: 60}
OF_SIGNATURES = {Scale.FULL: 400, Scale.QUICK: 100, Scale.SMOKE: 20}
TIMES = 40  # ours is called so often a round, or the clock would be too coarse


def let_datatrove_hash() -> None:
    """Datatrove 0.10 hands text to xxhash, which from version 4 on takes bytes only: encode it on the way."""
    import xxhash
    from datatrove.utils.hashes import xxhash as theirs

    theirs.xxhash64 = lambda text: xxhash.xxh64_intdigest(text.encode())


def signatures(texts: list[str]) -> dict[str, list[float]]:
    """Documents per CPU-second in each round, by every tool that is installed."""
    column = pa.array(texts)
    works: dict[str, Callable[[], object]] = {"ours": lambda: [sketch_texts(column, 128, 5, 1) for _ in range(TIMES)]}
    with tempfile.TemporaryDirectory() as folder:
        if installed("datatrove"):
            from datatrove.pipeline.dedup.minhash import MinhashDedupSignature

            let_datatrove_hash()
            step = MinhashDedupSignature(folder)
            step.get_shingles("load the tokenizer")
            works["datatrove"] = lambda: [step.get_signature(step.get_shingles(text)) for text in texts]
        if installed("rensa"):
            from rensa import RMinHash

            digest = RMinHash.digest_matrix_from_token_byte_sets
            works["rensa"] = lambda: digest([split(text) for text in texts], 128, 1)
        seconds = interleaved(5, works)
    return {name: [len(texts) * (TIMES if name == "ours" else 1) / each for each in of] for name, of in seconds.items()}


def ours(folder: Path, out: Path) -> Clusters:
    """Which document stays for each, and its cluster, by our stage."""
    draft = Draft(out)
    dedup.build(Dedup(), draft, Artifact(stage="clean", key="0", digest="0", path=str(folder)))
    rows = pq.read_table(draft.path / "clusters.parquet", columns=["id", "kept_id", "cluster_id"])
    kept, first = list(range(count_of(folder))), list(range(count_of(folder)))
    for row, stays, cluster in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        kept[int(row)], first[int(row)] = int(stays), int(cluster)
    return kept, first


def datatrove(folder: Path, out: Path) -> Clusters:
    """The same by datatrove's four steps: the first of a cluster stays."""
    from datatrove.executor.local import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter

    let_datatrove_hash()
    reader = ParquetReader(str(folder / "documents"))
    steps: list[tuple[int, list[Any]]] = [
        (1, [reader, MinhashDedupSignature(str(out / "signatures"))]),
        (14, [MinhashDedupBuckets(str(out / "signatures"), str(out / "buckets"))]),
        (1, [MinhashDedupCluster(str(out / "buckets"), str(out / "remove"), save_cluster_id=True)]),
        (1, [reader, MinhashDedupFilter(str(out / "remove")), ParquetWriter(str(out / "documents"))]),
    ]
    for number, (tasks, pipeline) in enumerate(steps):
        LocalPipelineExecutor(pipeline, tasks, workers=1, logging_dir=str(out / f"logs{number}")).run()
    kept = list(range(count_of(folder)))
    first: dict[int, int] = {}
    for file in (out / "remove").glob("*.clusters"):  # there is none when nothing is a duplicate
        for document, cluster in struct.iter_unpack("<2I", file.read_bytes()):
            kept[document] = first.setdefault(cluster, document)
    return kept, kept


def rensa(folder: Path, _out: Path) -> Clusters:
    """The same by rensa: each duplicate belongs to the candidate it is most similar to."""
    from rensa import RMinHash, RMinHashDeduplicator

    texts = pq.read_table(folder / "documents").column("text").to_pylist()
    made = [RMinHash.from_token_sets([split(text)], 128, 42)[0] for text in texts]  # the deduplicator wants this seed
    index = RMinHashDeduplicator(threshold=0.8, num_perm=128, use_lsh=True)
    kept = list(range(len(texts)))
    for row, one in enumerate(made):
        if not index.add(str(row), one):
            near = [int(key) for key in index.get_duplicates(one)]
            kept[row] = max(near, key=lambda other: (one.jaccard(made[other]), -other), default=row)
    return kept, kept


def count_of(folder: Path) -> int:
    """Documents in a folder."""
    return sum(pq.read_metadata(path).num_rows for path in (folder / "documents").iterdir())


def write(folder: Path, texts: list[str]) -> Path:
    """One file of documents whose ids are their numbers."""
    (folder / "documents").mkdir(parents=True)
    ids = [str(row) for row in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "url": ids, "text": texts}), folder / "documents" / "00000.parquet")
    return folder


def chains(texts: list[str]) -> list[str]:
    """Texts and what is left of them when their beginning goes bit by bit: near-copies that call for every kernel.

    What is compiled while it is measured would be counted as deduplication.
    """
    words = [text.split() for text in texts]
    return [" ".join(each[len(each) * cut // 100 :]) for each in words for cut in range(0, 30, 3)]


def measure(tool: str, warm: str, folder: str, out: str) -> None:
    """Print which document stays for each, its cluster, CPU-seconds and peak memory; in a process of its own."""
    work = {"ours": ours, "datatrove": datatrove, "rensa": rensa}[tool]
    work(Path(warm), Path(out, "warm"))
    began = time.process_time()
    kept, cluster = work(Path(folder), Path(out, "out"))
    seconds = time.process_time() - began
    status = Path("/proc/self/status").read_text()  # getrusage would also count what the parent held at the fork
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"kept": kept, "cluster": cluster, "seconds": seconds, "peak_mb": peak}))


def decided(tool: str, warm: Path, folder: Path, out: Path) -> dict[str, Any]:
    """`measure` in a new process."""
    command = [sys.executable, "-m", "benchmarks.dedup", "--measure", tool, str(warm), str(folder), str(out)]
    environment = os.environ | {"TEXTMILL_WORKERS": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def truth(texts: list[str]) -> dict[tuple[int, int], float]:
    """The Jaccard similarity of every pair that shares at least half, by brute force."""
    numbers: dict[bytes, int] = defaultdict(lambda: len(numbers))
    sets = [sorted({numbers[each] for each in iterate_shingles(text, 5)}) for text in texts]
    ends = np.cumsum([0, *map(len, sets)])
    every = np.concatenate([np.array(each, np.int64) for each in sets])
    matrix = csr_matrix((np.ones(len(every), np.int32), every, ends), shape=(len(texts), len(numbers)))
    sizes = np.diff(ends)
    found = {}
    for begin in range(0, len(texts), 500):
        shared = (matrix[begin : begin + 500] @ matrix.T).tocoo()
        one, other = shared.row + begin, shared.col
        jaccard = shared.data / (sizes[one] + sizes[other] - shared.data)
        for place in np.flatnonzero((one < other) & (jaccard >= 0.5)):
            found[int(one[place]), int(other[place])] = float(jaccard[place])
    return found


def judged(kept: list[int], cluster: list[int], similar: dict[tuple[int, int], float]) -> dict[str, float]:
    """Precision and recall of one tool."""
    joined = sum(size * (size - 1) // 2 for size in Counter(cluster).values())
    right = sum(jaccard >= 0.7 for (one, other), jaccard in similar.items() if cluster[one] == cluster[other])
    near = [pair for pair, jaccard in similar.items() if jaccard >= 0.8]
    removed = sum(kept[one] != one or kept[other] != other for one, other in near)
    return {
        "precision": right / max(joined, 1),
        "recall": sum(cluster[one] == cluster[other] for one, other in near) / max(len(near), 1),
        "removed": removed / max(len(near), 1),
        "pairs": joined,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_scale_options(parser, f"{DOCUMENTS[Scale.QUICK]:,} documents instead of {DOCUMENTS[Scale.FULL]:,}")
    parser.add_argument("--documents", type=int, help="so many documents instead")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(*given.measure)
        return
    where, texts = real_texts(given.documents or DOCUMENTS[given.scale])
    rates = signatures(texts[: OF_SIGNATURES[given.scale]])
    tools = list(rates)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        warm, all_of_them = write(folder / "warm", chains(texts[:50])), write(folder / "in", texts)
        found = {tool: decided(tool, warm, all_of_them, folder / tool) for tool in tools}
    similar = truth(texts)
    verdicts = {tool: judged(found[tool]["kept"], found[tool]["cluster"], similar) for tool in tools}

    print_versions("datatrove", "rensa", "spacy", "numba", "numpy", "pyarrow")
    words = sum(len(re.findall(r"\w+", text)) for text in texts) / len(texts)
    print(f"{len(texts):,} {where} of {words:,.0f} words on average\n")
    ratios = {tool: [a / b for a, b in zip(rates["ours"], rates[tool], strict=True)] for tool in tools}
    rows = [(tool, spread(rates[tool]), spread(ratios[tool])) for tool in tools]
    print_table(["signatures", "documents per CPU-second", "ours is so many times faster"], rows)
    ours_seconds = found["ours"]["seconds"]
    header = ["end to end", "CPU-s", "ours is faster", "peak MB", "stay", "precision", "recall", "removed", "pairs"]
    rows_of_tools = [
        (
            tool,
            f"{each['seconds']:.2f}",
            f"{each['seconds'] / ours_seconds:.1f}",
            f"{each['peak_mb']:.0f}",
            sum(row == kept for row, kept in enumerate(each["kept"])),
            *(f"{figure:.4g}" for figure in verdicts[tool].values()),
        )
        for tool, each in found.items()
    ]
    print()
    print_table(header, rows_of_tools)
    print(f"precision and recall by brute force over all {len(texts) * (len(texts) - 1) // 2:,} pairs")
    compared = {f"signatures/{tool}": spread(ratios[tool]).median for tool in tools[1:]}
    if "datatrove" in found:
        compared["end-to-end/datatrove"] = found["datatrove"]["seconds"] / ours_seconds
    figures = {name: verdicts["ours"][name] for name in ("precision", "recall", "removed")}
    figures |= {f"{name}/{tool}": verdicts[tool][name] for tool in tools[1:] for name in ("precision", "recall")}
    print_result("dedup", compared, figures | {"peak_mb": found["ours"]["peak_mb"]})


if __name__ == "__main__":
    main()
