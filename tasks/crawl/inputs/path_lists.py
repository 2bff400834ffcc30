"""Path lists, such as Common Crawl's warc.paths.gz: the archives that their lines name, all of them below a prefix.

A list comes from outside. Its lines must not lead to other files of this machine, nor to other machines.
"""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tasks.crawl.inputs.folder import open_file
from tasks.crawl.inputs.packing import DamagedData, open_unpacked
from tasks.crawl.inputs.remote import CHAIN, is_remote
from tasks.errors import StageFailure

MAX_LINE_BYTES = 1 << 16
MAX_UNQUOTINGS = 5  # rounds of percent-decoding: servers and proxies in front of them may each do one
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class OutsidePrefix(Exception):
    """A line of a path list leads out of the folder or URL that the list's archives lie in."""


def read_path_list(path: str) -> Iterator[str]:
    """Yield the non-empty lines of a path list. Raises StageFailure."""
    with open_file(path) as file:
        stream = open_unpacked(file)
        try:
            # a longer line is cut into names that do not exist
            while raw := stream.readline(MAX_LINE_BYTES):
                if line := raw.decode("utf-8", "replace").strip():
                    yield line
        except DamagedData as error:
            raise StageFailure(f"{path} cannot be read: {error}", "Get it again") from error


def confine_to_prefix(line: str, prefix: str) -> str:
    """Return the name, relative to the prefix, that a line of a path list stands for. Raises OutsidePrefix.

    A line is a name, or a complete URL below the prefix. Of a folder on this machine, links count as what they lead
    to.
    """
    if CONTROL.search(line):
        raise OutsidePrefix("it has a control character")
    return confine_url(line, prefix) if is_remote(prefix) else confine_path(line, prefix)


def confine_url(line: str, prefix: str) -> str:
    """Return the name of a URL below a prefix that is a URL. Raises OutsidePrefix."""
    base = prefix.rstrip("/") + "/"
    line = line.removeprefix(base)
    # with a scheme it is another URL, and fsspec would go on to the one behind "::"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", line) or CHAIN in line:
        raise OutsidePrefix("it is a URL elsewhere")
    spelling = line
    for _ in range(MAX_UNQUOTINGS):
        spelling = unquote(spelling)
    # as browsers do, some servers take a backslash for a slash
    names = re.split(r"[/\\]", spelling)
    if posixpath.normpath("/".join(("x", *names))).split("/")[0] != "x" or ".." in names:
        raise OutsidePrefix("it leads above the prefix")
    # what begins with two slashes names another host where it is joined as browsers join URLs
    name = line.lstrip("/\\")
    if urlsplit(base + name).netloc != urlsplit(base).netloc:
        raise OutsidePrefix("it is a URL elsewhere")
    return name


def get_local_prefix(prefix: str) -> Path:
    """Return the folder that a prefix on this machine names."""
    return Path(prefix.removeprefix("file://")).expanduser()


def confine_path(line: str, prefix: str) -> str:
    """Return the name of a file below a prefix that is a folder here. Raises OutsidePrefix."""
    if is_remote(line) or line.startswith("file:"):
        raise OutsidePrefix("it is a URL elsewhere")
    folder = get_local_prefix(prefix)
    try:
        resolved, root = (folder / line).resolve(), folder.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links
        raise OutsidePrefix("it leads nowhere") from error
    if not resolved.is_relative_to(root) or resolved == root:
        raise OutsidePrefix("it leads out of the folder")
    return line.removeprefix(f"{folder}/")
