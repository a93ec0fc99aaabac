"""Adapter: getting a released address back, giving one up, and how many the account may have."""

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any

from botocore.exceptions import ClientError

from onboarding.aws.errors import asking_aws, code_of
from onboarding.errors import CannotTell, Finding
from stacks.contract import TAG_ENVIRONMENT, TAG_SLOT

ADDRESS_QUOTA = ("ec2", "L-0263D0A3")
"""Service Quotas code of "EC2-VPC Elastic IPs" (AWS default: 5 per region)."""
_TOO_LATE = frozenset(
    {
        "InvalidAddress.NotFound",
        "InvalidAddressID.NotFound",
        "InvalidAddress.Unavailable",
        "AddressNotRecoverable",
        "InvalidParameterValue",
    }
)
_GONE = frozenset({"InvalidAllocationID.NotFound", "InvalidAddressID.NotFound", "InvalidAddress.NotFound"})


class AllocationKeeper:
    """Changes allocations; ``client`` is a boto3 ``ec2`` client made with ``attempts=1``.

    One attempt, because an answer that was lost must be looked up and not asked for again.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def get_back(self, address: IPv4Address, *, environment: str, slot: str) -> str:
        """Allocate exactly this address again and tag it; return its allocation ID.

        AWS gives an address back only to the account that released it, and only until somebody
        else got it (EC2 AllocateAddress, ``Address``). Raises Finding when it is too late or the
        quota is used up, CannotTell when AWS gave another address or no usable answer.
        """
        with asking_aws(f"address {address}", permission="ec2:AllocateAddress"):
            try:
                made = self._client.allocate_address(
                    Domain="vpc",
                    Address=str(address),
                    TagSpecifications=[
                        {"ResourceType": "elastic-ip", "Tags": _tags(environment=environment, slot=slot)}
                    ],
                )
            except ClientError as error:
                raise self._judged(error, address) from error
        if made["PublicIp"] != str(address):
            raise CannotTell(
                f"asked for {address}, AWS allocated {made['PublicIp']} ({made['AllocationId']}) instead",
                hint=f"it costs money: `aws ec2 release-address --allocation-id {made['AllocationId']}`",
            )
        return str(made["AllocationId"])

    @staticmethod
    def _judged(error: ClientError, address: IPv4Address) -> Exception:
        code = code_of(error)
        if code in _TOO_LATE:
            return Finding(
                f"{address} cannot be had back: AWS has given it to somebody else, or it was never this "
                f"account's in this region ({code})",
                hint=f"have the partner remove it at once (`allowlist draft --remove {address}`), and "
                "submit another address for its slot",
            )
        if code == "AddressLimitExceeded":
            return Finding(
                f"{address}: the account's quota of addresses is used up", hint="raise quota L-0263D0A3 first"
            )
        return error

    def tag(self, allocation_id: str, *, environment: str, slot: str) -> None:
        """Put the tags on by which an address is found again."""
        with asking_aws(f"tags of {allocation_id}", permission="ec2:CreateTags"):
            self._client.create_tags(
                Resources=[allocation_id], Tags=_tags(environment=environment, slot=slot)
            )

    def release(self, allocation_id: str) -> None:
        """Give an address up for good; one that is gone already is no error.

        Raises Finding when AWS says that it is in use.
        """
        with asking_aws(f"address {allocation_id}", permission="ec2:ReleaseAddress"):
            try:
                self._client.release_address(AllocationId=allocation_id)
            except ClientError as error:
                if code_of(error) in _GONE:
                    return
                if code_of(error) == "InvalidIPAddress.InUse":
                    raise Finding(
                        f"{allocation_id} is in use, so AWS does not release it",
                        hint="take away the gateway or interface that has it first",
                    ) from error
                raise


class QuotaReader:
    """Reads quotas; ``client`` is a boto3 ``service-quotas`` client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def value(self, service: str, code: str) -> int:
        """Return the quota in force in the client's region."""
        with asking_aws(f"quota {code}", permission="servicequotas:GetServiceQuota"):
            answer: Mapping[str, Any] = self._client.get_service_quota(ServiceCode=service, QuotaCode=code)
        return int(answer["Quota"]["Value"])


def _tags(*, environment: str, slot: str) -> list[dict[str, str]]:
    return [{"Key": TAG_ENVIRONMENT, "Value": environment}, {"Key": TAG_SLOT, "Value": slot}]
