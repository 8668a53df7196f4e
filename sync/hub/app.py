"""The hub's web application: the sync routes over its log, and its end when the process is told to stop."""

from __future__ import annotations

from starlette.applications import Starlette

from sync.log import Log
from sync.serve import Feed, Limits, routes
from workstation.domain.hlc import Clock


def build(
    source: Log, token: str, *, clock: Clock, limits: Limits | None = None, site: str = ""
) -> tuple[Starlette, Feed]:
    """The application and the feed of its listeners; call `Feed.close` before the server stops."""
    served, feed = routes(source, token, clock=clock, limits=limits, site=site)
    return Starlette(routes=served), feed
