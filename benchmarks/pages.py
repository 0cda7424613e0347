"""How much a page loads before its pictures, and how long it takes until it is fully drawn.

    python -m benchmarks.pages [--runs 15] [--pages / /models]

`easel serve --fake` on a folder of its own, and the system's Chromium without a screen, both on this machine. Each page
is opened in a new browser context (cold: nothing is cached) and then again in the same one (warm: as a visitor comes
back). Bytes are of HTML, style sheets and scripts together, as transferred with their headers and as unpacked. A page
is drawn when its load event is over and its largest part is painted, whichever is later; milliseconds count from the
start of the navigation and are medians over the runs. One visit before them warms the server and is not counted.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.record import save

STARTER = "/models/easel/easel-starter"
PAGES = ("/", "/models", "/models/easel", STARTER, f"{STARTER}/api", "/pricing", "/docs", "/docs/modelslab", "/login")
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")

MEASURE = """
async () => {
  const painted = await new Promise((done) => {
    new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime))
      .observe({ type: "largest-contentful-paint", buffered: true });
  });
  const [page] = performance.getEntriesByType("navigation");
  const parts = performance.getEntriesByType("resource").filter(({ name }) => /\\.(css|js)(\\?|$)/.test(name));
  const size = (entries, of) => entries.reduce((sum, entry) => sum + entry[of], 0);
  const ending = (end) => parts.filter(({ name }) => new URL(name).pathname.endsWith(end));
  return {
    first_byte: page.responseStart,
    load: page.loadEventEnd,
    largest_paint: painted,
    drawn: Math.max(page.loadEventEnd, painted),
    requests: 1 + parts.length,
    transferred: size([page, ...parts], "transferSize"),
    unpacked: size([page, ...parts], "decodedBodySize"),
    html: page.decodedBodySize,
    css: size(ending(".css"), "decodedBodySize"),
    js: size(ending(".js"), "decodedBodySize"),
  };
}
"""
TIMES = ("first_byte", "load", "largest_paint", "drawn")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=15)
    arguments.add_argument("--pages", nargs="*", default=list(PAGES))
    arguments.add_argument("--not-saved", action="store_true", help="only print the result")
    asked = arguments.parse_args()
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        raise SystemExit("There is no Chromium on this system. Install one: apt-get install chromium")
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        pages = {page: measured(browser, address + page, asked.runs) for page in asked.pages}
        result = {"options": vars(asked), "chromium": browser.version, "pages": pages}
        browser.close()
    print(json.dumps(result, indent=2))
    if not asked.not_saved:
        print("written to", save("pages", result))


@contextmanager
def serving() -> Generator[str]:
    """`easel serve` as a user starts it; its address."""
    folder = Path(tempfile.mkdtemp(prefix="easel-pages-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "easel", "serve", "--fake"],
        env=os.environ | {"PORT": str(port), "EASEL_DATA": str(folder), "EASEL_LOG_LEVEL": "WARNING"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        if not any(line.startswith("API key: ") for line in process.stdout):
            raise SystemExit(f"easel serve ended with {process.wait(60)} before it was ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def measured(browser: Browser, address: str, runs: int) -> dict[str, Any]:
    visits = [visit(browser, address) for _ in range(runs + 1)][1:]
    first = visits[0][0]
    return {
        "requests": first["requests"],
        "bytes": {name: first[name] for name in ("transferred", "unpacked", "html", "css", "js")},
        "cold_milliseconds": medians([cold for cold, _ in visits]),
        "warm_milliseconds": medians([warm for _, warm in visits]),
        "warm_bytes_transferred": visits[0][1]["transferred"],
    }


def visit(browser: Browser, address: str) -> tuple[dict[str, float], dict[str, float]]:
    """What is measured with an empty cache, and of the second visit."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    cold = look(page, address)
    page.goto("about:blank")
    warm = look(page, address)
    context.close()
    return cold, warm


def look(page: Page, address: str) -> dict[str, float]:
    answer = page.goto(address, wait_until="load")
    if answer is None or not answer.ok:
        raise SystemExit(f"{address} answered {answer and answer.status}")
    return page.evaluate(MEASURE)


def medians(visits: list[dict[str, float]]) -> dict[str, float]:
    found = {name: round(statistics.median(one[name] for one in visits), 1) for name in TIMES}
    return {**found, "slowest_drawn": round(max(one["drawn"] for one in visits), 1)}


if __name__ == "__main__":
    main()
