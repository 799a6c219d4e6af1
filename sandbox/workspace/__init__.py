"""The workspace: who is in it, what was said, and what can be seen of it."""

from sandbox.workspace.holdings import File
from sandbox.workspace.state import Workspace
from sandbox.workspace.values import App, Call, Change, Channel, Json, Message, Person, Shortcut, Team, View

__all__ = [
    "App",
    "Call",
    "Change",
    "Channel",
    "File",
    "Json",
    "Message",
    "Person",
    "Shortcut",
    "Team",
    "View",
    "Workspace",
]
