// Send a form as the browser would, and take from the answered page what has changed.

import { say, swapFrom } from "./swap.js";

const UNREACHABLE = "The server could not be reached. Check the connection and try again; what you wrote is still here.";

export async function sendForm(form, button) {
  if (button) button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    swapFrom(new DOMParser().parseFromString(await answer.text(), "text/html"), { isRefusal: !answer.ok });
    if (answer.redirected) history.replaceState(null, "", answer.url);
    if (form.id === "ask" && answer.ok) showOutput();
    else document.querySelector("[aria-invalid=true]")?.focus();
  } catch {
    say(UNREACHABLE);
  } finally {
    if (button) button.disabled = false;
  }
}

// On a phone the output lies below the form.
function showOutput() {
  const output = document.getElementById("output");
  if (output.getBoundingClientRect().top > innerHeight * 0.6) output.scrollIntoView();
}
