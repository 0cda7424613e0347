// Buttons that copy the text of another element.

const SHOWN_FOR = 1500;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.querySelector("[data-label]");
  const before = (button.dataset.before ??= label.textContent);
  label.textContent = (await copied(document.getElementById(button.dataset.copy))) ? "Copied" : "Press Ctrl+C";
  setTimeout(() => (label.textContent = before), SHOWN_FOR);
});

// Browsers offer the clipboard on https and localhost only; elsewhere the text is selected, to be copied by hand.
async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(element);
    return false;
  }
}
