'use strict';
// The call tree of one request: rectangles as wide as their bytecodes, what is called below what calls it.
// Its address: #layer=fastapi&against=starlette&zoom=starlette:Route.handle&search=json; zoom=NAME~2 is the second call.
const ROW = 24;
const element = (name, attributes) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

// Calls that are alike are stored once; here each is an object of its own.
function calls(place) {
  const [name, count, own, ...below] = DATA.calls[place];
  return {name: DATA.names[name], calls: count, own, below: below.map(calls)};
}

// Two call trees in one: `a` and `b` are a call's frames in either, null where it is not there. Calls of the same
// function from the same place are one call. Where a call is in one tree only, the nearest call of the same function,
// below one that is in the other tree only, is taken for it: a layer that is wrapped in another stays the same layer.
function join(a, b, twins = new Map()) {
  const keyed = new Map();
  [a, b].forEach((frame, side) => {
    const seen = new Map();
    for (const child of frame ? frame.below : []) {
      seen.set(child.name, (seen.get(child.name) || 0) + 1);
      const key = `${seen.get(child.name)} ${child.name}`;
      if (!keyed.has(key)) keyed.set(key, [null, null]);
      keyed.get(key)[side] = child;
    }
  });
  let pairs = [...keyed.values()];
  for (const pair of pairs) {
    const side = pair[0] ? 0 : 1;
    pair[1 - side] ||= twins.get(pair[side]) || null;
  }
  for (const side of [0, 1]) {
    for (const pair of pairs.filter((each) => !each[1 - side])) {
      let others = pairs.filter((each) => !each[side]).map((each) => each[1 - side]), twin;
      while (others.length && !twin) {
        twin = others.find((each) => each.name === pair[side].name && !twins.has(each));
        others = others.flatMap((each) => each.below);
      }
      if (!twin) continue;
      twins.set(twin, pair[side]);
      pairs = pairs.filter((each) => each !== pair);
    }
  }
  return {a, b, below: pairs.map((pair) => join(...pair, twins))};
}

// What is drawn of a call: `a` and `b` are its own bytecodes in either tree, `alla` and `allb` with all that it calls.
function laid({a, b, below}, parent = null, depth = 0) {
  const node = {
    name: parent ? (b || a).name : 'one request', a: a ? a.own : 0, b: b ? b.own : 0, calls: [a ? a.calls : 0, b ? b.calls : 0],
    only: a ? b ? '' : 'a' : 'b', parent, depth, children: [],
  };
  for (const call of below) node.children.push(laid(call, node, depth + 1));
  const sum = (key) => node[key] + node.children.reduce((total, each) => total + each['all' + key], 0);
  node.alla = sum('a');
  node.allb = sum('b');
  node.width = Math.max(node.a, node.b) + node.children.reduce((total, each) => total + each.width, 0);
  return node;
}
const every = (node) => [node, ...node.children.flatMap(every)];
const above = (node) => node.parent ? [...above(node.parent), node.parent] : [];
const signed = (value, digits = 0) => value.toLocaleString('en-US', {maximumFractionDigits: digits, signDisplay: 'exceptZero'});

class Icicle {
  constructor(part) {
    this.part = part;
    this.data = DATA.parts[Number(part.dataset.source)].tree;
    for (const each of ['icicle', 'detail', 'path', 'found', 'sentence']) this[each] = one(`.${each}`, part);
    for (const each of ['layer', 'against', 'search', 'next']) this[each] = one(`[name=${each}]`, part);
    for (const each of [this.layer, this.against]) each.addEventListener('change', () => { this.load(this.called(this.top)); this.write(true); });
    this.search.addEventListener('input', () => { this.find(); this.write(); });
    this.search.addEventListener('keydown', (event) => {
      const by = {Enter: event.shiftKey ? -1 : 1, ArrowDown: 1, ArrowUp: -1}[event.key];
      if (by) { this.step(by); event.preventDefault(); }
    });
    this.next.addEventListener('click', () => this.step(1));
    this.icicle.addEventListener('keydown', (event) => this.key(event));
    this.width = 0;
    this.hits = [];
    new ResizeObserver(() => { if (this.icicle.clientWidth !== this.width) this.root ? this.draw() : this.read(); }).observe(this.icicle);
    addEventListener('hashchange', () => this.read());
    addEventListener('beforeprint', () => this.draw(720));
    addEventListener('afterprint', () => this.draw());
    this.read();
  }

