"""Take an existing vocabulary: of a transformers folder from elsewhere, or of a previous snapshot."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tasks.errors import StageFailure
from tasks.runtime.model_folders import refuse_model_code
from tasks.store import Artifact
from tasks.tokenize.vocabulary.special_tokens import (
    ROLES,
    SAME_ROLE,
    SPECIAL,
    list_further_tokens,
    make_mask_token,
    save_tokenizer,
)

FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
KEPT_OPTIONS = ("model_max_length", "chat_template")
SETTING = "tokenize.tokenizer"
# statistics.json records settings by the names that they had first, so that artifacts stay readable: setting → recorded
RECORDED_NAMES = {"vocab_size": "vocabulary", "language_alpha": "smoothing"}


def record_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that decide a vocabulary under the names that statistics.json has for them."""
    return {RECORDED_NAMES.get(name, name): value for name, value in settings.items()}


def read_tokenizer_files(folder: str) -> dict[str, Any]:
    """Read a tokenizer's files as JSON: its table, the roles of its special tokens, and the options that are kept.

    Raises StageFailure when the folder holds no fast tokenizer.
    """
    root = Path(folder).expanduser()
    if not (root / FILES[0]).is_file():
        raise StageFailure(
            f"{SETTING}: {root} holds no {FILES[0]}",
            "Give the folder of a fast tokenizer, or make one with AutoTokenizer.from_pretrained(…).save_pretrained(…)",
        )
    refuse_model_code(root, SETTING)
    try:
        table, *configs = (
            json.loads((root / name).read_text(encoding="utf-8")) if (root / name).exists() else {} for name in FILES
        )
        Tokenizer.from_str(json.dumps(table))
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise StageFailure(f"{SETTING}: {root} cannot be read ({error})", "Save the tokenizer again") from error
    # where both files have an option, tokenizer_config.json decides
    config = configs[1] | configs[0]
    roles = {role: read_token_text(config[role]) for role in ROLES if config.get(role)}
    return {"table": table, "roles": roles, "kept": {name: config[name] for name in KEPT_OPTIONS if name in config}}


def read_token_text(token: Any) -> str:
    """Return the text of a token, which older files keep as an object."""
    return str(token["content"] if isinstance(token, dict) else token)


def digest_tokenizer(folder: str) -> str:
    """Return a digest of what a tokenizer does, whatever the spacing and order of its files."""
    files = json.dumps(read_tokenizer_files(folder), sort_keys=True)
    return hashlib.blake2b(files.encode(), digest_size=16).hexdigest()


def adopt_tokenizer(out: Path, folder: str, missing: str, sentinels: int) -> dict[str, Any]:
    """Save an existing tokenizer with all special tokens.

    Raises StageFailure when some are missing and `missing` is "refuse".
    """
    files = read_tokenizer_files(folder)
    tokenizer = Tokenizer.from_str(json.dumps(files["table"]))
    roles = {role: text for role, text in files["roles"].items() if tokenizer.token_to_id(text) is not None}
    for role, other in SAME_ROLE.items():
        if other in roles:
            roles.setdefault(role, roles[other])
    # an unknown token is not added: a vocabulary without one has none to use
    needed = {role: SPECIAL[index] for role, index in ROLES.items() if role not in {*roles, "unk_token"}}
    further = list_further_tokens(sentinels)
    special = dict.fromkeys([*needed.values(), *further])
    lacking = [text for text in special if tokenizer.token_to_id(text) is None]
    if lacking and missing == "refuse":
        raise StageFailure(
            f"{SETTING}: {folder} lacks {len(lacking)} special tokens ({', '.join(lacking[:8])}, …)",
            "Set tokenize.missing_special to add, which numbers them behind its last entry, or add them yourself",
        )
    mask = make_mask_token(takes_space=tokenizer.normalizer is None)
    tokenizer.add_special_tokens([mask if text == mask.content else AddedToken(text, special=True) for text in special])
    save_tokenizer(tokenizer, out / "tokenizer", roles | needed, further, **files["kept"])
    return {"added": len(lacking)}


def copy_vocabulary(out: Path, previous: list[Path], settings: dict[str, Any]) -> dict[str, Any]:
    """Copy the vocabulary of the first previous snapshot.

    Raises StageFailure when the settings ask for another, or the snapshots do not share one.
    """
    first, *others = previous
    recorded = json.loads((first / "statistics.json").read_text(encoding="utf-8"))["vocabulary_settings"]
    setting_names = {recorded_name: name for name, recorded_name in RECORDED_NAMES.items()}
    used = {setting_names.get(name, name): value for name, value in recorded.items()}
    for name in sorted({*used, *settings}):
        if used.get(name) != settings.get(name):
            raise StageFailure(
                f"tokenize.{name} is {settings.get(name)}, and the first snapshot's vocabulary was made with "
                f"{used.get(name)}",
                "All snapshots share one vocabulary: set it back, or start again without the previous snapshots",
            )
    table = (first / "tokenizer" / FILES[0]).read_bytes()
    for other in others:
        # byte by byte: ids must mean the same in the shards of all snapshots
        if (other / "tokenizer" / FILES[0]).read_bytes() != table:
            raise StageFailure(f"{other} has another vocabulary than {first}", "Give snapshots of one chain of runs")
    shutil.copytree(first / "tokenizer", out / "tokenizer")
    return {}


def require_token_folders(previous: tuple[Artifact, ...]) -> list[Path]:
    """Return the folders of previous tokens artifacts. Raises StageFailure when one holds no tokenizer."""
    folders = [artifact.folder_with("tokenizer/", "statistics.json") for artifact in previous]
    for folder in folders:
        if not (folder / "tokenizer" / FILES[0]).is_file() or not (folder / "statistics.json").is_file():
            raise StageFailure(f"{folder} is no artifact of the tokenize stage", "Give tokens of a previous snapshot")
    return folders
