// The other view of the piece: where it will live. Reads the form as it stands and asks for a new picture when the flat one has
// changed, but only while somebody looks. Without this script the link alone shows what was saved last.
(() => {
  "use strict";

  const link = document.getElementById("view-switch");
  const scene = document.getElementById("scene");
  const piece = document.getElementById("piece");
  const preview = document.getElementById("preview");
  const form = document.getElementById("design");
  if (!link || !scene || !form) return;
  const address = new URL(link.href).pathname;
  const isLocked = form.querySelector("fieldset").disabled;
  let isStale = false;
  let isAsking = false;
  let misses = 0; // how often in a row it failed
  let timer = 0;

  function show(inUse) {
    // What the page came with shows another design by now, and is not drawn any more. A picture that was seen stays until the new one.
    if (inUse && isStale && !scene.naturalWidth) scene.removeAttribute("src");
    scene.hidden = !inUse;
    piece.hidden = inUse;
    link.title = inUse ? link.dataset.flat : link.dataset.inUse;
    link.querySelector("span").textContent = link.title;
    link.href = inUse ? address : `${address}?view=mockup`;
    history.replaceState(history.state, "", inUse ? `${address}?view=mockup` : address);
    if (inUse && isStale) ask();
  }

  function changed() {
    if (isLocked) return;
    isStale = true;
    if (scene.hidden) return;
    clearTimeout(timer);
    timer = setTimeout(ask, 150);
  }

  async function ask() {
    clearTimeout(timer);
    if (isAsking || scene.hidden) return;
    isAsking = true;
    isStale = false;
    scene.dataset.busy = "true";
    let wait = 0;
    let isRefused = false;
    try {
      const response = await fetch(`${address}/preview?view=mockup`, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: "application/json" },
      });
      if (response.ok) {
        const picture = new Image();
        picture.src = (await response.json()).preview_image_url;
        await picture.decode();
        scene.src = picture.src;
        misses = 0;
      } else if (response.status === 429 || response.status >= 500) {
        throw response;
      } else {
        // Asking for the same again would end the same way; the next change, or the next look, asks anew.
        isRefused = !isStale;
        isStale = true;
      }
    } catch (trouble) {
      // The last picture stays meanwhile.
      isStale = true;
      misses += 1;
      wait = 1000 * (Number(trouble.headers?.get("Retry-After")) || Math.min(30, 2 ** misses));
    }
    isAsking = false;
    delete scene.dataset.busy;
    if (isStale && !isRefused) timer = setTimeout(ask, wait);
  }

  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    show(scene.hidden);
  });
  // The flat picture is new whenever the design is; sizes change the scene alone, and writing shows at once.
  new MutationObserver(changed).observe(preview, { attributes: true, attributeFilter: ["src"] });
  form.addEventListener("change", (event) => event.target.name === "variant_id" && changed());
})();
