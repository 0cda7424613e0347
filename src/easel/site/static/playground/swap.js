// The parts of the page that change: each carries data-swap, and a newly answered page carries the same parts.

const part = (page, name) => page.querySelector(`[data-swap="${name}"]`);

export function swapFrom(page, { isRefusal = false, only = null }) {
  for (const old of document.querySelectorAll("[data-swap]")) {
    if (only && !only.includes(old.dataset.swap)) continue;
    const fresh = part(page, old.dataset.swap);
    // A refused order leaves the picture before it where it is.
    if (!fresh || (isRefusal && old.dataset.swap === "output")) continue;
    if (old.matches("input")) old.value = fresh.value;
    else refill(old, ...fresh.childNodes);
    if (old.dataset.swap === "output") old.dataset.events = fresh.dataset.events ?? "";
  }
  for (const field of document.querySelectorAll("[aria-describedby^=problem-]")) {
    const problem = document.getElementById(field.getAttribute("aria-describedby"));
    field.toggleAttribute("aria-invalid", false);
    if (problem.textContent) field.setAttribute("aria-invalid", "true");
  }
  const state = page.querySelector("[data-state]");
  if (state && !isRefusal) showState(state.dataset.state, state.textContent);
}

// The output panel alone, as the live stream sends it. Pictures are decoded first, so that no sheet is empty in between.
export async function swapOutput({ state, label, html, balance, past }) {
  const box = part(document, "output");
  const template = document.createElement("template");
  template.innerHTML = html;
  const pictures = [...template.content.querySelectorAll("img")];
  await Promise.allSettled(pictures.map((picture) => Object.assign(new Image(), { src: picture.src }).decode()));
  refill(box, template.content);
  showState(state, label);
  if (balance) part(document, "balance").textContent = balance;
  if (past) part(document, "past").innerHTML = past;
}

// The keyboard focus goes with what held it; the panel takes it, so that the next Tab starts there and not at the top.
function refill(box, ...nodes) {
  const hadFocus = box.contains(document.activeElement);
  box.replaceChildren(...nodes);
  if (hadFocus) document.getElementById("output").focus({ preventScroll: true });
}

// The state is a live region: it is written only when it changes, so that it is read out once.
export function showState(state, label) {
  const shown = document.querySelector("[data-state]");
  shown.dataset.state = state;
  if (shown.textContent !== label) shown.textContent = label;
}

export function say(sentence) {
  part(document, "notice").textContent = sentence;
}
