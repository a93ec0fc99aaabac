"""Fixtures of the loopback tier."""

from tests.loopback.aws_standin import aws, standin

__all__ = ["aws", "standin"]
