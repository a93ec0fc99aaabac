"""Intake, staging, promotion and rollback of partner credentials."""
