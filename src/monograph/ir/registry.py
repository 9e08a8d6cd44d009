"""Tables that are filled by decoration: what is done, by what it is done for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

__all__ = ["Registry"]

Function = TypeVar("Function", bound=Callable[..., object])
Registered = TypeVar("Registered", bound=Callable[..., object])


class Registry(dict[object, Function]):
    """A table of functions; ``registers(key, ...)`` decorates the one for these keys."""

    def registers(self, *keys: object) -> Callable[[Registered], Registered]:
        """Register the decorated function, which keeps its own type, under ``keys``."""

        def register(function: Registered) -> Registered:
            self.update(dict.fromkeys(keys, function))  # type: ignore[arg-type]
            return function

        return register
