"""A small site of real text that every machine has: docstrings of the standard library, some pages a module."""

import copy
import html
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.recipe import Recipe, merge_settings

SECTIONS = (
    "argparse",
    "datetime",
    "decimal",
    "difflib",
    "email.message",
    "logging",
    "random",
    "statistics",
    "threading",
)
PAGES_PER_SECTION = 8
WORDS_PER_PAGE = 160


def words_of(module_name: str) -> list[str]:
    """All docstrings of a module's functions, classes and methods, as words."""
    module = importlib.import_module(module_name)
    texts = [inspect.getdoc(module) or ""]
    for name, member in sorted(vars(module).items()):
        if name.startswith("_") or not (inspect.isclass(member) or inspect.isroutine(member)):
            continue
        texts.append(inspect.getdoc(member) or "")
        if inspect.isclass(member):
            texts += [inspect.getdoc(getattr(member, inner)) or "" for inner in sorted(vars(member)) if inner[0] != "_"]
    return " ".join(dict.fromkeys(texts)).split()


def pages() -> Iterator[tuple[str, str]]:
    """Name and text of every page."""
    for section in SECTIONS:
        words = words_of(section)
        for number in range(min(PAGES_PER_SECTION, len(words) // WORDS_PER_PAGE)):
            text = " ".join(words[number * WORDS_PER_PAGE : (number + 1) * WORDS_PER_PAGE])
            yield f"{section.replace('.', '-')}/{number}.html", text


def build(folder: Path) -> int:
    """Write the site: an index page that links to all pages, each of which links back. How many pages there are."""
    listed = list(pages())
    for name, text in listed:
        sentences = "".join(f"<p>{html.escape(part.strip())}.</p>" for part in text.split(". ") if part.strip())
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"<html><head><meta charset=utf-8><title>{name}</title></head><body><main><h1>{name}</h1>{sentences}"
            f"<p><a href='/index.html'>back</a></p></main></body></html>"
        )
    links = "".join(f"<li><a href='/{name}'>{name}</a></li>" for name, _ in listed)
    (folder / "index.html").write_text(f"<html><head><title>index</title></head><body><ul>{links}</ul></body></html>")
    return len(listed) + 1


# What differs from the defaults: everything as small as it may be. Kept as plain data, because a deployment takes it.
SETTINGS: dict[str, Any] = {
    "crawl": {
        "source": {"kind": "web", "web": {"delay": 0.0, "max_concurrency_per_host": 8}},
        "shards": {"max_pages": 20},
    },
    "clean": {"filters": {"length": {"min": 100}, "duplicate_lines": {"enabled": False},
                          "duplicate_line_characters": {"enabled": False}}},
    "tokenize": {"vocab_size": 600, "validation_fraction": 0.1, "heldout_fraction": 0.5},
    "pretrain": {
        "architecture": {"size": "tiny", "num_layers": 1, "hidden_size": 32, "num_heads": 2, "max_length": 64},
        "objective": {"kind": "causal"},
        "batch": {"batch_size": 8},
        "steps": 20,
        "eval_interval": 10,
        "eval_rows": 8,
    },
    "evaluate": {
        "labels_per_class": [4],
        "finetuning": {"learning_rates": [0.001], "epochs": 1, "min_steps": 2, "max_length": 64},
        "seeds": 3,
        "benchmarks": {"site_section": {"min_documents_per_class": 3, "min_passages_per_class": 4, "passage_words": 30,
                                        "min_words": 10}},
    },
}  # fmt: skip


def settings_at(site: str) -> dict[str, Any]:
    """The recipe for the site at an address, as plain data."""
    settings = copy.deepcopy(SETTINGS)
    settings["crawl"]["source"]["web"]["seeds"] = [site]
    return settings


def settings_from(folder: Path) -> dict[str, Any]:
    """The recipe for the site's files, whose pages have the same dates every time."""
    settings = copy.deepcopy(SETTINGS)
    settings["crawl"]["source"] = {"kind": "files", "files": {"path": str(folder), "url_prefix": "http://tiny.test/"}}
    return settings


def add_kept_model(settings: dict[str, Any]) -> dict[str, Any]:
    """The recipe with the stage finetune, which keeps a model for the task of the evaluation."""
    evaluate = copy.deepcopy(settings["evaluate"])
    site_section = {**evaluate["benchmarks"]["site_section"], "enabled": True}
    keep = {"benchmarks": {"site_section": site_section}, "finetuning": evaluate["finetuning"]}
    return {**settings, "finetune": keep}


def recipe(settings: dict[str, Any]) -> Recipe:
    """The same as a recipe."""
    return Recipe.model_validate(merge_settings(Recipe, Recipe().model_dump(mode="json"), settings))
