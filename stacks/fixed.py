"""What a deployed stack cannot change any more; pure.

Each of these would have the engine replace half of the stack before it meets the first protected
resource, or look for addresses in a place where they are not.
"""

from stacks.adoption import Refused
from stacks.facts import Managed
from stacks.model import StackConfig
from stacks.schema import EgressMode


def refuse_moves(config: StackConfig, managed: Managed) -> None:
    """Compare the settings with what the stack was deployed as. Raises Refused with every difference."""
    settings = config.settings
    problems = []
    for key, then, now, why in (
        (
            "environment",
            managed.environment,
            settings.environment,
            "it is part of names, tags and the ledger",
        ),
        ("aws:region", managed.region, config.region, "addresses do not move between regions"),
        ("aws:allowedAccountIds", managed.account_id, config.account_id, "state and account belong together"),
    ):
        if then not in (None, now):
            problems.append(
                f"{key}: {now}, but this stack was deployed with {then}, and {why}; make another stack "
                "(docs/runbooks says how an environment moves)"
            )
    cidr = settings.network.cidr
    if settings.egress.mode is not EgressMode.EXTERNAL and managed.cidr and cidr and managed.cidr != cidr:
        problems.append(
            f"network.cidr: {cidr}, but the VPC has {managed.cidr}; AWS does not change it, and a new VPC "
            "would replace every gateway under its traffic. Make another stack, and adopt the addresses there"
        )
    if managed.iam_path not in (None, settings.iam.path):
        problems.append(
            f"iam.path: {settings.iam.path}, but this stack was deployed with {managed.iam_path}, and IAM "
            "moves nothing: the policies by which your services read credentials would be replaced, and "
            "roles would be gone before the first of those policies stops the update. Set it back"
        )
    if problems and settings.protect:
        raise Refused("\n".join(problems))
