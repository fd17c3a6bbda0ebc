"""The command line `scriptmodel-trainer`."""

from scriptmodel_trainer.cli.program import main

__all__ = ["main"]
