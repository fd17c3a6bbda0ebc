// Scripts: reads the scene of a page, and writes on by the grammar and the rules of the program's own writer.

const [WORD, CLITIC, COMMA, DASH, ENDER, OPEN_BRACKET, CLOSE_BRACKET, OPEN_QUOTE, CLOSE_QUOTE, OPEN_NAME, CLOSE_NAME,
  OPEN_DIRECTION, CLOSE_DIRECTION, NAME, UNWRITTEN] = Array(15).keys();
const OPENING = 1, SMALL = 2, CAPITAL = 4, LONGEST_ASIDE = 60, MOST_READ = 3000;
const bits = (...kinds) => kinds.reduce((all, kind) => all | (1 << kind), 0), has = (kinds, kind) => Boolean((kinds >> kind) & 1);
const SPEECH_ENDS = bits(OPEN_NAME, OPEN_DIRECTION), CLOSERS = bits(CLOSE_QUOTE, CLOSE_BRACKET, CLOSE_DIRECTION), MARKERS = 0x1ff0;
const ATTACHED = bits(CLITIC, COMMA, DASH, ENDER, CLOSE_BRACKET, CLOSE_QUOTE);
const MARKS = { "<eos>": ".", "<question>": "?", "<exclamation>": "!", "<ellipsis>": "...",
  "<open-brack>": "[", "<close-brack>": "]", "<boquote>": '"', "<eoquote>": '"' };
const GROUPS = { "[": "brack>", "(": "brack>", "]": "/brack>", ")": "/brack>", "“": "quote>", "”": "/quote>" };
const PIECES = new RegExp("[.?!…](?:\\s*[.?!…])*|--+|[—–―]+|\\d+(?:[.,:]\\d+)+|(?:[A-Z]\\.){2,}" +
  "|(?:Mrs?|Dr|St|Messrs|Esq|Rev|Hon|Mme|Mlle)\\.(?=\\s+\\S)|(?:MRS?|DR|ST|MESSRS|REV|HON|MME|MLLE)\\.(?=\\s+[A-Z])" +
  "|['’]?[\\p{L}\\p{N}]+(?:[-&][\\p{L}\\p{N}]+)*(?:'(?![\\p{L}\\p{N}])|’)?|[^\\s\\p{L}\\p{N}_']", "gu");
