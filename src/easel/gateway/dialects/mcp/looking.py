"""Tools that look and change nothing."""

from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey, Scope
from easel.billing import caps, wallets
from easel.billing.plans import plan_named
from easel.catalogue import queries
from easel.domain.money import dollars, format_dollars
from easel.gateway.dialects.mcp import schemas, shapes
from easel.gateway.dialects.mcp.calls import Answer, Call
from easel.gateway.dialects.mcp.drafts import draft_of
from easel.generations.queries import estimate_seconds
from easel.generations.quotes import Estimate, estimate


async def list_models(call: Call, asked: schemas.ListModels) -> Answer:
    def look(session: Session, _: ApiKey) -> list[shapes.ListedModel]:
        return [shapes.ListedModel(**shapes.listed(model)) for model in queries.list_models(session)]

    found = [model for model in await call.as_key(Scope.READ, look) if _fits(model, asked)]
    shown = found[: asked.limit]
    lines = [f"{model.model_id}: {model.name}, {model.kind}, ${model.price:g} a picture" for model in shown]
    return Answer(
        told=shapes.ModelList(models=shown, total=len(found)),
        text="\n".join(lines) or "No model fits; ask for less, or for installed: false.",
    )


def _fits(model: shapes.ListedModel, asked: schemas.ListModels) -> bool:
    text = f"{model.model_id} {model.name} {model.summary}".casefold()
    return (
        (model.installed or not asked.installed)
        and asked.kind in (None, model.kind)
        and asked.provider in (None, model.provider)
        and all(word in text for word in (asked.search or "").casefold().split())
    )


async def describe_model(call: Call, asked: schemas.DescribeModel) -> Answer:
    def look(session: Session, _: ApiKey) -> shapes.DescribedModel:
        model = queries.find_model(session, asked.model_id)
        return shapes.DescribedModel(
            **shapes.listed(model),
            description=model.description,
            licence=model.licence,
            tags=model.tags,
            defaults=model.defaults,
            limits=model.limits,
            usual_seconds=round(estimate_seconds(session, model.model_id), 2),
        )

    told = await call.as_key(Scope.READ, look)
    return Answer(told=told, text=f"{told.name} ({told.model_id}, {told.kind}): {told.summary}")


async def quote(call: Call, asked: schemas.Quote) -> Answer:
    def look(session: Session, used: ApiKey) -> Estimate:
        draft = draft_of(asked, call.services.default_model)
        return estimate(session, call.services.clock, used.account, draft, used.id)

    found = await call.as_key(Scope.READ, look)
    told = shapes.Price(
        model_id=asked.model_id or call.services.default_model,
        samples=found.request.samples,
        width=found.request.width,
        height=found.request.height,
        num_inference_steps=found.request.steps,
        cost=float(dollars(found.price.total)),
        cost_per_picture=float(dollars(found.price.per_picture)),
        included=found.price.included,
        seconds=round(found.seconds, 2),
        balance=float(dollars(found.balance)),
        key=shapes.key_spending(found.spending),
        can_be_ordered=found.obstacle is None,
        obstacle=found.obstacle,
    )
    text = f"{format_dollars(found.price.total)}, about {told.seconds:g} seconds. {found.obstacle or ''}"
    return Answer(told=told, text=text.strip())


async def wallet_balance(call: Call, _: schemas.Nothing) -> Answer:
    def look(session: Session, used: ApiKey) -> shapes.Balance:
        spending = caps.spending_of(session, call.services.clock, [used.id]).get(used.id)
        return shapes.Balance(
            balance=float(dollars(wallets.balance(session, used.account_id))),
            reserved=float(dollars(wallets.reserved(session, used.account_id))),
            plan=plan_named(used.account.plan).name,
            key=shapes.key_spending(spending),
        )

    told = await call.as_key(Scope.READ, look)
    limit = "" if told.key is None else f" This key may spend ${told.key.left:g} of it."
    return Answer(told=told, text=f"${told.balance:g} left.{limit}")
