"""The work of a sweep on a cluster of Ray: on whichever node has room, each task with limits.

``pip install 'monograph[ray]'``. Nodes have Monograph and the libraries of the catalogue; the
catalogue's folder is sent to them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from monograph.sweep.catalogue import Catalogue
from monograph.sweep.servers import Answer, Lost, Servers, Work
from monograph.sweep.tasks import Limits

__all__ = ["RayExecutor"]

_NOT_SENT = [".git", ".venv", "__pycache__", "*.db", "*.pt2"]
_servers = Servers()  # of a worker, which is asked again and again


def _answered(work: Work, place: str) -> Answer:
    """On a worker, whose current folder is the catalogue's; ``place``: of the catalogue in it."""
    return _servers.answer(replace(work, folder=str(Path.cwd() / place)))


class RayExecutor:
    """``address``: of a cluster that runs; without one, a cluster of this machine is started.

    A node gives each task one processor and the memory of its limits, and takes no more tasks than
    it has room for. What is lost with a node is told, and handed out again (``executors.done``).

    Raises:
        ImportError: Ray is not installed.
        ValueError: no node has the memory that one task may use.
    """

    def __init__(self, catalogue: Catalogue, limits: Limits, address: str | None = None) -> None:
        import ray

        self._ray = ray
        folder = catalogue.folder.resolve()
        self._place = "" if catalogue.path == catalogue.folder else catalogue.path.name
        ray.init(
            address=address,
            runtime_env={"working_dir": str(folder), "excludes": _NOT_SENT},
            log_to_driver=False,
        )
        memory = int(limits.gigabytes * (1 << 30))
        most = max(node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"])
        if most < memory:
            self.close()
            raise ValueError(
                f"a task may use {limits.gigabytes} GB, and no node has more than "
                f"{most / (1 << 30):.1f}: say less with --gigabytes"
            )
        # Lost tasks are counted and handed out again in one place, for all executors.
        self._answer = ray.remote(num_cpus=1, memory=memory, max_retries=0)(_answered)
        self._out: dict[Any, Work] = {}

    @property
    def room(self) -> int:
        """As many as there are processors, now."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def submit(self, work: Work) -> None:
        """Take work."""
        self._out[self._answer.remote(work, self._place)] = work

    def answers(self) -> list[tuple[Work, Answer]]:
        """What is ready."""
        ready, _ = self._ray.wait(list(self._out), num_returns=1)
        return [(self._out.pop(each), self._told(each)) for each in ready]

    def _told(self, reference: object) -> Answer:
        try:
            answer: Answer = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError:  # a mistake of ours
            raise
        except self._ray.exceptions.RayError as error:
            return Lost(type(error).__name__)
        return answer

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()
