"""The form without a script: what is ordered, what is refused, and what the page then shows."""

import re
from datetime import timedelta

from house import PNG, STARTER, House

from easel.accounts.sessions import LIFETIME
from easel.accounts.tables import Account
from easel.catalogue.queries import mark_installed, set_price
from easel.domain.money import Micros
from easel.generations.queries import get_view
from easel.jobs.states import JobState
from easel.kit.clock import SettableClock


def state(text: str) -> str:
    found = re.search(r'data-state="(\w+)"', text)
    assert found
    return found[1]


def test_an_order_is_placed_and_shown(house: House, ada: Account) -> None:
    house.sign_in(ada)
    answer = house.order(prompt="two stars", size="176x144", steps="7", guidance="5.5", samples="2", seed="9")
    assert state(answer.text) == "queued"
    assert "You are next." in answer.text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in answer.text
    with house.services.database.transaction() as session:
        request = get_view(session, house.clock, ada.id, int(answer.url.params["generation"])).request
    assert (request.prompt, request.width, request.height, request.steps) == ("two stars", 176, 144, 7)
    assert (request.guidance, request.samples, request.seed) == (5.5, 2, 9)


def test_what_becomes_of_a_picture_is_ordered_and_shown(house: House, ada: Account) -> None:
    house.sign_in(ada)
    answer = house.order(size="256x256", second_pass="yes", upscale="3", safety="pixelate", style="anime")
    with house.services.database.transaction() as session:
        request = get_view(session, house.clock, ada.id, int(answer.url.params["generation"])).request
    assert (request.width, request.drawn_size, request.output_size) == (128, (256, 256), (768, 768))
    assert request.extras.safety == "pixelate"
    assert "anime" in request.prompt
    for name, value in (("second_pass", "yes"), ("upscale", "3"), ("safety", "pixelate"), ("style", "")):
        select = answer.text.partition(f'<select id="{name}"')[2].partition("</select>")[0]
        assert re.findall(r'value="(\w*)" selected', select) == [value] * bool(value), name
    assert 'value="256x256" checked' in answer.text
    assert "$0.9953" in answer.text


def test_the_form_stays_as_it_was_typed(house: House, ada: Account) -> None:
    house.sign_in(ada)
    text = house.order(prompt="two stars", size="176x144", steps="7", samples="2", seed="9").text
    assert ">two stars</textarea>" in text
    assert 'value="176x144" checked' in text
    assert re.search(r'name="seed"[^>]*value="9"', text)
    assert re.search(r'name="samples" value="2" checked', text)
    assert re.search(r'name="seed"[^>]*value=""', house.order(prompt="one star").text)


def test_money_is_held_then_spent(house: House, ada: Account) -> None:
    house.sign_in(ada)
    assert "$0.9953" in house.order().text
    house.finish(house.start())
    assert "$0.9953" in house.browser.get(STARTER).text


