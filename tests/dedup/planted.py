"""Documents with planted duplicates, as a clean stage would hand them over, and helpers to run the stage on them."""

import hashlib
import itertools
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.dedup.settings import Dedup
from tasks.dedup.task import dedup
from tasks.store import Artifact, Draft
from tasks.store.manifest import digest_files, hash_files

MakeDraft = Callable[..., Draft]
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 3_000)]


def make_id(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def write_clean_folder(folder: Path, texts: Sequence[str | None], num_shards: int = 1) -> Path:
    """Write the folder of a clean stage with these texts, spread over so many shards."""
    (folder / "documents").mkdir(parents=True)
    size = -(-len(texts) // num_shards) or 1
    for shard in range(num_shards):
        part = texts[shard * size : (shard + 1) * size]
        table = pa.table(
            {
                "id": pa.array([make_id(text or "") for text in part], pa.string()),
                "url": pa.array([f"http://a/{make_id(text or '')}" for text in part], pa.string()),
                "text": pa.array(part, pa.large_string()),
                "score_length": pa.array([float(len(text or "")) for text in part], pa.float32()),
            }
        )
        pq.write_table(table, folder / "documents" / f"{shard:05d}.parquet")
    return folder


def make_clusters(seed: int, clusters: int = 20, alone: int = 40) -> list[list[str]]:
    """Make clusters of near-duplicates (a word in a hundred changed, or only punctuation), and texts like no other."""
    draw = random.Random(seed)
    groups = []
    for group in range(clusters + alone):
        alphabet = HAN if group % 2 else [f"word{number}" for number in range(3_000)]
        words = draw.choices(alphabet, k=300)
        members = [words]
        for _ in range(draw.randrange(1, 5) if group < clusters else 0):
            copy = list(words)
            for position in draw.sample(range(300), draw.randrange(0, 4)):
                copy[position] = draw.choice(alphabet)
            members.append(copy)
        glue = "" if group % 2 else " "
        groups.append([glue.join(words) + "!" * number for number, words in enumerate(members)])
    return groups


def shuffle_texts(groups: list[list[str]], seed: int) -> list[str]:
    texts = list(itertools.chain.from_iterable(groups))
    random.Random(seed).shuffle(texts)
    return texts


def read_documents(folder: Path) -> list[str]:
    files = sorted((folder / "documents").glob("*.parquet"))
    return [text for path in files for text in pq.read_table(path).column("text").to_pylist()]


def build_dedup(make_draft: MakeDraft, name: str, *inputs: Artifact, **settings: Any) -> Draft:
    draft = make_draft(name)
    dedup.build(Dedup(**settings), draft, *inputs)
    return draft


def read_files(draft: Draft) -> dict[str, bytes]:
    return {
        str(path.relative_to(draft.path)): path.read_bytes()
        for path in sorted(draft.path.rglob("*"))
        if path.is_file() and not path.relative_to(draft.path).parts[0].startswith(".")
    }


def make_artifact(folder: Path, stage: str) -> Artifact:
    """Return the artifact handle of a folder."""
    digest = digest_files(hash_files(folder))
    return Artifact(stage=stage, key=digest[:16], digest=digest, path=str(folder))


def make_clean_artifact(folder: Path, texts: Sequence[str | None], num_shards: int = 1) -> Artifact:
    """Write these texts as the artifact of a clean stage."""
    return make_artifact(write_clean_folder(folder, texts, num_shards), "clean")
