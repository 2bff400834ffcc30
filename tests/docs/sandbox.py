"""A folder in which the commands of the docs can run: small recipes, the tests' tiny site, small data sets."""

import copy
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.flows import tiny

ROOT = Path(__file__).parents[2]
EXAMPLE_SITE = "https://docs.example.org/"
EXAMPLE_PAGE = f"{EXAMPLE_SITE}guide/install.html"
EXAMPLE_FOLDER = "/data/pages"
WORDS = (
    "river",
    "stone",
    "cloud",
    "garden",
    "winter",
    "letter",
    "bridge",
    "candle",
    "forest",
    "window",
    "mirror",
    "tree",
)


def write_sandbox(folder: Path, site: str, pages: Path) -> None:
    """Write the shipped recipes, made small, and the data sets of the examples.

    Args:
        folder: where the commands run
        site: address of the tiny site, which stands in for the example one
        pages: folder with the files of the tiny site
    """
    recipes = folder / "deployments" / "recipes"
    recipes.mkdir(parents=True)
    for recipe in sorted((ROOT / "deployments" / "recipes").glob("*.yaml")):
        text = make_small(recipe.read_text(encoding="utf-8"), site, pages)
        (recipes / recipe.name).write_text(text, encoding="utf-8")
    (folder / "defaults.yaml").write_text(make_small("{}", site, pages), encoding="utf-8")
    write_data_sets(folder / "data")


def make_small(recipe: str, site: str, pages: Path) -> str:
    """Return a recipe with the tests' small sizes, and the tiny site in the place of the example one."""
    settings = yaml.safe_load(replace_examples(recipe, site, pages)) or {}
    small = copy.deepcopy(tiny.SETTINGS)
    small["crawl"]["source"]["web"]["seeds"] = [site]
    source = settings.get("crawl", {}).get("source", {}).get("kind", "web")
    small["crawl"]["source"]["kind"] = source
    if source == "files":
        small["crawl"]["source"]["files"] = {"path": str(pages)}
    architecture = settings.get("pretrain", {}).get("architecture", {})
    if "family" in architecture:
        small["pretrain"]["architecture"]["family"] = architecture["family"]
        small["pretrain"]["objective"] = settings["pretrain"]["objective"]
    merged = merge(settings, small)
    merged.get("pretrain", {}).pop("tokens", None)  # they would decide the number of steps
    return yaml.safe_dump(merged, sort_keys=False)


def merge(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with those of `other` laid over them."""
    merged = dict(one)
    for name, value in other.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = merge(merged[name], value) if both else value
    return merged


def replace_examples(text: str, site: str, pages: Path) -> str:
    """Replace the example site, page and folder by the tiny ones."""
    return (
        text.replace(EXAMPLE_PAGE, f"{site}argparse/0.html")
        .replace(EXAMPLE_SITE, site)
        .replace(EXAMPLE_FOLDER, str(pages))
    )


def split_command(command: str) -> list[str]:
    """Split a `textmill` command into words; one without a recipe gets the small settings in place of the defaults."""
    words = shlex.split(command)[1:]
    if words[0] in ("run", "plan", "tune") and "--recipe" not in words:
        words += ["--recipe", "defaults.yaml"]
    return words


def write_data_sets(folder: Path) -> None:
    """Write a small data set of each format that the examples name."""

    def write(name: str, text: str) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    for part, start, stop in (("train", 0, 80), ("test", 80, 110)):
        numbers = range(start, stop)
        texts = [f"{WORDS[n % 12]} {WORDS[n * 5 % 11]} number {n}" for n in numbers]
        goods = ["good" if n % 2 else "bad" for n in numbers]
        write(
            f"mood/{part}.tsv",
            "sentence\tmood\n" + "".join(f"{t} {g}\t{g}\n" for t, g in zip(texts, goods, strict=True)),
        )
        write(f"paraphrase/{part}.tsv", "".join(f"{t}\t{t} {g}\t{g}\n" for t, g in zip(texts, goods, strict=True)))
        write(
            f"pairs/{part}.csv",
            "one,other,score\n" + "".join(f"{t},{t} too,{n % 5}\n" for n, t in zip(numbers, texts, strict=True)),
        )
        write(f"names/{part}.conll", "".join(f"Mr O\nBrown{n} B-PER\nsmiled O\n\n" for n in numbers))
        products = [
            {"text": f"The Lamp{n} is new", "spans": [{"start": 4, "end": 8 + len(str(n)), "label": "PRODUCT"}]}
            for n in numbers
        ]
        write(f"products/{part}.json", json.dumps(products))
        for n in numbers:
            text = f"Anna{n} owns Farm{n}."
            owner, farm = f"Anna{n}", f"Farm{n}"
            begin = text.index(farm)
            write(f"owners/{part}/{n}.txt", text)
            write(
                f"owners/{part}/{n}.ann",
                f"T1\tPerson 0 {len(owner)}\t{owner}\nT2\tFarm {begin} {begin + len(farm)}\t{farm}\n"
                f"R1\t{'Owns' if n % 2 else 'Sold'} Arg1:T1 Arg2:T2\n",
            )
        questions = [
            {
                "context": f"The bridge was built in {1900 + n} by a mason.",
                "qas": [
                    {
                        "id": str(n),
                        "question": "When was it built?",
                        "answers": [{"text": str(1900 + n), "answer_start": 24}],
                    }
                ],
            }
            for n in numbers
        ]
        squad = {"data": [{"title": "bridges", "paragraphs": questions}]}
        write(f"questions/{'dev' if part == 'test' else part}.json", json.dumps(squad))
        titles = [{"body": f"A text about a {t}.", "title": t} for t in texts]
        write(f"titles/{part}.jsonl", "".join(f"{json.dumps(row)}\n" for row in titles))
    pairs = [{"sentence_good": f"The {w} is here.", "sentence_bad": f"The {w} are here."} for w in WORDS]
    write("agreement.jsonl", "".join(f"{json.dumps(row)}\n" for row in pairs))
