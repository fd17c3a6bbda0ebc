"""For each value of the chart another one than its default, and what must be set for it to matter."""

from typing import Any

from tests.chart.rendering import BUCKET, OWN_BUCKET, Object, merged, nested

DIGEST = "sha256:" + "0123456789abcdef" * 4
SECRET = {"pachd": {"secret": {"name": "pachd-access"}}}
POLICY = {"networkPolicy": {"enabled": True}}
MONITORED = {"serviceMonitor": {"enabled": True}}
ALERTED = {"prometheusRule": {"enabled": True}}
SHOWN = {"dashboard": {"enabled": True}}

CHANGES: dict[str, Any] = {
    "nameOverride": "scripts",
    "fullnameOverride": "scripts",
    "commonLabels": {"team": "drama"},
    "crds.install": False,
    "crds.keep": False,
    "image.registry": "registry.example.com",
    "image.repository": "mirror/operator",
    "image.tag": "1.2.3",
    "image.digest": DIGEST,
    "image.pullPolicy": "Always",
    "trainer.image.registry": "registry.example.com/ml",
    "trainer.image.repository": "mirror/trainer",
    "trainer.image.tag": "1.2.3-gpu",
    "trainer.image.digest": DIGEST,
    "trainer.checkpoints.claimName": "checkpoints",
    "imagePullSecrets": [{"name": "registry"}],
    "pachd.address": "grpc://10.0.0.1:30650",
    "pachd.secret.name": ("pachd-access", {"pachd": {"secret": {"tokenKey": "token"}}}),
    "pachd.secret.addressKey": ("address", SECRET),
    "pachd.secret.tokenKey": ("token", SECRET),
    "pachd.secret.caKey": ("ca.pem", SECRET),
    "storage.url": ("s3://scripts/team-a", OWN_BUCKET),
    "storage.endpoint": ("http://minio.storage.svc:9000", BUCKET),
    "storage.publicUrl": ("https://s3.example.com", BUCKET),
    "storage.region": ("eu-central-1", BUCKET),
    "storage.egress": ([{"ipBlock": {"cidr": "10.1.2.0/24"}}], BUCKET),
    "storage.secret.name": ("theirs", OWN_BUCKET),
    "storage.server.size": ("1Ti", OWN_BUCKET),
    "storage.server.className": ("fast", OWN_BUCKET),
    "storage.server.clusterIP": ("10.96.0.51", OWN_BUCKET),
    "storage.server.image.registry": ("registry.example.com", OWN_BUCKET),
    "storage.server.image.repository": ("mirror/s3", OWN_BUCKET),
    "storage.server.image.tag": ("1.2.3", OWN_BUCKET),
    "storage.server.image.digest": (DIGEST, OWN_BUCKET),
    "storage.server.resources": ({"requests": {"memory": "2Gi"}}, OWN_BUCKET),
    "runs.resources.requests": ({"cpu": 2, "memory": ""}, BUCKET),
    "runs.resources.limits": ({"cpu": 4, "memory": "8Gi"}, BUCKET),
    "runs.labels": ({"cost": "drama"}, BUCKET),
    "publicConfig.create": False,
    "publicConfig.address": "grpcs://pachd.team-a.svc:30650",
    "publicConfig.certificates": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "rbac.portForward.create": True,
    "rbac.portForward.subjects": (
        [{"kind": "Group", "name": "writers", "apiGroup": "rbac.authorization.k8s.io"}],
        {"rbac": {"portForward": {"create": True}}},
    ),
    "watchNamespaces": ["team-a", "team-b"],
    "watchAllNamespaces": True,
    "clusterId": "blue",
    "pollInterval": 2.5,
    "sourceInterval": 30,
    "workers": 16,
    "downloadTimeout": 60,
    "log.format": "text",
    "log.level": "debug",
    "policy.images": ["registry.example.com/trainers/"],
    "policy.priorityClasses": ["*"],
    "policy.runtimeClasses": ["nvidia"],
    "policy.queues": ["gpus"],
    "policy.pullSecrets": ["registry"],
    "policy.checkpointClaims": {"team-a": ["checkpoints-a", "shared"]},
    "policy.downloads": ["10.1.2.3", "files.example.com"],
    "policy.projects": {"team-a": ["drama", "comedy"]},
    "policy.repos": {"team-a": ["plays-*"]},
    "replicas": 3,
    "leaderElection.enabled": (False, {"replicas": 1}),
    "rbac.create": False,
    "rbac.aggregateView": False,
    "rbac.aggregateEdit": True,
    "serviceAccount.create": False,
    "serviceAccount.name": "theirs",
    "serviceAccount.annotations": {"example.com/role": "reader"},
    "podAnnotations": {"example.com/scrape": "yes"},
    "podLabels": {"example.com/zone": "a"},
    "podSecurityContext": {"runAsUser": 1000, "fsGroup": 1000},
    "securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE"]}},
    "resources": {"requests": {"cpu": "1"}},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {}}
    ],
    "priorityClassName": "system-cluster-critical",
    "livenessProbe.periodSeconds": 30,
    "livenessProbe.timeoutSeconds": 2,
    "livenessProbe.failureThreshold": 6,
    "readinessProbe.periodSeconds": 5,
    "readinessProbe.timeoutSeconds": 2,
    "readinessProbe.failureThreshold": 6,
    "extraArgs": ["--poll-interval=9"],
    "extraEnv": [{"name": "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "value": "/etc/ssl/more/ca.crt"}],
    "extraVolumes": [{"name": "certificates", "configMap": {"name": "certificates"}}],
    "extraVolumeMounts": [{"name": "certificates", "mountPath": "/etc/ssl/more"}],
    "service.enabled": False,
    "service.port": 9090,
    "service.annotations": {"prometheus.io/scrape": "true"},
    "podDisruptionBudget.enabled": False,
    "podDisruptionBudget.maxUnavailable": "50%",
    "networkPolicy.enabled": True,
    "networkPolicy.metricsFrom": ([{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}], POLICY),
    "networkPolicy.apiServerPorts": ([16443], POLICY),
    "networkPolicy.pachdPorts": ([1651], POLICY),
    "networkPolicy.storagePorts": ([9000], merged(POLICY, BUCKET)),
    "networkPolicy.storageFrom": ([{"podSelector": {}}], {**OWN_BUCKET, **POLICY}),
    "networkPolicy.egress": ([{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}], POLICY),
    "serviceMonitor.enabled": True,
    "serviceMonitor.labels": ({"release": "prometheus"}, MONITORED),
    "serviceMonitor.interval": ("15s", MONITORED),
    "prometheusRule.enabled": True,
    "prometheusRule.labels": ({"release": "prometheus"}, ALERTED),
    "dashboard.enabled": True,
    "dashboard.labels": ({"grafana_dashboard": "2"}, SHOWN),
    "dashboard.annotations": ({"grafana_folder": "ML"}, SHOWN),
    "uninstall.policy": "off",
    "uninstall.timeoutSeconds": 60,
}
"""A pair is the value and what else must be set."""


def change(path: str) -> tuple[Object, Object]:
    """Values without and with the change."""
    given = CHANGES[path]
    value, base = given if isinstance(given, tuple) else (given, {})
    return base, merged(base, nested(path, value))


ALL_AT_ONCE: Object = {}
_SWITCHES_OFF = {
    "crds.install",
    "leaderElection.enabled",
    "publicConfig.create",
    "rbac.create",
    "service.enabled",
    "serviceAccount.create",
    "podDisruptionBudget.enabled",
}
_ANOTHER_ENGINE = {path for path in CHANGES if change(path)[0].get("pachd") == OWN_BUCKET["pachd"]}
for _path in sorted(set(CHANGES) - _SWITCHES_OFF - _ANOTHER_ENGINE):
    ALL_AT_ONCE = merged(ALL_AT_ONCE, change(_path)[1])

COMBINATIONS: dict[str, Object] = {
    "a pachd": {},
    "a bucket": BUCKET,
    "no pachd": {**OWN_BUCKET, **POLICY},
    "everything": ALL_AT_ONCE,
    "one replica without a lease": {"replicas": 1, "leaderElection": {"enabled": False}},
    "some namespaces": {"watchNamespaces": ["team-a", "team-b"]},
    "no rights made, theirs used": {"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "theirs"}},
    "no hooks, no service, no CRD": {
        "crds": {"install": False},
        "service": {"enabled": False},
        "uninstall": {"policy": "off"},
    },
    "pachd with auth and TLS": {
        "pachd": {"secret": {"name": "pachd-access", "addressKey": "address", "tokenKey": "token", "caKey": "ca.pem"}}
    },
    "monitored": {**MONITORED, **ALERTED, **SHOWN},
}
