// What predicts the next word: the network, its trigrams and its cache.

// Returns the file of the page: arrays by name, whole numbers with a scale for each row as floats, and the description.
async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const file = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  const start = 8 + new DataView(file).getUint32(0, true);
  const { __metadata__: described, ...entries } = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, start - 8)));
  const kinds = { I8: Int8Array, U16: Uint16Array, I32: Int32Array, F32: Float32Array }, arrays = {};
  for (const [name, { dtype, data_offsets: [from, to] }] of Object.entries(entries))
    arrays[name] = new kinds[dtype](file.slice(start + from, start + to));
  for (const [name, array] of Object.entries(arrays))
    if (array instanceof Uint16Array) arrays[name] = Float32Array.from(array, (root) => (root / 65535) ** 2);
    else if (array instanceof Int8Array) {
      const scales = arrays[`${name}/scales`], width = array.length / scales.length;
      arrays[name] = Float32Array.from(array, (whole, at) => whole * scales[Math.floor(at / width)]);
    }
  return { arrays, described: JSON.parse(described.page) };
}

// Returns a matrix, row by row, times a vector; four sums at once take a third of the time.
function product(matrix, vector, rows) {
  const width = vector.length, even = width - (width % 4), into = new Float32Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let a = 0, b = 0, c = 0, d = 0, column = 0;
    for (; column < even; column += 4, at += 4) {
      a += matrix[at] * vector[column];
      b += matrix[at + 1] * vector[column + 1];
      c += matrix[at + 2] * vector[column + 2];
      d += matrix[at + 3] * vector[column + 3];
    }
    for (; column < width; column++) a += matrix[at++] * vector[column];
    into[row] = a + b + c + d;
  }
  return into;
}
const dot = (one, other) => product(one, other, 1)[0], sumOf = (numbers) => numbers.reduce((sum, each) => sum + each, 0);
const highestOf = (numbers) => numbers.reduce((highest, each) => (each > highest ? each : highest), -Infinity);

// Returns the logarithm of the sum of the exponentials of numbers.
function logSum(numbers) {
  const highest = highestOf(numbers);
  return highest + Math.log(numbers.reduce((sum, each) => sum + Math.exp(each - highest), 0));
}

// Reads one text word by word: its state is the network's, the last word, and the cache. `temperature` is the network's.
class Reader {
  constructor(arrays, described, temperature) {
    Object.assign(this, { arrays, described, temperature, last: -1, kept: [], present: null });
    this.layers = Object.keys(arrays).filter((name) => name.endsWith("/recurrent")).map((name) => name.replace("recurrent", ""));
    this.clear();
  }
  clear() {
    const zeros = (layer) => new Float32Array(this.arrays[`${layer}bias`].length / 4);
    this.states = this.layers.sort().map((layer) => ({ output: zeros(layer), cell: zeros(layer) }));
  }
  copy() { return Object.assign(Object.create(Reader.prototype), this); }  // what it holds is replaced, never changed

  read(token) {
    const { arrays, described } = this;
    if (token === described.document) this.clear();
    const width = arrays.embedding.length / described.words.length;
    let vector = arrays.embedding.subarray(token * width, (token + 1) * width);
    this.states = this.states.map((state, at) => {
      const next = cellOf(arrays, this.layers[at], vector, state);
      vector = next.output;
      return next;
    });
    if (arrays.projection) vector = product(arrays.projection, vector, arrays.projection.length / vector.length);
    Object.assign(this, { before: this.last, last: token, vector });
    if (arrays["cache/age"]) this.keep(token, vector);
  }

  // Returns the logarithms of the probabilities of the next word, times the temperature.
  predict() {
    const { arrays, described, vector, before, last } = this;
    const scores = product(arrays["output/kernel"] ?? arrays.embedding, vector, described.words.length);
    const logits = Float64Array.from(scores, (score, word) => score + arrays["output/bias"][word]);
    if (arrays["output/tail"]) {  // rare words share the probability of one entry
      const rare = dot(arrays["output/tail"], vector) + arrays["output/tail_bias"][0] - logSum(logits.subarray(described.cutoff));
      for (let word = described.cutoff; word < logits.length; word++) logits[word] += rare;
    }
    const counted = arrays["trigrams/words"] ? this.counted(before, last, logits) : logits;
    return arrays["cache/age"] ? this.mixed(vector, counted) : counted;
  }

