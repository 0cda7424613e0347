"""Stripe Checkout: the page where a card is charged, and the signed events that say so.

The library is imported at the first use: most installations take no cards, and the gateway starts without it.
"""

import json
from dataclasses import dataclass
from typing import Any

from easel.billing.payments import MICROS_PER_CENT, Event
from easel.domain.errors import InvalidRequest, Unavailable
from easel.domain.money import Micros

TIMEOUT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class CheckoutPage:
    session_id: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """An installation's account at Stripe. `api_base` leads to another server in tests."""

    secret_key: str
    webhook_secret: str
    api_base: str | None = None

    def open(
        self, *, uuid: str, amount: Micros, currency: str, email: str | None, back_to: str, product: str
    ) -> CheckoutPage:
        """Have Stripe make a page for this payment; `back_to` is where it leads afterwards. Raises Unavailable.

        Asked twice with one `uuid`, Stripe answers with the same page.
        """
        import stripe

        client = stripe.StripeClient(
            self.secret_key,
            base_addresses={"api": self.api_base} if self.api_base else None,
            max_network_retries=2,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )
        asked: Any = {
            "mode": "payment",
            "client_reference_id": uuid,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": currency,
                        "unit_amount": amount // MICROS_PER_CENT,
                        "product_data": {"name": product},
                    },
                }
            ],
            "success_url": f"{back_to}?paid={uuid}",
            "cancel_url": back_to,
            "metadata": {"top_up": uuid},
            **({"customer_email": email} if email else {}),
        }
        try:
            made = client.v1.checkout.sessions.create(asked, options={"idempotency_key": f"top-up:{uuid}"})
        except stripe.StripeError as error:
            raise Unavailable(
                f"The payment page could not be opened ({type(error).__name__}); try again in a moment."
            ) from error
        if not made.url:
            raise Unavailable("The payment provider answered without a page; try again in a moment.")
        return CheckoutPage(made.id, made.url)

    def read_event(self, body: bytes, signature: str) -> Event:
        """The event in a webhook's body. Raises InvalidRequest when its signature is not Stripe's, or too old."""
        import stripe

        try:
            stripe.Webhook.construct_event(body, signature, self.webhook_secret)  # pyright: ignore[reportUnknownMemberType]
            said = json.loads(body)
            return Event(str(said["id"]), str(said["type"]), dict(said["data"]["object"]))
        except (ValueError, KeyError, TypeError, stripe.SignatureVerificationError):
            raise InvalidRequest(
                "stripe-signature", "This event is not signed by the payment provider; nothing was booked."
            ) from None
