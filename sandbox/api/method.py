"""What every method is: a call in, the answer without its `ok` out."""

from collections.abc import Callable

from sandbox.api.ask import Ask
from sandbox.workspace.values import Json

Handler = Callable[[Ask], Json]
