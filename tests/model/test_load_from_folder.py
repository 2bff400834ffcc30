import json
from pathlib import Path

import pytest
from transformers import AutoConfig, AutoModel

from tasks.errors import StageFailure
from tasks.model.load_from_folder import load_from_folder, load_model_from_folder

TRAP = """
from pathlib import Path
from transformers import PretrainedConfig
Path(__file__).with_name("ran").touch()
class OwnConfig(PretrainedConfig):
    model_type = "own"
"""


def test_code_beside_a_configuration_does_not_run_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configuration_own.py").write_text(TRAP)
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "configuration_own.OwnConfig"}})
    )
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("a question was asked"))
    with pytest.raises(StageFailure, match="never run"):
        load_from_folder(AutoConfig, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_beside_broken_safetensors_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "hidden_size": 8}))
    (tmp_path / "other.safetensors").touch()
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(OSError, match="safetensors"):
        load_model_from_folder(AutoModel, tmp_path)
