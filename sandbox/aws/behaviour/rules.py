"""How a rule takes the place of a method of moto's."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

_MISSING = object()


@dataclass(frozen=True)
class Rule:
    """One method of moto's with AWS's behaviour instead of its own."""

    owner: Any
    """Class of moto's that has the method."""
    name: str
    function: Callable[..., Any]
    """Called with the original (None where moto has no such method) before the method's own arguments."""
    kind: str = "method"
    """``method``, or ``property`` where the attribute is one."""

    @property
    def id(self) -> str:
        """Class and attribute: ``NatGateway.state``."""
        return f"{self.owner.__name__}.{self.name}"


class Rules(list[Rule]):
    """Collects the rules of one module: ``@RULES.replaces(SomeClass)`` above a function of the same name."""

    def replaces(self, owner: Any, name: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the function below for a method of ``owner``."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.append(Rule(owner, name or function.__name__, function))
            return function

        return register

    def property(self, owner: Any, name: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the function below as a property of ``owner``; assignments land in ``__dict__``."""

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.append(Rule(owner, name or function.__name__, function, kind="property"))
            return function

        return register


_originals: dict[str, Any] = {}


def install_rules(rules: Iterable[Rule], without: frozenset[str] = frozenset()) -> None:
    """Put rules in force and take those named by ``without`` out of force; repeating is harmless."""
    rules = list(rules)
    if unknown := without - {rule.id for rule in rules}:
        raise ValueError(f"no such rules: {sorted(unknown)}")
    for rule in rules:
        original = _originals.setdefault(rule.id, rule.owner.__dict__.get(rule.name, _MISSING))
        if rule.id not in without:
            setattr(rule.owner, rule.name, _replacement(rule, original))
        elif original is not _MISSING:
            setattr(rule.owner, rule.name, original)
        elif rule.name in rule.owner.__dict__:
            delattr(rule.owner, rule.name)


def _replacement(rule: Rule, original: Any) -> Any:
    if rule.kind == "property":
        return _Computed(rule.name, rule.function)
    before = None if original is _MISSING else original

    @functools.wraps(rule.function)
    def method(*args: Any, **kwargs: Any) -> Any:
        return rule.function(before, *args, **kwargs)

    return method


class _Computed:
    """A property whose assigned value stays in the instance, where the function finds it."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name = name
        self._function = function

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else self._function(instance)

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self._name] = value
