"""The official client's settings, loaders and connections, without its classes of objects: 40 MiB and half a second.

Its packages are entered as modules that are not executed; kopf, which is imported after this, does without the classes.
"""

import importlib
import sys
from importlib.util import find_spec, module_from_spec

_PACKAGES = ("kubernetes", "kubernetes.client")

if _PACKAGES[0] not in sys.modules:
    for _name in _PACKAGES:
        if _spec := find_spec(_name):
            sys.modules[_name] = module_from_spec(_spec)
    _client = sys.modules[_PACKAGES[1]]
    # `ModuleType` declares none of these names; the package would set them if it were executed.
    _client.Configuration = importlib.import_module("kubernetes.client.configuration").Configuration  # type: ignore[attr-defined]
    # What renews a token of OpenID Connect makes one plain request by it.
    _client.ApiClient = importlib.import_module("kubernetes.client.rest").RESTClientObject  # type: ignore[attr-defined]

from kubernetes.client import Configuration  # noqa: E402 - see above
from kubernetes.client.rest import RESTClientObject  # noqa: E402 - see above
from kubernetes.config import ConfigException, load_incluster_config  # noqa: E402 - see above
from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger  # noqa: E402 - see above

__all__ = [
    "ConfigException",
    "Configuration",
    "KubeConfigLoader",
    "KubeConfigMerger",
    "RESTClientObject",
    "load_incluster_config",
]