  // From the address, while it is shown: as the page has it, where the address says nothing or what is not here.
  read() {
    if (!this.icicle.clientWidth) return;
    const given = address.get();
    for (const each of [this.layer, this.against]) {
      each.value = given[each.name] ?? one('[selected]', each).value;
      if (each.selectedIndex < 0) each.value = one('[selected]', each).value;
    }
    this.search.value = given.search || '';
    this.load(given.zoom);
    if (history.state || !address.ofTree(given)) return;
    history.replaceState({}, '');
    this.part.scrollIntoView({behavior: 'instant'});
  }

  write(push = false) {
    const chosen = (select) => select.value === one('[selected]', select).value ? null : select.value;
    const zoom = this.top === this.root ? null : this.called(this.top);
    address.set({layer: chosen(this.layer), against: chosen(this.against), zoom, search: this.search.value || null}, push);
  }

  // A call as the address has it: its function, and which of its calls if that is not the first.
  called(node) {
    const place = this.nodes.filter((each) => each.name === node.name).indexOf(node);
    return node.name + (place ? `~${place + 1}` : '');
  }

  load(zoom) {
    // Of two versions, `before` has side A of each layer, and `trees` side B.
    const {trees, before} = this.data;
    const layer = this.layer.value, against = this.against.value;
    this.own = before ? 'B' : layer;
    this.differs = against !== '' && against !== this.own;
    const other = this.differs ? calls((before || trees)[before ? layer : against]) : null;
    const alone = (frame) => ({a: null, b: frame, below: frame.below.map(alone)});
    this.root = laid(other ? join(other, calls(trees[layer])) : alone(calls(trees[layer])));
    this.nodes = every(this.root);
    const [, name, place = 1] = /^(.*?)(?:~(\d+))?$/s.exec(zoom || '');
    const named = this.nodes.filter((each) => each.name === name);
    this.top = named[place - 1] || named[0] || this.root;
    this.say();
    this.draw();
    this.find();
  }

  zoom(node) {
    this.top = node;
    this.draw();
    this.write(true);
    this.focus(node);
  }

  // The sentence and the table are of the layer that is shown.
  say() {
    const functions = new Map();
    for (const {name, a, b, calls: [before, after]} of this.nodes.slice(1)) {
      const sums = functions.get(name) || functions.set(name, [0, 0]).get(name);
      sums[0] += after - (this.differs ? before : 0);
      sums[1] += b - (this.differs ? a : 0);
    }
    const rows = [...functions].sort(([, one], [, other]) => Math.abs(other[1]) - Math.abs(one[1]));
    const sum = rows.reduce((total, [, [count]]) => total + count, 0);
    const layer = this.layer.value, against = this.against.value;
    if (this.sentence) this.sentence.textContent = this.differs
      ? `${this.own} against ${against}${this.data.before ? ` on ${layer}` : ''}: ${signed(sum, 2)} Python calls, ${signed(this.delta(this.root), 2)} bytecodes per request.`
      : `One ${layer} request makes ${number(sum)} calls of ${rows.length} functions; most bytecodes are in ${rows[0][0].replace(':', ' ')}.`;
    const table = one('table', this.part);
    if (!table) return;
    const shown = (this.differs ? rows.filter(([, sums]) => sums.some((each) => Math.abs(each) > 0.005)) : rows).slice(0, 40);
    const words = this.differs ? `that differ most from ${against}: more or less in ${layer}` : `of ${layer} with the most bytecodes`;
    one('summary', this.part).textContent = `The ${shown.length} functions ${words}`;
    for (const each of all('[aria-sort]', table)) each.removeAttribute('aria-sort');
    table.tBodies[0].replaceChildren(...shown.map(([name, sums]) => {
      const row = document.createElement('tr');
      row.insertCell().textContent = name;
      row.cells[0].className = 'left';
      for (const value of sums) {
        const cell = row.insertCell();
        cell.dataset.value = value;
        cell.textContent = this.differs ? signed(value, 2) : number(value, value < 10 && value % 1 ? 2 : 0);
      }
      return row;
    }));
  }

