"""Reading the page's HTML as a browser would: which elements and attributes stand in it, and whether any is dangerous."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

VOID = {"img", "br", "hr", "input", "wbr", "meta", "link"}
KNOWN = {
    "a", "article", "aside", "b", "bdi", "blockquote", "body", "button", "caption", "circle", "code", "dd", "del", "details", "div",
    "dl", "dt", "em", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "img", "input",
    "kbd", "label", "li", "line", "main", "nav", "ol", "optgroup", "option", "p", "path", "pre", "rect", "section", "select", "small",
    "span", "strong", "summary", "svg", "table", "tbody", "td", "template", "text", "textarea", "th", "thead", "time", "title", "tr", "u",
    "ul", "head", "meta", "link",
}  # fmt: skip


class Reading(HTMLParser):
    """Every element with its attributes, and what was left open."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return "".join(self.words)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def dangers(html: str) -> Iterator[str]:
    """What must never be in it."""
    reading = Reading(html)
    if reading.open:
        yield f"left open: {reading.open}"
    for tag, attributes in reading.elements:
        if tag not in KNOWN:
            yield f"<{tag}>"
        for name, value in attributes.items():
            if name.startswith("on") or name in {"style", "srcdoc", "formaction", "action", "srcset"}:
                yield f"{name}={value}"
            if name in {"href", "src"}:
                parts = urlsplit(value.strip())
                inside = not parts.scheme and (
                    (value.startswith("/") and not value.startswith("//")) or value.startswith("#")
                )
                if not inside and parts.scheme not in {"http", "https", "mailto"}:
                    yield f"{name}={value}"
