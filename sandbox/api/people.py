"""users.*, usergroups.*, team.info and bots.info: who is here."""

import re
from collections.abc import Mapping

from sandbox.api.ask import Ask
from sandbox.api.method import Handler
from sandbox.api.refused import Refused
from sandbox.workspace.holdings import UserGroup
from sandbox.workspace.values import Json, Person

HANDLE = re.compile(r"[a-z0-9._-]{1,21}")


def user_info(ask: Ask) -> Json:
    """users.info."""
    return {"user": _shown(ask, ask.person())}


def user_list(ask: Ask) -> Json:
    """users.list."""
    page = ask.page(list(ask.workspace.members.values()), default=1000, key=lambda person: person.id)
    shown = [_shown(ask, person) for person in page.items]
    return {"members": shown, "cache_ts": int(ask.workspace.clock.now())} | page.metadata()


def lookup_by_email(ask: Ask) -> Json:
    """users.lookupByEmail."""
    wanted = ask.arguments.text("email").strip().lower()
    found = next((p for p in ask.workspace.members.values() if p.email == wanted and not p.deleted), None)
    if found is None:
        raise Refused("users_not_found")
    return {"user": _shown(ask, found)}


def presence(ask: Ask) -> Json:
    """users.getPresence: everybody is here."""
    if "user" in ask.arguments:
        ask.person()
    return {"presence": "active"}


def profile(ask: Ask) -> Json:
    """users.profile.get."""
    person = ask.person() if "user" in ask.arguments else ask.bot
    return {"profile": _shown(ask, person)["profile"]}


def team_info(ask: Ask) -> Json:
    """team.info."""
    team = ask.workspace.team
    if ask.arguments.text("team") not in {"", team.id}:
        raise Refused("team_not_found")
    return {"team": {"id": team.id, "name": team.name, "domain": team.domain, "email_domain": "", "icon": {}}}


def bot_info(ask: Ask) -> Json:
    """bots.info."""
    app = ask.workspace.app
    if ask.arguments.text("bot") not in {"", app.bot_id}:
        raise Refused("bot_not_found")
    about = {"id": app.bot_id, "deleted": False, "name": app.name, "updated": 1_790_000_000}
    return {"bot": about | {"app_id": app.id, "user_id": app.user_id, "icons": {}}}


def group_list(ask: Ask) -> Json:
    """usergroups.list."""
    disabled = ask.arguments.flag("include_disabled")
    with_users = ask.arguments.flag("include_users")
    found = [group for group in ask.workspace.usergroups.values() if disabled or not group.disabled]
    return {"usergroups": [group.json(ask.workspace.team.id, with_users=with_users) for group in found]}


def group_users(ask: Ask) -> Json:
    """usergroups.users.list."""
    found = ask.workspace.usergroups.get(ask.arguments.text("usergroup"))
    if found is None:
        raise Refused("no_such_subteam")
    return {"users": list(found.users)}


def update_group_users(ask: Ask) -> Json:
    """usergroups.users.update: the whole list anew."""
    users = ask.arguments.names("users")
    if not users:
        raise Refused("no_users_provided")
    group = ask.workspace.usergroups.get(ask.arguments.text("usergroup"))
    if group is None:
        raise Refused("permission_denied")
    if any(user not in ask.workspace.members for user in users):
        raise Refused("invalid_users")
    group.users = list(dict.fromkeys(users))
    return {"usergroup": group.json(ask.workspace.team.id)}


def create_group(ask: Ask) -> Json:
    """usergroups.create."""
    name = ask.arguments.text("name").strip()
    handle = ask.arguments.text("handle") or re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:21]
    if not name:
        raise Refused("missing_subteam_name")
    if not HANDLE.fullmatch(handle):
        raise Refused("bad_handle")
    for group in ask.workspace.usergroups.values():
        if group.name == name:
            raise Refused("name_already_exists")
        if group.handle == handle:
            raise Refused("handle_already_exists")
    made = UserGroup(
        ask.workspace.new_id("S"), name, handle, ask.arguments.text("description"),
        int(ask.workspace.clock.now()), ask.bot.id, channels=ask.arguments.names("channels"),
    )  # fmt: skip
    ask.workspace.usergroups[made.id] = made
    return {"usergroup": made.json(ask.workspace.team.id)}


def update_group(ask: Ask) -> Json:
    """usergroups.update."""
    group = ask.workspace.usergroups.get(ask.arguments.text("usergroup"))
    if group is None:
        raise Refused("permission_denied")
    for name in ("name", "handle", "description"):
        if name in ask.arguments:
            setattr(group, name, ask.arguments.text(name))
    return {"usergroup": group.json(ask.workspace.team.id)}


def _shown(ask: Ask, person: Person) -> Json:
    return person.json(ask.workspace.team.id, with_email="users:read.email" in ask.workspace.app.scopes)


METHODS: Mapping[str, Handler] = {
    "users.info": user_info,
    "users.list": user_list,
    "users.lookupByEmail": lookup_by_email,
    "users.getPresence": presence,
    "users.profile.get": profile,
    "team.info": team_info,
    "bots.info": bot_info,
    "usergroups.list": group_list,
    "usergroups.users.list": group_users,
    "usergroups.users.update": update_group_users,
    "usergroups.create": create_group,
    "usergroups.update": update_group,
}
