"""Looks at reports in headless Chromium as a reader would: on a desktop, on a phone, in the dark.

    python3 tests/browser/check_report.py data/run/report/index.html [--screenshots FOLDER]

Fails if the console complains, the page is wider than the screen, letters of a figure touch or are cut off, letters
are too faint (contrast below 4.5:1), a link leads nowhere, or the page asks for anything but itself.
"""

import argparse
import pathlib
import sys

from chromium import Chromium

SCREENS = {"desktop": (1280, 900, False), "phone": (390, 844, False), "dark": (1280, 900, True), "dark-phone": (390, 844, True)}

# Two texts of one figure whose boxes share more than a hair. A box has room above and below its letters: a quarter of
# its height is taken off.
OVERLAPS = """
const found = [];
for (const figure of document.querySelectorAll('figure svg')) {
  const frame = figure.getBoundingClientRect();
  if (frame.width === 0) continue;
  const name = figure.getAttribute('aria-label') || figure.id;
  const boxes = [...figure.querySelectorAll('text')].map(text => {
    const box = text.getBoundingClientRect(), upright = box.height > box.width && text.textContent.trim().length > 2;
    const [x, y] = upright ? [box.width / 8, 0] : [0, box.height / 8];
    return {text: text.textContent.trim(), left: box.left + x, right: box.right - x, top: box.top + y, bottom: box.bottom - y};
  }).filter(box => box.text);
  boxes.forEach((a, at) => {
    if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1)
      found.push(`${name}: "${a.text}" is cut off`);
    for (const b of boxes.slice(at + 1))
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5)
        found.push(`${name}: "${a.text}" and "${b.text}" overlap`);
  });
}
return found;
"""

# WCAG's contrast of every piece of text with the nearest background that is not transparent. Letters of figures stand on
# the page; cells of a heat map are tinted so little that their letters are judged by the page too.
FAINT = """
const rgb = color => (color.match(/[\\d.]+/g) || []).map(Number);
const light = color => {
  const [r, g, b] = rgb(color).map(part => (part /= 255) <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = element => {
  for (; element; element = element.parentElement) {
    const color = getComputedStyle(element).backgroundColor, parts = rgb(color);
    if (parts.length === 3 || parts[3] === 1) return color;
  }
  return 'rgb(255, 255, 255)';
};
const found = new Set();
for (const element of document.querySelectorAll('body *')) {
  const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  if (!own || !element.getClientRects().length || ['STYLE', 'SCRIPT'].includes(element.tagName)) continue;
  const style = getComputedStyle(element), ink = element.namespaceURI.endsWith('svg') ? style.fill : style.color;
  if (ink === 'none') continue;
  const [a, b] = [light(ink), light(behind(element))].sort((a, b) => b - a), contrast = (a + 0.05) / (b + 0.05);
  if (contrast < 4.5) found.add(`"${element.textContent.trim().slice(0, 40)}" has contrast ${contrast.toFixed(1)}`);
}
return [...found];
"""

WIDER = """
const wide = [];
if (document.documentElement.scrollWidth > innerWidth + 1) {
  for (const element of document.querySelectorAll('body *')) {
    const box = element.getBoundingClientRect();
    if (box.right > innerWidth + 1 && !element.closest('.scroll, figure')) wide.push(element.tagName + ' ' + element.className);
  }
  wide.unshift(`the page is ${document.documentElement.scrollWidth} pixels wide on ${innerWidth}`);
}
return wide.slice(0, 4);
"""

UNFOLD = "document.querySelectorAll('details').forEach(part => part.open = true)"
LINKS = "return [...document.querySelectorAll('a[href]')].map(link => link.getAttribute('href'))"
ASKED = "return performance.getEntriesByType('resource').map(entry => entry.name).filter(name => !name.startsWith('data:'))"


def faults(page, report):
    """What is wrong with the report in this window."""
    page.open(report)
    page.script(UNFOLD)
    found = page.script(OVERLAPS) + page.script(FAINT) + page.script(WIDER)
    found += [f"asks for {name}" for name in page.script(ASKED)]
    for link in page.script(LINKS):
        if "://" in link or not (link.startswith("#") or (report.parent / link).exists()):
            found.append(f"the link to {link} leads nowhere")
    return found + page.complaints()


def main():
    """Looks at every report on every screen; the exit code says whether all is well."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("reports", nargs="+", type=pathlib.Path)
    arguments.add_argument("--screenshots", type=pathlib.Path, help="a folder for PNGs of every report on every screen")
    arguments = arguments.parse_args()
    n_faults = 0
    for screen, (width, height, dark) in SCREENS.items():
        with Chromium(width, height, dark) as page:
            for report in arguments.reports:
                found = sorted(set(faults(page, report)))
                n_faults += len(found)
                for fault in found:
                    print(f"{report}, {screen}: {fault}")
                if arguments.screenshots:
                    arguments.screenshots.mkdir(parents=True, exist_ok=True)
                    page.open(report)
                    page.screenshot(arguments.screenshots / f"{report.parent.parent.name}-{screen}.png")
    print(f"{len(arguments.reports)} reports on {len(SCREENS)} screens: {n_faults} faults")
    sys.exit(1 if n_faults else 0)


if __name__ == "__main__":
    main()
