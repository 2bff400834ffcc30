"""Text files of the user, and files of one word, phrase or text a line."""

from pathlib import Path

from tasks.errors import BadSetting, StageFailure


def read_text(path: Path, setting: str) -> str:
    """Return the text of a file. Raises StageFailure for one that is missing, cannot be read, or is not UTF-8.

    `setting` is named in the error as the one to correct.
    """
    try:
        # -sig: a byte order mark, as some Windows editors write it, must not become part of the first word
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadSetting(f"the file {path} does not exist", f"Correct the path in {setting}") from error
    except OSError as error:
        raise StageFailure(f"{path} cannot be read: {error}", f"Give {setting} the path of a text file") from error
    except UnicodeDecodeError as error:
        raise StageFailure(
            f"{path} is not UTF-8 at byte {error.start}", f"Save it as UTF-8, or name another file with {setting}"
        ) from error


def read_lines(path: Path, setting: str, *, comment: str | None = None) -> list[str]:
    """Return the lines of a file that are not empty, stripped of whitespace. Raises the errors of `read_text`.

    Lines that begin with `comment` are left out. There is no default: a text may begin with "#".
    """
    lines = [line.strip() for line in read_text(path, setting).splitlines()]
    return [line for line in lines if line and not (comment and line.startswith(comment))]
