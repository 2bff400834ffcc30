"""Files of text, and of words."""

from pathlib import Path

from tasks.errors import BadSetting, StageFailure


def text_of(path: Path, setting: str = "evaluate.benchmarks") -> str:
    """The whole file. Raises StageFailure for one that is missing, cannot be read, or is no UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise BadSetting(f"the file {path} does not exist", f"Correct the path in {setting}") from error
    except OSError as error:
        raise StageFailure(f"{path} cannot be read: {error}", f"Give {setting} the path of a text file") from error
    except UnicodeDecodeError as error:
        raise StageFailure(f"{path} is not UTF-8 at byte {error.start}", "Save it as UTF-8") from error


def lines_of(path: Path, setting: str = "evaluate.benchmarks") -> list[str]:
    """Its lines that are not empty, without blanks around them."""
    return [line.strip() for line in text_of(path, setting).splitlines() if line.strip()]
