"""Reports, made only from records."""

from pd4ml.report.table import format_measurement, to_json, to_markdown, to_text

__all__ = ["format_measurement", "to_json", "to_markdown", "to_text"]