const CUE = /^(\p{L}[\p{L}\p{N} .'’&-]{0,40}?)((?:\s*[(\[][^()[\]]*[)\]])*)\s*(:|(?<!\b(?:Mrs?|Dr|St))\.(?=\s|$)|$)\s*(.*)$/iu;
const DIRECTION = /^(?:\(([^()]*)\)|\[([^[\]]*)\]|((?:INT|EXT|ACT|SCENE)\b.*))$/i;
const folded = (name) => name.toLowerCase(), parts = (name) => folded(name).split("_"), isUpper = (word) => /\p{Lu}/u.test(word) && !/\p{Ll}/u.test(word);
const nameToken = (name) => name.replace(/['’]/g, "").replace(/[^\p{L}\p{N}]+/gu, " ").trim().replaceAll(" ", "_");

// What the page's file says of the model, with what follows from it.
class Model {
  constructor({ arrays, described }) {
    Object.assign(this, described, { arrays, described, often: new Map() });
    this.ids = new Map(this.words.map((word, id) => [word, id]));
    this.named = new Map([...this.speakers].reverse().map((id) => [folded(this.words[id]), id]));
    const count = (counts, each) => counts.set(each, (counts.get(each) ?? 0) + 1);
    for (const play of this.plays) for (const name of play.names) count(this.often, name);
  }

  id(token) { return this.pieces(token).at(-1); }

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
  flag(token, flag) { return Boolean(this.flags[this.ids.get(token)] & flag); }
  marker(token) { return has(MARKERS, this.kind(token)); }
  found(name) { return this.words[this.named.get(folded(name))]; }
  kind(token) {
    if (this.ids.has(token)) return this.kinds[this.ids.get(token)];
    if (!/[\p{L}\p{N}]/u.test(token)) return UNWRITTEN;
    return token[0] === "'" && !this.alone.includes(folded(token)) ? CLITIC : WORD;
  }

  // Returns the words that the corpus never has after one, though it often has both.
  never(last) {
    const part = (name) => this.arrays[`trigrams/${name}`] ?? [], counts = part("counts"), least = (3 * sumOf(counts)) / counts[last];
    const follow = new Set(part("bigrams/words").slice(...part("bigrams/rows").slice(last, last + 2)));
    return [...counts.keys()].filter((word) => counts[word] >= least && !follow.has(word));
  }

  // Returns what may begin a line of verse at a token: 0 a sentence, 1 a name, 2 a word with a capital nowhere else.
  start(before, token) {
    if (this.kind(before) === ENDER && (!this.marker(token) || token === "<open-brack>")) return 0;
    if (this.marker(before) || this.marker(token) || !/^'*\p{Lu}/u.test(token)) return -1;
    return this.flag(token, OPENING) ? 2 : 1;
  }

  // Returns the words and marks of a text.
  split(text) {
    const plain = text.normalize("NFC").replace(/[’‘`´]/g, "'").replace(/«/g, "“").replace(/»/g, "”");
    const shortened = plain.replace(/(?<![\p{L}\p{N}_'])'[\p{L}\p{N}]+/gu, (word) => (this.aphaeresis.includes(folded(word)) ? word : `’${word.slice(1)}`));
    const ends = (piece) => (/\?/.test(piece) ? "<question>" : /!/.test(piece) ? "<exclamation>" : /…|\..*\./s.test(piece) ? "<ellipsis>" : "<eos>");
    const token = (piece) => (/^[.?!…]/.test(piece) ? ends(piece) : /^(--|[—–―])/.test(piece) ? "--" : piece);
    return (shortened.match(PIECES) ?? []).filter((piece) => !/^[*\\|<>{}~]$/.test(piece)).map(token);
  }

  // Returns the tokens of a speech or a direction, its brackets and quotes balanced and its last sentence ended.
  body(text) {
    const open = [], found = [];
    const close = (group) => { while (open.includes(group)) found.push(`<${open.at(-1) === "brack>" ? "close-" : "eo"}${open.pop()}`); };
    let said = false;
    for (const piece of this.split(text)) {
      const mark = piece === '"' ? (open.includes("quote>") ? "/quote>" : "quote>") : GROUPS[piece], kind = this.kind(piece);
      if (mark?.[0] === "/") close(mark.slice(1));
      else if (!mark) found.push(piece);
      else if (!open.includes(mark)) found.push(`<${mark === "brack>" ? "open-" : "bo"}${mark}`), open.push(mark);
      if (!mark && !open.includes("brack>") && kind !== COMMA && kind !== DASH) said = kind !== ENDER;
    }
    if (open.length) close(open[0]);
    return said ? [...found, "<eos>"] : found;
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
      const body = this.body(words), ended = this.kind(body.at(-1) ?? "") === ENDER ? [] : ["<eos>"];
      return body.length ? (name ? ["<boname>", name, "<eoname>", ...body] : ["<open-exp>", ...body, ...ended, "<close-exp>"]) : [];
    });
    if (!open && /[\p{L}\p{N},;:'’-]\s*$/u.test(text) && this.kind(tokens.at(-1) ?? "") === ENDER) tokens.pop();
    return { tokens, open, form, heard: [...new Set([open, ...events.map(({ name }) => name).reverse()])].filter(Boolean) };
  }

  // Returns who may speak: those of the scene, and the people of a play, or of the one that is most like the scene.
  cast(heard, chosen, seed) {
    const shared = (play) => heard.filter((name) => play.names.includes(this.ids.get(name))).length;
    const most = Math.max(...this.plays.map(shared)), likely = this.plays.filter((each) => shared(each) === most);
    const play = chosen ?? likely[new Random(...seed, 0xca57).below(likely.length)];
    const alone = !chosen && heard.length > 1 && (!play || shared(play) * 2 < heard.length), voices = new Map();
    const [own, all] = [play?.names ?? this.speakers, this.speakers].map((ids) => ids.map((id) => this.words[id]));
    const free = [...new Set([...own, ...all])].filter((name) => !heard.includes(name));
    for (const name of heard) if (!this.ids.has(name) && free.length) voices.set(name, free.shift());
    const names = (alone ? heard : [...heard, ...own]).map((name) => this.ids.get(voices.get(name) ?? name));
    const others = heard.filter((name) => !own.includes(name)).map((name) => this.ids.get(name));
    const near = this.plays.filter((each) => each === play || others.some((id) => each.names.includes(id))).flatMap((each) => each.proper);
    const known = new Set([...[...heard, ...own].flatMap(parts), ...near.map((id) => folded(this.words[id]))]);
    const strangers = this.plays.flatMap((each) => each.proper).filter((id) => !known.has(folded(this.words[id])));
    return { names: [...new Set(names)].filter((id) => id !== undefined), voices, strangers, play };
  }
}

// One script while it is written.
class Script {
  constructor(model, words, { names, voices, strangers, play }, reader) {
    Object.assign(this, { model, names: new Set(names), voices, strangers, reader, budget: words, tokens: [], at: 0, used: 0, width: 0 });
    Object.assign(this, { speaker: -1, aside: 0, silent: false, mark: "", outer: "", verse: false, breaks: [] });
    this.longest = Math.max(0, ...names.map((id) => model.words[id].split("_").length - 1));
    this.widths = (play ?? model.plays.find((each) => each.verse))?.verse ? model.widths : [];
    this.proper = (play?.proper ?? []).filter((id) => !model.titles.includes(folded(model.words[id])) && !isUpper(model.words[id]));
  }

  copy() {
    const own = { reader: this.reader.copy(), tokens: [...this.tokens], breaks: [...this.breaks] };
    return Object.assign(Object.create(Script.prototype), this, own);
  }
  get position() { return this.model.grammar[this.at]; }
  get last() { return this.tokens.at(-1) ?? ""; }
  get left() { return this.budget - this.used; }
  get titled() { return this.position.last === "word" && this.model.flag(this.last, CAPITAL); }
  get over() { return has(SPEECH_ENDS, this.model.kind(this.last)) && this.tokens.length > this.given + 1; }  // a speech, or a direction
  get ended() {
    const enough = this.used >= this.budget - Math.min(60, Math.max(Math.floor(this.budget / 8), 4)) && !this.silent;
    return this.position.final && (this.left <= 1 || enough);
  }
  endsLine(start) { return this.widths.length > 0 && this.width >= this.widths[start]; }
  put(token, kind) {
    const { model, position } = this, named = ["name", "named"].includes(position.place), [next, cost] = position.moves[kind];
    const breaks = this.endsLine(this.tokens.length && !position.bracketed ? model.start(this.last, token) : -1), marker = model.marker(token);
    if (breaks && position.place === "speech" && (this.verse ||= model.start(this.last, token) === 2)) this.breaks.push(this.tokens.length);
    this.width = (named || breaks ? 0 : this.width) + (marker ? 1 : token.length + (!has(bits(COMMA, DASH), kind) && token[0] !== "'"));
    this.verse &&= !named && this.width <= 70;
    this.used += cost + (named ? token.split("_").length - 1 : 0);
    this.at = next;
    if (kind === OPEN_BRACKET) [this.outer, this.mark] = [this.mark, token];
    else if (marker) this.mark = kind === CLOSE_BRACKET ? this.outer : token;
    this.aside = this.position.grouped || this.position.place === "exposition" ? this.aside + 1 : 0;
    this.silent = kind === CLOSE_NAME || (this.silent && (this.position.bracketed || kind !== WORD));
    this.tokens.push(token);
    if (kind === NAME || kind === OPEN_DIRECTION) this.speaker = kind === NAME ? model.id(token) : -1;
    return model.id(token);
  }

  // Writes given tokens down; marks that the grammar forbids there are left out.
  force(tokens, counted) {
    tokens.forEach((token, number) => {
      let kind = this.position.place === "name" ? NAME : this.model.kind(token);
      if (kind === CLITIC && !this.position.moves[kind]) kind = WORD;
      if (!this.position.moves[kind]) return;
      this.put(token, kind);
      if (counted || number >= tokens.length - MOST_READ) this.model.pieces(token).forEach((id) => this.reader.read(id));
      if (!counted) this.used = 0;
    });
  }

  // Returns the kinds that may come next, as bits, and leave enough words to close everything.
  allowed() {
    const { position } = this, able = Object.keys(position.moves).filter((kind) => this.left > 16 + this.longest || this.affordable(kind));
    const kinds = bits(...able) & ~bits(UNWRITTEN);
    if (this.aside >= LONGEST_ASIDE && kinds & CLOSERS) return kinds & (CLOSERS | bits(CLITIC));
    const turns = this.tokens.length === this.given && position.final && this.last !== "<close-brack>";
    if (turns && has(kinds, OPEN_NAME)) return kinds & SPEECH_ENDS;  // the scene ends with a whole speech
    if (this.titled && has(kinds, WORD)) return bits(WORD);
    const more = this.model.kind(this.last) === CLOSE_NAME ? 0 : bits(OPEN_BRACKET);
    return (this.silent && kinds & ~SPEECH_ENDS & ~more) || kinds;
  }
  affordable(kind) {
    const [next, cost] = this.position.moves[kind], after = this.model.grammar[next], name = Number(kind) === OPEN_NAME ? this.longest : 0;
    const spare = this.left - cost - after.pieces - name;
    return spare > 0 || (spare === 0 && after.steps < this.position.steps);
  }

  // Returns the logits of the names that may come next.
  cued() {
    const often = (id) => Math.log(this.model.often.get(id) ?? 1), others = [...this.names].some((id) => id !== this.speaker);
    return this.reader.predict().map((logit, id) => (this.names.has(id) && !(others && id === this.speaker) ? logit - often(id) : -Infinity));
  }

  // Returns the logits of the tokens that may come next.
  permitted() {
    const { model, position, last } = this, is = (...lasts) => lasts.includes(position.last);
    if (position.place === "name") return this.cued();
    const logits = this.reader.predict(), out = new Set([...this.strangers, ...model.never(model.id(last))]);
    const allowed = this.allowed(), possible = (logit, id) => (has(allowed, model.kinds[id]) ? logit : -Infinity);
    const verse = position.place === "speech" && !position.bracketed && this.endsLine(2);
    const capital = this.titled || (!position.sentence && model.flag(this.mark, CAPITAL));
    const banned = (position.sentence && is("word", "clitic", "comma", "dash") && !verse ? OPENING : 0) | (capital ? SMALL : 0);
    for (const id of (position.bracketed && is("opener") && model.pronouns[this.speaker]) || []) out.add(id);
    const people = this.titled && !isUpper(last) ? this.proper : [];
    const wrong = (id) => model.flags[id] & banned || out.has(id) || (people.length && !people.includes(id));
    const found = logits.map((logit, id) => (wrong(id) ? -Infinity : possible(logit, id)));
    return found.some((logit) => logit > -Infinity) ? found : logits.map(possible);
  }

  next(temperature, random) {
    const id = choose(this.permitted(), temperature, this.model.nucleus, random), token = this.model.words[id];
    this.reader.read(this.put(token, this.position.place === "name" ? NAME : this.model.kinds[id]));
  }

  // Returns tokens as text: a speech or a direction a paragraph, verse in lines.
  printed() {
    const names = new Map([...this.voices].map(([name, voice]) => [voice, name])), paragraphs = [""];
    let before = "";
    this.tokens.slice(this.given).forEach((token, at) => {
      const kind = before === "<boname>" ? NAME : this.model.kind(token), line = paragraphs.at(-1), broken = this.breaks.includes(this.given + at);
      const close = has(ATTACHED, kind) || /(^|’|--|¿|¡|<(open-brack|open-exp|boquote|eoname)>)$/.test(before) || broken;
      const said = token === "<eos>" && /(--|[.?!…])$/.test(before) ? "" : (MARKS[token] ?? token).replace(/^’|’$/, "'");
      if (has(SPEECH_ENDS, kind)) paragraphs.push("");
      else if (kind === CLOSE_NAME || kind === CLOSE_DIRECTION) paragraphs.push(kind === CLOSE_NAME ? paragraphs.pop() + this.form : `(${paragraphs.pop()})`);
      else if (kind === NAME) paragraphs.push(paragraphs.pop() + (names.get(token) ?? token).replaceAll("_", " "));
      else paragraphs.push(paragraphs.pop() + (broken ? "\n    " : close || !line || !said ? "" : " ") + said);
      before = token;
    });
    return paragraphs.filter(Boolean).join("\n\n");
  }
}

// Returns a script that has read a scene and goes on from there; who is named at its end, or here, speaks next.
function opened(model, scene, words, temperature, seed, play = null, speaker = "") {
  const { tokens, heard, open, form } = model.read(scene), says = open || (model.found(nameToken(speaker)) ?? nameToken(speaker));
  const cast = model.cast([...new Set([says, ...heard])].filter(Boolean), play, seed), voice = (name) => cast.voices.get(name) ?? name;
  cast.strangers = cast.strangers.filter((id) => !tokens.includes(model.words[id]));
  const script = new Script(model, words, cast, new Reader(model.arrays, model.described, temperature));
  const ends = says && tokens.length && model.kind(tokens.at(-1)) !== ENDER && tokens.at(-1) !== "<close-exp>" ? ["<eos>"] : [];
  script.reader.read(model.first);
  script.force([...tokens, ...ends].map((token, at) => (tokens[at - 1] === "<boname>" ? voice(token) : token)), false);
  Object.assign(script, { given: script.tokens.length, form });
  if (says) script.force(["<boname>", voice(says), "<eoname>"], true);
  return script;
}
