'use strict';
const DATA = JSON.parse(document.getElementById('data').textContent);
const all = (what, where = document) => [...where.querySelectorAll(what)];
const one = (what, where = document) => where.querySelector(what);

// The address: #own_ms=5&rps=2000&show=1, and the keys of the call tree. A value of null is left out of it.
const address = {
  whole: {layer: null, against: null, zoom: null, search: null},
  ofTree(given) { return Object.keys(this.whole).some((key) => key in given); },
  get: () => Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
  set(values, push = false) {
    const all = new URLSearchParams(location.hash.slice(1));
    for (const [key, value] of Object.entries(values)) if (value === null) all.delete(key); else all.set(key, value);
    const hash = String(all) && `#${all}`;
    history[push && hash !== location.hash ? 'pushState' : 'replaceState']({}, '', hash || location.pathname + location.search);
  },
};

// Several records: one is shown at a time, all of them where there is no script.
function show(number) {
  const articles = all('article');
  if (!(number >= 0 && number < articles.length)) number = 0;
  articles.forEach((each, place) => { each.hidden = place !== number; });
  all('nav a').forEach((each, place) => {
    if (place === number) each.setAttribute('aria-current', 'page'); else each.removeAttribute('aria-current');
  });
}
all('nav a').forEach((link) => link.addEventListener('click', (event) => {
  event.preventDefault();
  address.set({show: link.dataset.show, ...address.whole}, true);
  dispatchEvent(new Event('hashchange'));
}));

// What it means for you
const number = (value, digits = 0) => value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
const few = (value) => value < 0.1 ? number(value, 3) : value < 10 ? number(value, 2) : number(value, 1);
function yours(part, source, own_ms, rps) {
  const {layers} = DATA.parts[source].yours;
  const rows = all('tbody tr', part);
  const byName = Object.fromEntries(rows.map((row) => [row.cells[0].textContent, row]));
  let dearest = null;
  for (const {layer, cpu_us} of layers) {
    const whole = own_ms * 1000 + cpu_us;
    const share = 100 * cpu_us / whole;
    const values = [share, whole / 1000, 1e6 / whole, rps * whole / 1e6];
    const shown = [number(share, 1), few(values[1]), number(values[2]), few(values[3])];
    [...byName[layer].cells].slice(1).forEach((cell, place) => {
      cell.dataset.value = values[place];
      cell.textContent = shown[place];
    });
    const bar = document.createElement('span');
    bar.className = 'bar';
    bar.append(document.createElement('i'));
    bar.firstChild.style.width = share + '%';
    byName[layer].cells[1].prepend(bar);
    if (!dearest || share > dearest.share) dearest = {layer, share, cores: values[3], without: rps * own_ms / 1000};
  }
  all('output', part).forEach((each) => {
    each.textContent = each.dataset.for === 'own_ms' ? `${own_ms.toLocaleString('en-US')} ms` : rps.toLocaleString('en-US');
  });
  const {layer, share, cores, without} = dearest;
  one('.sentence', part).textContent = `At ${rps.toLocaleString('en-US')} requests per second with ${own_ms.toLocaleString('en-US')} ms of your own work in each, `
    + `${layer} and what is below it are ${number(share, 1)}% of a request: ${few(cores)} cores are needed, ${few(without)} of them for your own work.`;
}
const nearest = (steps, value) => steps.reduce((best, each, place) => Math.abs(each - value) < Math.abs(steps[best] - value) ? place : best, 0);
const positive = (text, otherwise, least) => { const value = Number(text); return text !== undefined && text !== '' && Number.isFinite(value) && value >= least && value <= 1e9 ? value : otherwise; };
function allYours() {
  const given = address.get();
  all('section.yours').forEach((part) => {
    const source = Number(part.dataset.source);
    const {at, own_ms, rps} = DATA.parts[source].yours;
    const values = {own_ms: positive(given.own_ms, at[0], 0), rps: positive(given.rps, at[1], 1)};
    one('[name=own_ms]', part).value = nearest(own_ms, values.own_ms);
    one('[name=rps]', part).value = nearest(rps, values.rps);
    all('input', part).forEach((each) => each.setAttribute('aria-valuetext', each.name === 'own_ms' ? `${values.own_ms} ms` : `${values.rps}`));
    yours(part, source, values.own_ms, values.rps);
  });
}
all('section.yours input').forEach((slider) => slider.addEventListener('input', () => {
  const part = slider.closest('section');
  const steps = DATA.parts[Number(part.dataset.source)].yours;
  address.set({[slider.name]: steps[slider.name][slider.value]});
  allYours();
}));

// Tables: sorted by a heading, copied as Markdown as they are sorted
all('.table').forEach((place) => {
  const table = one('table', place);
  const heads = all('th', table);
  heads.forEach((head, column) => one('button', head).addEventListener('click', () => {
    const body = table.tBodies[0];
    const up = head.getAttribute('aria-sort') === 'descending' || (!head.hasAttribute('aria-sort') && head.classList.contains('left'));
    heads.forEach((each) => each.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const key = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => {
      const [left, right] = [key(a), key(b)];
      if (left === undefined && right === undefined) return a.cells[column].textContent.localeCompare(b.cells[column].textContent) * (up ? 1 : -1);
      if (left === undefined || right === undefined) return left === undefined ? 1 : -1;
      return (left - right) * (up ? 1 : -1);
    };
    body.append(...[...body.rows].sort(compare));
  }));
  const button = one('.copy', place);
  button.addEventListener('click', async () => {
    const cell = (each) => each.textContent.trim().replace(/[\\`*_[\]<>&|~$]/g, '\\$&').replace(/@(?=\w)/g, '@\u2060');
    const line = (cells) => `| ${cells.join(' | ')} |`;
    const rows = [...table.tBodies[0].rows].map((row) => line([...row.cells].map(cell)));
    const markdown = [line(heads.map(cell)), line(heads.map((each) => each.classList.contains('left') ? '---' : '---:')), ...rows].join('\n') + '\n';
    button.dataset.copied = markdown;
    try {
      await navigator.clipboard.writeText(markdown);
      button.textContent = 'Copied';
    } catch {
      const area = document.createElement('textarea');
      area.value = markdown;
      document.body.append(area);
      area.select();
      button.textContent = document.execCommand('copy') ? 'Copied' : 'Cannot copy here';
      area.remove();
    }
    setTimeout(() => { button.textContent = 'Copy as Markdown'; }, 1500);
  });
});

const fromAddress = () => { allYours(); show(Number(address.get().show || 0)); };
window.addEventListener('hashchange', fromAddress);
fromAddress();
