"""The modules that the operator and the command load."""

import subprocess
import sys


def test_the_kubernetes_package_is_not_loaded_until_a_login_needs_it() -> None:
    code = (
        "import sys, scriptmodel_operator.app\n"
        "assert 'kubernetes' not in sys.modules\n"
        "import kubernetes.config\n"
        "from scriptmodel_operator.kube.kopf_patches.slim_import import kopf\n"
        "print(kopf.login_via_client.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "login_via_client"), done.stderr


def test_status_starts_without_pydantic_and_grpc() -> None:
    code = "import sys, scriptmodel_cli.commands.status\nassert not {'pydantic', 'grpc', 'kopf'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
