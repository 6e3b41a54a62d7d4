'use strict';
// The call tree of one request: rectangles as wide as their bytecodes, what is called below what calls it.
const ROW = 22;
const SVG = 'http://www.w3.org/2000/svg';
const element = (name, attributes) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
};

// A call in one tree, or in two: its frames in either, null where it is not there, and the calls below it.
const alone = (frame) => ({a: null, b: frame, below: (frame[3] || []).map(alone)});
const frames = (tree) => [tree, ...(tree[3] || []).flatMap(frames)];
function both(joined, a, b) {
  let at = 0;
  const call = () => {
    const [i, j, count] = joined.slice(at, at += 3);
    return {a: a[i] || null, b: b[j] || null, below: Array.from({length: count}, call)};
  };
  return call();
}
const swapped = ({a, b, below}) => ({a: b, b: a, below: below.map(swapped)});

// What is drawn of a call: `a` and `b` are its own bytecodes in either tree, `alla` and `allb` with all that it calls.
function laid({a, b, below}, names, parent = null, depth = 0) {
  const node = {
    name: parent ? names[(b || a)[0]] : 'one request', a: a ? a[2] : 0, b: b ? b[2] : 0, calls: [a ? a[1] : 0, b ? b[1] : 0],
    only: a ? b ? '' : 'a' : 'b', parent, depth, children: [],
  };
  for (const call of below) node.children.push(laid(call, names, node, depth + 1));
  const sum = (key) => node[key] + node.children.reduce((total, each) => total + each['all' + key], 0);
  node.alla = sum('a');
  node.allb = sum('b');
  node.width = Math.max(node.a, node.b) + node.children.reduce((total, each) => total + each.width, 0);
  return node;
}
const every = (node) => [node, ...node.children.flatMap(every)];

class Icicle {
  constructor(part) {
    this.part = part;
    this.data = DATA.parts[Number(part.dataset.source)].tree;
    this.place = one('.icicle', part);
    this.detail = one('.detail', part);
    this.layer = one('[name=layer]', part);
    this.against = one('[name=against]', part);
    this.search = one('[name=search]', part);
    this.out = one('[name=out]', part);
    for (const each of [this.layer, this.against]) each.addEventListener('change', () => this.load());
    this.search.addEventListener('input', () => this.find());
    this.out.addEventListener('click', () => this.zoom(this.root));
    this.place.addEventListener('keydown', (event) => this.key(event));
    this.width = 0;
    new ResizeObserver(() => { if (this.place.clientWidth !== this.width) this.draw(); }).observe(this.place);
    this.load();
  }

  load() {
    // Of two versions, `before` has side A of each layer, and `trees` side B.
    const {trees, before, joined, names} = this.data;
    const layer = this.layer.value, against = this.against.value;
    this.own = before ? 'B' : layer;
    this.differs = against !== '' && against !== this.own;
    const tree = frames(trees[layer]), other = this.differs && frames((before || trees)[before ? layer : against]);
    const forth = this.differs && joined[against] && joined[against][layer];
    const call = !this.differs ? alone(trees[layer])
      : forth ? both(forth, other, tree) : swapped(both(joined[layer][against], tree, other));
    this.root = laid(call, names);
    this.nodes = every(this.root);
    this.depth = Math.max(...this.nodes.map((each) => each.depth));
    this.zoom(this.root, false);
  }

  zoom(node, focus = true) {
    this.top = node;
    this.out.disabled = node === this.root;
    this.draw();
    if (focus) this.focus(node);
  }

  draw() {
    this.width = this.place.clientWidth;
    if (!this.width) return;
    const above = [];
    for (let each = this.top.parent; each; each = each.parent) above.unshift(each);
    const deepest = Math.max(...every(this.top).map((each) => each.depth));
    const svg = element('svg', {height: (deepest + 1) * ROW, role: 'group', 'aria-label': `Calls of one ${this.layer.value} request`});
    above.forEach((each) => this.box(svg, each, 0, this.width));
    this.lay(svg, this.top, 0, this.width);
    this.place.replaceChildren(svg);
    this.find();
  }

  lay(svg, node, left, width) {
    if (width < 0.8) return;
    this.box(svg, node, left, width);
    let at = left;
    for (const child of node.children) {
      const own = width * child.width / node.width;
      this.lay(svg, child, at, own);
      at += own;
    }
  }

  box(svg, node, left, width) {
    const group = element('g', {tabindex: node === this.top ? 0 : -1, role: 'button', 'aria-label': this.words(node)});
    const [fill, ink] = this.colour(node);
    group.append(element('title', {}), element('rect', {x: left, y: node.depth * ROW, width: Math.max(width, 0.8), height: ROW, fill, rx: 2}));
    group.firstChild.textContent = this.words(node);
    const label = this.label(node, width - 10);
    if (label) {
      const text = element('text', {x: left + 5, y: node.depth * ROW + 15, fill: ink});
      text.textContent = label;
      group.append(text);
    }
    group.addEventListener('click', () => this.zoom(node === this.top && node.parent ? node.parent : node));
    for (const each of ['focus', 'mouseenter']) group.addEventListener(each, () => { this.detail.textContent = this.words(node); });
    group.node = node;
    node.group = group;
    svg.append(group);
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
    const calls = node === this.root ? '' : `, called ${count(node.calls[1])} times`;
    return `${name}: ${count(node.allb)} bytecodes with all that it calls, ${number(share, 1)}% of the request; ${count(node.b)} of its own${calls}`;
  }

  find() {
    const wanted = this.search.value.trim().toLowerCase();
    const found = wanted ? this.nodes.filter((each) => each.parent && each.name.toLowerCase().includes(wanted)) : [];
    const hits = new Set(found);
    for (const group of all('g', this.place)) group.classList.toggle('dim', Boolean(wanted) && !hits.has(group.node));
    if (!wanted) { this.detail.textContent = this.words(this.top); return; }
    const own = found.reduce((total, each) => total + each.b, 0);
    const functions = new Set(found.map((each) => each.name)).size;
    this.detail.textContent = `${functions} function${functions === 1 ? '' : 's'} in ${found.length} place${found.length === 1 ? '' : 's'}: ${number(own)} bytecodes of their own, ${number(100 * own / (this.root.allb || 1), 1)}% of the request`;
  }

  focus(node) {
    if (!node.group || !node.group.isConnected) return;
    for (const each of all('g[tabindex="0"]', this.place)) each.setAttribute('tabindex', -1);
    node.group.setAttribute('tabindex', 0);
    node.group.focus({preventScroll: true});
  }

  key(event) {
    const node = event.target.node;
    if (!node) return;
    const visible = (each) => each && each.group && each.group.isConnected;
    const among = (node.parent ? node.parent.children : [node]).filter(visible);
    const next = {
      ArrowDown: () => node.children.find(visible),
      ArrowUp: () => node.parent,
      ArrowRight: () => among[among.indexOf(node) + 1],
      ArrowLeft: () => among[among.indexOf(node) - 1],
    }[event.key];
    if (next) { const found = next(); if (visible(found)) this.focus(found); }
    else if (event.key === 'Enter' || event.key === ' ') this.zoom(node);
    else if (event.key === 'Escape') this.zoom(this.top.parent || this.root);
    else return;
    event.preventDefault();
  }
}

all('section.tree').filter((each) => one('.icicle', each)).forEach((each) => { each.icicle = new Icicle(each); });
