// Watch the generation that the output panel shows until it ends.

import { showState, swapOutput } from "./swap.js";

let source = null;

export function follow() {
  const { events } = document.querySelector("[data-swap=output]").dataset;
  source?.close();
  source = null;
  if (!events) return;

  const current = new EventSource(events);
  source = current;
  let latest = null;

  current.addEventListener("output", async (event) => {
    const output = JSON.parse(event.data);
    const isOver = !["queued", "generating"].includes(output.state);
    if (isOver) current.close();
    await swapOutput(output);
    if (isOver) document.querySelector("[data-swap=output]").dataset.events = "";
    else if (latest) showProgress(latest);
  });

  current.addEventListener("step", (event) => {
    latest = JSON.parse(event.data);
    showProgress(latest);
  });

  // The browser connects again by itself, and the first event then is the present state.
  current.addEventListener("error", () => {
    if (source !== current) return;
    const isGivenUp = current.readyState === EventSource.CLOSED;
    showState("queued", isGivenUp ? "Connection lost, reload the page" : "Connecting again");
  });
}

// Steps are counted over all pictures; people count those of one.
function showProgress({ step, steps }) {
  const text = document.querySelector("[data-steps]");
  if (!text) return;
  const each = Number(text.dataset.steps);
  text.textContent = `Step ${Math.floor((step / steps) * each)} of ${each}`;
  document.querySelector("#output progress").value = step / steps;
  for (const sheet of document.querySelectorAll(".blank")) sheet.style.setProperty("--drawn", step / steps);
}
