import json
from pathlib import Path

import pytest

from tasks.errors import StageFailure
from tasks.runtime.model_folders import refuse_model_code, refuse_untrusted_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", {"model_type": "own", "auto_map": {"AutoModel": "modeling_own.OwnModel"}}),
        ("config.json", {"model_type": "both", "text_config": {"auto_map": {"AutoConfig": "elsewhere/own--c.C"}}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["tokenization_own.OwnTokenizer", None]}}),
    ],
)
def test_a_model_that_brings_code_is_refused_by_the_file_that_asks(folder: Path, file: str, content: object) -> None:
    (folder / "model.safetensors").touch()
    (folder / file).write_text(json.dumps(content))
    for refuse in (refuse_model_code, refuse_untrusted_model):
        with pytest.raises(StageFailure, match=rf"^a.setting: {folder / file} asks for Python code .*remove auto_map"):
            refuse(folder, "a.setting")


@pytest.mark.parametrize("file", ["pytorch_model.bin", "last.ckpt", "weights.pt", "model.pkl", "model.joblib"])
def test_a_pickle_is_refused_by_name_and_the_way_out_is_said(folder: Path, file: str) -> None:
    (folder / file).touch()
    with pytest.raises(StageFailure, match=rf"{file} is a pickle.*Convert it to safetensors"):
        refuse_untrusted_model(folder)


def test_beside_safetensors_a_pickle_is_never_opened_and_does_no_harm(folder: Path) -> None:
    for file in ("model.safetensors", "pytorch_model.bin", "training_args.bin"):
        (folder / file).touch()
    refuse_untrusted_model(folder)


def test_an_adapter_is_no_model(folder: Path) -> None:
    (folder / "adapter_model.safetensors").touch()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "somewhere/else"}')
    with pytest.raises(StageFailure, match=r"holds an adapter .*merge_and_unload"):
        refuse_untrusted_model(folder)


def test_a_torn_configuration_is_left_to_its_reader(folder: Path) -> None:
    (folder / "config.json").write_text('{"auto_map"')
    refuse_untrusted_model(folder)
