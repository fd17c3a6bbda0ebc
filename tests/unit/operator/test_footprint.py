"""The modules that the operator and the command load."""

import subprocess
import sys


def test_the_official_client_is_loaded_without_its_classes_of_objects() -> None:
    """A token of OpenID Connect is renewed by a request of the same client."""
    code = (
        "import sys, scriptmodel_operator.app, kopf\n"
        "from kubernetes.config import kube_config\n"
        "assert callable(kube_config.ApiClient(kube_config.Configuration()).request)\n"
        "print([each for each in sys.modules if each.startswith('kubernetes.client.models')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_status_starts_without_pydantic_and_grpc() -> None:
    heavy = "{'pydantic', 'grpc', 'kopf', 'kubernetes'}"
    code = f"import sys, scriptmodel_cli.commands.objects\nassert not {heavy} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
