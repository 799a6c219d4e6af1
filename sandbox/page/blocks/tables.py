"""Tables: plain ones, and data tables that can be sorted and show a page at a time."""

from markupsafe import Markup

from sandbox.page.blocks.rich import inline, rich_text
from sandbox.page.html import Json, el, items, join, obj, string
from sandbox.page.sheet import Sheet

_ALIGN = {"left", "center", "right"}


def table(block: Json, sheet: Sheet) -> Markup:
    """A `table`: its first row is its heading."""
    rows = _rows(block)
    settings = block.get("column_settings")
    aligned = [_align(obj(s)) for s in settings] if isinstance(settings, list) else []
    head = _row(rows[0], "th", aligned, sheet) if rows else Markup()
    body = [_row(row, "td", aligned, sheet) for row in rows[1:]]
    return _scroller(el("table", el("thead", head), el("tbody", body)), "Table")


def data_table(block: Json, sheet: Sheet) -> Markup:
    """A `data_table`: named, sortable, a page of rows at a time."""
    rows = _rows(block)
    caption = string(block.get("caption"))
    size = block.get("page_size")
    shown = size if isinstance(size, int) and 0 < size <= 100 else 10
    named = block.get("row_header_column_index")
    head = [
        el("th", el("button", _cell(cell, sheet), type="button", data_sort=place), scope="col", aria_sort="none")
        for place, cell in enumerate(rows[0] if rows else [])
    ]
    body = [
        el("tr", [_data(cell, place == named, sheet) for place, cell in enumerate(row)], hidden=n >= shown)
        for n, row in enumerate(rows[1:])
    ]
    left = len(body) - shown
    more = None
    if left > 0:
        more = el("button", f"Show {left} more", type="button", class_="btn small", data_more_rows=True)
    drawn = el(
        "table", el("caption", caption), el("thead", el("tr", head)), el("tbody", body), class_="data", data_page=shown
    )
    return el("div", _scroller(drawn, caption or "Data table"), more, class_="data-table")


def _rows(block: Json) -> list[list[Json]]:
    rows = block.get("rows")
    return [items(row) for row in rows if isinstance(row, list)] if isinstance(rows, list) else []


def _scroller(drawn: Markup, label: str) -> Markup:
    """Wide tables scroll by themselves, by keyboard too, and leave the page where it is."""
    return el("div", drawn, class_="table-scroll", tabindex=0, role="region", aria_label=label)


def _row(cells: list[Json], tag: str, aligned: list[str | None], sheet: Sheet) -> Markup:
    return el(
        "tr",
        [
            el(tag, _cell(cell, sheet), class_=_class(cell, aligned[place] if place < len(aligned) else None))
            for place, cell in enumerate(cells)
        ],
    )


def _data(cell: Json, names_row: bool, sheet: Sheet) -> Markup:
    value = cell.get("value")
    return el(
        "th" if names_row else "td", _cell(cell, sheet), scope="row" if names_row else None,
        class_=_class(cell, None), data_number=value if isinstance(value, int | float) else None,
    )  # fmt: skip


def _class(cell: Json, align: str | None) -> str | None:
    return align or ("right" if cell.get("type") == "raw_number" else None)


def _cell(cell: Json, sheet: Sheet) -> Markup:
    if cell.get("type") != "rich_text":
        return join(string(cell.get("text")) or string(cell.get("value")))
    parts = items(cell.get("elements"))
    if len(parts) == 1 and parts[0].get("type") == "rich_text_section":
        return inline(parts[0], sheet.names)
    return rich_text(cell, sheet)


def _align(setting: Json) -> str | None:
    align = string(setting.get("align"))
    return align if align in _ALIGN else None
