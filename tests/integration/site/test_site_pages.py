"""Pages for strangers: what is there, what is not, and what every page promises."""

import re
from html import unescape

from house import STARTER, House

from easel.accounts.tables import Account
from easel.catalogue.queries import find_model, mark_installed
from easel.site import assets
from easel.site.docs import articles

MODELS = (STARTER, "/models/modelslab/stable-diffu", "/models/modelslab/2-v1")
PUBLIC = (
    "/",
    "/models",
    "/models?q=easel&kind=checkpoint&page=9",
    "/models/modelslab",
    *MODELS,
    *(f"{model}/api" for model in MODELS),
    "/pricing",
    "/docs",
    *(article.path for article in articles().values()),
)
PAGES = (*PUBLIC, "/sign-in")


def test_pages_are_small_and_let_in_nothing_foreign(house: House) -> None:
    for path in PAGES:
        answer = house.browser.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert len(answer.content) < 80_000
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        # Nothing that such a policy would refuse is on the page.
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! type=\"module\" src=\"/static/)", answer.text)
        loaded = re.findall(r'(?:src|action|<link[^>]* href)="([^"]*)"', answer.text)
        assert all(link.startswith(("/", "data:image/webp;base64,")) for link in loaded), path
        links = re.findall(r'<a[^>]* href="([^"]*)"', answer.text)
        ours = ("/", "?", "#", *(("https://",) if path.startswith("/docs/") else ()))
        assert all(link.startswith(ours) for link in links), path


def test_everything_that_pages_name_is_there(house: House) -> None:
    texts = [house.browser.get(path).text for path in PAGES]
    for link in {link for text in texts for link in re.findall(r'(?:src|href)="(/[^"]*)"', text)}:
        assert house.browser.get(link).status_code == 200, link


def test_the_page_and_all_it_loads_stay_under_100_kb_before_pictures(house: House) -> None:
    page = house.browser.get(STARTER)
    parts = set(re.findall(r'(?:src|href)="(/static/[^"]*\.(?:css|js|svg))"', page.text))
    parts |= {assets.address(f"playground/{module.name}") for module in (assets.FOLDER / "playground").glob("*.js")}
    answers = [house.browser.get(part) for part in parts]
    assert {answer.status_code for answer in answers} == {200}
    # As they are on the wire: what is served as it is is compressed.
    assert len(page.content) + sum(int(answer.headers["content-length"]) for answer in answers) < 100_000


