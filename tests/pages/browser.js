// What is wrong with the page as it is shown, a line each.
const found = [];
const shown = (each) => each.getClientRects().length && each.textContent.trim() && getComputedStyle(each).opacity !== '0' && each.getAttribute('opacity') !== '0';
if (document.documentElement.scrollWidth > innerWidth) found.push(`the page is ${document.documentElement.scrollWidth} wide`);
for (const svg of document.querySelectorAll('.chart svg, .icicle svg')) {
  if (!svg.getClientRects().length) continue;
  const where = svg.closest('section').dataset.part;
  const texts = [...svg.querySelectorAll('text')].filter(shown).map((each) => ({each, box: each.getBoundingClientRect(), said: each.textContent}));
  for (const {box, said} of texts) if (box.left < -1 || box.right > innerWidth + 1) found.push(`cut in ${where}: ${said}`);
  for (let i = 0; i < texts.length; i++) for (let j = i + 1; j < texts.length; j++) {
    const [a, b] = [texts[i].box, texts[j].box];
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 4) found.push(`over each other in ${where}: ${texts[i].said} | ${texts[j].said}`);
  }
}
for (const each of document.querySelectorAll('main *, footer *')) {
  if (each.closest('svg, .scroll, nav, .hidden') || each.children.length || !shown(each)) continue;
  const box = each.getBoundingClientRect();
  if (box.left < -1 || box.right > innerWidth + 1) found.push(`cut: ${each.textContent.slice(0, 60)}`);
}
return found;
