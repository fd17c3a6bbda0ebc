// The page: asks for next lines, keeps one of them, undoes that, and stores the script as text.
const started = (async () => {
  const found = (id) => document.getElementById(id), [text, say, lines] = ["text", "say", "lines"].map(found), kept = [];
  const saved = `scriptmodel ${document.title}`, store = (use) => { try { return use(localStorage); } catch { return null; } };  // it may be forbidden
  let asked = 0;

  function show(message, script = text.value) {
    [text.value, found("paper").textContent, say.textContent, text.style.height] = [script, script, message, "auto"];
    text.style.height = `${text.scrollHeight + 4}px`;
    document.querySelector("[data-do=undo]").disabled = !kept.length;
    store((storage) => storage.setItem(saved, script));
  }

  async function next() {
    const own = ++asked, different = new Set();
    [say.textContent, lines.textContent] = ["Writing…", ""];
    await new Promise((done) => setTimeout(done));
    const begun = new Line(model, text.value, found("temperature").valueAsNumber, model.plays[found("play").value], found("speaker").value);
    for (let number = 0; number < 15 && different.size < 5; number++) {
      const next = begun.copy(), button = document.createElement("button");
      for (; !next.over; next.next()) if (next.tokens.length % 8 === 0) await new Promise((done) => setTimeout(done));
      if (own !== asked) return;  // another question, or a line was kept
      const line = next.printed();
      if (different.has(line)) continue;
      different.add(line);
      Object.assign(button, { type: "button", textContent: line, onclick: () => keep(line) });
      lines.appendChild(document.createElement("li")).append(button);
    }
    say.textContent = "Keep a line: click it, or press Alt and its number.";
  }

  function keep(line) {
    kept.push(text.value);
    const { open, form } = model.read(text.value), added = open ? form.at(-1) + line.slice(open.length + form.length) : `\n\n${line}`;
    [asked, lines.textContent, found("speaker").value] = [asked + 1, "", ""];
    show("Kept.", (text.value.trimEnd() + added).trimStart());
    text.focus();
  }

  function download() {
    const address = URL.createObjectURL(new Blob([`${text.value}\n`], { type: "text/plain" }));
    Object.assign(document.createElement("a"), { href: address, download: "script.txt" }).click();
  }

  const model = new Model(await unpacked(found("model").textContent));
  const actions = { next, download, print: () => print(), undo: () => kept.length && show("Undone.", kept.pop()) };
  for (const button of document.querySelectorAll("[data-do]")) Object.assign(button, { onclick: actions[button.dataset.do], disabled: false });
  found("names").replaceChildren(...model.speakers.map((id) => new Option(model.words[id].replaceAll("_", " "))));
  document.addEventListener("keydown", (event) => {
    const digit = event.altKey && /^Digit[1-9]$/.test(event.code) && lines.querySelectorAll("button")[event.code.at(-1) - 1];
    if (digit) event.preventDefault(), digit.click();
    if (event.ctrlKey && event.key === "Enter") next();
  });
  text.addEventListener("input", () => show(""));
  show("Begin a scene, or continue this one: Next lines, or Ctrl and Enter.", store((storage) => storage.getItem(saved)) || text.value);
  return model;
})();
