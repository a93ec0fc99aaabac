"""Names and JSON shape of the stack outputs: the contract between the program and its readers.

Standard library only, because both sides import it. A field that is removed or changes its
meaning raises CONTRACT_VERSION; a field that is added does not, since readers ignore what they
do not know.
"""

from typing import Literal, NotRequired, TypedDict

CONTRACT_VERSION = 1

TAG_ENVIRONMENT = "flexpay:environment"
"""On every resource that can carry tags: which environment it belongs to."""
TAG_SLOT = "flexpay:slot"
"""On every address: the permanent slot it fills; an address is found again by these two tags."""
TAG_STACK = "flexpay:stack"
"""On every address: the stack that manages it, from which no other stack takes it over by its tags."""

VERIFIER_TIMEOUT_SECONDS = 300
"""Longest run of a verifier function; whoever invokes one waits longer, so as never to repeat it."""
VERIFIER_METRICS = "FlexPay/Verifier"
"""CloudWatch namespace of scheduled proofs."""
PROOF_PREFIX = "proofs/"
"""Below it every object of the proof bucket is a proof, and functions may write nowhere else."""


def secret_name(environment: str, merchant: str) -> str:
    """Return the fixed name of a merchant's secret, e.g. ``flexpay/production/acme-air``."""
    return f"flexpay/{environment}/{merchant}"


class PartnerOutput(TypedDict):
    """Where the partner is reached."""

    serverUrl: str
    checkoutPrefix: str
    orders: Literal["test", "real"]
    caBundle: str | None
    echo: list[str]


class ContactsOutput(TypedDict):
    """Who answers for the submission."""

    legalEntity: str
    owner: str
    security: str


class EgressAddressOutput(TypedDict):
    """One address; ``role`` is active only while it carries traffic."""

    slot: str
    zone: str
    address: str
    allocationId: str | None
    natGatewayId: str | None
    role: Literal["active", "spare"]
    owner: NotRequired[str]
    purpose: NotRequired[str]


class MerchantOutput(TypedDict):
    """One merchant; its secret holds exactly ``{"client_id": …, "client_secret": …}``."""

    secretName: str
    secretArn: str
    integrationId: str
    legalEntity: str
    testOrder: str


class StackOutputs(TypedDict):
    """Everything a stack exports."""

    contractVersion: int
    environment: str
    region: str
    accountId: str
    partner: PartnerOutput
    contacts: ContactsOutput
    vpcId: str | None
    egressAddresses: list[EgressAddressOutput]
    egressByZone: dict[str, str | None]
    """Zone ID → slot its private subnets leave through; null: they have no default route."""
    privateSubnets: dict[str, str]
    routeTables: dict[str, str]
    merchants: dict[str, MerchantOutput]
    kmsKeyArn: str | None
    readerPolicyArn: str | None
    readerPolicyDocument: NotRequired[str]
    """Where secrets.readers names roles of other accounts: the identity policy, as JSON, that the
    owners of those roles attach there."""
    verifierFunctions: dict[str, str]
    controlFunction: str | None
    proofBucket: str | None
