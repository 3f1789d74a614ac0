"use strict";
// Shows pairs, keeps the answers in this browser, and writes them to a file. It asks nothing of any server.
(() => {
  const data = JSON.parse(document.getElementById("page-data").textContent);
  const at = (id) => document.getElementById(id);
  const sections = ["start", "tasks", "question"];
  const place = `finegrain-sxs/${data.page}`;

  // --- What is kept -------------------------------------------------------------------------------------------------

  const memory = new Map(); // Stands in where the browser keeps nothing.
  function warn(text) {
    at("warning").textContent = text;
    at("warning").hidden = false;
  }
  function load(key) {
    if (memory.has(key)) return memory.get(key);
    try {
      const value = JSON.parse(localStorage.getItem(key));
      return value && typeof value === "object" ? value : null;
    } catch {
      return null;
    }
  }
  function keep(key, value) {
    try {
      localStorage.setItem(key, JSON.stringify(value));
      memory.delete(key);
    } catch {
      memory.set(key, value);
      warn("This browser keeps nothing for this page. Save your answers before you close or reload it.");
    }
  }
  const votesKey = () => `${place}/votes/${rater}`;
  const votes = () => load(votesKey()) || {};
  const voteKey = (aspect, pairId) => JSON.stringify([aspect, pairId]);

  // --- Orders and sides: the same for one rater on one page, on every machine -----------------------------------------

  // Text to four 32-bit numbers (cyrb128), and from them a stream of numbers (sfc32). Both are in the public domain.
  function stream(text) {
    let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762];
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      a = b ^ Math.imul(a ^ code, 597399067);
      b = c ^ Math.imul(b ^ code, 2869860233);
      c = d ^ Math.imul(c ^ code, 951274213);
      d = a ^ Math.imul(d ^ code, 2716044179);
    }
    a = Math.imul(c ^ (a >>> 18), 597399067);
    b = Math.imul(d ^ (b >>> 22), 2869860233);
    c = Math.imul(a ^ (c >>> 17), 951274213);
    d = Math.imul(b ^ (d >>> 19), 2716044179);
    const next = () => {
      const sum = (a + b + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (c << 21) | (c >>> 11);
      c = (c + sum) | 0;
      return (sum >>> 0) / 4294967296;
    };
    for (let i = 0; i < 12; i++) next();
    return next;
  }
  function shuffled(items, seed) {
    const next = stream(seed);
    const result = [...items];
    for (let i = result.length - 1; i > 0; i--) {
      const j = Math.floor(next() * (i + 1));
      [result[i], result[j]] = [result[j], result[i]];
    }
    return result;
  }
  const seedOf = (...parts) => JSON.stringify([data.seed, rater, ...parts]);
  // The general task comes first, so that no attribute is on the rater's mind.
  function taskOrder() {
    const general = data.tasks.filter((task) => task.aspect === "overall");
    return [...general, ...shuffled(data.tasks.filter((task) => task.aspect !== "overall"), seedOf("tasks"))];
  }
  // Half of the pairs are swapped, so that who always says "left" prefers no model.
  function questions(aspect) {
    const swaps = shuffled(data.pairs.map((_, i) => i % 2 === 1), seedOf("sides", aspect));
    const all = data.pairs.map((pair, i) => {
      const [left, right] = swaps[i] ? [pair.images[1], pair.images[0]] : pair.images;
      return { pair, left, right };
    });
    return shuffled(all, seedOf("order", aspect));
  }

  // --- Views --------------------------------------------------------------------------------------------------------

  let rater = "";
  let task = null;
  let asked = []; // The questions of the task, in this rater's order.
  let current = 0;
  let ready = false; // Whether both images are to be seen.
  let shownSince = 0; // When the rater began to look, or came back to the page.
  let looked = 0; // Milliseconds before that.

  function show(section, heading) {
    sections.forEach((id) => (at(id).hidden = id !== section));
    at("who").hidden = section === "start";
    at("who").textContent = rater;
    if (heading) at(heading).focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  function showStart() {
    task = null;
    show("start");
    at("rater").focus();
  }
  const answered = (aspect, all) => data.pairs.filter((pair) => all[voteKey(aspect, pair.pair_id)]).length;
  function showTasks() {
    task = null;
    keep(place, { rater, aspect: null });
    const all = votes();
    at("task-list").replaceChildren(
      ...taskOrder().map((one) => {
        const n = answered(one.aspect, all);
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.aspect = one.aspect;
        const [name, count, progress] = ["span", "span", "progress"].map((tag) => document.createElement(tag));
        name.textContent = one.question;
        count.className = "n";
        count.textContent = n === data.pairs.length ? "done" : `${n} of ${data.pairs.length}`;
        progress.max = data.pairs.length;
        progress.value = n;
        progress.setAttribute("aria-hidden", "true");
        button.append(name, count, progress);
        button.addEventListener("click", () => begin(one));
        const item = document.createElement("li");
        item.append(button);
        return item;
      }),
    );
    const n = Object.keys(all).length;
    at("n-answers").textContent = n === 1 ? "1 answer so far." : `${n} answers so far.`;
    at("save-jsonl").disabled = at("save-csv").disabled = n === 0;
    show("tasks", "tasks-heading");
  }
  function begin(one) {
    task = one;
    asked = questions(one.aspect);
    keep(place, { rater, aspect: one.aspect });
    const all = votes();
    const first = asked.findIndex(({ pair }) => !all[voteKey(one.aspect, pair.pair_id)]);
    at("ask").textContent = one.question;
    show("question", "ask");
    ask(Math.max(first, 0));
  }
  function wait() {
    ready = false;
    at("pair").setAttribute("aria-busy", "true");
  }
  function ask(number) {
    current = number;
    wait();
    looked = 0;
    const { pair, left, right } = asked[number];
    const all = votes();
    const earlier = all[voteKey(task.aspect, pair.pair_id)];
    document.querySelectorAll(".choice").forEach((button) => {
      button.setAttribute("aria-pressed", String(Boolean(earlier) && earlier.choice === button.dataset.choice));
    });
    at("prompt").textContent = pair.prompt;
    at("back").disabled = number === 0;
    const n = answered(task.aspect, all);
    at("progress").max = asked.length;
    at("progress").value = n;
    at("progress-text").textContent = `${number + 1} of ${asked.length}`;
    const loads = [["left", left], ["right", right]].map(([side, image]) => {
      at(side).src = image.src;
      return at(side).decode();
    });
    Promise.all(loads).then(
      () => {
        if (!task || asked[current].pair !== pair) return;
        ready = true;
        at("pair").setAttribute("aria-busy", "false");
        shownSince = performance.now();
      },
      () => warn("An image of this pair cannot be shown. Is the folder “images” beside this page?"),
    );
  }
  function choose(choice) {
    if (!task || !ready || at("zoom").open) return;
    wait();
    const { pair, left, right } = asked[current];
    const time = document.hidden ? looked : looked + performance.now() - shownSince;
    const all = votes(); // Read anew: another tab may have added some.
    all[voteKey(task.aspect, pair.pair_id)] = {
      aspect: task.aspect,
      pair_id: pair.pair_id,
      choice,
      left: left.image_id,
      right: right.image_id,
      seconds: Math.round(time) / 1000,
      answered_at: new Date().toISOString(),
    };
    keep(votesKey(), all);
    const next = (from) => asked.findIndex(({ pair }, i) => i >= from && !all[voteKey(task.aspect, pair.pair_id)]);
    const after = next(current + 1);
    const open = after >= 0 ? after : next(0);
    if (open >= 0) ask(open);
    else showTasks();
  }

  // --- Files --------------------------------------------------------------------------------------------------------

  const columns = ["page", "rater_id", "pair_id", "aspect", "choice", "left", "right", "seconds", "answered_at"];
  function rows() {
    const all = Object.values(votes()).map((vote) => ({ page: data.page, rater_id: rater, ...vote }));
    return all.sort((a, b) => (a.answered_at < b.answered_at ? -1 : a.answered_at > b.answered_at ? 1 : 0));
  }
  const jsonLines = () => rows().map((row) => `${JSON.stringify(row, columns)}\n`).join("");
  const csvCell = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  const csv = () => [columns, ...rows().map((row) => columns.map((name) => row[name]))].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
  function save(text, type, ending) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = `votes-${rater.replace(/[^\p{L}\p{N}]+/gu, "-")}-${data.page.slice(0, 8)}.${ending}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // --- What the rater does ------------------------------------------------------------------------------------------

  at("name-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = at("rater").value.trim().replace(/\s+/g, " ");
    // A name that begins with = or @ would be a formula to a spreadsheet.
    const fits = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} ._@'-]*$/u.test(name);
    at("rater").setCustomValidity(fits ? "" : "Letters, digits, spaces and . _ - @ ' please, a letter or digit first");
    if (!at("rater").reportValidity()) return;
    rater = name;
    showTasks();
  });
  at("rater").addEventListener("input", () => at("rater").setCustomValidity(""));
  document.querySelectorAll(".choice").forEach((button) => button.addEventListener("click", () => choose(button.dataset.choice)));
  document.addEventListener("keydown", (event) => {
    const choice = { 1: "left", 2: "right", 3: "unsure" }[event.key];
    if (!choice || !task || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    choose(choice);
  });
  at("back").addEventListener("click", () => current > 0 && ask(current - 1));
  at("pause").addEventListener("click", showTasks);
  at("other-rater").addEventListener("click", () => {
    at("rater").value = "";
    keep(place, { rater: "", aspect: null });
    showStart();
  });
  at("save-jsonl").addEventListener("click", () => save(jsonLines(), "application/x-ndjson", "jsonl"));
  at("save-csv").addEventListener("click", () => save(csv(), "text/csv", "csv"));
  ["left", "right"].forEach((side) => {
    at(`zoom-${side}`).addEventListener("click", () => {
      at("zoomed").src = at(side).src;
      at("zoomed").alt = at(side).alt;
      at("zoom").showModal();
    });
  });
  at("close-zoom").addEventListener("click", () => at("zoom").close());
  at("zoom").addEventListener("click", (event) => event.target === at("zoom") && at("zoom").close());
  // Time away from the page is not time spent on the question.
  document.addEventListener("visibilitychange", () => {
    if (!ready) return;
    if (document.hidden) looked += performance.now() - shownSince;
    else shownSince = performance.now();
  });

  // --- Where the rater was ------------------------------------------------------------------------------------------

  const last = load(place);
  if (last && typeof last.rater === "string" && last.rater) {
    rater = last.rater;
    const going = data.tasks.find((one) => one.aspect === last.aspect);
    const open = going && answered(going.aspect, votes()) < data.pairs.length;
    if (open) begin(going);
    else showTasks();
  } else {
    showStart();
  }
})();
