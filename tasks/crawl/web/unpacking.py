"""Answers as they were before their transfer: unpacked, as far as the limit of their size."""

from scrapy import Request, Spider
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response


class UndecodableBody(Exception):
    """The body is not what its Content-Encoding says."""


class DecompressionBomb(Exception):
    """The body unpacks to more than is read."""


class UnpackingMiddleware(HttpCompressionMiddleware):
    """Scrapy's own, with errors that tell a bomb from a broken body."""

    def process_response(
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Request | Response:
        """Scrapy's hook. A body that was not read needs no unpacking. Raises Bomb and Packed."""
        del spider  # Scrapy gives it to nobody any more
        if not response.body:
            response.headers.pop("Content-Encoding", None)
            return response
        try:
            return super().process_response(request, response)
        except IgnoreRequest as error:
            raise DecompressionBomb(str(error)) from error
        except Exception as error:  # each codec has its own
            raise UndecodableBody(str(error)) from error
