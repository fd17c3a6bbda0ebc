"""Lists the features that the command shows."""

from collections.abc import Sequence

from scriptmodel_cli.feature import Feature
from scriptmodel_cli.promotion.feature import Promotions
from scriptmodel_cli.search.feature import Searches

FEATURES: Sequence[Feature] = [
    Promotions(),
    Searches(),
]
COLUMNS = tuple(column for feature in FEATURES for column in feature.columns)
"""Fields of an entry of status.history that features show as columns."""
