// The code examples follow the form; site/snippets.py writes the same on the server.

// What an example calls the request: its path, and its method and schema in ModelsLab's client.
const TASKS = {
  text: ["/api/v6/images/text2img", "text_to_image", "Text2Image"],
  picture: ["/api/v6/images/img2img", "image_to_image", "Image2Image"],
  mask: ["/api/v6/images/inpaint", "inpainting", "Inpainting"],
};
const TEXT_ONLY = ["openai", "openai-js"];

let isPainted = () => false;

// Whether there is a mask is the brush's to say (source.js).
export function paintedBy(question) {
  isPainted = question;
}

export function writeSnippets(form) {
  const task = !hasPicture(form) ? "text" : hasMask(form) ? "mask" : "picture";
  showTask(task);
  const body = JSON.stringify(requestBody(form, task), null, 2);
  for (const place of document.querySelectorAll("[data-body]")) {
    place.textContent = place.dataset.body === "shell" ? body.replaceAll("'", "'\\''") : body;
  }
  document.getElementById("unsaid").textContent = unsaid(form, task);
}

// A key that was made on this page, if any (key.js).
const key = () => document.documentElement.dataset.key ?? "YOUR_KEY";

const hasPicture = (form) => Boolean(form.elements.picture.value || form.elements.picture_file.files.length);
const hasMask = (form) => Boolean(isPainted() || form.elements.mask.value || form.elements.mask_file.files.length);

function requestBody(form, task) {
  const said = new FormData(form);
  const text = (name) => (said.get(name) ?? "").trim(); // a disabled field is not said
  const number = (name) => (text(name) !== "" && Number.isFinite(Number(text(name))) ? Number(text(name)) : undefined);
  const [width, height] = task === "picture" ? [] : sizeOf(said);
  const loras = lorasOf(said);
  return {
    key: key(),
    model_id: said.get("base") || form.dataset.modelId,
    prompt: said.get("prompt") || (task === "text" ? form.dataset.example : ""), // so that it runs as it is
    negative_prompt: said.get("negative_prompt") || undefined,
    width,
    height,
    samples: number("samples"),
    num_inference_steps: number("steps"),
    guidance_scale: number("guidance"),
    seed: number("seed"),
    ...schedulerOf(form),
    use_karras_sigmas: karrasOf(form),
    clip_skip: number("clip_skip") > 1 ? number("clip_skip") : undefined,
    lora_model: loras.map(([id]) => id).join(",") || undefined,
    lora_strength: loras.map(([, strength]) => strength).join(",") || undefined,
    enhance_prompt: text("style") ? "yes" : undefined,
    enhance_style: text("style") && text("style") !== "auto" ? text("style") : undefined,
    highres_fix: text("second_pass") || undefined,
    upscale: number("upscale") > 1 ? number("upscale") : undefined,
    safety_checker: text("safety") ? "yes" : undefined,
    safety_checker_type: text("safety") || undefined,
    init_image: task === "text" ? undefined : addressOf(form, "picture", "ADDRESS_OF_YOUR_PICTURE"),
    mask_image: task === "mask" ? addressOf(form, "mask", "ADDRESS_OF_YOUR_MASK") : undefined,
    strength: task === "text" ? undefined : number("strength"),
  };
}

function sizeOf(said) {
  const size = said.get("size");
  if (size === "picture") return [];
  return (size === "custom" ? [said.get("width"), said.get("height")] : size.split("x")).map(Number);
}

function lorasOf(said) {
  const strengths = said.getAll("lora_strength");
  return said
    .getAll("lora")
    .map((id, place) => [id, String(Number(strengths[place] || 1))])
    .filter(([id]) => id);
}

function schedulerOf(form) {
  const { sampler } = form.elements;
  return sampler.value === sampler.dataset.default ? {} : JSON.parse(sampler.dataset.wire)[sampler.value];
}

function karrasOf(form) {
  const { spacing } = form.elements;
  return spacing.value === spacing.dataset.default ? undefined : { karras: "yes", model: "no" }[spacing.value];
}

// A picture that lies on the server has an address; one that was only just chosen has none yet.
function addressOf(form, name, placeholder) {
  const shown = document.querySelector(`img[data-${name}]`);
  return form.elements[name].value && shown ? new URL(shown.dataset.address ?? shown.src, location.href).href : placeholder;
}

function unsaid(form, task) {
  const labels = [...form.querySelectorAll("[data-unsaid]")]
    .filter((field) => field.value !== field.dataset.default && !field.dataset.said.split(" ").includes(field.value))
    .map((field) => field.dataset.unsaid);
  if (task === "mask" && Number(form.elements.soft_edge.value) !== 4) labels.push("soft edge");
  return labels.length ? `This API has no field for: ${labels.join(", ")}.` : "";
}

function showTask(task) {
  const box = document.querySelector("[data-snippets]");
  const before = box.dataset.task;
  if (task === before) return;
  box.dataset.task = task;
  for (const code of box.querySelectorAll("[data-language] code")) {
    const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      if (walker.currentNode.parentElement !== code) continue;
      TASKS[before].forEach((name, place) => {
        walker.currentNode.data = walker.currentNode.data.replaceAll(name, TASKS[task][place]);
      });
    }
  }
  for (const language of TEXT_ONLY) {
    const choice = box.querySelector(`input[value="${language}"]`);
    if (!choice) continue;
    choice.closest("label").hidden = task !== "text";
    if (choice.checked && task !== "text") box.querySelector("input").checked = true;
  }
}
