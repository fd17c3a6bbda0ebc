// Reads the scene of a page, and writes what somebody says next: the grammar of a speech comes with the model.

const [WORD, CLITIC, COMMA, DASH, ENDER, OPEN_BRACKET, CLOSE_BRACKET, OPEN_QUOTE, CLOSE_QUOTE, OPEN_NAME] = Array(10).keys();
const ATTACHED = [CLITIC, COMMA, DASH, ENDER, CLOSE_BRACKET, CLOSE_QUOTE], CLOSING = [OPEN_NAME, ENDER, CLOSE_BRACKET, CLOSE_QUOTE];
const OPENING = 1, SMALL = 2, LONG = 40, MOST_READ = 3000;
const MARKS = { "<eos>": ".", "<question>": "?", "<exclamation>": "!", "<ellipsis>": "...",
  "<open-brack>": "[", "<close-brack>": "]", "<boquote>": '"', "<eoquote>": '"' };
const GROUPS = { "[": "<open-brack>", "(": "<open-brack>", "]": "<close-brack>", ")": "<close-brack>", "“": "<boquote>", "”": "<eoquote>" };
const PIECES = new RegExp("[.?!…](?:\\s*[.?!…])*|--+|[—–―]+|\\d+(?:[.,:]\\d+)+|(?:[A-Z]\\.){2,}" +
  "|(?:Mrs?|Dr|St|Messrs|Esq|Rev|Hon|Mme|Mlle)\\.(?=\\s+\\S)|(?:MRS?|DR|ST|MESSRS|REV|HON|MME|MLLE)\\.(?=\\s+[A-Z])" +
  "|['’]?[\\p{L}\\p{N}]+(?:[-&][\\p{L}\\p{N}]+)*(?:'(?![\\p{L}\\p{N}])|’)?|[^\\s\\p{L}\\p{N}_']", "gu");
