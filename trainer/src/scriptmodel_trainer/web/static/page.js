// Keeps an open page up to date, and filters. Pages work without it, as they were when opened.

// Change `old` into `fresh` in place, so that focus, selection, scrolling and open details stay.
function morph(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeName !== fresh.nodeName || old.nodeType !== Node.ELEMENT_NODE) return void old.replaceWith(fresh);
  for (const name of old.getAttributeNames()) if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (name !== "open") old.setAttribute(name, value);
  const known = new Map([...old.children].map((child) => [child.id, child])), nodes = [...fresh.childNodes];
  let at = old.firstChild;
  for (const node of nodes) {
    const same = node.id ? known.get(node.id) : at?.id ? null : at;
    if (same && same === at) at = at.nextSibling;
    else old.insertBefore(same || node, at);
    if (same) morph(same, node);
  }
  while (old.childNodes.length > nodes.length) old.lastChild.remove();
}

function follow(main) {
  const source = new EventSource(location);
  source.onmessage = ({ data }) => {
    const fresh = main.cloneNode(false);
    fresh.innerHTML = JSON.parse(data);
    morph(main, fresh);
    filter();
  };
  source.onopen = source.onerror = ({ type }) => document.body.classList.toggle("away", type === "error");
  addEventListener("pagehide", () => source.close());
}

function filter() {
  const form = document.getElementById("filter");
  if (!form) return;
  const text = form.text.value.toLowerCase(), tone = form.tone.value;
  for (const row of document.querySelectorAll("#rows > li")) {
    row.hidden = !row.matches(tone || "*") || !row.textContent.toLowerCase().includes(text);
  }
}

document.addEventListener("input", filter);
filter();
document.querySelectorAll("[data-live]").forEach(follow);
