"""From a post to its message: which view it needs, and which blocks show it."""

from dataclasses import replace

from bot.domain.post import Post, PostKind
from bot.ports.store import Transaction
from bot.slack.blocks import card as cards
from bot.slack.blocks import operation as operations
from bot.slack.blocks import storm as storms
from bot.slack.blocks.message import POST_EVENT, Message, Metadata
from bot.slack.blocks.replies import reply_message
from bot.usecases import notify
from bot.usecases.reply import from_json
from bot.usecases.setup import Setup
from bot.usecases.storm import storm_view
from bot.usecases.views import IncidentView, incident_view, operation_view

TEAM_URL = "team_url"
"""The key under which the workspace's address is remembered, in the scope `slack`."""


def render(tx: Transaction, setup: Setup, post: Post) -> Message:
    """The message as it should be now. Raises NotFound when what it shows is gone."""
    match post.kind:
        case PostKind.CARD:
            return cards.card(incident_view(tx, setup, post.ref))
        case PostKind.OPERATION:
            message = operations.operation(operation_view(tx, setup, post.ref))
        case PostKind.ASK:
            view = operation_view(tx, setup, post.ref)
            number = view.operation.incident
            message = operations.ask(view, card_link(tx, number) if number else "")
        case PostKind.PAGE:
            incident = incident_view(tx, setup, post.ref)
            message = cards.page(incident, _why(incident, post.body), card_link(tx, post.ref))
        case PostKind.SUMMARY:
            message = cards.summary(incident_view(tx, setup, post.ref), card_link(tx, post.ref))
        case PostKind.STORM:
            message = storms.storm(storm_view(tx, setup, post), lambda number: card_link(tx, number))
        case PostKind.DIGEST | PostKind.NOTICE:
            message = reply_message(from_json(post.body), setup)
    return replace(message, metadata=Metadata(POST_EVENT, {"key": post.key, "revision": post.wanted}))


def card_link(tx: Transaction, incident: int) -> str:
    """The card's address, which works in every Slack client; nothing before it was posted."""
    card = tx.posts.get(notify.card_key(incident))
    team = tx.keys.get("slack", TEAM_URL)
    if card is None or not card.ts or not team:
        return ""
    return f"{team.rstrip('/')}/archives/{card.channel_id}/p{card.ts.replace('.', '')}"


def _why(view: IncidentView, person: str) -> str:
    for named in view.responsible:
        if named.person.id == person:
            return named.why
    if view.accountable is not None and view.accountable.person.id == person:
        return f"nobody acknowledged in time; {view.accountable.why}"
    return "you are on the list of who is paged"
