"""What several unit tests ask for by name."""

import pytest

from onboarding.credentials import versions


@pytest.fixture
def cheap_fingerprints(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make version IDs with the least scrypt: whether a guess is expensive is not the question here."""
    monkeypatch.setattr(versions, "SCRYPT_COST", 2)
