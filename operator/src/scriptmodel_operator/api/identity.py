"""Defines the group, version, kind and well-known keys of the API."""

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
"""Field manager of what users change with the command, in contrast to the operator."""

RECONCILE_AT = f"{GROUP}/reconcile-at"
"""Any new value requests a reconcile; acknowledged in status.lastHandledReconcileAt."""
RETRAIN_AT = f"{GROUP}/retrain-at"
"""Any new value requests training with an unchanged spec; acknowledged in status.lastHandledRetrainAt."""
PROMOTE = f"{GROUP}/promote"
"""Commit of a model that is held back by spec.promotion, or its first characters: its script is promoted anyway."""
ENGINE = f"{GROUP}/engine"
"""The Pachyderm or localpach that the object's pipelines are made on; the operator sets it. Once it is removed,
the object starts anew on the one that the operator is connected to."""
ADOPT = f"{GROUP}/adopt"
"""With the value "true", pipelines of our names without a mark, or with one of another cluster, are adopted."""
