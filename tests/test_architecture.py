"""The rules between folders and files, read from the code's own imports. Each test lists all offenders."""

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
STAGES = {"crawl", "clean", "dedup", "tokenize", "pretrain", "finetune", "evaluate"}
TORCH_FOLDERS = {"model", "pretrain", "downstream", "inference", "evaluate"}
SHARED_FOLDERS = {
    # a folder of tasks/ that is no stage → who may import it
    "model": {"model", "pretrain", "downstream", "inference", "finetune", "evaluate"},
    "downstream": {"downstream", "inference", "finetune", "evaluate", "tuning"},
    # "": the commands chat and predict
    "inference": {"inference", "downstream", "clean", "evaluate", ""},
}
STAGE_FACES = {"task", "settings", "query"}
MEANINGLESS_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core"}
MAX_LINES = 300
CODE = sorted(path for folder in ("flows", "tasks") for path in (ROOT / folder).rglob("*.py"))
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in CODE}


def list_imports(path: Path, *, for_types: bool) -> Iterator[str]:
    """Every module that a file imports, anywhere in it; of `from a import b` both a and a.b.

    Those that only a type checker imports are listed `for_types`.
    """
    tree = ast.parse(path.read_bytes())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only and not for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


IMPORTS = {path: tuple(list_imports(path, for_types=False)) for path in CODE}


def find_offenders(is_allowed: Callable[[tuple[str, ...], list[str]], bool]) -> list[str]:
    """Imports that a rule forbids; it gets the parts of the file's path and of the imported module's name."""
    return [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, modules in IMPORTS.items()
        for module in modules
        if not is_allowed(path.relative_to(ROOT).parts, module.split("."))
    ]


def folder_of(parts: tuple[str, ...]) -> str:
    """The folder of tasks/ that a file is in; empty for files beside the folders, and for flows."""
    return parts[1] if parts[0] == "tasks" and len(parts) > 2 else ""


def test_there_is_code_to_check() -> None:
    assert len(CODE) > 50
    assert sum(map(len, IMPORTS.values())) > 1000


def test_prefect_is_imported_by_flows_and_two_files_of_stages_only() -> None:
    def is_allowed(file: tuple[str, ...], module: list[str]) -> bool:
        return (
            module[0] != "prefect" or file[0] == "flows" or file[1:] in {("stage.py",), ("server_outage", "clients.py")}
        )

    assert not find_offenders(is_allowed)


def test_torch_is_imported_by_folders_of_models_only() -> None:
    assert not find_offenders(lambda file, module: module[0] != "torch" or folder_of(file) in TORCH_FOLDERS)


def test_nothing_below_imports_flows() -> None:
    assert not find_offenders(lambda file, module: module[0] != "flows" or file[0] == "flows")


def test_flows_do_not_import_the_command_line() -> None:
    def is_allowed(file: tuple[str, ...], module: list[str]) -> bool:
        return module[:2] != ["flows", "cli"] or file[:2] in {("flows", "cli"), ("flows", "__main__.py")}

    assert not find_offenders(is_allowed)


def test_parquet_files_are_read_by_their_literal_path() -> None:
    """Polars takes a bracket in the path of a store for a pattern."""
    calls = re.compile(r"\b(pl|polars)\.(read|scan)_(parquet|csv|ipc|ndjson)\((?!file\.read_bytes\(\))")
    offenders = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in CODE
        if path.name != "parquet_files.py"
        for match in calls.finditer(path.read_text())
    ]
    assert offenders == [], "read them with tasks.runtime.parquet_files"


def test_no_stage_imports_another() -> None:
    def is_allowed(file: tuple[str, ...], module: list[str]) -> bool:
        return not (
            module[0] == "tasks"
            and folder_of(file) in STAGES
            and len(module) > 1
            and module[1] in STAGES - {folder_of(file)}
        )

    assert not find_offenders(is_allowed)


def test_folders_that_stages_share_are_imported_by_those_only() -> None:
    def is_allowed(file: tuple[str, ...], module: list[str]) -> bool:
        shared = module[1] if module[0] == "tasks" and len(module) > 1 else ""
        return shared not in SHARED_FOLDERS or folder_of(file) in SHARED_FOLDERS[shared]

    assert not find_offenders(is_allowed)


def test_flows_use_a_stage_by_its_faces() -> None:
    def is_allowed(file: tuple[str, ...], module: list[str]) -> bool:
        is_inside = module[0] == "tasks" and len(module) > 2 and module[1] in STAGES
        return file[0] != "flows" or not is_inside or module[2] in STAGE_FACES

    assert not find_offenders(is_allowed)


def test_files_have_names_that_say_something() -> None:
    assert not [str(path.relative_to(ROOT)) for path in CODE if path.stem in MEANINGLESS_NAMES]


def test_files_are_short_enough_to_read() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in CODE}
    assert not {path: length for path, length in lengths.items() if length > MAX_LINES}


@functools.cache
def list_calls() -> list[tuple[str, ast.Call, str]]:
    """Every call in the code: where it stands, its node, and what is called, as it is written."""
    return [
        (f"{path.relative_to(ROOT)}:{node.lineno}", node, ast.unparse(node.func))
        for path in [*CODE, *sorted((ROOT / "benchmarks").rglob("*.py"))]
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
    ]


