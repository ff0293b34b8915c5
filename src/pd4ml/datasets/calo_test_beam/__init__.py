"""CaloTestBeam and CaloParticles: hits of a highly granular calorimeter in a test beam."""

from pd4ml.dataset import Dataset
from pd4ml.datasets.calo_test_beam.card import CARD, PARTICLE_CARD
from pd4ml.generation.simulator import Simulator

__all__ = ["CaloParticles", "CaloTestBeam"]

_COORDINATES = (1, 2, 3)  # x, y and layer among the features


class CaloTestBeam(Dataset):
    """Beam energy from the hits of a highly granular hadron calorimeter; see ``CaloTestBeam.card``."""

    card = CARD
    reference = "compensation_net"

    @classmethod
    def coordinates(cls) -> tuple[int, ...]:
        """x, y and layer of a hit."""
        return _COORDINATES


class CaloParticles(CaloTestBeam):
    """Electrons, muons and pions in the same calorimeter; see ``CaloParticles.card``."""

    card = PARTICLE_CARD

    @classmethod
    def simulator(cls) -> Simulator:
        """The same simulator with all three particles, wherever showers begin."""
        from pd4ml.datasets.calo_test_beam.simulator import PARTICLE_SIMULATOR

        return PARTICLE_SIMULATOR
