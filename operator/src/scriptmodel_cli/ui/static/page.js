"use strict";
// Keeps an open page up to date, and filters, copies and prints. Pages work without it, as they were when opened.

// Change `old` into `fresh` in place, so that focus, selection, scrolling and open details stay.
function morph(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return void old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  let at = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const same = node.id ? [...old.children].find((child) => child.id === node.id) : at?.id ? null : at;
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

function take({ id, html, before }) {
  const old = document.getElementById(id);
  if (!html) return void old?.remove();
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.firstElementChild;
  if (old) return morph(old, fresh);
  document.getElementById("rows")?.insertBefore(fresh, document.getElementById(before));
}

function follow() {
  const query = new URLSearchParams({ id: document.body.dataset.live, page: location.pathname + location.search });
  const source = new EventSource(`/live?${query}`);
  source.onmessage = ({ data }) => {
    take(JSON.parse(data));
    filter();
  };
  source.onopen = () => document.body.classList.remove("away");
  source.onerror = () => {
    document.body.classList.add("away");
    if (source.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  };
  addEventListener("pagehide", () => source.close(), { once: true });
}

const form = document.querySelector("[data-filter]");

function filter() {
  if (!form) return;
  const text = form.text.value.toLowerCase(), tone = form.tone.value;
  for (const row of document.querySelectorAll("#rows > li")) {
    row.hidden = (tone && row.dataset.tone !== tone) || (text && !row.textContent.toLowerCase().includes(text));
  }
}

form?.addEventListener("input", filter);
form?.addEventListener("submit", (event) => event.preventDefault());

document.addEventListener("click", async ({ target }) => {
  if (target.matches("[data-print]")) print();
  if (!target.matches("[data-copy]")) return;
  const label = target.textContent;
  try {
    await navigator.clipboard.writeText(await (await fetch(target.dataset.copy)).text());
    target.textContent = "Copied";
  } catch {
    target.textContent = "Cannot copy";
  }
  setTimeout(() => (target.textContent = label), 1500);
});

filter();
if (document.body.dataset.live) follow();
