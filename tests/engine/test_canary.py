"""Wherever the whole story may have left a secret or a token, there is none."""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

import pytest

from tests.engine.story import Story

pytestmark = pytest.mark.engine

TOKEN = re.compile(r"(?<![\w/+=-])[A-Za-z0-9_-]{64}(?![\w/+=-])")
"""What the partner's tokens look like: 48 random bytes as base64url."""
CIPHERTEXT = re.compile(r"v1:[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+")
"""What the engine encrypted with the stack's own key; by chance it looks like a token."""


def forms(secret: str) -> set[str]:
    """Return the secret raw, as base64 and base64url in any position, and percent-encoded."""
    raw = secret.encode()
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), json.dumps(secret)[1:-1]}
    for shift in range(3):
        encoded = base64.b64encode(b"?" * shift + raw).decode()
        # the characters at either end also hold bits of the neighbours
        inside = encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        found |= {inside, inside.replace("+", "-").replace("/", "_")}
    return found


def tokens_in(text: str) -> list[str]:
    """Return what looks like a token; digests and names have no mixture of cases and digits."""
    mixed = (re.compile("[a-z]"), re.compile("[A-Z]"), re.compile("[0-9]"))
    return [one for one in TOKEN.findall(CIPHERTEXT.sub("", text)) if all(kind.search(one) for kind in mixed)]


def leaks(texts: Iterable[tuple[str, str]], secrets: Iterable[str]) -> list[str]:
    """Return the names of the texts that hold a secret or something that looks like a token."""
    wanted = {form for secret in secrets for form in forms(secret)}
    return [name for name, text in texts if tokens_in(text) or any(form in text for form in wanted)]


def left_behind(story: Story) -> Iterator[tuple[str, str]]:
    """Everything the story wrote or showed, but for the insides of the two stand-ins."""
    outside = ("aws.state", "partner")
    for path in story.project.folder.rglob("*"):
        parts = path.relative_to(story.project.folder).parts
        within = parts[0] in (".venv", "stacks", "onboarding") and not path.name.startswith("Pulumi.")
        within = within or path.name == "pulumi"  # the engine itself
        if path.is_file() and not within and not (parts[0] == ".sandbox" and parts[1].startswith(outside)):
            yield str(path), path.read_bytes().decode("utf-8", "replace")
    yield "the demo's output", story.first.output
    yield "the stack's state", story.project.pulumi("stack", "export", "--show-secrets").stdout
    yield from (("arguments of a process", line) for line in story.arguments)


def issued(story: Story) -> set[str]:
    """Return every client secret in the store."""
    client = story.project.client("secretsmanager")
    texts = [
        client.get_secret_value(SecretId=one["secretArn"])["SecretString"]
        for one in story.project.outputs()["merchants"].values()
    ]
    return {json.loads(text)["client_secret"] for text in texts}


def test_no_secret_and_no_token_is_left_anywhere(story: Story) -> None:
    secrets = issued(story)
    assert len(secrets) == 2
    searched = list(left_behind(story))
    for place in (".sandbox/backend", "allowlist/sandbox.yaml", ".sandbox/logs/aws.log", ".flexpay/proof"):
        assert any(place in name for name, _ in searched), f"{place} was not searched"
    for place in (".sandbox/verify.json", ".sandbox/verify.html", ".sandbox/submissions", "pulumi/logs"):
        assert any(place in name for name, _ in searched), f"{place} was not searched"
    assert any("credentials put" in line for line in story.arguments), "the intake was not looked at"
    assert leaks(searched, secrets) == []


def test_the_search_finds_what_is_there(story: Story) -> None:
    (secret, *_) = issued(story)
    call = base64.b64encode(f"some-client:{secret}".encode()).decode()
    planted = {
        "raw": f"x{secret}x",
        "header": f"Authorization: Basic {call}",
        "percent": f"client_secret={quote_plus(secret)}",
        "token": '{"access_token": "Zb3_' + "a1-B" * 15 + '"}',
    }
    assert leaks(planted.items(), [secret]) == list(planted)
    assert leaks([("digest", "ab12" * 16)], [secret]) == []


def test_what_the_stand_ins_keep_is_for_their_owner_alone(story: Story) -> None:
    state = story.project.world.state
    assert state.stat().st_mode & 0o077 == 0
    kept = [*state.glob("aws.state*"), *(path for path in (state / "partner").rglob("*") if path.is_file())]
    assert len(kept) >= 5
    assert [str(path) for path in kept if path.stat().st_mode & 0o077] == []
