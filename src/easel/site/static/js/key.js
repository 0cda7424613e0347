// A new key, filled into the examples of this page. Nobody can read it again: it is gone when the page is left.

const PLACE = "YOUR_KEY";

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-fill-key]")) return;
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector("button");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  const say = (sentence) => (form.querySelector("[role=status]").textContent = sentence);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const secret = page.getElementById("secret")?.textContent.trim();
    if (!secret) throw new Error(page.querySelector(".message p, .notice")?.textContent);
    fill(secret);
    document.documentElement.dataset.key = secret;
    say("Filled in. It is shown on this page only, until you leave it; revoke it under your keys.");
    button.remove();
  } catch (problem) {
    say(problem.message || "The key could not be made. Load the page again and try once more.");
    button.removeAttribute("aria-disabled");
  }
});

function fill(secret) {
  for (const code of document.querySelectorAll("[data-language] code")) {
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) walker.currentNode.data = walker.currentNode.data.replaceAll(PLACE, secret);
  }
}
