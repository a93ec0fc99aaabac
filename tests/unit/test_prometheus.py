import pytest

from onboarding.prometheus import exposition

MEANINGS = {"a_total": "How many.", "b_seconds": "How long."}


def test_samples_stand_together_under_their_metric_in_its_order() -> None:
    samples = [("b_seconds", {"x": "1"}, "2.5"), ("a_total", {}, "1"), ("b_seconds", {"x": "2"}, "3")]
    assert exposition(MEANINGS, samples) == (
        "# HELP a_total How many.\n# TYPE a_total gauge\na_total{} 1\n"
        '# HELP b_seconds How long.\n# TYPE b_seconds gauge\nb_seconds{x="1"} 2.5\nb_seconds{x="2"} 3\n'
    )


def test_labels_are_escaped_and_empty_ones_left_out() -> None:
    text = exposition(MEANINGS, [("a_total", {"x": 'a"b\\c\nd', "y": None, "z": ""}, "1")])
    assert text.splitlines()[-1] == 'a_total{x="a\\"b\\\\c\\nd"} 1'


def test_a_metric_without_samples_is_not_announced_and_an_unknown_one_is_an_error() -> None:
    assert "b_seconds" not in exposition(MEANINGS, [("a_total", {}, "1")])
    with pytest.raises(KeyError):
        exposition(MEANINGS, [("c", {}, "1")])
