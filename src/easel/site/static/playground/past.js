// What was drawn before is shown again without leaving what one has typed; a picture of another model is on its page.

import { follow } from "./stream.js";
import { swapFrom } from "./swap.js";

export function preparePast() {
  document.getElementById("output").addEventListener("click", async (event) => {
    const past = event.target.closest("[data-past]");
    if (!past || event.ctrlKey || event.metaKey || event.shiftKey || past.pathname !== location.pathname) return;
    event.preventDefault();
    try {
      const answer = await fetch(past.href);
      if (!answer.ok) throw new Error(answer.statusText);
      swapFrom(new DOMParser().parseFromString(await answer.text(), "text/html"), { only: ["output", "past"] });
      history.replaceState(null, "", past.href);
      follow();
    } catch {
      location.assign(past.href);
    }
  });
}
