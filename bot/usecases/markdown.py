"""A runbook's prose as parts of a reply: whoever shows it knows no Markdown, and a person should read none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.usecases.reply import Bullets, Code, Heading, Paragraph, Part

if TYPE_CHECKING:
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode


def parts_of(prose: str) -> tuple[Part, ...]:
    """Headings, paragraphs with their lines joined, lists and code; marks of emphasis are left out, words never are."""
    # Loaded by the first runbook that is read: with its tables of names it would be a megabyte of a bot at rest.
    from markdown_it import MarkdownIt  # noqa: PLC0415
    from markdown_it.tree import SyntaxTreeNode  # noqa: PLC0415

    root = SyntaxTreeNode(MarkdownIt("commonmark").parse(prose))
    return tuple(part for node in root.children for part in _block(node))


def _block(node: "SyntaxTreeNode") -> Sequence[Part]:
    match node.type:
        case "heading":
            words = _words(node)
            return (Heading(words),) if words else ()
        case "bullet_list" | "ordered_list":
            items = tuple(item for child in node.children if (item := _words(child)))
            # A list that begins elsewhere than at 1 continues another one: its own numbers are kept.
            start = int(node.attrs.get("start", 1))
            if node.type == "ordered_list" and start != 1:
                items = tuple(f"{number}. {item}" for number, item in enumerate(items, start))
            return (Bullets(items, ordered=node.type == "ordered_list" and start == 1),) if items else ()
        case "fence" | "code_block":
            return (Code(node.content.rstrip("\n")),) if node.content.strip() else ()
        case "blockquote":
            return tuple(part for child in node.children for part in _block(child))
        case "hr":
            return ()
        case _:
            words = _words(node)
            return (Paragraph(words),) if words else ()


def _words(node: "SyntaxTreeNode") -> str:
    """All words beneath it on one line, whatever they are nested in."""
    if node.type == "inline":
        tokens = node.token.children if node.token else None
        return " ".join(_inline(tokens or ()).split())
    if not node.children:
        return " ".join(node.content.split()) if node.token else ""
    return " ".join(words for child in node.children if (words := _words(child)))


def _inline(tokens: "Sequence[Token]") -> str:
    """Without marks; the address of a link stands after its words, since it may be all that helps."""
    said: list[str] = []
    begun: list[tuple[int, str]] = []
    for token in tokens:
        match token.type:
            case "softbreak" | "hardbreak":
                said.append(" ")
            case "link_open":
                begun.append((len(said), str(token.attrs.get("href", ""))))
            case "link_close":
                place, address = begun.pop()
                if address and address not in {"".join(said[place:]), f"mailto:{''.join(said[place:])}"}:
                    said.append(f" ({address})")
            case _:
                said.append(token.content)
    return "".join(said)
