// Code on a page of the docs can be copied, and the list of pages stands open where there is room for it.

let number = 0;

for (const box of document.querySelectorAll("[data-code]")) {
  const code = box.querySelector("code");
  code.id = `code-${(number += 1)}`;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.dataset.copy = code.id;
  button.innerHTML = "<span data-label>Copy</span>";
  box.prepend(button);
}

for (const block of document.querySelectorAll("[data-code] pre")) {
  block.tabIndex = 0;
  block.setAttribute("role", "group");
  block.setAttribute("aria-label", "Code");
}
