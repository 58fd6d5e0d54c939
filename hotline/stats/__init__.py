"""Rows for reports and exports."""
