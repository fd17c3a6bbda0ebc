"""How kopf is set to watch."""

from scriptmodel_operator.kube.kopf_patches.slim_import import kopf
from scriptmodel_operator.kube.watch import settings


def test_an_invalid_annotation_of_another_kopf_operator_is_not_read() -> None:
    body = kopf.Body({"metadata": {"annotations": {"kopf.zalando.org/last-handled-configuration": "x"}}})
    assert settings().persistence.diffbase_storage.fetch(body=body) is None
