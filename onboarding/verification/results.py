"""Results as they come in, found by check and merchant without looking through all of them."""

from collections.abc import Iterator, Sequence
from typing import overload

from onboarding.verification.model import Result, Subject


class Results(Sequence[Result]):
    """A list of results with an index: a run of 200 merchants has thousands."""

    def __init__(self) -> None:
        self._all: list[Result] = []
        self._index: dict[tuple[str, str | None], list[Result]] = {}

    def add(self, result: Result) -> None:
        """Append one."""
        self._all.append(result)
        self._index.setdefault((result.check, result.subject.merchant), []).append(result)
        if result.subject.merchant is not None:
            self._index.setdefault((result.check, ""), []).append(result)

    def about(self, check: str, subject: Subject) -> list[Result]:
        """Return the results of a check that bear on a subject."""
        found = list(self._index.get((check, None), ()))
        # "" holds those of every merchant, for subjects that are about none in particular
        found += self._index.get((check, subject.merchant or ""), ())
        return [result for result in found if result.subject.covers(subject)]

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | Sequence[Result]:
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._all)
