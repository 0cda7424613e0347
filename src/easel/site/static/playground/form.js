// Small helps of the form: example prompts, sliders, numbers to fill in, the dice, a seed used again, LoRAs, the price of several pictures.

const SEED_LIMIT = 2 ** 32;
const TAKEN_ALONG = ["prompt", "negative_prompt", "seed", "samples", "style", "second_pass", "upscale", "safety", "format"];

export function prepareForm(form) {
  form.addEventListener("click", (event) => {
    const example = event.target.closest("[data-prompt]");
    if (example && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      set(form, "prompt", example.dataset.prompt);
    }
    const fill = event.target.closest("[data-fill]");
    if (fill) set(form, fill.dataset.fill, fill.value);
    if (event.target.closest("[data-dice]")) set(form, "seed", randomSeed());
    if (event.target.closest("[data-add-lora]")) addLora(form);
  });

  form.addEventListener("input", ({ target }) => {
    if (target.dataset.for) set(form, target.dataset.for, target.value);
    else if (target.name === "samples") showPrice(form);
    else if (target.name === "width" || target.name === "height") form.querySelector("[name=size][value=custom]").checked = true;
    else moveSlider(form, target);
  });

  form.addEventListener("change", ({ target }) => {
    if (target.name === "base") location.assign(withWhatIsTyped(target.selectedOptions[0].dataset.address, form));
  });

  // A field that is folded away cannot say what is wrong with it.
  form.addEventListener("invalid", ({ target }) => unfold(target), true);

  form.addEventListener("keydown", (event) => {
    const isPrompt = event.target.matches("#prompt, #negative_prompt");
    if (isPrompt && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit(form.querySelector("[data-generate]"));
    }
  });

  document.getElementById("output").addEventListener("click", (event) => {
    const again = event.target.closest("[data-reuse-seed]");
    if (!again) return;
    event.preventDefault();
    unfold(form.elements.seed);
    set(form, "seed", again.dataset.reuseSeed);
    form.elements.seed.focus();
  });
}

export function unfold(field) {
  const fold = field.closest("details");
  if (fold) fold.open = true;
}

function set(form, name, value) {
  form.elements[name].value = value;
  form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
}

function randomSeed() {
  return String(crypto.getRandomValues(new Uint32Array(1))[0] % SEED_LIMIT);
}

function moveSlider(form, field) {
  const slider = field.name && form.querySelector(`[data-for="${field.name}"]`);
  if (slider) slider.value = field.value;
}

function addLora(form) {
  const row = form.querySelector(".lora[data-free]");
  row.removeAttribute("data-free");
  row.querySelector("select").focus();
}

// Another model has other sizes, steps and samplers; words and seed mean the same to all.
function withWhatIsTyped(address, form) {
  const target = new URL(address, location.href);
  for (const name of TAKEN_ALONG) if (form.elements[name].value) target.searchParams.set(name, form.elements[name].value);
  return target;
}

// The same sentence as site/describe.py's price_line; a free plan's does not depend on the number.
function showPrice(form) {
  const line = form.querySelector("[data-price]");
  if (!line) return;
  const [price, left] = [Number(line.dataset.price), Number(line.dataset.included)];
  const samples = Number(form.elements.samples.value);
  const total = price * Math.max(0, samples - left);
  const each = samples > 1 ? `, ${dollars(price)} a picture` : "";
  line.textContent =
    total === 0 && left > 0 && price > 0
      ? `Will cost nothing: ${left.toLocaleString("en")} of this month's pictures are left`
      : `Will cost ${dollars(total)}${each}`;
}

function dollars(micros) {
  const [whole, fraction] = (micros / 1e6).toFixed(6).split(".");
  return `$${Number(whole).toLocaleString("en")}.${fraction.replace(/0+$/, "").padEnd(2, "0")}`;
}
