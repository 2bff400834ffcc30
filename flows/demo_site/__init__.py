"""The demo's real input: the documentation of the installed Python and its packages, as a web site."""

from flows.demo_site.render import render_site
from flows.demo_site.server import PORT, serve_site

__all__ = ["PORT", "render_site", "serve_site"]
