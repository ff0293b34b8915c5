"""Models that serve every dataset. Importing this room does not load torch; building a model does."""

from pd4ml.models.registry import ModelInputs, available, build, register

__all__ = ["ModelInputs", "available", "build", "register"]