def test_no_code_of_a_model_or_a_data_set_is_trusted() -> None:
    refused = {
        "torch.load",
        "pickle.load",
        "pickle.loads",
        "joblib.load",
        "dill.load",
        "cloudpickle.load",
        "pd.read_pickle",
    }
    offenders = []
    for where, call, name in list_calls():
        options = {option.arg: ast.unparse(option.value) for option in call.keywords}
        if options.get("trust_remote_code", "False") != "False" or options.get("allow_pickle", "False") != "False":
            offenders.append(f"{where} trusts code")
        if name in refused and options.get("weights_only") != "True":
            offenders.append(f"{where} unpickles")
    assert not offenders


def test_models_are_opened_in_one_place_that_trusts_no_code() -> None:
    """Every other call of `from_pretrained` might ask on standard input, or unpickle."""
    opener = "tasks/model/load_from_folder.py"
    assert not [
        where
        for where, call, name in list_calls()
        if name.endswith(".from_pretrained") and not where.startswith((opener, "benchmarks/"))
    ]
    for loader in ("from_config", "load_dataset"):
        offenders = [
            where
            for where, call, name in list_calls()
            if name.endswith(f".{loader}")
            and where.startswith("tasks/")
            and "trust_remote_code" not in {option.arg for option in call.keywords}
        ]
        assert not offenders


def test_standard_input_is_read_where_it_is_documented_only() -> None:
    readers = {
        "flows/cli/commands/gc.py",  # asks before it deletes
        "flows/cli/commands/chat.py",  # reads prompts
        "flows/cli/prefect_server.py",  # ends when the pipe of its parent does
    }
    assert not [
        str(path.relative_to(ROOT))
        for path in CODE
        if str(path.relative_to(ROOT)) not in readers
        and any(
            (isinstance(node, ast.Call) and ast.unparse(node.func) == "input")
            or (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.stdin")
            for node in ast.walk(ast.parse(path.read_bytes()))
        )
    ]


def test_fingerprints_cover_the_folders_whose_code_decides_the_bytes() -> None:
    """`plan` warns by them that code has changed and its stage's version has not."""
    without_bytes = {"store", "server_outage", "errors", "svg_charts"}  # it is charts that explain an artifact
    imported: dict[str, set[str]] = defaultdict(set)
    for path, modules in IMPORTS.items():
        folders = {folder_of(("tasks", *module.split(".")[1:], "")) for module in modules if module[:6] == "tasks."}
        imported[folder_of(path.relative_to(ROOT).parts)] |= {
            name for name in folders if (ROOT / "tasks" / name).is_dir()
        }
    stages = [(path, call) for path, call in list_stages() if path.parts[0] == "tasks"]
    assert len(stages) == len(STAGES) + 1, "extract and clean are in one folder"
    offenders = []
    for path, call in stages:
        shares = next((ast.literal_eval(option.value) for option in call.keywords if option.arg == "shares"), ())
        reached, waiting = set(), [path.parts[1]]
        while waiting:
            folder = waiting.pop()
            if folder not in reached:
                reached.add(folder)
                waiting += imported[folder] - without_bytes - {""}
        if reached != {path.parts[1], *shares}:
            offenders.append(f"{path}: {ast.unparse(call)} is to share {sorted(reached - {path.parts[1]})}")
    assert not offenders


def list_stages() -> list[tuple[Path, ast.Call]]:
    """Every use of the decorator `stage`: its file, and its arguments."""
    return [
        (path.relative_to(ROOT), decorator)
        for path in CODE
        if path.name == "task.py"
        for function in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(function, ast.FunctionDef)
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "stage"
    ]


def test_imports_for_types_alone_say_why_they_are_none_at_run_time() -> None:
    """Such as the seconds that they take: an import that costs nothing stands with the others."""
    bare_line = re.compile(r"^if TYPE_CHECKING:$", re.MULTILINE)
    assert not [str(path.relative_to(ROOT)) for path in CODE if bare_line.search(path.read_text())]


def find_circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected components of more than one node (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    circles = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in sorted(graph.get(node, ())):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                circles.append(sorted(component))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return circles


def graph_of_files() -> dict[str, set[str]]:
    """Module → modules of the project that it names. A package stands for its `__init__.py`.

    Imports for types count: files that know each other's types cannot be read one after the other either.
    """
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        imports = tuple(list_imports(path, for_types=True))
        # of `from a import b` only a.b counts where b is a module: a's own code is not used
        targets = set(imports) & MODULES.keys()
        parents = {target.rpartition(".")[0] for target in targets}
        names = {name.rpartition(".")[0] for name in imports if name not in MODULES}
        graph[module] = {target for target in targets if target not in parents or target in names} - {module}
    return graph


def test_no_circles_between_files() -> None:
    assert not find_circles(graph_of_files())


def test_no_circles_between_the_folders_and_files_of_a_folder() -> None:
    """Within each folder the files and subfolders, each with all that is below it, import in one direction only."""
    folders: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    packages = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    for module, targets in graph_of_files().items():
        for target in targets:
            here, there = (
                (*name.split("."), "__init__") if name in packages else tuple(name.split("."))
                for name in (module, target)
            )
            depth = next(level for level, pair in enumerate(zip(here, there, strict=False)) if pair[0] != pair[1])
            folders[".".join(here[:depth])][here[depth]].add(there[depth])
    assert not {folder: circles for folder, graph in folders.items() if (circles := find_circles(graph))}
