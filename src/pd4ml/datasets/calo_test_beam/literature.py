"""Published scores that can be set beside those here: none.

CALICE's papers (arXiv:1207.4210, 2203.01317, 2403.04632) give resolutions by energy, of other events and in other
measures than a score of all events; the README sets those that are known beside ours.
"""

from __future__ import annotations

from pd4ml.card import PublishedScore

__all__ = ["LITERATURE"]

LITERATURE: tuple[PublishedScore, ...] = ()
