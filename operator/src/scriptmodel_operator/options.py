"""Options that several commands of the operator share."""

from __future__ import annotations

from pathlib import Path

import click

PREFIX = "SCRIPTMODEL"
"""Prefix of the environment variables of all options."""

pachd_option = click.option(
    "--pachd", envvar=f"{PREFIX}_PACHD", required=True, metavar="HOST:PORT", help="Address of pachd."
)
pachd_token_option = click.option(
    "--pachd-token-file",
    envvar=f"{PREFIX}_PACHD_TOKEN_FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Read the token for pachd from this file, again at each call.",
)
pachd_ca_option = click.option(
    "--pachd-ca-file",
    envvar=f"{PREFIX}_PACHD_CA_FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Trust the certificates in this file, and use TLS. A changed file is read again.",
)
kubeconfig_option = click.option(
    "--kubeconfig",
    envvar=f"{PREFIX}_KUBECONFIG",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Kubeconfig file. [default: the pod's service account, else KUBECONFIG]",
)
