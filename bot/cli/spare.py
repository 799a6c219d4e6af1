"""What a serving bot has no use for stays out of its memory: a library may bring whole programs along.

Two ways of Python's own are used. `None` in `sys.modules` means that a module is not there; httpx is made for an
installation without its command line. And a module may answer for another one that is loaded when it is first asked
for something; DBOS names psycopg in the handling of PostgreSQL's errors and nowhere else.
"""

import contextlib
import importlib
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, cast


@contextlib.contextmanager
def spared(*, absent: Sequence[str], on_demand: Sequence[str]) -> Iterator[None]:
    """What is imported within the block finds these modules so. What is loaded already stays as it is.

    Afterwards everybody finds the real ones; only who imported one of the second kind here keeps what stands for it.
    """
    modules = cast(dict[str, ModuleType | None], sys.modules)
    stands: dict[str, ModuleType | None] = {name: None for name in absent if name not in modules}
    stands |= {name: OnDemand(name) for name in on_demand if name not in modules}
    for name, stand in stands.items():
        modules[name] = stand
        parent, _, own = name.rpartition(".")
        if isinstance(stands.get(parent), OnDemand):
            setattr(stands[parent], own, stand)
    try:
        yield
    finally:
        for name, stand in stands.items():
            if modules.get(name, stands) is stand:
                del modules[name]


class OnDemand(ModuleType):
    """Stands for a module, which is loaded when somebody asks for a name in it."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system's own questions
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)