const CUE = /^(\p{L}[\p{L}\p{N} .'’&-]{0,40}?)((?:\s*[(\[][^()[\]]*[)\]])*)\s*(:|(?<!\b(?:Mrs?|Dr|St))\.(?=\s|$)|$)\s*(.*)$/iu;
const DIRECTION = /^(?:\(([^()]*)\)|\[([^[\]]*)\]|((?:INT|EXT|ACT|SCENE)\b.*))$/i;
const folded = (name) => name.toLowerCase(), isUpper = (word) => /\p{Lu}/u.test(word) && !/\p{Ll}/u.test(word);
const nameToken = (name) => name.replace(/['’]/g, "").replace(/[^\p{L}\p{N}]+/gu, " ").trim().replaceAll(" ", "_");

// What the page's file says of the model, with what follows from it.
class Model {
  constructor({ arrays, described }) {
    Object.assign(this, described, { arrays, described });
    this.ids = new Map(this.words.map((word, id) => [word, id]));
    this.named = new Map([...this.speakers].reverse().map((id) => [folded(this.words[id]), id]));
  }
  found(name) { return this.words[this.named.get(folded(name))]; }
  kind(token) { return this.kinds[this.ids.get(token)] ?? WORD; }

  // Returns the number of a word, or those of the sub-words that spell it, the longest first, bytes where there is none.
  pieces(token) {
    const whole = this.ids.get(token) ?? this.ids.get(token.toLowerCase()), found = [];
    for (let at = 0, end; whole === undefined && at < token.length; at = end) {
      const marked = (text, first) => this.ids.get((first ? "" : "##") + text), next = at + String.fromCodePoint(token.codePointAt(at)).length;
      for (end = token.length; end > at && marked(token.slice(at, end), !at) === undefined;) end--;
      if (end > at) found.push(marked(token.slice(at, end), !at));
      else for (const byte of new TextEncoder().encode(token.slice(at, (end = next))))
        found.push(marked(`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, !found.length));
    }
    return whole === undefined ? found : [whole];
  }

  // Returns the words that the corpus never has after one, though it often has both.
  never(last) {
    const part = (name) => this.arrays[`trigrams/${name}`] ?? [], counts = part("counts"), least = (3 * sumOf(counts)) / counts[last];
    const follow = new Set(part("bigrams/words").slice(...part("bigrams/rows").slice(last, last + 2)));
    return [...counts.keys()].filter((word) => counts[word] >= least && !follow.has(word));
  }

  // Returns the words and marks of a text.
  split(text) {
    const plain = text.normalize("NFC").replace(/[’‘`´]/g, "'").replace(/«/g, "“").replace(/»/g, "”");
    const shortened = plain.replace(/(?<![\p{L}\p{N}_'])'[\p{L}\p{N}]+/gu, (word) => (this.aphaeresis.includes(folded(word)) ? word : `’${word.slice(1)}`));
    const ends = (piece) => (/\?/.test(piece) ? "<question>" : /!/.test(piece) ? "<exclamation>" : /…|\..*\./s.test(piece) ? "<ellipsis>" : "<eos>");
    const token = (piece) => (/^[.?!…]/.test(piece) ? ends(piece) : /^(--|[—–―])/.test(piece) ? "--" : piece);
    return (shortened.match(PIECES) ?? []).filter((piece) => !/^[*\\|<>{}~]$/.test(piece)).map(token);
  }

  // Returns the tokens of a speech or a direction, whose last sentence is ended.
  body(text) {
    let quoted = false;
    const quote = () => ((quoted = !quoted) ? "<boquote>" : "<eoquote>"), tokens = this.split(text).map((piece) => (piece === '"' ? quote() : GROUPS[piece] ?? piece));
    const last = tokens.findLast((token) => ![CLOSE_BRACKET, CLOSE_QUOTE].includes(this.kind(token)));
    return last && this.kind(last) !== ENDER ? [...tokens, "<eos>"] : tokens;
  }

  // Reads a scene: `NAME: words`, `NAME. words` and words below a name are speeches, a line in brackets is a direction.
  read(text) {
    let events = [], apart = true, form = ": ", lines = text.split("\n").map((each) => each.trim());
    for (const [at, line] of lines.entries()) {
      const [, name, aside, mark, words] = CUE.exec(line) ?? [], direction = apart && DIRECTION.exec(line), token = name && nameToken(name);
      const speaker = this.found(token ?? "") ?? token, said = words || lines[at + 1], again = events.some((each) => each.name === speaker);
      if (direction) events.push({ text: direction.slice(1).find(Boolean) ?? "" });
      else if (name && (mark || (apart && (said || again))) && (isUpper(name) || this.found(token))) {
        events.push({ name: speaker, text: `${aside} ${words}`.trim() });
        if (said) form = mark + (words ? " " : "\n");
      }
      else if (line && events.length && (!apart || events.at(-1).name)) events.at(-1).text += ` ${line}`;
      else if (line) events.push({ text: line });
      apart = !line;
    }
    const open = events.length && !events.at(-1).text ? events.pop().name ?? "" : "";
    const tokens = events.flatMap(({ name, text: words }) => {
      const body = this.body(words);
      return body.length ? (name ? ["<boname>", name, "<eoname>", ...body] : ["<open-exp>", ...body, "<close-exp>"]) : [];
    });
    return { tokens, open, form, heard: [...new Set([open, ...events.map(({ name }) => name).reverse()])].filter(Boolean) };
  }

  // Returns who may speak: those of the scene, and the people of a play, or of the one that is most like the scene.
  cast(heard, chosen) {
    const shared = (play) => heard.filter((name) => play.names.includes(this.ids.get(name))).length;
    const play = chosen ?? [...this.plays].sort((one, other) => shared(other) - shared(one))[0], people = play?.names ?? this.speakers;
    const free = people.filter((id) => !heard.includes(this.words[id])), voices = new Map();
    for (const name of heard) if (!this.ids.has(name) && free.length) voices.set(name, this.words[free.shift()]);
    const spoken = heard.map((name) => this.ids.get(voices.get(name) ?? name)).filter((id) => id !== undefined);
    const strangers = this.plays.flatMap((each) => each.proper).filter((id) => !play.proper.includes(id));
    return { names: new Set([...spoken, ...people]), voices, strangers };
  }
}

// What somebody says next in a scene, while it is written.
class Line {
  constructor(model, scene, temperature, play = null, speaker = "") {
    const { tokens, heard, open, form } = model.read(scene), named = nameToken(speaker);
    const says = open || (model.found(named) ?? (heard.every(isUpper) ? named.toUpperCase() : named));
    const cast = model.cast([...new Set([says, ...heard])].filter(Boolean), play);
    const ids = tokens.flatMap((token) => model.pieces(cast.voices.get(token) ?? token)).slice(-MOST_READ);
    Object.assign(this, { model, temperature, form, ...cast, tokens: [], name: "", at: 0, said: false, over: false });
    this.last = model.ids.get(cast.voices.get(heard.at(0)) ?? heard.at(0));
    this.reader = new Reader(model.arrays, model.described, temperature);
    for (const id of [model.first, ...ids, model.ids.get("<boname>")]) this.reader.read(id);
    if (says) this.speak(says);
  }
  copy() { return Object.assign(Object.create(Line.prototype), this, { reader: this.reader.copy(), tokens: [...this.tokens] }); }
  speak(name) {
    this.name = name;
    for (const token of [this.voices.get(name) ?? name, "<eoname>"]) this.model.pieces(token).forEach((id) => this.reader.read(id));
  }

  // Chooses who speaks: somebody else than the last speaker, if there is anybody.
  cue() {
    const others = [...this.names].filter((id) => id !== this.last), able = new Set(others.length ? others : this.names);
    const logits = this.reader.predict().map((logit, id) => (able.has(id) ? logit : -Infinity));
    const name = this.model.words[choose(logits, this.temperature, this.model.nucleus)];
    this.speak([...this.voices].find(([, voice]) => voice === name)?.[0] ?? name);
  }

  // Returns the logits of the tokens that may come next; one of another kind than a word where the line is long.
  permitted() {
    const { model } = this, { kinds, flags } = model, { moves, sentence, bracketed } = model.grammar[this.at], logits = this.reader.predict();
    const short = this.tokens.length < LONG, ends = CLOSING.find((kind) => kind in moves && (kind !== OPEN_NAME || this.said));
    const able = (id) => kinds[id] in moves && (moves[kinds[id]] >= 0 || this.said) && (short || ends === undefined || kinds[id] === ends);
    const banned = sentence ? OPENING : bracketed ? 0 : SMALL, out = new Set([...this.strangers, ...model.never(this.reader.last)]);
    const possible = (wrong) => logits.map((logit, id) => (able(id) && !wrong(id) ? logit : -Infinity));
    const found = possible((id) => flags[id] & banned || out.has(id));
    return found.some((logit) => logit > -Infinity) ? found : possible(() => false);
  }

  next() {
    if (!this.name) return void this.cue();
    const { model } = this, id = choose(this.permitted(), this.temperature, model.nucleus), { moves, bracketed } = model.grammar[this.at];
    this.at = moves[model.kinds[id]];
    this.over = this.at < 0;
    if (this.over) return;
    this.said ||= !bracketed && model.kinds[id] === WORD;
    this.tokens.push(model.words[id]);
    this.reader.read(id);
  }

  // Returns the line as it is printed, with the name before it.
  printed() {
    let line = "", before = "";
    for (const token of this.tokens) {
      const close = !line || ATTACHED.includes(this.model.kind(token)) || /(^|’|--|¿|¡|<(open-brack|boquote)>)$/.test(before);
      const said = token === "<eos>" && /(--|[.?!…])$/.test(before) ? "" : (MARKS[token] ?? token).replace(/^’|’$/, "'");
      line += (close || !said ? "" : " ") + said;
      before = token;
    }
    return this.name.replaceAll("_", " ") + this.form + line;
  }
}
