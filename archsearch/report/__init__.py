"""A run as tables, figures, and one offline page."""

from archsearch.report.dashboard import page, write_report
from archsearch.report.of_run import report_run, summarise
from archsearch.report.page import ReportError
from archsearch.report.summary import Summary

__all__ = ["ReportError", "Summary", "page", "report_run", "summarise", "write_report"]
