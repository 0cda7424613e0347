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

  for (const name of ["step", "preview"]) {
    current.addEventListener(name, (event) => {
      latest = { ...latest, ...JSON.parse(event.data) };
      showProgress(latest);
    });
  }

  // The browser connects again by itself, and the first event then is the present state.
  current.addEventListener("error", () => {
    if (source !== current) return;
    const isGivenUp = current.readyState === EventSource.CLOSED;
    showState("queued", isGivenUp ? "Connection lost, reload the page" : "Connecting again");
  });
}

// Steps are counted over all pictures; people count those of one.
function showProgress({ step, steps, url }) {
  const text = document.querySelector("[data-steps]");
  if (!text) return;
  const each = Number(text.dataset.steps);
  text.textContent = `Step ${Math.floor((step / steps) * each)} of ${each}`;
  document.querySelector("#output progress").value = step / steps;
  for (const sheet of document.querySelectorAll(".blank")) sheet.style.setProperty("--drawn", step / steps);
  if (url) showPreview(url);
}

// The first sheet's: one picture of an order is shown on its way. The next one is there before the last one goes.
async function showPreview(url) {
  const sheet = document.querySelector("#output .blank");
  const shown = sheet?.querySelector(".preview");
  if (!sheet || shown?.getAttribute("src") === url) return;
  const next = Object.assign(new Image(), { src: url, alt: "", className: "preview" });
  try {
    await next.decode();
  } catch {
    return; // a newer one has taken its place
  }
  if (!sheet.isConnected) return;
  sheet.querySelector(".preview")?.remove();
  sheet.append(next);
}
