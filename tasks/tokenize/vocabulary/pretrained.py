"""A vocabulary that is there already: a transformers folder from elsewhere, or an earlier snapshot's."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from tasks.errors import StageFailure
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
KEPT = ("model_max_length", "chat_template")
CALLED = "tokenize.tokenizer"


def read(folder: str) -> dict[str, Any]:
    """The tokenizer's files as JSON, and the roles of its special tokens. Raises StageFailure when there is none."""
    root = Path(folder).expanduser()
    if not (root / FILES[0]).is_file():
        raise StageFailure(
            f"{CALLED}: {root} holds no {FILES[0]}",
            "Give the folder of a fast tokenizer, or make one with AutoTokenizer.from_pretrained(…).save_pretrained(…)",
        )
    try:
        table, *settings = (
            json.loads((root / name).read_text(encoding="utf-8")) if (root / name).exists() else {} for name in FILES
        )
        Tokenizer.from_str(json.dumps(table))
    except Exception as error:  # the tokenizers library raises nothing narrower
        raise StageFailure(f"{CALLED}: {root} cannot be read ({error})", "Save the tokenizer anew") from error
    named = settings[1] | settings[0]
    roles = {role: text_of(named[role]) for role in ROLES if named.get(role)}
    return {"table": table, "roles": roles, "kept": {name: named[name] for name in KEPT if name in named}}


def text_of(token: Any) -> str:
    """Older files keep a token as an object."""
    return str(token["content"] if isinstance(token, dict) else token)


def digest_tokenizer(folder: str) -> str:
    """A digest of what a tokenizer does, whatever the spacing and order of its files."""
    return hashlib.blake2b(json.dumps(read(folder), sort_keys=True).encode(), digest_size=16).hexdigest()


def adopt_tokenizer(out: Path, folder: str, missing: str, sentinels: int) -> dict[str, Any]:
    """Save an existing tokenizer with all special tokens. Raises StageFailure when some are missing and may not be."""
    found = read(folder)
    tokenizer = Tokenizer.from_str(json.dumps(found["table"]))
    roles = {role: text for role, text in found["roles"].items() if tokenizer.token_to_id(text) is not None}
    for role, other in SAME_ROLE.items():
        if other in roles:
            roles.setdefault(role, roles[other])
    needed = {role: SPECIAL[number] for role, number in ROLES.items() if role not in {*roles, "unk_token"}}
    special = dict.fromkeys([*needed.values(), *list_further_tokens(sentinels)])
    lacking = [text for text in special if tokenizer.token_to_id(text) is None]
    if lacking and missing == "refuse":
        raise StageFailure(
            f"{CALLED}: {folder} lacks {len(lacking)} special tokens ({', '.join(lacking[:8])}, …)",
            "Set tokenize.missing_special to add, which numbers them behind its last entry, or add them yourself",
        )
    mask = make_mask_token(takes_space=tokenizer.normalizer is None)
    tokenizer.add_special_tokens([mask if text == mask.content else AddedToken(text, special=True) for text in special])
    save_tokenizer(tokenizer, out / "tokenizer", roles | needed, list_further_tokens(sentinels), **found["kept"])
    return {"added": len(lacking)}


def copy_vocabulary(out: Path, earlier: list[Path], vocabulary: dict[str, Any]) -> dict[str, Any]:
    """Copy the vocabulary of the first earlier snapshot. Raises StageFailure when the settings ask for another."""
    first, *others = earlier
    used = json.loads((first / "statistics.json").read_text(encoding="utf-8"))["vocabulary_settings"]
    for name in sorted({*used, *vocabulary}):
        if used.get(name) != vocabulary.get(name):
            raise StageFailure(
                f"tokenize.{name} is {vocabulary.get(name)}, and the first snapshot's vocabulary was made with "
                f"{used.get(name)}",
                "All snapshots share one vocabulary: set it back, or begin again without the earlier snapshots",
            )
    table = (first / "tokenizer" / FILES[0]).read_bytes()
    for other in others:
        if (other / "tokenizer" / FILES[0]).read_bytes() != table:
            raise StageFailure(f"{other} has another vocabulary than {first}", "Give snapshots of one chain of runs")
    shutil.copytree(first / "tokenizer", out / "tokenizer")
    return {}


def require_token_folders(earlier: tuple[Artifact, ...]) -> list[Path]:
    """The folders of earlier tokens artifacts. Raises StageFailure when one holds none."""
    found = [artifact.folder_with("tokenizer/", "statistics.json") for artifact in earlier]
    for folder in found:
        if not (folder / "tokenizer" / FILES[0]).is_file() or not (folder / "statistics.json").is_file():
            raise StageFailure(f"{folder} is no artifact of the tokenize stage", "Give tokens of an earlier snapshot")
    return found
