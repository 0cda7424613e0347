import pytest

from easel.domain.sampling import Sampler
from easel.gateway.dialects.modelslab.schedulers import SCHEDULERS, choose, wire_name


@pytest.mark.parametrize("sampler", Sampler)
def test_every_sampler_has_a_name_on_the_wire(sampler: Sampler) -> None:
    """Fails for a new sampler until SCHEDULERS (or STOCHASTIC) knows it."""
    assert wire_name(sampler) in SCHEDULERS


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_every_name_gets_a_sampler_and_a_word_when_it_is_not_its_own(scheduler: str) -> None:
    choice = choose(scheduler, None)
    assert choice.sampler is not None
    assert (choice.warning is None) == (wire_name(choice.sampler) == scheduler)


def test_the_documented_eighteen_are_known() -> None:
    assert len(SCHEDULERS) == 18


def test_nothing_said_is_the_models_own() -> None:
    assert choose(None, None).sampler is None


def test_an_unknown_name_falls_back_and_says_so() -> None:
    choice = choose("MagicScheduler", None)
    assert choice.sampler is None
    assert choice.warning == "scheduler MagicScheduler is not known here; the model's own was used."


def test_three_pluses_ask_for_the_stochastic_kind() -> None:
    choice = choose("DPMSolverMultistepScheduler", "dpmsolver+++")
    own = "dpmpp_2m_sde" in frozenset(Sampler)
    assert choice.sampler == ("dpmpp_2m_sde" if own else Sampler.DPMPP_2M)
    assert own or "algorithm_type dpmsolver+++ is not available" in (choice.warning or "")