  draw(width = this.icicle.clientWidth) {
    if (!this.icicle.clientWidth || !this.root) return;
    this.width = width;
    const deepest = Math.max(...every(this.top).map((each) => each.depth));
    const svg = element('svg', {
      viewBox: `0 0 ${width} ${(deepest - this.top.depth + 1) * ROW}`, role: 'group', 'aria-label': `Calls of one ${this.layer.value} request`,
    });
    this.drawn = new Map();
    this.lay(svg, this.top, 0, width);
    this.icicle.replaceChildren(svg);
    this.trail();
    this.mark();
  }

  lay(svg, node, left, width) {
    if (!(width >= 0.8)) return;
    svg.append(this.box(node, left, width));
    let at = left;
    for (const child of node.children) {
      const own = width * child.width / node.width;
      this.lay(svg, child, at, own);
      at += own;
    }
  }

  box(node, left, width) {
    const group = element('g', {tabindex: node === this.top ? 0 : -1, role: 'button', 'aria-label': this.words(node)});
    const [fill, ink] = this.colour(node);
    const top = (node.depth - this.top.depth) * ROW;
    group.append(element('title', {}), element('rect', {x: left, y: top, width, height: ROW, fill, rx: 2}));
    group.firstChild.textContent = this.words(node);
    const label = this.label(node, width - 10);
    if (label) {
      const text = element('text', {x: left + 5, y: top + 16, fill: ink});
      text.textContent = label;
      group.append(text);
    }
    group.addEventListener('click', () => this.zoom(node === this.top && node.parent ? node.parent : node));
    for (const each of ['focus', 'mouseenter']) group.addEventListener(each, () => { this.detail.textContent = this.words(node); });
    group.node = node;
    this.drawn.set(node, group);
    return group;
  }

  // What calls the frame that it is zoomed to, each a button; a package is named where it begins.
  trail() {
    let last = '';
    const zoomed = this.top === this.root ? [] : [...above(this.top), this.top];
    this.path.replaceChildren(...zoomed.map((node) => {
      const [name, of = ''] = node.name.split(/:(.*)/s);
      const item = document.createElement('li'), button = document.createElement('button');
      button.type = 'button';
      button.textContent = `${name === last ? '' : name} ${of.replace(/.*<locals>\./, '')}`.trim();
      button.title = node.name.replace(':', ' ');
      button.addEventListener('click', () => this.zoom(node));
      if (node === this.top) button.setAttribute('aria-current', 'true');
      last = name;
      item.append(button);
      return item;
    }));
    this.path.scrollLeft = this.path.scrollWidth;
  }

  // The longest of a function's names that fits whole: package and function, function, its last part.
  label(node, width) {
    const [, name = node.name] = node.name.split(/:(.*)/s);
    const mark = !this.differs ? '' : node.only === 'b' ? '+ ' : node.only === 'a' ? '− ' : '';
    const tries = [node.name.replace(':', ' '), name, name.split('.').at(-1)].map((each) => mark + each);
    return tries.find((each) => each.length * 6.9 <= width) || '';
  }

  delta(node) { return Math.round(100 * (node.allb - node.alla)) / 100; }

  colour(node) {
    if (node === this.root) return ['var(--under1)', 'var(--ink)'];
    if (this.differs) {
      const own = this.delta(node);
      if (!node.only && Math.abs(own) < 0.001 * this.root.width) return ['var(--under1)', 'var(--ink)'];
      if (!node.only) return own > 0 ? ['var(--soft)', 'var(--ink)'] : ['var(--under2)', 'var(--ink)'];
      return node.only === 'b' ? ['var(--accent)', 'var(--on-accent)'] : ['var(--slow)', 'var(--on-slow)'];
    }
    const part = this.data.colours[node.name.split(':')[0]] || 9;
    return [`var(--part${part})`, `var(--on${part})`];
  }

