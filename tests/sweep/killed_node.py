"""``python killed_node.py ZOO.toml OUT``: a sweep on two nodes, one of which is killed on the way.

Writes the record of it to OUT. Everything is on 127.0.0.1.
"""

import os
import sys
from contextlib import closing
from pathlib import Path

# Before Ray is imported: its own address is 127.0.0.1, as on systems without clusters.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"

import pytest
from ray.cluster_utils import Cluster

from monograph.sweep import Catalogue, Limits, Plan, Store
from monograph.sweep.clusters import RayExecutor
from monograph.sweep.record import write_record

LIMITS = Limits(30, 1)
WAYS = {"exporters": ("monograph",), "forms": ("static", "dynamic"), "stages": ("file",)}


def main(path: str, out: str) -> None:
    zoo = Catalogue(Path(path))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    assert cluster.address.startswith("127.0.0.1:"), cluster.address
    nodes = [cluster.add_node(num_cpus=1, memory=4 << 30) for _ in range(2)]
    try:
        with pytest.raises(ValueError, match="a task may use 100 GB"):
            RayExecutor(zoo, Limits(30, 100), cluster.address)
        plan, count = Plan(zoo, Store(), **WAYS, limits=LIMITS), 0
        with closing(RayExecutor(zoo, LIMITS, cluster.address)) as executor:
            for _ in plan.run(executor):
                count += 1
                if count == 10:
                    assert executor.room == 2
                    cluster.remove_node(nodes.pop(), allow_graceful=False)
            assert executor.room == 1
    finally:
        cluster.shutdown()
    assert count == len(plan.store.rows), "a verdict was told twice"
    write_record(plan.store, Path(out))


if __name__ == "__main__":
    main(*sys.argv[1:])
