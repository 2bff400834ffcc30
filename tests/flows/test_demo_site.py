import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.demo_site import render_site, serve_site
from flows.demo_site.render import render_modules
from flows.demo_site.select_modules import LEFT_OUT_STDLIB, select_modules
from tasks.errors import StageFailure

pytestmark = pytest.mark.slow

MODULES = {"python": ["_pyio", "asyncio.locks", "calendar", "email.header", "functools", "textwrap"], "json": ["json"]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert render_modules(folder, MODULES, workers=2) == 7
    return folder


@pytest.fixture(scope="module")
def modules() -> dict[str, list[str]]:
    return select_modules()


@pytest.fixture
def base(site: Path) -> Iterator[str]:
    with serve_site(site, port=0) as url:
        yield url


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_pages_lie_where_their_module_says(site: Path) -> None:
    assert list(read_files(site)) == sorted(
        ["index.html", "robots.txt", "json/__init__.html", "json/index.html", "private/_pyio.html", "python/index.html"]
        + [f"python/{name}.html" for name in ("asyncio/locks", "calendar", "email/header", "functools", "textwrap")]
    )


def test_two_renderings_are_the_same_bytes(site: Path, tmp_path: Path) -> None:
    render_modules(tmp_path, MODULES, workers=1)
    assert read_files(tmp_path) == read_files(site)


def test_pages_hold_docstrings_and_nothing_of_this_machine(site: Path) -> None:
    page = (site / "python/textwrap.html").read_text()
    assert "Wrap a single paragraph of text" in page.replace("\n", " ")
    assert "textwrap.py" in page
    for text in map(bytes.decode, read_files(site).values()):
        assert not re.search(r"at 0x[0-9a-f]+|file:/|/site-packages|/lib/python", text)


def test_inherited_text_is_not_repeated(site: Path) -> None:
    page = (site / "python/calendar.html").read_text()
    assert "Methods defined here" in page
    assert "inherited from" not in page


def test_each_link_within_the_site_leads_to_a_file(site: Path) -> None:
    links = {link for text in read_files(site).values() for link in re.findall(r'href="(/[^"#]*)', text.decode())}
    assert len(links) >= 10
    assert [link for link in links if not (site / link[1:]).exists()] == []


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    reached: set[str] = set()
    ahead = {"/"}
    while ahead:
        address = ahead.pop()
        reached.add(address)
        file = site / address[1:]
        text = (file / "index.html" if file.is_dir() else file).read_text()
        ahead |= set(re.findall(r'href="(/[^"#]*)', text)) - reached
    assert {f"/{name}" for name in read_files(site) if not name.endswith(("index.html", ".txt"))} <= reached


WORDS = '"""' + "Useful words about this module. " * 30 + '"""\n'


def test_a_module_that_hangs_is_left_out_and_the_next_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "trouble"
    package.mkdir(parents=True)
    for name, body in {"__init__": "", "a_hangs": "import time; time.sleep(600)", "b_good": ""}.items():
        (package / f"{name}.py").write_text(WORDS + body)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    # a new process, which reads b_good, has to start in these seconds
    assert (
        render_modules(tmp_path / "site", {"trouble": ["trouble.a_hangs", "trouble.b_good"]}, workers=1, seconds=10.0)
        == 1
    )
    assert {file.stem for file in (tmp_path / "site/trouble").iterdir()} == {"index", "b_good"}


def test_a_module_that_crashes_is_left_out_and_the_next_ones_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "trouble"
    package.mkdir(parents=True)
    bodies = {
        "__init__": "", "b_good": "print('noise')",
        "c_exits": "raise SystemExit(3)", "d_dies": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "e_segfaults": "import ctypes; ctypes.string_at(0)",
        "f_calls": "import socket; socket.create_connection(('127.0.0.1', 9))", "g_ends": "import os; os._exit(0)",
        "h_starts": "import subprocess; subprocess.run(['true'])", "i_good": "x = input if 0 else 1",
    }  # fmt: skip
    for name, body in bodies.items():
        (package / f"{name}.py").write_text(WORDS + body)
    (package / "j_short.py").write_text('"""Few words."""')
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    names = ["trouble", *(f"trouble.{name}" for name in [*bodies, "j_short"] if name != "__init__")]
    assert render_modules(tmp_path / "site", {"trouble": names}, workers=1) == 3
    assert {file.stem for file in (tmp_path / "site/trouble").iterdir()} == {"__init__", "index", "b_good", "i_good"}


def test_long_defaults_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = f'"""{"Words. " * 120}"""\nimport os\ndef f(a=3, b=os.environ, c={{1, 2}}, d=os.getpid()): "It does."\n'
    (tmp_path / "defaults_module.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    render_modules(tmp_path / "site", {"defaults_module": ["defaults_module"]}, workers=1)
    assert "(a=3, b=Ellipsis, c=Ellipsis, d=1)" in (tmp_path / "site/defaults_module/__init__.html").read_text()


def test_modules_with_side_effects_stay_out(modules: dict[str, list[str]]) -> None:
    everything = {name for names in modules.values() for name in names}
    assert not {name.partition(".")[0] for name in modules["python"]} & LEFT_OUT_STDLIB
    assert {"antigravity", "this", "turtle", "idlelib"} <= LEFT_OUT_STDLIB
    assert not [name for name in everything if re.search(r"(^|\.)(tests?|__main__|conftest|setup)(\.|$)", name)]


def test_there_are_enough_modules_and_no_package_dominates(modules: dict[str, list[str]]) -> None:
    sizes = sorted((len(names) for names in modules.values()), reverse=True)
    assert sum(sizes) >= 1000
    assert sizes[0] <= sum(sizes) / 5
    assert len([size for size in sizes if size >= 50]) >= 10


def test_a_second_call_renders_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.demo_site.render.select_modules", lambda: {"json": ["json"]})
    folder = tmp_path / "site"
    assert render_site(folder, workers=1) == 1
    written = (folder / "index.html").stat().st_mtime_ns
    assert render_site(folder, workers=1) == 1
    assert (folder / "index.html").stat().st_mtime_ns == written
    monkeypatch.setattr("flows.demo_site.render.hash_environment", lambda: "another Python")
    monkeypatch.setattr("flows.demo_site.render.select_modules", lambda: {"python": ["textwrap", "calendar"]})
    assert render_site(folder, workers=1) == 2
    assert not (folder / "json").exists()


def test_a_folder_with_something_else_is_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match="not a demo site"):
        render_site(tmp_path, workers=1)
    assert (tmp_path / "thesis.txt").exists()


def test_pages_come_with_type_charset_and_validators(base: str) -> None:
    with urllib.request.urlopen(base + "python/textwrap.html?x=1") as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert b"<title>textwrap: Text wrapping and filling.</title>" in answer.read()
        validators = {"If-None-Match": answer.headers["ETag"]}, {"If-Modified-Since": answer.headers["Last-Modified"]}
    for headers in validators:
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(base + "python/textwrap.html", headers=headers))
        refused.value.close()
        assert refused.value.code == 304
    with urllib.request.urlopen(urllib.request.Request(base + "python/", headers={"If-None-Match": '"old"'})) as answer:
        assert answer.status == 200


