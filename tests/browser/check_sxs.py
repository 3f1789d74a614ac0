"""Clicks through an annotation page as raters do, with mouse and keys, a reload in the middle, and exports the votes.

    python3 check_sxs.py PAGE DOWNLOADS     PAGE: what `finegrain sxs page --out` wrote; DOWNLOADS: where exports go

Ends with 1 and the reason if anything is not as it should be. Writes DOWNLOADS/expected.json: what each rater chose, by
the image, to be compared with what `finegrain sxs tally` counts. With SCREENSHOTS=FOLDER it leaves pictures to look at.
"""

import json
import os
import pathlib
import sys
import time

from chromium import Chromium

PAGE, DOWNLOADS = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
SCREENSHOTS = os.environ.get("SCREENSHOTS")
KEYS = {"left": "1", "right": "2", "unsure": "3"}


def check(holds, what):
    if not holds:
        sys.exit(f"check_sxs: {what}")


def look(page, name):
    if SCREENSHOTS:
        page.screenshot(pathlib.Path(SCREENSHOTS) / f"{name}.png", whole=False)


def data(page):
    return page.script("const d = JSON.parse(document.getElementById('page-data').textContent);"
                       "d.pairs.forEach(p => p.images.forEach(i => { i.src = ''; })); return d")


def begin(page, rater):
    page.wait("return !document.getElementById('start').hidden")
    page.script("document.getElementById('rater').value = ''")
    page.click("#rater")
    page.keys(rater + "\n")
    page.wait("return !document.getElementById('tasks').hidden")


def shown(page):
    """The question that is to be seen: its prompt, and the images on either side."""
    return page.script("""
        const id = (side) => document.getElementById(side).src;
        const data = JSON.parse(document.getElementById('page-data').textContent);
        const absolute = (src) => new URL(src, document.baseURI).href;
        const images = data.pairs.flatMap((pair) => pair.images.map((image) => ({ ...image, pair_id: pair.pair_id })));
        const named = (side) => images.filter((image) => absolute(image.src) === id(side));
        return { number: document.getElementById('progress-text').textContent,
                 ask: document.getElementById('ask').textContent,
                 prompt: document.getElementById('prompt').textContent,
                 left: named('left').map((i) => [i.pair_id, i.image_id]), right: named('right').map((i) => [i.pair_id, i.image_id]) };
    """)


# Both images are decoded, and the page takes answers.
READY = "return document.getElementById('pair').getAttribute('aria-busy') === 'false'"


def answer(page, choice, by):
    """Answers the question and gives (pair, image or `unsure`)."""
    page.wait(READY)
    time.sleep(0.06)
    before = shown(page)
    pairs = {pair for pair, _ in before["left"]} & {pair for pair, _ in before["right"]}
    check(len(pairs) == 1, f"the two images are not those of one pair: {before}")
    [pair] = pairs
    image = {side: next(image for p, image in before[side] if p == pair) for side in ("left", "right")}
    if by == "key":
        page.keys(KEYS[choice])
    else:
        page.click(f"[data-choice={choice}]")
    return pair, {**image, "unsure": "unsure"}[choice], image["left"]


def answers_of(page, rater):
    return page.script("return Object.keys(localStorage).filter(k => k.endsWith(`/votes/${arguments[0]}`))"
                       ".flatMap(k => Object.values(JSON.parse(localStorage[k])))", rater)


def export(page, button, ending):
    before = set(DOWNLOADS.glob(f"*.{ending}"))
    page.click(button)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        new = set(DOWNLOADS.glob(f"*.{ending}")) - before
        # For an instant Chromium holds the name with an empty file, before it moves the whole `.crdownload` there.
        if new and not any(DOWNLOADS.glob("*.crdownload")) and all(file.stat().st_size for file in new):
            [file] = new
            return file
        time.sleep(0.05)
    sys.exit(f"check_sxs: no whole .{ending} file came: {sorted(file.name for file in DOWNLOADS.iterdir())}")


def fits(page, what):
    wide = page.script("return document.documentElement.scrollWidth - window.innerWidth")
    check(wide <= 0, f"{what}: the page is {wide} px wider than the window")
    cut = page.script("""
        return [...document.querySelectorAll('button, h2, progress')].filter((e) => e.offsetParent)
            .filter((e) => { const r = e.getBoundingClientRect(); return r.left < -1 || r.right > innerWidth + 1; }).map((e) => e.id)
    """)
    check(not cut, f"{what}: outside of the window: {cut}")


