// The catalogue, found as one types: the address bar holds what is looked for, the server says what there is.

const WAIT = 200;
const form = document.querySelector("[data-search]");
let waiting = 0;
let asked = null;

form.addEventListener("input", ({ target }) => {
  clearTimeout(waiting);
  waiting = setTimeout(() => show(addressOf(form)), target.type === "search" ? WAIT : 0);
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  show(addressOf(form));
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-results] nav a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.href, { scroll: true });
});

function addressOf(form) {
  const said = [...new FormData(form)].filter(([, value]) => value.trim() !== "");
  const query = new URLSearchParams(said).toString();
  return form.getAttribute("action") + (query && `?${query}`);
}

// An answer that comes after a later question is not shown.
async function show(address, { scroll = false } = {}) {
  asked?.abort();
  asked = new AbortController();
  const results = document.querySelector("[data-results]");
  results.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(address, { signal: asked.signal, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    results.replaceChildren(...page.querySelector("[data-results]").childNodes);
    history.replaceState(null, "", address);
    if (scroll) document.getElementById("content").scrollIntoView();
  } catch (problem) {
    if (problem.name === "AbortError") return;
    location.assign(address);
  }
  results.removeAttribute("aria-busy");
}
