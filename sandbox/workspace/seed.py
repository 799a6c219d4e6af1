"""The workspace as it is at the start: its people, channels and the one app."""

from sandbox.workspace.values import App, Channel, Person, Shortcut, Team

TEAM = Team("T0SANDBOX", "ML on this machine", "ml-on-this-machine")

APP = App(
    id="A0MLOPSBOT",
    name="mlops",
    user_id="U0MLOPSBOT",
    bot_id="B0MLOPSBOT",
    bot_token="sandbox-bot-token",  # noqa: S106 - the word itself, of no use anywhere else
    app_token="sandbox-app-token",  # noqa: S106
    signing_secret="sandbox-signing-secret",  # noqa: S106
    verification_token="sandbox-verification-token",  # noqa: S106
    scopes=frozenset(
        {
            "app_mentions:read",
            "channels:history",
            "channels:join",
            "channels:read",
            "chat:write",
            "commands",
            "files:write",
            "groups:history",
            "groups:read",
            "im:history",
            "im:write",
            "reactions:read",
            "users:read",
        }
    ),
    events=frozenset({"app_home_opened", "app_mention", "reaction_added"}),
    commands=frozenset({"/mlops"}),
    shortcuts=(
        Shortcut("incident.declare", "Declare an incident", "global"),
        Shortcut("timeline.pin", "Add to timeline", "message"),
    ),
)

BOT = Person(
    APP.user_id, "mlops", "MLOps bot", "answers /mlops", is_bot=True, app_id=APP.id, bot_id=APP.bot_id
)  # fmt: skip

PEOPLE = (
    Person("U0DATASCI", "dana", "Dana Sutter", "Data scientist", "dana@ml.example"),
    Person("U0MLENG01", "mika", "Mika Laine", "ML engineer", "mika@ml.example"),
    Person("U0DEVOPS1", "devi", "Devi Rao", "DevOps/MLOps engineer", "devi@ml.example"),
    Person("U0DATAENG", "omar", "Omar Haddad", "Data engineer", "omar@ml.example"),
    Person("U0PRODMGR", "paula", "Paula Brandt", "Product manager", "paula@ml.example"),
)


def channels(now: int) -> tuple[Channel, ...]:
    """The channels, empty."""
    everybody = [person.id for person in PEOPLE]
    first = everybody[0]
    return (
        Channel("C0GENERAL0", "general", "public", now, first, list(everybody), is_general=True),
        Channel("C0INCIDENT", "ml-incidents", "public", now, first, [*everybody, APP.user_id]),
        Channel("C0PLATFORM", "ml-platform", "public", now, first, list(everybody)),
        Channel("C0PRIVATE1", "ml-leads", "private", now, "U0DEVOPS1", ["U0DEVOPS1", "U0PRODMGR"]),
    )
