"""The group, version, kind and well-known keys of the API."""

from __future__ import annotations

GROUP = "scriptmodel.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ScriptModel"
PLURAL = "scriptmodels"
SINGULAR = "scriptmodel"
SHORT_NAME = "sm"
CATEGORY = "all"

FINALIZER = f"{GROUP}/pipelines"
FIELD_MANAGER = "scriptmodel-operator"
COMMAND_MANAGER = "scriptmodel"
"""Of what people ask for by the command: not the operator's doing."""

RECONCILE_AT = f"{GROUP}/reconcile-at"
"""Any new value asks for a reconcile now; answered in status.lastHandledReconcileAt."""
RETRAIN_AT = f"{GROUP}/retrain-at"
"""Any new value trains again with an unchanged spec; answered in status.lastHandledRetrainAt."""
ADOPT = f"{GROUP}/adopt"
"""With the value "true", pipelines of our names that carry no mark, or a foreign one, are taken over."""
