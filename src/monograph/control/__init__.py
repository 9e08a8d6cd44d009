"""Control flow that depends on data: branches and loops as operators with subgraphs."""

from monograph.control.operators import associative_scan, cond, map, scan, while_loop  # noqa: A004

__all__ = ["associative_scan", "cond", "map", "scan", "while_loop"]
