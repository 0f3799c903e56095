"""A Kubernetes API in memory (kmock), in a thread of its own. It schedules nothing: tests set `status`."""

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import kmock

__all__ = ["Cluster"]

_PLURALS = {"deployment": "deployments", "statefulset": "statefulsets", "daemonset": "daemonsets"}


class Cluster:
    """A context manager: `url` answers inside it."""

    def __init__(self) -> None:
        self.url = ""
        self.emulator = kmock.KubernetesEmulator()
        self.emulator[kmock.method.PUT] << self._replace_scale
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))
        self._up: Future[str] = Future()
        self._end = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._up.result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)
        self._loop.close()

    def add(self, resource: str, place: str, replicas: int, /, **status: Any) -> None:
        """Put a workload in; `place` is namespace/name."""
        namespace, name = place.split("/")
        self.emulator.objects[self._key(resource, namespace, name)] = {
            "apiVersion": "apps/v1",
            "kind": {"deployment": "Deployment", "statefulset": "StatefulSet"}.get(resource, "DaemonSet"),
            "metadata": {"namespace": namespace, "name": name, "generation": 1, "resourceVersion": "7"},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "serviceName": name,
                "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": []}},
            },
            "status": {"observedGeneration": 1, **status},
        }

    def get(self, resource: str, place: str) -> Mapping[str, Any]:
        """What a workload is now."""
        raw: Mapping[str, Any] = self.emulator.objects[self._key(resource, *place.split("/"))].raw
        return raw

    def set_status(self, resource: str, place: str, /, **status: Any) -> None:
        """Do what the cluster's controllers would."""
        self.emulator.objects[self._key(resource, *place.split("/"))].patch({"status": status})

    def refuse(self, message: str, status: int = 403) -> None:
        """From now on, changes are refused as the API server does it."""
        error = kmock.KubernetesError(status=status, reason="Forbidden", message=message)
        self.emulator[kmock.method.PATCH] << error
        self.emulator[kmock.method.GET] << error

    def requests(self) -> list[tuple[str, str]]:
        """Method and path of each request, in order."""
        return [(str(one.method.value), one.url.path) for one in self.emulator if one.method]

    @staticmethod
    def _key(resource: str, namespace: str, name: str) -> tuple[kmock.resource, str, str]:
        return kmock.resource("apps", "v1", _PLURALS[resource]), namespace, name

    async def _replace_scale(self, request: kmock.Request) -> dict[str, Any]:
        """What the emulator leaves out: a scale is replaced in the version that was read."""
        plural, name = str(request.url.path).split("/")[-3:-1]
        resource = next(one for one, many in _PLURALS.items() if many == plural)
        place = f"{request.namespace}/{name}"
        version = self.get(resource, place)["metadata"]["resourceVersion"]
        if request.data["metadata"]["resourceVersion"] != version:
            message = f'Operation cannot be fulfilled on {plural}.apps "{name}": the object has been modified'
            raise kmock.KubernetesError(status=409, reason="Conflict", message=message)
        replicas = request.data["spec"]["replicas"]
        stored = self.emulator.objects[self._key(resource, *place.split("/"))]
        stored.patch({"spec": {"replicas": replicas}, "metadata": {"generation": 2}})
        body: dict[str, Any] = request.data
        return body

    async def _serve(self) -> None:
        async with self.emulator as emulator, kmock.Server(emulator) as server:
            self._up.set_result(str(server.url).rstrip("/"))
            await self._end.wait()
