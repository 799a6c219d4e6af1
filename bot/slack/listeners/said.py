"""What people said, out of Slack's own notation: entities undone, names for ids, no markup."""

import re

from bot.domain.people import Directory

_MARK = re.compile(r"<([^<>\s|][^<>|]*)(?:\|([^<>]*))?>")


def typed(text: str) -> str:
    """As it was typed: Slack writes three characters as entities, also in commands. Mentions stay mentions."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def readable(text: str, people: Directory) -> str:
    """For people and for the record: names in the place of ids, addresses written out."""

    def plain(mark: re.Match[str]) -> str:
        what, label = mark[1], mark[2] or ""
        match what[0]:
            case "@":
                return f"@{people.by_slack(what[1:], label).name}"
            case "#":
                return f"#{label or what[1:]}"
            case "!":
                word = label or what[1:].split("^", 1)[0]
                return word if what.startswith("!date^") else f"@{word.lstrip('@')}"
            case _:
                return f"{label} ({what})" if label and label != what else what

    return typed(_MARK.sub(plain, text))


def after_mention(text: str) -> str:
    """The words after the mention of the bot, wherever it stands; all of them when there is none."""
    parts = re.split(r"<@[UW][A-Z0-9]+(?:\|[^<>]*)?>", text, maxsplit=1)
    return typed(parts[-1]).strip(" \t\n,:")
