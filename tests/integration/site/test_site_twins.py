"""Every public page is Markdown as well, and says the same: both come from one view."""

import json
import re
from html import unescape
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from house import STARTER, House
from test_site_pages import MODELS, PUBLIC

from easel.accounts.tables import Account
from easel.billing.plans import PLANS
from easel.catalogue.queries import find_model

BASE = "http://easel.test"


def twin(path: str) -> str:
    path, mark, query = path.partition("?")
    return ("/index.md" if path == "/" else f"{path}.md") + mark + query


def read(text: str) -> tuple[dict[str, Any], str]:
    """The front matter, and what follows."""
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def words(text: str) -> str:
    """As one reads it, without tags or marks."""
    plain = unescape(re.sub(r"<[^>]*>", " ", re.sub(r"<(script|svg)\b.*?</\1>", " ", text, flags=re.S)))
    return " ".join(re.sub(r"\\([\\`*_\[\]<>|#])", r"\1", plain).split())


def test_every_page_has_a_twin_with_front_matter(house: House) -> None:
    for path in PUBLIC:
        answer = house.browser.get(twin(path))
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
        head, body = read(answer.text)
        assert head["canonical"] == BASE + path.partition("?")[0]
        assert head["url"] == BASE + twin(path).partition("?")[0]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(head["generated_at"]))
        assert all(head[name] for name in ("title", "description", "type", "component"))
        assert body.strip().startswith("# ")
        page = house.browser.get(path).text
        assert f"<title>{head['title']}</title>" in unescape(page)
        assert f'<link rel="alternate" type="text/markdown" href="{twin(path).partition("?")[0]}">' in page


def test_who_asks_for_markdown_gets_it_at_the_pages_own_address(house: House) -> None:
    for path in ("/", STARTER, f"{STARTER}/api", "/docs/errors"):
        asked = house.browser.get(path, headers={"Accept": "text/markdown, text/html;q=0.5"})
        assert asked.headers["content-type"].startswith("text/markdown")
        assert "Accept" in asked.headers["vary"]
        for accept in ("text/html,*/*;q=0.8", "text/markdown;q=0, */*", "text/markdown;q=x", ""):
            usual = house.browser.get(path, headers={"Accept": accept})
            assert usual.headers["content-type"].startswith("text/html")
            assert "Accept" in usual.headers["vary"]


@pytest.mark.parametrize("path", MODELS)
def test_page_and_twin_of_a_model_agree(house: House, path: str) -> None:
    whole = house.browser.get(path).text
    page, (_, text) = words(whole), read(house.browser.get(twin(path)).text)
    text = words(text)
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", whole)
    assert len(facts) > 5
    for _, value in facts:
        assert words(value) in text
    for said in ("$0.0047", "What does a picture cost?", "EASEL_API_KEY", "easel worker"):
        assert said in page
        assert said in text


def test_the_api_page_has_price_ranges_fields_and_an_example(house: House) -> None:
    page, (_, text) = house.browser.get(f"{STARTER}/api").text, read(house.browser.get(f"{STARTER}/api.md").text)
    for said in ("$0.0047", "text2img", "num_inference_steps", "import requests", "Fields"):
        assert said in page
        assert said in text


def test_the_fields_are_those_of_the_openapi_document(house: House) -> None:
    schema = house.browser.get("/openapi.json").json()["paths"]["/api/v6/images/text2img"]["post"]
    fields = schema["requestBody"]["content"]["application/json"]["schema"]["properties"]
    text = house.browser.get(f"{STARTER}/api.md").text
    assert len(fields) > 15
    assert all(f"| `{field}` |" in text for field in fields)


def test_the_example_of_a_twin_is_a_request_that_is_taken(house: House, grace: Account) -> None:
    house.sign_in(grace)
    made = house.send("/account/keys", name="agent", scopes=["generate", "read"]).text
    [key] = re.findall(r'id="secret">([^<]*)<', made)
    text = house.browser.get(f"{STARTER}.md").text
    body, *_ = re.findall(r"requests\.post\(\"[^\"]*\", json=(\{.*?\})\)", text, flags=re.S)
    answer = house.browser.post("/api/v6/images/text2img", json=json.loads(body) | {"key": key}).json()
    assert answer["status"] == "processing"


def test_markup_in_the_catalogue_stays_text_in_the_twin(house: House) -> None:
    with house.services.database.transaction() as session:
        model = find_model(session, "easel-starter")
        model.name, model.summary = "<b>x</b>\n# taken | `y`", "a\n---\nb: c"
    head, body = read(house.browser.get(f"{STARTER}.md").text)
    assert head["canonical"] == BASE + STARTER
    assert "\\<b\\>x\\</b\\> \\# taken \\| \\`y\\`" in body
    assert "\n# taken" not in body
    assert house.browser.get(STARTER).status_code == 200


def test_llms_txt_names_every_model_page_and_interface(house: House) -> None:
    text = house.browser.get("/llms.txt").text
    for path in (*MODELS, "/pricing", "/docs/quick-start", "/docs/errors"):
        assert f"({BASE}{path}.md)" in text
    assert f"({BASE}/openapi.json)" in text
    for link in re.findall(rf"\({BASE}(/[^)]*)\)", text):
        assert house.browser.get(link).status_code == 200, link


def test_a_models_own_llms_txt(house: House) -> None:
    answer = house.browser.get(f"{STARTER}/llms.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    for said in ("**Model ID**: easel-starter", "$0.0047", "width: 128 to 512", "import requests", "/openapi.json"):
        assert said in answer.text
    assert house.browser.get("/models/easel/nothing/llms.txt").status_code == 404


def test_llms_full_holds_docs_and_models(house: House) -> None:
    text = house.browser.get("/llms-full.txt").text
    for said in ("# Quick start", "# Webhooks", "# Easel Starter", "# Stable Diffusion 2.0"):
        assert f"{said}\n" in text


def test_the_sitemap_lists_pages_that_are_there(house: House) -> None:
    tree = ElementTree.fromstring(house.browser.get("/sitemap.xml").text)
    places = [
        str(place.text).removeprefix(BASE) for place in tree.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")
    ]
    assert {path for path in PUBLIC if "?" not in path} <= set(places)
    assert all(house.browser.get(place).status_code == 200 for place in places)
    assert f"Sitemap: {BASE}/sitemap.xml" in house.browser.get("/robots.txt").text
    assert "Disallow: /account\n" in house.browser.get("/robots.txt").text


def test_links_of_the_docs_lead_somewhere(house: House) -> None:
    for path in PUBLIC:
        if path.startswith("/docs"):
            for link in re.findall(r'href="(/[^"#]*)', house.browser.get(path).text):
                assert house.browser.get(link).status_code == 200, (path, link)
    assert house.browser.get("/docs/../settings").status_code == 404
    assert house.browser.get("/docs/nothing").status_code == 404


def test_the_article_about_limits_has_the_plans_own_numbers(house: House) -> None:
    page, text = house.browser.get("/docs/limits").text, house.browser.get("/docs/limits.md").text
    for plan in PLANS.values():
        assert f"| {plan.title} | {plan.queue_limit} requests at a time |" in text
        assert f"<td>{plan.title}</td>" in page
    assert "<!--" not in text
