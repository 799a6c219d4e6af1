"""Loads a module when it is first used: a command that needs no database should not wait for one's driver."""

import importlib
from types import ModuleType
from typing import Any


class Lazily:
    """Stands for a module until somebody asks it for something."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, name: str) -> Any:
        if self._module is None:
            self._module = importlib.import_module(self._name)
        return getattr(self._module, name)
