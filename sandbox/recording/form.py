"""The form of a recording: lines of JSON. The first says what it is; each further one is a step.

A step has `at` (the workspace's clock), `kind`, what is known of it, and in `set` what it left behind: for each thing
that is different now, the whole of it, or null when it is gone. So the state after any step is what the steps up to it
have set, and no rule of the workspace is needed to show it.
"""

from sandbox.workspace.values import Json

MARK = "slack-sandbox"
VERSION = 1
KINDS = frozenset({"start", "call", "delivery", "ack", "act", "outcome", "fault", "change", "full"})
"""`change` is what happened by the clock alone, or what an act caused at once; `full` the end of a full recording."""
MOST_BYTES = 200_000_000
"""A recording ends there; what is larger was not made here."""
MOST_IN_LINE = 20_000_000
MOST_IN_FILE = 1_000_000
"""Bytes of a file of the workspace that are kept; of a larger one only its name and size."""
MOST_IN_FILES = 50_000_000


def label(entry: Json) -> str:
    """A step in a few words."""
    match entry["kind"]:
        case "start":
            return "the beginning"
        case "call":
            return f"{entry.get('method')} → {entry.get('error') or 'ok'}"
        case "delivery":
            payload = entry.get("payload") or {}
            what = (payload.get("event") or {}).get("type") or payload.get("command") or payload.get("type")
            again = f", attempt {entry['attempt'] + 1}" if entry.get("attempt") else ""
            return f"to the app: {what}{again}"
        case "ack":
            return f"not acknowledged: {entry['failed']}" if entry.get("failed") else "acknowledged"
        case "act":
            given = entry.get("given") or {}
            said = given.get("text") or given.get("action_id") or given.get("callback_id") or given.get("name") or ""
            return f"{given.get('user')}: {entry.get('what')} {said}".strip()
        case "outcome":
            return f"they see: {entry['error']}" if entry.get("error") else "done"
        case "fault":
            return f"trouble: {entry.get('what')} {_short(entry.get('given') or {})}".strip()
        case "full":
            return "the recording was full"
        case _:
            return "something changed"


def _short(given: Json) -> str:
    return " ".join(f"{name}={value}" for name, value in given.items())[:80]
