// Saving, the server's true picture, and the way to the basket.
(() => {
  "use strict";

  const editor = window.petstarEditor;
  if (!editor) return;
  const { data, say, form, piece, preview, saved, address, request } = editor;

  // ---- one request at a time, the newest state wins, trouble is tried again ----

  let kept = 0; // how many edits the server has
  let version = data.version;
  let sent = []; // what went out since the last good answer: it may have arrived all the same
  let other = 0; // the version somebody else made, while it is not decided whose is kept
  let saveTimer = 0;
  let saving = null;
  let failures = 0;
  let isLeaving = false;
  const conflict = document.getElementById("conflict");

  function tell(state, key) {
    saved.dataset.saved = state;
    if (saved.textContent !== say(key)) saved.textContent = say(key);
  }

  function saveSoon(delay) {
    if (other) return;
    if (!failures) tell("busy", "Saving");
    clearTimeout(saveTimer);
    saveTimer = setTimeout(save, delay);
  }

  function body() {
    const state = editor.readState();
    sent = [...sent.slice(-9), state];
    return { ...state, version };
  }

  function adopt(design) {
    version = design.version;
    sent = [];
    form.elements.version.value = version;
  }

  function save() {
    clearTimeout(saveTimer);
    if (saving) return saving.then(save);
    if (other) return Promise.resolve(false);
    if (kept === editor.edits) return Promise.resolve(true);
    const mine = editor.edits;
    saving = request(address, "PUT", body())
      .then(async (response) => {
        const answer = await response.json().catch(() => ({}));
        if (response.ok) {
          failures = 0;
          kept = Math.max(kept, mine);
          adopt(answer);
          // What was changed meanwhile has its own turn already.
          if (kept === editor.edits) tell("yes", "Saved");
          editor.showWarnings(answer.warnings || []);
          editor.showSharpness(answer.sharpness || []);
          return true;
        }
        if (response.status === 422) {
          // Trying the same again would end the same way; the next change will.
          failures = 0;
          editor.showErrors(answer);
          tell("no", "Refused");
          return false;
        }
        if (response.status === 412) {
          await look();
          if (!other) saveTimer = setTimeout(save);
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

  window.addEventListener("online", () => {
    if (kept < editor.edits) save();
    if (isBehind) flushPreview();
  });
  window.addEventListener("focus", () => isBehind && flushPreview());

  // ---- the same design on two devices: never overwrite in silence ----

  const sorted = (value) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]))
      : value;
  const isSame = (design, state) =>
    design.variant_id === state.variant_id && JSON.stringify(sorted(design.params)) === JSON.stringify(sorted(state.params));

  // Looks at what the server has. A version whose answer got lost on its way here is no stranger's.
  async function look() {
    const response = await request(address, "GET");
    if (!response.ok) throw new Error(String(response.status));
    const design = await response.json();
    // What is not saved yet will be refused if it has to be, and asked about then.
    if (design.version === version || (!saving && kept < editor.edits)) return;
    if ([...sent, editor.readState()].some((state) => isSame(design, state))) return adopt(design);
    other = design.version;
    conflict.hidden = false;
    clearTimeout(saveTimer);
    tell("no", "Conflict");
  }

  document.getElementById("keep-mine")?.addEventListener("click", () => {
    adopt({ version: other });
    other = 0;
    conflict.hidden = true;
    editor.changed("conflict");
    saveSoon(0);
    saved.scrollIntoView({ block: "nearest" });
  });

  let looked = 0;
  function lookAgain() {
    if (document.visibilityState !== "visible" || saving || other || isLeaving || Date.now() - looked < 1000) return;
    looked = Date.now();
    look().catch(() => {});
  }
  window.addEventListener("focus", lookAgain);

  // Leaving with something unsaved sends it along; the browser finishes it after the page is gone.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") return lookAgain();
    if (kept === editor.edits || other || saving || isLeaving) return;
    clearTimeout(saveTimer);
    const mine = editor.edits;
    saving = request(address, "PUT", body(), { keepalive: true })
      .then(async (response) => {
        if (!response.ok) return false;
        adopt(await response.json());
        kept = Math.max(kept, mine);
        if (kept === editor.edits) tell("yes", "Saved");
        return true;
      })
      .catch(() => false)
      .finally(() => {
        saving = null;
        if (kept < editor.edits) saveSoon(600);
      });
  });

  // ---- the true picture: one request at a time, only the newest is shown ----

  let previewTimer = 0;
  let idleTimer = 0;
  let drawing = false;
  let isStale = false;
  let isBehind = false; // what is shown is older than the form, and asking for a newer one failed
  let misses = 0; // how often in a row it failed

  function previewSoon(delay) {
    clearTimeout(previewTimer);
    previewTimer = setTimeout(flushPreview, delay);
  }

  function whenIdle() {
    clearTimeout(idleTimer);
    idleTimer = setTimeout(() => !drawing && !isStale && editor.onIdle(), 500);
  }

  async function flushPreview() {
    clearTimeout(previewTimer);
    clearTimeout(idleTimer);
    if (drawing) {
      isStale = true;
      return;
    }
    drawing = true;
    isStale = isBehind = false;
    piece.dataset.busy = "true";
    const mine = editor.edits;
    let wait = 0;
    try {
      const response = await request(`${address}/preview`, "POST", editor.readState());
      const answer = await response.json();
      if (response.ok) {
        const picture = new Image();
        picture.src = answer.preview_image_url;
        await picture.decode();
        if (saved.dataset.saved === "late") tell("yes", "Saved");
        misses = 0;
        if (mine === editor.edits || !editor.isMoving()) {
          preview.src = picture.src;
          preview.width = picture.naturalWidth;
          preview.height = picture.naturalHeight;
          // The moving layers stay until this very element can show the picture, so that nothing flickers between them.
          await preview.decode().catch(() => {});
          editor.layFrames();
        }
        if (mine === editor.edits) {
          editor.hideMoving();
          editor.showWarnings(answer.warnings || []);
          editor.showSharpness(answer.sharpness || []);
        }
      } else if (response.status === 429 || response.status === 503) {
        wait = 1000 * (Number(response.headers.get("Retry-After")) || 2);
        isStale = true;
      } else if (response.status >= 500) {
        throw new Error(String(response.status));
      } else if (response.status !== 422) {
        sayNoPreview();
      }
    } catch {
      isBehind = true;
      misses += 1;
      wait = Math.min(30000, 1000 * 2 ** misses);
      sayNoPreview();
    }
    drawing = false;
    delete piece.dataset.busy;
    if (isStale || isBehind || mine !== editor.edits) previewSoon(wait);
    else whenIdle();
  }

  // The photo under the hand stays where it was put; saving says whether the connection is gone.
  function sayNoPreview() {
    if (saved.dataset.saved === "yes") tell("late", "NoPreview");
  }

  editor.flushPreview = flushPreview;
  editor.onChange((source) => {
    saveSoon(source === "variant_id" ? 0 : 600);
    previewSoon(220);
  });

  // ---- to the basket and other pages: they show what was saved, and nothing of an older save may arrive after them ----

  function submitSaved({ target, submitter }) {
    save().then((isSaved) => {
      if (!isSaved) {
        form.querySelector('[aria-invalid="true"]')?.focus();
        return;
      }
      isLeaving = true;
      // Not before this submit event has ended: a form does not submit from within its own.
      setTimeout(() => target.requestSubmit(submitter));
    });
  }

  for (const tool of editor.root.querySelectorAll(".tools form")) {
    tool.addEventListener("submit", (event) => {
      if (isLeaving) return;
      event.preventDefault();
      submitSaved(event);
    });
  }

  const required = new Set(data.fields.filter((field) => field.required).map((field) => field.id));

  form.addEventListener("submit", (event) => {
    if (isLeaving) return;
    event.preventDefault();
    const missing = editor.blocks.find((block) => required.has(block.dataset.field) && !filled(block));
    if (missing) {
      const isPhoto = missing.dataset.kind === "photo";
      const upload = document.getElementById("upload");
      if (isPhoto) {
        document.getElementById("upload-state").textContent = "";
        document.getElementById("upload-error").textContent = say("NeededPhoto", { field: editor.labels.get(missing.dataset.field) });
      } else editor.setError(missing, say("Needed"));
      (isPhoto ? upload : missing).scrollIntoView({ block: "center" });
      (isPhoto ? document.getElementById("file") : missing.querySelector("input, textarea, select")).focus({ preventScroll: true });
      return;
    }
    submitSaved(event);
  });

  function filled(block) {
    const value = editor.read(block);
    if (block.dataset.kind === "photo") return !editor.isEmpty(block);
    const text = typeof value === "object" && value ? (value.text ?? value.name) : value;
    // As the server has it: what nobody would see fills nothing.
    return /[^\s\p{Default_Ignorable_Code_Point}\u2800]/u.test(text ?? "");
  }

  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    isLeaving = false;
    lookAgain();
  });

  whenIdle();
})();
