// Writes with a model: asks for next lines or continuations, shows them as they come, and keeps one.

// Yields the data of server-sent events.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) yield part.replace(/^data: /, "");
  }
}

// Returns a continuation that is easy to read and to change. Its names stay in brackets, which any layout may be around.
function played(text) {
  const direction = (_, words) => (/^(INT|EXT|ACT|SCENE)\b/i.test(words) ? `\n${words}` : `\n(${words})`);
  return text.replace(/^(?=\[ )/gm, "\n").replace(/^\{\{ (.*?)(?: \}\})?$/gm, direction);
}

function element(name, text, action = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (action) made.dataset.do = action;
  if (name === "button") made.type = "button";
  return made;
}

function writing(form) {
  const fields = form.elements, text = fields.text, saved = `script ${location.pathname}`, kept = [];
  const choices = document.getElementById("choices"), lines = document.getElementById("lines");
  const say = document.getElementById("say"), button = (name, within = form) => within.querySelector(`[data-do=${name}]`);
  let asking = null, shown = null;

  function changed() {
    sessionStorage.setItem(saved, text.value);
    sessionStorage.setItem(`${saved} notes`, fields.notes.value);
    fields.temperature.nextElementSibling.value = fields.temperature.value;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 4}px`;
    button("undo").disabled = !kept.length;
    button("back").disabled = !shown?.hidden;
    button("stop").disabled = !asking;
    button("go").disabled = button("lines").disabled = Boolean(asking);
  }

  function show(panel) {
    for (const each of [choices, lines]) each.hidden = each !== panel;
    shown = panel;
    panel.scrollIntoView({ block: "nearest" });
  }

  async function answer(path, request, signal) {
    for (const name of ["speaker", "scene"]) request[name] = fields[name].value.trim() || undefined;
    const cast = fields.cast.value.split(",").map((name) => name.trim()).filter(Boolean);
    if (cast.length) request.cast = cast;
    Object.assign(request, { prompt: text.value, temperature: fields.temperature.valueAsNumber });
    const response = await fetch(form.dataset.api + path, { method: "POST", body: JSON.stringify(request), signal });
    const kind = response.headers.get("Content-Type");
    if (kind.includes("html")) throw new Error("the trainer starts; ask again in a moment");
    if (!response.ok) throw new Error((await response.json()).error.message);
    return response;
  }

  async function next(signal) {
    const request = { n: 10, words: fields.words.valueAsNumber, lines: fields.lines.value };
    const { replies } = await (await answer("replies", request, signal)).json();
    lines.replaceChildren(...replies.map(({ cue, words, source }) => {
      const line = element("li", ""), keep = element("button", "Keep", "keep");
      line.reply = { cue, source };
      line.append(keep, " ", element("b", cue.trimStart()), ...words.split(/(?<= )/).map((word) => element("span", word, "word")));
      if (source) line.append(" ", element("small", source));
      return line;
    }));
    show(lines);
    return "Keep one, also with Alt+1 to Alt+0, or click the last word to keep.";
  }

  async function write(signal) {
    const request = { n: choices.children.length, stream: true, max_tokens: fields.max_tokens.valueAsNumber };
    const response = await answer("completions", request, signal);
    for (const each of choices.children) {
      each.text = each.querySelector(".sheet").textContent = "";
      button("keep", each).disabled = true;
    }
    show(choices);
    for await (const data of events(response)) {
      if (data === "[DONE]") return "Keep one, also with Alt+1 to Alt+3, or continue again for three others.";
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      for (const { index, text: piece, finish_reason: end } of event.choices) {
        const choice = choices.children[index];
        choice.text += piece;
        choice.querySelector(".sheet").textContent = played(choice.text).trim();
        button("keep", choice).disabled = !end;
      }
    }
    throw new Error("the trainer has ended; continue again to start it");
  }

  async function ask(task) {
    if (asking || !form.reportValidity()) return;
    asking = new AbortController();
    changed();
    say.textContent = "Writing…";
    try {
      say.textContent = await task(asking.signal);
    } catch (error) {
      const message = error instanceof TypeError ? "the program that serves this page has ended" : error.message;
      say.textContent = asking.signal.reason || `It could not be written: ${message}`;
      for (const each of choices.children) button("keep", each).disabled = !each.text;
    }
    asking = null;
    changed();
  }

  // Adds a continuation, or a line: the whole of it, or up to a word.
  function keep(choice, last = null) {
    if (!choice || shown.hidden || button("keep", choice).disabled) return;
    say.textContent = "Kept. Ask for more, or change the text first.";
    asking?.abort(say.textContent);
    const before = { text: text.value, notes: fields.notes.value };
    if (choice.reply) {
      const spans = [...choice.querySelectorAll("[data-do=word]")], { cue, source } = choice.reply;
      const words = spans.slice(0, last ? spans.indexOf(last) + 1 : spans.length).map((span) => span.textContent).join("").trim();
      text.value = (text.value.trimEnd() + cue + words).trimStart();
      if (source) fields.notes.value = JSON.stringify({ ...JSON.parse(fields.notes.value || "{}"), [words]: source });
    } else text.value = (text.value + played(choice.text)).trimStart();
    kept.push({ ...before, after: text.value });
    fields.speaker.value = fields.scene.value = "";
    shown.hidden = true;
    changed();
    text.focus();
    text.setSelectionRange(text.value.length, text.value.length);
    window.scrollTo({ top: text.getBoundingClientRect().bottom + scrollY - innerHeight / 2 });
  }

  function undo() {
    const before = kept.pop();
    [text.value, fields.notes.value, say.textContent] = [before.text, before.notes, "Undone."];
    changed();
  }

  const actions = {
    undo,
    go: () => ask(write),
    lines: () => ask(next),
    stop: () => asking?.abort("Stopped."),
    back: () => (show(shown), changed()),
    keep: (target) => keep(target.closest("article, li")),
    word: (target) => keep(target.closest("li"), target),
  };
  document.addEventListener("click", ({ target }) => actions[target.dataset.do]?.(target));
  document.addEventListener("keydown", (event) => {
    const digit = event.altKey && shown && !shown.hidden && /^Digit\d$/.test(event.code) ? event.code.at(-1) : "";
    if (digit) event.preventDefault(), keep(shown.children[(Number(digit) + 9) % 10]);
    if (event.ctrlKey && event.key === "Enter") actions.go();
    const undone = (event.ctrlKey || event.metaKey) && event.key === "z" && event.target === text;
    if (undone && kept.at(-1)?.after === text.value) event.preventDefault(), undo();
  });
  form.addEventListener("input", changed);
  text.value ||= sessionStorage.getItem(saved) || "";
  fields.notes.value = sessionStorage.getItem(`${saved} notes`) || "";
  changed();
}

document.querySelectorAll("#write").forEach(writing);
