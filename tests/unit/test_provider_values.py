"""Unknowns, secrets, assets and archives on their way from the engine and back."""

from __future__ import annotations

from typing import Any

import pulumi.runtime.rpc as sdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.aws.provider import values
from sandbox.aws.provider.protocol import provider
from sandbox.aws.provider.values import UNKNOWN, Archive, Asset, Secret, decode, encode, plain

texts = st.text(max_size=8)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | texts
    | st.just(UNKNOWN)
    | st.builds(Asset, st.just("text"), texts.filter(bool), texts)
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts, inner, max_size=3)
        | st.builds(Secret, inner)
        | st.builds(
            Archive,
            st.just("assets"),
            st.dictionaries(
                texts, st.builds(Asset, st.just("text"), texts.filter(bool), texts), min_size=1, max_size=2
            ),
            texts,
        )
    ),
    max_leaves=8,
)
properties = st.dictionaries(texts, anything.filter(lambda value: value is not None), max_size=4)


@given(properties)
def test_everything_survives_a_round_trip(given_properties: dict[str, Any]) -> None:
    wire = encode(given_properties).SerializeToString()
    struct = provider.CheckRequest(news=type(encode({})).FromString(wire)).news
    assert decode(struct) == given_properties


@given(properties)
def test_plain_values_hold_no_secret_and_lose_nothing_else(given_properties: dict[str, Any]) -> None:
    bare = plain(given_properties)
    assert not values.has_secret(bare)
    assert values.has_unknown(bare) is values.has_unknown(given_properties)
    assert plain(bare) == bare


@given(st.text(min_size=1, max_size=20), properties)
def test_every_text_below_a_secret_mark_is_known_for_redaction(text: str, others: dict[str, Any]) -> None:
    assert text in values.secret_texts({**others, "x": Secret({"deep": [text]})})
    assert values.secret_texts({"x": [text, {"y": text}]}) == frozenset()


def test_the_markers_are_those_of_the_sdk() -> None:
    marked = encode({"secret": Secret("s"), "unknown": UNKNOWN})
    theirs = sdk.deserialize_properties(marked, keep_unknowns=True)
    assert sdk.is_rpc_secret(theirs["secret"])
    assert sdk.unwrap_rpc_secret(theirs["secret"]) == "s"
    assert type(theirs["unknown"]).__name__ == "Unknown"


def test_a_secret_does_not_show_itself() -> None:
    assert "hush" not in repr(Secret("hush"))
    assert "hush" not in f"{ ({'a': [Secret('hush')]}) }"


def test_an_output_value_is_understood_though_never_asked_for() -> None:
    mark = {values.SIGNATURE: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    assert decode(encode({"a": {**mark, "value": "x", "secret": True}, "b": dict(mark)})) == {
        "a": Secret("x"),
        "b": UNKNOWN,
    }


def test_a_marker_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown property marker nonsense"):
        decode(encode({"a": {values.SIGNATURE: "nonsense"}}))
