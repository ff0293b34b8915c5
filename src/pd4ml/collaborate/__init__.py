"""One model, many groups, no shared events: learners, strategies, rounds, and the ledger of what was decided."""

from pd4ml.collaborate.competition import Competition, Standing, hand_out
from pd4ml.collaborate.ledger import compare_ledgers, verify_ledger
from pd4ml.collaborate.strategies import STRATEGIES, Strategy, make_strategy
from pd4ml.collaborate.together import Collaboration, collaborate, groups_of, read_collaboration

__all__ = [
    "STRATEGIES",
    "Collaboration",
    "Competition",
    "Standing",
    "Strategy",
    "collaborate",
    "compare_ledgers",
    "groups_of",
    "hand_out",
    "make_strategy",
    "read_collaboration",
    "verify_ledger",
]
