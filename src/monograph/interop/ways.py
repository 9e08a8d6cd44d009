"""How the guards of ``torch.export`` name the arguments: ``L['x'][0]``."""

from __future__ import annotations

from monograph.ir.signature import ModuleCallSignature

__all__ = ["ways_to_leaves"]


def ways_to_leaves(root: ModuleCallSignature) -> list[list[str]]:
    """For each leaf of the arguments, in order, what it may be called; the likeliest last."""
    args, kwargs = root.in_spec.children
    names = root.forward_arg_names or []
    found = []
    each = [*zip((str(i) for i in range(len(args.keys))), args.children, strict=True),
            *zip((name for _, name in kwargs.keys), kwargs.children, strict=True)]  # fmt: skip
    for i, (name, structure) in enumerate(each):
        called = names[i] if i < len(names) else name
        starts = [f"L['{called}']"]
        if called.rpartition("_")[2].isdigit():  # one of *args
            rest, _, place = called.rpartition("_")
            starts.append(f"L['{rest}'][{place}]")
        found += [[start + suffix for start in starts] for suffix in structure.paths("")]
    return found