def test_one_connection_serves_many_requests(base: str, site: Path) -> None:
    connection = http.client.HTTPConnection(base.removeprefix("http://").strip("/"))
    for method, path, status in [
        ("GET", "/", 200),
        ("HEAD", "/json/", 200),
        ("GET", "/none", 404),
        ("GET", "/robots.txt", 200),
    ]:
        connection.request(method, path)
        socket = connection.sock
        answer = connection.getresponse()
        body = answer.read()
        assert (answer.status, answer.version) == (status, 11)
        assert method == "HEAD" or int(answer.headers["Content-Length"]) == len(body)
        assert connection.sock is socket
    assert body == b"User-agent: *\nDisallow: /private/\n"
    connection.close()


def test_nothing_outside_the_site_is_served(base: str, site: Path) -> None:
    (site.parent / "secret.txt").write_text("no")
    (site / ".site.json").write_text("{}")
    connection = http.client.HTTPConnection(base.removeprefix("http://").strip("/"))
    for path in ["/../secret.txt", "/%2e%2e/secret.txt", "/.site.json", "/..%2fsecret.txt", "/a%00b"]:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 404, path
    connection.close()
    (site / ".site.json").unlink()


def test_a_taken_port_names_the_setting(site: Path, base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTMILL_DEMO_PORT", base.rstrip("/").rpartition(":")[2])
    with pytest.raises(StageFailure, match="TEXTMILL_DEMO_PORT"), serve_site(site):
        pass