def a_rater(page, rater, first_choices):
    """Answers the whole general task and two questions of the first other task."""
    begin(page, rater)
    look(page, f"tasks-{rater}")
    tasks = page.script("return [...document.querySelectorAll('#task-list button')].map(b => b.dataset.aspect)")
    check(tasks[0] == "overall", f"the general task comes first, not {tasks}")
    page.click("#task-list li:first-child button")
    n_pairs = len(data(page)["pairs"])
    chosen, sides = {}, []
    for at in range(n_pairs):
        choice = first_choices[at % len(first_choices)]
        if at == n_pairs // 2:
            before = shown(page)
            page.reload()
            page.wait(READY)
            check(shown(page) == before, f"after a reload there is another question: {before} {shown(page)}")
            check(len(answers_of(page, rater)) == at, "an answer was lost in the reload")
        pair, image, left = answer(page, choice, "key" if at % 2 else "mouse")
        check(pair not in chosen, f"{pair} was asked twice")
        chosen[pair] = image
        sides.append(left)
    page.wait("return !document.getElementById('tasks').hidden")
    check(page.script("return document.querySelector('#task-list .n').textContent") == "done", "the task is not done")
    look(page, f"done-{rater}")
    attribute = tasks[1] if len(tasks) > 1 else None
    of_attribute = {}
    if attribute:
        page.click("#task-list li:nth-child(2) button")
        check("more " + attribute in shown(page)["ask"], f"the question is {shown(page)['ask']}")
        first = answer(page, "left", "key")
        # Back, and the other way round: the last answer counts.
        page.click("#back")
        page.wait(READY)
        pressed = page.script("return [...document.querySelectorAll('[aria-pressed=true]')].map(b => b.dataset.choice)")
        check(pressed == ["left"], f"going back does not show the answer: {pressed}")
        second = answer(page, "right", "mouse")
        check(first[0] == second[0] and first[1] != second[1], "back goes to another question")
        of_attribute[second[0]] = second[1]
        page.click("#pause")
    return {"overall": chosen, **({attribute: of_attribute} if attribute else {})}, sides


def main():
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    expected = {}
    with Chromium(width=1280, height=860, downloads=DOWNLOADS) as page:
        page.open(PAGE)
        fits(page, "start, desktop")
        look(page, "start")
        known = data(page)
        network = page.script("return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('file:') && !n.startsWith('data:'))")
        check(not network, f"the page asks for {network}")

        # A name that a spreadsheet would take for a formula is refused.
        page.click("#rater")
        page.keys("=1\n")
        check(page.script("return !document.getElementById('start').hidden"), "`=1` is taken for a name")

        expected["ann"], ann_sides = a_rater(page, "ann", ["left", "unsure", "right"])
        fits(page, "tasks, desktop")
        json_lines = export(page, "#save-jsonl", "jsonl")
        csv = export(page, "#save-csv", "csv")
        votes = [json.loads(line) for line in json_lines.read_text("utf-8").splitlines()]
        n_expected = sum(map(len, expected["ann"].values()))
        check(len(votes) == n_expected, f"{len(votes)} votes in the export, not {n_expected}")
        check(len(csv.read_text("utf-8").splitlines()) == n_expected + 1, "the CSV has another number of votes")
        check(all(vote["rater_id"] == "ann" and vote["page"] == known["page"] for vote in votes), "whose votes are these?")
        check(all(0.04 < vote["seconds"] < 60 for vote in votes), f"seconds: {[vote['seconds'] for vote in votes]}")

        page.click("#other-rater")
        expected["Bob 2"], bob_sides = a_rater(page, "Bob 2", ["right"])
        export(page, "#save-csv", "csv")
        check(ann_sides != bob_sides, "two raters see the same order and sides")
        if len(known["pairs"]) > 3:
            # Half of the pairs are swapped: neither side always shows the first image.
            firsts = {image for pair in known["pairs"] for image in [pair["images"][0]["image_id"]]}
            n = sum(left in firsts for left in ann_sides)
            check(abs(2 * n - len(ann_sides)) <= 1, f"{n} of {len(ann_sides)} pairs have the first image on the left")

        # A key with Ctrl, a key held down, and keys over an enlarged image choose nothing.
        page.click("#task-list li:last-child button")
        page.wait(READY)
        before = len(answers_of(page, "Bob 2"))
        page.script("for (const o of [{ctrlKey: true}, {repeat: true}]) document.dispatchEvent(new KeyboardEvent('keydown', {key: '1', ...o}))")
        page.click("#zoom-left")
        look(page, "zoom")
        page.keys("1")
        check(len(answers_of(page, "Bob 2")) == before, "something was chosen by accident")
        page.click("#close-zoom")
        look(page, "question")
        fits(page, "question, desktop")
        unnamed = page.script("""return [...document.querySelectorAll('button, img, input, progress')].filter((e) => e.offsetParent &&
            !(e.getAttribute('aria-label') || e.alt || e.textContent.trim() || document.querySelector(`label[for="${e.id}"]`)
              || e.getAttribute('aria-hidden'))).map((e) => e.outerHTML.slice(0, 80))""")
        check(not unnamed, f"without a name for a screen reader: {unnamed}")
        check(page.script("return window.hostile === undefined"), "text of the data was run")
        complaints = page.complaints()
        check(not complaints, f"the console says {complaints}")
    for name, size in [("phone", (390, 844)), ("wide-phone", (844, 390))]:
        with Chromium(*size, dark=name == "phone") as page:
            page.open(PAGE)
            fits(page, f"start, {name}")
            look(page, f"start-{name}")
            begin(page, "cem")
            fits(page, f"tasks, {name}")
            look(page, f"tasks-{name}")
            page.click("#task-list li:first-child button")
            page.wait(READY)
            fits(page, f"question, {name}")
            look(page, f"question-{name}")
            below = page.script("return [...document.querySelectorAll('.choice')].filter(b => b.getBoundingClientRect().bottom > innerHeight).length")
            check(name != "phone" or below == 0, f"{below} choices are below the first screen of a {name}")
            check(not page.complaints(), f"the console complains on a {name}")
    with Chromium(width=1280, height=860, dark=True) as page:
        page.open(PAGE)
        begin(page, "dan")
        look(page, "tasks-dark")
        page.click("#task-list li:first-child button")
        page.wait(READY)
        look(page, "question-dark")
    (DOWNLOADS / "expected.json").write_text(json.dumps(expected))


main()
