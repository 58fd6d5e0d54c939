"""Which of several readings is believed."""

import pytest

from asr.rescoring import Candidate, Rescorer, Weights

pytestmark = pytest.mark.unit

HEARD = (Candidate("老板拖欠工子", -0.30), Candidate("老板拖欠工资", -0.35), Candidate("老板托欠工资", -0.60))


class Lawyer:
    """Likes wages."""

    def score(self, text: str) -> float:
        return -1.0 * len(text) if "拖欠工资" in text else -3.0 * len(text)


def test_without_weights_the_first_is_believed() -> None:
    plain = Rescorer(Weights(), Lawyer(), ("工资",))
    assert not plain.active
    assert plain.best(HEARD) == 0


def test_a_language_model_changes_the_order() -> None:
    rescorer = Rescorer(Weights(language=0.1), Lawyer())
    assert rescorer.active
    assert rescorer.best(HEARD) == 1


def test_hot_words_change_it_too_and_cover_each_character_once() -> None:
    rescorer = Rescorer(Weights(hot=0.3), None, ("工资", "拖欠工资", ""))
    assert rescorer.active
    assert rescorer.best(HEARD) == 1
    assert rescorer.score(Candidate("工资", -0.5)) == pytest.approx(-0.2)


def test_a_model_that_has_no_weight_is_not_asked() -> None:
    assert not Rescorer(Weights(language=0.5), None).active
    assert not Rescorer(Weights(hot=0.5), None, ()).active
    with pytest.raises(ValueError, match="empty"):
        Rescorer(Weights()).best(())
