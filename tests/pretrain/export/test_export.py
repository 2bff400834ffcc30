"""What comes out must open with stock transformers: the checks run in a process that cannot see Textmill."""

import functools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.pretrain.baselines.lstm import compute_lstm_loss
from tasks.pretrain.export.export import export_model
from tasks.pretrain.training.loop import Training
from tasks.store.manifest import digest_files, hash_files
from tests.pretrain.conftest import CPU, finish, small

# each family by the objective that it is made for
KINDS = {
    "bert": "masked",
    "roberta": "masked",
    "modernbert": "masked",
    "electra": "replaced_token_detection",
    "gpt2": "causal",
    "llama": "causal",
    "t5": "span_corruption",
    "bart": "denoising",
    "embedder": "simcse",
}

STOCK = """
import json, pathlib, sys, torch, transformers
from transformers import AutoModel, AutoTokenizer, pipeline
assert "tasks" not in sys.modules
torch.set_num_threads(1)
root = pathlib.Path(sys.argv[1])

def check(folder, family):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer("Return the name of the file.", return_tensors="pt")
    assert set(inputs) == {"input_ids", "attention_mask"}, set(inputs)
    assert tokenizer.model_max_length == 32
    ids = inputs["input_ids"][0].tolist()
    assert ids[0] == 2, "the model has learnt that documents begin with <bos>"
    left = family in ("gpt2", "llama")
    assert (ids[-1] == 3) == (not left), "a prompt that ends in <eos> has nothing to go on with"
    front = (folder / "README.md").read_text()
    name = front.split("import AutoTokenizer, ")[1].split("\\n")[0]
    model, loading = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
    lacking = [key for key in loading["missing_keys"] if not key.startswith("pooler.")]
    assert not lacking and not loading["unexpected_keys"] and not loading["mismatched_keys"], loading
    if family in ("t5", "bart"):
        written = model.generate(**inputs, max_new_tokens=5)
        assert written[0, 0] == model.config.decoder_start_token_id == (0 if family == "t5" else 3), written
        assert model.generation_config.max_new_tokens == 31
    elif left:
        text = pipeline("text-generation", model=folder)("Return the", max_new_tokens=5)[0]["generated_text"]
        assert text.startswith("Return the"), text
    elif name == "AutoModelForMaskedLM":
        predictions = pipeline("fill-mask", model=folder)("Return the <mask> of")
        assert len(predictions) == 5 and predictions[0]["score"] >= predictions[1]["score"], predictions
    else:
        logits = model(**inputs)[0]
        assert logits.shape[:2] == (1, len(ids)) or logits.shape == (1, len(ids)), logits.shape
        assert len(pipeline("feature-extraction", model=folder)("Return the")[0][0]) == 32
    assert AutoModel.from_pretrained(folder).config.hidden_size == 32
    assert ("generation_config.json" in {path.name for path in folder.iterdir()}) == (left or family in ("t5", "bart"))
    parameters = [parameter for key, parameter in model.named_parameters() if not key.startswith("pooler.")]
    return name, sum(parameter.double().sum().item() for parameter in parameters)

print(json.dumps({folder.name: check(folder, folder.name) for folder in sorted(root.iterdir())}))
"""


def finish_and_export(run: Training, tokens: Path, folder: Path) -> Path:
    finish(run)
    export_model(run, tokens / "tokenizer", folder, [])
    return folder


@pytest.fixture(scope="module")
def exports(tokens: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, float]]:
    """A folder with an export of every family, and the sums of their weights."""
    root, sums = tmp_path_factory.mktemp("out"), {}
    for name, kind in KINDS.items():
        family = "bert" if name == "embedder" else name
        settings = small(family=family, objective={"kind": kind}, steps=2, eval_interval=2)
        run = Training(settings, [tokens], tmp_path_factory.mktemp(name), CPU)
        finish_and_export(run, tokens, root / name)
        module = run.objective.export_model(run.learner)
        sums[name] = sum(parameter.detach().double().sum().item() for parameter in module.parameters())
    return root, sums


@pytest.mark.slow
def test_every_family_opens_without_our_code(exports: tuple[Path, dict[str, float]], tmp_path: Path) -> None:
    root, sums = exports
    arguments = [sys.executable, "-c", STOCK, str(root)]
    opened = subprocess.run(arguments, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert opened.returncode == 0, opened.stderr
    results = json.loads(opened.stdout.splitlines()[-1])
    assert {name: total for name, (_, total) in results.items()} == pytest.approx(sums, rel=1e-9)
    assert {name: auto_class for name, (auto_class, _) in results.items()} == {
        "bert": "AutoModelForMaskedLM",
        "roberta": "AutoModelForMaskedLM",
        "modernbert": "AutoModelForMaskedLM",
        "electra": "AutoModelForPreTraining",
        "gpt2": "AutoModelForCausalLM",
        "llama": "AutoModelForCausalLM",
        "t5": "AutoModelForSeq2SeqLM",
        "bart": "AutoModelForSeq2SeqLM",
        "embedder": "AutoModel",
    }


def test_all_files_are_there(exports: tuple[Path, dict[str, float]]) -> None:
    for folder in exports[0].iterdir():
        names = {path.name for path in folder.iterdir()}
        wanted = {"config.json", "model.safetensors", "tokenizer.json", "README.md", "metrics.jsonl", "summary.md"}
        assert wanted <= names, folder.name
        assert ("modules.json" in names) == (folder.name == "embedder")


def test_an_embedder_has_the_layout_of_sentence_transformers(exports: tuple[Path, dict[str, float]]) -> None:
    folder = exports[0] / "embedder"
    modules = json.loads((folder / "modules.json").read_text())
    assert [module["path"] for module in modules] == ["", "1_Pooling"]
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text())
    assert pooling["word_embedding_dimension"] == 32
    assert [name for name, value in pooling.items() if value is True] == ["pooling_mode_mean_tokens"]
    assert (
        "library_name: sentence-transformers\npipeline_tag: sentence-similarity\n" in (folder / "README.md").read_text()
    )
    library = pytest.importorskip("sentence_transformers")
    assert library.SentenceTransformer(str(folder), device="cpu").encode(["Return the name."]).shape == (1, 32)


def test_a_causal_run_is_compared_with_what_came_before(
    training: Callable[..., Training], tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "tasks.pretrain.export.export.compute_lstm_loss", functools.partial(compute_lstm_loss, on_step=lambda: None)
    )
    folder = finish_and_export(training(small(lstm_baseline=True)), tokens, tmp_path / "out")
    for name in ("README.md", "summary.md"):
        text = (folder / name).read_text()
        assert "| perplexity of a trigram model |" in text
        assert "| perplexity of an LSTM |" in text


def test_the_same_run_gives_the_same_digest_and_file_names(
    training: Callable[..., Training], tokens: Path, tmp_path: Path
) -> None:
    folders = [finish_and_export(training(small(), name), tokens, tmp_path / f"out {name}") for name in ("one", "two")]
    one, two = (hash_files(folder) for folder in folders)
    assert [file.path for file in one] == [file.path for file in two]
    # event files hold the time at which they were begun, and explain only
    assert [file for file in one if not file.path.startswith("events/")] == [
        file for file in two if not file.path.startswith("events/")
    ]
    assert digest_files(one) == digest_files(two)
