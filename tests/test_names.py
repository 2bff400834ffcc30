"""How the code is named: each test lists all offenders. CONTRIBUTING says why."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from flows.recipe import Recipe, list_settings

ROOT = Path(__file__).parents[1]
CODE = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes())
    for folder in ("flows", "tasks")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

STAGES = {"crawl", "extract", "clean", "dedup", "tokenize", "pretrain", "finetune", "evaluate"}
ONE_WORD_FUNCTIONS: dict[str, str] = {
    # function → why one word says it all
    "main": "entry points are called so everywhere",
    "pipeline": "a flow; deployments name it",
    "tune": "a flow; deployments name it",
    "stage": "the decorator that makes a function a stage",
    "jit": "numba's word for it",
    "train": "what every training library calls it",
    # metrics, by the names of the literature; artifacts keep these names
    "mean": "a metric",
    "f1": "a metric",
    "matthews": "a metric",
    "correlation": "a metric",
    "precision": "a metric",
    "recall": "a metric",
    "perplexity": "a metric",
    "evenness": "a metric",
}
PARTICIPLES = re.compile(
    r"_?(?:[a-z]+ed|made|found|told|drawn|given|said|left|seen|taken|held|kept|built|sent|read|written|known|shown|chosen|"
    r"spoken|meant|understood|learnt|spent|sought|brought|bound|cut|fit|put|set|split|hidden|begun|gone|done)"
)
# words that look like participles and are verbs, or the words of a protocol that is implemented
NOT_PARTICIPLES = {"read", "cut", "fit", "put", "set", "split", "embed", "feed", "seed", "need", "shed", "exceed"}
FILLERS = {"found", "each", "given", "made", "told", "said", "there", "left"}
RIDDLES = re.compile(r"(What|Which|Where|How|Who|Whose|Whether|The same|Those|It|As|Of|That)\b")
BOUNDS = re.compile(r"^(most|fewest|longest|shortest|deepest|largest|smallest|least|at_most|at_least|at_once)(_|$)")


def list_functions(tree: ast.AST, *, properties: bool = True) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            decorators = {ast.unparse(decorator).partition("(")[0] for decorator in node.decorator_list}
            if properties or not decorators & {"property", "cached_property", "functools.cached_property"}:
                yield node


def test_public_functions_say_what_they_do_with_what() -> None:
    """A verb and its object; one word only for the stages, and for what ONE_WORD_FUNCTIONS gives a reason."""
    allowed = STAGES | ONE_WORD_FUNCTIONS.keys()
    assert len(ONE_WORD_FUNCTIONS) < 60
    assert not [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in CODE.items()
        for node in tree.body
        if isinstance(node, FUNCTIONS)
        if not node.name.startswith("_") and "_" not in node.name.strip("_") and node.name not in allowed
    ]


def test_every_one_word_function_that_is_allowed_exists() -> None:
    names = {node.name for tree in CODE.values() for node in tree.body if isinstance(node, FUNCTIONS)}
    assert not ONE_WORD_FUNCTIONS.keys() - names


def test_no_function_or_method_is_called_by_a_bare_participle() -> None:
    assert not [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in CODE.items()
        for node in list_functions(tree, properties=False)
        if PARTICIPLES.fullmatch(node.name) and node.name.strip("_") not in NOT_PARTICIPLES
    ]


def test_no_two_classes_have_one_name() -> None:
    places = defaultdict(list)
    for path, tree in CODE.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path)
    assert not {name: paths for name, paths in places.items() if len(paths) > 1}


def test_variables_are_called_by_what_they_hold() -> None:
    assert not [
        f"{path}:{node.lineno} {name}"
        for path, tree in CODE.items()
        for node in ast.walk(tree)
        if (name := variable_of(node)) in FILLERS and not (name == "left" and has_a_right_side(tree))
    ]


def has_a_right_side(tree: ast.Module) -> bool:
    """Tell whether the code of a file says "right": its "left" is the other side, not a filler."""
    return any(re.search(r"\bright\b", ast.unparse(node)) for node in tree.body)


def variable_of(node: ast.AST) -> str | None:
    """The name that a node binds to a variable or parameter."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return node.arg if isinstance(node, ast.arg) else None


def test_docstrings_begin_with_what_the_thing_is_or_does() -> None:
    documented = (*FUNCTIONS, ast.ClassDef, ast.Module)
    assert not [
        f"{path}:{getattr(node, 'lineno', 1)} {docstring.splitlines()[0]}"
        for path, tree in CODE.items()
        for node in ast.walk(tree)
        if isinstance(node, documented)
        if (docstring := ast.get_docstring(node)) and RIDDLES.match(docstring)
    ]


def test_settings_call_a_bound_min_or_max() -> None:
    names = {name.removesuffix("[]") for path, *_ in list_settings(Recipe()) for name in path.split(".")}
    assert len(names) > 200
    assert not {name for name in names if BOUNDS.match(name)}
