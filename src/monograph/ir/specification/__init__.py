"""What a valid program is: the written specification, one function for each rule.

A rule's docstring is what it says; what the function gives is where a program does not hold it. A
graph is looked at with those inside it. The rules of ``FORM`` come first: the others take a graph
for granted that holds them.
"""

from monograph.ir.specification import calls, form, operators, regions, signature, sizes
from monograph.ir.specification.table import Found, Place, Rule

__all__ = ["FORM", "RULES", "Found", "Place", "Rule"]

_FORM = (form.kinds_of_nodes, form.names, form.order, form.targets)
_OTHERS = (
    operators.values,
    operators.arguments,
    operators.functional,
    operators.views,
    operators.metadata,
    operators.keys,
    regions.subgraphs,
    regions.operands,
    regions.results_of_graphs,
    sizes.symbols,
    sizes.ranges,
    signature.inputs,
    signature.state,
    signature.outputs,
    calls.structures,
    calls.call_plan,
    calls.aliases,
    calls.modules,
)
FORM = {rule.name: rule for rule in _FORM}
RULES = {rule.name: rule for rule in (*_FORM, *_OTHERS)}
