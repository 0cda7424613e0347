"""Every address of the site."""

from collections.abc import Callable
from typing import TypeAlias

from fastapi import APIRouter, Response

from easel.site.addresses import twin_of
from easel.site.agents import Agents
from easel.site.browse import Browse
from easel.site.context import Services
from easel.site.docs import Docs
from easel.site.entrance import Entrance
from easel.site.errors import page_route
from easel.site.gallery import Gallery
from easel.site.history import History
from easel.site.join import Join
from easel.site.keyring import Keyring
from easel.site.live import Live
from easel.site.login import Login
from easel.site.models import Models
from easel.site.operator_accounts import OperatorAccounts
from easel.site.operator_models import OperatorModels
from easel.site.operators import Operators
from easel.site.overview import Overview
from easel.site.plan import PlanPage
from easel.site.playground import Playground
from easel.site.profile import Profile
from easel.site.provider import ThroughProvider
from easel.site.recover import Recover
from easel.site.sessions import SessionSigner
from easel.site.site import Site
from easel.site.usage import UsagePage
from easel.site.wallet import WalletPage
from easel.site.webhooks import WebhookLog

Show: TypeAlias = Callable[..., Response]


def site_router(services: Services) -> APIRouter:
    site = Site(services, SessionSigner(services.secret))
    browse, entrance, playground, live = Browse(site), Entrance(site), Playground(site), Live(site)
    login, provider, join, recover = Login(site), ThroughProvider(site), Join(site), Recover(site)
    profile, keyring, history = Profile(site), Keyring(site), History(site)
    wallet, plan = WalletPage(site), PlanPage(site)
    models, docs, agents = Models(site), Docs(site), Agents(site)
    gallery, usage, webhooks = Gallery(site), UsagePage(site), WebhookLog(site)
    operators, accounts, offers = Operators(site), OperatorAccounts(site), OperatorModels(site)
    router = APIRouter(route_class=page_route(site), include_in_schema=False)

    def public(path: str, show: Show, twin: Show | None = None) -> None:
        """A page and its Markdown, which comes first: an id may hold a dot, too."""
        router.get(twin_of(path))(twin or show)
        router.get(path)(show)

    public("/", browse.home)
    public("/models", browse.models)
    public("/models/{provider}", browse.provider)
    public("/models/{provider}/{model_id}", playground.show, models.markdown)
    public("/models/{provider}/{model_id}/api", models.api)
    router.get("/models/{provider}/{model_id}/llms.txt")(models.llms)
    public("/pricing", browse.pricing)
    public("/docs", docs.index)
    public("/docs/{name:path}", docs.article)
    router.get("/llms.txt")(agents.index)
    router.get("/llms-full.txt")(agents.full)
    router.get("/sitemap.xml")(agents.sitemap)
    router.get("/robots.txt")(agents.robots)

    router.get("/models/{provider}/{model_id}/generations")(playground.back)
    router.post("/models/{provider}/{model_id}/generations")(playground.generate)
    router.get("/models/{provider}/{model_id}/restored")(playground.back)
    router.post("/models/{provider}/{model_id}/restored")(playground.restore)

    router.get("/generations/{generation_id}/events")(live.events)
    router.get("/generations/{generation_id}/thumbnail")(history.thumbnail)
    router.post("/generations/{generation_id}/cancel")(playground.cancel)
    router.post("/generations/{generation_id}/pictures/{index}/publish")(gallery.publish)
    router.post("/generations/{generation_id}/pictures/{index}/unpublish")(gallery.unpublish)

    router.get("/login")(login.show)
    router.post("/login")(login.sign_in)
    router.get("/login/oidc")(provider.begin)
    router.get("/login/oidc/callback")(provider.finish)
    router.get("/signup")(join.show)
    router.post("/signup")(join.join)
    router.get("/signup/confirm")(join.show_confirm)
    router.post("/signup/confirm")(join.confirm)
    router.get("/forgot")(recover.show)
    router.post("/forgot")(recover.ask)
    router.get("/reset")(recover.show_choose)
    router.post("/reset")(recover.choose)

    router.get("/account")(Overview(site).show)
    router.get("/account/wallet")(wallet.show)
    router.post("/account/wallet")(wallet.top_up)
    router.get("/account/wallet/statement.csv")(wallet.statement)
    router.get("/account/plan")(plan.show)
    router.post("/account/plan")(plan.choose)
    router.post("/account/plan/renewal")(plan.renew)
    router.get("/account/profile")(profile.show)
    router.post("/account/name")(profile.rename)
    router.post("/account/email")(profile.change_email)
    router.get("/account/email/confirm")(profile.show_confirm)
    router.post("/account/email/confirm")(profile.confirm)
    router.post("/account/password")(profile.change_password)
    router.post("/account/sessions/end")(profile.end_all)
    router.post("/account/sessions/{session_id}/end")(profile.end_one)
    router.get("/account/keys")(keyring.show)
    router.post("/account/keys")(keyring.create)
    router.post("/account/keys/{key_id}/cap")(keyring.cap)
    router.post("/account/keys/{key_id}/revoke")(keyring.revoke)

    router.get("/account/pictures")(gallery.show)
    router.get("/account/pictures/{generation_id}/{index}.webp")(gallery.small)
    router.post("/generations/{generation_id}/pictures/{index}/delete")(gallery.delete)
    router.get("/account/usage")(usage.show)
    router.get("/account/usage.csv")(usage.table)
    router.get("/account/webhooks")(webhooks.show)
    router.post("/account/webhooks/{event_id}/redeliver")(webhooks.redeliver)

    router.get("/operator")(operators.show)
    router.get("/operator/now")(operators.now)
    router.post("/operator/generations/{generation_id}/stop")(operators.stop)
    router.get("/operator/accounts")(accounts.list)
    router.get("/operator/accounts/{account_id}")(accounts.show)
    router.post("/operator/accounts/{account_id}/plan")(accounts.set_plan)
    router.post("/operator/accounts/{account_id}/credit")(accounts.credit)
    router.post("/operator/accounts/{account_id}/correction")(accounts.correct)
    router.post("/operator/accounts/{account_id}/role")(accounts.set_role)
    router.post("/operator/accounts/{account_id}/suspend")(accounts.suspend)
    router.post("/operator/accounts/{account_id}/resume")(accounts.resume)
    router.get("/operator/models")(offers.show)
    router.post("/operator/models/price")(offers.set_price)
    router.post("/operator/models/withdraw")(offers.withdraw)
    router.post("/operator/models/offer")(offers.offer)
    router.get("/operator/ledger")(operators.ledger)
    router.post("/operator/ledger")(operators.audit)
    router.get("/operator/log")(operators.log)

    router.get("/sign-in")(entrance.show)
    router.post("/sign-in")(entrance.sign_in)
    router.post("/sign-out")(entrance.sign_out)
    return router
