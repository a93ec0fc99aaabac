"""The onboarding toolkit: submission, bookkeeping, credentials and proof. Never imports pulumi."""

__version__ = "0.1.0"
"""The same as in pyproject.toml; here, because the toolkit also runs where it is not installed."""
