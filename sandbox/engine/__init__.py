"""Finds or builds the pulumi CLI, and hosts the language where a CLI was built without."""
