"""An incident's timeline as a page for a phone: no script, nothing from elsewhere, seen only through a signed link."""

import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bot.domain.errors import BadInput, NotFound
from bot.domain.metrics import spoken
from bot.domain.timeline import verify
from bot.usecases.views import TimelineView, timeline_view
from bot.web.access import link_holds
from bot.web.api import number_of
from bot.web.parts import WebParts

if TYPE_CHECKING:
    from jinja2 import Environment


class Pages:
    """The endpoint `/incidents/{id}`."""

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts

    @cached_property
    def _templates(self) -> "Environment":
        # Imported with the first page: a bot that nobody looks at by the browser is 1.4 MB smaller.
        from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

        made = Environment(loader=PackageLoader("bot.web", "templates"), autoescape=True, undefined=StrictUndefined)
        made.filters["utc"] = lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S")
        return made

    async def timeline(self, request: Request) -> Response:
        """The page, or in words why not. A wrong link and a link to nothing look the same."""
        expires, signature = request.query_params.get("e", ""), request.query_params.get("s", "")
        try:
            number = number_of(request.path_params["id"])
            if not link_holds(self._parts.signing_key, number, expires, signature, self._parts.clock.now()):
                raise NotFound("No such link.")
            view = await self._parts.store.read(lambda tx: timeline_view(tx, self._parts.setup, number))
        except (BadInput, NotFound):
            return self._render("refused.html", {}, status=403)
        return self._render("timeline.html", self._values(view))

    def _values(self, view: TimelineView) -> dict[str, object]:
        incident, setup = view.incident, self._parts.setup
        acknowledged, resolved = incident.acknowledged_at, incident.resolved_at
        return {
            "incident": incident,
            "accountable": view.accountable,
            "responsible": ", ".join(dict.fromkeys(setup.name(a.person) for a in incident.route.responsible)),
            "assignee": setup.name(incident.assignee),
            "to_acknowledge": spoken(acknowledged - incident.opened_at) if acknowledged else "not acknowledged",
            "to_resolve": spoken(resolved - incident.opened_at) if resolved else "not resolved",
            "operations": view.operations,
            "name": setup.name,
            "entries": view.entries,
            "broken": verify(view.entries),
            "head": view.entries[-1].hash if view.entries else "",
            "now": self._parts.clock.now(),
            "is_link": lambda text: text.startswith(("https://", "http://")),
        }

    def _render(self, template: str, values: Mapping[str, object], *, status: int = 200) -> Response:
        nonce = secrets.token_urlsafe(16)
        html = self._templates.get_template(template).render(nonce=nonce, **values)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        return HTMLResponse(html, status_code=status, headers={"content-security-policy": policy})
