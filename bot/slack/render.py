"""From a post to its message: which view it needs, and which blocks show it."""

import json
from dataclasses import dataclass, field, replace

from bot.domain.errors import NotFound
from bot.domain.post import Post, PostKind
from bot.ports.store import Transaction
from bot.slack.blocks import card as cards
from bot.slack.blocks import operation as operations
from bot.slack.blocks import storm as storms
from bot.slack.blocks.adopted import adopted
from bot.slack.blocks.message import POST_EVENT, Message, Metadata
from bot.slack.blocks.replies import reply_message
from bot.usecases import notify
from bot.usecases.reply import from_json
from bot.usecases.setup import Setup
from bot.usecases.storm import storm_view
from bot.usecases.views import IncidentView, incident_view, operation_view

TEAM_URL = "team_url"
"""The key under which the workspace's address is remembered, in the scope `slack`."""


@dataclass(slots=True)
class Renderer:
    """Renders the state of one transaction; what several messages need of it is gathered once."""

    tx: Transaction
    setup: Setup
    _views: dict[int, IncidentView] = field(default_factory=dict)
    _links: dict[int, str] = field(default_factory=dict)
    _team: str | None = None

    def message(self, post: Post) -> Message:
        """The message as it should be now. Raises NotFound when what it shows is gone."""
        match post.kind:
            case PostKind.CARD:
                return cards.card(self._incident(post.ref))
            case PostKind.OPERATION:
                message = operations.operation(operation_view(self.tx, self.setup, post.ref))
            case PostKind.ASK:
                view = operation_view(self.tx, self.setup, post.ref)
                number = view.operation.incident
                message = operations.ask(view, self._link(number) if number else "")
            case PostKind.PAGE:
                incident = self._incident(post.ref)
                message = cards.page(incident, _why(incident, post.body), self._link(post.ref))
            case PostKind.SUMMARY:
                message = cards.summary(self._incident(post.ref), self._link(post.ref))
            case PostKind.STORM:
                message = storms.storm(storm_view(self.tx, self.setup, post), self._link)
            case PostKind.ADOPTED:
                message = adopted([(self._incident(n).incident, self._link(n)) for n in json.loads(post.body)])
            case PostKind.FOREIGN:
                raise NotFound("This message is somebody else's.", not_done="It was not touched.")
            case PostKind.DIGEST | PostKind.NOTICE:
                message = reply_message(from_json(post.body), self.setup)
        return replace(message, metadata=Metadata(POST_EVENT, {"key": post.key, "revision": post.wanted}))

    def _incident(self, number: int) -> IncidentView:
        if number not in self._views:
            self._views[number] = incident_view(self.tx, self.setup, number)
        return self._views[number]

    def _link(self, incident: int) -> str:
        """The card's address, which works in every Slack client; nothing before it was posted."""
        if self._team is None:
            self._team = (self.tx.keys.get("slack", TEAM_URL) or "").rstrip("/")
        if incident not in self._links:
            card = self.tx.posts.get(notify.card_key(incident)) if self._team else None
            self._links[incident] = _address(self._team, card) if card is not None and card.ts else ""
        return self._links[incident]


def _address(team: str, card: Post) -> str:
    return f"{team}/archives/{card.channel_id}/p{card.ts.replace('.', '')}"


def _why(view: IncidentView, person: str) -> str:
    for named in view.responsible:
        if named.person.id == person:
            return named.why
    if view.accountable is not None and view.accountable.person.id == person:
        return f"nobody acknowledged in time; {view.accountable.why}"
    return "you are on the list of who is paged"
