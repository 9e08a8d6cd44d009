"""What a valid program is: the written specification, one function for each rule.

A rule's docstring is what it says; what the function gives is where a program does not hold it. A
graph is looked at with those inside it. The rules of ``FORM`` come first: the others take a graph
for granted that holds them.
"""

from monograph.ir.specification import calls, form, operators, regions, signature, sizes
from monograph.ir.specification.table import FORM, RULES, Found, Place, Rule

__all__ = [
    "FORM", "RULES", "Found", "Place", "Rule", "calls", "form", "operators", "regions",
    "signature", "sizes",
]  # fmt: skip
