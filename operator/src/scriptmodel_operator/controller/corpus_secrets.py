"""Reads the credentials of a corpus when its download starts, and keeps them nowhere."""

from __future__ import annotations

from scriptmodel_operator.api.reasons import Reason
from scriptmodel_operator.ingest.credentials import Credentials, credentials_of
from scriptmodel_operator.ingest.failures import SourceError
from scriptmodel_operator.kube.errors import KubeError, KubeForbiddenError, KubeNotFoundError
from scriptmodel_operator.kube.gateway import KubeGateway


async def read_credentials(gateway: KubeGateway, namespace: str, name: str) -> Credentials:
    """Return the credentials in the Secret that an object names in spec.corpus.http.secretRef. Raises SourceError."""
    try:
        return credentials_of(name, await gateway.get_secret(namespace, name))
    except KubeNotFoundError as error:
        text = (
            f"Secret {name!r} of spec.corpus.http.secretRef does not exist: create it with `kubectl create secret "
            f"generic {name} --from-literal username=NAME --from-file password=FILE`"
        )
        raise SourceError(Reason.SECRET_NOT_FOUND, text, passing=True) from error
    except KubeForbiddenError as error:
        text = (
            f"the operator may not read Secret {name!r} of spec.corpus.http.secretRef: name it in the chart's "
            "rbac.corpusSecrets"
        )
        raise SourceError(Reason.NOT_ALLOWED, text, passing=True) from error
    except KubeError as error:
        raise SourceError(Reason.RETRYING, str(error), passing=True) from error
