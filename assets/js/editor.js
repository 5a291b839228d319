// The editor. The form is the only truth: everything here reads it, writes it, or shows it. Without scripts the form alone does.
// This file reads and writes the form; the others beside it (editor-photo, -save, -upload, -history) share the object made here.
(() => {
  "use strict";

  const root = document.getElementById("editor");
  if (!root) return;
  const data = JSON.parse(root.dataset.editor);
  const say = (key, values = {}) =>
    (root.dataset[`say${key}`] || "").replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const form = document.getElementById("design");
  const saved = document.getElementById("saved");
  if (data.is_locked) {
    saved.dataset.saved = "closed";
    saved.textContent = say("Locked");
    return;
  }
  root.dataset.live = "true";
  const blocks = [...form.querySelectorAll("[data-field]")];
  const photoBlocks = blocks.filter((block) => block.dataset.kind === "photo");
  const blockOf = (field) => blocks.find((block) => block.dataset.field === field);
  const nameOf = (block, part) => `params.${block.dataset.field}${part ? `.${part}` : ""}`;
  const control = (block, part) => block.querySelector(`[name="${nameOf(block, part)}"]`);
  const picked = (block, part) => {
    const name = nameOf(block, part);
    const one = block.querySelector(`[name="${name}"]:checked`) || block.querySelector(`select[name="${name}"], input[type="color"][name="${name}"]`);
    return one ? one.value : "";
  };
  const pick = (block, part, value) => {
    for (const one of block.querySelectorAll(`[name="${nameOf(block, part)}"]`)) {
      if (one.type === "radio") one.checked = one.value === value;
      else if (value) one.value = value;
    }
  };
  const number = (input, otherwise) => {
    const value = input ? parseFloat(input.value.replace(",", ".")) : NaN;
    return Number.isFinite(value) ? value : otherwise;
  };
  const between = (value, low, high) => Math.min(high, Math.max(low, value));
  const rounded = (value, digits) => String(Number(value.toFixed(digits)));
  const variant = () => form.querySelector('[name="variant_id"]:checked')?.value || data.variant_id;

  // ---- form → params ----

  const readers = {
    photo(block) {
      const photo_id = picked(block, "photo_id");
      if (!photo_id) return undefined;
      const place = placeOf(block);
      return { photo_id, x: place.x, y: place.y, zoom: place.zoom, rotation: place.rotation };
    },
    text(block) {
      const text = control(block, "text").value;
      const font = picked(block, "font");
      const color = picked(block, "color");
      if (!font && !color) return text;
      return { text, ...(font && { font }), ...(color && { color }) };
    },
    color: (block) => picked(block) || undefined,
    choice: (block) => picked(block) || undefined,
    date: (block) => control(block).value || undefined,
    place(block) {
      const name = control(block, "name").value.trim();
      const lat = number(control(block, "lat"), null);
      const lon = number(control(block, "lon"), null);
      // A name without degrees is still being looked up; the server would only refuse it.
      return lat !== null || lon !== null ? { name, lat, lon } : undefined;
    },
  };

  const read = (block) => readers[block.dataset.kind](block);

  function readParams() {
    const params = {};
    for (const block of blocks) {
      const value = read(block);
      if (value !== undefined) params[block.dataset.field] = value;
    }
    return params;
  }

  const readState = () => ({ variant_id: variant(), params: readParams() });

  // ---- params → form ----

  const start = { x: 0.5, y: 0.5, zoom: 1, rotation: 0 };

  const writers = {
    photo(block, value) {
      pick(block, "photo_id", value?.photo_id || "");
      setPlace(block, value || start);
    },
    text(block, value) {
      control(block, "text").value = (typeof value === "object" ? value?.text : value) || "";
      pick(block, "font", value?.font);
      pick(block, "color", value?.color);
    },
    color: (block, value) => pick(block, "", value),
    choice: (block, value) => pick(block, "", value),
    date: (block, value) => (control(block).value = value || ""),
    place(block, value) {
      control(block, "name").value = value?.name || "";
      control(block, "lat").value = value?.lat ?? "";
      control(block, "lon").value = value?.lon ?? "";
    },
  };

  // Puts an earlier state back. Only what differs is written, so that a caret stays where it is.
  function writeState({ variant_id, params }) {
    for (const block of blocks) {
      const value = params[block.dataset.field];
      if (JSON.stringify(read(block)) === JSON.stringify(value)) continue;
      writers[block.dataset.kind](block, value);
      count(block);
      setError(block, "");
      // For whatever shows the same in another way.
      block.dispatchEvent(new CustomEvent("written", { bubbles: true }));
    }
    for (const one of form.querySelectorAll('[name="variant_id"]')) one.checked = one.value === variant_id;
    showPrice();
  }

  function placeOf(block) {
    return {
      x: between(number(control(block, "across"), 50), 0, 100) / 100,
      y: between(number(control(block, "down"), 50), 0, 100) / 100,
      zoom: Math.max(1, number(control(block, "zoom"), 1)),
      rotation: number(control(block, "rotation"), 0),
    };
  }

  function setPlace(block, place) {
    control(block, "across").value = rounded(place.x * 100, 2);
    control(block, "down").value = rounded(place.y * 100, 2);
    control(block, "zoom").value = rounded(place.zoom, 3);
    control(block, "rotation").value = rounded(place.rotation, 1);
    for (const range of block.querySelectorAll("input[type=range]")) range.value = document.getElementById(range.dataset.of).value;
  }

  // Quarter turns draw what comes near them.
  function magnet(degrees, reach) {
    const quarter = Math.round(degrees / 90) * 90;
    return Math.abs(degrees - quarter) <= reach ? quarter : degrees;
  }

  // ---- sliders beside the number fields ----

  for (const input of form.querySelectorAll(".slider > input[type=number]")) {
    const turns = input.name.endsWith(".rotation");
    const range = document.createElement("input");
    range.type = "range";
    range.dataset.of = input.id;
    range.min = input.min;
    range.max = input.name.endsWith(".zoom") ? 4 : input.max;
    range.step = input.name.endsWith(".zoom") ? 0.01 : 1;
    range.value = input.value;
    range.setAttribute("aria-label", input.labels[0].textContent.trim());
    input.before(range);
    // Keys go by single steps, which a magnet would hold fast.
    let isHeld = false;
    range.addEventListener("pointerdown", () => (isHeld = true));
    for (const kind of ["pointerup", "pointercancel", "blur"]) range.addEventListener(kind, () => (isHeld = false));
    range.addEventListener("input", () => {
      if (turns && isHeld) range.value = magnet(Number(range.value), 3);
      input.value = range.value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    input.addEventListener("input", () => (range.value = input.value));
  }

  // ---- what the page says ----

  function count(block) {
    if (block.dataset.kind !== "text") return;
    const max = Number(block.dataset.max);
    const length = [...control(block, "text").value].length;
    const counter = block.querySelector(".counter");
    counter.textContent = length > max ? say("TooLong", { over: length - max, max }) : say("Counter", { count: length, max });
    counter.classList.toggle("counter-over", length > max);
  }

  function showPrice() {
    const price = document.getElementById("price");
    if (price) price.textContent = data.variants[variant()]?.price || "";
  }

  function setError(block, message) {
    const place = block.querySelector("[data-error]");
    if (place) place.textContent = message;
    for (const input of block.querySelectorAll("input:not([type=range], [type=radio]), textarea")) {
      if (message) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
  }

  function showErrors(problem) {
    for (const error of problem.errors || []) {
      const block = blockOf(error.field.replace(/^params\./, "").split(".")[0]);
      // What the counter says already needs no second voice.
      if (block && !block.querySelector(".counter-over")) setError(block, error.message);
    }
  }

  /** Up to what size each photo prints sharp as it is placed. */
  function showSharpness(sharpness) {
    for (const block of photoBlocks) {
      const line = block.querySelector("[data-sharpness]");
      const told = sharpness.find((one) => one.field === block.dataset.field);
      const words = told ? told.message : "";
      if (line.textContent !== words) line.textContent = words;
      line.hidden = !told;
    }
  }

  function showWarnings(warnings) {
    const section = document.getElementById("warnings");
    const list = document.getElementById("warning-list");
    const link = document.getElementById("warning-count");
    const texts = warnings.map((warning) => warning.message);
    if ([...list.children].map((item) => item.textContent).join("\n") !== texts.join("\n")) {
      list.replaceChildren(
        ...texts.map((text) => {
          const item = document.createElement("li");
          item.textContent = text;
          return item;
        }),
      );
    }
    section.hidden = texts.length === 0;
    link.hidden = texts.length === 0;
    link.textContent = say("LookAt", { count: texts.length });
  }

  // ---- a change, and who wants to know ----

  const listeners = [];

  const editor = {
    root, data, form, say, address: `/designs/${data.design_id}`,
    piece: document.getElementById("piece"),
    preview: document.getElementById("preview"),
    saved, blocks, photoBlocks, blockOf, control, picked, pick, read, readParams, readState, writeState, variant,
    placeOf, setPlace, start, number, between, magnet, setError, showErrors, showWarnings, showSharpness,
    labels: new Map(photoBlocks.map((block) => [block.dataset.field, block.querySelector("legend").textContent.trim()])),
    isEmpty: (block) => !data.photos[picked(block, "photo_id")],
    // How often something was changed.
    edits: 0,
    onChange: (listener) => listeners.push(listener),
    // `source` names what was changed by which gesture: changes of one source in a row are one step back.
    changed(source) {
      editor.edits += 1;
      for (const listener of listeners) listener(source);
    },
    request(path, method, body, more = {}) {
      const headers = { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
      return fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }), ...more });
    },
  };
  window.petstarEditor = editor;

  form.addEventListener("input", (event) => {
    const block = event.target.closest("[data-field]");
    if (block) {
      count(block);
      setError(block, "");
      if (block.dataset.kind === "photo") editor.showPhoto(block.dataset.field);
    }
    if (event.target.name === "variant_id") showPrice();
    // A slider speaks through its number field.
    if (event.target.type !== "range") editor.changed(event.target.name || block?.dataset.field || "");
  });

  blocks.forEach(count);
  const warned = document.getElementById("warning-list").children.length;
  if (warned) {
    document.getElementById("warning-count").textContent = say("LookAt", { count: warned });
    document.getElementById("warning-count").hidden = false;
  }
})();
