"""What no writer reads: words of the network's own."""

import re

INTERNAL = re.compile(r"\btokens?\b|<unk>|\bnats?\b|\bpresets?\b", re.IGNORECASE)
