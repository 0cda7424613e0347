// The picture that a new one begins from: chosen, dropped, pasted or taken over from a result; and its mask.

import { fitting } from "./shrink.js";
import { paintedBy } from "./snippets.js";

let brush = null;

export function prepareSource(form) {
  paintedBy(() => brush !== null && !brush.isEmpty);

  form.addEventListener("change", async ({ target }) => {
    const [file] = target.files ?? [];
    if (!file) return;
    if (target.name === "picture_file") await beginWithFile(form, file);
    if (target.name === "mask_file") await paintFrom(form, URL.createObjectURL(file));
  });

  form.addEventListener("click", (event) => {
    if (event.target.closest("[data-remove-picture]")) begin(form, {});
    if (event.target.closest("[data-paint]")) takeBrush(form);
    if (event.target.closest("[data-remove-mask]")) putBrushAway(form);
  });

  document.addEventListener("paste", (event) => {
    const [file] = event.clipboardData.files;
    if (!file?.type.startsWith("image/")) return;
    event.preventDefault();
    beginWithFile(form, file);
  });

  document.getElementById("output").addEventListener("click", async (event) => {
    const link = event.target.closest("[data-begin-from]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    await begin(form, { src: link.dataset.src, reference: link.dataset.beginFrom });
    if ("andPaint" in link.dataset) await takeBrush(form);
    form.querySelector("[data-sheet]").scrollIntoView({ block: "center" });
    form.querySelector("andPaint" in link.dataset ? "[data-canvas]" : "[name=strength]").focus({ preventScroll: true });
  });

  const mask = form.querySelector("img[data-mask]");
  if (mask) paintFrom(form, mask.src, { isStored: true });
}

export async function beginWithFile(form, file) {
  const problem = form.querySelector("#problem-picture");
  try {
    const picture = await fitting(file);
    problem.textContent = "";
    await begin(form, { src: URL.createObjectURL(picture), file: picture });
  } catch (sentence) {
    form.querySelector("[data-source]").open = true;
    problem.textContent = sentence.message;
    setFiles(form.elements.picture_file, null);
  }
}

// With the picture at `src`, which is `file` or lies on the server as `reference`; with none where nothing is said.
async function begin(form, { src = null, reference = "", file = null }) {
  const source = form.querySelector("[data-source]");
  const picture = source.querySelector("[data-picture]");
  putBrushAway(form);
  setFiles(form.elements.picture_file, file);
  form.elements.picture.value = reference;
  form.elements.prompt.required = !src;
  form.elements.second_pass.disabled = Boolean(src); // it goes with pictures from words alone
  if (src) {
    picture.src = src;
    delete picture.dataset.address;
    await picture.decode();
    picture.width = picture.naturalWidth;
    picture.height = picture.naturalHeight;
    source.open = true;
  } else {
    picture.removeAttribute("src");
  }
  for (const part of form.querySelectorAll("[data-begun], [data-when-started]")) part.toggleAttribute("data-unstarted", !src);
  const like = form.querySelector("[name=size][value=picture]");
  if (src) like.checked = true;
  else if (like.checked) form.querySelector("[name=size]").checked = true;
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

async function takeBrush(form) {
  const { Brush } = await import("./brush.js"); // few paint, so it is not loaded with the page
  const source = form.querySelector("[data-source]");
  const picture = source.querySelector("[data-picture]");
  await picture.decode();
  const canvas = source.querySelector("[data-canvas]");
  brush ??= new Brush(canvas, source.querySelector("[data-brush]"), picture.naturalWidth, picture.naturalHeight, () => {
    form.dispatchEvent(new Event("input", { bubbles: true }));
  });
  showBrush(source, true);
  source.querySelector("[data-canvas]").focus({ preventScroll: true });
}

function putBrushAway(form) {
  const source = form.querySelector("[data-source]");
  brush = null;
  showBrush(source, false);
  source.querySelector("img[data-mask]")?.remove();
  setFiles(form.elements.mask_file, null);
  form.elements.mask.value = "";
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function showBrush(source, isShown) {
  for (const part of ["canvas", "ring", "brush", "remove-mask"]) source.querySelector(`[data-${part}]`).hidden = !isShown;
  source.querySelector("[data-paint]").hidden = isShown;
}

async function paintFrom(form, src, { isStored = false } = {}) {
  await takeBrush(form);
  const image = Object.assign(new Image(), { src });
  try {
    await image.decode();
  } catch {
    form.querySelector("#problem-mask").textContent = "This file is no picture that can be read: choose a PNG or WebP.";
    return;
  }
  brush.load(image, isStored);
}

// What the brush painted goes with the form, unless the server has it already.
export async function putMask(said) {
  if (!brush?.isTouched) return;
  said.delete("mask_file");
  said.set("mask", "");
  if (!brush.isEmpty) said.set("mask_file", await brush.toBlob(), "mask.png");
}

// What the server stored need not be sent again.
export function keepStored(form, page) {
  const fresh = page.querySelector("#ask [name=picture]");
  if (!fresh?.value) return;
  form.elements.picture.value = fresh.value;
  form.elements.mask.value = page.querySelector("#ask [name=mask]").value;
  setFiles(form.elements.picture_file, null);
  if (form.elements.mask.value && brush) brush.isTouched = false;
  const address = page.querySelector("#ask [data-picture]")?.getAttribute("src");
  if (address) form.querySelector("[data-picture]").dataset.address = address;
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

function setFiles(input, file) {
  const files = new DataTransfer();
  if (file) files.items.add(file);
  input.files = files.files;
}
