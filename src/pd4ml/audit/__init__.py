"""The audit of a dataset: leaks, duplicates, groups in two splits."""

from pd4ml.audit.audit import Audit, audit

__all__ = ["Audit", "audit"]
