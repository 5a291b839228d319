// The editor: moves photos under the hand, saves as one types, and asks the server for the true picture.
// The form is the only truth: everything here reads it, writes it, or shows it. Without this script the form alone does.
(() => {
  "use strict";

  const root = document.getElementById("editor");
  if (!root) return;
  const data = JSON.parse(root.dataset.editor);
  const say = (key, values = {}) =>
    (root.dataset[`say${key}`] || "").replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const form = document.getElementById("design");
  const piece = document.getElementById("piece");
  const preview = document.getElementById("preview");
  const saved = document.getElementById("saved");
  if (data.is_locked) {
    saved.dataset.saved = "closed";
    saved.textContent = say("Locked");
    return;
  }
  root.dataset.live = "true";
  const address = `/designs/${data.design_id}`;
  const blocks = [...form.querySelectorAll("[data-field]")];
  const photoBlocks = blocks.filter((block) => block.dataset.kind === "photo");
  const blockOf = (field) => blocks.find((block) => block.dataset.field === field);
  const labels = new Map(photoBlocks.map((block) => [block.dataset.field, block.querySelector("legend").textContent.trim()]));
  const required = new Set(data.fields.filter((field) => field.required).map((field) => field.id));
  const control = (block, part) => block.querySelector(`[name="params.${block.dataset.field}${part ? `.${part}` : ""}"]`);
  const picked = (block, part) => {
    const name = `params.${block.dataset.field}${part ? `.${part}` : ""}`;
    const one = block.querySelector(`[name="${name}"]:checked`) || block.querySelector(`select[name="${name}"], input[type="color"][name="${name}"]`);
    return one ? one.value : "";
  };
  const number = (input, otherwise) => {
    const value = input ? parseFloat(input.value.replace(",", ".")) : NaN;
    return Number.isFinite(value) ? value : otherwise;
  };
  const between = (value, low, high) => Math.min(high, Math.max(low, value));
  const rounded = (value, digits) => String(Number(value.toFixed(digits)));

  // ---- form ↔ params ----

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
      return name || lat !== null || lon !== null ? { name, lat, lon } : undefined;
    },
  };

  function readParams() {
    const params = {};
    for (const block of blocks) {
      const value = readers[block.dataset.kind](block);
      if (value !== undefined) params[block.dataset.field] = value;
    }
    return params;
  }

  const variant = () => form.querySelector('[name="variant_id"]:checked')?.value || data.variant_id;

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

  // ---- where a photo lies in its frame; the same rule the print follows ----

  const turned = (degrees) => {
    const angle = (degrees * Math.PI) / 180;
    return { cos: Math.cos(angle), sin: Math.sin(angle) };
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

  // ---- handles over the frames ----

  const handles = data.frames
    .filter((frame) => blockOf(frame.field))
    .map((frame, index) => {
      const handle = document.createElement("button");
      handle.type = "button";
      handle.className = "handle";
      handle.dataset.field = frame.field;
      handle.setAttribute("aria-describedby", "handle-help");
      handle.style.left = `${(frame.x / data.piece.width_mm) * 100}%`;
      handle.style.top = `${(frame.y / data.piece.height_mm) * 100}%`;
      handle.style.width = `${(frame.width / data.piece.width_mm) * 100}%`;
      handle.style.height = `${(frame.height / data.piece.height_mm) * 100}%`;
      if (frame.rotation) handle.style.transform = `rotate(${frame.rotation}deg)`;
      const window = document.createElement("span");
      window.className = "handle-window";
      shape(window, frame, index);
      const image = document.createElement("img");
      image.alt = "";
      image.draggable = false;
      window.append(image);
      const add = document.createElement("span");
      add.className = "handle-add";
      add.textContent = say("Empty");
      handle.append(window, add);
      piece.append(handle);
      return { frame, handle, window, image };
    });

  function shape(window, frame, index) {
    const mask = frame.mask || { shape: "rect" };
    if (mask.shape === "ellipse") window.style.borderRadius = "50%";
    if (mask.shape === "rounded") window.style.borderRadius = `${(mask.radius / frame.width) * 100}% / ${(mask.radius / frame.height) * 100}%`;
    if (mask.shape === "path") {
      const space = "http://www.w3.org/2000/svg";
      const svg = document.createElementNS(space, "svg");
      const clip = document.createElementNS(space, "clipPath");
      const path = document.createElementNS(space, "path");
      svg.setAttribute("class", "handle-mask");
      svg.setAttribute("aria-hidden", "true");
      clip.id = `mask-${index}`;
      clip.setAttribute("clipPathUnits", "objectBoundingBox");
      path.setAttribute("d", mask.d);
      clip.append(path);
      svg.append(clip);
      piece.append(svg);
      window.style.clipPath = `url(#mask-${index})`;
    }
  }

  if (handles.length) {
    const help = document.createElement("p");
    help.id = "handle-help";
    help.hidden = true;
    help.textContent = say("MoveHelp");
    piece.after(help);
  }

  function drawHandles() {
    const hasPhotos = Object.keys(data.photos).length > 0;
    for (const block of photoBlocks) block.hidden = !hasPhotos;
    for (const { handle } of handles) {
      const block = blockOf(handle.dataset.field);
      const isEmpty = !data.photos[picked(block, "photo_id")];
      handle.classList.toggle("handle-empty", isEmpty);
      handle.setAttribute("aria-label", isEmpty ? `${say("Empty")}: ${labels.get(handle.dataset.field)}` : say("Move", { field: labels.get(handle.dataset.field) }));
      block.querySelector("[data-place]").hidden = isEmpty;
    }
  }

  // Shows the photo itself over its frame until the server's picture has caught up.
  function showMoving(field) {
    const block = blockOf(field);
    const photo = data.photos[picked(block, "photo_id")];
    if (!photo) return;
    const place = placeOf(block);
    for (const { frame, handle, image } of handles) {
      if (frame.field !== field) continue;
      const at = covering(frame, photo, place);
      const perMillimetre = handle.offsetWidth / frame.width;
      const scale = fit(frame, photo, at).scale * perMillimetre;
      if (image.getAttribute("src") !== photo.url) image.src = photo.url;
      image.style.width = `${photo.width * scale}px`;
      image.style.height = `${photo.height * scale}px`;
      image.style.transform =
        `translate(${handle.offsetWidth / 2}px, ${handle.offsetHeight / 2}px) rotate(${at.rotation}deg) ` +
        `translate(${-at.x * photo.width * scale}px, ${-at.y * photo.height * scale}px)`;
      handle.dataset.moving = "true";
    }
  }

  function hideMoving() {
    for (const { handle } of handles) delete handle.dataset.moving;
  }

  // `change` gets the present place and gives the new one.
  function move(entry, change) {
    const block = blockOf(entry.frame.field);
    const photo = data.photos[picked(block, "photo_id")];
    if (!photo) return;
    const place = change(placeOf(block), photo);
    place.zoom = between(place.zoom, 1, 8);
    if (place.rotation > 180) place.rotation -= 360;
    if (place.rotation < -180) place.rotation += 360;
    setPlace(block, covering(entry.frame, photo, place));
    showMoving(entry.frame.field);
    changed();
  }

  // Screen pixels → share of the photo.
  function pan(entry, photo, place, dx, dy) {
    const scale = fit(entry.frame, photo, place).scale * (entry.handle.offsetWidth / entry.frame.width);
    const { cos, sin } = turned(place.rotation + (entry.frame.rotation || 0));
    return {
      ...place,
      x: place.x - (dx * cos + dy * sin) / (photo.width * scale),
      y: place.y - (dy * cos - dx * sin) / (photo.height * scale),
    };
  }

  for (const entry of handles) {
    const { handle, frame } = entry;
    const fingers = new Map();
    let hasMoved = false;
    let twist = 0;

    handle.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      if (handle.classList.contains("handle-empty")) return;
      handle.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      hasMoved = false;
      twist = 0;
    });

    handle.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const after = { x: event.clientX, y: event.clientY };
      const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
      if (!other && !hasMoved && Math.hypot(after.x - before.x, after.y - before.y) < 3) return;
      hasMoved = true;
      fingers.set(event.pointerId, after);
      move(entry, (place, photo) => {
        const share = other ? 0.5 : 1;
        let next = pan(entry, photo, place, (after.x - before.x) * share, (after.y - before.y) * share);
        if (other) {
          const far = (point) => Math.max(8, Math.hypot(point.x - other.x, point.y - other.y));
          const angle = (point) => (Math.atan2(point.y - other.y, point.x - other.x) * 180) / Math.PI;
          const turn = ((angle(after) - angle(before) + 540) % 360) - 180;
          twist += turn;
          next = { ...next, zoom: next.zoom * (far(after) / far(before)) };
          // A pinch is never quite straight: the photo turns only when it is meant to.
          if (Math.abs(twist) > 10) next.rotation += turn;
        }
        return next;
      });
    });

    const release = (event) => {
      if (!fingers.delete(event.pointerId) || fingers.size) return;
      if (hasMoved) flushPreview();
    };
    handle.addEventListener("pointerup", release);
    handle.addEventListener("pointercancel", release);

    handle.addEventListener("click", () => {
      if (handle.classList.contains("handle-empty")) choosePhoto(frame.field);
    });

    handle.addEventListener(
      "wheel",
      (event) => {
        if (handle.classList.contains("handle-empty")) return;
        event.preventDefault();
        const steps = between(event.deltaY * (event.deltaMode === 1 ? 16 : 1), -120, 120);
        move(entry, (place) => ({ ...place, zoom: place.zoom * Math.exp(-steps / 500) }));
      },
      { passive: false },
    );

    handle.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || handle.classList.contains("handle-empty")) return;
      const step = (event.shiftKey ? 0.1 : 0.02) * handle.offsetWidth;
      const keys = {
        ArrowLeft: (place, photo) => pan(entry, photo, place, -step, 0),
        ArrowRight: (place, photo) => pan(entry, photo, place, step, 0),
        ArrowUp: (place, photo) => pan(entry, photo, place, 0, -step),
        ArrowDown: (place, photo) => pan(entry, photo, place, 0, step),
        "+": (place) => ({ ...place, zoom: place.zoom * 1.05 }),
        "-": (place) => ({ ...place, zoom: place.zoom / 1.05 }),
        "[": (place) => ({ ...place, rotation: place.rotation - 1 }),
        "]": (place) => ({ ...place, rotation: place.rotation + 1 }),
      };
      const change = keys[event.key === "=" ? "+" : event.key];
      if (!change) return;
      event.preventDefault();
      move(entry, change);
    });
  }

  // ---- sliders beside the number fields ----

  for (const input of form.querySelectorAll(".slider > input[type=number]")) {
    const range = document.createElement("input");
    range.type = "range";
    range.dataset.of = input.id;
    range.min = input.min;
    range.max = input.name.endsWith(".zoom") ? 4 : input.max;
    range.step = input.name.endsWith(".zoom") ? 0.01 : 1;
    range.value = input.value;
    range.setAttribute("aria-label", input.labels[0].textContent.trim());
    input.before(range);
    range.addEventListener("input", () => {
      input.value = range.value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
    input.addEventListener("input", () => (range.value = input.value));
  }

  // ---- the form speaks ----

  function count(block) {
    if (block.dataset.kind !== "text") return;
    const max = Number(block.dataset.max);
    const length = [...control(block, "text").value].length;
    const counter = block.querySelector(".counter");
    counter.textContent = length > max ? say("TooLong", { over: length - max, max }) : say("Counter", { count: length, max });
    counter.classList.toggle("counter-over", length > max);
  }

  form.addEventListener("input", (event) => {
    const block = event.target.closest("[data-field]");
    if (block) {
      count(block);
      setError(block, "");
      if (block.dataset.kind === "photo") {
        drawHandles();
        showMoving(block.dataset.field);
      }
    }
    if (event.target.name === "variant_id") {
      const price = document.getElementById("price");
      if (price) price.textContent = data.variants[variant()]?.price || "";
      saveSoon(0);
    }
    changed();
  });

  function changed() {
    edits += 1;
    saveSoon(600);
    previewSoon(220);
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

  // ---- saving: one request at a time, the newest state wins, trouble is tried again ----

  let edits = 0; // how often something was changed
  let kept = 0; // how many of these the server has
  let saveTimer = 0;
  let saving = null;
  let failures = 0;

  function tell(state, key) {
    saved.dataset.saved = state;
    if (saved.textContent !== say(key)) saved.textContent = say(key);
  }

  function saveSoon(delay) {
    if (!failures) tell("busy", "Saving");
    clearTimeout(saveTimer);
    saveTimer = setTimeout(save, delay);
  }

  const body = () => JSON.stringify({ variant_id: variant(), params: readParams() });

  function request(path, method, text, more = {}) {
    return fetch(path, {
      method,
      body: text,
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      ...more,
    });
  }

  function save() {
    clearTimeout(saveTimer);
    if (saving) return saving.then(save);
    if (kept === edits) return Promise.resolve(true);
    const mine = edits;
    saving = request(address, "PUT", body())
      .then(async (response) => {
        const answer = await response.json().catch(() => ({}));
        if (response.ok) {
          failures = 0;
          kept = mine;
          tell("yes", "Saved");
          showWarnings(answer.warnings || []);
          return true;
        }
        if (response.status === 422) {
          // Trying the same again would end the same way; the next change will.
          failures = 0;
          showErrors(answer);
          tell("no", "Refused");
          return false;
        }
        if (response.status === 404) {
          tell("no", "Gone");
          return false;
        }
        if (response.status === 409) {
          location.reload();
          return false;
        }
        throw new Error(String(response.status));
      })
      .catch(() => {
        failures += 1;
        tell("no", navigator.onLine === false ? "Offline" : "Unsaved");
        saveTimer = setTimeout(save, Math.min(30000, 1000 * 2 ** failures));
        return false;
      })
      .finally(() => (saving = null));
    return saving;
  }

  window.addEventListener("online", () => kept < edits && save());

  // Leaving with something unsaved sends it along; the browser finishes it after the page is gone.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden" || kept === edits || isLeaving) return;
    const mine = edits;
    request(address, "PUT", body(), { keepalive: true }).then((response) => response.ok && (kept = Math.max(kept, mine)), () => {});
  });

  // ---- the true picture: one request at a time, only the newest is shown ----

  let previewTimer = 0;
  let drawing = false;
  let isStale = false;

  function previewSoon(delay) {
    clearTimeout(previewTimer);
    previewTimer = setTimeout(flushPreview, delay);
  }

  async function flushPreview() {
    clearTimeout(previewTimer);
    if (drawing) {
      isStale = true;
      return;
    }
    drawing = true;
    isStale = false;
    piece.dataset.busy = "true";
    const mine = edits;
    let wait = 0;
    try {
      const response = await request(`${address}/preview`, "POST", JSON.stringify({ params: readParams() }));
      const answer = await response.json();
      if (response.ok) {
        const picture = new Image();
        picture.src = answer.preview_image_url;
        await picture.decode();
        if (mine === edits || !handles.some(({ handle }) => handle.dataset.moving)) preview.src = picture.src;
        if (mine === edits) {
          hideMoving();
          showWarnings(answer.warnings || []);
        }
      } else if (response.status === 429 || response.status === 503) {
        wait = 1000 * (Number(response.headers.get("Retry-After")) || 2);
        isStale = true;
      } else if (response.status !== 422) {
        throw new Error(String(response.status));
      }
    } catch {
      // The photo under the hand stays where it was put; saving says whether the connection is gone.
      if (saved.dataset.saved === "yes") saved.textContent = say("NoPreview");
    }
    drawing = false;
    delete piece.dataset.busy;
    if (isStale || mine !== edits) previewSoon(wait);
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

  // ---- photos: by button, drop or paste, one after the other ----

  const upload = document.getElementById("upload");
  const file = document.getElementById("file");
  let target = "";
  let queue = [];
  let isUploading = false;

  function choosePhoto(field) {
    target = field;
    file.click();
  }

  function take(files, field) {
    const pictures = [...files].filter((one) => one.size > 0);
    if (!pictures.length) return;
    queue.push(...pictures.map((one, index) => ({ file: one, field: index === 0 ? field : "" })));
    if (!isUploading) uploadNext();
  }

  const isEmpty = (block) => !data.photos[picked(block, "photo_id")];

  function uploadNext() {
    const next = queue.shift();
    const bar = document.getElementById("upload-progress");
    const state = document.getElementById("upload-state");
    const error = document.getElementById("upload-error");
    const fail = (message) => {
      isUploading = false;
      bar.hidden = true;
      state.textContent = "";
      error.textContent = message;
      queue = [];
    };
    error.textContent = "";
    if (next.file.size > data.max_bytes) return fail(say("TooLarge"));
    isUploading = true;
    bar.hidden = false;
    bar.removeAttribute("value");
    state.textContent = say("Uploading");
    const sending = new XMLHttpRequest();
    const parts = new FormData();
    parts.append("file", next.file, next.file.name || "photo");
    sending.open("POST", `${address}/photos`);
    sending.setRequestHeader("Accept", "application/json");
    sending.responseType = "json";
    sending.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      bar.value = Math.round((event.loaded / event.total) * 100);
      // All bytes have gone; now the server looks at them.
      if (event.loaded === event.total) bar.removeAttribute("value");
    });
    sending.addEventListener("load", () => {
      const answer = sending.response || {};
      if (sending.status !== 201) return fail(answer.errors?.[0]?.message || answer.detail || say("UploadFailed"));
      isUploading = false;
      bar.hidden = true;
      state.textContent = say("Uploaded");
      addPhoto(answer, next.field);
      if (queue.length) uploadNext();
    });
    for (const kind of ["error", "abort", "timeout"]) sending.addEventListener(kind, () => fail(say("UploadFailed")));
    sending.send(parts);
  }

  function addPhoto(photo, field) {
    data.photos[photo.id] = photo;
    const where = (field && blockOf(field)) || photoBlocks.find(isEmpty) || (photoBlocks.length === 1 ? photoBlocks[0] : null);
    for (const block of photoBlocks) {
      const label = document.createElement("label");
      label.className = "choice thumb";
      const radio = document.createElement("input");
      radio.type = "radio";
      radio.name = `params.${block.dataset.field}.photo_id`;
      radio.value = photo.id;
      const frame = document.createElement("span");
      const image = document.createElement("img");
      image.src = photo.url;
      image.width = image.height = 72;
      image.alt = say("Photo", { number: Object.keys(data.photos).length });
      frame.append(image);
      label.append(radio, frame);
      block.querySelector("[data-thumbs]").append(label);
      if (block === where) {
        radio.checked = true;
        setPlace(block, { x: 0.5, y: 0.5, zoom: 1, rotation: 0 });
        setError(block, "");
      }
    }
    drawHandles();
    if (where) {
      showMoving(where.dataset.field);
      changed();
      flushPreview();
    }
  }

  if (upload) {
    file.multiple = photoBlocks.length > 1;
    document.getElementById("upload-button").hidden = true;

    upload.addEventListener("submit", (event) => event.preventDefault());
    file.addEventListener("change", () => {
      take(file.files, target);
      target = "";
      file.value = "";
    });
    root.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      upload.dataset.over = "true";
    });
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(event.relatedTarget)) delete upload.dataset.over;
    });
    root.addEventListener("drop", (event) => {
      delete upload.dataset.over;
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      take(event.dataTransfer.files, event.target.closest(".handle")?.dataset.field || "");
    });
    document.addEventListener("paste", (event) => {
      if (!event.clipboardData?.files.length) return;
      event.preventDefault();
      take(event.clipboardData.files, "");
    });
  }

  // ---- to the basket: nothing of an older save may arrive after it ----

  let isLeaving = false;
  form.addEventListener("submit", (event) => {
    if (isLeaving) return;
    event.preventDefault();
    const missing = blocks.find((block) => required.has(block.dataset.field) && !filled(block));
    if (missing) {
      const isPhoto = missing.dataset.kind === "photo";
      if (isPhoto) {
        document.getElementById("upload-state").textContent = "";
        document.getElementById("upload-error").textContent = say("NeededPhoto", { field: labels.get(missing.dataset.field) });
      } else setError(missing, say("Needed"));
      (isPhoto ? upload : missing).scrollIntoView({ block: "center" });
      (isPhoto ? file : missing.querySelector("input, textarea, select")).focus({ preventScroll: true });
      return;
    }
    const button = event.submitter;
    save().then((isSaved) => {
      if (!isSaved) {
        form.querySelector('[aria-invalid="true"]')?.focus();
        return;
      }
      isLeaving = true;
      // Not before this submit event has ended: a form does not submit from within its own.
      setTimeout(() => form.requestSubmit(button));
    });
  });

  function filled(block) {
    const value = readers[block.dataset.kind](block);
    if (block.dataset.kind === "photo") return !isEmpty(block);
    const text = typeof value === "object" && value ? (value.text ?? value.name) : value;
    return Boolean(text && String(text).trim());
  }

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) isLeaving = false;
  });

  blocks.forEach(count);
  drawHandles();
  const warned = document.getElementById("warning-list").children.length;
  if (warned) {
    document.getElementById("warning-count").textContent = say("LookAt", { count: warned });
    document.getElementById("warning-count").hidden = false;
  }
})();
