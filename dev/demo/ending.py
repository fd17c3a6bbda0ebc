"""Says where the report is and what to try next, in commands that work as they are printed."""

import shlex
from dataclasses import dataclass
from pathlib import Path

OPEN = """
The report shows corpus, settings, quality and more samples of the model:
    {report}
    xdg-open {report}    # or copy this one file to a machine with a browser
"""

ENDED = """
Everything that the demo started has ended. Three things to try next, in this folder:
  1. The same again, left running for kubectl and scriptmodel:
    make demo KEEP=1
  2. The same without Kubernetes:
    make plays && .venv/operator/bin/scriptmodel local -f {sample} --corpus plays/
  3. The trainer alone:
    make plays && .venv/trainer/bin/scriptmodel-trainer train --data plays/ --out model/ --minutes 5
"""

KEPT = """
Everything keeps running; `make demo-stop` stops it. To see it in the browser, open
    {page}
which lets one browser in; the last line of {pages} has the address for the next one.
Or in a terminal. First, in this folder:
    export KUBECONFIG={kubeconfig} SCRIPTMODEL_PACHD={pachd}
    export PATH={binaries}:{commands}:$PATH
Three things to try next:
  1. Another script from the same model, without training:
    kubectl patch scriptmodel {name} --type=merge -p '{{"spec": {{"generation": {{"temperature": "1.1"}}}}}}'
    scriptmodel wait {name} && scriptmodel script {name}
  2. Another model of the same plays, and its training:
    sed 's/^  name: .*/  name: again/' {sample} | kubectl apply -f -
    scriptmodel status again -w
  3. Why a ScriptModel is as it is, and what to do next:
    scriptmodel why {name}
The operator's log: {log}
Its metrics: {metrics}
"""


@dataclass(frozen=True)
class Left:
    """The processes and paths that a run keeps."""

    kubeconfig: Path
    pachd: str
    binaries: Path
    commands: Path
    log: Path
    metrics: str
    page: str
    """Address of `scriptmodel ui`."""
    pages: Path
    """Log of `scriptmodel ui`."""


def ending(name: str, sample: Path, report: Path, left: Left | None) -> str:
    """Return the demo's last output about the ScriptModel `name`; `left` is None if nothing keeps running."""
    text = OPEN.format(report=report)
    if left is None:
        return text + ENDED.format(sample=sample)
    quoted = {key: shlex.quote(str(value)) for key, value in vars(left).items()}
    return text + KEPT.format(name=name, sample=sample, **quoted | {"page": left.page})
