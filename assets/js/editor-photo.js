// Photos under the hand: the browser moves the photo at once between what lies under and over it; the server's picture follows.
(() => {
  "use strict";

  const editor = window.petstarEditor;
  if (!editor) return;
  const { data, say, piece, preview, blockOf, picked, placeOf, between } = editor;
  const photoOf = (field) => data.photos[picked(blockOf(field), "photo_id")];

  // ---- where a photo lies in its frame; the same rule the print follows ----

  const turned = (degrees) => {
    const angle = (degrees * Math.PI) / 180;
    return { cos: Math.cos(angle), sin: Math.sin(angle) };
  };

  const turnBack = (dx, dy, degrees) => {
    const { cos, sin } = turned(degrees);
    return { x: dx * cos + dy * sin, y: dy * cos - dx * sin };
  };

  // Millimetres of the frame per pixel of the photo, and the part of the photo the frame's box takes up.
  function fit(frame, photo, place) {
    const { cos, sin } = turned(place.rotation);
    const width = frame.width * Math.abs(cos) + frame.height * Math.abs(sin);
    const height = frame.width * Math.abs(sin) + frame.height * Math.abs(cos);
    const scale = Math.max(width / photo.width, height / photo.height) * place.zoom;
    return { scale, across: width / (photo.width * scale), down: height / (photo.height * scale) };
  }

  function covering(frame, photo, place) {
    const { across, down } = fit(frame, photo, place);
    const clamp = (at, part) => between(at, Math.min(0.5, part / 2), 1 - Math.min(0.5, part / 2));
    return { ...place, x: clamp(place.x, across), y: clamp(place.y, down) };
  }

  // ---- for every frame: layers to show, and a handle over them ----

  const element = (name, className, parent) => {
    const made = document.createElement(name);
    made.className = className;
    if (name === "img") made.alt = "";
    parent?.append(made);
    return made;
  };

  const entries = data.frames
    .filter((frame) => blockOf(frame.field))
    .map((frame, index) => {
      const layers = element("div", "moving", piece);
      layers.setAttribute("aria-hidden", "true");
      const under = element("img", "moving-whole", layers);
      const window = element("div", "moving-window", layers);
      const image = element("img", "", window);
      image.draggable = false;
      const over = element("img", "moving-whole", layers);
      shape(window, frame, index);
      return { frame, index, layers, under, window, image, over, key: "", width: 0, height: 0, isMoving: false };
    });

  for (const entry of entries) {
    const handle = element("button", "handle", piece);
    handle.type = "button";
    handle.dataset.field = entry.frame.field;
    handle.setAttribute("aria-describedby", "handle-help");
    element("span", "handle-add", handle).textContent = say("Empty");
    entry.handle = handle;
  }

  function shape(window, frame, index) {
    const mask = frame.mask || { shape: "rect" };
    if (mask.shape === "ellipse") window.style.borderRadius = "50%";
    if (mask.shape === "rounded") window.style.borderRadius = `${(mask.radius / frame.width) * 100}% / ${(mask.radius / frame.height) * 100}%`;
    if (mask.shape === "path") {
      const path = vector("path", { d: mask.d });
      defs().append(vector("clipPath", { id: `mask-${index}`, clipPathUnits: "objectBoundingBox" }, path));
      window.style.clipPath = `url(#mask-${index})`;
    }
    window.style.opacity = frame.opacity ?? 1;
    // The renderer fades by 3t² − 2t³; nine stops follow it closely.
    const sides = Object.entries({ top: "to bottom", right: "to left", bottom: "to top", left: "to right" });
    const fades = sides.filter(([side]) => frame.fade?.[side] > 0).map(([side, way]) => {
      const stops = Array.from({ length: 9 }, (_, step) => {
        const t = step / 8;
        return `rgb(0 0 0 / ${(t * t * (3 - 2 * t)).toFixed(3)}) ${(t * frame.fade[side] * 100).toFixed(2)}%`;
      });
      return `linear-gradient(${way}, ${stops.join(", ")})`;
    });
    if (fades.length) {
      window.style.maskImage = fades.join(", ");
      window.style.maskComposite = "intersect";
    }
  }

  function vector(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  // One drawing that shows nothing holds the shapes and looks the layers refer to.
  function defs() {
    return document.getElementById("piece-defs") || piece.appendChild(vector("svg", { id: "piece-defs", class: "piece-defs", "aria-hidden": "true" }));
  }

  for (const [look, values] of Object.entries(data.looks || {})) {
    defs().append(
      vector(
        "filter",
        { id: `look-${look}`, "color-interpolation-filters": "sRGB", x: "0", y: "0", width: "1", height: "1" },
        vector("feColorMatrix", { type: "matrix", values }),
      ),
    );
  }

  const choiceOf = (field) => {
    const block = blockOf(field);
    return block ? picked(block) : data.params[field];
  };

  function lookOf(frame) {
    const look = frame.look || "plain";
    return look.startsWith("$") ? choiceOf(look.slice(1)) : look;
  }

  const isShown = (frame) =>
    Object.entries(frame.when || {}).every(([field, wanted]) => [wanted].flat().includes(choiceOf(field)));

  // Lays layers and handles where the chosen size has its frames.
  function layFrames() {
    const size = data.variants[editor.variant()] || data.piece;
    const scale = Math.max(size.width_mm / data.piece.width_mm, size.height_mm / data.piece.height_mm);
    const left = (size.width_mm - data.piece.width_mm * scale) / 2;
    const top = (size.height_mm - data.piece.height_mm * scale) / 2;
    const pixels = preview.getBoundingClientRect().width / size.width_mm;
    for (const entry of entries) {
      const { frame, handle, window } = entry;
      for (const { style } of [handle, window]) {
        style.left = `${((frame.x * scale + left) / size.width_mm) * 100}%`;
        style.top = `${((frame.y * scale + top) / size.height_mm) * 100}%`;
        style.width = `${((frame.width * scale) / size.width_mm) * 100}%`;
        style.height = `${((frame.height * scale) / size.height_mm) * 100}%`;
        style.transform = frame.rotation ? `rotate(${frame.rotation}deg)` : "";
      }
      handle.hidden = !isShown(frame);
      entry.width = frame.width * scale * pixels;
      entry.height = frame.height * scale * pixels;
      if (entry.isMoving) follow(entry);
    }
  }

  if (entries.length) {
    const help = element("p", "");
    help.id = "handle-help";
    help.hidden = true;
    help.textContent = say("MoveHelp");
    piece.after(help);
    new ResizeObserver(layFrames).observe(preview);
  }

  function drawHandles() {
    const hasPhotos = Object.keys(data.photos).length > 0;
    for (const block of editor.photoBlocks) block.hidden = !hasPhotos;
    for (const { handle } of entries) {
      const { field } = handle.dataset;
      const isEmpty = !photoOf(field);
      handle.classList.toggle("handle-empty", isEmpty);
      handle.setAttribute("aria-label", isEmpty ? `${say("Empty")}: ${editor.labels.get(field)}` : say("Move", { field: editor.labels.get(field) }));
      blockOf(field).querySelector("[data-place]").hidden = isEmpty;
    }
  }

  // ---- what lies under and over a photo: drawn by the server, asked for before it is needed ----

  const kept = new Map();
  let last = "";

  function layersKey(field) {
    const { variant_id, params } = editor.readState();
    const photo_id = picked(blockOf(field), "photo_id");
    delete params[field];
    return JSON.stringify({ field, photo_id, variant_id, params });
  }

  function askForLayers(field) {
    last = field;
    const key = layersKey(field);
    if (!kept.has(key)) {
      const { variant_id, params } = editor.readState();
      const asked = editor
        .request(`${editor.address}/layers`, "POST", { field, variant_id, params })
        .then((response) => (response.ok ? response.json() : Promise.reject(new Error(String(response.status)))))
        .then(async ({ layers }) => {
          const urls = layers.flatMap(({ under_url, over_url }) => [under_url, over_url]).filter(Boolean);
          await Promise.all(urls.map((url) => Object.assign(new Image(), { src: url }).decode()));
          return layers;
        });
      if (kept.size > 20) kept.delete(kept.keys().next().value);
      kept.set(key, asked);
      // Without them the photo still moves; the next touch asks again.
      asked.catch(() => kept.delete(key));
    }
    kept.get(key).then(
      (layers) => {
        if (layersKey(field) !== key) return;
        for (const entry of entries.filter(({ frame }) => frame.field === field)) {
          const found = layers.find(({ layer }) => layer === entry.frame.layer);
          entry.key = key;
          put(entry.under, found?.under_url);
          put(entry.over, found?.over_url);
        }
      },
      () => {},
    );
  }

  const put = (image, url) => {
    if (!url) image.removeAttribute("src");
    else if (image.getAttribute("src") !== url) image.src = url;
  };

  // Layers of an earlier state would show earlier words.
  function dropOld(entry) {
    if (!entry.key || entry.key === layersKey(entry.frame.field)) return;
    entry.key = "";
    put(entry.under);
    put(entry.over);
  }

  editor.onIdle = () => {
    const fields = entries.filter(({ frame }) => isShown(frame) && photoOf(frame.field)).map(({ frame }) => frame.field);
    if (fields.length) askForLayers(fields.includes(last) ? last : fields[0]);
  };

  // ---- the photo between them ----

  function begin(field) {
    const photo = photoOf(field);
    if (!photo) return;
    for (const entry of entries.filter(({ frame }) => frame.field === field && isShown(frame))) {
      const { frame, image, window } = entry;
      if (image.getAttribute("src") !== photo.url) image.src = photo.url;
      const look = lookOf(frame);
      window.style.filter = data.looks?.[look] ? `url(#look-${look})` : "";
      dropOld(entry);
      entry.isMoving = true;
      entry.layers.dataset.moving = entry.handle.dataset.moving = "true";
      follow(entry);
    }
    askForLayers(field);
  }

  // Only a transform changes while the hand moves.
  function follow(entry) {
    const { frame, image, width, height } = entry;
    const photo = photoOf(frame.field);
    if (!photo || !width) return;
    const at = covering(frame, photo, placeOf(blockOf(frame.field)));
    const base = Math.max(width / photo.width, height / photo.height);
    const scale = (fit(frame, photo, at).scale * width) / frame.width / base;
    const size = `${photo.width * base}px`;
    if (image.style.width !== size) {
      image.style.width = size;
      image.style.height = `${photo.height * base}px`;
    }
    image.style.transform =
      `translate(${width / 2}px, ${height / 2}px) rotate(${at.rotation}deg) scale(${scale}) ` +
      `translate(${-at.x * photo.width * base}px, ${-at.y * photo.height * base}px)`;
  }

  function showPhoto(field) {
    drawHandles();
    begin(field);
  }

  function stop(entry) {
    entry.isMoving = false;
    delete entry.layers.dataset.moving;
    delete entry.handle.dataset.moving;
  }

  editor.hideMoving = () => entries.forEach(stop);
  editor.isMoving = () => entries.some((entry) => entry.isMoving);
  editor.showPhoto = showPhoto;
  editor.layFrames = layFrames;
  editor.drawHandles = drawHandles;
  editor.onChange(() => {
    for (const entry of entries) {
      if (!isShown(entry.frame)) stop(entry);
      else if (entry.isMoving) dropOld(entry);
    }
  });

  // ---- hands ----

  // `change` gets the present place and gives the new one.
  function move(entry, source, change) {
    const { field } = entry.frame;
    const photo = photoOf(field);
    if (!photo) return;
    const place = change(placeOf(blockOf(field)), photo);
    place.zoom = between(place.zoom, 1, 8);
    if (place.rotation > 180) place.rotation -= 360;
    if (place.rotation < -180) place.rotation += 360;
    editor.setPlace(blockOf(field), covering(entry.frame, photo, place));
    if (entry.isMoving) entries.filter(({ frame }) => frame.field === field).forEach(follow);
    else begin(field);
    editor.changed(`${field}:${source}`);
  }

  // The point of the photo under `from` comes to lie under `to`, `ratio` times as large and turned by `turn`. Both points are screen
  // pixels from the frame's middle.
  function carry(entry, photo, place, from, to, ratio = 1, turn = 0) {
    const { frame } = entry;
    const pixels = entry.width / frame.width;
    const next = { ...place, rotation: place.rotation + turn };
    const before = fit(frame, photo, place).scale;
    const base = fit(frame, photo, { ...next, zoom: 1 }).scale;
    if (ratio !== 1 || turn) next.zoom = between((before * ratio) / base, 1, 8);
    const was = turnBack(from.x, from.y, place.rotation + (frame.rotation || 0));
    const is = turnBack(to.x, to.y, next.rotation + (frame.rotation || 0));
    const after = base * next.zoom;
    next.x += (was.x / before - is.x / after) / pixels / photo.width;
    next.y += (was.y / before - is.y / after) / pixels / photo.height;
    return next;
  }

  const middle = { x: 0, y: 0 };
  let gestures = 0;

  for (const entry of entries) {
    const { handle, frame } = entry;
    const isEmpty = () => handle.classList.contains("handle-empty");
    const fingers = new Map();
    let was = null;
    let center = middle;
    let gesture = "";
    let hasMoved = false;
    let twist = 0;
    let rotation = 0;
    let waiting = 0;
    let tapped = { at: 0, x: 0, y: 0 };

    // Where the fingers are: their middle, how far apart, and at which angle.
    function grip() {
      const [one, two = one] = [...fingers.values()];
      return {
        x: (one.x + two.x) / 2 - center.x,
        y: (one.y + two.y) / 2 - center.y,
        far: Math.max(8, Math.hypot(two.x - one.x, two.y - one.y)),
        angle: (Math.atan2(two.y - one.y, two.x - one.x) * 180) / Math.PI,
      };
    }

    function step() {
      waiting = 0;
      if (!fingers.size || !was) return;
      const now = grip();
      const before = was;
      was = now;
      move(entry, gesture, (place, photo) => {
        if (fingers.size < 2) return carry(entry, photo, place, before, now);
        const turn = ((now.angle - before.angle + 540) % 360) - 180;
        twist += turn;
        // A pinch is never quite straight: the photo turns only when it is meant to.
        if (Math.abs(twist) > 10) rotation += turn;
        const wished = editor.magnet(rotation, 4);
        return carry(entry, photo, place, before, now, now.far / before.far, wished - place.rotation);
      });
    }

    function regrip() {
      was = fingers.size ? grip() : null;
      twist = 0;
      rotation = placeOf(blockOf(frame.field)).rotation;
    }

    handle.addEventListener("pointerenter", () => isEmpty() || askForLayers(frame.field));
    handle.addEventListener("focus", () => isEmpty() || askForLayers(frame.field));

    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || isEmpty()) return;
      handle.setPointerCapture(event.pointerId);
      if (!fingers.size) {
        const box = handle.getBoundingClientRect();
        center = { x: box.left + box.width / 2, y: box.top + box.height / 2 };
        gesture = `hand-${++gestures}`;
        hasMoved = false;
        askForLayers(frame.field);
      }
      if (fingers.size < 2) fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      regrip();
    });

    handle.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      if (!hasMoved && fingers.size < 2 && Math.hypot(event.clientX - before.x, event.clientY - before.y) < 3) return;
      hasMoved = true;
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      waiting ||= requestAnimationFrame(step);
    });

    const release = (event) => {
      if (!fingers.has(event.pointerId)) return;
      if (waiting) {
        cancelAnimationFrame(waiting);
        step();
      }
      fingers.delete(event.pointerId);
      regrip();
      if (fingers.size) return;
      if (hasMoved) editor.flushPreview();
      else if (event.type === "pointerup") tap(event);
    };
    handle.addEventListener("pointerup", release);
    handle.addEventListener("pointercancel", release);

    // Twice in a row puts the photo back as it came.
    function tap(event) {
      const isSecond = event.timeStamp - tapped.at < 350 && Math.hypot(event.clientX - tapped.x, event.clientY - tapped.y) < 24;
      tapped = { at: isSecond ? 0 : event.timeStamp, x: event.clientX, y: event.clientY };
      if (isSecond) move(entry, `reset-${++gestures}`, () => ({ ...editor.start }));
    }

    handle.addEventListener("click", () => {
      if (isEmpty()) editor.choosePhoto(frame.field);
    });

    handle.addEventListener(
      "wheel",
      (event) => {
        if (isEmpty()) return;
        event.preventDefault();
        const box = handle.getBoundingClientRect();
        const at = { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
        const steps = between(event.deltaY * (event.deltaMode === 1 ? 16 : 1), -120, 120);
        move(entry, "wheel", (place, photo) => carry(entry, photo, place, at, at, Math.exp(-steps / 500)));
      },
      { passive: false },
    );

    handle.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isEmpty()) return;
      const far = (event.shiftKey ? 0.1 : 0.02) * entry.width;
      const nudge = (x, y) => (place, photo) => carry(entry, photo, place, middle, { x, y });
      const keys = {
        ArrowLeft: nudge(-far, 0),
        ArrowRight: nudge(far, 0),
        ArrowUp: nudge(0, -far),
        ArrowDown: nudge(0, far),
        "+": (place) => ({ ...place, zoom: place.zoom * 1.05 }),
        "-": (place) => ({ ...place, zoom: place.zoom / 1.05 }),
        "[": (place) => ({ ...place, rotation: place.rotation - 1 }),
        "]": (place) => ({ ...place, rotation: place.rotation + 1 }),
      };
      const change = keys[event.key === "=" ? "+" : event.key];
      if (!change) return;
      event.preventDefault();
      move(entry, "keys", change);
    });
  }

  layFrames();
  drawHandles();
})();
