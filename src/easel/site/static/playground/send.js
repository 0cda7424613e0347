// Send a form as the browser would, and take from the answered page what has changed.

import { unfold } from "./form.js";
import { keepStored, putMask } from "./source.js";
import { say, swapFrom } from "./swap.js";

const UNREACHABLE = "The server could not be reached. Check the connection and try again; what you wrote is still here.";
const BROKEN = "The server could not answer just now. Try again in a moment; what you wrote is still here.";

export async function sendForm(form, button) {
  // Not `disabled`: that would take the keyboard focus away. playground.js lets no second click through.
  button?.setAttribute("aria-disabled", "true");
  try {
    const tokenBefore = form.elements.csrf.value;
    let answer = await send(form);
    // Signed in anew in another tab: the answer brought the token that this page lacked.
    const token = form.elements.csrf.value;
    if (answer.status === 401 && token && token !== tokenBefore) answer = await send(form);
    if (answer.redirected) history.replaceState(null, "", answer.url);
    if (form.id === "ask" && answer.ok) showOutput();
    else showProblem();
  } catch {
    say(UNREACHABLE);
  } finally {
    button?.removeAttribute("aria-disabled");
  }
}

async function send(form) {
  const answer = await fetch(form.action, { method: "POST", body: await bodyOf(form) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  swapFrom(page, { isRefusal: !answer.ok });
  if (form.id === "ask") keepStored(form, page);
  const saysWhy = page.querySelector("[data-swap=notice]");
  if (!answer.ok && !saysWhy) say(page.querySelector(".message p")?.textContent ?? BROKEN);
  return answer;
}

async function bodyOf(form) {
  const said = new FormData(form);
  if (form.enctype !== "multipart/form-data") return new URLSearchParams(said);
  await putMask(said);
  return said;
}

function showProblem() {
  const field = document.querySelector("#ask [aria-invalid=true]");
  if (!field) return;
  unfold(field);
  field.focus();
}

// On a phone the output lies below the form.
function showOutput() {
  const output = document.getElementById("output");
  if (output.getBoundingClientRect().top > innerHeight * 0.6) output.scrollIntoView();
}
