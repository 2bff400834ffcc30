"""Tokens per CPU-second, from Parquet documents to written shards, against `datasets.map` and datatrove.

All three get the same Parquet file and the same trained tokenizer, end every document with the same token, and write
what they write for training: datasets its Arrow cache, datatrove its token and index files, ours Arrow shards with
sentence starts, parts and statistics on top. One process each; threads and child processes count. The ids must be the
same to the last. English novels (ELTeC) and Chinese Wikipedia where ../shared/data has them, else the documentation of
the installed Python and its packages.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from benchmarks.pages import texts as pages
from benchmarks.report import Scale, installed, print_result, print_table, print_versions, read_scale, spread
from tasks.tokenize.settings import Tokenize
from tasks.tokenize.steps import encode_shard, load_encoder
from tasks.tokenize.vocabulary.special_tokens import EOS, SPECIAL, save_trained_tokenizer
from tasks.tokenize.vocabulary.train import train_tokenizer

SHARED = Path(__file__).parents[2] / "shared" / "data"
VOCABULARY = {Scale.FULL: 32_768, Scale.QUICK: 32_768, Scale.SMOKE: 1_000}
ROUNDS = {Scale.FULL: 3, Scale.QUICK: 1, Scale.SMOKE: 1}
MEGABYTES = {Scale.FULL: 8, Scale.QUICK: 3, Scale.SMOKE: 0.05}
PARAGRAPHS = 20  # of a novel, to a document


def unpacked(name: str, folder: Path) -> Path | None:
    """A shared data set, or None."""
    if not (SHARED / f"{name}.tar.xz").exists():
        return None
    subprocess.run([str(SHARED / "unpack.sh"), str(folder), name], check=True, capture_output=True)
    return folder / name


def novels(folder: Path) -> Iterator[str]:
    """Some paragraphs each."""
    for path in sorted(folder.rglob("*.xml")):
        found = re.findall(r"<p\b[^>]*>(.*?)</p>", path.read_text(encoding="utf-8"), re.DOTALL)
        paragraphs = [" ".join(re.sub(r"<[^>]+>", "", text).split()) for text in found]
        for first in range(0, len(paragraphs), PARAGRAPHS):
            yield "\n".join(paragraphs[first : first + PARAGRAPHS])


def articles(folder: Path) -> Iterator[str]:
    """Those with a body."""
    for path in sorted(folder.glob("wiki_*")):
        for text in re.findall(r"<doc[^>]*>\n(.*?)</doc>", path.read_text(encoding="utf-8"), re.DOTALL):
            if len(text) >= 200:
                yield text.strip()


def corpora(folder: Path, scale: Scale) -> dict[str, list[str]]:
    """Texts by language, about so much of each."""
    num_bytes = int(MEGABYTES[scale] * 1_000_000)
    if scale is Scale.SMOKE:
        return {"en": list(until(iter(pages(20)[1]), num_bytes))}
    english, chinese = unpacked("eltec-eng", folder), unpacked("zhwiki-a", folder)
    found: dict[str, Iterator[str]] = {"en": novels(english) if english else iter(pages(4_000)[1])}
    if chinese:
        found["zh"] = articles(chinese)
    return {language: list(until(texts, num_bytes)) for language, texts in found.items()}


def until(texts: Iterator[str], num_bytes: int) -> Iterator[str]:
    """The first texts, so many bytes."""
    for text in texts:
        if num_bytes <= 0:
            return
        num_bytes -= len(text.encode())
        yield text


def ours(source: Path, tokenizer: Path, out: Path) -> None:
    """The work of the stage on one shard of documents, the first of a process: no word is known yet."""
    load_encoder.cache_clear()
    encode_shard(out, source, "00000", tokenizer, Tokenize(validation_fraction=0, heldout_fraction=0))


def datasets_map(source: Path, tokenizer: Path, out: Path) -> None:
    """`map` over batches with a fast tokenizer, as its documentation does it."""
    import datasets
    from transformers import AutoTokenizer

    datasets.disable_progress_bars()
    opened = AutoTokenizer.from_pretrained(tokenizer)
    end = opened.eos_token_id

    def tokenize(batch: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        found = opened(batch["text"], add_special_tokens=False, return_attention_mask=False)["input_ids"]
        return {"input_ids": [[*ids, end] for ids in found]}

    rows = datasets.load_dataset("parquet", data_files=str(source), split="train", cache_dir=str(out / "cache"))
    rows.map(tokenize, batched=True, remove_columns=rows.column_names, cache_file_name=str(out / "tokens.arrow"))


def datatrove(source: Path, tokenizer: Path, out: Path) -> None:
    """Its reader and its tokenizer in one local task, without the shuffling that it would add."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.tokens import DocumentTokenizer

    LocalPipelineExecutor(
        pipeline=[
            ParquetReader(str(source.parent), glob_pattern=source.name),
            DocumentTokenizer(
                str(out / "tokens"),
                tokenizer_name_or_path=str(tokenizer / "tokenizer.json"),
                eos_token=SPECIAL[EOS],
                shuffle_documents=False,
            ),
        ],
        logging_dir=str(out / "logs"),
    ).run()


