"""The engine of the release: Jobs with the chart's S3 server, or the Pachyderm at PACHD_ADDRESS."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from python_pachyderm.proto.v2.pps import pps_pb2 as pps

from dev.cluster.node import NAME as NODE
from tests.integration.pachyderm import Pachyderm
from tests.node.release import NAME, NAMESPACE
from tests.node.running import Object, Running
from tests.node.service import serving

PACHYDERM = "pachyderm"
"""The namespace of a real Pachyderm's workers."""
ADDRESS = "10.232.0.51"
"""The address of the S3 server's Service."""
S3 = f"{NAME}-scriptmodel-operator-s3"
S3_PODS = (f"--namespace={NAMESPACE}", "--selector=app.kubernetes.io/component=s3")


class Engine(Protocol):
    values: Object
    """Those of the chart."""
    lasting: Sequence[str]
    """What an uninstallation keeps."""

    def names(self) -> set[str]:
        """Return the pipelines and repos that exist."""

    def delete_pipelines(self, names: Iterable[str]) -> None:
        """Delete pipelines, in an order in which none reads from one that is gone."""

    def trained(self, found: Object) -> int:
        """Return how many runs of an object's train pipeline were computed."""

    def lose_worker(self, found: Object) -> None:
        """Delete a pod that trains an object, by force."""


class Jobs:
    """Records are ConfigMaps, workers are pods of the object's namespace."""

    lasting: Sequence[str] = (f"persistentvolumeclaim/{S3}", f"secret/{S3}")

    def __init__(self, cluster: Running, namespace: str) -> None:
        self.values: Object = {"storage": {"server": {"className": "manual", "clusterIP": ADDRESS}}}
        self._cluster = cluster
        self._where = f"--namespace={namespace}"

    def names(self) -> set[str]:
        records = self._cluster.names("configmaps", self._where, "--selector=scriptmodel.dev/record")
        return {name.split("-", 2)[2] for name in records}

    def delete_pipelines(self, names: Iterable[str]) -> None:
        records = (f"configmap/scriptmodel-pipeline-{name}" for name in names)
        self._cluster.kubectl("delete", *records, self._where)

    def trained(self, found: Object) -> int:
        jobs = self._cluster.get("jobs", *self._training(found))["items"]
        return len({job["metadata"]["labels"]["scriptmodel.dev/run"] for job in jobs})

    def lose_worker(self, found: Object) -> None:
        running = "--field-selector=status.phase=Running"
        worker = self._cluster.names("pods", *self._training(found), running)[0]
        self._cluster.kubectl("delete", worker, self._where, "--force", "--grace-period=0")

    def _training(self, found: Object) -> tuple[str, str]:
        return self._where, f"--selector=scriptmodel.dev/name={found['metadata']['name']},scriptmodel.dev/stage=train"


@contextmanager
def s3_server(cluster: Running, folder: Path) -> Iterator[None]:
    """Serve the chart's S3 server at its address, and give it a volume that is deleted in the end."""

    def pod_address() -> str:
        return str(cluster.get("pods", *S3_PODS)["items"][-1]["status"]["podIP"])

    cluster.apply(volume(S3, folder, NAMESPACE, "manual"))
    try:
        with serving(ADDRESS, (7070,), pod_address):
            yield
    finally:
        cluster.kubectl("delete", "persistentvolume", S3, "--wait=false")
        shutil.rmtree(folder, ignore_errors=True)


def volume(name: str, folder: Path, namespace: str, storage_class: str) -> Object:
    """Return a volume for the claim of that name, in a folder of the node; the kubelet applies `fsGroup` to it."""
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "local": {"path": str(folder)},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        "claimRef": {"namespace": namespace, "name": name},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


class RealPachyderm:
    """A server whose workers run on this node."""

    lasting: Sequence[str] = ()

    def __init__(self, cluster: Running, address: str, client: Pachyderm) -> None:
        self.values: Object = {"pachd": {"address": address}}
        self._cluster = cluster
        self._client = client

    def names(self) -> set[str]:
        return set(self._client.pipelines()) | self._client.repos()

    def delete_pipelines(self, names: Iterable[str]) -> None:
        for name in sorted(names):  # generate reads from train
            self._client.delete_pipeline(name)

    def trained(self, found: Object) -> int:
        jobs = self._client.jobs(_train(found))
        return sum(each.data_processed for each in jobs if each.state == pps.JOB_SUCCESS)

    def lose_worker(self, found: Object) -> None:
        where = f"--namespace={PACHYDERM}"
        workers = self._cluster.names("pods", where, f"--selector=pipelineName={_train(found)}")
        self._cluster.kubectl("delete", workers[0], where, "--force", "--grace-period=0")


def _train(found: Object) -> str:
    return str(found["status"]["pipelines"][0]["name"])
