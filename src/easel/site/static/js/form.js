// Small helps of the form: example prompts, sliders, the dice, a seed used again, the price of several pictures.

const SEED_LIMIT = 2 ** 32;

export function prepareForm(form) {
  const set = (name, value) => {
    form.elements[name].value = value;
    form.elements[name].dispatchEvent(new Event("input", { bubbles: true }));
  };

  form.addEventListener("click", (event) => {
    const example = event.target.closest("[data-prompt]");
    if (example && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      set("prompt", example.dataset.prompt);
    }
    if (event.target.closest("[data-dice]")) set("seed", randomSeed());
  });

  form.addEventListener("input", ({ target }) => {
    if (target.dataset.for) set(target.dataset.for, target.value);
    else if (target.name === "samples") showPrice(form);
    else moveSlider(form, target);
  });

  document.getElementById("output").addEventListener("click", (event) => {
    const again = event.target.closest("[data-reuse-seed]");
    if (!again) return;
    event.preventDefault();
    set("seed", again.dataset.reuseSeed);
    form.elements.seed.focus();
  });

  form.elements.prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(form.querySelector("[data-generate]"));
  });
}

function randomSeed() {
  return String(crypto.getRandomValues(new Uint32Array(1))[0] % SEED_LIMIT);
}

function moveSlider(form, field) {
  const slider = form.querySelector(`[data-for="${field.name}"]`);
  if (slider) slider.value = field.value;
}

// The same sentence as site/describe.py's price_line; a free plan's does not depend on the number.
function showPrice(form) {
  const line = form.querySelector("[data-price]");
  if (!line) return;
  const price = Number(line.dataset.price);
  const samples = Number(form.elements.samples.value);
  const each = `${dollars(price)} a picture`;
  line.textContent = samples > 1 ? `${dollars(price * samples)} for ${samples} pictures, ${each}` : each;
}

function dollars(micros) {
  const [whole, fraction] = (micros / 1e6).toFixed(6).split(".");
  return `$${Number(whole).toLocaleString("en")}.${fraction.replace(/0+$/, "").padEnd(2, "0")}`;
}
