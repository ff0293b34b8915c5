"""The published reference model of TopTagging: ParticleNet (arXiv:1902.08570, used in arXiv:2107.00656).

The network serves every dataset with coordinates and lies among the shared models; what belongs to jets, the
numbers of delta_eta and delta_phi among the features, is in this room's recipes. This module imports torch; it is
imported when a model is built.
"""

from pd4ml.models.particle_net import ParticleNet

__all__ = ["ParticleNet"]
