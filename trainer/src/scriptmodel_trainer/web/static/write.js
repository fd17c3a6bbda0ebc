// Writes with a model: asks for continuations, shows them as they come, and keeps one.

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

function writing(form) {
  const fields = form.elements, text = fields.text, saved = `script ${location.pathname}`, kept = [];
  const choices = document.getElementById("choices"), say = document.getElementById("say");
  const button = (name, within = form) => within.querySelector(`[data-do=${name}]`);
  let asking = null;

  function changed() {
    sessionStorage.setItem(saved, text.value);
    fields.temperature.nextElementSibling.value = fields.temperature.value;
    button("undo").disabled = !kept.length;
    button("stop").disabled = !asking;
    button("go").disabled = Boolean(asking);
  }

  async function write(signal) {
    const request = { prompt: text.value, n: choices.children.length, stream: true };
    for (const name of ["max_tokens", "temperature"]) request[name] = fields[name].valueAsNumber;
    for (const name of ["speaker", "scene"]) request[name] = fields[name].value.trim() || undefined;
    const cast = fields.cast.value.split(",").map((name) => name.trim()).filter(Boolean);
    if (cast.length) request.cast = cast;
    const response = await fetch(form.dataset.api, { method: "POST", body: JSON.stringify(request), signal });
    const kind = response.headers.get("Content-Type");
    if (kind.includes("html")) throw new Error("the trainer starts; continue again in a moment");
    if (!response.ok) throw new Error((await response.json()).error.message);
    for (const each of choices.children) {
      each.text = each.querySelector(".sheet").textContent = "";
      button("keep", each).disabled = true;
    }
    choices.hidden = false;
    choices.scrollIntoView({ block: "nearest" });
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

  async function go() {
    if (asking || !form.reportValidity()) return;
    asking = new AbortController();
    changed();
    say.textContent = "Writing…";
    try {
      say.textContent = await write(asking.signal);
    } catch (error) {
      const message = error instanceof TypeError ? "the program that serves this page has ended" : error.message;
      say.textContent = asking.signal.reason || `It could not be written: ${message}`;
      for (const each of choices.children) button("keep", each).disabled = !each.text;
    }
    asking = null;
    changed();
  }

  function keep(choice) {
    if (choices.hidden || button("keep", choice).disabled) return;
    say.textContent = "Kept. Continue, or change the text first.";
    asking?.abort(say.textContent);
    kept.push(text.value);
    text.value = (text.value + played(choice.text)).trimStart();
    fields.speaker.value = fields.scene.value = "";
    choices.hidden = true;
    changed();
    text.focus();
    text.scrollTop = text.scrollHeight;
  }

  const actions = {
    go,
    stop: () => asking?.abort("Stopped."),
    undo: () => ((text.value = kept.pop()), (say.textContent = "Undone."), changed()),
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

document.querySelectorAll("#write").forEach(writing);
