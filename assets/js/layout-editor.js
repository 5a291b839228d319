// The layout editor: frames that move over the picture, and a draft that is kept while one works. The form does all of it without this file.
(() => {
  "use strict";

  const root = document.getElementById("layout-editor");
  if (!root || !root.dataset.draft) return;
  const say = (key, values = {}) =>
    (root.dataset[`say${key}`] || "").replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const form = document.getElementById("layout-form");
  const lines = document.getElementById("layout-lines");
  const picture = document.getElementById("layout-picture");
  const state = document.getElementById("layout-state");
  const said = document.getElementById("layout-said");
  const boxes = [...lines.querySelectorAll("[data-box]")];
  document.getElementById("layout-help").hidden = false;
  root.dataset.live = "true";

  // The dark line that lets each frame show on a light picture.
  const under = new Map();
  for (const box of boxes) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    line.setAttribute("class", "line-under");
    box.before(line);
    under.set(box, line);
  }

  // ---- numbers ----

  const control = (name) => form.querySelector(`[name="${name}"]`);
  const number = (name, otherwise) => {
    const input = control(name);
    const value = input ? parseFloat(input.value.replace(",", ".")) : NaN;
    return Number.isFinite(value) ? value : otherwise;
  };
  const shown = (value) => String(Number(value.toFixed(2)));
  const page = () => ({ width: Number(lines.dataset.width), height: Number(lines.dataset.height) });
  // Millimetres a pixel of the screen shows.
  const unit = () => lines.viewBox.baseVal.width / (lines.getBoundingClientRect().width || 1);

  // ---- frames ----

  const part = (box, name) => `layers.${box.dataset.box}.${name}`;

  const frameOf = (box) => ({
    x: number(part(box, "x"), 0),
    y: number(part(box, "y"), 0),
    width: Math.max(1, number(part(box, "width"), 10)),
    height: Math.max(1, number(part(box, "height"), 10)),
    rotation: number(part(box, "rotation"), 0),
  });

  function draw(box) {
    const frame = frameOf(box);
    const turn = `rotate(${frame.rotation} ${frame.x + frame.width / 2} ${frame.y + frame.height / 2})`;
    for (const rect of [box, under.get(box)]) {
      for (const name of ["x", "y", "width", "height"]) rect.setAttribute(name, frame[name]);
      rect.setAttribute("transform", turn);
    }
    box.setAttribute("aria-label", say("Box", { title: box.dataset.title, ...told(frame) }));
    if (box === chosen) drawHandles(frame);
  }

  const told = (frame) => ({ x: shown(frame.x), y: shown(frame.y), width: shown(frame.width), height: shown(frame.height) });

  function put(box, frame) {
    for (const name of ["x", "y", "width", "height"]) control(part(box, name)).value = shown(frame[name]);
    draw(box);
  }

  let chosen = null;
  const handles = [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ].map(([across, down]) => {
    const handle = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    handle.setAttribute("class", "line-handle");
    handle.setAttribute("aria-hidden", "true");
    Object.assign(handle, { across, down });
    return handle;
  });

  function drawHandles(frame) {
    const middle = [frame.x + frame.width / 2, frame.y + frame.height / 2];
    for (const handle of handles) {
      handle.setAttribute("cx", middle[0] + (handle.across * frame.width) / 2);
      handle.setAttribute("cy", middle[1] + (handle.down * frame.height) / 2);
      handle.setAttribute("r", 7 * unit());
      handle.setAttribute("transform", `rotate(${frame.rotation} ${middle[0]} ${middle[1]})`);
    }
  }

  function choose(box) {
    if (chosen === box) return;
    for (const one of boxes) one.classList.toggle("is-chosen", one === box);
    chosen = box;
    if (!box) {
      for (const handle of handles) handle.remove();
      return;
    }
    lines.append(...handles);
    drawHandles(frameOf(box));
    for (const card of form.querySelectorAll("[data-layer]")) card.classList.toggle("is-chosen", card.dataset.layer === box.dataset.box);
    const card = document.getElementById(`layer-${box.dataset.box}`);
    if (card) card.open = true;
  }

  // ---- dragging ----

  function place(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(lines.getScreenCTM().inverse());
    return [at.x, at.y];
  }

  // Edges and middle of a frame are drawn to those of the page and its safe area.
  function snapped(start, length, size) {
    const margin = number("safe_margin_mm", 0);
    const reach = 6 * unit();
    const wishes = [0, margin, size - margin - length, size - length, (size - length) / 2].map((to) => to - start);
    const best = wishes.reduce((best, move) => (Math.abs(move) < Math.abs(best) ? move : best), Infinity);
    return Math.abs(best) <= reach ? start + best : start;
  }

  let drag = null;

  function moved(event) {
    const { box, from, frame, handle } = drag;
    const now = place(event);
    const [dx, dy] = [now[0] - from[0], now[1] - from[1]];
    if (!handle) {
      const next = { ...frame, x: frame.x + dx, y: frame.y + dy };
      if (frame.rotation % 180 === 0 && !event.altKey) {
        next.x = snapped(next.x, frame.width, page().width);
        next.y = snapped(next.y, frame.height, page().height);
      }
      return put(box, next);
    }
    // Along the frame's own sides; the opposite corner stays.
    const turn = (frame.rotation * Math.PI) / 180;
    const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
    const along = handle.across * (dx * cos + dy * sin);
    const aside = handle.down * (dy * cos - dx * sin);
    const width = Math.max(1, frame.width + along);
    let height = Math.max(1, frame.height + aside);
    if (event.shiftKey) height = (width * frame.height) / frame.width;
    const grown = [(handle.across * (width - frame.width)) / 2, (handle.down * (height - frame.height)) / 2];
    const middle = [
      frame.x + frame.width / 2 + grown[0] * cos - grown[1] * sin,
      frame.y + frame.height / 2 + grown[0] * sin + grown[1] * cos,
    ];
    put(box, { ...frame, x: middle[0] - width / 2, y: middle[1] - height / 2, width, height });
  }

  function ended(event) {
    if (!drag) return;
    event.target.releasePointerCapture?.(event.pointerId);
    const { box, frame } = drag;
    drag = null;
    if (JSON.stringify(frame) !== JSON.stringify(frameOf(box))) keepSoon(0);
  }

  lines.addEventListener("pointerdown", (event) => {
    const handle = handles.includes(event.target) ? event.target : null;
    const box = handle ? chosen : event.target.closest?.("[data-box]");
    if (!box) return choose(null);
    if (event.button !== 0) return;
    event.preventDefault();
    box.focus({ preventScroll: true });
    choose(box);
    event.target.setPointerCapture(event.pointerId);
    drag = { box, handle, from: place(event), frame: frameOf(box) };
  });
  lines.addEventListener("pointermove", (event) => drag && moved(event));
  lines.addEventListener("pointerup", ended);
  lines.addEventListener("pointercancel", ended);

  for (const box of boxes) {
    box.setAttribute("tabindex", "0");
    box.setAttribute("role", "button");
    box.setAttribute("aria-describedby", "layout-help");
    box.addEventListener("focus", () => choose(box));
    box.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const step = event.altKey ? 0.1 : 1;
      const frame = frameOf(box);
      if (event.shiftKey) {
        frame.width = Math.max(1, frame.width + way[0] * step);
        frame.height = Math.max(1, frame.height + way[1] * step);
      } else {
        frame.x += way[0] * step;
        frame.y += way[1] * step;
      }
      put(box, frame);
      said.textContent = say("Box", { title: box.dataset.title, ...told(frame) });
      keepSoon(400);
    });
    draw(box);
  }

  // Wherever one works in a layer's fields, its frame shows.
  form.addEventListener("focusin", (event) => {
    const card = event.target.closest("[data-layer]");
    if (card) choose(boxes.find((box) => box.dataset.box === card.dataset.layer) || null);
  });
  window.addEventListener("resize", () => chosen && drawHandles(frameOf(chosen)));

  // ---- number fields ----

  form.addEventListener("keydown", (event) => {
    const step = Number(event.target.dataset.step);
    const way = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (!step || !way) return;
    event.preventDefault();
    event.target.value = shown((parseFloat(event.target.value.replace(",", ".")) || 0) + way * step * (event.shiftKey ? 10 : 1));
    event.target.dispatchEvent(new Event("input", { bubbles: true }));
  });

  form.addEventListener("input", (event) => {
    const card = event.target.closest("[data-layer]");
    const box = card && boxes.find((one) => one.dataset.box === card.dataset.layer);
    if (box) draw(box);
    // A colour that is picked is meant, whatever stood beside it.
    if (event.target.type === "color") {
      const from = control(event.target.name.replace(/own$/, "from"));
      if (from) from.value = "";
    }
    keepSoon(400);
  });

  // ---- the draft ----

  let timer = null;
  let busy = null;
  let again = false;
  let stopped = false;
  let waiting = null;

  function keepSoon(delay) {
    if (stopped) return;
    clearTimeout(timer);
    timer = setTimeout(keep, delay);
    state.textContent = say("Saving");
  }

  function keep() {
    timer = null;
    if (busy) {
      again = true;
      return busy;
    }
    busy = send().finally(() => {
      busy = null;
      if (again) {
        again = false;
        keep();
      } else if (waiting) {
        const { target, submitter } = waiting;
        waiting = null;
        target.requestSubmit(submitter);
      }
    });
    return busy;
  }

  async function send() {
    const body = new URLSearchParams(new FormData(form));
    body.set("do", "keep");
    let answer;
    try {
      answer = await fetch(root.dataset.draft, { method: "PUT", headers: { accept: "application/json" }, body });
    } catch {
      state.textContent = say("Offline");
      timer = setTimeout(keep, 5000);
      return;
    }
    const result = await answer.json().catch(() => ({}));
    showErrors(result.errors || []);
    if (answer.ok) return show(result);
    if (answer.status === 412) {
      stopped = true;
      state.textContent = say("Stale");
    } else {
      state.textContent = say("Refused");
    }
  }

  function showErrors(errors) {
    for (const place of form.querySelectorAll("[data-error]")) {
      const error = errors.find((error) => error.field === place.dataset.error);
      place.textContent = error ? error.message : "";
      const input = document.getElementById(place.dataset.error);
      if (error) input?.setAttribute("aria-invalid", "true");
      else input?.removeAttribute("aria-invalid");
      for (let part = error && place.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    }
  }

  let newest = picture.getAttribute("src");

  function show(draft) {
    for (const input of document.querySelectorAll("#layout-form [name=version], #artwork-form [name=version], #discard [name=version]")) input.value = draft.version;
    document.getElementById("discard").hidden = draft.version === 0;
    state.textContent = say("Saved");
    const { width_mm, height_mm, bleed_mm } = draft.layout;
    lines.setAttribute("viewBox", `${-bleed_mm} ${-bleed_mm} ${width_mm + 2 * bleed_mm} ${height_mm + 2 * bleed_mm}`);
    lines.querySelector(".line-trim").setAttribute("d", draft.cut_path);
    lines.querySelector(".line-safe").setAttribute("d", draft.safe_path);
    if (draft.picture_url === newest) return;
    newest = draft.picture_url;
    // The old picture stays until the new one is there to take its place.
    const next = new Image();
    next.src = draft.picture_url;
    next.decode().then(
      () => {
        if (newest !== draft.picture_url) return;
        picture.width = next.naturalWidth;
        picture.height = next.naturalHeight;
        picture.src = draft.picture_url;
        root.dataset.shows = String(draft.version);
      },
      () => {},
    );
  }

  // A button waits until the draft is kept, so that it works on what is seen.
  for (const target of [form, document.getElementById("artwork-form")]) {
    target.addEventListener("submit", (event) => {
      const submitter = event.submitter;
      if (stopped || (!timer && !busy)) return;
      event.preventDefault();
      waiting = { target, submitter };
      if (timer) {
        clearTimeout(timer);
        keep();
      }
    });
  }
})();
