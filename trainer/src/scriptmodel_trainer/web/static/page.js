"use strict";
// Keeps an open page up to date, and filters, copies and prints. Pages work without it, as they were when opened.

// Change `old` into `fresh` in place, so that focus, selection, scrolling and open details stay.
function morph(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.isEqualNode(fresh)) return;
  for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const known = new Map([...old.children].filter((child) => child.id).map((child) => [child.id, child]));
  let at = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const same = node.id ? known.get(node.id) : at?.id ? null : at;
    if (!same) {
      old.insertBefore(node, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    morph(same, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function follow(main) {
  const source = new EventSource(location);
  source.onmessage = ({ data }) => {
    const fresh = main.cloneNode(false);
    fresh.innerHTML = JSON.parse(data);
    morph(main, fresh);
    filter();
  };
  source.onopen = () => document.body.classList.remove("away");
  source.onerror = () => {
    document.body.classList.add("away");
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 2000, main);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}

function filter() {
  const form = document.querySelector("[data-filter]");
  if (!form) return;
  const text = form.text.value.toLowerCase(), tone = form.tone.value;
  for (const row of document.querySelectorAll("#rows > li")) {
    row.hidden = (tone && row.dataset.tone !== tone) || (text && !row.textContent.toLowerCase().includes(text));
  }
}

document.addEventListener("input", filter);
document.addEventListener("submit", (event) => event.target.matches("[data-filter]") && event.preventDefault());

async function copy(button, text) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(await text);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Cannot copy";
  }
  setTimeout(() => (button.textContent = label), 1500);
}

document.addEventListener("click", ({ target }) => {
  if (target.matches("[data-print]")) print();
  if (!target.matches("[data-copy]")) return;
  copy(target, target.form?.elements.text.value ?? fetch(target.dataset.copy).then((answer) => answer.text()));
});

filter();
const main = document.querySelector("[data-live]");
if (main) follow(main);
