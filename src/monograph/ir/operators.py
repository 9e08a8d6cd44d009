"""What schemas and tags say of operators."""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["is_random"]


def is_random(target: Any) -> bool:
    """Whether an operator draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
