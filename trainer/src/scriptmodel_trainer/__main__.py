"""python -m scriptmodel_trainer."""

import sys

from scriptmodel_trainer.cli import main

sys.exit(main())
