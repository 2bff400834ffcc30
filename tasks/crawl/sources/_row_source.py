"""Settings that sources of table rows share: which column holds what, and what happens to broken rows."""

from abc import ABC
from typing import Literal

from pydantic import Field

from tasks.crawl.inputs.rows import Columns
from tasks.crawl.sources import OnBroken, Source


class RowSource(Source, ABC):
    """A source whose pages may be rows of tables."""

    text_column: str = Field("text", min_length=1)
    """the column that holds the text; meta.text is the field text of a column meta"""
    url_column: str = "url"
    """the column that holds the URL; rows without one get a URL from url_prefix, the file or split, and their number"""
    title_column: str = "title"
    """the column that holds the title; rows may have none"""
    date_column: str = "date"
    """the column that holds when the page was fetched (ISO 8601); rows without one get the date of their file, rows of a dataset 1970"""  # noqa: E501 - it becomes one line of help
    content: Literal["text", "html"] = "text"
    """format of the text column"""
    max_megabytes: float = Field(10.0, gt=0)
    """maximum size of a page in megabytes (10^6 bytes); larger ones are skipped"""
    on_error: OnBroken = "fail"
    """broken rows and files: fail ends the crawl at the first one, skip leaves them out and counts them"""

    def make_columns(self, section: str, encoding: str = "") -> Columns:
        """Return what reading a row needs of these settings; `section` is their place in a recipe, for errors."""
        return Columns(
            text=self.text_column,
            url=self.url_column,
            title=self.title_column,
            date=self.date_column,
            is_html=self.content == "html",
            max_bytes=int(self.max_megabytes * 1e6),
            skip_broken=self.on_error == "skip",
            encoding=encoding,
            section=section,
        )
