"""The exchange for a partner who encrypts: the request they get, and the answer they send. Pure."""

import base64
import binascii
import hashlib
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime

LARGEST_ANSWER = 512
"""Bytes: one block of a 4096 bit key."""
OPENSSL_OPTIONS = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256"


@dataclass(frozen=True)
class Request:
    """What the partner needs to know to answer."""

    environment: str
    merchant: str
    legal_entity: str
    integration_id: str
    public_key: bytes
    """DER, SubjectPublicKeyInfo."""
    at: datetime

    @property
    def file_name(self) -> str:
        """The name the openssl line expects."""
        return f"flexpay-{self.environment}-{self.merchant}.request.txt"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER form, in hex: what openssl prints for it."""
        return hashlib.sha256(self.public_key).hexdigest()


def alias_of(environment: str, merchant: str) -> str:
    """Return the KMS alias of the key that answers for a merchant are encrypted for."""
    return f"alias/flexpay-intake-{environment}-{merchant}"


def encrypt_line(request: Request) -> str:
    """Return the command that encrypts what is typed into it."""
    return f"openssl pkeyutl -encrypt -pubin -inkey {request.file_name} {OPENSSL_OPTIONS} | openssl base64"


def fingerprint_line(request: Request) -> str:
    """Return the command that shows the fingerprint."""
    return f"openssl pkey -pubin -in {request.file_name} -outform DER | openssl dgst -sha256"


def render(request: Request) -> str:
    """Return the text file: it is also the key file of the openssl line, which skips the text."""
    pem = "\n".join(textwrap.wrap(base64.b64encode(request.public_key).decode(), 64))
    return f"""\
Request for Flex Pay client credentials
=======================================
merchant      {request.merchant} ({request.legal_entity})
integration   {request.integration_id}
environment   {request.environment}
date          {request.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC

Please encrypt the client ID and the client secret with the key below. The private half of the key
was made inside a key management service (AWS KMS) and cannot leave it, so nobody can read your
answer on the way, and it may travel by e-mail or ticket. OpenSSL 1.1.1 or newer is needed.

1. Save this text as {request.file_name}

2. Make sure that the key is ours: run

   {fingerprint_line(request)}

   and compare with us, by telephone or another way that this text did not take:

   {request.fingerprint}

3. Run

   {encrypt_line(request)}

   type or paste this as one line, with the two values filled in, and end with Enter and Ctrl-D:

   {{"client_id": "...", "client_secret": "..."}}

4. Send us the lines of letters and digits that it prints.

-----BEGIN PUBLIC KEY-----
{pem}
-----END PUBLIC KEY-----
"""


def parse_answer(text: str) -> bytes:
    """Return the cipher text of an answer: base64, wrapped or not, lines quoted by mail programs or not.

    Raises ValueError with the reason.
    """
    bare = "".join(line.lstrip("> \t") for line in text.splitlines()).replace(" ", "").replace("\t", "")
    if not bare:
        raise ValueError("empty")
    try:
        answer = base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64; send only what `openssl base64` printed") from None
    if len(answer) != LARGEST_ANSWER:
        raise ValueError(f"{len(answer)} bytes long, where {LARGEST_ANSWER} are expected; was it cut?")
    return answer
