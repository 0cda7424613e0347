"""A client of an API that waits for pictures, and a hand that draws them meanwhile."""

import threading
import time
from typing import Any

from fastapi.testclient import TestClient
from shop import PNG, Shop


class Asking:
    def __init__(self, shop: Shop, client: TestClient, path: str) -> None:
        self.shop, self.client, self.path = shop, client, path

    def post(
        self,
        path: str = "",
        *,
        drawn: int = 0,
        error: str | None = None,
        picture: bytes = PNG,
        idempotency: str = "",
        **fields: Any,
    ) -> Any:
        """The answer, while `drawn` orders are drawn as `picture`, or fail, beside it."""

        def draw() -> None:
            for _ in range(drawn):
                while True:
                    try:
                        self.shop.draw(error=error, picture=picture)
                        break
                    except ValueError:  # nothing to claim yet
                        time.sleep(0.05)

        hand = threading.Thread(target=draw)
        hand.start()
        try:
            headers = {"Authorization": f"Bearer {self.shop.key}"}
            if idempotency:
                headers["Idempotency-Key"] = idempotency
            return self.client.post(path or self.path, json=fields, headers=headers)
        finally:
            hand.join()
