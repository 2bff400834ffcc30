"""Real text, small: docstrings of the standard library, tokenized as the tokenize stage does it."""

import ast
import hashlib
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from tasks.model.hardware import Hardware
from tasks.pretrain.loop import Training
from tasks.pretrain.settings import Pretrain

torch.set_num_threads(1)  # the models are so small that threads cost more than they bring

SPECIAL = {
    "pad_token": "<pad>",
    "unk_token": "<unk>",
    "bos_token": "<bos>",
    "eos_token": "<eos>",
    "mask_token": "<mask>",
}
MODULES = ("argparse", "textwrap", "shutil", "statistics", "datetime", "subprocess", "tarfile", "inspect", "logging")
CPU = Hardware("cpu", "fp32", 1)


def docstrings() -> list[str]:
    library = Path(sysconfig.get_paths()["stdlib"])
    found = []
    for name in MODULES:
        path = library / f"{name}.py"
        tree = ast.parse((path if path.exists() else library / name / "__init__.py").read_text(encoding="utf-8"))
        nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))]
        found += [text for node in nodes if (text := ast.get_docstring(node)) and len(text) > 30]
    return found


def write_shard(path: Path, documents: list[list[int]], batch: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = pa.schema(
        [("id", pa.string()), ("input_ids", pa.list_(pa.uint16())), ("sentences", pa.list_(pa.uint32()))]
    )
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for begin in range(0, len(documents), batch):
            part = documents[begin : begin + batch]
            names = [str(begin + number) for number in range(len(part))]
            writer.write_batch(pa.record_batch([names, part, [[0] for _ in part]], schema=schema))


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokens artifact's folder: two training shards, one of validation, the tokenizer."""
    folder = tmp_path_factory.mktemp("tokens")
    texts = docstrings()
    table = Tokenizer(models.BPE(unk_token="<unk>"))
    table.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    table.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=list(SPECIAL.values()), initial_alphabet=alphabet, show_progress=False
    )
    table.train_from_iterator(texts, trainer)
    table.post_processor = processors.TemplateProcessing(
        "<bos> $A <eos>", "<bos> $A <eos> $B", [("<bos>", 2), ("<eos>", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=table, **SPECIAL).save_pretrained(folder / "tokenizer")
    held = [hashlib.blake2b(text.encode()).digest()[0] < 26 for text in texts]
    ids = [[*encoding.ids, 3] for encoding in table.encode_batch(texts, add_special_tokens=False)]
    training = [each for each, out in zip(ids, held, strict=True) if not out]
    write_shard(folder / "train" / "00000.arrow", training[:300])
    write_shard(folder / "train" / "00001.arrow", training[300:])
    write_shard(folder / "validation" / "00000.arrow", [each for each, out in zip(ids, held, strict=True) if out])
    return folder


def small(**changes: object) -> Pretrain:
    """Settings of a run of a second; masked ones with `family="bert"`."""
    family = changes.pop("family", "gpt2")
    given: dict[str, object] = {
        "architecture": {"family": family, "layers": 2, "width": 32, "heads": 2, "context": 32},
        "objective": {"kind": "causal" if family == "gpt2" else "masked"},
        "batch": {"rows": 4},
        "steps": 8,
        "validate_every": 4,
        "validation_rows": 6,
    }
    return Pretrain.model_validate(given | changes)


@pytest.fixture
def training(tokens: Path, tmp_path: Path) -> Callable[..., Training]:
    """`training(settings, "name")` gives a run with a scratch folder of that name, so the same name resumes."""
    return lambda settings, name="run": Training(settings, [tokens], tmp_path / name, CPU)
