// Writes with a model: asks for next lines or continuations, and keeps one.

// Returns a continuation that is easy to read and to change. Its names stay in brackets, which any layout may be around.
function played(text) {
  const direction = (_, words) => (/^(INT|EXT|ACT|SCENE)\b/i.test(words) ? `\n${words}` : `\n(${words})`);
  return text.replace(/^(?=\[ )/gm, "\n").replace(/^\{\{ (.*?)(?: \}\})?$/gm, direction);
}

function writing(form) {
  const fields = form.elements, text = fields.text, saved = `script ${location.pathname}`, kept = [];
  const [choices, say] = ["choices", "say"].map((id) => document.getElementById(id));
  const button = (name) => form.querySelector(`[data-do=${name}]`);
  let asking = null;

  function changed(message) {
    sessionStorage.setItem(saved, text.value);
    fields.temperature.nextElementSibling.value = fields.temperature.value;
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight + 4}px`;
    button("undo").disabled = !kept.length;
    button("stop").disabled = !asking;
    button("go").disabled = button("lines").disabled = Boolean(asking);
    if (message) say.textContent = message;
  }

  async function ask(path, request, found) {
    if (asking || !form.reportValidity()) return;
    asking = new AbortController();
    changed("Writing…");
    for (const name of ["speaker", "scene"]) request[name] = fields[name].value.trim();
    const cast = fields.cast.value.split(",").map((name) => name.trim()).filter(Boolean), signal = asking.signal;
    Object.assign(request, { cast: cast.length ? cast : null, prompt: text.value, temperature: fields.temperature.valueAsNumber });
    let message = "Keep one, also with Alt and its number, or ask again for others.";
    try {
      const response = await fetch(form.dataset.api + path, { method: "POST", body: JSON.stringify(request), signal });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.error.message);
      choices.replaceChildren(...found(answer).map(({ shown, added, notes }) => {
        const item = document.createElement("li"), keep = document.createElement("button"), small = document.createElement("small");
        Object.assign(keep, { type: "button", textContent: "Keep", onclick: () => take(added, notes) });
        small.textContent = Object.values(notes).join();
        item.append(keep, shown, small);
        return item;
      }));
    } catch (error) {
      const reason = error instanceof TypeError ? "the program that serves this page has ended" : error.message;
      message = signal.reason || `It could not be written: ${reason}`;
    }
    asking = null;
    changed(message);
  }

  function take(added, notes) {
    kept.push([text.value, fields.notes.value]);
    text.value = (text.value.trimEnd() + added).trimStart();
    fields.notes.value = JSON.stringify({ ...JSON.parse(fields.notes.value || "{}"), ...notes });
    fields.speaker.value = fields.scene.value = "";
    choices.replaceChildren();
    changed("Kept. Ask for more, or change the text first.");
    text.focus();
    text.setSelectionRange(text.value.length, text.value.length);
    window.scrollTo({ top: text.getBoundingClientRect().bottom + scrollY - innerHeight / 2 });
  }

  const linesOf = ({ replies }) => replies.map(({ cue, words, source }) =>
    ({ shown: cue.trimStart() + words, added: cue + words, notes: source ? { [words]: source } : {} }));
  const textsOf = (answer) => answer.choices.map((choice) => {
    const added = played(choice.text);
    return { shown: added.trim(), added, notes: {} };
  });
  const actions = {
    go: () => ask("completions", { n: 3, max_tokens: fields.max_tokens.valueAsNumber }, textsOf),
    lines: () => ask("replies", { n: 10, words: fields.words.valueAsNumber, lines: fields.lines.value }, linesOf),
    stop: () => asking?.abort("Stopped."),
    undo: () => kept.length && ([text.value, fields.notes.value] = kept.pop(), changed("Undone.")),
  };
  document.addEventListener("click", ({ target }) => actions[target.dataset.do]?.());
  document.addEventListener("keydown", (event) => {
    const digit = event.altKey && /^Digit\d$/.test(event.code) && choices.querySelectorAll("button")[(Number(event.code.at(-1)) + 9) % 10];
    if (digit) event.preventDefault(), digit.click();
    if (event.ctrlKey && event.key === "Enter") actions.go();
  });
  form.addEventListener("input", () => changed(""));
  text.value ||= sessionStorage.getItem(saved) || "";
  changed("");
}

document.querySelectorAll("#write").forEach(writing);
