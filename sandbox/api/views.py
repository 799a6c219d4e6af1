"""views.*: modals and App Home."""

from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.content import MOST_FAULTS
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.blocks import view_faults
from sandbox.blocks.check import VIEW_BYTES, view_bytes
from sandbox.interactions import Exchange
from sandbox.interactions.exchanges import Refused as TriggerRefused
from sandbox.workspace import views
from sandbox.workspace.values import Json, View


def open_view(ask: Ask) -> Json:
    """views.open: a first modal; what the person had open before is gone."""
    content = _content(ask, "modal")
    _free_external_id(ask, content)
    exchange = _redeemed(ask)
    views.clear(ask.workspace, exchange.user)
    return _opened(ask, exchange, content)


def push(ask: Ask) -> Json:
    """views.push: on top of an open modal, three deep."""
    content = _content(ask, "modal")
    _free_external_id(ask, content)
    exchange = _redeemed(ask)
    stack = ask.workspace.modals.get(exchange.user) or []
    if not stack:
        raise Refused("not_found")
    if len(stack) >= views.DEEPEST:
        raise Refused("push_limit_reached", [f"[ERROR] Currently the limit is {views.DEEPEST}"])
    return _opened(ask, exchange, content)


def update(ask: Ask) -> Json:
    """views.update: by id or by the app's own name; with a hash only if nobody was faster."""
    view_id, external_id = ask.arguments.text("view_id"), ask.arguments.text("external_id")
    if not view_id and not external_id:
        raise Refused("invalid_arguments", ["[ERROR] one of view_id, external_id must be given"])
    found = views.find(ask.workspace, view_id=view_id, external_id=external_id)
    content = _content(ask, None)
    if found is None or found.body["type"] != content["type"]:
        raise Refused("not_found")
    _free_external_id(ask, content, but=found)
    _same_hash(ask, found)
    views.update(ask.workspace, found, content)
    return {"view": found.json()}


def publish(ask: Ask) -> Json:
    """views.publish: the App Home of one person."""
    content = _content(ask, "home")
    person = ask.workspace.members.get(ask.arguments.text("user_id"))
    if person is None or person.is_bot:
        raise Refused("invalid_arguments", ["[ERROR] invalid user_id [json-pointer:/user_id]"])
    found = ask.workspace.homes.get(person.id)
    _free_external_id(ask, content, but=found)
    if found is not None:
        _same_hash(ask, found)
    return {"view": views.publish(ask.workspace, person.id, content).json()}


def _content(ask: Ask, kind: str | None) -> Json:
    content = ask.arguments.structure("view")
    if not isinstance(content, dict):
        raise Refused("invalid_arguments", ["[ERROR] must be a valid view object [json-pointer:/view]"])
    if view_bytes(content) > VIEW_BYTES:
        raise Refused("view_too_large")
    found = [str(fault) for fault in view_faults(content)[:MOST_FAULTS]]
    if kind is not None and content.get("type") != kind:
        found.append(f"must be a {kind} here [json-pointer:/view/type]")
    if found:
        raise Refused("invalid_arguments", [f"[ERROR] {one}" for one in found])
    return content


def _redeemed(ask: Ask) -> Exchange:
    try:
        return ask.exchanges.redeem(ask.arguments.text("trigger_id"))
    except TriggerRefused as refused:
        raise Refused(refused.word) from None


def _opened(ask: Ask, exchange: Exchange, content: Json) -> Json:
    view = views.open_modal(ask.workspace, exchange.user, content)
    exchange.view = view
    exchange.progressed()
    return {"view": view.json()}


def _free_external_id(ask: Ask, content: Json, but: View | None = None) -> None:
    wanted = content.get("external_id")
    other = views.find(ask.workspace, external_id=wanted) if wanted else None
    if other is not None and other is not but:
        raise Refused("duplicate_external_id")


def _same_hash(ask: Ask, view: View) -> None:
    given = ask.arguments.text("hash")
    if given and given != view.body["hash"]:
        raise Refused("hash_conflict")


METHODS: Mapping[str, Handler] = {
    "views.open": open_view,
    "views.push": push,
    "views.update": update,
    "views.publish": publish,
}
