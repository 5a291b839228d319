// Places: towns by name while one types; any other place by its degrees.
(() => {
  "use strict";

  const editor = window.petstarEditor;
  if (!editor) return;
  const { control, say } = editor;

  function choose(block, place) {
    for (const part of ["name", "lat", "lon"]) control(block, part).value = place[part];
    block.dispatchEvent(new CustomEvent("written", { bubbles: true }));
    show(block, [], "");
    editor.setError(block, "");
    editor.changed(`params.${block.dataset.field}`);
    control(block, "name").focus();
  }

  function button(block, place) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "town";
    const country = document.createElement("span");
    country.className = "muted";
    country.textContent = place.country;
    button.append(place.name, " ", country);
    button.addEventListener("click", () => choose(block, place));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }

  function show(block, places, text) {
    const list = block.querySelector("[data-towns]");
    list.replaceChildren(...places.map((place) => button(block, place)));
    list.hidden = places.length === 0;
    block.querySelector("[data-found]").textContent = text;
  }

  for (const block of editor.blocks.filter((block) => block.dataset.kind === "place")) {
    const [name, lat, lon] = ["name", "lat", "lon"].map((part) => control(block, part));
    let timer = 0;
    let asked = 0;

    // The name the degrees belong to. They leave with it, so that no other town stands under this one's sky, and come back with it.
    // Degrees given before any name take the first one.
    let known = null;
    const bind = () => {
      const town = name.value.trim();
      if (lat.value || lon.value) known = town && { town, lat: lat.value, lon: lon.value };
    };
    const unbind = (town) => {
      if (!known) return;
      const isBack = town === known.town;
      lat.value = isBack ? known.lat : "";
      lon.value = isBack ? known.lon : "";
    };
    bind();
    // Only a form without a script has to be told what the degrees were.
    control(block, "was").remove();
    for (const input of [lat, lon]) input.addEventListener("input", bind);
    name.addEventListener("change", bind);
    block.addEventListener("written", bind);

    // Before the form hears of it and saves.
    name.addEventListener("input", () => {
      const query = name.value.trim();
      unbind(query);
      const mine = (asked += 1);
      clearTimeout(timer);
      if (!query) {
        show(block, [], "");
        return;
      }
      timer = setTimeout(async () => {
        try {
          const answer = await editor.request(`/places?limit=6&q=${encodeURIComponent(query)}`, "GET");
          const { items } = await answer.json();
          if (mine !== asked || !answer.ok) return;
          const [same, another] = items.filter((item) => item.name.toLowerCase() === query.toLowerCase());
          // A name that only one town has needs no choice.
          if (same && !another && !lat.value && !lon.value) {
            [lat.value, lon.value] = [same.lat, same.lon];
            bind();
            editor.setError(block, "");
            editor.changed(name.name);
          }
          // Whoever only calls the same place by another name says so.
          const own = known && !lat.value && !lon.value ? [{ name: query, lat: known.lat, lon: known.lon, country: say("PlaceOf", known) }] : [];
          show(block, [...items, ...own], items.length ? say("PlacesSome", { count: items.length }) : say("PlacesNone"));
        } catch {
          // The degrees below can be filled in without any list.
        }
      }, 180);
    });
  }
})();
