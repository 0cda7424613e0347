// A part of a page that is asked for again every two seconds, while somebody looks and has nothing in hand there.

const EVERY = 2000;

for (const box of document.querySelectorAll("[data-poll]")) {
  let shown = "";
  setInterval(async () => {
    if (document.hidden || box.querySelector("details[open]") || box.contains(document.activeElement)) return;
    try {
      const answer = await fetch(box.dataset.poll);
      // Signed out, or no operator any more: the whole page says so.
      if (answer.redirected || answer.status === 403) return location.reload();
      const fresh = await answer.text();
      if (answer.ok && fresh !== shown) box.innerHTML = shown = fresh;
    } catch {
      // The server is away for a moment; the next time it may be back.
    }
  }, EVERY);
}