def test_a_finished_picture_is_shown_with_all_about_it(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered(samples="2", seed="41")
    lease = house.start()
    assert state(house.browser.get(f"{STARTER}?generation={generation}").text) == "generating"
    house.finish(lease)
    text = house.browser.get(f"{STARTER}?generation={generation}").text
    assert state(text) == "done"
    assert "$0.0094" in text
    assert "2.0 s" in text
    assert "http-equiv" not in text
    for seed in (41, 42):
        assert f'download="easel-starter-{seed}.png"' in text
        assert f"seed={seed}" in text
    for address in re.findall(r'<img src="(/files/[^"]*)"', text):
        assert house.browser.get(address).content == PNG


def test_a_premium_picture_is_free(house: House, grace: Account) -> None:
    house.sign_in(grace)
    generation = house.ordered()
    house.finish(house.start())
    assert "data-cost>Free<" in house.browser.get(f"{STARTER}?generation={generation}").text


def test_a_failure_says_why_and_costs_nothing(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    house.fail(house.start(), "The <network> gave up; try another seed.")
    text = house.browser.get(f"{STARTER}?generation={generation}").text
    assert state(text) == "failed"
    assert "The &lt;network&gt; gave up; try another seed." in text
    assert "It cost nothing." in text
    assert "$1.00" in text


def test_a_waiting_picture_can_be_cancelled(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    answer = house.browser.post(f"/generations/{generation}/cancel", data={"csrf": house.csrf()})
    assert answer.url.path == STARTER
    assert state(answer.text) == "cancelled"
    assert "$1.00" in answer.text


def test_the_place_in_the_queue_is_told(house: House, ada: Account, grace: Account) -> None:
    house.sign_in(grace)
    house.ordered()
    house.sign_in(ada)
    assert "One request is ahead of you." in house.order().text


REFUSALS = (
    ({"prompt": ""}, "Prompt is required"),
    ({"prompt": "x" * 20_000}, "Prompt must be at most 10,000 characters long"),
    ({"prompt": "a\x00b"}, "Prompt must not contain control characters"),
    ({"steps": "0"}, "Steps must be between 1 and 100"),
    ({"steps": "many"}, "Steps must be a whole number"),
    ({"guidance": "nan"}, "Guidance must be between 1 and 20"),
    ({"guidance": "1e400"}, "Guidance must be between 1 and 20"),
    ({"seed": "-5"}, "Seed must be between 0 and 4294967295"),
    ({"samples": "5"}, "Pictures must be between 1 and 4"),
    ({"size": "130x128"}, "Size must be divisible by 16"),
    ({"size": "9999x128"}, "Size must be between 128 and 512"),
    ({"size": "640x640", "second_pass": "yes"}, "The second pass would be 640x640"),
    ({"safety": "everything"}, "Safety check must be one of those that can be chosen"),
    ({"upscale": "9"}, "Enlarge must be between 1 and 4"),
)


def test_a_refusal_stands_beside_its_field(house: House, ada: Account) -> None:
    house.sign_in(ada)
    for typed, sentence in REFUSALS:
        answer = house.order(**typed)
        assert answer.status_code == 422
        assert re.search(rf'class="error" id="problem-\w+" data-swap="problem-\w+">{re.escape(sentence)}', answer.text)
        assert "$1.00" in answer.text


def test_a_refused_field_is_marked(house: House, ada: Account) -> None:
    house.sign_in(ada)
    assert re.search(r'name="steps"[^>]*aria-invalid="true"', house.order(steps="many").text)


def test_a_refused_choice_is_marked_and_the_usual_one_checked(house: House, ada: Account) -> None:
    house.sign_in(ada)
    text = house.order(size="130x128", samples="9").text
    assert re.search(r'name="size" value="256x256" checked aria-describedby="problem-size" aria-invalid="true"', text)
    assert re.search(r'name="samples" value="1" checked aria-describedby="problem-samples"', text)


def test_a_refused_form_loaded_again_is_the_model_page(house: House) -> None:
    assert house.browser.get(f"{STARTER}/generations").url.path == STARTER


def test_an_empty_wallet_is_a_sentence(house: House, ada: Account) -> None:
    house.sign_in(ada)
    with house.services.database.transaction() as session:
        set_price(session, "easel-starter", Micros(2_000_000))
    answer = house.order(prompt="dear star")
    assert answer.status_code == 402
    assert ">dear star</textarea>" in answer.text
    assert re.search(r'role="alert"[^>]*>[^<]+<', answer.text)


def test_a_full_queue_is_a_sentence(house: House, ada: Account) -> None:
    house.sign_in(ada)
    for _ in range(5):
        house.ordered()
    answer = house.order()
    assert answer.status_code == 429
    assert "Maximum 5 queued requests" in answer.text


def test_markup_in_a_prompt_is_only_text(house: House, ada: Account) -> None:
    house.sign_in(ada)
    prompt = "</textarea><script>alert('x')</script>\"><img src=x onerror=alert(1)>"
    generation = house.ordered(prompt=prompt)
    house.finish(house.start())
    text = house.browser.get(f"{STARTER}?generation={generation}").text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert" in text


def test_a_form_of_another_site_orders_nothing(house: House, ada: Account) -> None:
    house.sign_in(ada)
    for csrf in ("", "guessed"):
        answer = house.order(csrf=csrf, prompt="stolen star")
        assert answer.status_code == 401
        assert "Press the button once more" in answer.text
        assert ">stolen star</textarea>" in answer.text
    assert "$1.00" in house.browser.get(STARTER).text


def test_an_ended_session_keeps_what_was_typed(house: House, ada: Account, clock: SettableClock) -> None:
    house.sign_in(ada)
    csrf = house.csrf()
    clock.advance(LIFETIME + timedelta(seconds=1))
    answer = house.order(csrf=csrf, prompt="late star")
    assert answer.status_code == 401
    assert ">late star</textarea>" in answer.text
    assert "Sign in again" in answer.text


def test_another_persons_generation_is_not_there(house: House, ada: Account, grace: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered(prompt="secret star")
    house.sign_in(grace)
    text = house.browser.get(f"{STARTER}?generation={generation}").text
    assert state(text) == "idle"
    assert "secret star" not in text
    assert house.browser.get(f"/generations/{generation}/events").status_code == 404
    answer = house.browser.post(f"/generations/{generation}/cancel", data={"csrf": house.csrf()})
    assert answer.status_code == 404
    with house.services.database.transaction() as session:
        assert get_view(session, house.clock, ada.id, generation).state is JobState.QUEUED


def test_another_models_generation_is_not_shown(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered(prompt="a lonely star")
    with house.services.database.transaction() as session:
        mark_installed(session, "stable-diffu", "a folder")
    text = house.browser.get(f"/models/modelslab/stable-diffu?generation={generation}").text
    assert state(text) == "idle"
    assert "a lonely star" not in text


def test_an_order_for_an_unknown_model_is_a_404(house: House, ada: Account) -> None:
    house.sign_in(ada)
    form = {"csrf": house.csrf(), "prompt": "a star"}
    assert house.browser.post("/models/easel/nothing/generations", data=form).status_code == 404


def test_an_order_for_a_model_that_is_not_installed_names_the_command(house: House, ada: Account) -> None:
    house.sign_in(ada)
    form = {"csrf": house.csrf(), "prompt": "a star"}
    answer = house.browser.post("/models/modelslab/stable-diffu/generations", data=form)
    assert answer.status_code == 422
    assert "easel models install stable-diffu" in answer.text
