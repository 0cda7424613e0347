// The model page, made pleasanter: the form is sent without leaving the page, and the picture is watched as it is drawn.

import { prepareForm } from "./form.js";
import { preparePast } from "./past.js";
import { prepareRestoring } from "./restore.js";
import { sendForm } from "./send.js";
import { writeSnippets } from "./snippets.js";
import { prepareSource } from "./source.js";
import { follow } from "./stream.js";

const form = document.getElementById("ask");

prepareForm(form);
prepareSource(form);
prepareRestoring(form);
preparePast();
form.addEventListener("input", () => writeSnippets(form));

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-live-form]")) return;
  event.preventDefault();
  if (event.submitter?.matches("[aria-disabled=true]")) return;
  await sendForm(event.target, event.submitter);
  follow();
});

follow();
