"""Adapter: every region of an environment, or why it gave no answer."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from onboarding.allowlist.network_view import RegionView
from onboarding.allowlist.own_egress import Place
from onboarding.aws.clients import Clients
from onboarding.aws.identity import CallerIdentity
from onboarding.aws.network import NetworkReader
from onboarding.errors import CannotTell

AT_ONCE = 8
"""Regions asked side by side; each gets the same few paginated questions."""


def read_views(clients: Clients, places: Iterable[Place]) -> tuple[dict[Place, RegionView], dict[Place, str]]:
    """Return the views of the places that answered, and for the others why they did not.

    One question to STS, then NetworkReader's questions once per region, whatever the number of
    addresses. Raises InputError when nobody is logged in to AWS.
    """
    wanted = sorted(set(places))
    if not wanted:
        return {}, {}
    try:
        account = CallerIdentity(clients.client("sts", wanted[0][1])).account_id()
    except CannotTell as error:
        return {}, dict.fromkeys(wanted, error.in_one_line())
    views: dict[Place, RegionView] = {}
    unanswered = {
        place: f"the AWS credentials in use belong to account {account}"
        for place in wanted
        if place[0] != account
    }
    asked = [place for place in wanted if place not in unanswered]
    readers = {place: NetworkReader(clients.client("ec2", place[1])) for place in asked}
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        answers = {
            place: pool.submit(readers[place].view, region=place[1], account_id=place[0]) for place in asked
        }
    for place, answer in answers.items():
        try:
            views[place] = answer.result()
        except CannotTell as error:
            unanswered[place] = error.in_one_line()
    return views, unanswered
