// The code examples follow the form; site/snippets.py writes the same body on the server.

const NAMES = { samples: "samples", steps: "num_inference_steps", guidance: "guidance_scale", seed: "seed" };

export function writeSnippets(form) {
  const body = JSON.stringify(requestBody(form), null, 2);
  for (const place of document.querySelectorAll("[data-body]")) {
    place.textContent = place.dataset.body === "shell" ? body.replaceAll("'", "'\\''") : body;
  }
}

// A key that was made on this page, if any (key.js).
const key = () => document.documentElement.dataset.key ?? "YOUR_KEY";

function requestBody(form) {
  const said = Object.fromEntries(new FormData(form));
  const [width, height] = said.size.split("x").map(Number);
  const body = { key: key(), model_id: form.dataset.modelId, prompt: said.prompt, width, height };
  for (const [field, name] of Object.entries(NAMES)) {
    if (said[field].trim() !== "" && Number.isFinite(Number(said[field]))) body[name] = Number(said[field]);
  }
  return body;
}
