"""The onboarding toolkit: submission, bookkeeping, credentials and proof. Never imports pulumi."""
