"""Random edits of a stack's settings, from a seed; each says in a word what it does."""

import random
from collections.abc import Callable
from typing import Any

Config = dict[str, Any]
ZONES = ("use1-az1", "use1-az2", "use1-az4", "use1-az6")


def first(config: Config, dice: random.Random) -> None:
    """Make a valid first configuration: zones, mode, spares."""
    zones = dice.sample(ZONES, dice.randint(1, 2))
    config["network"]["zones"] = zones
    slots = {f"{zone}/1": {"role": "active"} for zone in zones}
    for zone in zones:
        if dice.random() < 0.5:
            slots[f"{zone}/2"] = {"role": "spare"}
    config["egress"] = {"addresses": slots}
    if dice.random() < 0.3:
        config["egress"] |= {"mode": "single", "gatewayZone": zones[0]}


def _slots(config: Config) -> dict[str, Any]:
    slots: dict[str, Any] = config["egress"]["addresses"]
    return slots


def add_zone(config: Config, dice: random.Random) -> None:
    free = [zone for zone in ZONES if zone not in config["network"]["zones"]]
    if free:
        zone = dice.choice(free)
        config["network"]["zones"].append(zone)
        _slots(config)[f"{zone}/1"] = {"role": "active"}


def drop_zone(config: Config, dice: random.Random) -> None:
    zone = dice.choice(config["network"]["zones"])
    config["network"]["zones"].remove(zone)
    for slot in [slot for slot in _slots(config) if slot.startswith(f"{zone}/")]:
        del _slots(config)[slot]


def permute(config: Config, dice: random.Random) -> None:
    dice.shuffle(config["network"]["zones"])
    config["egress"]["addresses"] = dict(dice.sample(sorted(_slots(config).items()), len(_slots(config))))


def other_mode(config: Config, dice: random.Random) -> None:
    egress = config["egress"]
    if egress.pop("gatewayZone", None):
        egress.pop("mode")
    else:
        egress |= {"mode": "single", "gatewayZone": dice.choice(config["network"]["zones"])}


def merchants(config: Config, dice: random.Random) -> None:
    if len(config["merchants"]) > 1 and dice.random() < 0.5:
        config["merchants"].pop()
    else:
        number = dice.randint(10, 99)
        config["merchants"].append(
            {
                "name": f"acme-{number}",
                "integrationId": f"UP-{number}",
                "legalEntity": "Acme",
                "testOrder": "air",
            }
        )


def tags(config: Config, dice: random.Random) -> None:
    config["tags"] = {f"tag{dice.randint(0, 3)}": "value"}


def names(config: Config, dice: random.Random) -> None:
    if dice.random() < 0.5:
        config["contacts"]["owner"] = f"owner{dice.randint(0, 9)}@acme.example"
    else:
        config["environment"] = "renamed"


def spare(config: Config, dice: random.Random) -> None:
    zone = dice.choice(config["network"]["zones"])
    _slots(config)[f"{zone}/{dice.randint(2, 3)}"] = {"role": "spare"}


def drop_slot(config: Config, dice: random.Random) -> None:
    del _slots(config)[dice.choice(sorted(_slots(config)))]


def move(config: Config, dice: random.Random) -> None:
    """Make a spare of a zone active, mostly as one should."""
    spares = [slot for slot, entry in sorted(_slots(config).items()) if entry["role"] == "spare"]
    if not spares:
        return
    chosen = dice.choice(spares)
    zone = chosen.partition("/")[0]
    old = [slot for slot, one in _slots(config).items() if slot.startswith(zone) and one["role"] == "active"]
    for slot in old:
        _slots(config)[slot]["role"] = "spare"
    _slots(config)[chosen]["role"] = "active"
    if dice.random() < 0.8:
        config["egress"]["replace"] = old


def replaced(config: Config, dice: random.Random) -> None:
    if config["egress"].pop("replace", None) is None:
        config["egress"]["replace"] = [dice.choice(sorted(_slots(config)))]


def adopt(config: Config, dice: random.Random, foreign: Callable[[], str]) -> None:
    zone = dice.choice(config["network"]["zones"])
    number = dice.randint(1, 4)
    entry = _slots(config).setdefault(f"{zone}/{number}", {"role": "spare"})
    entry["allocation"] = foreign()


def cidr(config: Config, dice: random.Random) -> None:
    config["network"]["cidr"] = f"10.{dice.randint(65, 99)}.0.0/16"


def protect(config: Config, dice: random.Random) -> None:
    config["protect"] = not config.get("protect", True)


PLAIN = (
    add_zone,
    add_zone,
    drop_zone,
    permute,
    other_mode,
    merchants,
    tags,
    names,
    spare,
    spare,
    drop_slot,
    move,
    move,
    move,
    replaced,
    replaced,
    cidr,
    protect,
)


def edit(config: Config, dice: random.Random, foreign: Callable[[], str]) -> str:
    """Change the settings in one way; returns its name."""
    if dice.random() < 0.08:
        adopt(config, dice, foreign)
        return "adopt"
    chosen = dice.choice(PLAIN)
    chosen(config, dice)
    return chosen.__name__
