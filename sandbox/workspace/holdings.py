"""What else a workspace holds: files and user groups."""

from copy import deepcopy
from dataclasses import dataclass, field

from sandbox.workspace.values import Json


@dataclass(slots=True)
class File:
    """A file; without `done` its upload isn't completed and nobody sees it, and what it is shows once `processed`."""

    id: str
    name: str
    title: str
    owner: str
    created: int
    mimetype: str
    data: bytes | None = None
    announced: int = 0
    channels: list[str] = field(default_factory=list)
    shares: Json = field(default_factory=dict)
    done: bool = False
    processed: bool = False
    deleted: bool = False
    alt_text: str = ""

    def json(self, url: str) -> Json:
        """As `files.info` shows it; `url` is the address of this server."""
        kind = self.name.rpartition(".")[2].lower() if "." in self.name else "text"
        kind = kind if self.processed else ""
        private = [channel for channel in self.channels if not channel.startswith("C")]
        return {
            "id": self.id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title,
            "mimetype": self.mimetype if self.processed else "",
            "filetype": kind,
            "pretty_type": kind.upper(),
            "user": self.owner,
            "editable": False,
            "size": len(self.data or b"") if self.processed else 0,
            "mode": "hosted",
            "is_external": False,
            "is_public": bool(self.channels) and not private,
            "url_private": f"{url}/files/{self.id}/{self.name}",
            "url_private_download": f"{url}/files/{self.id}/download/{self.name}",
            "permalink": f"{url}/files/{self.id}",
            "channels": [channel for channel in self.channels if channel.startswith("C")],
            "groups": [channel for channel in self.channels if channel.startswith("G")],
            "ims": [channel for channel in self.channels if channel.startswith("D")],
            "shares": deepcopy(self.shares),
            "alt_txt": self.alt_text,
        }


@dataclass(slots=True)
class UserGroup:
    """People under one handle."""

    id: str
    name: str
    handle: str
    description: str
    created: int
    creator: str
    users: list[str] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    disabled: bool = False

    def json(self, team_id: str, *, with_users: bool = True) -> Json:
        """As `usergroups.list` shows it."""
        about: Json = {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "name": self.name,
            "description": self.description,
            "handle": self.handle,
            "is_external": False,
            "date_create": self.created,
            "date_update": self.created,
            "date_delete": 0,
            "auto_type": None,
            "created_by": self.creator,
            "updated_by": self.creator,
            "deleted_by": None,
            "prefs": {"channels": list(self.channels), "groups": []},
            "user_count": len(self.users),
        }
        return about | {"users": list(self.users)} if with_users else about
