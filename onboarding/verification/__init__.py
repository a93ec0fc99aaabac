"""Checks as data, the runner, and reports."""