  // Mixes the predictions with those of the trigrams, after two tokens.
  counted(before, token, logits) {
    const part = (name) => this.arrays[`trigrams/${name}`], expected = Float64Array.from(part("words"));
    const mix = (table, row) => {
      const [rows, words, shares, backoff] = ["rows", "words", "shares", "backoffs"].map((name) => part(`${table}/${name}`));
      for (let word = 0; word < expected.length; word++) expected[word] *= backoff[row];
      for (let at = rows[row]; at < rows[row + 1]; at++) expected[words[at]] += shares[at];
    };
    mix("bigrams", token);
    const [from, end] = before < 0 ? [0, 0] : part("bigrams/rows").subarray(before, before + 2);
    const at = part("bigrams/words").subarray(from, end).indexOf(token), total = logSum(logits), share = part("share")[0];
    if (at >= 0) mix("trigrams", from + at);
    return logits.map((logit, word) => {
      const likely = Math.exp(logit - total);
      return Math.log(Math.max(likely + share * (expected[word] - likely), 1e-37));
    });
  }

  // Keeps a word with the direction of what preceded it, the newest first.
  keep(token, vector) {
    const kept = this.present ? [{ token, key: this.present }, ...this.kept].slice(0, this.arrays["cache/age"].length) : [];
    this.kept = token === this.described.document ? [] : kept;
    const length = Math.max(Math.sqrt(dot(vector, vector)), 1e-12);
    this.present = vector.map((each) => each / length);
  }

  // Mixes the predictions, at the temperature, with copies of recent words that followed what is like the present.
  mixed(vector, logits) {
    const { arrays, described: { copied }, temperature } = this, age = arrays["cache/age"], again = new Map();
    const sentinel = dot(arrays["cache/gate"], vector) + arrays["cache/bias"][0], sharpness = arrays["cache/sharpness"][0];
    const score = ({ key }, at) => sharpness * (dot(key, this.present) - 1) + age[at] - sentinel;
    const odds = this.kept.map((each, at) => Math.exp(Math.min(score(each, at), 30))), all = sumOf(odds);
    this.kept.forEach(({ token }, at) => again.set(token, (again.get(token) ?? 0) + copied * odds[at] / (1 + all)));
    const less = Math.log((1 + (1 - copied) * all) / (1 + all)) - logSum(logits.map((each) => each / temperature));
    const network = logits.map((each) => each / temperature + less);
    for (const [word, weight] of again) network[word] = logSum([network[word], Math.log(weight)]);
    return network.map((each) => each * temperature);
  }
}

// Returns the state of an LSTM layer after an input; gates are input, forget, candidate and output.
function cellOf(arrays, layer, vector, { output, cell }) {
  const units = output.length, bias = arrays[`${layer}bias`], next = { output: new Float32Array(units), cell: new Float32Array(units) };
  const gates = product(arrays[`${layer}kernel`], vector, 4 * units), again = product(arrays[`${layer}recurrent`], output, 4 * units);
  const gate = (part, at) => gates[part * units + at] + again[part * units + at] + bias[part * units + at];
  const sigmoid = (value) => 1 / (1 + Math.exp(-value));
  for (let at = 0; at < units; at++) {
    next.cell[at] = sigmoid(gate(1, at)) * cell[at] + sigmoid(gate(0, at)) * Math.tanh(gate(2, at));
    next.output[at] = sigmoid(gate(3, at)) * Math.tanh(next.cell[at]);
  }
  return next;
}

// Draws a word from the likeliest ones that hold a share `nucleus` of the probability (Holtzman et al., arXiv:1904.09751).
function choose(logits, temperature, nucleus) {
  const highest = highestOf(logits), weights = logits.map((each) => Math.exp((each - highest) / temperature));
  const enough = nucleus * sumOf(weights);
  for (;;) {
    let point = Math.random() * sumOf(weights), word = 0;
    while (word < weights.length - 1 && point >= weights[word]) point -= weights[word++];
    const least = weights[word];
    if (sumOf(weights.filter((each) => each > least)) < enough) return word;
    for (let at = 0; at < weights.length; at++) if (weights[at] <= least) weights[at] = 0;
  }
}
