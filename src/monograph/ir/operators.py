"""What schemas and tags say of operators."""

from __future__ import annotations

import torch

__all__ = ["Operator", "is_random"]

Operator = torch._ops.OpOverload


def is_random(target: object) -> bool:
    """Whether an operator draws random numbers."""
    return torch.Tag.nondeterministic_seeded in getattr(target, "tags", ())
