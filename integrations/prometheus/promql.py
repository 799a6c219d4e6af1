"""The query behind an alert's rule: `expr > 0.05` asks when to fire, `expr` asks how bad it is.

Only what is certain is taken apart: a comparison with a plain number, outside of every bracket and text, that nothing
binds looser than. Everything else is left as it is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from bot.domain.alert import Direction
from bot.domain.chart import Threshold

QUERY_LIMIT = 10_000
"""Characters; a longer rule is not asked again every few seconds."""

_TOKEN = re.compile(
    r"""
    (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    | (?P<comment>\#[^\n]*)
    | (?P<open>[(\[{]) | (?P<close>[)\]}])
    | (?P<compare>==|!=|>=|<=|>|<)
    | (?P<word>[A-Za-z_:][\w:.]*)
    | (?P<number>0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[A-Za-z]*)
    | (?P<other>\S)
    """,
    re.VERBOSE | re.DOTALL,
)
_LOOSER = frozenset({"and", "or", "unless"})
_PLAIN = r"[-+]?\s*(?:0x[0-9a-f]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf|nan)"
_THRESHOLD = re.compile(rf"\s*{_PLAIN}(?:\s*[-+*/%^]\s*{_PLAIN})*\s*", re.IGNORECASE)
"""A number, or plain arithmetic such as `24 * 3600`."""
_BOOL = re.compile(r"bool\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int
    depth: int


_BAD = {">": Direction.ABOVE, ">=": Direction.ABOVE, "<": Direction.BELOW, "<=": Direction.BELOW}
_OTHER_WAY = {Direction.ABOVE: Direction.BELOW, Direction.BELOW: Direction.ABOVE}


def without_comparison(expr: str) -> str:
    """The measured side of a rule's expression, or the expression itself when it has no plain threshold."""
    tokens = list(_tokens(expr))
    top = _outside(tokens)
    if any(token.kind == "word" and token.text.lower() in _LOOSER for token in top):
        return expr.strip()
    return _measured(_plain(expr, tokens), top)


def threshold_of(expr: str) -> Threshold | None:
    """What a rule with one comparison compares with, where that is one finite number or a product of such."""
    tokens = list(_tokens(expr))
    plain = _plain(expr, tokens)
    comparisons = [token for token in _outside(tokens) if token.kind == "compare"]
    if without_comparison(expr) == expr.strip() or len(comparisons) != 1 or comparisons[0].text not in _BAD:
        return None
    comparison, bad = comparisons[0], _BAD[comparisons[0].text]
    right = _THRESHOLD.fullmatch(plain, comparison.end)
    value = _value(plain[comparison.end :] if right else plain[: comparison.start])
    return None if value is None else Threshold(value, bad if right else _OTHER_WAY[bad])


def _value(text: str) -> float | None:
    product = 1.0
    for factor in text.replace("_", "").split("*"):
        try:
            product *= float.fromhex(factor) if "x" in factor.lower() else float(factor)
        except (ValueError, OverflowError):
            return None
    return product if isfinite(product) else None


def _outside(tokens: Sequence[_Token]) -> Sequence[_Token]:
    """What stands in no bracket."""
    return [token for token in tokens if token.depth == 0 and token.kind not in {"open", "close"}]


def _measured(expr: str, top: Sequence[_Token]) -> str:
    """Without the thresholds on its right, the last one first, and without one on its left."""
    comparisons = [token for token in top if token.kind == "compare"]
    end = len(expr)
    while comparisons and _THRESHOLD.fullmatch(expr, comparisons[-1].end, end):
        end = comparisons.pop().start
    begin = 0
    if len(comparisons) == 1 and _THRESHOLD.fullmatch(expr, 0, comparisons[0].start):
        begin = comparisons[0].end
    measured = expr[begin:end].strip()
    certain = measured and not _THRESHOLD.fullmatch(measured) and not _BOOL.match(measured)
    return measured if certain else expr.strip()


def _plain(expr: str, tokens: Sequence[_Token]) -> str:
    """With blanks in the place of comments, so that every position stays."""
    for token in tokens:
        if token.kind == "comment":
            expr = expr[: token.start] + " " * (token.end - token.start) + expr[token.end :]
    return expr


def _tokens(expr: str) -> Iterator[_Token]:
    depth = 0
    for found in _TOKEN.finditer(expr):
        kind = found.lastgroup or "other"
        if kind == "close":
            depth = max(0, depth - 1)
        yield _Token(kind, found[0], found.start(), found.end(), depth)
        if kind == "open":
            depth += 1
