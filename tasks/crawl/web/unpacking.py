"""Unpack answers that were compressed for their transfer, up to the limit of their size."""

from scrapy import Request, Spider
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response


class UndecodableBody(Exception):
    """A body is not what its Content-Encoding says."""


class DecompressionBomb(Exception):
    """A body unpacks to more than the limit."""


class UnpackingMiddleware(HttpCompressionMiddleware):
    """Scrapy's own middleware, with errors that tell a bomb from a broken body."""

    def process_response(
        self, request: Request, response: Response, spider: Spider | None = None
    ) -> Request | Response:
        """Unpack a body (Scrapy's hook). Raises DecompressionBomb and UndecodableBody."""
        del spider  # Scrapy no longer passes it
        if not response.body:  # it was not read, because its type or size is not wanted
            response.headers.pop("Content-Encoding", None)
            return response
        try:
            return super().process_response(request, response)
        except IgnoreRequest as error:
            raise DecompressionBomb(str(error)) from error
        except Exception as error:  # each codec has its own errors
            raise UndecodableBody(str(error)) from error