def ids_of_ours(out: Path) -> np.ndarray:
    """What we wrote."""
    parts = [pa.ipc.open_file(path).read_all().column("input_ids") for path in sorted((out / "train").glob("*.arrow"))]
    return np.concatenate([part.combine_chunks().flatten().to_numpy() for part in parts])


def ids_of_datasets(out: Path) -> np.ndarray:
    """What datasets wrote."""
    column = pa.ipc.open_stream(out / "tokens.arrow").read_all().column("input_ids")
    return np.concatenate([chunk.flatten().to_numpy() for chunk in column.chunks])


def ids_of_datatrove(out: Path) -> np.ndarray:
    """What datatrove wrote: two bytes a token, for a vocabulary of this size."""
    return np.concatenate([np.fromfile(path, np.uint16) for path in sorted((out / "tokens").glob("*.ds"))])


WAYS: dict[str, tuple[Callable[[Path, Path, Path], None], Callable[[Path], np.ndarray]]] = {
    "ours": (ours, ids_of_ours),
    "datasets.map": (datasets_map, ids_of_datasets),
    "datatrove": (datatrove, ids_of_datatrove),
}


def cpu_seconds() -> float:
    """Of this process, its threads and the children that ended."""
    return sum(os.times()[:4])


def measured(way: str, source: Path, tokenizer: Path) -> tuple[float, np.ndarray]:
    """CPU-seconds, and the ids that were written."""
    work, ids = WAYS[way]
    with tempfile.TemporaryDirectory() as folder:
        began = cpu_seconds()
        work(source, tokenizer, Path(folder))
        return cpu_seconds() - began, ids(Path(folder))


def prepared(folder: Path, language: str, texts: list[str], vocab_size: int) -> tuple[Path, Path]:
    """A Parquet file of the documents and a tokenizer trained on a part of them."""
    source, tokenizer = folder / language / "documents.parquet", folder / language / "tokenizer"
    source.parent.mkdir()
    names = [f"{language}-{number}" for number in range(len(texts))]
    urls = [f"https://{language}.example.org/{number}" for number in range(len(texts))]
    table = pa.table({"id": names, "url": urls, "text": texts, "language": [language] * len(texts)})
    pq.write_table(table, source, compression="zstd")
    sample = texts[:: max(len(texts) // 1_000, 1)]
    made: Tokenizer = train_tokenizer(lambda: iter([sample]), "bpe", vocab_size, lowercase=False, sentinels=100)
    save_trained_tokenizer(made, tokenizer, 100)
    return source, tokenizer


def main() -> None:
    scale = read_scale(__doc__)
    vocab_size = VOCABULARY[scale]
    os.environ["LOGURU_LEVEL"] = "ERROR"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # threads cost more CPU time than they save; the same for all
    folder = Path(tempfile.mkdtemp())
    ways = [way for way in WAYS if way != "datatrove" or installed("datatrove")]
    rates: dict[str, dict[str, list[float]]] = {}
    bytes_a_token = {}
    try:
        for language, texts in corpora(folder, scale).items():
            source, tokenizer = prepared(folder, language, texts, vocab_size)
            small, _ = prepared(folder, f"{language}-warm", texts[:20], vocab_size)
            for way in ways:  # imports, machine code
                measured(way, small, tokenizer)
            rates[language] = {way: [] for way in ways}
            for _ in range(ROUNDS[scale]):
                wrote = {}
                for way in ways:
                    seconds, wrote[way] = measured(way, source, tokenizer)
                    rates[language][way].append(len(wrote[way]) / seconds / 1_000)
                for way in ways:
                    np.testing.assert_array_equal(wrote[way], wrote["ours"], err_msg=way)
            bytes_a_token[language] = sum(len(text.encode()) for text in texts) / (len(wrote["ours"]) - len(texts))
    finally:
        shutil.rmtree(folder)
    print_versions("tokenizers", "datasets", "datatrove", "numba", "pyarrow")
    print(f"{MEGABYTES[scale]} MB of each language, vocabulary {vocab_size:,}; median (range); all ids are the same\n")
    peers = [way for way in ways if way != "ours"]
    ratios = {
        language: {way: [a / b for a, b in zip(of["ours"], of[way], strict=True)] for way in peers}
        for language, of in rates.items()
    }
    rows = [
        (language, way, spread(of[way]), spread(ratios[language][way]) if way in peers else "")
        for language, of in rates.items()
        for way in ways
    ]
    print_table(["language", "way", "1,000 tokens per CPU-second", "ours is so many times faster"], rows)
    least = {way: min(spread(of[way]).median for of in ratios.values()) for way in peers}
    figures = {f"{language}/{way}": spread(of[way]).median for language, of in rates.items() for way in ways}
    print_result("tokens", least, figures | {f"{name}/bytes_per_token": size for name, size in bytes_a_token.items()})


if __name__ == "__main__":
    main()
