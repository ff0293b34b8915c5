"""What can be varied in the telescope."""

from __future__ import annotations

from dataclasses import dataclass

from pd4ml.generation.settings import check_settings, within

__all__ = ["Config"]


@dataclass(frozen=True)
class Config:
    """The settings. All are chosen for the example; they are not those of an existing telescope."""

    power: float = within(2.0, 0.0, 5.0, what="of the zenith angle's cosine in the intensity")
    spacing: float = within(20.0, 1.0, 200.0, "cm", "distance of the planes")
    strip: float = within(10.0, 0.1, 50.0, "cm", "width of a strip")
    fluctuation: float = within(0.1, 0.0, 0.2, what="width of Moyal's distribution over the most probable deposit")
    gain: float = within(1.0, 0.5, 2.0, what="factor on all measured deposits", stage="response")

    def __post_init__(self) -> None:
        check_settings(self)
