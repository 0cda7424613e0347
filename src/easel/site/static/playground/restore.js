// Settings out of a picture or a text, read by the server, into the form. What was begun from a picture stays.

import { beginWithFile } from "./source.js";

const LOOKS_LIKE_SETTINGS = /\nSteps: \d+, /;

export function prepareRestoring(form) {
  const box = document.querySelector("[data-restore]");

  box.addEventListener("submit", (event) => {
    event.preventDefault();
    restore(form, box, new FormData(event.target));
  });

  box.addEventListener("change", ({ target }) => {
    if (target.type === "file" && target.files.length) restore(form, box, new FormData(target.form));
  });

  form.addEventListener("paste", (event) => {
    const text = event.clipboardData.getData("text/plain");
    if (event.target.name !== "prompt" || !LOOKS_LIKE_SETTINGS.test(text)) return;
    event.preventDefault();
    restore(form, box, bodyWith(box, "settings", text));
  });

  prepareDropping(form, box);
}

// Dropped on the place for a picture, a file is one to begin from. Anywhere else on the panel its settings count, if
// it carries any.
function prepareDropping(form, box) {
  const panel = form.closest(".panel");
  const mark = (on) => panel.classList.toggle("dropping", on);
  panel.addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].some((type) => type === "Files")) return;
    event.preventDefault();
    mark(true);
  });
  panel.addEventListener("dragleave", (event) => {
    if (!panel.contains(event.relatedTarget)) mark(false);
  });
  panel.addEventListener("drop", async (event) => {
    mark(false);
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    const isToBeginFrom = event.target.closest("[data-source]");
    if (isToBeginFrom || !(await restore(form, box, bodyWith(box, "settings_file", file)))) {
      sayProblem(box, "");
      await beginWithFile(form, file);
    }
  });
}

function bodyWith(box, name, value) {
  const body = new FormData(box.querySelector("form"));
  body.set(name, value);
  return body;
}

async function restore(form, box, body) {
  try {
    const answer = await fetch(box.querySelector("form").action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const problem = page.querySelector("[data-swap=problem-settings]");
    sayProblem(box, answer.ok ? "" : (problem?.textContent ?? page.querySelector(".message p")?.textContent));
    box.querySelector("[data-swap=notes]").replaceChildren();
    if (!answer.ok) return false;
    refill(form, page);
    const notes = page.querySelector("[data-swap=notes]").childNodes;
    box.querySelector("[data-swap=notes]").append("Restored. ", ...notes);
    return true;
  } catch {
    sayProblem(box, "The server could not be reached. Check the connection and try again.");
    return false;
  }
}

function sayProblem(box, sentence) {
  box.querySelector("[data-swap=problem-settings]").textContent = sentence;
}

function refill(form, page) {
  const source = form.querySelector("[data-source]");
  const isBegun = !source.querySelector("[data-begun]").hasAttribute("data-unstarted");
  const size = form.elements.size.value;
  form.replaceChildren(...page.getElementById("ask").childNodes);
  if (isBegun) {
    const fresh = form.querySelector("[data-source]");
    for (const name of ["strength", "soft_edge"]) {
      source.querySelector(`[name=${name}]`).value = fresh.querySelector(`[name=${name}]`).value;
    }
    fresh.replaceWith(source);
    form.querySelector("[data-when-started]").removeAttribute("data-unstarted");
    form.elements.prompt.required = false;
    form.elements.second_pass.disabled = true;
    if (size === "picture") form.elements.size.value = size;
  }
  form.querySelector("[data-advanced]").open = true;
  form.dispatchEvent(new Event("input", { bubbles: true }));
  form.elements.prompt.focus();
}