class TestAssets:
    def test_what_is_named_by_its_version_is_asked_for_once(self, house: House) -> None:
        answer = house.browser.get(assets.address("css/base+parts.css"))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"] == "text/css; charset=utf-8"
        assert answer.content == b"\n".join(
            (assets.FOLDER / f"css/{name}.css").read_bytes() for name in ("base", "parts")
        )

    def test_another_version_is_asked_for_again(self, house: House) -> None:
        for path in ("/static/css/base.css", f"/static/{'0' * 12}/css/base.css"):
            answer = house.browser.get(path, headers={"Accept-Encoding": "identity"})
            assert answer.headers["cache-control"] == "no-cache"
            assert answer.content == (assets.FOLDER / "css/base.css").read_bytes()
            again = house.browser.get(path, headers={"If-None-Match": answer.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")

    def test_pictures_are_kept_for_a_day_and_not_compressed(self, house: House) -> None:
        answer = house.browser.get("/static/showcase/heart.webp")
        assert answer.headers["cache-control"] == "public, max-age=86400"
        assert "content-encoding" not in answer.headers

    def test_nothing_else_is_served(self, house: House) -> None:
        for path in (
            "",
            "css",
            "css/none.css",
            "css/base+none.css",
            "../routes.py",
            f"{assets.version()}/../assets.py",
            "css/base+",
        ):
            assert house.browser.get(f"/static/{path}").status_code == 404, path
        assert house.browser.post(assets.address("css/base.css")).status_code == 405


def test_home_leads_to_the_models(house: House) -> None:
    text = house.browser.get("/").text
    assert "that you host yourself" in text
    for address in (STARTER, "/models/modelslab/stable-diffu", "/models/modelslab/2-v1"):
        assert f'href="{address}"' in text
    assert text.index(">Easel Starter<") < text.index(">Stable Diffusion 2.0<")


def test_the_model_page_says_what_the_model_is(house: House) -> None:
    text = house.browser.get(STARTER).text
    for said in (
        "Easel Starter",
        'by <a href="/models/easel">Easel</a>',
        "Apache-2.0",
        "Draws on a laptop CPU",
        "$0.0047 a picture",
        "no people",
    ):
        assert said in text


def test_a_stranger_is_told_how_to_sign_in(house: House) -> None:
    text = house.browser.get(STARTER).text
    assert "Sign in to generate" in text
    assert f"/login?then={STARTER.replace('/', '%2F')}" in text
    assert ">Generate</button>" not in text


def test_a_model_that_is_not_installed_names_the_command(house: House) -> None:
    text = house.browser.get("/models/modelslab/stable-diffu").text
    assert "easel models install stable-diffu" in text
    assert "<form" not in text


def test_an_adapter_that_is_not_installed_names_the_command(house: House) -> None:
    text = house.browser.get("/models/modelslab/2-v1").text
    assert "easel models install 2-v1 --from FILE" in text
    assert "<form" not in text


def test_an_adapter_that_no_checkpoint_fits_says_how_to_send_it(house: House) -> None:
    with house.services.database.transaction() as session:
        mark_installed(session, "2-v1", "/weights/2-v1.safetensors").family = "sdxl"
    text = house.browser.get("/models/modelslab/2-v1").text
    assert "<code>2-v1</code> as <code>lora_model</code>" in text
    assert "<form" not in text


def test_an_embedding_says_how_to_send_it(house: House) -> None:
    with house.services.database.transaction() as session:
        mark_installed(session, "2-v1", "/weights/2-v1.safetensors").kind = "embedding"
    text = house.browser.get("/models/modelslab/2-v1").text
    assert "<code>2-v1</code> as <code>embeddings_model</code>, or write it into the prompt" in text
    assert "<form" not in text
    assert house.browser.get("/models").status_code == 200


def test_an_adapter_is_drawn_with_on_its_own_page(house: House) -> None:
    with house.services.database.transaction() as session:
        mark_installed(session, "2-v1", "/weights/2-v1.safetensors").family = "sd2"
    text = house.browser.get("/models/modelslab/2-v1").text
    assert "Easel Starter" in text
    assert "<form" in text
    assert "&#34;model_id&#34;: &#34;2-v1&#34;" in text


def test_what_is_not_installed_is_called_so(house: House) -> None:
    text = house.browser.get("/models").text
    assert text.count("not installed</span>") == 2


def test_an_unknown_model_is_a_friendly_404(house: House) -> None:
    for path in ("easel/nothing", "modelslab/easel-starter", "easel/%00", "easel/%F0%9F%92%A9", "%3Cb%3E/x"):
        answer = house.browser.get(f"/models/{path}")
        assert answer.status_code == 404
        assert "The catalogue has no model" in answer.text
        assert "<b>" not in answer.text
        assert 'href="/models"' in answer.text


def test_an_unknown_address_is_a_friendly_404(house: House) -> None:
    for path in ("/nothing", "/generations/abc/events"):
        answer = house.browser.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 404
        assert "There is nothing at this address" in answer.text


def test_the_form_can_be_filled_by_a_link(house: House) -> None:
    text = house.browser.get(STARTER, params={"prompt": "<b>two</b> moons", "steps": "7", "size": "176x144"}).text
    assert "&lt;b&gt;two&lt;/b&gt; moons</textarea>" in text
    assert re.search(r'name="steps"[^>]*value="7"', text)
    assert re.search(r'value="176x144" checked', text)


def test_nonsense_in_the_address_is_harmless(house: House) -> None:
    nonsense = {
        "generation": "9" * 30,
        "size": "1e9x1",
        "steps": "<x>",
        "guidance": "nan",
        "samples": "-1",
        "seed": "'",
    }
    assert house.browser.get(STARTER, params=nonsense).status_code == 200


def test_one_of_each_choice_is_checked_whatever_the_address_says(house: House) -> None:
    text = house.browser.get(STARTER, params={"size": "1x1", "samples": "9"}).text
    assert 'value="256x256" checked' in text
    assert 'name="samples" value="1" checked' in text
    assert '"samples": 1' in unescape(text)


def test_texts_of_the_catalogue_are_escaped(house: House) -> None:
    with house.services.database.transaction() as session:
        model = find_model(session, "easel-starter")
        model.name, model.summary = "<script>name</script>", "a & b <i>"
    for path in ("/", "/models", STARTER):
        text = house.browser.get(path).text
        assert "&lt;script&gt;name" in text
        assert "<script>name" not in text
        assert "<i>" not in text


def test_a_visitors_name_and_money_are_shown(house: House, ada: Account) -> None:
    house.sign_in(ada)
    text = house.browser.get("/").text
    assert "Ada" in text
    assert "$1.00" in text


def test_a_plan_without_a_price_shows_no_balance(house: House, grace: Account) -> None:
    house.sign_in(grace)
    text = house.browser.get(STARTER).text
    assert "Premium" in text
    assert "$0.00<" not in text
    assert "Free on your Premium plan; $0.0047 a picture pay as you go" in text
