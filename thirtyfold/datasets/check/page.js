// Everything that comes from the dataset (file names, labels, messages) goes through textContent.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const STEP = 48;
  const byId = (id) => document.getElementById(id);
  const fields = { problem: byId("f-problem"), label: byId("f-label"), class: byId("f-class"), part: byId("f-part"), text: byId("f-text") };
  if (!fields.class) delete fields.class;
  const grid = byId("photos"), count = byId("count"), more = byId("more");
  let matching = [], shown = 0;

  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const shape = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const color = (label) => data.colors[label] || "#888";

  function outline([kind, points, wrong]) {
    const xs = points.filter((_, i) => i % 2 === 0), ys = points.filter((_, i) => i % 2 === 1);
    const pairs = xs.map((x, i) => x + "," + ys[i]).join(" ");
    let node;
    if (kind === "polygon") node = shape("polygon", { points: pairs });
    else if (kind === "line" || kind === "linestrip") node = shape("polyline", { points: pairs });
    else if (kind === "circle" && xs.length === 2)
      node = shape("circle", { cx: xs[0], cy: ys[0], r: Math.hypot(xs[1] - xs[0], ys[1] - ys[0]) });
    else if (kind === "point" || kind === "points") {
      // A stroke of no length and round ends: a dot of the same size in every picture.
      node = shape("path", { d: xs.map((x, i) => `M${x} ${ys[i]}h0`).join(""), "stroke-linecap": "round" });
      node.dataset.dot = "";
    } else {
      const left = Math.min(...xs), top = Math.min(...ys);
      node = shape("rect", { x: left, y: top, width: Math.max(...xs) - left, height: Math.max(...ys) - top });
    }
    node.setAttribute("fill", "none");
    node.setAttribute("vector-effect", "non-scaling-stroke");
    node.setAttribute("stroke-width", "dot" in node.dataset ? 7 : wrong ? 3.5 : 2);
    if (wrong) node.setAttribute("stroke-dasharray", "7 4");
    return node;
  }

  function picture(photo) {
    const box = make("div", "picture");
    if (!photo.image) {
      box.append(make("div", "none", photo.size ? "no thumbnail" : "cannot be shown"));
      return box;
    }
    const image = make("img");
    image.src = photo.image;
    image.alt = photo.name;
    image.width = photo.size[0];
    image.height = photo.size[1];
    box.append(image);
    const overlay = shape("svg", { viewBox: `0 0 ${photo.size[0]} ${photo.size[1]}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const [label, ...rest] of photo.shapes) {
      const node = outline(rest);
      node.setAttribute("stroke", color(label));
      const title = shape("title", {});
      title.textContent = label;
      node.append(title);
      overlay.append(node);
    }
    box.append(overlay);
    return box;
  }

  function problemItem(index) {
    const problem = data.problems[index], kind = data.kinds[problem.code];
    const item = make("li");
    item.append(make("span", "badge " + kind.severity, problem.code), " ");
    item.append(document.createTextNode((problem.shape === null ? "" : `shapes[${problem.shape}]: `) + problem.message + ". "));
    const mend = make("span", "mend");
    kind.mend.split("`").forEach((piece, i) => mend.append(i % 2 ? make("code", "", piece) : piece));
    item.append(mend);
    return item;
  }

  function card(photo) {
    const article = make("article", "card"), text = make("div", "text");
    article.append(picture(photo), text);
    text.append(make("h3", "", photo.name));
    const size = photo.size ? `${photo.size[0]} × ${photo.size[1]}` : "size unknown";
    text.append(make("p", "meta", [size, photo.state, photo.part].filter(Boolean).join(" · ")));
    if (photo.shapes.length || photo.tags.length) {
      const chips = make("p", "chips"), counts = new Map();
      for (const tag of photo.tags) counts.set(data.classes[tag], 1);
      for (const [label] of photo.shapes) counts.set(label, (counts.get(label) || 0) + 1);
      for (const [label, number] of [...counts].slice(0, 8)) {
        const chip = make("span"), swatch = make("i");
        swatch.style.background = color(label);
        chip.append(swatch, (label.trim() ? label : "(no name)") + (number > 1 ? " × " + number : ""));
        chips.append(chip);
      }
      text.append(chips);
    }
    const list = make("ul");
    text.append(list);
    photo.problems.slice(0, 3).forEach((index) => list.append(problemItem(index)));
    if (photo.problems.length > 3) {
      const rest = make("details"), inner = make("ul");
      rest.append(make("summary", "", `${photo.problems.length - 3} more`), inner);
      photo.problems.slice(3).forEach((index) => inner.append(problemItem(index)));
      text.append(rest);
    }
    return article;
  }

  const wanted = () => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.value]));

  function fits(photo, want) {
    const codes = photo.problems.map((index) => data.problems[index].code);
    if (want.problem === "*" && !codes.length) return false;
    if (want.problem === "-" && codes.length) return false;
    if (!["", "*", "-"].includes(want.problem) && !codes.includes(want.problem)) return false;
    // Options carry the label's place in the list: a label may be any text, the empty one too.
    if (want.label !== "" && !photo.shapes.some(([label]) => label === data.labels[Number(want.label)])) return false;
    if (want.class === "-" && photo.tags.length) return false;
    if (want.class && want.class !== "-" && !photo.tags.includes(Number(want.class))) return false;
    if (want.part !== "" && (photo.part || "none") !== want.part) return false;
    return want.text === "" || photo.name.toLowerCase().includes(want.text.toLowerCase());
  }

  function showMore() {
    const next = matching.slice(shown, shown + STEP);
    grid.append(...next.map(card));
    shown += next.length;
    more.hidden = shown >= matching.length;
    more.textContent = `Show ${Math.min(STEP, matching.length - shown)} more`;
    const all = data.photos.length;
    count.textContent = matching.length === all ? `${all} photos` : `${matching.length} of ${all} photos match`;
    if (shown < matching.length) count.textContent += `, the first ${shown} are shown`;
  }

  function filter() {
    const want = wanted();
    matching = data.photos.filter((photo) => fits(photo, want));
    grid.replaceChildren();
    shown = 0;
    showMore();
    const set = Object.entries(want).filter(([, value]) => value !== "");
    const hash = new URLSearchParams(set).toString();
    // Where a page may not change its address (some viewers), filters work all the same.
    try { history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search); } catch { /* as said */ }
  }

  function readAddress() {
    const want = new URLSearchParams(location.hash.slice(1));
    for (const [name, field] of Object.entries(fields)) {
      const value = want.get(name) || "";
      field.value = value;
      if (field.value !== value) field.value = "";
    }
    filter();
    if (location.hash) byId("gallery").scrollIntoView();
  }

  for (const strip of document.querySelectorAll(".strip")) {
    const of = Number(strip.dataset.class);
    for (const photo of data.photos.filter((one) => one.image && one.tags.includes(of)).slice(0, 16)) {
      const image = make("img");
      image.src = photo.image;
      image.alt = image.title = photo.name;
      const bad = (index) => data.kinds[data.problems[index].code].severity !== "note";
      if (photo.problems.some(bad)) image.className = "doubtful";
      strip.append(image);
    }
  }
  for (const field of Object.values(fields)) field.addEventListener("input", filter);
  byId("reset").addEventListener("click", () => {
    for (const field of Object.values(fields)) field.value = "";
    filter();
    fields.problem.focus();
  });
  more.addEventListener("click", () => {
    const first = shown;
    showMore();
    const next = grid.children[first];
    if (next) { next.tabIndex = -1; next.focus(); }
  });
  for (const button of document.querySelectorAll("button[data-code]")) {
    button.addEventListener("click", () => {
      for (const [name, field] of Object.entries(fields)) field.value = name === "problem" ? button.dataset.code : "";
      filter();
      byId("gallery").scrollIntoView();
      fields.problem.focus({ preventScroll: true });
    });
  }
  window.addEventListener("hashchange", readAddress);
  readAddress();
  document.documentElement.dataset.ready = String(data.photos.length);
})();
