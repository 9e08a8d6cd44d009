"""torch_geometric: convolutions over graphs, and models of them, as far as they are Python."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from monograph.sweep import Entry

import torch_geometric.nn as library  # isort: skip

LIBRARY = "torch_geometric"
NEEDS = ("torch_geometric.nn",)

CONVOLUTIONS: dict[str, Callable[[], nn.Module]] = {
    "GCNConv": lambda: library.GCNConv(8, 16),
    "ChebConv": lambda: library.ChebConv(8, 16, K=2),
    "SAGEConv": lambda: library.SAGEConv(8, 16),
    "SAGEConv-max": lambda: library.SAGEConv(8, 16, aggr="max"),
    "GraphConv": lambda: library.GraphConv(8, 16),
    "GatedGraphConv": lambda: library.GatedGraphConv(16, num_layers=2),
    "ResGatedGraphConv": lambda: library.ResGatedGraphConv(8, 16),
    "GATConv": lambda: library.GATConv(8, 4, heads=2),
    "GATv2Conv": lambda: library.GATv2Conv(8, 4, heads=2),
    "TransformerConv": lambda: library.TransformerConv(8, 4, heads=2),
    "AGNNConv": lambda: library.AGNNConv(),
    "TAGConv": lambda: library.TAGConv(8, 16),
    "GINConv": lambda: library.GINConv(nn.Linear(8, 16)),
    "ARMAConv": lambda: library.ARMAConv(8, 16),
    "SGConv": lambda: library.SGConv(8, 16, K=2),
    "SSGConv": lambda: library.SSGConv(8, 16, alpha=0.1),
    "APPNP": lambda: library.APPNP(K=2, alpha=0.1),
    "MFConv": lambda: library.MFConv(8, 16, max_degree=4),
    "ClusterGCNConv": lambda: library.ClusterGCNConv(8, 16),
    "GENConv": lambda: library.GENConv(8, 16),
    "LEConv": lambda: library.LEConv(8, 16),
    "PNAConv": lambda: library.PNAConv(
        8, 16, aggregators=["mean", "max", "std"], scalers=["identity", "amplification"],
        deg=torch.tensor([0, 3, 2, 1])),
    "FAConv": lambda: library.FAConv(8),
    "EGConv": lambda: library.EGConv(8, 16, num_heads=4, num_bases=2),
    "FeaStConv": lambda: library.FeaStConv(8, 16),
    "EdgeConv": lambda: library.EdgeConv(nn.Linear(16, 16)),
    "SuperGATConv": lambda: library.SuperGATConv(8, 4, heads=2),
    "GeneralConv": lambda: library.GeneralConv(8, 16),
    "FiLMConv": lambda: library.FiLMConv(8, 16),
    "AntiSymmetricConv": lambda: library.AntiSymmetricConv(8),
    "LGConv": lambda: library.LGConv(),
    "MixHopConv": lambda: library.MixHopConv(8, 16),
    "DNAConv": lambda: library.DNAConv(8),
    "HypergraphConv": lambda: library.HypergraphConv(8, 16),
    "ClusterGCN-simple": lambda: library.SimpleConv(aggr="mean"),
    "WLConvContinuous": lambda: library.WLConvContinuous(),
    "GPSConv": lambda: library.GPSConv(8, library.GCNConv(8, 8), heads=2),
}  # fmt: skip
MODELS: dict[str, Callable[[], nn.Module]] = {
    "GCN": lambda: library.GCN(8, 16, num_layers=2, out_channels=4),
    "GraphSAGE": lambda: library.GraphSAGE(8, 16, num_layers=2, out_channels=4),
    "GIN": lambda: library.GIN(8, 16, num_layers=2, out_channels=4),
    "GAT": lambda: library.GAT(8, 16, num_layers=2, out_channels=4, heads=2),
    "GAT-v2": lambda: library.GAT(8, 16, num_layers=2, out_channels=4, heads=2, v2=True),
    "EdgeCNN": lambda: library.EdgeCNN(8, 16, num_layers=2, out_channels=4),
    "GCN-jumping": lambda: library.GCN(8, 16, num_layers=2, out_channels=4, jk="cat"),
    "GCN-batch-norm": lambda: library.GCN(8, 16, num_layers=2, out_channels=4, norm="BatchNorm"),
    "LabelPropagation-free": lambda: library.CorrectAndSmooth(2, 0.5, 2, 0.5),
}  # fmt: skip
POOLS = ("global_add_pool", "global_mean_pool", "global_max_pool")
NORMS = (
    "GraphNorm",
    "InstanceNorm",
    "LayerNorm",
    "PairNorm",
    "MeanSubtractionNorm",
    "GraphSizeNorm",
)
AGGREGATIONS: dict[str, Callable[[], nn.Module]] = {
    "softmax": lambda: library.SoftmaxAggregation(learn=True),
    "power-mean": lambda: library.PowerMeanAggregation(learn=True),
    "median": lambda: library.MedianAggregation(),
    "set2set": lambda: library.Set2Set(8, processing_steps=2),
    "attentional": lambda: library.AttentionalAggregation(nn.Linear(8, 1)),
    "sort": lambda: library.SortAggregation(k=3),
    "deep-sets": lambda: library.DeepSetsAggregation(nn.Linear(8, 8), nn.Linear(8, 8)),
    "variance": lambda: library.VarAggregation(),
}  # fmt: skip


def _edges(nodes: int, edges: int) -> torch.Tensor:
    return torch.stack([torch.randint(0, nodes, (edges,)), torch.arange(edges) % nodes])


def convolution(name: str, kinds: str) -> Any:
    made = (CONVOLUTIONS if kinds == "convolution" else MODELS)[name]()

    def inputs(nodes: int, edges: int) -> Any:
        if name in ("GatedGraphConv",):
            return (torch.randn(nodes, 16), _edges(nodes, edges)), {}
        if name == "FAConv":
            return (torch.randn(nodes, 8), torch.randn(nodes, 8), _edges(nodes, edges)), {}
        if name == "DNAConv":
            return (torch.randn(nodes, 3, 8), _edges(nodes, edges)), {}
        return (torch.randn(nodes, 8), _edges(nodes, edges)), {}

    return made, inputs


class Pooled(nn.Module):
    """A convolution, and one vector for each graph of a batch."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.convolution = library.GCNConv(8, 8)
        self.pool = getattr(library, pool)

    def forward(self, x: torch.Tensor, edges: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        """One row a graph."""
        return self.pool(self.convolution(x, edges).relu(), batch)


def pooled(pool: str) -> Any:
    def inputs(nodes: int, edges: int) -> Any:
        return (torch.randn(nodes, 8), _edges(nodes, edges), torch.arange(nodes) * 2 // nodes), {}

    return Pooled(pool), inputs


def norm(name: str) -> Any:
    cls = getattr(library, name)
    made = cls() if name in ("PairNorm", "MeanSubtractionNorm", "GraphSizeNorm") else cls(8)

    def inputs(nodes: int) -> Any:
        return (torch.randn(nodes, 8), torch.arange(nodes) * 2 // nodes), {}

    return made, inputs


def aggregation(name: str) -> Any:
    def inputs(nodes: int) -> Any:
        return (torch.randn(nodes, 8), torch.arange(nodes) * 2 // nodes), {}

    return AGGREGATIONS[name](), inputs


def entries() -> Iterator[Entry]:
    sizes = {"nodes": (6, 9, 4), "edges": (14, 20, 9)}
    for name in CONVOLUTIONS:
        yield Entry(name, partial(convolution, name, "convolution"), sizes)
    for name in list(MODELS)[:-1]:
        yield Entry(name, partial(convolution, name, "model"), sizes)
    for name in POOLS:
        yield Entry(name.replace("_", "-"), partial(pooled, name), sizes)
    for name in NORMS:
        yield Entry(name, partial(norm, name), {"nodes": sizes["nodes"]})
    for name in AGGREGATIONS:
        yield Entry(f"aggregation-{name}", partial(aggregation, name), {"nodes": sizes["nodes"]})