  words(node) {
    const count = (value) => number(value, value < 10 && value % 1 ? 1 : 0);
    const name = node.name.replace(':', ': ');
    if (this.differs) {
      const own = this.delta(node);
      return `${name}: ${count(node.alla)} bytecodes in ${this.against.value}, ${count(node.allb)} in ${this.own} (${own < 0 ? '−' : '+'}${count(Math.abs(own))}), with all that it calls`;
    }
    const share = 100 * node.allb / this.root.allb;
    const times = node === this.root ? '' : `, called ${node.calls[1] === 1 ? 'once' : `${count(node.calls[1])} times`}`;
    return `${name}: ${count(node.allb)} bytecodes with all that it calls, ${number(share, 1)}% of the request; ${count(node.b)} of its own${times}`;
  }

  // What a search finds; its share has a frame that is below another only once.
  find() {
    const wanted = this.search.value.trim().toLowerCase();
    this.hits = wanted ? this.nodes.filter((each) => each.parent && each.name.toLowerCase().includes(wanted)) : [];
    this.hit = null;
    const hits = new Set(this.hits);
    const sum = this.hits.filter((each) => !above(each).some((caller) => hits.has(caller))).reduce((total, each) => total + each.allb, 0);
    this.found.textContent = wanted ? `${hits.size} frame${hits.size === 1 ? '' : 's'}, ${number(100 * sum / (this.root.allb || 1), 1)}% of the request` : '';
    this.next.hidden = !hits.size;
    this.mark();
  }

  mark() {
    const wanted = this.search.value.trim();
    for (const [node, group] of this.drawn || []) {
      group.classList.toggle('dim', wanted !== '' && !this.hits.includes(node));
      group.classList.toggle('hit', node === this.hit);
    }
    this.detail.textContent = this.hit ? `${this.hits.indexOf(this.hit) + 1} of ${this.hits.length}: ${this.words(this.hit)}` : this.words(this.top);
  }

  // To the next hit, or the one before: zoomed such that it is to be seen.
  step(by) {
    if (!this.hits.length) return;
    const from = this.hit ? this.hits.indexOf(this.hit) : by > 0 ? -1 : 0;
    this.hit = this.hits.at((from + by) % this.hits.length);
    const inside = this.icicle.contains(document.activeElement);
    const callers = [...above(this.hit), this.hit];
    this.top = [this.top, ...callers].find((each) => callers.includes(each) && this.hit.width * this.width >= 4 * each.width) || this.hit;
    this.draw();
    this.write();
    if (inside) this.focus(this.hit);
    this.mark();
  }

  focus(node) {
    for (const [each, group] of this.drawn) group.setAttribute('tabindex', each === node ? 0 : -1);
    this.drawn.get(node).focus({preventScroll: true});
  }

  key(event) {
    const node = event.target.node;
    if (!node || event.ctrlKey || event.metaKey || event.altKey) return;
    const among = (node.parent ? node.parent.children : [node]).filter((each) => this.drawn.has(each));
    const next = {
      ArrowDown: () => node.children.find((each) => this.drawn.has(each)),
      ArrowUp: () => node !== this.top && node.parent,
      ArrowRight: () => among[among.indexOf(node) + 1],
      ArrowLeft: () => among[among.indexOf(node) - 1],
    }[event.key];
    if (next) { const found = next(); if (found) this.focus(found); }
    else if (event.key === 'Enter' || event.key === ' ') this.zoom(node);
    else if (event.key === 'Escape') this.zoom(this.top.parent || this.root);
    else if (event.key.toLowerCase() === 'n') this.step(event.key === 'n' ? 1 : -1);
    else return;
    event.preventDefault();
  }
}

all('section.tree').filter((each) => one('.icicle', each)).forEach((each) => { each.icicle = new Icicle(each); });

// A link to a place in the call tree: the rest of the address stays.
document.addEventListener('click', (event) => {
  const link = event.target.closest('article a[href^="#"]'), part = link && one('section.tree', link.closest('article'));
  const given = link && Object.fromEntries(new URLSearchParams(link.getAttribute('href').slice(1)));
  if (!part || !address.ofTree(given)) return;
  event.preventDefault();
  address.set({...address.whole, ...given}, true);
  dispatchEvent(new Event('hashchange'));
  part.scrollIntoView();
});
