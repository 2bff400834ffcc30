"""The demo's real input: the documentation of the installed Python and its packages, as a web site."""

from flows.demo_site.render import render
from flows.demo_site.server import PORT, serve

__all__ = ["PORT", "render", "serve"]
