"""Addresses, ledger, submission and reconciliation: decisions only, no input or output."""
