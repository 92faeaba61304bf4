"""A second opinion on outputs, that shares no code with what wrote them (docs/decisions/0006)."""

from scanward.crosscheck.compare import compare
from scanward.crosscheck.report import CrosscheckReport, Finding, Kind, Severity

__all__ = ["CrosscheckReport", "Finding", "Kind", "Severity", "compare"]
