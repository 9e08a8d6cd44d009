"""Tables that are filled by decoration: what is done, by what it is done for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["Registry"]

Function = TypeVar("Function", bound=Callable[..., object])


class Registry(dict[object, Function]):
    """A table of functions; ``registers(key, ...)`` decorates the one for these keys."""

    def registers(self, *keys: object) -> Callable[[Function], Function]:
        """Register the decorated function under ``keys``."""

        def register(function: Function) -> Function:
            self.update(dict.fromkeys(keys, function))
            return function

        return register
