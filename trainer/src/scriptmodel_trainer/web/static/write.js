"use strict";
// Writes with a model: asks for continuations, shows them as they come, and keeps one.

const find = (selector, within = document) => within.querySelector(selector);

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

// Returns the paragraphs of a script as `generate` writes it.
function typeset(text, colours) {
  const paragraph = (style, words) => Object.assign(document.createElement("p"), { className: style, textContent: words });
  const spoken = (words) => words.split(/(\[[^\]]*\])/).filter((piece) => piece.trim())
    .map((piece) => (piece[0] === "[" ? paragraph("aside", `(${piece.slice(1, -1)})`) : paragraph("words", piece.trim())));
  return text.split("\n").flatMap((line) => {
    const speech = line.match(/^\[ ([^\]]+) \]: ?(.*)$/), direction = line.match(/^\{\{ (.*?)(?: \}\})?$/);
    if (direction) return [paragraph("action", direction[1])];
    if (!speech) return spoken(line);
    if (!colours.has(speech[1])) colours.set(speech[1], `s${colours.size % 10}`);
    return [paragraph(`cue ${colours.get(speech[1])}`, speech[1]), ...spoken(speech[2])];
  });
}

// Returns a continuation as people write plays, so that the text stays one that is easy to read and to change.
function played(text) {
  const direction = (_, words) => (/^(INT|EXT|ACT|SCENE)\b/i.test(words) ? `\n${words}` : `\n(${words})`);
  return text.replace(/^\[ ([^\]]+) \]: ?/gm, "\n$1: ").replace(/^\{\{ (.*) \}\}$/gm, direction);
}

function writing(form) {
  const fields = form.elements, text = fields.text, choices = find("#choices"), say = find("#say");
  const kept = [], colours = new Map(), saved = `script ${location.pathname}`;
  let asking = null;
  const button = (name, within = form) => find(`[data-do=${name}]`, within);
  const names = (value) => value.split(",").map((name) => name.trim()).filter(Boolean);

  function changed() {
    sessionStorage.setItem(saved, text.value);
    button("undo").disabled = !kept.length;
    fields.temperature.nextElementSibling.value = fields.temperature.value;
  }

  function asked() {
    const request = { prompt: text.value, n: 3, stream: true, max_tokens: fields.max_tokens.valueAsNumber };
    request.temperature = fields.temperature.valueAsNumber;
    for (const name of ["speaker", "scene"]) if (fields[name].value.trim()) request[name] = fields[name].value.trim();
    if (names(fields.cast.value).length) request.cast = names(fields.cast.value);
    return request;
  }

  async function write(signal) {
    const response = await fetch(form.dataset.api, { method: "POST", body: JSON.stringify(asked()), signal });
    if (!response.ok) throw new Error((await response.json()).error.message);
    const articles = [1, 2, 3].map((number) => {
      const article = find("#choice").content.firstElementChild.cloneNode(true);
      find("h2", article).textContent = `Continuation ${number}`;
      article.text = "";
      return article;
    });
    choices.replaceChildren(...articles);
    articles[0].scrollIntoView({ block: "nearest" });
    for await (const data of events(response)) {
      if (data === "[DONE]") return "Keep one of the continuations, or continue again for three others.";
      const event = JSON.parse(data);
      if (event.error) throw new Error(event.error.message);
      for (const { index, text: piece, finish_reason: end } of event.choices) {
        articles[index].text += piece;
        find(".sheet", articles[index]).replaceChildren(...typeset(articles[index].text, colours));
        if (end) button("keep", articles[index]).disabled = false;
      }
    }
    throw new Error("the server ended");
  }

  async function go() {
    if (asking || !form.reportValidity()) return;
    asking = new AbortController();
    button("go").disabled = !(button("stop").disabled = false);
    say.textContent = "Writing…";
    try {
      say.textContent = await write(asking.signal);
    } catch (error) {
      say.textContent = asking.signal.aborted ? "Stopped." : `It could not be written: ${error.message}`;
      for (const each of choices.children) button("keep", each).disabled = !each.text;
    }
    asking = null;
    button("go").disabled = !(button("stop").disabled = true);
  }

  function keep(article) {
    if (!article || button("keep", article).disabled) return;
    asking?.abort();
    kept.push(text.value);
    text.value = (text.value + played(article.text)).trimStart();
    fields.speaker.value = fields.scene.value = "";
    choices.replaceChildren();
    say.textContent = "Kept. Continue, or change the text first.";
    changed();
    text.focus();
    text.scrollTop = text.scrollHeight;
  }

  const actions = {
    go,
    stop: () => asking?.abort(),
    undo: () => ((text.value = kept.pop()), changed()),
    copy: () => copy(button("copy"), text.value),
    keep: (target) => keep(target.closest("article")),
  };
  document.addEventListener("click", ({ target }) => actions[target.dataset.do]?.(target));
  document.addEventListener("keydown", (event) => {
    const number = event.altKey && /^Digit[123]$/.test(event.code) ? event.code.at(-1) : 0;
    if (number) event.preventDefault(), keep(choices.children[number - 1]);
    if (event.ctrlKey && event.key === "Enter") go();
  });
  form.addEventListener("input", changed);
  text.value ||= sessionStorage.getItem(saved) || "";
  changed();
}

if (find("#write")) writing(find("#write"));
